# mypy: allow-untyped-defs, allow-untyped-calls
"""The local regression of each series at a cutoff, and its size.

It's a ridge regression of one series on level, weekday and known covariates, with weights that
fade with age and coefficients drawn to those of all series together:

    beta = beta_all + (A + k I)^-1 (b - A beta_all),    A, b = faded sums of x x', x y up to the cutoff

Its residuals up to the cutoff are demand freed of weekday and promotion, on which levels and seasons can be compared.
All kernels read a series only up to the cutoff they are asked for.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

CHUNKS = 16
"""Series are added up in this many parts, in order, so that the sum doesn't depend on the number of threads."""
POOL_RIDGE = 0.002
OWN_RIDGE = 12.0
"""Weight of the coefficients of all series together, in periods of own history."""


@njit(cache=True, parallel=True)
def levels(value, first, last, cutoffs, year, mode, level_floor):
    """Location and scale by which a series is brought to a common size at each cutoff: (S, C) twice.

    mode 0 (log): mean log of the last year, 1. mode 1 (ratio): 0, mean of the last year. mode 2 (signed): mean of the
    last year, mean absolute distance from it. With nothing sold for a year, the whole history decides.
    """
    count, length = value.shape
    loc = np.zeros((count, len(cutoffs)))
    scale = np.ones((count, len(cutoffs)))
    for s in prange(count):
        for k in range(len(cutoffs)):
            c = min(cutoffs[k], last[s])
            total, n = 0.0, 0
            for d in range(max(first[s], c - year + 1), c + 1):
                if not np.isnan(value[s, d]):
                    total += value[s, d]
                    n += 1
            if n == 0 or (mode == 1 and total <= 0):
                for d in range(first[s], min(c + 1, length)):
                    if not np.isnan(value[s, d]):
                        total += value[s, d]
                        n += 1
            mean = total / n if n > 0 else 0.0
            if mode == 0:
                loc[s, k] = mean
            elif mode == 1:
                scale[s, k] = max(mean, level_floor[s])
            else:
                spread = 0.0
                for d in range(max(first[s], c - year + 1), c + 1):
                    if not np.isnan(value[s, d]):
                        spread += abs(value[s, d] - mean)
                loc[s, k] = mean
                scale[s, k] = max(spread / max(n, 1), level_floor[s])
    return loc, scale


@njit(cache=True, inline="always")
def _fill(x, s, d, phase, weekdays, values, rows, interacting):
    """Design row of series s on period d: level, weekday, covariates, weekday by interacting covariates."""
    x[:] = 0.0
    x[0] = 1.0
    if weekdays > 0:
        x[1 + phase[d]] = 1.0
    at = 1 + weekdays
    for j in range(rows.shape[1]):
        x[at + j] = values[rows[s, j], d]
    at += rows.shape[1]
    for i in range(len(interacting)):
        x[at + i * weekdays + phase[d]] = values[rows[s, interacting[i]], d]


@njit(cache=True, inline="always")
def predict(beta, s, d, phase, weekdays, values, rows, interacting):
    """Product of the design row with coefficients."""
    total = beta[0]
    if weekdays > 0:
        total += beta[1 + phase[d]]
    at = 1 + weekdays
    for j in range(rows.shape[1]):
        total += beta[at + j] * values[rows[s, j], d]
    at += rows.shape[1]
    for i in range(len(interacting)):
        total += beta[at + i * weekdays + phase[d]] * values[rows[s, interacting[i]], d]
    return total


@njit(cache=True, inline="always")
def _absorb(A, b, x, y, fade):
    p = len(x)
    for i in range(p):
        for j in range(i + 1):
            A[i, j] *= fade
        b[i] *= fade
    for i in range(p):
        if x[i] != 0.0:
            b[i] += x[i] * y
            for j in range(i + 1):
                A[i, j] += x[i] * x[j]


