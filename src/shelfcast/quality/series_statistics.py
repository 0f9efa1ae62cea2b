"""Robust statistics of one series on a grid of periods, compiled: local level, root scale, window tests."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CORRELATION = 1.3
"""Neighbouring days are alike; means of windows vary this much more than those of independent days."""


@njit(cache=True, nogil=True)
def _insert(window: Floats, count: int, value: float) -> int:
    position = np.searchsorted(window[:count], value)
    for k in range(count, position, -1):
        window[k] = window[k - 1]
    window[position] = value
    return count + 1


@njit(cache=True, nogil=True)
def _remove(window: Floats, count: int, value: float) -> int:
    position = np.searchsorted(window[:count], value)
    for k in range(position, count - 1):
        window[k] = window[k + 1]
    return count - 1


@njit(cache=True, nogil=True)
def local_level(y: Floats, factor: Floats, first: int, begin: int, half: int, level: Floats) -> None:
    """Winsorised local mean of y / factor around each period t >= begin, without t itself; NaN under 14 values."""
    T = y.size
    window = np.empty(2 * half + 2)
    count = 0
    for t in range(max(first, begin - half), min(T, begin + half)):
        if not np.isnan(y[t]):
            count = _insert(window, count, y[t] / factor[t])
    for t in range(begin, T):
        entering, leaving = t + half, t - half - 1
        if entering < T and not np.isnan(y[entering]):
            count = _insert(window, count, y[entering] / factor[entering])
        if leaving >= max(first, begin - half) and not np.isnan(y[leaving]):
            count = _remove(window, count, y[leaving] / factor[leaving])
        level[t] = np.nan
        if count < min(14, half):
            continue
        middle = window[count // 2] if count % 2 else 0.5 * (window[count // 2 - 1] + window[count // 2])
        cap = middle + 4.0 * np.sqrt(middle + 1.0) + 2.0
        sold, weight = 0.0, 0.0
        for s in range(max(first, t - half), min(T, t + half + 1)):
            if s != t and not np.isnan(y[s]):
                sold += min(y[s], cap * factor[s])
                weight += factor[s]
        level[t] = max(sold / weight, 0.0) if weight > 0 else np.nan


@njit(cache=True, nogil=True)
def root(value: float) -> float:
    return 2.0 * np.sqrt(max(value, 0.0) + 0.375)


@njit(cache=True, nogil=True)
def third_largest(y: Floats, factor: Floats, begin: int, end: int, without: int, here: int) -> float:
    """Third largest value of y in [begin, end), brought to the day factor of `here`; days next to `without` left out."""
    a, b, c = 0.0, 0.0, 0.0
    for t in range(begin, end):
        if np.isnan(y[t]) or abs(t - without) <= 2:
            continue
        value = y[t] / factor[t] * factor[here]
        if value > a:
            a, b, c = value, a, b
        elif value > b:
            b, c = value, b
        elif value > c:
            c = value
    return c


@njit(cache=True, nogil=True)
def trimmed_mean(values: Floats, count: int) -> float:
    """Mean without the highest and lowest tenth."""
    ordered = np.sort(values[:count])
    cut = count // 10
    return ordered[cut : count - cut].mean()


@njit(cache=True, nogil=True)
def rough_shift(
    y: Floats, c: int, before: int, after: int, least_after: int, first: int, last: int, scale: float
) -> float:
    """The score of `window_shift` with plain means: quick, to find where to look. 0 if too few values."""
    sum_before, n_before, sum_after, n_after = 0.0, 0, 0.0, 0
    for s in range(max(first, c - before), min(last + 1, c + after)):
        if not np.isnan(y[s]):
            if s < c:
                sum_before += y[s]
                n_before += 1
            else:
                sum_after += y[s]
                n_after += 1
    if n_before < before // 2 or n_after < least_after // 2 or n_before == 0 or n_after == 0:
        return 0.0
    error = scale * CORRELATION * np.sqrt(1.0 / n_before + 1.0 / n_after)
    return (root(sum_after / n_after) - root(sum_before / n_before)) / error


@njit(cache=True, nogil=True)
def window_shift(
    y: Floats, divisor: Floats, c: int, before: int, after: int, first: int, scale: float
) -> tuple[float, float, float]:
    """Robust two-window test at period c: (score, mean before, mean after) of y / divisor; score 0 if too few values.

    Means are trimmed; score is their difference on the root scale over its standard error.
    """
    T = y.size
    kept = np.empty(before + after)
    count = 0
    for t in range(max(first, c - before), c):
        if not np.isnan(y[t]):
            kept[count] = y[t] / divisor[t]
            count += 1
    if 2 * count < before:
        return 0.0, 0.0, 0.0
    low = trimmed_mean(kept, count)
    n_before, count = count, 0
    for t in range(c, min(T, c + after)):
        if not np.isnan(y[t]):
            kept[count] = y[t] / divisor[t]
            count += 1
    if count < 7 and 2 * count < after:
        return 0.0, 0.0, 0.0
    high = trimmed_mean(kept, count)
    error = scale * CORRELATION * np.sqrt(1.0 / n_before + 1.0 / count)
    return (root(high) - root(low)) / error, low, high


@njit(cache=True, nogil=True)
def level_before(factor: Floats, week: Floats, y: Floats, first: int, t: int, season: int) -> float:
    """Level before period t: what the 28 periods before it sold, over what an even level would have."""
    sold, usual = 0.0, 0.0
    for s in range(max(first, t - 28), t):
        if not np.isnan(y[s]):
            weight = factor[s] * week[s % season]
            sold += y[s]
            usual += weight
    return sold / usual if usual > 0 else 0.0
