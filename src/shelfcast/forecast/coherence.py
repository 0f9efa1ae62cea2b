"""Totals that fit their parts: means add up exactly, quantiles of totals come from summed sample paths."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from shelfcast.domain.errors import BadInput

Floats = NDArray[np.floating]


def total_means(mean: Floats, group: NDArray[np.integer], count: int) -> Floats:
    """Means (count, H) of groups of series: the plain sums of their series' means (n, H)."""
    totals = np.zeros((count, mean.shape[1]))
    np.add.at(totals, group, mean)
    return totals


class TotalPaths:
    """Sums of sample paths by group, chunk by chunk: memory is groups x draws x H, whatever the number of series.

    >>> totals = TotalPaths(groups=1, draws=2, horizon=1)
    >>> totals.add(np.array([[[1.0], [2.0]], [[10.0], [20.0]]]), np.array([0, 0]))
    >>> totals.paths[0].ravel().tolist()
    [11.0, 22.0]
    """

    def __init__(self, groups: int, draws: int, horizon: int) -> None:
        self.paths = np.zeros((groups, draws, horizon))

    def add(self, paths: Floats, group: NDArray[np.integer]) -> None:
        """Add a chunk's paths (n, draws, H), each to its group (n,)."""
        if paths.shape[1:] != self.paths.shape[1:] or len(paths) != len(group):
            raise BadInput(f"paths of shape {paths.shape} for totals of shape {self.paths.shape}.")
        np.add.at(self.paths, group, paths)

    def quantiles(self, levels: Sequence[float]) -> Floats:
        """(groups, H, levels) of the totals per step."""
        return np.moveaxis(np.quantile(self.paths, np.asarray(levels), axis=1), 0, -1)

    def window_quantiles(self, windows: Iterable[tuple[int, int]], levels: Sequence[float]) -> Floats:
        """(groups, W, levels) of the totals over windows of steps (from 1, both ends included)."""
        sums = np.stack([self.paths[:, :, first - 1 : last].sum(axis=2) for first, last in windows], axis=2)
        return np.moveaxis(np.quantile(sums, np.asarray(levels), axis=1), 0, -1)


def scale_to_total(mean: Floats, quantiles: Floats, total: Floats, group: NDArray[np.integer]) -> tuple[Floats, Floats]:
    """Pull series to a better forecast of their total: each step's means and quantiles times total / sum of means.

    Proportional (top-down by forecast shares, Athanasopoulos et al. 2009): never negative, never crossing, and the
    means then add up to `total` (groups, H). Where the sum of means is zero nothing can be scaled and it stays.
    """
    sums = total_means(mean, group, len(total))
    factor = np.where(sums > 0, total / np.where(sums > 0, sums, 1.0), 1.0)[group]
    return mean * factor, quantiles * factor[:, :, None]
