"""Compiled kernels over the demand distributions of many windows at once.

A distribution is a mixture of components (one, unless lead times are sampled), each given by mean and variance:
- COUNT: negative binomial where variance > mean, else Poisson (unit demand);
- GAMMA: for large means and weighed goods;
or it is given by its own values: GRID (quantiles at known levels, linear between them) or SAMPLES (sorted draws).

Negative binomial with mean m and variance v: r = m^2/(v-m), f(0) = (m/v)^r, f(k+1) = f(k) (k+r)/(k+1) (v-m)/v.
Incomplete gamma: series for x < a+1, continued fraction above (Abramowitz & Stegun 6.5.29, 6.5.31).
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

POINT, COUNT, GAMMA, GRID, SAMPLES = 0, 1, 2, 3, 4
MAX_COMPONENTS = 32
_MOST_STEPS = 100_000


@njit(cache=True, nogil=True)
def gamma_cdf(shape: float, x: float) -> float:
    """P(X <= x) of a gamma variable with scale 1 (regularised lower incomplete gamma function)."""
    if x <= 0.0:
        return 0.0
    log_front = shape * math.log(x) - x - math.lgamma(shape)
    if x < shape + 1.0:
        term = 1.0 / shape
        total = term
        a = shape
        for _ in range(_MOST_STEPS):
            a += 1.0
            term *= x / a
            total += term
            if term < total * 1e-15:
                break
        return min(1.0, total * math.exp(log_front))
    tiny = 1e-300
    b = x + 1.0 - shape
    c = 1.0 / tiny
    d = 1.0 / b
    h = d
    for i in range(1, _MOST_STEPS):
        an = -i * (i - shape)
        b += 2.0
        d = an * d + b
        if abs(d) < tiny:
            d = tiny
        c = b + an / c
        if abs(c) < tiny:
            c = tiny
        d = 1.0 / d
        delta = d * c
        h *= delta
        if abs(delta - 1.0) < 1e-15:
            break
    return max(0.0, 1.0 - h * math.exp(log_front))


@njit(cache=True, nogil=True)
def gamma_at(mean: float, variance: float, x: float) -> tuple[float, float]:
    """(P(X <= x), E[(X-x)+]) of a gamma variable."""
    if mean <= 0.0:
        return (1.0 if x >= 0.0 else 0.0), max(0.0, -x)
    if x <= 0.0:
        return 0.0, mean - x
    if variance <= 1e-12 * mean * mean:
        return (1.0 if x >= mean else 0.0), max(0.0, mean - x)
    shape = mean * mean / variance
    scaled = x * mean / variance
    cdf = gamma_cdf(shape, scaled)
    short = mean * (1.0 - gamma_cdf(shape + 1.0, scaled)) - x * (1.0 - cdf)
    return cdf, max(0.0, short)


@njit(cache=True, nogil=True)
def count_start(mean: float, variance: float) -> tuple[float, float, float]:
    """(f(0), r, share) for the recursion f(k+1) = f(k) (k+r)/(k+1) share; Poisson has r = 0 and share = mean."""
    if mean <= 0.0:
        return 1.0, 0.0, 0.0
    if variance <= mean * (1.0 + 1e-9):
        return math.exp(-mean), 0.0, mean
    excess = variance - mean
    r = mean * mean / excess
    return math.exp(-r * math.log1p(excess / mean)), r, excess / variance


@njit(cache=True, nogil=True)
def count_next(pmf: float, k: int, r: float, share: float) -> float:
    """f(k+1) from f(k)."""
    if r == 0.0:
        return pmf * share / (k + 1)
    return pmf * (k + r) / (k + 1) * share


@njit(cache=True, nogil=True)
def _count_at(
    first: int, last: int, weights: Floats, means: Floats, variances: Floats, x: float
) -> tuple[float, float]:
    if x < 0.0:
        mean = 0.0
        for j in range(first, last):
            mean += weights[j] * means[j]
        return 0.0, mean - x
    top = int(math.floor(x + 1e-9))
    cdf = 0.0
    short = 0.0
    for j in range(first, last):
        pmf, r, share = count_start(means[j], variances[j])
        below = pmf
        held = x * pmf
        for k in range(top):
            pmf = count_next(pmf, k, r, share)
            below += pmf
            held += (x - k - 1) * pmf
        cdf += weights[j] * below
        short += weights[j] * (means[j] - x + held)
    return min(1.0, cdf), max(0.0, short)


@njit(cache=True, nogil=True)
def _count_quantiles(
    first: int, last: int, weights: Floats, means: Floats, variances: Floats, levels: Floats, out: Floats
) -> None:
    """Smallest k with F(k) >= level for rising levels, in one pass."""
    size = min(last - first, MAX_COMPONENTS)
    pmf = np.empty(size)
    r = np.empty(size)
    share = np.empty(size)
    cdf = 0.0
    for j in range(size):
        pmf[j], r[j], share[j] = count_start(means[first + j], variances[first + j])
        cdf += weights[first + j] * pmf[j]
    k = 0
    for i in range(levels.shape[0]):
        while cdf < levels[i] - 1e-12 and k < _MOST_STEPS:
            for j in range(size):
                pmf[j] = count_next(pmf[j], k, r[j], share[j])
                cdf += weights[first + j] * pmf[j]
            k += 1
        out[i] = k


@njit(cache=True, nogil=True)
def _gamma_mixture_at(
    first: int, last: int, weights: Floats, means: Floats, variances: Floats, x: float
) -> tuple[float, float]:
    cdf = 0.0
    short = 0.0
    for j in range(first, last):
        one, lost = gamma_at(means[j], variances[j], x)
        cdf += weights[j] * one
        short += weights[j] * lost
    return cdf, short


@njit(cache=True, nogil=True)
def _normal_quantile(p: float) -> float:
    """Quantile of the standard normal distribution to about 4e-4: only a starting point (Abramowitz & Stegun 26.2.23)."""
    tail = min(p, 1.0 - p)
    t = math.sqrt(-2.0 * math.log(max(tail, 1e-300)))
    z = t - (2.515517 + 0.802853 * t + 0.010328 * t * t) / (1.0 + 1.432788 * t + 0.189269 * t * t + 0.001308 * t**3)
    return z if p > 0.5 else -z


@njit(cache=True, nogil=True)
def _gamma_quantile(first: int, last: int, weights: Floats, means: Floats, variances: Floats, level: float) -> float:
    """Safeguarded Newton from Wilson & Hilferty's approximation to relative 1e-10."""
    mean = 0.0
    square = 0.0
    for j in range(first, last):
        mean += weights[j] * means[j]
        square += weights[j] * (variances[j] + means[j] * means[j])
    variance = square - mean * mean
    if mean <= 0.0 or level <= 0.0:
        return 0.0
    if variance <= 1e-12 * mean * mean:
        return mean
    shape = mean * mean / variance
    cube = 1.0 - 1.0 / (9.0 * shape) + _normal_quantile(level) / (3.0 * math.sqrt(shape))
    x = mean * max(cube, 0.01) ** 3
    low = 0.0
    high = mean + 10.0 * math.sqrt(variance)
    while _gamma_mixture_at(first, last, weights, means, variances, high)[0] < level:
        high *= 2.0
    x = min(max(x, 1e-12), high)
    for _ in range(100):
        gap = _gamma_mixture_at(first, last, weights, means, variances, x)[0] - level
        if gap > 0.0:
            high = x
        else:
            low = x
        density = 0.0
        for j in range(first, last):
            if means[j] > 0.0 and variances[j] > 1e-12 * means[j] * means[j]:
                a = means[j] * means[j] / variances[j]
                rate = means[j] / variances[j]
                density += weights[j] * rate * math.exp((a - 1.0) * math.log(x * rate) - x * rate - math.lgamma(a))
        step = x - gap / density if density > 0.0 else -1.0
        if not (low < step < high):
            step = 0.5 * (low + high)
        if abs(step - x) <= 1e-10 * max(x, 1e-9):
            return step
        x = step
    return x


