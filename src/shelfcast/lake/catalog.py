"""The catalog people look at: what each table is, how much there is, how fresh it is, and how it was at a moment."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import polars as pl

from shelfcast.domain.errors import BadParameter, NotFound
from shelfcast.domain.tables import TABLES, Column, Table
from shelfcast.lake.known_at import period_column
from shelfcast.ports.table_store import Snapshot, TableStore


@dataclass(frozen=True)
class Description:
    """A table as it stands. Freshness is None for a table never written, or without such a column."""

    name: str
    zone: str
    kind: str
    meaning: str
    key: Sequence[str]
    columns: Sequence[Column]
    rows: int
    files: int
    bytes: int
    snapshots: Sequence[Snapshot]
    latest_period: date | datetime | None = None
    latest_known_at: datetime | None = None
    latest_commit: datetime | None = None


def describe(tables: TableStore, table: Table) -> Description:
    """What is there of a table."""
    state = tables.state(table)
    period = period_column(table)
    wanted = {"latest_period": period.name if period else "", "latest_known_at": "known_at"}
    there = {label: name for label, name in wanted.items() if name in table.names}
    fresh: dict[str, date | datetime | None] = {}
    if state.rows and there:
        latest = tables.scan(table).select(pl.col(name).max().alias(label) for label, name in there.items())
        fresh = latest.collect(engine="streaming").row(0, named=True)
    known = fresh.get("latest_known_at")
    return Description(
        name=table.name,
        zone=table.zone.value,
        kind=table.kind.value,
        meaning=table.meaning,
        key=table.key,
        columns=table.columns,
        rows=state.rows,
        files=state.files,
        bytes=state.bytes,
        snapshots=state.snapshots,
        latest_period=fresh.get("latest_period"),
        latest_known_at=known if isinstance(known, datetime) else None,
        latest_commit=state.current.committed_at if state.current is not None else None,
    )


def describe_all(tables: TableStore, which: Iterable[Table] | None = None) -> list[Description]:
    """Every declared table, in the order of declaration."""
    return [describe(tables, table) for table in (TABLES.values() if which is None else which)]


def snapshot_at(tables: TableStore, table: Table, moment: datetime) -> Snapshot:
    """The snapshot that was current at a moment.

    Raises:
        BadParameter: the moment has no zone.
        NotFound: nothing kept is that old.
    """
    if moment.tzinfo is None:
        raise BadParameter(f"moment {moment} has no time zone; give one, such as UTC.")
    snapshots = tables.state(table).snapshots
    before = [one for one in snapshots if one.committed_at <= moment]
    if not before:
        oldest = (
            f"the oldest kept is of {snapshots[0].committed_at:%Y-%m-%d %H:%M:%S %Z}"
            if snapshots
            else "it was never written"
        )
        raise NotFound(f"table {table.name} has no snapshot of {moment:%Y-%m-%d %H:%M:%S %Z} or before: {oldest}.")
    return before[-1]


def read_at(
    tables: TableStore, table: Table, *, snapshot_id: int | None = None, moment: datetime | None = None
) -> pl.LazyFrame:
    """Time travel for operators: every stored row as the table was. (What was *known* at a moment: `as_of`.)

    Raises:
        BadParameter: both a snapshot and a moment are given.
        NotFound: no such snapshot is kept.
    """
    if snapshot_id is not None and moment is not None:
        raise BadParameter("a snapshot and a moment are given to read a table at: give one of them.")
    if moment is not None:
        snapshot_id = snapshot_at(tables, table, moment).snapshot_id
    return tables.scan(table, snapshot_id)
