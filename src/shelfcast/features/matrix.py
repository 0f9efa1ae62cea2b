"""The model matrix: one row per (series, cutoff, step), built by the same code for training and for forecasting.

A row sees the series and the observed covariates up to its cutoff, known_future covariates up to cutoff + horizon, and
the context of its cutoff: what needs all series at once, a small table (`Context`) that adds up over partitions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shelfcast.features import history
from shelfcast.features.calendar import WEEK, YEAR
from shelfcast.features.frame import Frame
from shelfcast.features.recipe import LOG, RATIO

MODES = {LOG: 0, RATIO: 1}


@dataclass(frozen=True)
class Spans:
    """Lengths in periods, by frequency."""

    levels: tuple[int, ...]
    base: int
    """Periods that give the level a season is measured from."""
    near: int
    far: int
    half_life: float
    """Age at which a period counts half in the local regression."""
    least_history: int
    observed: tuple[int, ...]


SPANS = {
    "D": Spans((1, 3, 7, 14, 28, 56, 112, 364), 28, 3, 10, 180.0, 56, (1, 7, 28, 364)),
    "W": Spans((1, 2, 4, 8, 13, 26, 52), 6, 1, 2, 52.0, 12, (1, 4, 13, 52)),
    "M": Spans((1, 2, 3, 6, 12, 24), 3, 0, 1, 36.0, 6, (1, 3, 12)),
}


EFFECT_REACH = {"D": 10, "W": 4, "M": 0}
"""Periods around one that say what would have been usual on it; 0: effects of periods aren't carried over."""
EFFECT = "odd day last year"
OWN_EFFECT = "odd day last year, own"
OWN_SHARE = 0.6
"""Share of a series' own oddity that's believed to come again."""
OWN_LIMIT = 1.0


def depth_of(frequency: str) -> int:
    """Periods of history the rows of a cutoff look at."""
    spans = SPANS[frequency]
    return 2 * YEAR[frequency] + spans.base + spans.far + 1


@dataclass(frozen=True)
class Context:
    """What needs all series at once, at each cutoff."""

    cutoffs: NDArray[np.int64]
    pooled: NDArray[np.float64]
    """(C, p) coefficients of the regression of all series together."""
    group_total: NDArray[np.float64]
    """(C, groups, depth + 1) running sums of the mean residual of each group's series, period by period."""
    group_number: NDArray[np.float64]
    common: NDArray[np.float64]
    """(C, depth) mean residual of all series on each period; on a period few were open, that of open neighbours."""
    doubt: NDArray[np.float64]
    """(C,) size under which a movement of all series is taken for noise."""


@dataclass(frozen=True)
class Local:
    """Each series' own size and regression at each cutoff."""

    loc: NDArray[np.float64]
    scale: NDArray[np.float64]
    beta: NDArray[np.float32]


POOLED_MEMORY = 4.0
"""What all series say together fades this much more slowly: holidays are few, and their effects last."""


def _fade(frame: Frame) -> float:
    return float(0.5 ** (1.0 / SPANS[frame.recipe.frequency].half_life))


def _linear_arguments(frame: Frame) -> tuple:
    return (frame.calendar.phase, frame.weekdays, frame.design.values, frame.design.rows, frame.interacting)


