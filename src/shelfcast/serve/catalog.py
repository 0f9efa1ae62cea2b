"""What `tables` and the API show of the lake: schema, rows, size, snapshots, freshness, time travel."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import polars as pl

from shelfcast.domain.tables import Table
from shelfcast.domain.tables import table as declared
from shelfcast.lake.catalog import Description, describe, describe_all, read_at
from shelfcast.ports.platform import Platform
from shelfcast.serve.runs import KIND as RUNS


@dataclass(frozen=True)
class Details:
    """One table: what it is, and some of its rows as they are or were."""

    description: Description
    rows: pl.DataFrame
    rows_then: int
    """Rows at the snapshot read; of `run_id` alone where that is set."""
    run_id: str = ""
    """The run whose rows these are: the newest of several in a table that keeps the results of each."""
    runs: int = 0
    """Runs the table holds."""


def overview(platform: Platform) -> list[dict[str, Any]]:
    """Every table that has been written: rows, size, freshness."""
    return [_brief(one) for one in describe_all(platform.tables) if one.snapshots]


def brief(platform: Platform, table: Table) -> dict[str, Any]:
    """One table, briefly."""
    return _brief(describe(platform.tables, table))


def _brief(one: Description) -> dict[str, Any]:
    return {
        "table": one.name, "zone": one.zone, "kind": one.kind, "meaning": one.meaning, "rows": one.rows, "files": one.files,
        "bytes": one.bytes, "snapshots": len(one.snapshots),
        "latest_period": one.latest_period.isoformat() if one.latest_period else None,
        "latest_known_at": one.latest_known_at.isoformat() if one.latest_known_at else None,
        "latest_commit": one.latest_commit.isoformat() if one.latest_commit else None,
    }  # fmt: skip


def details(
    platform: Platform, name: str, *, rows: int = 5, snapshot_id: int | None = None, moment: datetime | None = None
) -> Details:
    """One table, with some rows as they are now, at a snapshot, or at a moment (UTC where it has no zone).

    Raises:
        NotFound: no such table or snapshot.
        BadParameter: both a snapshot and a moment.
    """
    table = declared(name)
    if moment is not None and moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    then = read_at(platform.tables, table, snapshot_id=snapshot_id, moment=moment)
    held = _runs_in(platform, table, then)
    newest = held[0] if held else ""
    if newest:
        then = then.filter(pl.col("run_id") == newest)
    shown = then.head(rows).collect() if rows else table.empty()
    return Details(
        describe(platform.tables, table), shown, then.select(pl.len()).collect().item(), newest, len(held)
    )  # fmt: skip


def _runs_in(platform: Platform, table: Table, rows: pl.LazyFrame) -> list[str]:
    """Runs with rows in a table keyed by its run, the newest first; empty for other tables."""
    if "run_id" not in table.key:
        return []
    held = rows.select(pl.col("run_id").drop_nulls().unique()).collect()["run_id"].to_list()
    began = {one.record_id: str(one.body.get("started_at", "")) for one in platform.records.query(RUNS)}
    return sorted(held, key=lambda one: (began.get(one, ""), one), reverse=True)
