"""One request to a server outside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True)
class Answer:
    """What came back, whatever the status. Header names are in lower case."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class HttpClient(Protocol):
    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        timeout_seconds: float = 20.0,
    ) -> Answer:
        """Send a request and read the whole answer. Redirects are not followed.

        Raises:
            SourceDown: no answer, or half of one.
            BadParameter: the address can't be used.
        """
        ...
