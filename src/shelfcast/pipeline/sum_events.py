"""Curated till events -> daily sales of the periods they touch, and of no others.

A row of sales that a file (or database) brought stands: the retailer's closed books are better than the till's stream,
and a day must not be counted twice. Events fill the rows no file has spoken about, so it makes no difference which of
the two comes first. Where both speak and differ, the difference is counted and told.

Two runs at once: each adds up what it read; the one that finds newer events than it read when it is done does it again.
So the last one to write has seen everything.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from shelfcast.domain.errors import Conflict
from shelfcast.domain.tables.curated import ITEMS, LOCATIONS, POS_EVENTS, SALES
from shelfcast.lake.merge import merge
from shelfcast.pipeline.load_dimensions import add_unknown
from shelfcast.ports.platform import Platform
from shelfcast.sources.net_sales import COLUMNS, sales_of, settled

ATTEMPTS = 20
DAYS = ("location_id", "business_date")
ORIGIN = "events"
LINES = ("item_id", "location_id", "business_date", *COLUMNS)


@dataclass(frozen=True)
class DailySales:
    """What adding up did to the sales."""

    days: int = 0
    """(location, business date) looked at."""
    rows: int = 0
    inserted: int = 0
    corrected: int = 0
    unchanged: int = 0
    from_files: int = 0
    """Rows left alone because a file's row stands."""
    differing: int = 0
    """Of those, rows whose units are not what the events add up to."""
    waiting: int = 0
    """Voids and corrections in the events whose line has not come yet."""


def days_of(platform: Platform, events: pl.DataFrame) -> pl.DataFrame:
    """Every (location, business date) these events touch or touched: their own, those of earlier versions of them, and
    those of the lines they refer to, however far back. Columns as `DAYS`.

    Args:
        events: `event_id, location_id, business_date, refers_to`.
    """
    wanted = ("event_id", "refers_to", "location_id", "business_date")
    found = [events.select(DAYS)]
    asked = pl.DataFrame(schema={"event_id": pl.String})
    ids = pl.concat([events.select("event_id"), _targets(events)]).unique()
    while ids.height:
        # All versions: a line sent again with another day leaves the day it had.
        rows = platform.tables.scan(POS_EVENTS).select(wanted).join(ids.lazy(), on="event_id", how="semi").collect()
        found.append(rows.select(DAYS))
        asked = pl.concat([asked, ids])
        ids = _targets(rows).unique().join(asked, on="event_id", how="anti")
    return pl.concat(found).drop_nulls().unique().sort("business_date", "location_id")


def _targets(events: pl.DataFrame) -> pl.DataFrame:
    return events.select(pl.col("refers_to").alias("event_id")).drop_nulls()


def sum_days(platform: Platform, days: pl.DataFrame, *, known_at: datetime, frequency: str = "D") -> DailySales:
    """Add up the events of these days (`DAYS`) into sales.

    Args:
        known_at: when the newest of the events became known: a total that changes after its day was over is a
            correction known from then on.
        frequency: the lake's period (D, W): with W the weeks of the days are added up.

    Raises:
        Conflict: other writers came first every time.
    """
    if days.is_empty():
        return DailySales()
    periods = _whole_periods(days, frequency)
    for _ in range(ATTEMPTS):
        base = _head(platform)
        lines = lines_of(platform, periods, base)
        totals = _with_vanished(platform, sales_of(settled(lines), frequency), periods, base, frequency)
        standing = _standing(platform, totals)
        mine, kept = _apart(totals, standing)
        done = _merge(platform, mine, known_at, frequency)
        if _head(platform) == base:
            differing = kept.filter((pl.col("units") - pl.col("units_standing")).abs() > 1e-9).height
            return DailySales(
                days.height, totals.height, done.inserted, done.corrected, done.unchanged, kept.height, differing, _waiting(lines)
            )  # fmt: skip
    raise Conflict(f"events came in faster than their days could be added up, {ATTEMPTS} times in a row. Try again.")


def _head(platform: Platform) -> int:
    current = platform.tables.state(POS_EVENTS).current
    return current.snapshot_id if current is not None else 0


def _whole_periods(days: pl.DataFrame, frequency: str) -> pl.DataFrame:
    if frequency != "W":
        return days.select(DAYS)
    monday = pl.col("business_date").dt.truncate("1w")
    weeks = days.select("location_id", monday).unique()
    every = pl.concat([weeks.with_columns(pl.col("business_date").dt.offset_by(f"{n}d")) for n in range(7)])
    return every.select(DAYS)


