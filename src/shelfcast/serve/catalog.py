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


@dataclass(frozen=True)
class Details:
    """One table: what it is, and some of its rows as they are or were."""

    description: Description
    rows: pl.DataFrame
    rows_then: int
    """Rows at the snapshot read."""


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
    shown = then.head(rows).collect() if rows else table.empty()
    return Details(describe(platform.tables, table), shown, then.select(pl.len()).collect().item())
