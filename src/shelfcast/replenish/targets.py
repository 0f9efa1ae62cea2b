"""The level the position is raised to, by what the target promises: service, fill rate or least cost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shelfcast.replenish import distribution_kernels as kernels
from shelfcast.replenish.parameters import CLASSES
from shelfcast.replenish.rules import Resolved
from shelfcast.replenish.window_demand import WindowDemand

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

CYCLE_SERVICE, FILL_RATE, ECONOMIC, CLASS = 1, 2, 3, 4
TARGET_NAMES = ("", "cycle_service", "fill_rate", "economic", "class")
DAYS_PER_YEAR = 365.0
MOST_SERVICE = 0.9999


@dataclass(frozen=True)
class Costs:
    """Per unit: what a missing unit costs, what a unit too many costs over one cycle, the holding cost of a day."""

    underage: Floats
    overage: Floats
    holding_per_day: Floats

    @property
    def known(self) -> Flags:
        return np.isfinite(self.underage) & np.isfinite(self.overage) & (self.overage > 0.0)

    @property
    def critical_ratio(self) -> Floats:
        """cu / (cu + co), 0 where a unit earns nothing; NaN where money is unknown."""
        underage = np.maximum(self.underage, 0.0)
        total = underage + self.overage
        return np.where(self.known, underage / np.where(total > 0.0, total, 1.0), np.nan)


def costs(
    unit_price: Floats,
    margin: Floats,
    unit_cost: Floats,
    salvage: Floats,
    disposal_cost: Floats,
    cycle_days: Floats,
    expires_in_window: Flags,
    parameters: Resolved,
) -> Costs:
    """Costs per unit and per review cycle, not per day: with holding cost h and R days between deliveries the
    critical ratio is p / (p + h R).

    cu = lost_sale_share (price - cost, or the stated margin) + goodwill. co = h R for goods that keep; cost - salvage + disposal for those
    that expire within the window.
    """
    holding = parameters.number("holding_rate_per_year") * unit_cost / DAYS_PER_YEAR
    gain = np.where(np.isfinite(margin), margin, unit_price - unit_cost)
    underage = parameters.number("lost_sale_share") * gain + parameters.number("goodwill")
    kept = holding * np.maximum(cycle_days, 1.0)
    thrown = unit_cost - salvage + disposal_cost
    return Costs(underage, np.where(expires_in_window, np.maximum(thrown, kept), kept), holding)


def abc_xyz(value_rate: Floats, mean: Floats, variance: Floats, item_location: Integers) -> Integers:
    """Class of each line as position in CLASSES: A by value share 80/15/5, X by variation of window demand < 0.5, < 1.

    Args:
        value_rate: demand a day in money.
        item_location: row of each line, which breaks ties, so that the order of the rows doesn't matter.
    """
    order = np.lexsort((item_location, -value_rate))
    ordered = value_rate[order]
    total = ordered.sum()
    before = np.cumsum(ordered) - ordered
    share = np.empty(len(order))
    share[order] = before / total if total > 0.0 else 1.0
    value_class = np.where(share < 0.80, 0, np.where(share < 0.95, 1, 2))
    variation = np.sqrt(variance) / np.where(mean > 0.0, mean, 1.0)
    variation_class = np.where((mean > 0.0) & (variation < 0.5), 0, np.where((mean > 0.0) & (variation < 1.0), 1, 2))
    return (3 * value_class + variation_class).astype(np.int64)


@dataclass(frozen=True)
class Target:
    """`kind` is CYCLE_SERVICE, FILL_RATE, ECONOMIC or CLASS; `level` the order-up-to level before rounding."""

    kind: Integers
    value: Floats
    level: Floats
    clamped: Flags


def choose_kind(parameters: Resolved, money_known: Flags, is_source: Flags) -> Integers:
    """What the target of each line promises. `auto`: the target a rule sets, else fill rate for locations that supply
    others, else least cost where price and cost are known, else the class default."""
    auto = np.where(
        parameters.ruled("target_cycle_service"),
        CYCLE_SERVICE,
        np.where(parameters.ruled("target_fill_rate") | is_source, FILL_RATE, np.where(money_known, ECONOMIC, CLASS)),
    )
    kind = auto
    for name, code in (("cycle_service", CYCLE_SERVICE), ("fill_rate", FILL_RATE), ("class", CLASS)):
        kind = np.where(parameters.is_choice("target_type", name), code, kind)
    return np.where(parameters.is_choice("target_type", "economic"), np.where(money_known, ECONOMIC, CLASS), kind)


def target_values(
    kind: Integers, parameters: Resolved, critical_ratio: Floats, classes: Integers, is_source: Flags
) -> Floats:
    """Service level, fill rate or critical ratio of each line."""
    fill = np.where(
        is_source & ~parameters.ruled("target_fill_rate"),
        parameters.number("dc_target_fill_rate"),
        parameters.number("target_fill_rate"),
    )
    by_class = np.zeros(len(kind))
    for position, name in enumerate(CLASSES):
        by_class = np.where(classes == position, parameters.number(f"class_target_{name}"), by_class)
    service = np.where(kind == CYCLE_SERVICE, parameters.number("target_cycle_service"), by_class)
    economic = np.minimum(np.nan_to_num(critical_ratio), MOST_SERVICE)
    return np.where(kind == FILL_RATE, fill, np.where(kind == ECONOMIC, economic, service))


def order_up_to(kind: Integers, value: Floats, demand: WindowDemand, lost: Flags) -> Target:
    """Level of each line: the quantile of window demand at the service level or critical ratio, or the smallest level
    whose fill rate reaches the target."""
    level, clamped = demand.window.quantile(np.where(kind == FILL_RATE, 0.5, value))
    level = np.where((value <= 0.0) & (kind != FILL_RATE), 0.0, level)
    fill = np.flatnonzero(kind == FILL_RATE)
    clamped = clamped & (kind != FILL_RATE)
    if len(fill):
        level = level.copy()
        level[fill] = fill_rate_levels(demand, fill, value[fill], lost[fill])
    return Target(kind, value, level, clamped)


def fill_rate_levels(demand: WindowDemand, lines: Integers, fill_rate: Floats, lost: Flags) -> Floats:
    """Smallest level S with 1 - (n_w(S) - n_a(S)) / E[cycle demand] >= fill rate, by counting up for unit demand and by
    halving intervals otherwise."""
    window, before = demand.window.take(lines), demand.before.take(lines)
    cycle = demand.cycle_mean[lines]
    simple = (window.kind == kernels.COUNT) & (before.kind != kernels.GAMMA) & (np.diff(window.start) == 1)
    result = np.zeros(len(lines))
    counted = np.flatnonzero(simple)
    if len(counted):
        w, b = window.take(counted), before.take(counted)
        out = np.zeros(len(counted))
        kernels.count_fill_rate_levels(
            w.mean, w.variance, b.mean, b.variance, cycle[counted], fill_rate[counted], lost[counted], out
        )
        result[counted] = out
    rest = np.flatnonzero(~simple)
    if len(rest):
        result[rest] = _halving(window.take(rest), before.take(rest), cycle[rest], fill_rate[rest], lost[rest])
    return result


def _halving(window, before, cycle, fill_rate, lost) -> Floats:  # type: ignore[no-untyped-def]
    low = np.zeros(window.size)
    high = window.mean + 20.0 * np.sqrt(window.variance) + 1.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        missing = np.maximum(window.at(middle)[1] - before.at(middle)[1], 0.0)
        enough = missing <= (1.0 - fill_rate) * (cycle + np.where(lost, missing, 0.0))
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return np.where(cycle > 0.0, high, 0.0)
