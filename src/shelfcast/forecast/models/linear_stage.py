"""The pooled linear stage: what levels and last year's seasons say together, for all series at once.

Trees approximate a weighted mean of levels poorly and can't extrapolate; a ridge regression with weights that change
with the step does both. The trees then learn what is left.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

LIMIT = 3.0
"""Features are on the common size of series; further out they're cut, so that one odd series can't bend the line."""
RIDGE = 0.02
SHARED_RIDGE = 5.0
"""For what all series (of a group) share: rows of the same cutoff repeat it, so they say far less than they count."""
DAY_RIDGE = 0.2
"""For what all series share of single days a year ago: there are many such days, and what they say isn't in the levels."""
TELLING_SHARE = 0.25
"""Of a year: a column seen on fewer periods than this says little of the periods to come."""
SINGLE_DAY = ": same "


def stage_features(names: tuple[str, ...]) -> NDArray[np.int64]:
    """Positions of the features the stage uses: levels, seasons a year ago, own and of groups; of groups single days too."""
    chosen = [
        i
        for i, name in enumerate(names)
        if name.startswith(("level, last ", "season ", "level last year"))
        or any(part in name for part in (": level", ": season", SINGLE_DAY))
    ]
    return np.array(chosen, dtype=np.int64)


def ridge_strength(
    names: tuple[str, ...], columns: NDArray[np.int64], periods: NDArray[np.int64] | None = None, year: int = 1
) -> NDArray[np.float64]:
    """Share of its own weight each column is drawn to zero with.

    Args:
        periods: on how many different periods each column was seen. However many series repeat them, a column seen on the
            few latest periods only (the season two years ago, where history is two years long) says nothing of a year.
        year: periods in a year.
    """
    shared = {True: DAY_RIDGE, False: SHARED_RIDGE}
    base = np.array([shared[SINGLE_DAY in names[c]] if ": " in names[c] else RIDGE for c in columns])
    if periods is None:
        return base
    return np.asarray(base * (1.0 + (TELLING_SHARE * year / np.maximum(periods, 1)) ** 4), dtype=np.float64)


def periods_seen(
    matrix: NDArray[np.float32], columns: NDArray[np.int64], period: NDArray[np.int64]
) -> NDArray[np.int64]:
    """On how many different periods each column is known and not zero."""
    return np.array(
        [len(np.unique(period[np.isfinite(matrix[:, column]) & (matrix[:, column] != 0)])) for column in columns],
        dtype=np.int64,
    )


@dataclass(frozen=True)
class LinearStage:
    """weights: (2, columns + 1), for the feature and for feature x step / horizon; the last column is the constant."""

    columns: NDArray[np.int64]
    weights: NDArray[np.float64]
    horizon: int

    def parts(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """Contribution of each column and, last, of the constant: (rows, columns + 1)."""
        values = _clean(matrix, self.columns)
        step = matrix[:, 1:2].astype(np.float64) / self.horizon
        return values * (self.weights[0][None, :] + step * self.weights[1][None, :])

    def predict(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        values = _clean(matrix, self.columns)
        step = matrix[:, 1].astype(np.float64) / self.horizon
        return values @ self.weights[0] + step * (values @ self.weights[1])

    def to_dict(self) -> dict[str, Any]:
        return {"columns": self.columns.tolist(), "weights": self.weights.tolist(), "horizon": self.horizon}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> LinearStage:
        return cls(np.array(data["columns"], dtype=np.int64), np.array(data["weights"]), int(data["horizon"]))


def _clean(matrix: NDArray[np.float32], columns: NDArray[np.int64]) -> NDArray[np.float64]:
    values = np.ones((len(matrix), len(columns) + 1))
    values[:, :-1] = np.clip(np.nan_to_num(matrix[:, columns], nan=0.0), -LIMIT, LIMIT)
    return values


def fit_linear_stage(
    matrix: NDArray[np.float32],
    target: NDArray[np.floating],
    weight: NDArray[np.floating],
    columns: NDArray[np.int64],
    strength: NDArray[np.float64],
    horizon: int,
    chunk: int = 100_000,
) -> LinearStage:
    """Weighted ridge regression of the target on the columns and on columns x step / horizon. `strength`: `ridge_strength`."""
    size = 2 * (len(columns) + 1)
    normal, right, total = np.zeros((size, size)), np.zeros(size), 0.0
    for begin in range(0, len(matrix), chunk):
        part = matrix[begin : begin + chunk]
        values = _clean(part, columns)
        wide = np.concatenate([values, values * (part[:, 1:2].astype(np.float64) / horizon)], axis=1)
        w = weight[begin : begin + chunk].astype(np.float64)
        weighted = wide * w[:, None]
        normal += weighted.T @ wide
        right += weighted.T @ target[begin : begin + chunk].astype(np.float64)
        total += float(w.sum())
    ridge = np.diag(normal) * np.tile(np.append(strength, RIDGE), 2) + 1e-3 * total / max(len(matrix), 1) + 1e-9
    solution = np.asarray(np.linalg.solve(normal + np.diag(ridge), right), dtype=np.float64)
    return LinearStage(columns, solution.reshape(2, -1), horizon)
