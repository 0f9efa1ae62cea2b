"""Demand of the protection window of each line, as a distribution.

By preference: window forecasts, then sample paths, then daily quantiles. Quantiles of days can't be added up: their
means and variances can, given the correlation rho from day to day:

    M = sum m_d        V = (1 - rho) sum v_d + rho (sum sqrt v_d)^2

A lead time of deviation s adds (mean daily demand)^2 s^2 (Silver, Pyke & Thomas); with enough observed lead times the
windows themselves are mixed, F(x) = sum_l P(l) F_l(x), which also holds where that formula fails.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import polars as pl
from numba import njit
from numpy.typing import NDArray

from shelfcast.domain import quantiles
from shelfcast.replenish.calendar import HORIZON_DAYS, RouteDays, order_times
from shelfcast.replenish.daily_demand import DailyDemand, trapezoid_weights, without_absurd
from shelfcast.replenish.keys import Keys, find
from shelfcast.replenish.window_distribution import WindowDistribution

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

MAX_LEAD_TIMES = 16
"""Observed lead times are thinned to this many equally likely ones."""


@dataclass(frozen=True)
class WindowDemand:
    """Demand of the protection window, of its part before the delivery, and of the cycle."""

    window: WindowDistribution
    before: WindowDistribution
    cycle_mean: Floats
    daily_rate: Floats
    """Mean demand of a day of the window."""


@dataclass(frozen=True)
class LeadTimeSamples:
    """Observed lead times in days of some routes: `days[start[r]:start[r + 1]]` each with its `weight`."""

    start: Integers
    days: Integers
    weight: Floats


@njit(cache=True, nogil=True)
def _sums(mean, variance, row, days, correlation, out_mean, out_variance):  # type: ignore[no-untyped-def]
    width = mean.shape[1]
    week = min(7, width)
    for i in range(row.shape[0]):
        total, spread, deviations = 0.0, 0.0, 0.0
        for d in range(days[i]):
            place = d if d < width else width - week + (d - width) % week
            v = variance[row[i], place]
            total += mean[row[i], place]
            spread += v
            deviations += v**0.5
        out_mean[i] = total
        out_variance[i] = max(0.0, (1.0 - correlation[i]) * spread + correlation[i] * deviations * deviations)


def window_moments(demand: DailyDemand, row: Integers, days: Integers, correlation: Floats) -> tuple[Floats, Floats]:
    """Mean and variance of the demand of the first `days` days after the cutoff, for each line.

    >>> one = DailyDemand(np.ones((1, 7)), np.ones((1, 7)), np.array([7]))
    >>> window_moments(one, np.array([0]), np.array([4]), np.array([0.0]))
    (array([4.]), array([4.]))
    """
    mean, variance = np.zeros(len(row)), np.zeros(len(row))
    _sums(demand.mean, demand.variance, row, np.maximum(days, 0), np.ascontiguousarray(correlation), mean, variance)
    return mean, variance


MOST_VARIATION = 1.5
MOST_SPREAD = 30.0
"""A window's variance is believed up to (1.5 x mean)^2 + 30 x mean; beyond, a forecast's far tail is taken for an error."""


def sound_moments(demand: DailyDemand, row: Integers, days: Integers, correlation: Floats) -> tuple[Floats, Floats]:
    """As `window_moments`, with the variance capped where it can't be believed."""
    mean, variance = window_moments(demand, row, days, correlation)
    return mean, believable(mean, variance)[0]


@dataclass(frozen=True)
class Calibration:
    """What a forecast of the window itself says of mean and variance, as multiples of what the days add up to (1: the
    same, or no such forecast)."""

    mean: Floats
    variance: Floats

    def take(self, lines: Integers) -> Calibration:
        return Calibration(self.mean[lines], self.variance[lines])


def believable(mean: Floats, variance: Floats) -> tuple[Floats, Flags]:
    """(variance, capped where it can't be believed; where that is). One absurd quantile far out in the tail would
    otherwise make the fit put nearly all chance on no demand at all, and nothing would be ordered.

    >>> believable(np.array([10.0, 10.0]), np.array([40.0, 1e8]))
    (array([ 40., 525.]), array([False,  True]))
    """
    most = (MOST_VARIATION * mean) ** 2 + MOST_SPREAD * mean
    return np.minimum(variance, most), variance > most


