"""From past errors to quantiles: variance per series and step, shape per segment, counts where they fit better.

    quantile(series, step, level) = mean + deviation(series) * growth(segment, step) * shape(segment, level)

The variance of a series is its own mean squared error, shrunk to what series of its segment and size have (Taylor's
power law: log variance is a line in log mean), so that three lucky days don't make a forecast sure of itself. Growth
over the horizon and shape are pooled over the segment, as tails can't be seen in one series. Whole-number demand
gets negative-binomial quantiles where these lose less on past cells of the segment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shelfcast.forecast.models.counts import count_quantiles

Floats = NDArray[np.floating]

PRIOR_CELLS = 12.0
"""A series' own variance weighs as many cells as it has, the segment's law as many as this."""
_TINY = 1e-9


@dataclass(frozen=True)
class Spread:
    """What one segment's errors look like."""

    intercept: float
    slope: float
    """log variance = intercept + slope * log(|mean| + 1e-9)."""
    growth: Floats
    """Factor on the standard deviation by step, shape (H,), rising, mean square 1."""
    shape: Floats
    """Standardised quantiles, shape (levels,), rising."""
    as_counts: bool
    """Negative-binomial quantiles for whole-number series of this segment."""

    def prior_variance(self, level: Floats) -> Floats:
        return np.exp(np.clip(self.intercept + self.slope * np.log(np.abs(level) + _TINY), -40.0, 40.0))

    def variance(self, errors: Floats, level: Floats) -> Floats:
        """Variance per series (n,), from errors (n, origins, H) with NaN, at the level (n,) of the forecast."""
        scaled = (errors / self.growth) ** 2
        known = np.isfinite(scaled)
        cells = _effective(known)
        own = np.where(known, scaled, 0.0).sum(axis=(1, 2)) / np.maximum(known.sum(axis=(1, 2)), 1)
        return (cells * own + PRIOR_CELLS * self.prior_variance(level)) / (cells + PRIOR_CELLS)


def _effective(known: NDArray[np.bool_]) -> Floats:
    """Errors of one origin go together: n steps of one path count as their root."""
    return np.sqrt(known.sum(axis=2)).sum(axis=1)


def learn_spread(
    errors: Floats, level: Floats, paths: Floats, whole: NDArray[np.bool_], levels: Sequence[float]
) -> Spread:
    """The spread of a segment from a sample of its series.

    Args:
        errors: (n, origins, H) actual - forecast, NaN where not known.
        level: (n,) mean of the forecast.
        paths: (n, origins, H) the forecasts the errors belong to.
        whole: (n,) series of whole, never negative numbers.
    """
    squares = errors**2
    known = np.isfinite(squares)
    counts = known.sum(axis=(1, 2))
    own = np.where(known, squares, 0.0).sum(axis=(1, 2)) / np.maximum(counts, 1)
    intercept, slope = _power_law(np.log(np.abs(level) + _TINY), own, counts)
    flat = Spread(intercept, slope, np.ones(errors.shape[2]), np.zeros(len(levels)), False)
    growth = _growth(squares, flat.variance(errors, level), known)
    shaped = Spread(intercept, slope, growth, np.zeros(len(levels)), False)
    deviation = np.sqrt(np.maximum(shaped.variance(errors, level), _TINY))
    standard = errors / (deviation[:, None, None] * growth)
    shape = _shape(standard[known], levels)
    result = Spread(intercept, slope, growth, shape, False)
    return Spread(intercept, slope, growth, shape, _counts_fit_better(result, errors, paths, level, whole, levels))


def _power_law(log_level: Floats, own: Floats, counts: NDArray[np.integer]) -> tuple[float, float]:
    """Line of log variance on log level; without enough series, that of Poisson demand (variance = mean)."""
    usable = (counts >= 3) & (own > 0) & (log_level > -15)
    if usable.sum() < 3:
        return 0.0, 1.0
    x, y = log_level[usable], np.log(own[usable])
    spread = float(np.var(x))
    slope = float(np.mean((x - x.mean()) * (y - y.mean())) / spread) if spread > 1e-6 else 1.0
    slope = min(max(slope, 0.3), 2.3)
    # the mean of the variance, not of its logarithm: an honest prior isn't too narrow for half of the series
    return float(np.log(np.mean(np.exp(np.clip(y - slope * x, -40, 40)))) if len(x) else 0.0), slope