def _levels(frame: Frame, cutoffs: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    mode = MODES.get(frame.recipe.mode, 2)
    return history.levels(frame.value, frame.first, frame.last, cutoffs, frame.year, mode, frame.recipe.level_floor)


def fit_local(frame: Frame, cutoffs: NDArray[np.int64], pooled: NDArray[np.float64]) -> Local:
    loc, scale = _levels(frame, cutoffs)
    beta = history.local_coefficients(
        frame.value, frame.first, frame.last, loc, scale, cutoffs, _fade(frame), pooled, *_linear_arguments(frame)
    )
    return Local(loc, scale, beta)


def build_context(
    frames: Callable[[], Iterable[Frame]], cutoffs: NDArray[np.int64], kept: list[Local] | None = None
) -> Context:
    """Go twice over the partitions of a panel and add up what needs all series. `frames` gives them anew each time.

    The local regressions of the partitions are made on the way; whoever wants them gives a list to keep them in.
    """
    sums: NDArray[np.float64] | None = None
    frequency = "D"
    for frame in frames():
        frequency = frame.recipe.frequency
        loc, scale = _levels(frame, cutoffs)
        part = history.pooled_sums(
            frame.value, frame.first, frame.last, loc, scale, cutoffs, _fade(frame) ** (1.0 / POOLED_MEMORY),
            *_linear_arguments(frame),
        )  # fmt: skip
        sums = part if sums is None else sums + part
    assert sums is not None
    pooled = history.pooled_coefficients(sums)
    total: NDArray[np.float64] | None = None
    number: NDArray[np.float64] | None = None
    for frame in frames():
        local = fit_local(frame, cutoffs, pooled)
        if kept is not None:
            kept.append(local)
        part_total, part_number = history.group_residuals(
            frame.value, frame.first, frame.last, local.loc, local.scale, cutoffs, local.beta,
            frame.group, frame.group_count, depth_of(frame.recipe.frequency), *_linear_arguments(frame),
        )  # fmt: skip
        total = part_total if total is None else total + part_total
        number = part_number if number is None else number + part_number
    assert total is not None and number is not None
    mean = np.where(number > 0, total / np.maximum(number, 1), 0.0)
    zero = np.zeros((*mean.shape[:2], 1))
    reach = EFFECT_REACH[frequency]
    movements = [common_movement(mean[k, 0], number[k, 0], reach) for k in range(len(cutoffs))]
    return Context(
        cutoffs,
        pooled,
        np.concatenate([zero, np.cumsum(mean, axis=2)], axis=2),
        np.concatenate([zero, np.cumsum(number > 0, axis=2)], axis=2),
        np.stack([one[0] for one in movements]),
        np.array([one[1] for one in movements]),
    )


def common_movement(
    mean: NDArray[np.float64], number: NDArray[np.float64], reach: int
) -> tuple[NDArray[np.float64], float]:
    """Mean residual of all series by period, and the size under which it counts as noise.

    The noise is 4 median distances from the median of the periods within `reach`. NaN where nothing is known.
    """
    common = np.full(len(mean), np.nan)
    usual = np.median(number[number > 0]) if (number > 0).any() else 0.0
    open_ = np.flatnonzero((number > 0) & (number >= 0.3 * usual))
    if reach == 0 or len(open_) < 4 * reach:
        return common, 1.0
    values = mean[open_]
    low, high = np.searchsorted(open_, open_ - reach), np.searchsorted(open_, open_ + reach, side="right")
    around = np.array([np.median(values[a:b]) for a, b in zip(low, high, strict=True)])
    index = np.arange(open_[0], open_[-1] + 1)
    common[index] = np.interp(index, open_, values)
    return common, max(4.0 * float(np.median(np.abs(values - around))), 1e-9)


def shrink(movement: NDArray[np.float64], doubt: NDArray[np.float64]) -> NDArray[np.float64]:
    """Noise becomes nothing and a Christmas stays: m^3 / (m^2 + doubt^2)."""
    return movement**3 / (movement**2 + doubt**2)


def _moved(
    frame: Frame,
    context: Context,
    number: NDArray[np.int64],
    now: NDArray[np.int64],
    index: NDArray[np.int64],
    until: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Movement of all series from the level before `now` to the period `index`; NaN unless known by `until`."""
    depth, base = depth_of(frame.recipe.frequency), SPANS[frame.recipe.frequency].base
    origin = context.cutoffs[number] - depth + 1
    total, seen = context.group_total[number, 0], context.group_number[number, 0]
    row = np.arange(len(number))
    high = np.clip(now - origin + 1, 0, depth)
    low = np.clip(now - origin + 1 - base, 0, depth)
    count = seen[row, high] - seen[row, low]
    level = (total[row, high] - total[row, low]) / np.where(count > 0, count, np.nan)
    known = (index >= np.maximum(origin, 0)) & (index <= until)
    value = context.common[number, np.where(known, index - origin, 0)] - level
    return np.where(known, value, np.nan)


def movement_between(
    frame: Frame, context: Context, number: NDArray[np.int64], cutoff: NDArray[np.int64], period: NDArray[np.int64]
) -> NDArray[np.float64]:
    """How all series together moved from the cutoff to the period, in hindsight: for judging training rows only."""
    result = np.empty(len(period))
    for begin in range(0, len(period), 50_000):
        part = slice(begin, begin + 50_000)
        until = context.cutoffs[number[part]]
        moved = _moved(frame, context, number[part], cutoff[part], period[part], until)
        result[part] = shrink(moved, context.doubt[number[part]])
    return result


def effect_last_year(
    frame: Frame, context: Context, number: NDArray[np.int64], cutoff: NDArray[np.int64], period: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How all series together moved from the cutoff to the period, one and two years before: mean, NaN where unknown.

    Lined up by festival or date (`calendar.year_ago`). Also the movement of the latest of these years, before shrinking.
    """
    ago, result, latest = frame.calendar.year_ago[2], np.empty(len(period)), np.full(len(period), np.nan)
    for begin in range(0, len(period), 50_000):
        part = slice(begin, begin + 50_000)
        index, now = period[part].copy(), cutoff[part].copy()
        total, count = np.zeros(len(index)), np.zeros(len(index))
        for _ in range(3):
            index, now = np.where(index >= 0, ago[np.maximum(index, 0)], -1), now - frame.year
            moved = _moved(frame, context, number[part], now, index, cutoff[part])
            latest[part] = np.where(np.isfinite(latest[part]), latest[part], moved)
            value = shrink(moved, context.doubt[number[part]])
            total += np.nan_to_num(value)
            count += np.isfinite(value)
        result[part] = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return result, latest


def own_effect(
    out: NDArray[np.float32], names: Names, moved: NDArray[np.float64], doubt: NDArray[np.float64]
) -> NDArray[np.float64]:
    """How a series moved differently from all others on the like day last year, where that day was odd for all.

    Shops that open for half of Christmas Eve do so each year; on days like any other the difference is noise.
    """
    own = out[:, names.features.index("same festival day last year")].astype(np.float64)
    level = np.nan_to_num(out[:, names.features.index("level last year")].astype(np.float64))
    different = np.clip(own - level - moved, -OWN_LIMIT, OWN_LIMIT)
    return np.nan_to_num(OWN_SHARE * different * moved**2 / (moved**2 + doubt**2))


@dataclass(frozen=True)
class Names:
    """Features in the order of the matrix, with the driver each is explained under."""

    features: tuple[str, ...]
    drivers: tuple[str, ...]
    categorical: tuple[int, ...]


def names_of(frame: Frame) -> Names:
    spans = SPANS[frame.recipe.frequency]
    names, drivers = history.history_names(spans.levels, frame.group.shape[1])
    names += [EFFECT, OWN_EFFECT, *frame.calendar.names]
    drivers += ["season", "season"]
    drivers += list(frame.calendar.drivers)
    names += list(frame.known.names)
    drivers += list(frame.known.drivers)
    for name, driver in zip(frame.observed.names, frame.observed.drivers, strict=True):
        names += [f"{name}, last {span}" for span in spans.observed] + [f"{name}, a year ago"]
        drivers += [driver] * (len(spans.observed) + 1)
    start = len(names)
    names += list(frame.static_names)
    drivers += ["level"] * len(frame.static_names)
    categorical = tuple(start + i for i, one in enumerate(frame.static_categorical) if one)
    return Names(tuple(names), tuple(drivers), categorical)


@dataclass(frozen=True)
class Rows:
    """Which rows: pairs of (series, number of the cutoff) and, for each pair, its steps ahead."""

    pair_series: NDArray[np.int64]
    pair_cutoff: NDArray[np.int64]
    pair_start: NDArray[np.int64]
    step: NDArray[np.int64]

    @property
    def count(self) -> int:
        return len(self.step)

    def series(self) -> NDArray[np.int64]:
        return np.repeat(self.pair_series, np.diff(self.pair_start))

    def cutoff(self) -> NDArray[np.int64]:
        return np.repeat(self.pair_cutoff, np.diff(self.pair_start))


def rows_of(series: NDArray[np.integer], cutoff: NDArray[np.integer], step: NDArray[np.integer]) -> Rows:
    """Rows from three equally long arrays, already sorted by series, cutoff and step."""
    if len(series) == 0:
        nothing = np.zeros(0, dtype=np.int64)
        return Rows(nothing, nothing, np.zeros(1, dtype=np.int64), nothing)
    begins = np.flatnonzero(np.r_[True, (series[1:] != series[:-1]) | (cutoff[1:] != cutoff[:-1])])
    return Rows(
        series[begins].astype(np.int64),
        cutoff[begins].astype(np.int64),
        np.r_[begins, len(series)].astype(np.int64),
        step.astype(np.int64),
    )


def all_steps(series: NDArray[np.integer], cutoff: NDArray[np.integer], horizon: int) -> Rows:
    """Every step of every (series, cutoff) pair."""
    count = len(series)
    return Rows(
        np.asarray(series, dtype=np.int64),
        np.asarray(cutoff, dtype=np.int64),
        np.arange(count + 1, dtype=np.int64) * horizon,
        np.tile(np.arange(1, horizon + 1, dtype=np.int64), count),
    )


def build_matrix(frame: Frame, context: Context, local: Local, rows: Rows) -> NDArray[np.float32]:
    """The matrix of the given rows: (rows, features) in the order of `names_of`."""
    spans, recipe = SPANS[frame.recipe.frequency], frame.recipe
    names = names_of(frame)
    out = np.empty((rows.count, len(names.features)), dtype=np.float32)
    history.history_rows(
        out, rows.pair_series, rows.pair_cutoff, rows.pair_start, rows.step, context.cutoffs, frame.value, frame.first,
        frame.last, local.loc, local.scale, local.beta, frame.group, context.group_total, context.group_number,
        depth_of(recipe.frequency), frame.calendar.year_ago, frame.year, spans.base, spans.near, spans.far,
        np.array(spans.levels, dtype=np.int64), frame.combination, *_linear_arguments(frame),
    )  # fmt: skip
    series = rows.series()
    cutoff = np.minimum(context.cutoffs[rows.cutoff()], frame.last[series])
    period = cutoff + rows.step
    col = len(history.history_names(spans.levels, frame.group.shape[1])[0])
    width = frame.calendar.values.shape[1]
    effect, moved = effect_last_year(frame, context, rows.cutoff(), cutoff, period)
    own = own_effect(out, names, moved, context.doubt[rows.cutoff()])
    out[:, col], out[:, col + 1] = effect, own
    out[:, 0] += (np.nan_to_num(effect) + own).astype(np.float32)
    col += 2
    out[:, col : col + width] = frame.calendar.values[period]
    col += width
    room = recipe.horizon - rows.step
    for j in range(frame.known.rows.shape[1]):
        values = frame.known.values[frame.known.rows[series, j], period]
        reach = int(frame.known.reach[j])
        if reach > 0:
            values = np.where(room >= reach, values, np.nan)
        elif reach < 0:
            values = np.where(values <= room, values, np.nan)
        out[:, col] = values
        col += 1
    for j in range(frame.observed.rows.shape[1]):
        col = _observed_columns(frame, j, series, cutoff, period, out, col, spans.observed)
    for j in range(frame.static.shape[1]):
        out[:, col] = frame.static[series, j]
        col += 1
    if col != out.shape[1]:
        raise AssertionError(f"{col} features built, {out.shape[1]} named")
    return out


def _observed_columns(
    frame: Frame,
    j: int,
    series: NDArray[np.int64],
    cutoff: NDArray[np.int64],
    period: NDArray[np.int64],
    out: NDArray[np.float32],
    col: int,
    spans: tuple[int, ...],
) -> int:
    """Means of an observed covariate up to the cutoff, and its value about a year before the period."""
    rows = frame.observed.rows[:, j]
    low, high = int(rows.min()), int(rows.max()) + 1
    values = frame.observed.values[low:high].astype(np.float64)
    seen = np.isfinite(values)
    zero = np.zeros((len(values), 1))
    total = np.concatenate([zero, np.cumsum(np.where(seen, values, 0.0), axis=1)], axis=1)
    number = np.concatenate([zero, np.cumsum(seen, axis=1)], axis=1)
    row = rows[series] - low
    for span in spans:
        begin = np.maximum(cutoff - span + 1, 0)
        n = number[row, cutoff + 1] - number[row, begin]
        sums = total[row, cutoff + 1] - total[row, begin]
        out[:, col] = np.where(n > 0, sums / np.maximum(n, 1), np.nan)
        col += 1
    ago = period - frame.year
    while (ago > cutoff).any():
        ago = np.where(ago > cutoff, ago - frame.year, ago)
    near = max(1, WEEK[frame.recipe.frequency] // 2)
    begin, end = np.maximum(ago - near, 0), np.minimum(ago + near, cutoff) + 1
    valid = ago >= 0
    begin, end = np.where(valid, begin, 0), np.where(valid, np.maximum(end, begin), 0)
    n = number[row, end] - number[row, begin]
    out[:, col] = np.where(n > 0, (total[row, end] - total[row, begin]) / np.maximum(n, 1), np.nan)
    return col + 1
