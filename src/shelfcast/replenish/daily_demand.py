"""Mean and variance of demand per item-location and day, from forecasts given as quantiles of each day."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import reduce
from itertools import pairwise
from threading import Lock

import numpy as np
import polars as pl
from numba import njit
from numpy.typing import NDArray

from shelfcast.domain import quantiles
from shelfcast.domain.errors import BadInput
from shelfcast.replenish.keys import Keys
from shelfcast.replenish.threads import side_by_side

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

BATCH_ROWS = 250_000
REPAIRABLE_FALL = 0.01
"""Quantiles that fall by less than this share of the level are put in order, others are refused."""
ABSURD_TIMES, ABSURD_UNITS = 50.0, 200.0
_BAD = ("item_id", "location_id", "day")


@dataclass(frozen=True)
class DailyDemand:
    """Demand of the days after the cutoff. Arrays have a row per item-location, a column per day from cutoff + 1.

    `days_given[i]` days came from the forecast; later columns repeat its last seven days. 0: no forecast at all.
    """

    mean: Floats
    variance: Floats
    days_given: Integers

    def without_days(self) -> DailyDemand:
        """Only what is known of each series, without the days."""
        none = np.zeros((0, 0))
        return DailyDemand(none, none, self.days_given)

    @property
    def days(self) -> int:
        return self.mean.shape[1]


@dataclass(frozen=True)
class DemandRead:
    """What reading the forecasts gave: the demand, rows that can't be used, series nobody has stock of."""

    demand: DailyDemand
    broken: pl.DataFrame
    unknown: pl.DataFrame
    rows: int
    broken_rows: Integers
    """Item-location rows with a broken forecast row."""
    absurd_rows: Integers
    """Item-location rows with a quantile that can't be believed."""


def trapezoid_weights(levels: Floats) -> Floats:
    """Weights w with mean = sum w q: each level stands for the probability half-way to its neighbours, the end levels
    for all that lies outside.

    >>> trapezoid_weights(np.array([0.1, 0.5, 0.9])).round(3).tolist()
    [0.3, 0.4, 0.3]
    """
    edges = np.concatenate([[0.0], 0.5 * (levels[1:] + levels[:-1]), [1.0]])
    return np.diff(edges)


def quantile_columns(names: list[str], levels_needed: int = 3) -> list[str]:
    """The quantile columns among `names`, by rising level.

    Raises:
        BadInput: fewer than three levels, none of 0.9 or higher, or one outside (0, 1).
    """
    found = [name for name in names if len(name) >= 4 and name[0] == "q" and name[1:].isdigit()]
    outside = [name for name in found if not 0.0 < quantiles.level(name) < 1.0]
    if outside:
        raise BadInput(
            f"forecasts have the quantile columns {', '.join(outside)}; a level lies between 0 and 1 and is written per mille: "
            "q500 is the median. Nothing was decided."
        )
    found = sorted(found, key=quantiles.level)
    if len(found) < levels_needed or quantiles.level(found[-1]) < 0.9:
        raise BadInput(
            f"forecasts have the quantile columns {', '.join(found) or 'none'}; at least {levels_needed} are needed, "
            "one of them q900 or higher."
        )
    return found