def _growth(squares: Floats, variance: Floats, known: NDArray[np.bool_]) -> Floats:
    """Root mean square of standardised errors by step: pooled, smoothed, never falling, within 1/3..3 of its mean."""
    standard = np.where(known, squares, 0.0) / np.maximum(variance, _TINY)[:, None, None]
    # one wild series must not bend the curve for all
    standard = np.minimum(standard, 25.0)
    cells = known.sum(axis=(0, 1))
    by_step = standard.sum(axis=(0, 1))
    total = cells.sum()
    if total == 0:
        return np.ones(squares.shape[2])
    overall = by_step.sum() / total
    curve = (by_step + 50.0 * overall) / (cells + 50.0)
    width = max(1, len(curve) // 6)
    padded = np.pad(curve, width, mode="edge")
    curve = np.convolve(padded, np.ones(2 * width + 1) / (2 * width + 1), mode="valid")
    curve = np.maximum.accumulate(curve) / max(overall, _TINY)
    curve = np.clip(curve, 1.0 / 9.0, 9.0)
    return np.sqrt(curve * total / float(np.sum(curve * cells)))


def _shape(standard: Floats, levels: Sequence[float]) -> Floats:
    """Quantiles of the pooled standardised errors, drawn to the normal's where there are few."""
    from scipy.stats import norm

    normal = norm.ppf(np.asarray(levels))
    if standard.size == 0:
        return normal
    weight = standard.size / (standard.size + 100.0)
    return np.maximum.accumulate(weight * np.quantile(standard, levels) + (1 - weight) * normal)


def _counts_fit_better(
    spread: Spread, errors: Floats, paths: Floats, level: Floats, whole: NDArray[np.bool_], levels: Sequence[float]
) -> bool:
    """Whether negative-binomial quantiles lose less pinball, each series weighing the same."""
    rows = np.flatnonzero(whole & np.isfinite(errors).any(axis=(1, 2)))
    if len(rows) == 0:
        return False
    rows = rows[np.linspace(0, len(rows) - 1, min(len(rows), 500)).astype(int)]
    # one error per origin is enough to tell, and keeps this cheap for long horizons
    steps = np.unique(np.linspace(0, errors.shape[2] - 1, 3).astype(int))
    past, made = errors[rows][:, :, steps], paths[rows][:, :, steps]
    variance = spread.variance(errors[rows], level[rows])[:, None, None] * spread.growth[steps] ** 2
    actual = made + past
    made = np.where(np.isfinite(past), made, 0.0)
    variance = np.broadcast_to(variance, made.shape)
    plain = np.maximum(made[..., None] + np.sqrt(variance)[..., None] * spread.shape, 0.0)
    counted = count_quantiles(made, variance, levels)
    scale = np.sqrt(variance)
    losses = []
    for quantiles in (plain, counted):
        error = actual[..., None] - quantiles
        grid = np.asarray(levels)
        loss = np.maximum(grid * error, (grid - 1.0) * error).mean(axis=-1) / np.maximum(scale, _TINY)
        losses.append(float(np.nanmean(loss)))
    return losses[1] < losses[0]


def quantiles_of(
    spread: Spread, mean: Floats, errors: Floats, whole: NDArray[np.bool_], never_negative: NDArray[np.bool_],
    highest: Floats, levels: Sequence[float],
) -> Floats:  # fmt: skip
    """Quantiles (n, H, levels) around `mean` (n, H).

    Guards: never below zero unless the history is; rising in the level; the top no further than three times the
    highest value seen (`highest`, (n,)) or four of the segment's deviations above the mean, whichever is more.
    """
    center = mean.mean(axis=1)
    variance = spread.variance(errors, center)
    result = mean[:, :, None] + (np.sqrt(variance)[:, None] * spread.growth)[:, :, None] * spread.shape
    counted = np.flatnonzero(whole & spread.as_counts)
    if len(counted):
        by_step = variance[counted, None] * spread.growth**2
        # where the season says little is sold the variance is smaller too: keep variance / mean as it is overall
        size = np.maximum(mean[counted], 0.0) / np.maximum(center[counted], _TINY)[:, None]
        result[counted] = count_quantiles(np.maximum(mean[counted], 0.0), by_step * np.clip(size, 0.0, 5.0), levels)
    prior = np.sqrt(spread.prior_variance(center))[:, None] * spread.growth
    top = np.maximum(3.0 * np.maximum(highest, 0.0)[:, None], mean + 4.0 * prior)
    result = np.minimum(result, top[:, :, None])
    result[never_negative] = np.maximum(result[never_negative], 0.0)
    return np.maximum.accumulate(result, axis=2)
