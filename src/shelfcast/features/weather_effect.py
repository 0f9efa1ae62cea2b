# mypy: allow-untyped-defs, allow-untyped-calls
"""What other weather than normal does to demand: a slope per group of series.

    effect = slope x expected difference from normal

Residuals of the local regression are regressed on measured differences from normal by ridge, each group drawn to all
series. A group counts as one observation a location and day: what moves one series there moves its neighbours. Series are
grouped by the static category with the largest marginal likelihood (Bayesian linear regression; Bishop 2006, 3.5).
Expected differences are those that come true on average (`covariates.weather_outlook`), so slopes of measured weather fit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from shelfcast.features.frame import Frame
from shelfcast.features.local_regression import predict

USUAL_SHARE = 0.10
"""What weather one standard deviation from normal is thought to move before anything is seen, as a share of the level."""
LEAST_DAYS = 60


@dataclass(frozen=True)
class Sums:
    """What partitions add up, by cutoff and group."""

    normal: NDArray[np.float64]
    """(C, groups, V, V + 1) normal equations, each residual by its series' precision."""
    weight: NDArray[np.float64]
    """(C, groups) sum of the precisions."""
    cells: NDArray[np.float64]
    """(C, groups) number of residuals."""
    days: NDArray[np.float64]
    """(C,) locations x days with weather."""

    columns: NDArray[np.int64]
    """(candidates + 1,) first group of each way to group, and the number of groups; group 0 is everybody."""

    def plus(self, other: Sums) -> Sums:
        return Sums(
            self.normal + other.normal,
            self.weight + other.weight,
            self.cells + other.cells,
            self.days + other.days,
            self.columns,
        )


@njit(cache=True, parallel=True)
def _slope_sums(
    value, first, last, loc, scale, beta, cutoffs, group, group_count, depth, unusual, place,
    phase, weekdays, values, rows, interacting,
):  # fmt: skip
    """Normal equations, weights and cells of `Sums`. unusual: (V, places, T), NaN where not known."""
    width = unusual.shape[0]
    sums = np.zeros((len(cutoffs), group_count, width, width + 1))
    weights, cells = np.zeros((len(cutoffs), group_count)), np.zeros((len(cutoffs), group_count))
    for k in prange(len(cutoffs)):
        c = cutoffs[k]
        residual = np.zeros(depth)
        for s in range(value.shape[0]):
            begin, end = max(first[s], c - depth + 1), min(c, last[s])
            squared, n = 0.0, 0
            for d in range(begin, end + 1):
                residual[d - c + depth - 1] = np.nan
                if np.isnan(value[s, d]) or np.isnan(unusual[0, place[s], d]):
                    continue
                fitted = predict(beta[s, k], s, d, phase, weekdays, values, rows, interacting)
                r = (value[s, d] - loc[s, k]) / scale[s, k] - fitted
                residual[d - c + depth - 1] = r
                squared += r * r
                n += 1
            if n < LEAST_DAYS or squared <= 0.0:
                continue
            weight = n / squared
            for d in range(begin, end + 1):
                r = residual[d - c + depth - 1]
                if np.isnan(r):
                    continue
                for g in range(group.shape[1]):
                    cells[k, group[s, g]] += 1.0
                    weights[k, group[s, g]] += weight
                    for i in range(width):
                        a = unusual[i, place[s], d]
                        sums[k, group[s, g], i, width] += weight * a * r
                        for j in range(width):
                            sums[k, group[s, g], i, j] += weight * a * unusual[j, place[s], d]
    return sums, weights, cells


def slope_sums(frame: Frame, local: tuple, cutoffs: NDArray[np.int64], depth: int, linear_arguments: tuple) -> Sums:
    """The sums of one partition; local: loc, scale, beta."""
    unusual, place = frame.outlook.measured, frame.outlook.place
    group, group_count = frame.outlook.group, frame.outlook.group_count
    shape = (len(cutoffs), group_count)
    if not len(unusual):
        nothing = np.zeros(shape)
        return Sums(np.zeros((*shape, 0, 1)), nothing, nothing, np.zeros(len(cutoffs)), np.array([group_count]))
    whole: NDArray[np.bool_] = np.logical_and.reduce(np.isfinite(unusual), axis=0)
    known = np.where(whole[None], unusual, np.nan).astype(np.float32)
    normal, weight, cells = _slope_sums(
        frame.value, frame.first, frame.last, *local, cutoffs, group, group_count, depth, known, place,
        *linear_arguments,
    )  # fmt: skip
    passed = np.concatenate([[0], np.cumsum(whole.sum(axis=0))])
    end = np.minimum(cutoffs + 1, len(passed) - 1)
    days = (passed[end] - passed[np.maximum(end - depth, 0)]).astype(np.float64)
    return Sums(normal, weight, cells, days, frame.outlook.starts)


@dataclass(frozen=True)
class Slopes:
    """Slopes by cutoff, group and column, per unit of the column, and which way of grouping holds at each cutoff."""

    slope: NDArray[np.float64]
    """(C, groups, V)"""
    grouping: NDArray[np.int64]
    """(C,) column of the groups; 0 = everybody alike."""


def slopes(sums: Sums) -> Slopes:
    """Solve the normal equations."""
    count, groups, width = sums.normal.shape[:3]
    found, grouping = np.zeros((count, groups, width)), np.zeros(count, dtype=np.int64)
    for k in range(count if width else 0):
        if sums.days[k] < LEAST_DAYS or sums.weight[k, 0] <= 0:
            continue
        spread = np.sqrt(np.maximum(np.diagonal(sums.normal[k, 0, :, :width]) / sums.weight[k, 0], 1e-12))
        doubt = np.diag((spread / USUAL_SHARE) ** 2)
        gain = np.zeros(groups)
        for g in range(groups):
            if sums.cells[k, g] == 0:
                continue
            crowd = max(1.0, sums.cells[k, g] / sums.days[k])
            information = sums.normal[k, g, :, :width] / crowd
            prior = found[k, 0] if g else np.zeros(width)
            rest = sums.normal[k, g, :, width] / crowd - information @ prior
            more = np.linalg.solve(information + doubt, rest)
            found[k, g] = prior + more
            # Log of the marginal likelihood over that of the prior slope.
            gain[g] = 0.5 * (rest @ more - np.linalg.slogdet(np.eye(width) + np.linalg.solve(doubt, information))[1])
        by_column = [0.0, *(gain[a:b].sum() for a, b in zip(sums.columns[:-1], sums.columns[1:], strict=True))]
        grouping[k] = int(np.argmax(by_column))
    return Slopes(found, grouping)


def weather_effect(
    frame: Frame,
    slopes: Slopes,
    series: NDArray[np.int64],
    number: NDArray[np.int64],
    cutoff: NDArray[np.int64],
    step: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Effect of expected weather on each row, on the scale of the local regression; 0 where nothing is expected.

    Args:
        number: cutoff's number of each row.
    """
    expected, place = frame.outlook.expected, frame.outlook.place
    effect = np.zeros(len(series))
    group = frame.outlook.group[series, slopes.grouping[number]]
    for column in range(len(expected)):
        reach = expected.shape[3]
        told = expected[column, place[series], cutoff, np.minimum(step, reach) - 1]
        told = np.where((step <= reach) & np.isfinite(told), told, 0.0)
        effect += slopes.slope[number, group, column] * told
    return effect
