"""(s,S): every period, when the inventory position is at or below s, order up to S. Fixed cost per order, backorders.

Sequence: look at the position, order, goods arrive `lead_time` periods later (0: at once), then the period's demand;
g(y) is the newsvendor cost of the demand of `lead_time + 1` periods, h per unit left, p per unit short, K per order.
Source: Zheng & Federgruen 1991 (exact); Ehrhardt & Mosier 1984 (power approximation); Snyder & Shen, 2nd ed., 4.4.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import ArrayLike
from scipy import special

from shelfcast.domain.errors import BadParameter
from shelfcast.replenish.formulas.checks import FloatArray, IntArray, Numbers, not_negative, positive, whole
from shelfcast.replenish.formulas.pmf import Pmf
from shelfcast.replenish.formulas.unit_costs import best_level, cost_at, level_costs, poisson_table


class MinMaxLevels(NamedTuple):
    """s (order when the position is at or below it), S, and cost per period; arrays for array input."""

    reorder_point: Numbers
    order_up_to_level: Numbers
    cost: Numbers


class MinMaxApproximation(NamedTuple):
    """Approximate s and S, in units, not rounded."""

    reorder_point: Numbers
    order_up_to_level: Numbers


def min_max_poisson(
    holding_cost: ArrayLike,
    stockout_cost: ArrayLike,
    fixed_cost: ArrayLike,
    demand_mean: ArrayLike,
    lead_time: ArrayLike = 0.0,
) -> MinMaxLevels:
    """Best whole (s,S) under Poisson demand per period; arrays give one answer per element.

    >>> s, S, cost = min_max_poisson(1, 4, 5, 6)
    >>> int(s), int(S), round(float(cost), 6)
    (4, 10, 8.034112)
    """
    h, p, k, mean, lead = np.broadcast_arrays(
        positive("holding_cost", holding_cost),
        positive("stockout_cost", stockout_cost),
        not_negative("fixed_cost", fixed_cost),
        positive("demand_mean", demand_mean),
        not_negative("lead_time", lead_time),
    )
    lows, highs, costs = _poisson_items(*(np.ascontiguousarray(one).ravel() for one in (h, p, k, mean, lead)))
    return MinMaxLevels(lows.reshape(h.shape)[()], highs.reshape(h.shape)[()], costs.reshape(h.shape)[()])


def min_max_pmf(
    holding_cost: float,
    stockout_cost: float,
    fixed_cost: float,
    demand_pmf: Mapping[object, float] | Sequence[float] | Pmf,
    lead_time: int = 0,
) -> MinMaxLevels:
    """Best whole (s,S) under a demand per period given as probabilities of 0, 1, 2, ... units.

    >>> min_max_pmf(0.5, 9.5, 8, [0.3, 0.25, 0.15, 0.1, 0.08, 0.05, 0.04, 0.03])[:2]
    (2, 10)
    """
    h, p, k, one, window, mean = _pmf_terms(holding_cost, stockout_cost, fixed_cost, demand_pmf, lead_time)
    s, level, cost = _solve(h, p, k, one, 0, window, mean)
    return MinMaxLevels(int(s), int(level), float(cost))


def min_max_pmf_cost(
    reorder_point: int,
    order_up_to_level: int,
    holding_cost: float,
    stockout_cost: float,
    fixed_cost: float,
    demand_pmf: Mapping[object, float] | Sequence[float] | Pmf,
    lead_time: int = 0,
) -> float:
    """Cost per period of a given (s,S): [K + sum m(j) g(S - j)] / M(S - s) (equation 4.71)."""
    h, p, k, one, window, mean = _pmf_terms(holding_cost, stockout_cost, fixed_cost, demand_pmf, lead_time)
    if order_up_to_level <= reorder_point:
        raise BadParameter(f"order_up_to_level {order_up_to_level} must be above reorder_point {reorder_point}.")
    renewal = _renewal(one, order_up_to_level - reorder_point)
    costs = level_costs(0, window, mean, h, p)
    return float(_average(reorder_point, order_up_to_level, k, renewal, 0, costs, mean, h, p))


def min_max_power_approximation(
    holding_cost: ArrayLike,
    stockout_cost: ArrayLike,
    fixed_cost: ArrayLike,
    demand_mean: ArrayLike,
    demand_sd: ArrayLike,
    lead_time: ArrayLike = 0.0,
    capped: bool = False,
) -> MinMaxApproximation:
    """(s,S) by the power approximation (equations 4.77-4.80).

    `capped` adds what the authors do and the text book leaves out: where the lot is at most 1.5 times the mean, neither
    level goes above the newsvendor level.

    >>> [round(float(value), 4) for value in min_max_power_approximation(0.18, 0.70, 2.5, 50, 8)]
    [40.1946, 74.2902]
    """
    h, p = positive("holding_cost", holding_cost), positive("stockout_cost", stockout_cost)
    k, mean, sd = (
        positive("fixed_cost", fixed_cost),
        positive("demand_mean", demand_mean),
        positive("demand_sd", demand_sd),
    )
    periods = not_negative("lead_time", lead_time) + 1.0
    window_mean, window_sd = mean * periods, sd * np.sqrt(periods)
    quantity = 1.30 * mean**0.494 * (k / h) ** 0.506 * (1.0 + (window_sd / mean) ** 2) ** 0.116
    z = np.sqrt(quantity / window_sd * h / p)
    s = 0.973 * window_mean + window_sd * (0.183 / z + 1.063 - 2.192 * z)
    level = s + quantity
    if capped:
        newsvendor = window_mean + window_sd * special.ndtri(p / (p + h))
        small = quantity / mean <= 1.5
        s, level = np.where(small, np.minimum(s, newsvendor), s), np.where(small, np.minimum(level, newsvendor), level)
    return MinMaxApproximation(s[()], level[()])


def _pmf_terms(
    holding_cost: float,
    stockout_cost: float,
    fixed_cost: float,
    demand_pmf: Mapping[object, float] | Sequence[float] | Pmf,
    lead_time: int,
) -> tuple[float, float, float, FloatArray, FloatArray, float]:
    """(h, p, K, probabilities of one period, of the protected periods, mean of the latter)."""
    demand = Pmf.of(demand_pmf)
    one = demand.dense()
    if one[0] >= 1.0 - 1e-12:
        raise BadParameter("demand_pmf is zero demand for sure; there is nothing to order.")
    window = demand.convolved(whole("lead_time", lead_time) + 1).dense()
    h, p = float(positive("holding_cost", holding_cost)), float(positive("stockout_cost", stockout_cost))
    mean = float(np.arange(window.size) @ window)
    return h, p, float(not_negative("fixed_cost", fixed_cost)), one, window, mean


@njit(cache=True, nogil=True)
def _renewal(one: FloatArray, length: int) -> FloatArray:  # pragma: no cover - compiled
    """m(j), j < length: expected periods the position spends j units below S before the next order."""
    renewal = np.zeros(length)
    _extend(renewal, 0, length, one)
    return renewal


@njit(cache=True, nogil=True)
def _extend(renewal: FloatArray, start: int, end: int, one: FloatArray) -> None:  # pragma: no cover - compiled
    stays = 1.0 - one[0]
    for j in range(start, end):
        total = 1.0 if j == 0 else 0.0
        for size in range(1, min(j, one.size - 1) + 1):
            total += one[size] * renewal[j - size]
        renewal[j] = total / stays


@njit(cache=True, nogil=True)
def _average(
    s: int, level: int, k: float, renewal: FloatArray, first: int, costs: FloatArray, mean: float, h: float, p: float
) -> float:  # pragma: no cover - compiled
    """c(s,S): fixed cost and holding and shortage cost of a cycle over its expected length."""
    total, length = k, 0.0
    for j in range(level - s):
        total += renewal[j] * cost_at(level - j, first, costs, mean, h, p)
        length += renewal[j]
    return total / length


@njit(cache=True, nogil=True)
def _solve(
    h: float, p: float, k: float, one: FloatArray, first: int, window: FloatArray, mean: float
) -> tuple[int, int, float]:  # pragma: no cover - compiled
    """Zheng & Federgruen's search: lower s for the first S, then raise S while g(S) stays below the best cost.

    `one` holds the probabilities of one period from 0 on, `window` those of the protected periods from `first` on.
    """
    costs = level_costs(first, window, mean, h, p)
    renewal = np.zeros(256)
    known = 0
    best_up_to = best_level(first, costs)
    s = best_up_to
    total, length = k, 0.0
    while True:
        j = best_up_to - s
        if j >= renewal.size:
            renewal = np.concatenate((renewal, np.zeros(renewal.size)))
        if j >= known:
            _extend(renewal, known, j + 1, one)
            known = j + 1
        total += renewal[j] * cost_at(s, first, costs, mean, h, p)
        length += renewal[j]
        s -= 1
        if total / length <= cost_at(s, first, costs, mean, h, p):
            break
    best_cost = total / length
    level = best_up_to + 1
    while cost_at(level, first, costs, mean, h, p) <= best_cost:
        if level - s > known:
            while level - s > renewal.size:
                renewal = np.concatenate((renewal, np.zeros(renewal.size)))
            _extend(renewal, known, level - s, one)
            known = level - s
        if _average(s, level, k, renewal, first, costs, mean, h, p) < best_cost:
            best_up_to = level
            while s + 1 < level and _average(s, level, k, renewal, first, costs, mean, h, p) <= cost_at(
                s + 1, first, costs, mean, h, p
            ):
                s += 1
            best_cost = _average(s, level, k, renewal, first, costs, mean, h, p)
        level += 1
    return s, best_up_to, best_cost


@njit(cache=True, nogil=True)
def _poisson_items(
    h: FloatArray, p: FloatArray, k: FloatArray, mean: FloatArray, lead: FloatArray
) -> tuple[IntArray, IntArray, FloatArray]:  # pragma: no cover - compiled
    lows = np.empty(h.size, np.int64)
    highs = np.empty(h.size, np.int64)
    costs = np.empty(h.size)
    for item in range(h.size):
        start, table = poisson_table(mean[item])
        one = np.zeros(start + table.size)
        one[start:] = table
        window_mean = mean[item] * (lead[item] + 1.0)
        first, window = poisson_table(window_mean)
        lows[item], highs[item], costs[item] = _solve(h[item], p[item], k[item], one, first, window, window_mean)
    return lows, highs, costs
