"""Recover demand on days the stock ran out: sales there are a lower bound of what customers wanted.

Model of a day: demand has the rate  usual = level(series, time) * weekday(series) * day(group, date)  and a day's own
luck, a gamma factor with mean 1 and strength `luck` (in usual days). In stock for the share p of the day's demand,
`sold` units went; given that, the rate of the rest of the day is, by gamma-Poisson updating,

    rate = usual * (luck + sold / usual) / (luck + p)        demand = sold + (1 - p) * rate

so a day that sold out early was a busy day, one that was never in stock is a usual day, and demand is never below
sales. Usual demand is itself learned from recovered demand, weighing each day with p, in a few rounds (expectation
maximisation): days in stock alone would be the quiet ones, since busy days run out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numba import njit
from numpy.typing import NDArray

from shelfcast.domain.errors import BadInput, BadParameter

Floats = NDArray[np.floating]

FULL, AT_LEAST_USUAL = "full", "at_least_usual"
ROUNDS = 4
HALF_LIFE = 21.0
"""Periods after which a day tells half as much about a level."""
LEVEL_PRIOR = 3.0
"""Days the series' own overall mean weighs in its local level."""
GROUP_PRIOR = 1.0
"""Days the group's mean weighs in the series' overall mean."""
WEEKDAY_PRIOR = 6.0
DAY_PRIOR = 10.0
"""Usual days of the group that stand for an ordinary day: a day's own factor needs more than that to move."""
LUCK_RANGE = (1.0, 30.0)

NOT_CENSORED, PARTLY, OUT_ALL_DAY, FEW_OWN_DAYS, UNKNOWN = 0, 1, 2, 3, 4
EVIDENCE: tuple[str, ...] = ("", "part_of_day", "usual_day", "like_series", "none")
"""Names of the evidence codes: sold part of the day and the rest filled in; out all day, own usual day; the like, with
fewer than three of its own days to go by; nothing to go by (sales kept)."""


@dataclass(frozen=True)
class Recovered:
    """Demand with its evidence. All (series, T)."""

    demand: Floats
    """Sales on days in stock; recovered on censored days; NaN where sales are missing."""
    censored: NDArray[np.bool_]
    evidence: NDArray[np.int8]
    """Code in `EVIDENCE`."""
    usual: Floats
    """What the day would usually have sold: level x weekday x day; NaN where nothing is known."""
    exposure: Floats
    """Share of the day's demand that met stock."""
    days: NDArray[np.int32]
    """Days fully in stock behind the series' level, (series,)."""


