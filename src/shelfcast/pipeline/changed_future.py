"""The lake with another known future: rows of a scenario laid over its tables. Nothing is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

import polars as pl

from shelfcast.domain.errors import Conflict
from shelfcast.domain.slices import Slice
from shelfcast.domain.tables import Kind, Table
from shelfcast.ports.table_store import Maintenance, Notes, Snapshot, TableState, TableStore


@dataclass(frozen=True)
class ChangedTables:
    """A `TableStore` to read: tables of the lake with rows laid over them, newer vintages of the same keys."""

    base: TableStore
    rows: Mapping[str, pl.DataFrame]
    """Table -> rows with its declared columns."""

    def scan(self, table: Table, snapshot_id: int | None = None) -> pl.LazyFrame:
        stored = self.base.scan(table, snapshot_id)
        mine = self.rows.get(table.name)
        if mine is None or not mine.height:
            return stored
        key = list(table.key)
        if table.kind is Kind.VINTAGE:
            # A plan the lake learnt at the same moment or later would win over the scenario's: it is left out.
            late = stored.filter(pl.col("known_at") >= mine["known_at"].min()).join(
                mine.lazy().select(key).unique(), on=key, how="semi"
            )
            stored = stored.join(late.select(*key, "known_at"), on=[*key, "known_at"], how="anti")
        else:
            stored = stored.join(mine.lazy().select(key).unique(), on=key, how="anti")
        return pl.concat([stored, table.conform(mine).lazy()])

    def replace(
        self,
        table: Table,
        rows: pl.DataFrame | Iterable[pl.DataFrame],  # noqa: ARG002
        where: Slice | None,  # noqa: ARG002
        *,
        expected: int | None = None,  # noqa: ARG002
        notes: Notes | None = None,  # noqa: ARG002
    ) -> Snapshot:
        raise Conflict(f"table {table.name} of a scenario can only be read.")

    def state(self, table: Table) -> TableState:
        return self.base.state(table)

    def maintain(self, table: Table, *, keep: int, grace: timedelta) -> Maintenance:  # noqa: ARG002
        raise Conflict(f"table {table.name} of a scenario can only be read.")