def read_daily_demand(
    forecasts: pl.LazyFrame | pl.DataFrame, keys: Keys, cutoff: date, days: int, *, period_days: int = 1
) -> DemandRead:
    """Mean and variance per day of every item-location, read in batches so that memory stays bounded.

    The mean is the forecast's own where it has one (the quantiles cut off the tails), else the integral of the
    quantile function; the variance is that integral's. A row of a longer period is spread evenly over its days.

    Args:
        forecasts: item_id, location_id, date, quantile columns, optionally mean; one row per series and period.
        days: days wanted after the cutoff.
        period_days: days of a forecast period (7 for weekly forecasts).
    """
    source = forecasts.lazy()
    names = source.collect_schema().names()
    columns = _filled(source, quantile_columns(names)) if "mean" in names else []
    columns = columns or quantile_columns(names)
    weights = trapezoid_weights(np.array([quantiles.level(name) for name in columns]))
    first = cutoff + timedelta(days=1)
    wanted = source.filter(
        pl.col("date").is_between(first - timedelta(days=period_days - 1), cutoff + timedelta(days=days))
    ).select(
        "item_id", "location_id", ((pl.col("date") - first).dt.total_days()).cast(pl.Int32).alias("day"),
        *columns, *(["mean"] if "mean" in names else []),
    )  # fmt: skip
    mean = np.full((keys.size, days), np.nan)
    variance = np.zeros((keys.size, days))
    broken: list[pl.DataFrame] = []
    unknown: list[pl.DataFrame] = []
    absurd: list[Integers] = [np.empty(0, dtype=np.int64)]
    rows = 0
    one_at_a_time = Lock()

    def work(batch: pl.DataFrame) -> tuple[int, pl.DataFrame, pl.DataFrame, Integers]:
        good, bad = _moments(batch, columns, weights)
        row, strangers = _series_rows(good, keys)
        day, m, v = good["day"].to_numpy(), good["m"].to_numpy(), good["v"].to_numpy()
        with one_at_a_time:
            doubled = _scatter(row, day, m, v, period_days, mean, variance)
        if doubled.any():
            more = good.filter(pl.Series(doubled)).select(*_BAD).with_columns(pl.lit("doubled key").alias("rule"))
            bad = pl.concat([bad.select(*_BAD, "rule"), more])
        odd = row[good["absurd"].fill_null(False).to_numpy()]
        return batch.height, bad, strangers, np.unique(odd[odd >= 0])

    for count, bad, strangers, odd in side_by_side(work, _batches(wanted)):
        rows += count
        absurd.append(odd)
        if bad.height:
            broken.append(bad)
        if strangers.height:
            unknown.append(strangers)
    given = _fill(mean, variance)
    pair = {"item_id": pl.String, "location_id": pl.String}
    bad_rows = pl.concat(broken) if broken else pl.DataFrame(schema={**pair, "day": pl.Int32, "rule": pl.String})
    hit = keys.rows(bad_rows["item_id"], bad_rows["location_id"])
    return DemandRead(
        DailyDemand(mean, variance, given),
        bad_rows,
        pl.concat(unknown).unique().sort("item_id", "location_id") if unknown else pl.DataFrame(schema=pair),
        rows,
        np.unique(hit[hit >= 0]),
        np.unique(np.concatenate(absurd)),
    )


def _filled(source: pl.LazyFrame, columns: list[str]) -> list[str]:
    """The declared quantile columns that hold values: a forecast of nine levels leaves the others of the grid null."""
    head = source.select(columns).head(1000).collect()
    return [name for name in columns if not head.height or head[name].null_count() < head.height]


def _batches(frame: pl.LazyFrame) -> Iterator[pl.DataFrame]:
    yield from frame.collect_batches(chunk_size=BATCH_ROWS, maintain_order=False)


def _moments(batch: pl.DataFrame, columns: list[str], weights: Floats) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Mean `m` and variance `v` of each row, and the rows whose quantiles can't be used."""
    fall = pl.max_horizontal(
        *(pl.col(low) - pl.col(high) - REPAIRABLE_FALL * pl.col(low).abs() - 1e-9 for low, high in pairwise(columns))
    )
    falls = pl.any_horizontal(*(pl.col(low) > pl.col(high) for low, high in pairwise(columns)))
    integral = _weighted([pl.col(name) for name in columns], weights)
    second = _weighted([pl.col(name) ** 2 for name in columns], weights)
    keep = ["item_id", "location_id", "day"]
    good = pl.all_horizontal(*(pl.col(name).is_finite() for name in columns)).fill_null(False)
    stated = (
        pl.col("mean").fill_nan(None).fill_null(pl.col("integral")) if "mean" in batch.columns else pl.col("integral")
    )
    usual = pl.col("mean").fill_nan(None).fill_null(0.0) if "mean" in batch.columns else pl.lit(0.0)
    absurd = pl.any_horizontal(
        *(pl.col(high) > ABSURD_TIMES * pl.max_horizontal(low, usual) + ABSURD_UNITS for low, high in pairwise(columns))
    )
    result = batch.with_columns(
        integral.alias("integral"), second.alias("second"), falls.alias("falls"), good.alias("good"), absurd.alias("absurd"),
        pl.col(columns[-1]).lt(0.0).alias("negative"), (fall > 0.0).alias("steep"),
    )  # fmt: skip
    if result.select((pl.col("falls") | pl.col("absurd")).any()).item():
        result = _repaired_rows(result, columns, weights)
    usable = pl.col("good") & ~pl.col("steep") & ~pl.col("negative")
    moments = result.with_columns(
        stated.clip(0.0).alias("m"), (pl.col("second") - pl.col("integral") ** 2).clip(0.0).alias("v")
    )
    if moments.select(usable.all()).item():
        return moments.select(*keep, "m", "v", "absurd"), moments.select(*keep, pl.lit("").alias("rule")).clear()
    bad = moments.filter(~usable).select(
        *keep,
        pl.when(~pl.col("good")).then(pl.lit("not a number")).when(pl.col("steep")).then(pl.lit("quantiles fall"))
        .otherwise(pl.lit("negative demand")).alias("rule"),
    )  # fmt: skip
    return moments.filter(usable).select(*keep, "m", "v", "absurd"), bad


