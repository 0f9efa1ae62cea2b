"""Keep the lake small: forget what nobody asks for any more, join files, expire snapshots, delete what nothing refers to.

What came in from outside is kept for ever; of what was made each night so many nights are.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

import polars as pl

from shelfcast.domain.slices import Condition, Slice
from shelfcast.domain.tables import TABLES, Table, monitoring, results
from shelfcast.lake.replace import replace
from shelfcast.ports.platform import Platform
from shelfcast.ports.table_store import Maintenance

KEEP_NIGHTS = 400
"""A year and a bit: each night can be held against the same season a year before."""
DETAIL_NIGHTS = 62
"""Of what only explains a night: nobody asks for the drivers of a forecast two months later."""
NIGHTLY: Mapping[str, str] = {
    results.FORECASTS.name: "cutoff", results.ORDER_LINES.name: "cutoff", results.EXCEPTIONS.name: "cutoff",
    monitoring.MONITOR_MEASURES.name: "date", monitoring.SYSTEM_MEASURES.name: "date",
}  # fmt: skip
"""Tables that grow by as much each night, and the column that says which night."""
DETAIL: Mapping[str, str] = {results.WINDOW_DEMAND.name: "cutoff", results.EXPLANATIONS.name: "cutoff"}


def forget_nights(platform: Platform, keep_nights: int = KEEP_NIGHTS) -> dict[str, int]:
    """Delete nights older than so many days before each table's newest; rows that went, by table."""
    gone = {}
    for names, kept in ((NIGHTLY, keep_nights), (DETAIL, min(DETAIL_NIGHTS, keep_nights))):
        for name, column in names.items():
            if rows := _forget(platform, TABLES[name], column, kept):
                gone[name] = rows
    return gone


def _forget(platform: Platform, table: Table, column: str, nights: int) -> int:
    newest: date | None = platform.tables.scan(table).select(pl.col(column).max()).collect().item()
    if newest is None:
        return 0
    old = Slice((Condition(column, "<", newest - timedelta(days=nights)),))
    rows = int(platform.tables.scan(table).filter(old.to_polars()).select(pl.len()).collect().item())
    if rows:
        replace(platform.tables, table, table.empty(), old)
    return rows


def maintain_lake(
    platform: Platform, *, keep: int, grace_hours: float, keep_nights: int = KEEP_NIGHTS
) -> dict[str, Maintenance]:
    """Maintain every table that has been written; what was done, by table."""
    if forgotten := forget_nights(platform, keep_nights):
        said = ", ".join(f"{rows:,} rows of {name}" for name, rows in forgotten.items())
        platform.progress.done("Forgetting old nights", said)
    written = [table for table in TABLES.values() if platform.tables.state(table).snapshots]
    platform.progress.start("Maintaining the lake", len(written))
    done = {}
    for table in written:
        done[table.name] = platform.tables.maintain(table, keep=keep, grace=timedelta(hours=grace_hours))
        platform.progress.advance("Maintaining the lake")
    freed = sum(one.bytes_before - one.bytes_after for one in done.values())
    platform.progress.done("Maintaining the lake", f"{freed / 1e6:,.1f} MB freed")
    return done
