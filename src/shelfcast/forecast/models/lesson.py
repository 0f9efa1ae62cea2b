"""The rows the main model learns from: which series, which past cutoffs, which periods, and what each counts."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from shelfcast.features.calendar import YEAR
from shelfcast.features.context import SPANS, Context, Local, effect_last_year, movement_between
from shelfcast.features.frame import Frame
from shelfcast.features.matrix import Rows, build_matrix, rows_of
from shelfcast.features.panel import Panel
from shelfcast.features.recipe import RATIO

HELD_ROWS = 200_000
MOST_CUTOFFS = 64
ROWS_BESIDES = 5_000
MOST_UNEVEN = 1_000.0
"""A series this much larger or smaller than the middle one counts like one no further out."""
LEAST_JUDGED = 10_000
WEIGHT_HALF_LIFE_YEARS = 1.5


@dataclass(frozen=True)
class Lesson:
    """The rows a model learns from."""

    matrix: NDArray[np.float32]
    target: NDArray[np.float64]
    weight: NDArray[np.float64]
    loc: NDArray[np.float64]
    scale: NDArray[np.float64]
    period: NDArray[np.int64]
    held: NDArray[np.bool_]
    """Forecast rows of held-out cutoffs: errors on them are honest."""
    early: NDArray[np.bool_]
    """Rows that lie wholly before the held-out part."""


def pick_series(panel: Panel, most: int) -> tuple[Panel, NDArray[np.int64]]:
    """An even sample of series, for panels too large to learn from whole, and their rows."""
    if panel.series_count <= most:
        return panel, np.arange(panel.series_count)
    chosen = np.unique(np.linspace(0, panel.series_count - 1, most).astype(np.int64))
    picked = replace(
        panel,
        keys=panel.keys[chosen.tolist()],
        target=panel.target[chosen],
        in_stock_share=None if panel.in_stock_share is None else panel.in_stock_share[chosen],
        covariates=tuple(replace(one, rows=one.rows[chosen]) for one in panel.covariates),
        last=None if panel.last is None else panel.last[chosen],
    )
    return picked, chosen


def training_cutoffs(frame: Frame, horizon: int, held: int) -> NDArray[np.int64]:
    """Past cutoffs to learn from, the latest first held out ones included: rising, at most about `MOST_CUTOFFS`."""
    spans = SPANS[frame.recipe.frequency]
    end = int(frame.last.max())
    begin = int(min(frame.first[frame.first <= frame.last].min() + spans.least_history, end // 2))
    stride = max(1, -(-(end - begin) // MOST_CUTOFFS))
    if frame.recipe.frequency == "D":
        stride = max(7, -(-stride // 7) * 7)
    grid = np.arange(end - stride, begin - 1, -stride)
    blocks = np.arange(1, held + 1) * horizon
    return np.unique(np.concatenate([grid, end - blocks]).clip(0)).astype(np.int64)


def sample_rows(
    frame: Frame, cutoffs: NDArray[np.int64], horizon: int, budget: int, held: int, rng: np.random.Generator
) -> Rows:
    """Rows whose demand is known, at most about `budget`, drawn evenly.

    Of the latest `held` blocks of a horizon, by which quantiles are judged, at least `LEAST_JUDGED` where there are so many.
    """
    length = frame.demand.shape[1]
    seen = np.isfinite(frame.demand)
    known = np.array([int(seen[:, c + 1 : min(c + 1 + horizon, length)].sum()) for c in cutoffs])
    even = min(1.0, budget / max(int(known.sum()), 1))
    judged = np.isin(cutoffs, held_cutoffs(frame, horizon, held))
    most = min(1.0, LEAST_JUDGED / max(int(known[judged].sum()), 1))
    found: list[tuple[NDArray, NDArray, NDArray]] = []
    for k, c in enumerate(cutoffs):
        block = seen[:, c + 1 : min(c + 1 + horizon, length)] & (frame.first <= c)[:, None]
        share = max(even, most) if judged[k] else even
        if share < 1.0:
            block = block & (rng.random(block.shape, dtype=np.float32) < share)
        series, step = np.nonzero(block)
        found.append((series, np.full(len(series), k), step + 1))
    series, cutoff, step = (np.concatenate([one[i] for one in found]) for i in range(3))
    order = np.lexsort((step, cutoff, series))
    return rows_of(series[order], cutoff[order], step[order])


def held_cutoffs(frame: Frame, horizon: int, held: int) -> NDArray[np.int64]:
    """Cutoffs of the held-out blocks."""
    return np.asarray(int(frame.last.max()) - np.arange(1, held + 1) * horizon)


def rows_worth(frame: Frame, budget: int) -> int:
    """How many rows are worth learning from: a period seen from many cutoffs is still one period.

    On 200 series of 137 weeks as many rows as periods are as accurate as five times that many (SQL 0.503 and 0.508), in a
    third of the time.
    """
    return min(budget, ROWS_BESIDES + int(np.isfinite(frame.demand).sum()))


def row_target(frame: Frame, local: Local, rows: Rows, cutoffs: NDArray[np.int64]) -> NDArray[np.float64]:
    """Demand of each row on the common size."""
    series, cutoff = rows.series(), rows.cutoff()
    value = frame.value[series, cutoffs[cutoff] + rows.step].astype(np.float64)
    return (value - local.loc[series, cutoff]) / local.scale[series, cutoff]


def lesson_of(
    frame: Frame,
    local: Local,
    rows: Rows,
    cutoffs: NDArray[np.int64],
    context: Context,
    horizon: int,
    held_blocks: int,
    rng: np.random.Generator,
) -> Lesson:
    series, cutoff = rows.series(), rows.cutoff()
    target = row_target(frame, local, rows, cutoffs)
    period = cutoffs[cutoff] + rows.step
    end = int(frame.last.max())
    border = end - held_blocks * horizon
    age = (end - period) / YEAR[frame.recipe.frequency]
    weight = 0.5 ** (age / WEIGHT_HALF_LIFE_YEARS)
    if frame.recipe.mode == RATIO:
        size = local.scale[series, cutoff]
        middle = float(np.median(size)) if len(size) else 1.0
        weight = weight * np.sqrt(np.clip(size / middle, 1.0 / MOST_UNEVEN, MOST_UNEVEN))
    weight = weight / weight.mean() if len(weight) else weight
    unknowable = _unknowable(frame, context, cutoff, cutoffs[cutoff], period)
    weight = np.where(unknowable, 0.0, weight)
    held_numbers = np.searchsorted(cutoffs, held_cutoffs(frame, horizon, held_blocks))
    held = np.isin(cutoff, held_numbers) & (cutoffs[cutoff] >= border)
    if held.sum() > HELD_ROWS:
        held &= rng.random(len(held)) < HELD_ROWS / held.sum()
    return Lesson(
        build_matrix(frame, context, local, rows),
        target,
        weight,
        local.loc[series, cutoff],
        local.scale[series, cutoff],
        period,
        held,
        period <= border,
    )


def _unknowable(
    frame: Frame, context: Context, number: NDArray[np.int64], cutoff: NDArray[np.int64], period: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Rows of periods that were odd for everybody when no earlier year was there to tell.

    All a model could learn from them is the date; and then it would count the oddity twice a year later.
    """
    latest = np.full(len(number), len(context.cutoffs) - 1)
    moved = movement_between(frame, context, latest, cutoff, period)
    odd = np.abs(np.nan_to_num(moved)) > np.maximum(context.doubt[-1], 0.05)
    return odd & ~np.isfinite(effect_last_year(frame, context, number, cutoff, period)[0])
