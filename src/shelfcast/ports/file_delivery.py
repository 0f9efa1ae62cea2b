"""Takes files to somebody else's system, whole or not at all, and fetches what it has for us."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Receipt:
    """A file that arrived. `resumed_from`: bytes that were there already from a try that broke off."""

    where: str
    sha256: str
    size: int
    resumed_from: int = 0
    already_there: bool = False
    answer: bytes = b""
    """What the other side said at once, where it can."""


class FileDelivery(Protocol):
    def deliver(self, name: str, data: bytes) -> Receipt:
        """Take a file there. The same file again changes nothing.

        Raises:
            SourceDown: it did not arrive; try again.
            BadParameter: the other side is not who it should be, or refuses us.
            Conflict: another file of that name is there.
        """
        ...

    def collect(self) -> list[tuple[str, bytes]]:
        """Files the other side has for us (acknowledgements), by name. They stay there until `done`.

        Raises:
            SourceDown, BadParameter: as above.
        """
        ...

    def done(self, name: str) -> None:
        """A collected file is worked on: it is put aside over there."""
        ...
