"""Sales of the business day that is going on, as far as the till's events have come in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from shelfcast.domain.tables.curated import LOCATIONS, POS_EVENTS, SALES
from shelfcast.domain.tables.results import FORECASTS
from shelfcast.pipeline import newest
from shelfcast.pipeline.sum_events import lines_of
from shelfcast.ports.platform import Platform
from shelfcast.serve.held_forecasts import held
from shelfcast.serve.memory import remembered
from shelfcast.sources.net_sales import sales_of, settled


@dataclass(frozen=True)
class SalesToday:
    """Rows by location (and item): `units` and `revenue` so far, `expected_units` of the whole day as the newest forecast
    has it, when the last event was rung up there."""

    as_of: datetime
    rows: list[dict[str, Any]]


def sales_today(
    platform: Platform,
    *,
    locations: Sequence[str] = (),
    items: Sequence[str] = (),
    by_item: bool = False,
    limit: int = 1000,
) -> SalesToday:
    """What was sold so far on each location's own business day, the most first.

    Args:
        items: only these items; of all where empty.
        by_item: a row for each item of a location instead of one a location.
    """
    now = platform.clock.now().astimezone(UTC)
    days = _business_days(platform, now)
    if locations:
        days = days.filter(pl.col("location_id").is_in(list(locations)))
    if days.is_empty():
        return SalesToday(now, [])
    asked = (tuple(sorted(items)), by_item, limit, tuple(days.iter_rows()))
    rows = remembered(
        platform, "sales today", [SALES, POS_EVENTS, LOCATIONS, FORECASTS],
        lambda: _rows(platform, days, items, by_item, limit), *asked,
    )  # fmt: skip
    return SalesToday(now, rows.to_dicts())


def _rows(platform: Platform, days: pl.DataFrame, items: Sequence[str], by_item: bool, limit: int) -> pl.DataFrame:
    first, last = days["date"].min(), days["date"].max()
    today = days.lazy()
    wanted = pl.col("item_id").is_in(list(items)) if items else pl.lit(True)
    sold = (
        platform.tables.scan(SALES)
        .filter(pl.col("date").is_between(first, last), pl.col("superseded_at").is_null(), wanted)
        .join(today, on=["location_id", "date"], how="semi")
        .select("item_id", "location_id", "date", "units", "revenue")
        .collect()
    )
    keys = ["location_id", "date", "item_id"] if by_item else ["location_id", "date"]
    came = (
        platform.tables.scan(POS_EVENTS)
        .filter(pl.col("business_date").is_between(first, last), pl.col("superseded_at").is_null(), wanted)
        .join(today, left_on=["location_id", "business_date"], right_on=["location_id", "date"], how="semi")
        .select("item_id", "location_id", "business_date", "occurred_at")
        .collect()
    )
    # A lake of weeks has no row of the day: there the day's own events are added up.
    alone = came.select("location_id", "business_date").unique()
    alone = alone.join(sold, left_on=["location_id", "business_date"], right_on=["location_id", "date"], how="anti")
    if alone.height:
        of_events = sales_of(settled(lines_of(platform, alone, 0))).filter(wanted)
        of_days = of_events.join(
            alone, left_on=["location_id", "date"], right_on=["location_id", "business_date"], how="semi"
        )
        sold = pl.concat([sold, of_days.select(sold.columns)], how="vertical_relaxed")
    totals = sold.group_by(keys).agg(
        pl.col("units").sum(),
        pl.when(pl.col("revenue").null_count() == 0).then(pl.col("revenue").sum()).alias("revenue"),
        pl.col("item_id").n_unique().alias("items"),
    )
    on = ["location_id", "item_id"] if by_item else ["location_id"]
    rung = came.group_by(on).agg(pl.col("occurred_at").max().alias("last_event_at"), pl.len().alias("lines"))
    found = totals.join(rung, on=on, how="left")
    expected = _expected(platform, days, wanted, keys)
    rows = found.join(expected, on=keys, how="left")
    return rows.sort("units", *keys, descending=[True] + [False] * len(keys)).head(limit)


def _expected(platform: Platform, days: pl.DataFrame, wanted: pl.Expr, keys: Sequence[str]) -> pl.DataFrame:
    """What the newest forecast expects of these days, whole, by `keys`; nothing where there is none of them."""
    schema = {"location_id": pl.String, "date": pl.Date, "item_id": pl.String, "expected_units": pl.Float64}
    nothing = pl.DataFrame(schema={name: kind for name, kind in schema.items() if name in (*keys, "expected_units")})
    if not (cutoffs := newest.cutoffs(platform, FORECASTS)):
        return nothing
    rows = held(platform, cutoffs[0], "final").frame.lazy().filter(wanted)
    of_days = rows.join(days.lazy(), on=["location_id", "date"], how="semi")
    return of_days.group_by(keys).agg(pl.col("mean").sum().alias("expected_units")).collect()


def _business_days(platform: Platform, now: datetime) -> pl.DataFrame:
    """Every location and the business date it is there."""
    places = platform.tables.scan(LOCATIONS).select("location_id", "time_zone", "day_start").collect()
    rows = [
        (place, business_date_at(now, zone or "UTC", start or "00:00")) for place, zone, start in places.iter_rows()
    ]
    return pl.DataFrame(rows, schema={"location_id": pl.String, "date": pl.Date}, orient="row")


def business_date_at(now: datetime, time_zone: str, day_start: str) -> date:
    """The business date at a moment; a zone or time nobody knows counts as UTC and midnight.

    >>> business_date_at(datetime(2026, 3, 1, 1, 30, tzinfo=UTC), "UTC", "04:00")
    datetime.date(2026, 2, 28)
    """
    try:
        local = now.astimezone(ZoneInfo(time_zone))
    except (KeyError, ValueError, OSError):
        local = now
    try:
        began = time.fromisoformat(day_start)
    except ValueError:
        began = time()
    return (local.replace(tzinfo=None) - timedelta(hours=began.hour, minutes=began.minute)).date()
