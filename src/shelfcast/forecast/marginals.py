"""A period's distribution from its quantile grid: moments and values, as the rest of the engine reads a grid.

Between two levels the quantile function is a straight line (rounded to whole numbers for goods sold by the piece).
Under the lowest level the line goes on as it began, though not below zero for demand that never is; above the highest
the tail is exponential with the decay the last two levels show, so that it neither stops dead nor explodes.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.floating]
_LONGEST_TAIL = 3.0
"""The scale of the upper tail is at most this many times the distance of the last two levels."""


@njit(cache=True, nogil=True)
def lowest_value(quantiles: Floats, levels: Floats) -> float:
    """Where the straight line through the two lowest levels meets probability zero; at least 0 if the grid is."""
    if len(levels) < 2:
        return float(quantiles[0])
    slope = (quantiles[1] - quantiles[0]) / (levels[1] - levels[0])
    low = quantiles[0] - slope * levels[0]
    return max(low, 0.0) if quantiles[0] >= 0.0 else low


@njit(cache=True, nogil=True)
def tail_scale(quantiles: Floats, levels: Floats) -> float:
    """Mean of the exponential excess over the highest level."""
    last = len(levels) - 1
    if last < 1:
        return 0.0
    width = quantiles[last] - quantiles[last - 1]
    decay = math.log((1.0 - levels[last - 1]) / (1.0 - levels[last]))
    return min(width / decay, _LONGEST_TAIL * width)


@njit(cache=True, nogil=True)
def value_at(quantiles: Floats, levels: Floats, probability: float, whole: bool) -> float:
    """The quantile function of one period at any probability between 0 and 1 (exclusive)."""
    last = len(levels) - 1
    if probability >= levels[last]:
        excess = -math.log(max(1.0 - probability, 1e-12) / (1.0 - levels[last]))
        value = quantiles[last] + tail_scale(quantiles, levels) * excess
    elif probability <= levels[0]:
        low = lowest_value(quantiles, levels)
        value = low + (quantiles[0] - low) * probability / levels[0]
    else:
        k = np.searchsorted(levels, probability)
        share = (probability - levels[k - 1]) / (levels[k] - levels[k - 1])
        value = quantiles[k - 1] + share * (quantiles[k] - quantiles[k - 1])
    return float(np.rint(value)) if whole else float(value)


@njit(cache=True, nogil=True)
def moments(quantiles: Floats, levels: Floats, whole: bool) -> tuple[float, float, float]:
    """Mean, variance and probability of exactly zero of one period (rounding to whole numbers counted in).

    A straight piece from x to y holds the second moment (x^2 + x y + y^2) / 3, rounded to whole numbers 1/6 more.
    """
    last = len(levels) - 1
    before, x, first, second = 0.0, lowest_value(quantiles, levels), 0.0, 0.0
    zero = 0.0
    for k in range(last + 1):
        y = quantiles[k]
        mass = levels[k] - before
        first += mass * (x + y) / 2.0
        second += mass * (x * x + x * y + y * y) / 3.0
        if whole and y > x:
            second += mass / 6.0
        if x == 0.0 and y == 0.0:
            zero += mass
        elif x == 0.0 and k > 0:  # where between the two levels zero ends isn't known: in the middle
            zero += 0.5 * mass / max(y, 1.0) if whole else 0.5 * mass
        before, x = levels[k], y
    mass = 1.0 - before
    scale = tail_scale(quantiles, levels)
    first += mass * (x + scale)
    second += mass * (x * x + 2.0 * x * scale + 2.0 * scale * scale)
    if x == 0.0 and scale == 0.0:
        zero += mass
    return first, max(second - first * first, 0.0), zero