def lines_of(platform: Platform, days: pl.DataFrame, base: int) -> pl.DataFrame:
    """Standing lines of these days, and from any day whatever refers to them; only the former are of the days."""
    stored = platform.tables.scan(POS_EVENTS, base or None)
    first, last = days["business_date"].min(), days["business_date"].max()
    lines = (
        stored.filter(pl.col("business_date").is_between(first, last), pl.col("superseded_at").is_null())
        .select(LINES)
        .join(days.lazy(), on=list(DAYS), how="semi")
        .collect(engine="streaming")
    )
    links = stored.filter(pl.col("refers_to").is_not_null(), pl.col("superseded_at").is_null()).select(LINES).collect()
    ids = lines.select("event_id")
    more: list[pl.DataFrame] = []
    while links.height and ids.height:
        found = links.join(ids, left_on="refers_to", right_on="event_id", how="semi")
        links = links.join(found.select("event_id"), on="event_id", how="anti")
        ids = found.select("event_id")
        more.append(found)
    away = pl.concat(more).join(lines.select("event_id"), on="event_id", how="anti") if more else lines.clear()
    # They count on the day of the line they are about; by themselves they count nothing (see net_sales).
    return pl.concat([lines, away])


def _with_vanished(
    platform: Platform, totals: pl.DataFrame, days: pl.DataFrame, base: int, frequency: str
) -> pl.DataFrame:
    """Totals of exactly these periods, with 0 for items whose lines all moved to another day or item."""
    date = pl.col("business_date").dt.truncate("1w") if frequency == "W" else pl.col("business_date")
    periods = days.select("location_id", date.alias("date")).unique()
    first, last = days["business_date"].min(), days["business_date"].max()
    seen = (
        platform.tables.scan(POS_EVENTS, base or None)
        .filter(pl.col("business_date").is_between(first, last), pl.col("superseded_at").is_not_null())
        .select("item_id", "location_id", date.alias("date"))
        .unique()
        .collect()
        .join(periods, on=["location_id", "date"], how="semi")
        .join(totals, on=["item_id", "location_id", "date"], how="anti")
    )
    gone = seen.with_columns(pl.lit(0.0).alias("units"), pl.lit(0.0).alias("revenue"))
    return pl.concat([totals, gone]).join(periods, on=["location_id", "date"], how="semi")


def _standing(platform: Platform, totals: pl.DataFrame) -> pl.DataFrame:
    if totals.is_empty():
        return pl.DataFrame(
            schema={
                "item_id": pl.String,
                "location_id": pl.String,
                "date": pl.Date,
                "units": pl.Float64,
                "origin": pl.String,
            }
        )
    first, last = totals["date"].min(), totals["date"].max()
    return (
        platform.tables.scan(SALES)
        .filter(pl.col("date").is_between(first, last), pl.col("superseded_at").is_null())
        .select("item_id", "location_id", "date", "units", "origin")
        .join(totals.lazy().select("location_id").unique(), on="location_id", how="semi")
        .collect(engine="streaming")
    )


def _apart(totals: pl.DataFrame, standing: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Totals that may be written, and those a file's row stands for (with `units_standing`)."""
    beside = totals.join(standing, on=["item_id", "location_id", "date"], how="left", suffix="_standing")
    from_file = pl.col("units_standing").is_not_null() & (pl.col("origin").fill_null("file") != ORIGIN)
    columns = ["item_id", "location_id", "date", "units", "revenue"]
    return beside.filter(~from_file).select(columns), beside.filter(from_file)


@dataclass(frozen=True)
class _Merged:
    inserted: int = 0
    corrected: int = 0
    unchanged: int = 0


def _merge(platform: Platform, rows: pl.DataFrame, known_at: datetime, frequency: str) -> _Merged:
    if rows.is_empty():
        return _Merged()
    instant = SALES.column("loaded_at").type.polars
    rows = rows.with_columns(
        origin=pl.lit(ORIGIN), load_id=pl.lit(ORIGIN), loaded_at=pl.lit(platform.clock.now(), instant)
    )
    done = merge(platform.tables, SALES, rows, received_at=known_at, notes={"source": "events"}, frequency=frequency)
    for table, column in ((ITEMS, "item_id"), (LOCATIONS, "location_id")):
        add_unknown(platform.tables, table, set(_unique(rows[column])), received_at=known_at)
    return _Merged(done.inserted, done.corrected, done.unchanged)


def _unique(values: pl.Series) -> Iterable[str]:
    return values.unique().to_list()


def _waiting(lines: pl.DataFrame) -> int:
    referring = lines.filter(pl.col("refers_to").is_not_null(), pl.col("event_kind").is_in(["void", "correction"]))
    return referring.join(lines, left_on="refers_to", right_on="event_id", how="anti").height
