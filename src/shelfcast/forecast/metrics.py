"""Scores of forecasts: one function a metric.

All take plain arrays: `actual` (series, H) with NaN where missing, `mean` (series, H) the point forecast, `quantiles`
(series, H, levels) with `levels` rising, `scale` (series,) the seasonal error of each series' own history. Cells
without an actual are left out. Lower is better, except for bias (0 is best) and coverage (its name is best).

Definitions are the published ones of the fev benchmark (github.com/autogluon/fev, `fev/metrics.py`): errors are
**pooled** over all (series, period) cells that have an actual, quantile losses carry the factor 2 (so that the loss
of the median is the absolute error), epsilon is 0 and a cell whose scale is zero is left out. WRMSSE follows the M5
competition's guide (Makridakis, Spiliotis, Assimakopoulos 2022). A score with nothing to score is NaN.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shelfcast.domain.errors import BadInput, BadParameter

Floats = NDArray[np.floating]


def wape(actual: Floats, mean: Floats, epsilon: float = 0.0) -> float:
    """Weighted absolute percentage error: sum of |actual - mean| / sum of |actual|. NaN when all actuals are zero.

    >>> wape(np.array([[10.0, 30.0]]), np.array([[12.0, 26.0]]))
    0.15
    """
    here = _scored(actual, mean)
    return _ratio(_mean(np.abs(actual[here] - mean[here])), max(epsilon, _mean_size(actual, here)))


def bias(actual: Floats, mean: Floats, epsilon: float = 0.0) -> float:
    """Sum of (mean - actual) / sum of |actual|: positive = over-forecast.

    >>> bias(np.array([[10.0, 30.0]]), np.array([[12.0, 26.0]]))
    -0.05
    """
    here = _scored(actual, mean)
    return _ratio(_mean(mean[here] - actual[here]), max(epsilon, _mean_size(actual, here)))


def mase(actual: Floats, mean: Floats, scale: Floats, epsilon: float = 0.0) -> float:
    """Mean absolute scaled error: mean of |actual - mean| / the series' seasonal error (`seasonal_error`)."""
    here = _scored(actual, mean)
    return _pooled_mean(np.abs(actual - mean), np.maximum(scale, epsilon), here)


def rmsse(actual: Floats, mean: Floats, squared_scale: Floats, epsilon: float = 0.0) -> float:
    """Root of the pooled mean of squared error / squared scale (`seasonal_error(..., power=2)`).

    fev pools all cells; M5 takes the root per series: that is what `wrmsse` does.
    """
    here = _scored(actual, mean)
    return float(np.sqrt(_pooled_mean((actual - mean) ** 2, np.maximum(squared_scale, epsilon), here)))


def pinball_cells(actual: Floats, quantiles: Floats, levels: Sequence[float]) -> Floats:
    """Mean over levels of 2 max(q e, (q - 1) e), e = actual - quantile, per cell; NaN where actual is missing."""
    _check_levels(quantiles, levels)
    total = np.zeros(actual.shape)
    for position, level in enumerate(levels):
        error = actual - quantiles[:, :, position]
        total += np.maximum(level * error, (level - 1.0) * error)
    return total * (2.0 / len(levels))


def pinball_loss(actual: Floats, quantiles: Floats, levels: Sequence[float]) -> float:
    """Mean quantile (pinball) loss with the factor 2, over cells and levels.

    >>> round(pinball_loss(np.array([[10.0]]), np.array([[[8.0, 13.0]]]), (0.5, 0.9)), 6)
    1.3
    """
    here = _scored(actual, quantiles)
    return _mean(pinball_cells(actual, quantiles, levels)[here])


def wql(actual: Floats, quantiles: Floats, levels: Sequence[float], epsilon: float = 0.0) -> float:
    """Weighted quantile loss: mean quantile loss / mean |actual|."""
    here = _scored(actual, quantiles)
    return _ratio(_mean(pinball_cells(actual, quantiles, levels)[here]), max(epsilon, _mean_size(actual, here)))


def sql(actual: Floats, quantiles: Floats, levels: Sequence[float], scale: Floats, epsilon: float = 0.0) -> float:
    """Scaled quantile loss: mean over cells of the cell's quantile loss / the series' seasonal error."""
    here = _scored(actual, quantiles)
    return _pooled_mean(pinball_cells(actual, quantiles, levels), np.maximum(scale, epsilon), here)


def coverage(actual: Floats, quantiles: Floats, levels: Sequence[float], share: float) -> float:
    """Share of actuals inside the central interval that holds `share`, ends included (0.8: from q100 to q900).

    On small counts an honest interval covers more than its name: judge those by `randomised_pit`.
    """
    low, high = interval(quantiles, levels, share)
    here = _scored(actual, quantiles)
    return _ratio(float(np.sum((actual[here] >= low[here]) & (actual[here] <= high[here]))), float(here.sum()))