@njit(cache=True, nogil=True)
def _grid_quantile(levels: Floats, values: Floats, level: float) -> tuple[float, bool]:
    last = levels.shape[0] - 1
    if level <= levels[0]:
        return values[0], level < levels[0] - 1e-12
    if level >= levels[last]:
        return values[last], level > levels[last] + 1e-12
    i = np.searchsorted(levels, level)
    share = (level - levels[i - 1]) / (levels[i] - levels[i - 1])
    return values[i - 1] + share * (values[i] - values[i - 1]), False


@njit(cache=True, nogil=True)
def _grid_at(levels: Floats, values: Floats, x: float) -> tuple[float, float]:
    """The end values hold the mass outside the levels."""
    last = levels.shape[0] - 1
    short = levels[0] * max(0.0, values[0] - x) + (1.0 - levels[last]) * max(0.0, values[last] - x)
    cdf = 0.0 if x < values[0] else levels[0]
    for i in range(last):
        width = levels[i + 1] - levels[i]
        low, high = values[i], values[i + 1]
        if x <= low:
            short += width * (0.5 * (low + high) - x)
            if x == low and high == low:
                cdf = levels[i + 1]
        elif x < high:
            share = (x - low) / (high - low)
            cdf = levels[i] + share * width
            short += width * (1.0 - share) * 0.5 * (high - x)
        else:
            cdf = levels[i + 1]
    if x >= values[last]:
        cdf = 1.0
    return cdf, short


