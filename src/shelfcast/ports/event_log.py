"""Where till events wait between the till and the curated tables: written once, read as often as need be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Protocol


class EventLog(Protocol):
    """An append-only log of batches. A batch that was appended is never changed or lost; its name sorts by hour."""

    def append(self, data: bytes, *, at: datetime, name: str = "") -> str:
        """Keep a batch; its name. A batch of the same name and hour that is there already stays as it is.

        Args:
            data: lines of JSON as `sources.pos_events` writes them.
            at: when it was received, with zone.
            name: of a batch that may be delivered twice (shard and sequence numbers); else it is named by its content.
        """
        ...

    def pending(self, now: datetime, *, everything: bool = False) -> list[str]:
        """Batches nobody has marked as taken, in the order of their names. `everything` looks through all hours there
        ever were, not only those still open."""
        ...

    def read(self, name: str) -> bytes:
        """
        Raises:
            NotFound: no such batch.
        """
        ...

    def mark_taken(self, names: Iterable[str], now: datetime) -> None:
        """These batches are in the curated tables. Marking twice is no error."""
        ...

    def bury(self, letters: bytes, *, at: datetime) -> str:
        """Keep events that can't be used, with their reasons; the dead letter's name."""
        ...

    def dead_letters(self) -> Iterator[tuple[str, bytes]]:
        """Every dead letter, name and content, the oldest first."""
        ...

    def settle(self, name: str) -> None:
        """Take a dead letter away: everything in it was sent again."""
        ...
