"""Random numbers that depend only on (seed, stream, series, day), and counts made from them.

A counter-based generator (the finaliser of SplitMix64, Steele, Lea and Flood 2014) has no state: any block of series
and days can be drawn in any order, on any number of cores, and gives the same numbers. Counts come by inverting the
distribution at one uniform number, so that a higher mean never gives fewer units for the same customer luck: changing
a price in a shop changes only what the price changes.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

U64 = np.uint64
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_S27, _S30, _S31, _S11 = np.uint64(27), np.uint64(30), np.uint64(31), np.uint64(11)

# Streams: what a number is for. Two uses never share one.
DEMAND, WEIGHT, TREND, SHORTAGE, RETURN, TILL = 1, 2, 3, 4, 5, 6

LARGE_MEAN = 300.0
"""Above it the count is read off a fitted gamma distribution instead of searched for."""


@njit(cache=True, inline="always")
def _mix(value):  # type: ignore[no-untyped-def]
    value = (value ^ (value >> _S30)) * _MIX_1
    value = (value ^ (value >> _S27)) * _MIX_2
    return value ^ (value >> _S31)


@njit(cache=True)
def stream_key(seed, stream, series):  # type: ignore[no-untyped-def]
    """Key of a stream of numbers for one series."""
    key = _mix(U64(seed) + U64(stream) * _GOLDEN)
    return _mix(key ^ (U64(series) * _GOLDEN + _MIX_1))


@njit(cache=True, inline="always")
def uniform(key, counter):  # type: ignore[no-untyped-def]
    """The number at a position of a stream: uniform in (0, 1), never 0 or 1."""
    bits = _mix(U64(key) + (U64(counter) + U64(1)) * _GOLDEN)
    return (np.float64(bits >> _S11) + 0.5) * (1.0 / 9007199254740992.0)


@njit(cache=True)
def normal_quantile(p):  # type: ignore[no-untyped-def]
    """Inverse of the standard normal distribution, relative error under 1.2e-9 (P. J. Acklam's rational fit).

    >>> round(normal_quantile(0.975), 6)
    1.959964
    """
    if p < 0.02425:
        q = math.sqrt(-2.0 * math.log(p))
        return _tail(q)
    if p > 1.0 - 0.02425:
        q = math.sqrt(-2.0 * math.log(1.0 - p))
        return -_tail(q)
    q = p - 0.5
    r = q * q
    top = -3.969683028665376e01 * r + 2.209460984245205e02
    top = (top * r - 2.759285104469687e02) * r + 1.383577518672690e02
    top = (top * r - 3.066479806614716e01) * r + 2.506628277459239e00
    low = -5.447609879822406e01 * r + 1.615858368580409e02
    low = (low * r - 1.556989798598866e02) * r + 6.680131188771972e01
    low = (low * r - 1.328068155288572e01) * r + 1.0
    return top * q / low


@njit(cache=True, inline="always")
def _tail(q):  # type: ignore[no-untyped-def]
    top = -7.784894002430293e-03 * q - 3.223964580411365e-01
    top = (top * q - 2.400758277161838e00) * q - 2.549732539343734e00
    top = (top * q + 4.374664141464968e00) * q + 2.938163982698783e00
    low = 7.784695709041462e-03 * q + 3.224671290700398e-01
    low = (low * q + 2.445134137142996e00) * q + 3.754408661907416e00
    return top / (low * q + 1.0)


@njit(cache=True)
def count(mean, size, p):  # type: ignore[no-untyped-def]
    """Smallest x with P(X <= x) >= p for a negative binomial X: variance = mean + mean^2 / size.

    A large `size` gives the Poisson distribution.

    >>> count(3.0, 1e9, 0.5), count(3.0, 2.0, 0.95)
    (3, 9)
    """
    if mean <= 0.0:
        return 0
    if mean > LARGE_MEAN:
        # Gamma of the same mean and variance, by Wilson and Hilferty's cube of a normal.
        shape = 1.0 / (1.0 / mean + 1.0 / size)
        cube = 1.0 - 1.0 / (9.0 * shape) + normal_quantile(p) / (3.0 * math.sqrt(shape))
        return int(round(mean * cube * cube * cube)) if cube > 0.0 else 0
    ratio = mean / (mean + size)
    if size > 1e6:
        chance = math.exp(-mean)
    else:
        chance = math.exp(size * math.log1p(-ratio))
    below = chance
    x = 0
    while below < p and x < 20_000:
        chance *= (x + size) / (x + 1.0) * ratio
        x += 1
        if below + chance == below and x > mean:
            break  # the tail left is smaller than a rounding error
        below += chance
    return x