def interval(quantiles: Floats, levels: Sequence[float], share: float) -> tuple[Floats, Floats]:
    """Lower and upper end (series, H) of the central interval that holds `share`.

    Raises:
        BadParameter: the quantile grid doesn't hold the two levels.
    """
    ends = []
    for wanted in ((1.0 - share) / 2.0, (1.0 + share) / 2.0):
        position = int(np.argmin(np.abs(np.asarray(levels) - wanted)))
        if abs(levels[position] - wanted) > 1e-9:
            raise BadParameter(
                f"a central interval of {share:g} needs the quantile level {wanted:g}; there are: "
                f"{', '.join(f'{level:g}' for level in levels)}. Ask for an interval whose ends are on the grid."
            )
        ends.append(quantiles[:, :, position])
    return ends[0], ends[1]


def seasonal_error(history: Floats, season: int, power: int = 1) -> Floats:
    """Mean of |y(t) - y(t - season)| ** power per series: what scaled errors divide by. Shape (series,).

    Missing differences are left out. A series without any difference (shorter than the season) has 1.0, as in fev;
    a constant one has 0.0, and the scaled metrics leave its cells out.

    >>> seasonal_error(np.array([[1.0, 2.0, 4.0, np.nan, 5.0]]), 1)
    array([1.5])
    """
    if season < 1:
        raise BadParameter(f"season {season} isn't a number of periods; give 1 or more.")
    change = np.abs(history[:, season:] - history[:, :-season]) ** power
    known = np.isfinite(change)
    counts = known.sum(axis=1)
    sums = np.where(known, change, 0.0).sum(axis=1)
    return np.where(counts > 0, sums / np.maximum(counts, 1), 1.0)


def squared_scale_from_first_sale(history: Floats) -> Floats:
    """Mean squared one-step change from the first non-zero period on: the scale of M5's RMSSE. Shape (series,).

    Missing differences are left out; NaN where there is none.
    """
    started = np.cumsum(np.nan_to_num(history) != 0.0, axis=1) > 0
    change = np.where(started[:, :-1], history[:, 1:] - history[:, :-1], np.nan) ** 2
    known = np.isfinite(change)
    counts = known.sum(axis=1)
    sums = np.where(known, change, 0.0).sum(axis=1)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


M5_LEVELS: tuple[tuple[str, ...], ...] = (
    (), ("state_id",), ("store_id",), ("cat_id",), ("dept_id",), ("state_id", "cat_id"), ("state_id", "dept_id"),
    ("store_id", "cat_id"), ("store_id", "dept_id"), ("item_id",), ("state_id", "item_id"), ("item_id", "store_id"),
)  # fmt: skip
"""The twelve levels of the M5 competition by their column names there; () is the grand total."""


def hierarchy_groups(keys: pl.DataFrame, levels: Sequence[Sequence[str]]) -> list[NDArray[np.int64]]:
    """For each level (columns that name a group) the number of the group each series belongs to."""
    groups = []
    for columns in levels:
        if columns:
            rank = pl.struct([pl.col(column).cast(pl.String) for column in columns]).rank("dense") - 1
            groups.append(keys.select(rank.cast(pl.Int64).alias("group"))["group"].to_numpy())
        else:
            groups.append(np.zeros(keys.height, dtype=np.int64))
    return groups


def wrmsse(
    actual: Floats, mean: Floats, history: Floats, weights: Floats, groups: Sequence[NDArray[np.int64]]
) -> tuple[float, list[float]]:
    """M5's weighted RMSSE: the mean over levels, and each level's own.

    Args:
        actual, mean: (series, H) of the lowest level; a missing actual counts as zero in sums, as nothing was sold.
        history: (series, T) before the cutoff: the scale of each group is made from the group's summed history.
        weights: (series,) revenue of the last 28 days (or any worth); a group weighs the sum of its series.
        groups: per level the group of each series (`hierarchy_groups`).
    """
    here = _scored(actual, mean)
    scores = []
    for group in groups:
        count = int(group.max()) + 1
        error = _group_sums(np.where(here, actual - mean, 0.0), group, count)
        scale = squared_scale_from_first_sale(_group_sums(np.nan_to_num(history), group, count))
        weight = np.bincount(group, weights=np.asarray(weights, dtype=float), minlength=count)
        usable = np.isfinite(scale) & (scale > 0)
        root = np.sqrt(np.mean(error[usable] ** 2, axis=1) / scale[usable])
        scores.append(_ratio(float(np.sum(root * weight[usable])), float(weight.sum())))
    return float(np.mean(scores)), scores


def randomised_pit(
    actual: Floats, quantiles: Floats, levels: Sequence[float], generator: np.random.Generator, step: float = 0.0
) -> Floats:
    """Randomised probability integral transform per cell: uniform on 0..1 if the forecast is honest. NaN where missing.

    A value y that has probability of its own gets a uniform draw between F(y - step) and F(y), so that counts are
    judged fairly (Czado, Gneiting, Held 2009, "Predictive model assessment for count data"). F is read off the
    quantile grid by straight lines; beyond its ends, and where the quantiles themselves are on the lattice of `step`,
    F lies somewhere between two levels, of which the middle is taken.

    Args:
        step: distance of possible values: 1 for pieces, 0 for continuous demand.
    """
    _check_levels(quantiles, levels)
    _scored(actual, quantiles)
    grid = np.asarray(levels, dtype=float)
    upper = _distribution(actual, quantiles, grid, step, at_or_below=True)
    lower = _distribution(actual - step, quantiles, grid, step, at_or_below=step > 0)
    if step > 0:  # nothing lies below zero, unless the forecast itself says so
        lower = np.where((actual - step < 0) & (actual >= 0) & (quantiles[:, :, 0] >= 0), 0.0, lower)
    draw = lower + (upper - lower) * generator.random(actual.shape)
    return np.where(np.isfinite(actual), draw, np.nan)


