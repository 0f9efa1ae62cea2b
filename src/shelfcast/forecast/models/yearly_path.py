"""Holt and Winters with a damped trend and a yearly season, compiled: one walk through a series, many origins.

For seasons of a year (weeks, months), where the level drifts while a season goes by. Series above zero are walked on
the log scale, so season and trend multiply (Gardner and McKenzie 1985; Hyndman and Athanasopoulos, section 8.3).
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.floating]

SHORTEST = 12
"""Shorter seasons are a week's: `paths` has methods without trend for them."""
_DAMPING = 0.95
_FORGET = 0.995
_LEVELS = np.array([0.1, 0.1, 0.1, 0.3, 0.3, 0.3, 0.6, 0.6, 0.9, 0.9])
_TRENDS = np.array([0.0, 0.02, 0.1, 0.0, 0.05, 0.15, 0.0, 0.1, 0.0, 0.1])
_SEASONS = np.array([0.1, 0.1, 0.2, 0.1, 0.1, 0.2, 0.1, 0.1, 0.05, 0.05])


@njit(cache=True, nogil=True)
def yearly_paths(y: Floats, origins: NDArray[np.int64], season: int, out: Floats) -> None:
    """Fill `out` (origins, H); NaN from origins with fewer than two seasons, or where a season has too many gaps."""
    out[:, :] = np.nan
    begin = 0
    while begin < len(y) and np.isnan(y[begin]):
        begin += 1
    if season < SHORTEST or origins[-1] < begin + 2 * season:
        return
    logs = True
    for t in range(begin, begin + 2 * season):
        if not np.isnan(y[t]) and y[t] <= 0.0:
            logs = False
    z = np.empty(len(y))
    smallest = np.inf
    for t in range(len(y)):
        z[t] = y[t]
        if logs and not np.isnan(y[t]):
            if y[t] > 0.0:
                smallest = min(smallest, y[t])
            z[t] = np.log(max(y[t], 0.1 * smallest))
    first, second = _mean(z, begin, begin + season), _mean(z, begin + season, begin + 2 * season)
    if np.isnan(first) or np.isnan(second):
        return
    slope = (second - first) / season
    start = np.zeros(season)
    for phase in range(season):
        total, count = 0.0, 0
        for t in (begin + phase, begin + season + phase):
            if not np.isnan(z[t]):
                total += z[t] - (first + slope * (t - begin - 0.5 * (season - 1)))
                count += 1
        start[(begin + phase) % season] = total / count if count > 0 else 0.0
    count = len(_LEVELS)
    level = np.full(count, first - slope * 0.5 * (season + 1))
    trend, cost = np.full(count, slope), np.zeros(count)
    seasons = np.empty((count, season))
    seasons[:] = start
    low, high = np.inf, -np.inf
    k = 0
    for t in range(len(y) + 1):
        while k < len(origins) and origins[k] == t:
            if t >= begin + 2 * season:
                best = np.argmin(cost)
                reach, damped, room = 0.0, 1.0, 0.5 * (high - low)
                for h in range(out.shape[1]):
                    damped *= _DAMPING
                    reach += damped
                    value = level[best] + reach * trend[best] + seasons[best, (t + h) % season]
                    value = min(max(value, low - room), high + room)
                    out[k, h] = np.exp(value) if logs else value
            k += 1
        if k == len(origins) or t == len(y):
            break
        if t < begin:
            continue
        phase = t % season
        for a in range(count):
            expected = level[a] + _DAMPING * trend[a]
            if np.isnan(z[t]):
                level[a], trend[a] = expected, _DAMPING * trend[a]
                continue
            error = z[t] - expected - seasons[a, phase]
            if t >= begin + season:
                cost[a] = cost[a] * _FORGET + error * error
            level[a] = expected + _LEVELS[a] * error
            trend[a] = _DAMPING * trend[a] + _LEVELS[a] * _TRENDS[a] * error
            seasons[a, phase] += (1.0 - _LEVELS[a]) * _SEASONS[a] * error
        if not np.isnan(z[t]):
            low, high = min(low, z[t]), max(high, z[t])


@njit(cache=True, nogil=True)
def _mean(z: Floats, begin: int, end: int) -> float:
    """Mean of the known values; NaN where fewer than half are known."""
    total, count = 0.0, 0
    for t in range(begin, end):
        if not np.isnan(z[t]):
            total += z[t]
            count += 1
    return total / count if 2 * count >= end - begin else np.nan
