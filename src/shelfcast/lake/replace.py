"""Replace a slice of a table, keeping its fingerprint: how results are written."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from shelfcast.domain.slices import Slice
from shelfcast.domain.tables import Table
from shelfcast.lake.fingerprint import Tally, tracked
from shelfcast.ports.table_store import Notes, Snapshot, TableStore


def replace(
    tables: TableStore,
    table: Table,
    rows: pl.DataFrame | Iterable[pl.DataFrame],
    where: Slice | None,
    *,
    notes: Notes | None = None,
) -> Snapshot:
    """In one commit delete the slice and add the rows (`where=None`: append). A stream of frames is never held whole.

    Use it instead of the port's own `replace`, so that the steps that read the table get its fingerprint for nothing.
    """
    tally = Tally(table)
    frames = [rows] if isinstance(rows, pl.DataFrame) else rows
    watched = tally.watch(frames)
    # A frame given whole is written whole (one file a partition); a stream stays one.
    given = next(watched, table.empty()) if isinstance(rows, pl.DataFrame) else watched
    return tables.replace(table, given, where, notes=tracked(tables, table, tally, where, notes))
