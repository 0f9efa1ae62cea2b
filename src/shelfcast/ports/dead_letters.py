"""Work that was given up after its retries, kept to be tried again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Letter:
    """A piece of work that was tried again. `problem` is empty where it went well."""

    part: str
    about: str
    problem: str = ""


class DeadLetters(Protocol):
    def waiting(self) -> int:
        """How many wait, about."""
        ...

    def replay(self) -> Iterator[Letter]:
        """Try each once more, one after the other; what goes well leaves the queue, the rest stays."""
        ...
