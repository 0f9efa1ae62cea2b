"""The demand of many protection windows, each as a distribution that can be asked for quantiles and shortfalls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shelfcast.replenish import distribution_kernels as kernels
from shelfcast.replenish.threads import blocks, side_by_side

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

BLOCK_LINES = 50_000

GAMMA_FROM_MEAN = 50.0
"""From this mean on demand is taken as continuous (specification 3.4)."""


@dataclass(frozen=True)
class WindowDistribution:
    """One distribution per line.

    `mean` and `variance` are those of the whole (mixtures included). Component j of line i sits at
    `start[i] <= j < start[i + 1]` of the component arrays.
    """

    mean: Floats
    variance: Floats
    kind: NDArray[np.int8]
    start: Integers
    weights: Floats
    means: Floats
    variances: Floats
    row: Integers
    grid_levels: Floats
    grid: Floats
    samples: Floats

    @classmethod
    def from_moments(cls, mean: Floats, variance: Floats, discrete: Flags) -> WindowDistribution:
        """Fit by moments: negative binomial if variance > mean, else Poisson, for unit demand with mean < 50; gamma
        above and for weighed goods; a point where the variance is 0.

        >>> d = WindowDistribution.from_moments(np.array([50.0]), np.array([0.0]), np.array([False]))
        >>> d.quantile(np.array([0.95]))[0]
        array([50.])
        """
        return cls.from_mixture(np.arange(len(mean) + 1, dtype=np.int64), np.ones(len(mean)), mean, variance, discrete)

    @classmethod
    def from_mixture(
        cls, start: Integers, weights: Floats, means: Floats, variances: Floats, discrete: Flags
    ) -> WindowDistribution:
        """Mixture of the components of each line; their weights add up to 1."""
        means = np.maximum(means, 0.0)
        variances = np.maximum(variances, 0.0)
        if len(start) == len(means) + 1:
            mean, variance = means, variances
        else:
            lines = np.repeat(np.arange(len(start) - 1), np.diff(start))
            mean = np.bincount(lines, weights * means, len(start) - 1).astype(np.float64)
            square = np.bincount(lines, weights * (variances + means**2), len(start) - 1)
            variance = np.maximum(square - mean**2, 0.0)
        kind = np.full(len(mean), kernels.GAMMA, dtype=np.int8)
        kind[discrete & (mean < GAMMA_FROM_MEAN)] = kernels.COUNT
        kind[(mean <= 0.0) | (~discrete & (variance <= 0.0))] = kernels.POINT
        row = np.zeros(len(mean), dtype=np.int64)
        none = np.zeros((1, 1))
        return cls(mean, variance, kind, start, weights, means, variances, row, none[0], none, none)

    def with_grid(self, lines: Integers, levels: Floats, values: Floats, mean: Floats) -> WindowDistribution:
        """The same, but `lines` follow quantiles `values[len(lines), len(levels)]` at rising levels."""
        kind, row, means = self.kind.copy(), self.row.copy(), self.mean.copy()
        kind[lines] = kernels.GRID
        row[lines] = np.arange(len(lines))
        means[lines] = mean
        return replace(self, mean=means, kind=kind, row=row, grid_levels=levels, grid=np.ascontiguousarray(values))

    def with_samples(self, lines: Integers, samples: Floats) -> WindowDistribution:
        """The same, but `lines` follow draws `samples[len(lines), draws]`."""
        kind, row, mean, variance = self.kind.copy(), self.row.copy(), self.mean.copy(), self.variance.copy()
        kind[lines] = kernels.SAMPLES
        row[lines] = np.arange(len(lines))
        mean[lines] = samples.mean(axis=1)
        variance[lines] = samples.var(axis=1)
        return replace(self, mean=mean, variance=variance, kind=kind, row=row, samples=np.sort(samples, axis=1))

    @classmethod
    def join(cls, parts: Sequence[WindowDistribution]) -> WindowDistribution:
        """The distributions of several groups of lines, one after the other. Only one group may hold grids, one samples."""
        grid = next((part for part in parts if part.grid.size > 1), parts[0])
        samples = next((part for part in parts if part.samples.size > 1), parts[0])
        start, offset = [np.zeros(1, dtype=np.int64)], 0
        for part in parts:
            start.append(part.start[1:] + offset)
            offset += int(part.start[-1])

        def joined(name: str) -> NDArray[Any]:
            return np.concatenate([getattr(part, name) for part in parts])

        return cls(
            joined("mean"), joined("variance"), joined("kind"), np.concatenate(start), joined("weights"), joined("means"),
            joined("variances"), joined("row"), grid.grid_levels, grid.grid, samples.samples,
        )  # fmt: skip

    @property
    def size(self) -> int:
        return len(self.mean)

    def quantile(self, level: Floats) -> tuple[Floats, Flags]:
        """(value not exceeded with probability `level`, whether the level lies outside the given quantiles)."""
        values, clamped = self.quantiles(level[:, None])
        return values[:, 0], clamped[:, 0]

    def quantiles(self, levels: Floats) -> tuple[Floats, Flags]:
        """As `quantile`, for levels of shape (lines, k) that rise along the row."""
        levels = np.ascontiguousarray(levels, dtype=np.float64)
        out = np.zeros(levels.shape)
        clamped = np.zeros(levels.shape, dtype=np.bool_)

        def work(part: slice) -> None:
            kernels.quantiles_of(
                self.kind[part], self.start[part.start : part.stop + 1], self.weights, self.means, self.variances,
                self.row[part], self.grid_levels, self.grid, self.samples, levels[part], out[part], clamped[part],
            )  # fmt: skip

        self._in_blocks(work)
        return out, clamped

    def at(self, x: Floats) -> tuple[Floats, Floats]:
        """(P(demand <= x), expected demand beyond x) of each line."""
        cdf, short = np.zeros(self.size), np.zeros(self.size)
        x = np.ascontiguousarray(x, dtype=np.float64)

        def work(part: slice) -> None:
            kernels.at(
                self.kind[part], self.start[part.start : part.stop + 1], self.weights, self.means, self.variances,
                self.row[part], self.grid_levels, self.grid, self.samples, x[part], cdf[part], short[part],
            )  # fmt: skip

        self._in_blocks(work)
        return cdf, short

    def _in_blocks(self, work: Callable[[slice], None]) -> None:
        """Large sets of lines are worked on side by side; each block writes its own part of the answer."""
        if self.size <= 2 * BLOCK_LINES:
            work(slice(0, self.size))
            return
        for _ in side_by_side(work, blocks(self.size, BLOCK_LINES)):
            pass

    def take(self, lines: Integers) -> WindowDistribution:
        """The distributions of some lines."""
        sizes = np.diff(self.start)[lines]
        start = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        parts = np.repeat(self.start[lines] - start[:-1], sizes) + np.arange(start[-1])
        return WindowDistribution(
            self.mean[lines], self.variance[lines], self.kind[lines], start, self.weights[parts], self.means[parts],
            self.variances[parts], self.row[lines], self.grid_levels, self.grid, self.samples,
        )  # fmt: skip
