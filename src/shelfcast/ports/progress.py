"""Tells whoever waits how far long work is."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    def start(self, task: str, total: float | None = None) -> None:
        """A task begins; `total` in whatever unit `advance` counts, None if it can't be known."""
        ...

    def advance(self, task: str, amount: float = 1) -> None: ...

    def done(self, task: str, message: str = "") -> None: ...


class Silent:
    """Says nothing."""

    def start(self, task: str, total: float | None = None) -> None:
        pass

    def advance(self, task: str, amount: float = 1) -> None:
        pass

    def done(self, task: str, message: str = "") -> None:
        pass
