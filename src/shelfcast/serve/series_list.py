"""The table of series: one row for each, its horizon added up."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any, Literal

import numpy as np
import polars as pl

from shelfcast.domain.errors import BadParameter
from shelfcast.domain.tables import curated, results
from shelfcast.forecast.models.dependence import Dependence
from shelfcast.pipeline.newest import newest_cutoff
from shelfcast.pipeline.total_dependence import dependence_of
from shelfcast.ports.platform import Platform
from shelfcast.scenario.totals import total_quantiles
from shelfcast.serve.forecasts import KEY, ForecastFilters, rows, series_wanted
from shelfcast.serve.memory import remembered
from shelfcast.serve.pages import page
from shelfcast.serve.rows import with_names
from shelfcast.serve.view import View

SeriesSort = Literal["item", "-mean", "mean", "-change", "change", "-wide", "location"]
FEWEST_SOLD = 14
"""With fewer units in the last four weeks a change in per cent says nothing."""
RECENT_DAYS = 28
MOST_PERIODS = 730
"""Longest horizon a lake may have."""
MADE_FROM = (results.FORECASTS, results.DEMAND, curated.ITEMS, curated.LOCATIONS)


class SeriesRow(View):
    """One series in the table of forecasts."""

    item_id: str
    location_id: str
    item_name: str | None = None
    location_name: str | None = None
    category: str | None = None
    department: str | None = None
    mean: float
    """Expected demand over the whole horizon."""
    low: float
    """Sum of the days' 10 % quantiles over the horizon, divided as a total: not exceeded with probability 10 %."""
    high: float
    """Not exceeded with probability 90 %."""
    per_day: float
    recent_per_day: float | None = None
    """Units sold a day over the last four weeks."""
    change: float | None = None
    """per_day against recent_per_day, as a share: 0.1 = 10 % more."""
    model: str | None = None
    fallback: str | None = None
    overridden: bool = False


class SeriesTotals(View):
    series: int
    mean: float
    low: float
    high: float


class SeriesPage(View):
    cutoff: date
    first: date | None = None
    last: date | None = None
    rows: list[SeriesRow]
    totals: SeriesTotals
    """Over all series that match, not only this page."""
    next: str = ""


def series_page(
    platform: Platform, filters: ForecastFilters, *, limit: int, cursor: str = "", cutoff: date | None = None,
    stage: str = "final", sort: SeriesSort = "item",
) -> SeriesPage:  # fmt: skip
    """A row for each series with its totals over the horizon."""
    from shelfcast.pipeline.override_forecasts import overridden_series

    chosen = cutoff or newest_cutoff(platform, results.FORECASTS)
    order, dependence = _series_order(sort), dependence_of(platform)
    days = replace(ForecastFilters(), first=filters.first, last=filters.last)
    whole = remembered(
        platform, "series", MADE_FROM,
        lambda: _by_series(platform, days, chosen, stage, dependence).with_columns(order.alias("_sort")).sort(
            "_sort", "item_id", "location_id"
        ),
        chosen, stage, sort, days, dependence,
    )  # fmt: skip
    wanted = series_wanted(platform, replace(filters, first=None, last=None))
    found = whole if wanted is None else whole.filter(wanted)
    sd = float(np.sqrt(_total_variance(found, dependence.common_share)))
    total = float(found["mean"].sort().sum())
    low, high = total_quantiles(np.array([total]), np.array([sd**2]), (0.1, 0.9))[0]
    made = page(found.lazy(), ("_sort", *KEY[:2]), limit, cursor, sorted_already=True)
    touched = overridden_series(platform, chosen)
    shown = []
    means, variances = (np.array([one[name] for one in made.rows]) for name in ("mean", "sd"))
    ends = total_quantiles(means, variances**2, (0.1, 0.9))
    for one, (least, most) in zip(made.rows, ends, strict=True):
        facts: dict[str, Any] = {name: one.get(name) for name in SeriesRow.model_fields if name in one}
        over = (one["item_id"], one["location_id"]) in touched
        shown.append(SeriesRow(**facts, low=float(least), high=float(most), overridden=over))
    return SeriesPage(
        cutoff=chosen, first=found["first"].min(), last=found["last"].max(), rows=shown, next=made.next,  # type: ignore[arg-type]
        totals=SeriesTotals(series=found.height, mean=total, low=float(low), high=float(high)),
    )  # fmt: skip


def _by_series(
    platform: Platform, days: ForecastFilters, chosen: date, stage: str, dependence: Dependence
) -> pl.DataFrame:
    """Every series of a cutoff added up over the days wanted, with names and what was sold lately."""
    found, _ = rows(platform, days, cutoff=chosen, stage=stage)
    spread = (pl.col("q900") - pl.col("q100")) / 2.5631
    by_days = {days: dependence.over(days) for days in range(1, MOST_PERIODS + 1)}
    correlation = pl.col("days").replace_strict(by_days, return_dtype=pl.Float64)
    by_series = found.group_by("item_id", "location_id").agg(
        pl.col("mean").sort().sum().alias("mean"), spread.sort().sum().alias("added"), (spread**2).sort().sum().alias("squares"),
        pl.len().alias("days"), pl.col("model").first(), pl.col("fallback").first(), pl.col("date").min().alias("first"),
        pl.col("date").max().alias("last"),
    ).select(
        pl.exclude("added", "squares", "days"),
        ((1 - correlation) * pl.col("squares") + correlation * pl.col("added") ** 2).sqrt().alias("sd"),
        (pl.col("mean") / pl.col("days")).alias("per_day"),
    )  # fmt: skip
    recent = (
        platform.tables.scan(results.DEMAND)
        .filter((pl.col("date") > chosen - timedelta(days=RECENT_DAYS)) & (pl.col("date") <= chosen))
        .group_by("item_id", "location_id")
        .agg(pl.col("units").mean().alias("recent_per_day"))
    )
    return (
        with_names(platform, by_series.join(recent, on=["item_id", "location_id"], how="left"))
        .with_columns(
            pl.when(pl.col("recent_per_day") * RECENT_DAYS >= FEWEST_SOLD)
            .then(pl.col("per_day") / pl.col("recent_per_day") - 1)
            .alias("change")
        )
        .collect()
    )


def _total_variance(series: pl.DataFrame, common_share: float) -> float:
    """Of the total over series whose own totals have standard deviations `sd`, with the common share between them."""
    sd = series["sd"].fill_null(0.0).sort().to_numpy()
    return float((1 - common_share) * (sd**2).sum() + common_share * sd.sum() ** 2)


def _series_order(sort: str) -> pl.Expr:
    orders = {
        "item": pl.lit(0.0), "location": pl.col("location_id"), "-mean": -pl.col("mean"), "mean": pl.col("mean"),
        "-change": -pl.col("change").fill_null(-1e9), "change": pl.col("change").fill_null(1e9),
        "-wide": -(pl.col("sd") / pl.col("mean").clip(1e-9)),
    }  # fmt: skip
    if sort not in orders:
        raise BadParameter.unknown("sort", sort, orders)
    return orders[sort]
