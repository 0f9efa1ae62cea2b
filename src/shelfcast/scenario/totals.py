"""Distribution of a total over series and periods, from each one's mean and standard deviation.

Means add up exactly. Spreads don't: two days of one series go together with the correlation of days; two series on the
same day with a common share of theirs. With c the common share and r(k) the correlation of days k apart,

    Var(total) = (1 - c) * sum over series of D(own spreads) + c * D(spreads added over series)
    D(s) = sum over days h, h' of s(h) s(h') r(|h - h'|)

The shape is gamma with that mean and variance: right-skewed for small totals, normal for large ones, never negative.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import gamma, norm

from shelfcast.forecast.models.dependence import Dependence

Floats = NDArray[np.floating]


def spread_of(quantiles: Floats, levels: Sequence[float]) -> Floats:
    """Standard deviation from the 10 % and 90 % quantiles (whole grid at hand: half their distance over 1.2816).

    >>> float(np.round(spread_of(np.array([[8.7184, 10.0, 11.2816]]), (0.1, 0.5, 0.9))[0], 4))
    1.0
    """
    grid = list(levels)
    low, high = quantiles[..., grid.index(0.1)], quantiles[..., grid.index(0.9)]
    return np.maximum(high - low, 0.0) / (2.0 * float(norm.ppf(0.9)))


def total_variance(
    spread: Floats, group: NDArray[np.integer], count: int, bucket: NDArray[np.integer], buckets: int,
    dependence: Dependence,
) -> Floats:  # fmt: skip
    """Variance (count, buckets) of totals.

    Args:
        spread: (n, H) standard deviations by series and day.
        group: (n,) group of each series; bucket: (H,) bucket of each day (week, whole horizon...).
        dependence: of days and of series, measured on past errors.

    >>> ones = np.ones((2, 1))
    >>> float(total_variance(ones, np.array([0, 0]), 1, np.array([0]), 1, Dependence((0.0,), 0.0))[0, 0])
    2.0
    >>> float(total_variance(ones, np.array([0, 0]), 1, np.array([0]), 1, Dependence((0.0,), 1.0))[0, 0])
    4.0
    """
    horizon = spread.shape[1]
    linked, common_share = np.asarray(dependence.day_correlation), dependence.common_share
    distance = np.abs(np.arange(horizon)[:, None] - np.arange(horizon))
    matrix = np.where(distance == 0, 1.0, linked[np.minimum(np.maximum(distance, 1), len(linked)) - 1])
    matrix = matrix * (bucket[:, None] == bucket[None, :])
    added = np.zeros((count, horizon))
    np.add.at(added, group, spread)
    own = np.zeros((count, buckets))
    common = np.zeros((count, buckets))
    per_series = spread * (spread @ matrix)
    by_group = np.zeros((count, horizon))
    np.add.at(by_group, group, per_series)
    together = added * (added @ matrix)
    for index in range(buckets):
        inside = bucket == index
        own[:, index] = by_group[:, inside].sum(axis=1)
        common[:, index] = together[:, inside].sum(axis=1)
    return np.maximum((1.0 - common_share) * own + common_share * common, 0.0)


def total_quantiles(mean: Floats, variance: Floats, levels: Sequence[float]) -> Floats:
    """Quantiles (..., levels) of totals by a gamma of the same mean and variance; the mean itself where nothing varies.

    >>> total_quantiles(np.array([0.0, 100.0]), np.array([0.0, 0.0]), (0.1, 0.9)).tolist()
    [[0.0, 0.0], [100.0, 100.0]]
    """
    mean, variance = np.asarray(mean, dtype=np.float64), np.asarray(variance, dtype=np.float64)
    grid = np.asarray(levels, dtype=np.float64)
    result = np.repeat(mean[..., None], len(grid), axis=-1)
    vary = (mean > 0) & (variance > 0)
    if vary.any():
        shape = (mean[vary] ** 2 / variance[vary])[:, None]
        scale = (variance[vary] / mean[vary])[:, None]
        result[vary] = gamma.ppf(grid[None, :], shape, scale=scale)
    signed = (mean <= 0) & (variance > 0)
    if signed.any():
        result[signed] = mean[signed][:, None] + np.sqrt(variance[signed])[:, None] * norm.ppf(grid)[None, :]
    return result
