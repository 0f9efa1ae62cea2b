"""Where canonical tables live."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol, TypeAlias

import polars as pl

from shelfcast.domain.slices import Slice
from shelfcast.domain.tables import Table


@dataclass(frozen=True)
class Snapshot:
    """One committed state of a table. `notes` hold what the writer said of it (run id, fingerprint...)."""

    snapshot_id: int
    committed_at: datetime
    operation: str
    rows: int
    notes: Mapping[str, str] = field(default_factory=dict)


Notes: TypeAlias = Mapping[str, str] | Callable[[Snapshot | None], Mapping[str, str]]
"""What a writer says of its commit: words, or a function of the snapshot the commit is built on (None: the first). It is
called when the rows have been taken in, and again if another writer's commit came in between."""


def spell(notes: Notes | None, parent: Snapshot | None) -> dict[str, str]:
    """The words of notes on top of a snapshot."""
    return dict(notes(parent) if callable(notes) else notes or {})


@dataclass(frozen=True)
class TableState:
    """What is there now. `snapshots` oldest first; empty for a table never written."""

    rows: int
    files: int
    bytes: int
    snapshots: Sequence[Snapshot]

    @property
    def current(self) -> Snapshot | None:
        return self.snapshots[-1] if self.snapshots else None


@dataclass(frozen=True)
class Maintenance:
    """What a maintenance run did."""

    files_before: int
    files_after: int
    bytes_before: int
    bytes_after: int
    snapshots_expired: int


class TableStore(Protocol):
    """Four primitives; merge, vintages and idempotent loads are built on them in `lake`."""

    def scan(self, table: Table, snapshot_id: int | None = None) -> pl.LazyFrame:
        """Rows of the table, now or at a snapshot, with exactly the declared columns; filters are pushed down.

        Raises:
            NotFound: no such snapshot. A table never written is empty, not an error.
        """
        ...

    def replace(
        self,
        table: Table,
        rows: pl.DataFrame | Iterable[pl.DataFrame],
        where: Slice | None,
        *,
        expected: int | None = None,
        notes: Notes | None = None,
    ) -> Snapshot:
        """In one commit delete the rows of the slice and add `rows` (`where=None` deletes nothing: append).

        `expected` is the snapshot the caller read (0 for a table never written); None means whatever is current.

        Raises:
            Conflict: the table has moved on from `expected`. Nothing was written.
        """
        ...

    def state(self, table: Table) -> TableState:
        """Rows, files, bytes and snapshots."""
        ...

    def maintain(self, table: Table, *, keep: int, grace: timedelta) -> Maintenance:
        """Join small files, expire all but the last `keep` snapshots, delete files no kept snapshot refers to
        that are older than `grace`."""
        ...