def recover_demand(
    units: Floats, in_stock_share: Floats, season: int = 7, *, groups: Sequence[NDArray[np.integer]] = (),
    exposure: Floats | None = None, method: str = FULL,
) -> Recovered:  # fmt: skip
    """Demand on days the stock ran out.

    Args:
        units: (series, T) sold, NaN where missing (closed, not listed).
        in_stock_share: (series, T) share of the selling hours in stock; NaN = not recorded, taken as in stock.
        season: periods of the week (1 = none).
        groups: codes (series,) of series that have good and bad days together: the same item in other locations, the
            same location; empty = no neighbours.
        exposure: (series, T) share of the day's *demand* met by stock, where hours are known (`exposure_by_hour`); NaN or
            None = the share of hours.
        method: `full` as the module says: what all customers wanted, busy days included. `at_least_usual`: a censored
            day gets what days in stock usually sell, or what it sold if that is more. The second is lower: it estimates
            what a day that stays in stock sells, which is less than demand, as it is the busy days that run out.

    Raises:
        BadInput: shapes differ or a share lies outside 0..1. BadParameter: unknown method.

    >>> sold = np.array([[10.0, 10.0, 10.0, 10.0, 0.0, 5.0]])
    >>> recovered = recover_demand(sold, np.array([[1.0, 1.0, 1.0, 1.0, 0.0, 0.5]]), season=1)
    >>> recovered.demand.round(1).tolist()
    [[10.0, 10.0, 10.0, 10.0, 10.0, 10.0]]
    """
    if method not in (FULL, AT_LEAST_USUAL):
        raise BadParameter.unknown("recovery method", method, (FULL, AT_LEAST_USUAL))
    if units.shape != in_stock_share.shape or any(len(group) != len(units) for group in groups):
        raise BadInput(
            f"units {units.shape}, in_stock_share {in_stock_share.shape} and groups must cover the same series."
        )
    if np.any((in_stock_share < 0) | (in_stock_share > 1)):
        raise BadInput("in_stock_share holds values outside 0..1; give the share of selling hours in stock.")
    known = np.isfinite(units)
    share = np.where(np.isfinite(in_stock_share), in_stock_share, 1.0)
    censored = known & (share < 1.0)
    met = share if exposure is None else np.where(np.isfinite(exposure) & censored, exposure, share)
    met = np.where(known, np.where(censored, np.minimum(met, 0.999), 1.0), 0.0)
    sold = np.where(known, units, 0.0)
    floor = np.maximum(sold, 0.0)
    demand = np.where(known & (met > 0), sold, 0.0)
    group_of_level = groups[0] if groups else np.zeros(len(units), dtype=np.int64)
    usual: Floats = np.zeros(units.shape)
    weight = met if method == FULL else np.where(censored, 0.02 * met, met)
    luck: Floats = np.full(len(units), 4.0)
    for turn in range(ROUNDS):
        usual = _usual(demand, weight, season, group_of_level, groups)
        if turn:
            luck = _luck(floor, usual, known & ~censored)
        rate = usual * luck[:, None] + floor
        rate /= np.maximum(luck[:, None] + met, 1e-9)
        demand = np.where(censored, floor + (1.0 - met) * np.maximum(rate, 0.0), sold)
    if method == AT_LEAST_USUAL:
        demand = np.where(censored, np.maximum(floor, usual), sold)
    nothing = ~(usual > 0) & censored & (met < 0.05)
    demand = np.where(nothing, sold, np.maximum(demand, sold))
    days = (known & ~censored).sum(axis=1).astype(np.int32)
    evidence = np.where(met > 0.05, PARTLY, OUT_ALL_DAY)
    evidence = np.where((days < 3)[:, None], FEW_OWN_DAYS, evidence)
    evidence = np.where(nothing, UNKNOWN, evidence)
    return Recovered(
        np.where(known, demand, np.nan),
        censored,
        np.where(censored, evidence, NOT_CENSORED).astype(np.int8),
        np.where(usual > 0, usual, np.nan),
        met,
        days,
    )


def exposure_by_hour(first_out_hour: Floats, hourly_profile: Floats) -> Floats:
    """Share of a day's demand before the hour stock ran out (and stayed out): NaN where the hour isn't known.

    Args:
        first_out_hour: any shape, local hour 0..24.
        hourly_profile: (24,) share of a day's demand by hour (any scale).
    """
    if hourly_profile.shape != (24,) or not hourly_profile.sum() > 0 or (hourly_profile < 0).any():
        raise BadInput("the hourly profile needs 24 shares, none negative, not all zero.")
    until = np.concatenate([[0.0], np.cumsum(hourly_profile) / hourly_profile.sum()])
    return np.where(np.isfinite(first_out_hour), np.interp(np.nan_to_num(first_out_hour), np.arange(25), until), np.nan)


