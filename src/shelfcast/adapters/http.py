"""`HttpClient` on the standard library: no connection is shared, no redirect is followed."""

from __future__ import annotations

import http.client
import re
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

from shelfcast.domain.errors import BadParameter, SourceDown
from shelfcast.ports.http_client import Answer

MAX_BYTES = 256 * 2**20
AGENT = "shelfcast"


class _StayHere(urllib.request.HTTPRedirectHandler):
    """A redirect could carry a key or an order to another host: the answer is given back as it is."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


class StandardHttp:
    """`HttpClient`; `http` to other machines is refused unless allowed, since keys and orders travel in clear there."""

    def __init__(self, *, allow_plain: bool = False) -> None:
        self._allow_plain = allow_plain
        self._opener = urllib.request.build_opener(_StayHere)

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        timeout_seconds: float = 20.0,
    ) -> Answer:
        self._check(url)
        sent = {"User-Agent": AGENT, **(headers or {})}
        try:
            asked = urllib.request.Request(url, data=body, headers=sent, method=method)
            try:
                with self._opener.open(asked, timeout=timeout_seconds) as answer:
                    return _read(answer, url)
            except urllib.error.HTTPError as error:
                with error:
                    return _read(error, url)
        except http.client.InvalidURL as error:
            raise BadParameter(f"address {shown(url)} can't be used: {error}.") from error
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", None) or error
            raise SourceDown(
                f"{shown(url)} doesn't answer: {type(error).__name__} {reason}. Check the address and the network; it is "
                "tried again."
            ) from error

    def _check(self, url: str) -> None:
        safe = url.startswith("https://") or re.match(r"http://(127\.\d+\.\d+\.\d+|localhost|\[::1\])([:/?]|$)", url)
        if not (safe or (self._allow_plain and url.startswith("http://"))):
            raise BadParameter(f"address {shown(url)} is not https; plain http is allowed on this machine only.")


def shown(url: str) -> str:
    """The address without its query and password, for messages and records: keys stand there.

    >>> shown("https://me:pw@api.example.org/v1/x?api_key=secret")
    'https://api.example.org/v1/x'
    """
    return re.sub(r"//[^/@]*@", "//", url.split("?")[0])


def _read(answer: Any, url: str) -> Answer:
    body = answer.read(MAX_BYTES + 1)
    if len(body) > MAX_BYTES:
        raise SourceDown(f"{shown(url)} sent more than {MAX_BYTES:,} bytes; the answer was not used.")
    length = answer.headers.get("Content-Length")
    if length is not None and length.isdigit() and len(body) < int(length) and answer.status != 304:
        raise SourceDown(f"{shown(url)} broke off after {len(body):,} of {length} bytes.")
    return Answer(answer.status, body, {name.lower(): value for name, value in answer.headers.items()})
