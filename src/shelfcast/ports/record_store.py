"""Small records that change and are queried: runs, jobs, overrides, approvals, users, audit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class Record:
    """`version` starts at 1 and grows by 1 with each put."""

    kind: str
    record_id: str
    version: int
    body: Mapping[str, Any]


class RecordStore(Protocol):
    """Bodies are JSON objects. Every put is atomic."""

    def put(self, kind: str, record_id: str, body: Mapping[str, Any], *, expected: int | None = None) -> Record:
        """Write a record. `expected` is the version read before (0: must not exist); None overwrites.

        Raises:
            Conflict: another version stands.
        """
        ...

    def get(self, kind: str, record_id: str) -> Record:
        """
        Raises:
            NotFound: no such record.
        """
        ...

    def query(self, kind: str, *, where: Mapping[str, Any] | None = None, prefix: str = "") -> list[Record]:
        """Records of a kind whose id starts with `prefix` and whose top-level fields equal `where`, sorted by id."""
        ...

    def delete(self, kind: str, record_id: str) -> None:
        """Remove; a missing record is no error."""
        ...