def evidence_texts(recovered: Recovered, units: Floats) -> pl.Series:
    """A sentence per cell (row by row), empty where nothing was recovered: what it was based on."""
    cells = np.flatnonzero(recovered.evidence.ravel() > 0)
    rows = cells // units.shape[1]
    frame = pl.DataFrame(
        {
            "code": recovered.evidence.ravel()[cells],
            "share": np.rint(100 * recovered.exposure.ravel()[cells]).astype(np.int64),
            "sold": np.nan_to_num(units.ravel()[cells]).round(2),
            "usual": np.nan_to_num(recovered.usual.ravel()[cells]).round(2),
            "days": recovered.days[rows],
        }
    )
    usual = pl.format("usual {} from {} days in stock", "usual", "days")
    text = (
        pl.when(pl.col("code") == PARTLY)
        .then(pl.format("part_of_day: sold {} in {} % of the day; {}", "sold", "share", usual))
        .when(pl.col("code") == OUT_ALL_DAY)
        .then(pl.format("usual_day: out all day; {}", usual))
        .when(pl.col("code") == FEW_OWN_DAYS)
        .then(pl.format("like_series: sold {} in {} % of the day; {}", "sold", "share", usual))
        .otherwise(pl.lit("none: nothing to go by, sales kept"))
    )
    result = np.full(units.size, "", dtype=object)
    result[cells] = frame.select(text.alias("text"))["text"].to_numpy()
    return pl.Series("evidence", result, dtype=pl.String)


@dataclass(frozen=True)
class RecoveryScore:
    """How well hidden days were recovered: WAPE and bias (recovered - true) over the hidden days, and of leaving sales."""

    wape: float
    bias: float
    wape_of_sales: float
    bias_of_sales: float
    cells: int


def score_recovery(
    units: Floats, in_stock_share: Floats, generator: np.random.Generator, season: int = 7, *,
    hidden: float = 0.1, groups: Sequence[NDArray[np.integer]] = (), method: str = FULL,
) -> RecoveryScore:  # fmt: skip
    """Hide a share of the days that were in stock whole, recover them, and compare with what had really been sold.

    The day is cut at a random share s of its hours, where s of its demand is taken to have been met: 0..0.9. Days in
    stock are quieter than days that ran out, so the `full` method is expected to come out above them.
    """
    whole = np.isfinite(units) & (np.nan_to_num(in_stock_share, nan=1.0) >= 1.0)
    hide = whole & (generator.random(units.shape) < hidden)
    share = np.where(hide, generator.integers(0, 10, units.shape) / 10.0, in_stock_share)
    left = np.where(hide, units * share, units)
    made = recover_demand(left, share, season, groups=groups, method=method).demand
    size = float(np.abs(units[hide]).sum())
    if size == 0:
        return RecoveryScore(float("nan"), float("nan"), float("nan"), float("nan"), int(hide.sum()))

    def off(values: Floats) -> tuple[float, float]:
        gap = values[hide] - units[hide]
        return float(np.abs(gap).sum() / size), float(gap.sum() / size)

    return RecoveryScore(*off(made), *off(left), int(hide.sum()))


def _usual(
    demand: Floats, weight: Floats, season: int, level_group: NDArray[np.integer], groups: Sequence[NDArray[np.integer]]
) -> Floats:
    """Level x weekday x day factors of the groups, from the demand so far: (series, T)."""
    overall = _overall(demand, weight, level_group)
    weekday = _weekday(demand, weight, overall, season, level_group)
    phases = np.arange(demand.shape[1]) % season
    expected = np.maximum(weekday[:, phases], 0.05)
    level = _local_level(demand / expected, weight * expected, overall)
    usual = level * expected
    for group in groups:
        usual = usual * _day_factor(demand, weight, usual, group)[group]
    return usual


def _overall(demand: Floats, weight: Floats, group: NDArray[np.integer]) -> Floats:
    """Mean demand per day of each series, drawn to its group's: (series,)."""
    sums, days = (demand * weight).sum(axis=1), weight.sum(axis=1)
    count = int(group.max()) + 1 if len(group) else 0
    mean = sums / np.maximum(days, 1e-9)
    members = np.bincount(group, weights=days > 0, minlength=count)
    in_group = np.bincount(group, weights=mean * (days > 0), minlength=count) / np.maximum(members, 1e-9)
    return (sums + GROUP_PRIOR * in_group[group]) / (days + GROUP_PRIOR)


