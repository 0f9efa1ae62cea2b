"""Forecasts as rows, by series, and added up to any level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import numpy as np
import polars as pl
from pydantic import Field

from shelfcast.domain.errors import BadParameter
from shelfcast.domain.quantiles import COLUMNS
from shelfcast.domain.tables import curated, results
from shelfcast.forecast.models.dependence import Dependence
from shelfcast.pipeline.newest import cutoffs, newest_cutoff
from shelfcast.pipeline.run_scenario import scenario_forecasts
from shelfcast.pipeline.total_dependence import dependence_of
from shelfcast.ports.platform import Platform
from shelfcast.scenario.totals import spread_of, total_quantiles, total_variance
from shelfcast.serve.held_forecasts import held, page_of
from shelfcast.serve.memory import remembered, standing
from shelfcast.serve.pages import cursor_of, key_of, page
from shelfcast.serve.rows import in_dimensions, row_model, with_names
from shelfcast.serve.view import View

Stage = Literal["baseline", "model", "planner", "final"]
Level = Literal["item", "location", "category", "department", "brand", "region", "all"]
Period = Literal["day", "week", "month", "horizon"]
KEY = ("item_id", "location_id", "date")
MOST_CELLS = 40_000_000
"""Series x periods that are added up in one request at most."""

_Forecast: Any = row_model(
    "ForecastColumns", results.FORECASTS,
    ("cutoff", "scenario", "stage", *KEY, "step", "mean", *COLUMNS, "model", "fallback"),
)  # fmt: skip


class ForecastRow(_Forecast):
    """Demand of one item at one location in one period, as a distribution."""


class ForecastPage(View):
    cutoff: date
    rows: list[ForecastRow]
    next: str = ""
    """Cursor of the next page; empty on the last."""


class TotalRow(View):
    """A total over series and periods."""

    group: dict[str, str | None] = Field(examples=[{"category": "fresh"}])
    """Level -> its value; empty for the grand total."""
    first: date
    last: date
    series: int
    mean: float
    q025: float
    q100: float
    q500: float
    q900: float
    q975: float


class TotalsView(View):
    """Totals: means are exact sums; quantiles are those of the total, never sums of quantiles."""

    cutoff: date
    rows: list[TotalRow]


class SeriesFound(View):
    item_id: str
    location_id: str
    item_name: str | None = None
    location_name: str | None = None
    category: str | None = None


@dataclass(frozen=True)
class ForecastFilters:
    """Rows wanted; empty means all."""

    items: Sequence[str] = ()
    locations: Sequence[str] = ()
    category: Sequence[str] = ()
    department: Sequence[str] = ()
    brand: Sequence[str] = ()
    region: Sequence[str] = ()
    search: str = ""
    first: date | None = None
    last: date | None = None


def all_cutoffs(platform: Platform) -> list[date]:
    """Cutoffs there are forecasts of, the newest first."""
    return cutoffs(platform, results.FORECASTS)


def rows(
    platform: Platform, filters: ForecastFilters, *, cutoff: date | None = None, stage: str = "final",
    scenario: str = "base",
) -> tuple[pl.LazyFrame, date]:  # fmt: skip
    """Forecast rows of a cutoff (the newest by default), filtered; and the cutoff."""
    chosen = cutoff or newest_cutoff(platform, results.FORECASTS)
    if scenario != "base":
        found = scenario_forecasts(platform, scenario).filter((pl.col("cutoff") == chosen) & (pl.col("stage") == stage))
        days = _days(filters)
        for wish in (series_wanted(platform, filters), days):
            found = found if wish is None else found.filter(wish)
        return found, chosen
    ready = held(platform, chosen, stage)
    wanted = series_wanted(platform, filters)
    series = ready.series if wanted is None else ready.series.filter(wanted)
    if wanted is not None and series.height > 2_000:
        found = ready.frame.lazy().filter(wanted)
    else:
        found = ready.of(series).lazy()
    days = _days(filters)
    return (found if days is None else found.filter(days)), chosen


def _days(filters: ForecastFilters) -> pl.Expr | None:
    conditions = []
    if filters.first:
        conditions.append(pl.col("date") >= filters.first)
    if filters.last:
        conditions.append(pl.col("date") <= filters.last)
    return pl.all_horizontal(conditions) if conditions else None


def series_wanted(platform: Platform, filters: ForecastFilters) -> pl.Expr | None:
    """The filters that look at a series as a whole."""
    conditions = []
    if filters.items:
        conditions.append(pl.col("item_id").is_in(list(filters.items)))
    if filters.locations:
        conditions.append(pl.col("location_id").is_in(list(filters.locations)))
    inside = in_dimensions(
        platform, category=filters.category, department=filters.department, brand=filters.brand, region=filters.region,
        search=filters.search,
    )  # fmt: skip
    if inside is not None:
        conditions.append(inside)
    return pl.all_horizontal(conditions) if conditions else None


def forecast_page(
    platform: Platform, filters: ForecastFilters, *, limit: int, cursor: str = "", cutoff: date | None = None,
    stage: str = "final", scenario: str = "base",
) -> ForecastPage:  # fmt: skip
    if scenario != "base":
        found, chosen = rows(platform, filters, cutoff=cutoff, stage=stage, scenario=scenario)
        made = page(found, KEY, limit, cursor)
        listed = [ForecastRow.model_construct(**one) for one in made.rows]
        return ForecastPage(cutoff=chosen, rows=listed, next=made.next)
    chosen = cutoff or newest_cutoff(platform, results.FORECASTS)
    ready = held(platform, chosen, stage)
    wanted = series_wanted(platform, filters)
    series = ready.series if wanted is None else ready.series.filter(wanted)
    after = key_of(cursor, len(KEY)) if cursor else None
    some = page_of(ready, series, limit + 1, after, _days(filters))
    shown = some.head(limit).select(list(ForecastRow.model_fields))
    following = cursor_of([shown.item(-1, name) for name in KEY]) if some.height > limit else ""
    listed = [ForecastRow.model_construct(**one) for one in shown.iter_rows(named=True)]
    return ForecastPage(cutoff=chosen, rows=listed, next=following)


def totals(
    platform: Platform, filters: ForecastFilters, *, by: Sequence[str], period: str, cutoff: date | None = None,
    stage: str = "final", scenario: str = "base",
) -> TotalsView:  # fmt: skip
    """Totals by levels and periods. Means are the plain sums; quantiles come from the variance of the total.

    Raises:
        BadParameter: more cells than one request may add up.
    """
    tables = (results.FORECASTS, curated.ITEMS, curated.LOCATIONS)
    dependence = dependence_of(platform)

    def make() -> TotalsView:
        return _totals(platform, filters, by, period, cutoff, stage, scenario, dependence)

    if scenario != "base":
        return make()
    return remembered(platform, "totals", tables, make, repr(filters), tuple(by), period, cutoff, stage, dependence)


def _totals(
    platform: Platform, filters: ForecastFilters, by: Sequence[str], period: str, cutoff: date | None, stage: str,
    scenario: str, dependence: Dependence,
) -> TotalsView:  # fmt: skip
    found, chosen = rows(platform, filters, cutoff=cutoff, stage=stage, scenario=scenario)
    levels = [one for one in dict.fromkeys(by) if one != "all"]
    columns = {"item": "item_id", "location": "location_id"}
    names = [columns.get(one, one) for one in levels]
    narrow = found.select(*KEY, "mean", "q100", "q900")
    if any(one not in ("item", "location") for one in levels):
        narrow = with_names(platform, narrow).select(*dict.fromkeys([*KEY, "mean", "q100", "q900", *names]))
    frame = narrow.sort(KEY).collect()
    if frame.height > MOST_CELLS:
        raise BadParameter(
            f"{frame.height:,} rows are too many for one request; {MOST_CELLS:,} are allowed. Narrow it down."
        )
    if not frame.height:
        return TotalsView(cutoff=chosen, rows=[])
    days = frame["date"].unique().sort()
    bucket, ends = _buckets(days, period)
    keys = frame.select("item_id", "location_id").unique(maintain_order=True)
    series = frame.select(pl.struct("item_id", "location_id").rle_id()).to_series().to_numpy()
    at = days.search_sorted(frame["date"]).to_numpy()
    shape = (keys.height, len(days))
    mean, spread = np.zeros(shape), np.zeros(shape)
    mean[series, at] = frame["mean"].to_numpy()
    bounds = np.stack([frame["q100"].to_numpy(), frame["q900"].to_numpy()], axis=1)
    spread[series, at] = spread_of(bounds, (0.1, 0.9))
    heads = frame.select(pl.struct("item_id", "location_id").is_first_distinct()).to_series()
    groups, number = _group_numbers(frame.filter(heads), names)
    variance = total_variance(spread, number, groups.height, bucket, len(ends), dependence)
    by_day = np.zeros((groups.height, len(days)))
    np.add.at(by_day, number, mean)
    sums = np.stack([by_day[:, bucket == one].sum(axis=1) for one in range(len(ends))], axis=1)
    wanted = (0.025, 0.1, 0.5, 0.9, 0.975)
    quantiles = total_quantiles(sums, variance, wanted)
    sizes = np.bincount(number, minlength=groups.height)
    made = []
    for g, group in enumerate(groups.iter_rows(named=True)):
        label = {level: group.get(name) for level, name in zip(levels, names)}
        for b, (first, last) in enumerate(ends):
            low, ten, half, ninety, top = (float(one) for one in quantiles[g, b])
            made.append(
                TotalRow(
                    group=label, first=first, last=last, series=int(sizes[g]), mean=float(sums[g, b]), q025=low, q100=ten,
                    q500=half, q900=ninety, q975=top,
                )
            )  # fmt: skip
    return TotalsView(cutoff=chosen, rows=made)


def _group_numbers(series: pl.DataFrame, names: Sequence[str]) -> tuple[pl.DataFrame, np.ndarray]:
    if not names:
        return pl.DataFrame({"_all": ["all"]}), np.zeros(series.height, dtype=np.int64)
    groups = series.select(names).unique().sort(names, nulls_last=True).with_row_index("_number")
    joined = series.select(names).join(groups, on=list(names), how="left", nulls_equal=True, maintain_order="left")
    return groups.drop("_number"), joined["_number"].to_numpy().astype(np.int64)


def _buckets(days: pl.Series, period: str) -> tuple[np.ndarray, list[tuple[date, date]]]:
    """Bucket of each day and the first and last day of each bucket."""
    starts = {
        "day": days, "week": days.dt.truncate("1w"), "month": days.dt.truncate("1mo"),
        "horizon": pl.Series([days[0]] * len(days)),
    }  # fmt: skip
    if period not in starts:
        raise BadParameter.unknown("period", period, starts)
    start = starts[period]
    names = start.unique().sort()
    bucket = names.search_sorted(start).to_numpy().astype(np.int64)
    listed = days.to_list()
    ends = []
    for one in range(len(names)):
        inside = [day for day, at in zip(listed, bucket) if at == one]
        ends.append((inside[0], inside[-1]))
    return bucket, ends


def search(platform: Platform, text: str, limit: int) -> list[SeriesFound]:
    """Series whose ids or names hold every word."""
    cutoff = newest_cutoff(platform, results.FORECASTS)
    found = held(platform, cutoff, "final").series.lazy()
    inside = in_dimensions(platform, search=text)
    if inside is not None:
        found = found.filter(inside)
    named = with_names(platform, found.select("item_id", "location_id").sort("item_id", "location_id").head(limit))
    return [SeriesFound(**one) for one in named.sort("item_id", "location_id").collect().iter_rows(named=True)]


class Choices(View):
    """Values there are to filter by."""

    items: int
    locations: list[str]
    categories: list[str]
    departments: list[str]
    brands: list[str]
    regions: list[str]
    cutoffs: list[date]


def choices(platform: Platform) -> Choices:
    items = standing(platform, curated.ITEMS).select("item_id", "category", "department", "brand").collect()
    places = standing(platform, curated.LOCATIONS).select("location_id", "region").collect()

    def values(frame: pl.DataFrame, name: str) -> list[str]:
        return frame[name].drop_nulls().unique().sort().to_list()

    return Choices(
        items=items.height, locations=values(places, "location_id"), categories=values(items, "category"),
        departments=values(items, "department"), brands=values(items, "brand"), regions=values(places, "region"),
        cutoffs=all_cutoffs(platform),
    )  # fmt: skip