def _weighted(terms: list[pl.Expr], weights: Floats) -> pl.Expr:
    """Sum of weight x term, added from left to right: a horizontal sum adds in the order its threads finish, which would
    change the last digits from run to run."""
    products = [term * float(weight) for term, weight in zip(terms, weights)]
    return reduce(operator.add, products)


def _repaired_rows(result: pl.DataFrame, columns: list[str], weights: Floats) -> pl.DataFrame:
    """Put slightly falling quantiles in order and cut absurd ones; mean and second moment follow."""
    place = result.select((pl.col("falls") | pl.col("absurd")).fill_null(False)).to_series().arg_true().to_numpy()
    rows = result[place]
    stated = rows["mean"].cast(pl.Float64).fill_nan(None).fill_null(0.0).to_numpy() if "mean" in rows.columns else 0.0
    values = without_absurd(np.sort(rows.select(columns).to_numpy(), axis=1), stated)
    integral = result["integral"].to_numpy().copy()
    second = result["second"].to_numpy().copy()
    integral[place], second[place] = 0.0, 0.0
    for one, weight in zip(values.T, weights):  # added in order: a matrix product adds as it likes
        integral[place] += one * weight
        second[place] += one * one * weight
    return result.with_columns(pl.Series("integral", integral), pl.Series("second", second))


def without_absurd(values: Floats, mean: Floats | float = 0.0) -> Floats:
    """Quantiles (rows of rising values) of which none is more than 50 times the next lower one, or the mean, plus 200 units:
    a forecast of 23 at 97.5 % and 140,000 at 99 % is a slip of its model, and its square would drown all else. Goods sold in
    bulk on some days only (median 0, mean 400) are no slip.

    >>> without_absurd(np.array([[4.0, 23.0, 140000.0]])).tolist()
    [[4.0, 23.0, 23.0]]
    >>> without_absurd(np.array([[0.0, 0.0, 900.0]]), np.array([200.0])).tolist()
    [[0.0, 0.0, 900.0]]
    """
    sound = values.copy()
    for place in range(1, values.shape[1]):
        low, high = sound[:, place - 1], sound[:, place]
        sound[:, place] = np.where(high > ABSURD_TIMES * np.maximum(low, mean) + ABSURD_UNITS, low, high)
    return sound


def _series_rows(batch: pl.DataFrame, keys: Keys) -> tuple[Integers, pl.DataFrame]:
    """(row of each forecast row's series, series that have none). Only the first row of each run of equal keys is looked up."""
    new = batch.select(
        ((pl.col("item_id") != pl.col("item_id").shift()) | (pl.col("location_id") != pl.col("location_id").shift()))
        .fill_null(True)
        .alias("new")
    )["new"]
    heads = batch.select("item_id", "location_id").filter(new)
    rows = keys.rows(heads["item_id"], heads["location_id"])
    strangers = heads.filter(pl.Series(rows < 0)).unique()
    return (rows[np.cumsum(new.to_numpy()) - 1] if batch.height else rows), strangers


@njit(cache=True, nogil=True)
def _scatter(row, day, m, v, period_days, mean, variance):  # type: ignore[no-untyped-def]
    """Put rows in their cells; marks rows whose cell was taken. Of two rows for a cell the larger stands, whatever came
    first."""
    days = mean.shape[1]
    doubled = np.zeros(row.shape[0], dtype=np.bool_)
    for i in range(row.shape[0]):
        if row[i] < 0:
            continue
        for offset in range(period_days):
            d = day[i] + offset
            if 0 <= d < days:
                one, spread = m[i] / period_days, v[i] / period_days
                there = mean[row[i], d]
                if there == there:
                    doubled[i] = True
                    if one < there or (one == there and spread <= variance[row[i], d]):
                        continue
                mean[row[i], d] = one
                variance[row[i], d] = spread
    return doubled


@njit(cache=True, nogil=True)
def _fill(mean, variance):  # type: ignore[no-untyped-def]
    """Repeat the last seven days (fewer where fewer are known) where a day is missing; the count of days given."""
    size, days = mean.shape
    given = np.zeros(size, dtype=np.int64)
    for i in range(size):
        last = -1
        for d in range(days):
            if mean[i, d] == mean[i, d]:
                given[i] += 1
                last = d
        if last < 0:
            for d in range(days):
                mean[i, d] = 0.0
            continue
        first = 0
        while mean[i, first] != mean[i, first]:
            first += 1
        for d in range(days):
            if mean[i, d] == mean[i, d]:
                continue
            back = d - 7
            while back > last and back >= 0:
                back -= 7
            if back < 0 or mean[i, back] != mean[i, back]:
                back = first if d < first else d - 1
            mean[i, d] = mean[i, back]
            variance[i, d] = variance[i, back]
    return given
