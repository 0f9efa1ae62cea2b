"""The public keys of another token issuer, fetched once in a while."""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

from shelfcast.domain.errors import SourceDown

KEEP_SECONDS = 300.0
TIMEOUT_SECONDS = 5.0


class RemoteKeys:
    """A JWKS behind a URL, kept for some minutes; while the issuer doesn't answer the keys known last stay good."""

    def __init__(self, url: str, *, keep_seconds: float = KEEP_SECONDS) -> None:
        self.url, self._keep = url, keep_seconds
        self._keys: Mapping[str, Any] | None = None
        self._fetched = 0.0
        self._lock = threading.Lock()

    def get(self) -> Mapping[str, Any]:
        """
        Raises:
            SourceDown: the issuer doesn't answer and never has.
        """
        with self._lock:
            if self._keys is None or time.monotonic() - self._fetched > self._keep:
                try:
                    self._keys = self._fetch()
                except (OSError, ValueError) as error:
                    if self._keys is None:
                        raise SourceDown(
                            f"the keys of the token issuer can't be read from {self.url}: {error}. Check token_keys_url, "
                            "and that this machine may reach it."
                        ) from error
                self._fetched = time.monotonic()
            return self._keys

    def _fetch(self) -> Mapping[str, Any]:
        if not self.url.startswith(("https://", "http://127.0.0.1", "http://localhost")):
            raise ValueError("only https is allowed (http on loopback)")
        with urllib.request.urlopen(self.url, timeout=TIMEOUT_SECONDS) as answer:
            body = json.load(answer)
        if not isinstance(body, dict) or not isinstance(body.get("keys"), list):
            raise ValueError("what came is no JWKS")
        return body
