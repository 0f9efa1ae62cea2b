"""Tells people: by mail, to a chat or another system, by a topic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from shelfcast.domain.findings import Severity


@dataclass(frozen=True)
class Notice:
    """One message about one or many alerts."""

    notice_id: str
    """Always the same for the same message, so that a receiver can tell that it got it twice."""
    title: str
    text: str
    """Plain text, complete in itself."""
    severity: Severity = "warning"
    link: str = ""
    """Where to look, whole, where the app's address is known."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """The same for machines, as JSON."""


class Notifier(Protocol):
    def send(self, notice: Notice) -> str:
        """Tell them. What the other side said against it though it took it (some addresses refused), empty where nothing.

        Raises:
            SourceDown: it wasn't taken; a retry is sensible.
            BadParameter: it never will be like this: an address, a password, a certificate. The message says which.
        """
        ...