@njit(cache=True, parallel=True)
def pooled_sums(value, first, last, loc, scale, cutoffs, fade, phase, weekdays, values, rows, interacting):
    """Normal equations of all series together at each cutoff, each series with the same weight: (C, p, p + 1)."""
    count = value.shape[0]
    p = 1 + weekdays + rows.shape[1] + weekdays * len(interacting)
    sums = np.zeros((CHUNKS, len(cutoffs), p, p + 1))
    for chunk in prange(CHUNKS):
        A, b, x = np.zeros((p, p)), np.zeros(p), np.zeros(p)
        for s in range(chunk, count, CHUNKS):
            A[:] = 0.0
            b[:] = 0.0
            d = first[s]
            for k in range(len(cutoffs)):
                if cutoffs[k] > last[s] and k > 0 and cutoffs[k - 1] >= last[s]:
                    break
                while d <= min(cutoffs[k], last[s]):
                    if not np.isnan(value[s, d]):
                        _fill(x, s, d, phase, weekdays, values, rows, interacting)
                        _absorb(A, b, x, value[s, d], fade)
                    d += 1
                if A[0, 0] > 0:
                    weight = 1.0 / A[0, 0]
                    for i in range(p):
                        for j in range(i + 1):
                            sums[chunk, k, i, j] += A[i, j] * weight
                        sums[chunk, k, i, p] += (b[i] - loc[s, k] * A[i, 0]) / scale[s, k] * weight
    total = np.zeros((len(cutoffs), p, p + 1))
    for chunk in range(CHUNKS):
        total += sums[chunk]
    return total


def pooled_coefficients(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Coefficients of all series together at each cutoff: (C, p)."""
    p = sums.shape[1]
    lower = sums[:, :, :p]
    full = lower + np.tril(lower, -1).transpose(0, 2, 1)
    weight = np.maximum(full[:, 0, 0], 1e-12)
    ridge = np.eye(p) * POOL_RIDGE
    ridge[0, 0] = 1e-6
    normal = full / weight[:, None, None] + ridge[None]
    solved = np.linalg.solve(normal, (sums[:, :, p] / weight[:, None])[:, :, None])
    return np.asarray(solved[:, :, 0], dtype=np.float64)


@njit(cache=True, parallel=True)
def local_coefficients(
    value, first, last, loc, scale, cutoffs, fade, pooled, phase, weekdays, values, rows, interacting
):
    """Coefficients of each series at each cutoff, on the series' common size: (S, C, p)."""
    count = value.shape[0]
    p = pooled.shape[1]
    beta = np.zeros((count, len(cutoffs), p), dtype=np.float32)
    for s in prange(count):
        A, b, x = np.zeros((p, p)), np.zeros(p), np.zeros(p)
        full, right = np.zeros((p, p)), np.zeros(p)
        d = first[s]
        for k in range(len(cutoffs)):
            if cutoffs[k] > last[s] and k > 0 and cutoffs[k - 1] >= last[s]:
                beta[s, k] = beta[s, k - 1]
                continue
            while d <= min(cutoffs[k], last[s]):
                if not np.isnan(value[s, d]):
                    _fill(x, s, d, phase, weekdays, values, rows, interacting)
                    _absorb(A, b, x, value[s, d], fade)
                d += 1
            if A[0, 0] <= 0:
                beta[s, k] = pooled[k].astype(np.float32)
                continue
            for i in range(p):
                for j in range(i + 1):
                    full[i, j] = A[i, j]
                    full[j, i] = A[i, j]
                full[i, i] += OWN_RIDGE if i > 0 else 0.5
            for i in range(p):
                total = (b[i] - loc[s, k] * A[i, 0]) / scale[s, k]
                for j in range(p):
                    total -= A[max(i, j), min(i, j)] * pooled[k, j]
                right[i] = total
            solution = np.linalg.solve(full, right)
            for i in range(p):
                beta[s, k, i] = pooled[k, i] + solution[i]
    return beta


@njit(cache=True, parallel=True)
def group_residuals(
    value, first, last, loc, scale, cutoffs, beta, group, group_count, depth, phase, weekdays, values, rows, interacting
):
    """Sum and number of residuals of each group's series on the `depth` periods up to each cutoff: (C, groups, depth) twice."""
    sums = np.zeros((len(cutoffs), group_count, depth))
    counts = np.zeros((len(cutoffs), group_count, depth))
    for k in prange(len(cutoffs)):
        c = cutoffs[k]
        for s in range(value.shape[0]):
            for d in range(max(first[s], c - depth + 1), min(c, last[s]) + 1):
                if not np.isnan(value[s, d]):
                    fitted = predict(beta[s, k], s, d, phase, weekdays, values, rows, interacting)
                    residual = (value[s, d] - loc[s, k]) / scale[s, k] - fitted
                    for g in range(group.shape[1]):
                        sums[k, group[s, g], d - c + depth - 1] += residual
                        counts[k, group[s, g], d - c + depth - 1] += 1.0
    return sums, counts
