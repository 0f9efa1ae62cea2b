"""Forecasts against what came: the sums of days that weren't scored yet, then measures over spans of days."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl

from shelfcast.domain.measures import Measure
from shelfcast.domain.quantiles import COLUMNS
from shelfcast.domain.slices import Slice
from shelfcast.domain.tables import curated, monitoring, results
from shelfcast.forecast.drift_measures import LONG_DAYS, USUAL_DAYS, Promise, forecast_measures
from shelfcast.forecast.drift_sums import FAR_STEPS, sums_of
from shelfcast.lake.replace import replace
from shelfcast.pipeline import model_records
from shelfcast.pipeline.monitor_data import BELIEVED
from shelfcast.ports.platform import Platform

CATCH_UP = 63
"""Periods looked back for days that were never scored (the monitor was added later, or nights were left out)."""
AGAIN = 3
"""Newest periods that are tried again when nothing could be scored: their sales may be late."""


def score_new_days(platform: Platform, cutoff: date, step_days: int, run_id: str) -> int:
    """Write `forecast_sums` of the days up to the cutoff that have forecasts, sales and no sums yet; how many."""
    since = cutoff - timedelta(days=CATCH_UP * step_days)
    oldest = _oldest_cutoff(platform, since - timedelta(days=FAR_STEPS * step_days), cutoff)
    if oldest is None:
        return 0
    first = max(oldest, since)
    known = _scored(platform, first)
    tried = cutoff - timedelta(days=AGAIN * step_days)
    newest_scored = max(known, default=date.min)
    actual = _actuals(platform, first, cutoff)
    wanted = [
        day
        for day in actual["date"].unique().sort().to_list()
        if day > first and day not in known and (day > tried or day > newest_scored or not known)
    ]
    items = platform.tables.scan(curated.ITEMS).select("item_id", "category").collect()
    scored = 0
    for day in wanted:
        from_cutoff = day - timedelta(days=FAR_STEPS * step_days)
        forecasts = (
            platform.tables.scan(results.FORECASTS)
            .filter(
                (pl.col("cutoff") >= from_cutoff)
                & (pl.col("cutoff") < day)
                & (pl.col("date") == day)
                & (pl.col("scenario") == "base")
                & pl.col("stage").is_in(["model", "baseline", "planner"])
            )
            .select("cutoff", "stage", "item_id", "location_id", "date", "step", "mean", *COLUMNS)
            .collect(engine="streaming")
        )
        rows = sums_of(forecasts, actual.filter(pl.col("date") == day), items, run_id)
        if rows.height:
            replace(platform.tables, monitoring.FORECAST_SUMS, rows, Slice.of(date=day), notes={"run_id": run_id})
            scored += 1
    return scored


def _oldest_cutoff(platform: Platform, since: date, cutoff: date) -> date | None:
    """Of the forecasts made since then and before the cutoff."""
    made = platform.tables.scan(results.FORECASTS).filter(
        (pl.col("cutoff") >= since) & (pl.col("cutoff") < cutoff) & (pl.col("scenario") == "base")
    )
    found: date | None = made.select(pl.col("cutoff").min()).collect(engine="streaming").item()
    return found


def _scored(platform: Platform, first: date) -> set[date]:
    rows = platform.tables.scan(monitoring.FORECAST_SUMS).filter(pl.col("date") >= first)
    return set(rows.select(pl.col("date").unique()).collect()["date"].to_list())


def _actuals(platform: Platform, first: date, cutoff: date) -> pl.DataFrame:
    """Cells that count: sold something or nothing. Where stock ran out nobody knows what was wanted: such a cell counts for
    demand alone, with what was recovered."""
    return (
        platform.tables.scan(results.DEMAND)
        .filter(
            pl.col("date").is_between(first, cutoff)
            & pl.col("units").is_not_null()
            & pl.col("open").fill_null(True)
            & BELIEVED
        )
        .select(
            "item_id",
            "location_id",
            "date",
            "units",
            wanted=pl.coalesce("demand", "units"),
            counts=~pl.col("censored").fill_null(False),
        )
        .collect(engine="streaming")
    )


def sums_until(platform: Platform, cutoff: date, step_days: int) -> pl.DataFrame:
    first = cutoff - timedelta(days=(USUAL_DAYS + LONG_DAYS) * step_days)
    rows = platform.tables.scan(monitoring.FORECAST_SUMS).filter(pl.col("date").is_between(first, cutoff))
    return rows.collect().sort(*monitoring.FORECAST_SUMS.key)


def promise(platform: Platform) -> Promise:
    """What the champion's backtest said of all series."""
    record = model_records.champion(platform)
    if record is None:
        return Promise({})
    rows = platform.tables.scan(results.BACKTEST_SCORES).filter(
        (pl.col("run_id") == str(record.get("run_id", "")))
        & (pl.col("fold") == 0)
        & (pl.col("segment") == "all")
        & (pl.col("model") == "champion")
    )
    return Promise(dict(rows.select("metric", "value").collect().iter_rows()))


def measures_of(platform: Platform, sums: pl.DataFrame, cutoff: date, step_days: int) -> list[Measure]:
    return forecast_measures(sums, cutoff, promise(platform), step_days)
