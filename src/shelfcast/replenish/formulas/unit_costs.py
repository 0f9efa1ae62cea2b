"""Newsvendor costs g(y) of a whole-unit demand at every level, as compiled tables: the heart of exact (r,Q) and (s,S)."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from shelfcast.replenish.formulas.checks import FloatArray

LEAST_MASS = 1e-18
"""Probabilities below this are left out of a Poisson table; what they add to a cost is below rounding."""


@njit(cache=True, nogil=True)
def poisson_table(mean: float) -> tuple[int, FloatArray]:  # pragma: no cover - compiled
    """(first count, probabilities from there on) of a Poisson demand, without underflow for large means."""
    if mean <= 0.0:
        return 0, np.ones(1)
    mode = int(math.floor(mean))
    top = math.exp(mode * math.log(mean) - mean - math.lgamma(mode + 1.0))
    first, weight = mode, top
    while first > 0 and weight > LEAST_MASS:
        weight *= first / mean
        first -= 1
    last, weight = mode, top
    while weight > LEAST_MASS:
        last += 1
        weight *= mean / last
    table = np.empty(last - first + 1)
    table[mode - first] = top
    for count in range(mode, first, -1):
        table[count - 1 - first] = table[count - first] * count / mean
    for count in range(mode + 1, last + 1):
        table[count - first] = table[count - 1 - first] * mean / count
    return first, table


@njit(cache=True, nogil=True)
def level_costs(first: int, table: FloatArray, mean: float, h: float, p: float) -> FloatArray:  # pragma: no cover
    """g(y) = h E(y - D)+ + p E(D - y)+ for y = first, first + 1, ..., one past the last count.

    By differences: g(y + 1) - g(y) = (h + p) F(y) - p.
    """
    costs = np.empty(table.size + 1)
    costs[0] = p * (mean - first)
    cumulative = 0.0
    for at in range(table.size):
        cumulative += table[at]
        costs[at + 1] = costs[at] + (h + p) * cumulative - p
    return costs


@njit(cache=True, nogil=True)
def cost_at(level: int, first: int, costs: FloatArray, mean: float, h: float, p: float) -> float:  # pragma: no cover
    """g(level); outside the table it is a straight line."""
    if level < first:
        return p * (mean - level)
    if level >= first + costs.size:
        return h * (level - mean)
    return costs[level - first]


@njit(cache=True, nogil=True)
def best_level(first: int, costs: FloatArray) -> int:  # pragma: no cover - compiled
    """The level of least cost; the smallest one where several are equal up to rounding."""
    best = 0
    for at in range(1, costs.size):
        if costs[at] < costs[best] - 1e-12 * (1.0 + abs(costs[best])):
            best = at
    return first + best