def _weekday(demand: Floats, weight: Floats, overall: Floats, season: int, group: NDArray[np.integer]) -> Floats:
    """Factor by phase of the week (series, season), mean 1: the series' own, drawn to its group's."""
    count = int(group.max()) + 1 if len(group) else 0
    ones = np.zeros((len(demand), season))
    base = np.zeros((len(demand), season))
    for phase in range(season):
        ones[:, phase] = (demand[:, phase::season] * weight[:, phase::season]).sum(axis=1)
        base[:, phase] = overall * weight[:, phase::season].sum(axis=1)
    group_ones, group_base = np.zeros((count, season)), np.zeros((count, season))
    np.add.at(group_ones, group, ones)
    np.add.at(group_base, group, base)
    size = group_base.mean(axis=1, keepdims=True) * 0.02 + 1e-9
    shared = (group_ones + size) / (group_base + size)
    prior = WEEKDAY_PRIOR * overall[:, None] + 1e-9
    own = (ones + prior * shared[group]) / (base + prior)
    return own / np.maximum(own.mean(axis=1, keepdims=True), 1e-9)


@njit(cache=True, nogil=True)
def _local_level(demand: Floats, weight: Floats, overall: Floats) -> Floats:
    """Two-sided exponentially weighted mean around each day, drawn to the overall mean: (series, T)."""
    fade = 0.5 ** (1.0 / HALF_LIFE)
    count, length = demand.shape
    result = np.empty((count, length))
    left_sum, left_weight = np.empty(length), np.empty(length)
    for i in range(count):
        total, mass = 0.0, 0.0
        for t in range(length):
            total = total * fade + demand[i, t] * weight[i, t]
            mass = mass * fade + weight[i, t]
            left_sum[t], left_weight[t] = total, mass
        total, mass = 0.0, 0.0
        for t in range(length - 1, -1, -1):
            above = left_sum[t] + total + LEVEL_PRIOR * overall[i]
            result[i, t] = above / (left_weight[t] + mass + LEVEL_PRIOR)
            total = (total + demand[i, t] * weight[i, t]) * fade
            mass = (mass + weight[i, t]) * fade
    return result


def _day_factor(demand: Floats, weight: Floats, usual: Floats, group: NDArray[np.integer]) -> Floats:
    """How a day went for a group against its usual: (groups, T), drawn to 1."""
    count = int(group.max()) + 1 if len(group) else 0
    seen, expected = np.zeros((count, demand.shape[1])), np.zeros((count, demand.shape[1]))
    _add_to_groups(demand, weight, group, seen)
    _add_to_groups(usual, weight, group, expected)
    days = np.maximum((expected > 0).sum(axis=1), 1)
    members = np.bincount(group, minlength=count)
    prior = DAY_PRIOR * expected.sum(axis=1) / days / np.maximum(members, 1)
    return (seen + prior[:, None]) / np.maximum(expected + prior[:, None], 1e-9)


@njit(cache=True, nogil=True)
def _add_to_groups(values: Floats, weight: Floats, group: NDArray[np.integer], out: Floats) -> None:
    """Sum of values x weight by group."""
    for i in range(values.shape[0]):
        for t in range(values.shape[1]):
            out[group[i], t] += values[i, t] * weight[i, t]


def _luck(sold: Floats, usual: Floats, in_stock: NDArray[np.bool_]) -> Floats:
    """Strength of a day's own luck per series: 1.4 / (relative variance of in-stock days), pooled with all series.

    Most of the variance lasts the day (busy days are busy from the morning on): measured on hourly grocery sales, where
    the rest of the day followed the morning with a strength of 4.7 (3.8 .. 5.0 from 10 to 18 h) at a variance of 0.29.
    """
    clear = in_stock & (usual > 0)
    relative = np.where(clear, sold / np.where(usual > 0, usual, 1.0) - 1.0, 0.0) ** 2
    relative = np.minimum(relative, 9.0)
    days = clear.sum(axis=1)
    pooled = relative.sum() / max(days.sum(), 1)
    own = (relative.sum(axis=1) + 10.0 * pooled) / (days + 10.0)
    return np.clip(1.4 / np.maximum(own, 1e-6), *LUCK_RANGE)
