"""Demand of a window of days: the distribution of the sum, because quantiles of days must not be added.

Two ways, measured against one another and against brute force in the tests:
- `window_demand`: moments. The mean is the sum of the means; the variance is the sum over all pairs of days of
  deviation * deviation * correlation at their distance; the shape is negative binomial for goods sold by the piece and
  gamma (with the probability that nothing sells kept apart) for the rest. Millions of windows in seconds.
- `sample_paths.sample_paths`: joint draws, where a sum isn't enough (totals over series, replays).

The dependence of days is measured on past errors, pooled (`day_correlation`): a level judged wrong is wrong on every
day of the window, so windows are wider than independent days would be.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from shelfcast.domain.errors import BadInput
from shelfcast.forecast.marginals import moments
from shelfcast.forecast.models.counts import count_quantiles
from shelfcast.forecast.models.dependence import day_correlation

__all__ = ["day_correlation", "window_demand"]

Floats = NDArray[np.floating]


def window_demand(
    mean: Floats, quantiles: Floats, levels: Sequence[float], from_step: ArrayLike, to_step: ArrayLike,
    correlation: ArrayLike = 0.0, whole: NDArray[np.bool_] | None = None,
) -> tuple[Floats, Floats, Floats]:  # fmt: skip
    """Mean (n, W), variance (n, W) and quantiles (n, W, levels) of the demand of each series in each window.

    A window of one step has the quantiles of its day as they stand.

    Args:
        mean: (n, H); quantiles: (n, H, levels) rising; levels: as in the forecast.
        from_step, to_step: first and last step of each window, from 1, both included: (W,) or (n, W). A window with
            to_step < from_step is empty: zero demand.
        correlation: of two days k apart. One number for all distances, (K,) for k = 1..K (the last one holds beyond),
            or (n, K) by series. See `day_correlation`.
        whole: (n,) series sold by the piece; None = those whose quantiles are all whole numbers.

    Raises:
        BadInput: shapes that don't fit together, or a window outside 1..H.

    >>> days = np.tile([0.0, 1.0, 2.0], (1, 2, 1))
    >>> mean, variance, quantiles = window_demand(np.ones((1, 2)), days, (0.1, 0.5, 0.9), [1], [2], 0.3)
    >>> float(mean[0, 0]), quantiles[0, 0].tolist()
    (2.0, [0.0, 2.0, 4.0])
    """
    count, horizon = mean.shape
    first, last = _windows(from_step, to_step, count, horizon)
    if quantiles.shape != (count, horizon, len(levels)):
        raise BadInput(
            f"quantiles have shape {quantiles.shape}; means and levels ask for {(*mean.shape, len(levels))}."
        )
    linked = _by_series(correlation, count)
    pieces = np.all(quantiles == np.rint(quantiles), axis=(1, 2)) if whole is None else whole
    grid = np.asarray(levels, dtype=np.float64)
    total, variance, nothing = np.empty(first.shape), np.empty(first.shape), np.empty(first.shape)
    _window_moments(mean, quantiles, grid, first, last, linked, pieces, total, variance, nothing)
    result = np.empty((*first.shape, len(levels)))
    counted, measured = np.flatnonzero(pieces), np.flatnonzero(~pieces)
    if len(counted):
        result[counted] = _count_shape(total[counted], variance[counted], levels)
    if len(measured):
        result[measured] = _gamma_shape(total[measured], variance[measured], nothing[measured], tuple(levels))
    never_negative = np.all(quantiles[:, :, 0] >= 0.0, axis=1)
    result[never_negative] = np.maximum(result[never_negative], 0.0)
    single = first == last
    rows, columns = np.nonzero(single)
    result[rows, columns] = quantiles[rows, first[rows, columns] - 1]
    return total, variance, result


def _windows(
    from_step: ArrayLike, to_step: ArrayLike, count: int, horizon: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    first, last = np.asarray(from_step, dtype=np.int64), np.asarray(to_step, dtype=np.int64)
    if first.shape != last.shape or first.ndim not in (1, 2) or (first.ndim == 2 and len(first) != count):
        raise BadInput(f"windows have shapes {first.shape} and {last.shape}; give (W,) or ({count}, W) for both ends.")
    if first.size and (first.min() < 1 or last.max() > horizon):
        raise BadInput(
            f"windows reach from step {first.min()} to {last.max()}; the forecast has steps 1..{horizon}. "
            "Forecast further, or shorten the window."
        )
    shape = (count, first.shape[-1])
    return np.ascontiguousarray(np.broadcast_to(first, shape)), np.ascontiguousarray(np.broadcast_to(last, shape))


def _by_series(correlation: ArrayLike, count: int) -> Floats:
    linked = np.atleast_1d(np.asarray(correlation, dtype=np.float64))
    if linked.ndim == 1:
        linked = np.broadcast_to(linked, (1, len(linked)))
    if len(linked) not in (1, count) or linked.shape[1] == 0:
        raise BadInput(f"correlation has shape {linked.shape}; give a number, (K,) or ({count}, K).")
    return np.ascontiguousarray(linked)


@njit(cache=True, nogil=True)
def _window_moments(
    mean: Floats, quantiles: Floats, levels: Floats, first: NDArray[np.int64], last: NDArray[np.int64],
    correlation: Floats, whole: NDArray[np.bool_], total: Floats, variance: Floats, nothing: Floats,
) -> None:  # fmt: skip
    horizon = mean.shape[1]
    deviation, zero = np.empty(horizon), np.empty(horizon)
    for i in range(mean.shape[0]):
        linked = correlation[i if len(correlation) > 1 else 0]
        for h in range(horizon):
            center, spread, none = moments(quantiles[i, h], levels, whole[i])
            wanted = mean[i, h]
            if wanted > 0.0 and center <= 0.0:  # a grid that is all zero says only that a sale is rarer than 1 in 100
                spread = wanted if whole[i] else wanted * wanted / (1.0 - levels[-1])
            elif whole[i] and wanted > 0.0:
                # a coarse grid can't tell the variance of small counts better than this; nor are they under Poisson's
                spread *= wanted / center
                if wanted < 3.0:
                    spread = max(spread, wanted)
            deviation[h], zero[h] = np.sqrt(spread), none
        for w in range(first.shape[1]):
            sum_mean, alone, shared, log_zero = 0.0, 0.0, 0.0, 0.0
            for a in range(first[i, w] - 1, last[i, w]):
                sum_mean += mean[i, a]
                alone += deviation[a] ** 2
                log_zero += np.log(max(zero[a], 1e-12))
                for b in range(a + 1, last[i, w]):
                    shared += deviation[a] * deviation[b] * linked[min(b - a, len(linked)) - 1]
            both = max(alone + 2.0 * shared, 0.05 * alone)
            total[i, w], variance[i, w] = sum_mean, both
            # days that move together are fewer days in effect
            nothing[i, w] = np.exp(log_zero * min(1.0, alone / both)) if both > 0.0 else 1.0


def _count_shape(mean: Floats, variance: Floats, levels: Sequence[float]) -> Floats:
    """Negative binomial; demand steadier than Poisson: normal, rounded."""
    from scipy.stats import norm

    result = count_quantiles(np.maximum(mean, 0.0), variance, levels)
    steady = (variance < 0.95 * mean) & (mean > 5.0)
    if steady.any():
        spread = np.sqrt(variance[steady])[..., None] * norm.ppf(np.asarray(levels))
        result[steady] = np.maximum(np.rint(mean[steady][..., None] + spread), 0.0)
    return result


def _gamma_shape(mean: Floats, variance: Floats, nothing: Floats, levels: tuple[float, ...]) -> Floats:
    """Gamma of what sells if anything does, zero up to the probability that nothing sells.

    Series whose mean isn't above zero (returns): normal.
    """
    from scipy.stats import norm

    grid = np.asarray(levels)
    plain = mean[..., None] + np.sqrt(variance)[..., None] * norm.ppf(grid)
    positive = mean > 0
    share = np.clip(1.0 - nothing, 1e-6, 1.0)
    center = np.where(positive, mean, 1.0) / share
    # E[X^2] of the whole = share * E[X^2 | something]
    spread = np.maximum((variance + np.where(positive, mean, 1.0) ** 2) / share - center**2, 1e-12 * center**2)
    selling = nothing < 0.01
    values = np.empty(plain.shape)
    values[selling] = _gamma_quantiles(center[selling], spread[selling], levels)
    rows = np.flatnonzero(~selling.ravel())
    if len(rows):
        inner = (grid - nothing.ravel()[rows, None]) / share.ravel()[rows, None]
        flat = _gamma_at(center.ravel()[rows, None], spread.ravel()[rows, None], np.clip(inner, 1e-9, 1 - 1e-9))
        values.reshape(-1, len(grid))[rows] = np.where(inner > 0, flat, 0.0)
    return np.where(positive[..., None], values, plain)


_SHAPES = np.exp(np.linspace(np.log(0.02), np.log(20_000.0), 240))


@lru_cache(maxsize=32)
def _gamma_table(levels: tuple[float, ...]) -> Floats:
    """Quantile / mean of the gamma distribution by shape (rows, log-spaced) and level: exact, interpolated between."""
    from scipy.stats import gamma

    return gamma.ppf(np.asarray(levels), _SHAPES[:, None]) / _SHAPES[:, None]


def _gamma_quantiles(mean: Floats, variance: Floats, levels: tuple[float, ...]) -> Floats:
    """Quantiles (..., levels) of gamma distributions, from the table; error under 0.1 % of the deviation."""
    table = _gamma_table(levels)
    shape = np.clip(mean**2 / np.maximum(variance, 1e-300), _SHAPES[0], _SHAPES[-1])
    place = (np.log(shape) - np.log(_SHAPES[0])) / (np.log(_SHAPES[-1]) - np.log(_SHAPES[0])) * (len(_SHAPES) - 1)
    low = np.minimum(place.astype(np.int64), len(_SHAPES) - 2)
    part = (place - low)[..., None]
    return mean[..., None] * (table[low] * (1.0 - part) + table[low + 1] * part)


def _gamma_at(mean: Floats, variance: Floats, probability: Floats) -> Floats:
    """Gamma quantiles at probabilities of their own, exactly (slower: only where nothing may sell)."""
    from scipy.special import gammaincinv

    shape = np.maximum(mean**2 / np.maximum(variance, 1e-300), 1e-3)
    return mean / shape * gammaincinv(shape, probability)