def pit_coverage(pit: Floats, share: float) -> float:
    """Share of the PIT values inside the central `share`: equals `share` for an honest forecast, counts or not."""
    known = pit[np.isfinite(pit)]
    return _ratio(float(np.sum(np.abs(known - 0.5) <= share / 2.0)), float(len(known)))


def all_scores(
    actual: Floats, mean: Floats, quantiles: Floats, levels: Sequence[float], scale: Floats
) -> Mapping[str, float]:
    """sql, mase, wape, wql, bias, and coverage of the intervals 80 and 95 where the grid has their ends."""
    scores = {
        "sql": sql(actual, quantiles, levels, scale),
        "mase": mase(actual, mean, scale),
        "wape": wape(actual, mean),
        "wql": wql(actual, quantiles, levels),
        "bias": bias(actual, mean),
    }
    for share in (0.8, 0.95):
        ends = ((1 - share) / 2, (1 + share) / 2)
        if all(np.min(np.abs(np.asarray(levels) - end)) < 1e-9 for end in ends):
            scores[f"coverage_{round(100 * share)}"] = coverage(actual, quantiles, levels, share)
    return scores


def _scored(actual: Floats, forecast: Floats) -> NDArray[np.bool_]:
    """Cells that have an actual. A forecast missing there is an error: holes must not flatter a score."""
    if actual.shape != forecast.shape[:2]:
        raise BadInput(
            f"actual has shape {actual.shape}, the forecast {forecast.shape}; series and periods must agree."
        )
    here = np.isfinite(actual)
    holes = int((~np.isfinite(forecast[here])).sum())
    if holes:
        raise BadInput(
            f"{holes} of {int(here.sum())} cells to be scored have no forecast; fill them by a fallback first."
        )
    return here


def _check_levels(quantiles: Floats, levels: Sequence[float]) -> None:
    if not len(levels) or quantiles.shape[2] != len(levels) or np.any(np.diff(levels) <= 0):
        raise BadInput(
            f"quantiles have {quantiles.shape[2]} columns for the levels {tuple(levels)}; "
            "give one rising level for each column."
        )


def _mean_size(actual: Floats, here: NDArray[np.bool_]) -> float:
    return _mean(np.abs(actual[here]))


def _mean(values: Floats) -> float:
    return float(np.mean(values)) if values.size else float("nan")


def _ratio(above: float, below: float) -> float:
    return float(above / below) if below > 0 else float("nan")


def _pooled_mean(cells: Floats, scale: Floats, here: NDArray[np.bool_]) -> float:
    """Mean of cells / scale of their series over scored cells whose scale isn't zero."""
    usable = here & (scale > 0)[:, None] & np.isfinite(scale)[:, None]
    count = int(usable.sum())
    if not count:
        return float("nan")
    safe = np.where((scale > 0) & np.isfinite(scale), scale, 1.0)
    return float(np.sum(np.where(usable, cells, 0.0) / safe[:, None]) / count)


def _group_sums(cells: Floats, group: NDArray[np.int64], count: int) -> Floats:
    """Sums of rows by group: (groups, columns)."""
    order = np.argsort(group, kind="stable")
    starts = np.searchsorted(group[order], np.arange(count))
    return np.add.reduceat(cells[order], starts, axis=0)


def _distribution(value: Floats, quantiles: Floats, grid: Floats, step: float, at_or_below: bool) -> Floats:
    """P(Y <= value), or P(Y < value), read off the quantile grid per cell."""
    beyond = value[:, :, None]
    under = (quantiles <= beyond if at_or_below else quantiles < beyond).sum(axis=2)
    padded = np.concatenate([[0.0], grid, [1.0]])
    below, above = padded[under], padded[under + 1]
    left = np.take_along_axis(quantiles, np.clip(under - 1, 0, len(grid) - 1)[:, :, None], axis=2)[:, :, 0]
    right = np.take_along_axis(quantiles, np.clip(under, 0, len(grid) - 1)[:, :, None], axis=2)[:, :, 0]
    inside = (under > 0) & (under < len(grid)) & (right > left)
    share = np.where(inside, (value - left) / np.where(inside, right - left, 1.0), 0.5)
    if step > 0:
        on_lattice = np.all(np.abs(quantiles / step - np.round(quantiles / step)) < 1e-9, axis=2)
        share = np.where(on_lattice, 0.5, share)
    return below + share * (above - below)