def window_demand(
    demand: DailyDemand,
    row: Integers,
    delivery_day: Integers,
    next_delivery_day: Integers,
    discrete: Flags,
    correlation: Floats,
    lead_time_sd: Floats,
    extra_cv: Floats,
    calibration: Calibration | None = None,
) -> WindowDemand:
    """Window demand from daily quantiles.

    Args:
        delivery_day, next_delivery_day: days from the cutoff; the window is days 1 ... next_delivery_day - 1.
        discrete: unit demand (whole pieces).
        lead_time_sd: deviation of the lead time, days.
        extra_cv: uncertainty beyond the forecast's own as a share of the mean (new items).
        calibration: what is known of the sum of the days beyond the days themselves.
    """
    days = next_delivery_day - 1
    calibration = calibration or Calibration(np.ones(len(row)), np.ones(len(row)))
    mean, variance = calibrated_moments(demand, row, days, correlation, calibration, extra_cv)
    mean_before, variance_before = calibrated_moments(
        demand, row, np.minimum(delivery_day - 1, days), correlation, calibration, extra_cv
    )
    rate = mean / np.maximum(days, 1)
    lead_time_variance = (rate * lead_time_sd) ** 2
    return WindowDemand(
        WindowDistribution.from_moments(mean, variance + lead_time_variance, discrete),
        WindowDistribution.from_moments(mean_before, variance_before + lead_time_variance, discrete),
        np.maximum(mean - mean_before, 0.0),
        rate,
    )


def calibrated_moments(
    demand: DailyDemand, row: Integers, days: Integers, correlation: Floats, calibration: Calibration, extra_cv: Floats
) -> tuple[Floats, Floats]:
    """Mean and believable variance of the first `days` days, with all that is known of them."""
    mean, variance = window_moments(demand, row, days, correlation)
    mean = mean * calibration.mean
    variance, _ = believable(mean, variance * calibration.variance)
    return mean, variance + (extra_cv * mean) ** 2


def lead_time_samples(deliveries: pl.DataFrame, routes: pl.DataFrame, least: int) -> LeadTimeSamples:
    """Observed lead times of each route (columns source_id, destination_id) that has at least `least` deliveries."""
    seen = (
        deliveries.lazy()
        .select(
            "source_id", "destination_id", (pl.col("received_on") - pl.col("ordered_on")).dt.total_days().alias("l")
        )
        .filter(pl.col("l").is_between(0, HORIZON_DAYS - 1))
        .group_by("source_id", "destination_id", "l")
        .agg(pl.len().alias("count"))
        .filter(pl.col("count").sum().over("source_id", "destination_id") >= least)
    )
    index = routes.lazy().with_row_index("route")
    found = index.join(seen, on=["source_id", "destination_id"]).sort("route", "l").collect()
    start, days, weight = [0], [], []
    groups = {key[0]: part for key, part in found.partition_by("route", as_dict=True, maintain_order=True).items()}
    for route in range(routes.height):
        part = groups.get(route)
        if part is not None:
            values, chances = _thin(part["l"].to_numpy(), part["count"].to_numpy().astype(np.float64))
            days.extend(values)
            weight.extend(chances)
        start.append(len(days))
    return LeadTimeSamples(
        np.array(start, dtype=np.int64), np.array(days, dtype=np.int64), np.array(weight, dtype=np.float64)
    )


def _thin(days: NDArray[np.integer], counts: Floats) -> tuple[list[int], list[float]]:
    chances = counts / counts.sum()
    if len(days) <= MAX_LEAD_TIMES:
        return [int(day) for day in days], [float(chance) for chance in chances]
    middle = (np.arange(MAX_LEAD_TIMES) + 0.5) / MAX_LEAD_TIMES
    picked = days[np.searchsorted(np.cumsum(chances), middle)]
    values, repeats = np.unique(picked, return_counts=True)
    return [int(day) for day in values], [float(repeat) / MAX_LEAD_TIMES for repeat in repeats]


def mix_lead_times(
    plain: WindowDemand,
    samples: LeadTimeSamples,
    demand: DailyDemand,
    days: RouteDays,
    route: Integers,
    row: Integers,
    review_period_days: Integers,
    discrete: Flags,
    correlation: Floats,
    extra_cv: Floats,
    calibration: Calibration,
) -> WindowDemand:
    """Replace the window of lines whose route has lead-time samples by the mixture of the windows of each of them."""
    count = np.diff(samples.start)[route]
    if not count.any():
        return plain
    size = np.maximum(count, 1)
    start = np.concatenate([[0], np.cumsum(size)]).astype(np.int64)
    line = np.repeat(np.arange(len(route)), size)
    place = np.minimum(
        samples.start[route][line] + np.arange(start[-1]) - start[:-1][line], max(len(samples.days) - 1, 0)
    )
    sampled = count[line] > 0
    times = order_times(days, route[line], np.where(sampled, samples.days[place], 1), review_period_days[line])
    weight = np.where(sampled, samples.weight[place], 1.0)
    moments = []
    for length in (times.next_delivery - 1, times.delivery - 1):
        usable = np.where(sampled, np.minimum(length, HORIZON_DAYS), 0)
        moments.append(
            calibrated_moments(demand, row[line], usable, correlation[line], calibration.take(line), extra_cv[line])
        )
    (mean, variance), (mean_before, variance_before) = moments
    keep = np.flatnonzero(~sampled)
    mean[keep], variance[keep] = plain.window.mean[line[keep]], plain.window.variance[line[keep]]
    mean_before[keep], variance_before[keep] = plain.before.mean[line[keep]], plain.before.variance[line[keep]]
    window = WindowDistribution.from_mixture(start, weight, mean, variance, discrete)
    before = WindowDistribution.from_mixture(start, weight, mean_before, variance_before, discrete)
    return WindowDemand(window, before, np.maximum(window.mean - before.mean, 0.0), plain.daily_rate)