@njit(cache=True, nogil=True)
def quantiles_of(
    kind: NDArray[np.int8],
    start: Integers,
    weights: Floats,
    means: Floats,
    variances: Floats,
    row: Integers,
    grid_levels: Floats,
    grid: Floats,
    samples: Floats,
    levels: Floats,
    out: Floats,
    clamped: Flags,
) -> None:
    """Fill `out[i, j]` with the quantile of line i at `levels[i, j]` (rising along j); `clamped[i, j]` where the level
    lies outside a grid."""
    for i in range(kind.shape[0]):
        code = kind[i]
        if code == COUNT:
            _count_quantiles(start[i], start[i + 1], weights, means, variances, levels[i], out[i])
            continue
        for j in range(levels.shape[1]):
            if code == POINT:
                out[i, j] = means[start[i]]
            elif code == GAMMA:
                out[i, j] = _gamma_quantile(start[i], start[i + 1], weights, means, variances, levels[i, j])
            elif code == GRID:
                out[i, j], clamped[i, j] = _grid_quantile(grid_levels, grid[row[i]], levels[i, j])
            else:
                draws = samples[row[i]]
                rank = int(math.ceil(levels[i, j] * draws.shape[0] - 1e-9)) - 1
                out[i, j] = draws[min(max(rank, 0), draws.shape[0] - 1)]


@njit(cache=True, nogil=True)
def at(
    kind: NDArray[np.int8],
    start: Integers,
    weights: Floats,
    means: Floats,
    variances: Floats,
    row: Integers,
    grid_levels: Floats,
    grid: Floats,
    samples: Floats,
    x: Floats,
    cdf: Floats,
    short: Floats,
) -> None:
    """Fill `cdf[i]` = P(X_i <= x_i) and `short[i]` = E[(X_i - x_i)+]."""
    for i in range(kind.shape[0]):
        code = kind[i]
        if code == COUNT:
            cdf[i], short[i] = _count_at(start[i], start[i + 1], weights, means, variances, x[i])
        elif code == GAMMA:
            cdf[i], short[i] = _gamma_mixture_at(start[i], start[i + 1], weights, means, variances, x[i])
        elif code == POINT:
            value = means[start[i]]
            cdf[i] = 1.0 if x[i] >= value else 0.0
            short[i] = max(0.0, value - x[i])
        elif code == GRID:
            cdf[i], short[i] = _grid_at(grid_levels, grid[row[i]], x[i])
        else:
            draws = samples[row[i]]
            below = 0
            total = 0.0
            for value in draws:
                if value <= x[i]:
                    below += 1
                else:
                    total += value - x[i]
            cdf[i] = below / draws.shape[0]
            short[i] = total / draws.shape[0]


@njit(cache=True, nogil=True)
def count_fill_rate_levels(
    mean: Floats,
    variance: Floats,
    mean_before: Floats,
    variance_before: Floats,
    cycle_mean: Floats,
    fill_rate: Floats,
    lost: Flags,
    out: Floats,
) -> None:
    """Smallest k whose fill rate reaches the target, for unit demand, in one pass up.

    The fill rate of level k is 1 - (n_w(k) - n_a(k)) / c, n_w and n_a the expected shortfall over the window and over
    the part before the delivery, c the expected demand of the cycle (plus the lost units where demand is lost).
    """
    for i in range(mean.shape[0]):
        if cycle_mean[i] <= 0.0:
            out[i] = 0.0
            continue
        pmf, r, share = count_start(mean[i], variance[i])
        pmf_before, r_before, share_before = count_start(mean_before[i], variance_before[i])
        tail, tail_before = 1.0 - pmf, 1.0 - pmf_before
        short, short_before = mean[i], mean_before[i]
        k = 0
        while k < _MOST_STEPS:
            missing = short - short_before
            total = cycle_mean[i] + (missing if lost[i] else 0.0)
            if missing <= (1.0 - fill_rate[i]) * total + 1e-12:
                break
            short -= tail
            short_before -= tail_before
            pmf = count_next(pmf, k, r, share)
            pmf_before = count_next(pmf_before, k, r_before, share_before)
            tail = max(0.0, tail - pmf)
            tail_before = max(0.0, tail_before - pmf_before)
            k += 1
        out[i] = k
