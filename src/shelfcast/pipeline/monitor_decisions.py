"""Reads what the measures of decisions need."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl

from shelfcast.domain.measures import Measure
from shelfcast.domain.tables import results
from shelfcast.forecast.drift_sums import NEAR
from shelfcast.pipeline.monitor_data import BELIEVED
from shelfcast.ports.table_store import TableStore
from shelfcast.replenish import decision_measures
from shelfcast.replenish.decision_measures import SPAN_DAYS, USUAL_DAYS, YEAR

NIGHTS = 56
LONG_COVER_DAYS = 60


def decision_measures_of(tables: TableStore, sums: pl.DataFrame, cutoff: date, weekly: bool = False) -> list[Measure]:
    near = sums.filter((pl.col("segment") == "all") & (pl.col("band") == NEAR))
    found = [] if weekly else decision_measures.service(_service_by_day(tables, cutoff), cutoff)
    over = decision_measures.overstock(_overstock(tables, cutoff), cutoff)
    return [*found, *([over] if over else []), *([] if weekly else decision_measures.overrides(near, cutoff))]


def _service_by_day(tables: TableStore, cutoff: date) -> pl.DataFrame:
    """Units, demand, days out and days by segment and day, where availability was recorded or sales are censored."""
    lately = pl.col("date").is_between(cutoff - timedelta(days=USUAL_DAYS + SPAN_DAYS), cutoff)
    season = pl.col("date").is_between(cutoff - YEAR - timedelta(days=7 + SPAN_DAYS), cutoff - YEAR + timedelta(days=7))
    out = pl.col("censored").fill_null(False) | (pl.col("in_stock_share") < 1)
    daily = (
        tables.scan(results.DEMAND)
        .filter((lately | season) & pl.col("open").fill_null(True) & pl.col("demand").is_not_null())
        .filter(
            pl.col("units").is_not_null() & BELIEVED & (pl.col("in_stock_share").is_not_null() | pl.col("censored"))
        )
        .group_by("location_id", "date")
        .agg(
            pl.col("units").clip(lower_bound=0).sort().sum().round(6),
            pl.max_horizontal("demand", "units").clip(lower_bound=0).sort().sum().round(6).alias("demand"),
            out.fill_null(False).sum().cast(pl.Float64).alias("days_out"),
            pl.len().cast(pl.Float64).alias("cells"),
        )
        .collect(engine="streaming")
        .sort("location_id", "date")
    )
    names = ["units", "demand", "days_out", "cells"]
    every = (
        daily.group_by("date").agg(pl.col(names).sort().sum()).select(pl.lit("all").alias("segment"), "date", *names)
    )
    by_place = daily.select(pl.format("location={}", "location_id").alias("segment"), "date", *names)
    return pl.concat([every, by_place])


def _overstock(tables: TableStore, cutoff: date) -> dict[date, float]:
    """Share of series with more than two months of cover and eight times what their order must reach, by night."""
    long = (pl.col("cover_days_after") > LONG_COVER_DAYS) & (
        pl.col("cover_days_after") > 8 * pl.col("protection_days").clip(7)
    )
    rows = (
        tables.scan(results.ORDER_LINES)
        .filter(pl.col("cutoff").is_between(cutoff - timedelta(days=NIGHTS), cutoff) & (pl.col("scenario") == "base"))
        .group_by("cutoff")
        .agg(long.fill_null(False).mean().alias("share"))
        .collect(engine="streaming")
    )
    return dict(rows.select("cutoff", "share").iter_rows())
