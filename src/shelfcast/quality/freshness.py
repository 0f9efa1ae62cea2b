"""How new the newest rows are, against the cutoff."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl

from shelfcast.domain.tables import Table
from shelfcast.quality.anomaly_context import Calendar
from shelfcast.quality.findings import Finding, counting, listed
from shelfcast.quality.rule_book import RULES

LOCATION_DAYS = 3
"""Days without a row after which a location that sent daily is called silent."""
LATELY = timedelta(days=56)
"""A location silent for longer than this has closed, and is no news."""


def check_freshness(rows: pl.LazyFrame, table: Table, calendar: Calendar) -> list[Finding]:
    """Newest row of a table with dated facts; and facts dated after the cutoff, which this run doesn't use."""
    day = table.partition
    if day is None:
        return []
    newest, total, after = (
        rows.select(
            pl.col(day).filter(pl.col(day) <= calendar.cutoff).max().alias("newest"),
            pl.len().alias("rows"),
            (pl.col(day) > calendar.cutoff).sum().alias("after"),
        )
        .collect(engine="streaming")
        .row(0)
    )
    if not total or newest is None:
        return []
    late = (calendar.cutoff - newest).days
    stale = late >= calendar.step
    message = (
        f"The newest row of {table.name} is of {newest:%a %d %b %Y}, {counting(late, 'day')} before the cutoff."
        f" {RULES['stale'].cure}"
        if stale
        else f"{table.name} reaches the cutoff ({newest:%a %d %b %Y})."
    )
    found = [Finding(table.name, "stale", day, total, int(stale), message)]
    if after:
        said = f"{counting(after, 'row')} of {table.name} are dated after the cutoff {calendar.cutoff}."
        found.append(Finding(table.name, "after_cutoff", day, total, after, f"{said} {RULES['after_cutoff'].cure}"))
    return found


def check_locations_alive(totals: pl.DataFrame, calendar: Calendar) -> list[Finding]:
    """Locations that sold until lately and have stopped sending. `totals` as of `day_totals`."""
    if totals.is_empty():
        return []
    last = (
        totals.group_by("location_id")
        .agg(pl.col("date").max(), pl.col("date").n_unique().alias("days"))
        .sort("location_id")
    )
    newest: date = last["date"].max()  # type: ignore[assignment]
    limit = max(LOCATION_DAYS, 2 * calendar.step)
    # Measured from the newest row of all: when everything is late, `stale` says so, not each location.
    silent = last.filter(
        ((pl.lit(newest) - pl.col("date")).dt.total_days() >= limit)
        & (pl.col("date") >= newest - LATELY)
        & (pl.col("days") >= 14)
    )
    names = [f"{one['location_id']} (last {one['date']:%d %b})" for one in silent.iter_rows(named=True)]
    message = (
        f"{counting(silent.height, 'location')} stopped sending sales: {listed(names)}. {RULES['stale_location'].cure}"
        if names
        else f"All {last.height:,} locations that sell send their sales."
    )
    return [Finding("sales", "stale_location", "location_id", last.height, silent.height, message)]