@dataclass(frozen=True)
class GivenWindows:
    """Forecasts of exactly the windows of some lines: `values[k]` are the quantiles of line `lines[k]` at `levels`."""

    lines: Integers
    levels: Floats
    values: Floats
    mean: Floats
    variance: Floats

    def calibration(self, demand: DailyDemand, row: Integers, days: Integers, correlation: Floats) -> Calibration:
        """How they differ from the sum of the days, for every line."""
        mean_ratio, variance_ratio = np.ones(len(row)), np.ones(len(row))
        if len(self.lines):
            mean, variance = window_moments(demand, row[self.lines], days[self.lines], correlation[self.lines])
            usable = (mean > 0.0) & (variance > 0.0) & (self.mean > 0.0)
            mean_ratio[self.lines] = np.where(usable, self.mean / np.where(mean > 0.0, mean, 1.0), 1.0)
            variance_ratio[self.lines] = np.where(usable, self.variance / np.where(variance > 0.0, variance, 1.0), 1.0)
        return Calibration(mean_ratio, variance_ratio)


def given_windows(table: pl.DataFrame, keys: Keys, cutoff: date, row: Integers, days: Integers) -> GivenWindows:
    """The forecasts whose window begins the day after the cutoff and lasts exactly `days` of the line."""
    names = [name for name in quantiles.COLUMNS if name in table.columns and table[name].null_count() < table.height]
    none = np.zeros(0)
    if len(names) < 3:
        return GivenWindows(np.zeros(0, dtype=np.int64), none, np.zeros((0, 0)), none, none)
    usable = table.filter(
        ((pl.col("window_from") - pl.lit(cutoff)).dt.total_days() == 1)
        & pl.all_horizontal(*(pl.col(name).is_finite() for name in names))
    ).sort("item_id", "location_id", "window_to", *names)
    length = (usable["window_to"] - pl.Series([cutoff])).dt.total_days().to_numpy().astype(np.int64)
    number = keys.rows(usable["item_id"], usable["location_id"]) * (HORIZON_DAYS * 2) + length
    unique, first = np.unique(number, return_index=True)
    place = find(unique, row * (HORIZON_DAYS * 2) + days)
    lines = np.flatnonzero((place >= 0) & (row >= 0))
    source = usable[first[place[lines]]] if len(lines) else usable.clear()
    given = np.maximum.accumulate(np.maximum(source.select(names).to_numpy(), 0.0), axis=1)
    values = without_absurd(given, _stated(source, "mean", np.zeros(source.height)))
    levels = np.array([quantiles.level(name) for name in names])
    weights = trapezoid_weights(levels)
    integral = (values * weights).sum(axis=1)
    spread = np.maximum((values**2 * weights).sum(axis=1) - integral**2, 0.0)
    mean = _stated(source, "mean", integral)
    variance, absurd = believable(mean, _stated(source, "variance", spread))
    # Quantiles that contradict a believable spread are no better than the days: those lines keep the sum of their days.
    sound = ~absurd
    return GivenWindows(lines[sound], levels, values[sound], mean[sound], variance[sound])


def _stated(frame: pl.DataFrame, name: str, otherwise: Floats) -> Floats:
    """A column where it has a number, else what was worked out."""
    if name not in frame.columns:
        return otherwise
    values = frame[name].cast(pl.Float64).fill_null(np.nan).to_numpy()
    return np.where(np.isfinite(values), values, otherwise)


def use_window_forecasts(plain: WindowDemand, given: GivenWindows, certain: Flags) -> WindowDemand:
    """Replace the window of `certain` lines by the quantiles of its own forecast. Lines whose lead time or level is
    uncertain keep the fit (which has the forecast's mean and variance), since the quantiles don't hold that uncertainty."""
    mine = np.flatnonzero(certain[given.lines]) if len(given.lines) else given.lines
    if not len(mine):
        return plain
    lines = given.lines[mine]
    variance = plain.window.variance.copy()
    variance[lines] = given.variance[mine]
    window = plain.window.with_grid(lines, given.levels, given.values[mine], given.mean[mine])
    return WindowDemand(replace(window, variance=variance), plain.before, plain.cycle_mean, plain.daily_rate)
