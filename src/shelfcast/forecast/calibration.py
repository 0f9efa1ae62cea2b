"""From a middle forecast and a spread to quantiles that hold what they promise.

Standardised errors of forecasts made from held-out cutoffs are sorted into cells (horizon or size, by spread); the
quantiles of a cell are drawn to those of all cells where the cell holds few errors (split conformal prediction with
shrinkage). A cell's table holds 101 levels; other levels lie between them in a straight line.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

TABLE_LEVELS = np.concatenate([[0.002, 0.005], np.linspace(0.01, 0.99, 99), [0.995, 0.998]])
SHRINKAGE = 300.0
"""Errors of a cell that weigh as much as those of all cells."""


@dataclass(frozen=True)
class QuantileTable:
    """Quantiles of standardised errors by cell: table[i, j] for the i-th bin of the first and j-th of the second key."""

    first_edges: NDArray[np.float64]
    second_edges: NDArray[np.float64]
    table: NDArray[np.float64]
    counts: NDArray[np.int64]

    def cells(self, first: NDArray[np.floating], second: NDArray[np.floating]) -> NDArray[np.int64]:
        i = np.searchsorted(self.first_edges, first, side="right")
        j = np.searchsorted(self.second_edges, second, side="right")
        return i * self.table.shape[1] + j

    def at(self, cells: NDArray[np.int64], levels: tuple[float, ...]) -> NDArray[np.float64]:
        """Quantiles of each row's cell at the levels: (rows, levels)."""
        flat = self.table.reshape(-1, len(TABLE_LEVELS))
        by_cell = np.stack([np.interp(levels, TABLE_LEVELS, row) for row in flat])
        return by_cell[cells]

    def to_dict(self) -> dict[str, Any]:
        return {
            "first_edges": self.first_edges.tolist(),
            "second_edges": self.second_edges.tolist(),
            "table": self.table.tolist(),
            "counts": self.counts.tolist(),
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> QuantileTable:
        return cls(
            np.array(data["first_edges"], dtype=np.float64),
            np.array(data["second_edges"], dtype=np.float64),
            np.array(data["table"], dtype=np.float64),
            np.array(data["counts"], dtype=np.int64),
        )


def _edges(values: NDArray[np.floating], bins: int) -> NDArray[np.float64]:
    finite = values[np.isfinite(values)]
    if bins < 2 or len(finite) == 0:
        return np.zeros(0)
    return np.unique(np.quantile(finite, np.arange(1, bins) / bins)).astype(np.float64)


def fit_quantile_table(
    errors: NDArray[np.floating],
    first: NDArray[np.floating],
    second: NDArray[np.floating],
    first_bins: int = 4,
    second_bins: int = 3,
    least: int = 100,
    *,
    by_first: bool = False,
) -> QuantileTable:
    """Quantiles of standardised errors by cell. Fewer bins where there aren't `least` errors for each.

    Cells are drawn to all errors; with `by_first` to those of their own and the neighbouring bins of the first key, for
    errors that aren't alike along it (actual over forecast is wide for small forecasts and narrow for large ones).
    """
    affordable = max(1, len(errors) // least)
    first_bins = min(first_bins, affordable)
    second_bins = min(second_bins, max(1, affordable // first_bins))
    first_edges, second_edges = _edges(first, first_bins), _edges(second, second_bins)
    shape = (len(first_edges) + 1, len(second_edges) + 1)
    everything = _tail_quantiles(errors)
    table = np.empty((*shape, len(TABLE_LEVELS)))
    counts = np.zeros(shape, dtype=np.int64)
    i = np.searchsorted(first_edges, first, side="right")
    j = np.searchsorted(second_edges, second, side="right")
    for a in range(shape[0]):
        drawn_to = _drawn(errors[np.abs(i - a) <= 1], everything, 0.1 * SHRINKAGE) if by_first else everything
        for b in range(shape[1]):
            mine = errors[(i == a) & (j == b)]
            counts[a, b] = len(mine)
            table[a, b] = _drawn(mine, drawn_to)
    return QuantileTable(first_edges, second_edges, np.maximum.accumulate(table, axis=-1), counts)


def _drawn(errors: NDArray[np.floating], to: NDArray[np.float64], shrinkage: float = SHRINKAGE) -> NDArray[np.float64]:
    """Quantiles of some errors, drawn to those of more where they are few."""
    trust = len(errors) / (len(errors) + shrinkage)
    return to if len(errors) == 0 else trust * _tail_quantiles(errors) + (1 - trust) * to


def _tail_quantiles(errors: NDArray[np.floating]) -> NDArray[np.float64]:
    """Quantiles with the finite-sample widening of conformal prediction: level p is read at p (1 + 1/n), to both sides."""
    n = len(errors)
    if n == 0:
        return np.zeros(len(TABLE_LEVELS))
    away = (TABLE_LEVELS - 0.5) * (1.0 + 1.0 / n) + 0.5
    return np.quantile(errors.astype(np.float64), np.clip(away, 0.0, 1.0))
