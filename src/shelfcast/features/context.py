"""What needs all series at once, at each cutoff: a small table that adds up over partitions of a panel."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shelfcast.features import local_regression, weather_effect
from shelfcast.features.calendar import YEAR
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
    weather: weather_effect.Slopes
    """What unusual weather moves."""


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


def linear_arguments(frame: Frame) -> tuple:
    return (frame.calendar.phase, frame.weekdays, frame.design.values, frame.design.rows, frame.interacting)


def _levels(frame: Frame, cutoffs: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    mode = MODES.get(frame.recipe.mode, 2)
    return local_regression.levels(frame.value, frame.first, frame.last, cutoffs, frame.year, mode, frame.level_floor)


def fit_local(frame: Frame, cutoffs: NDArray[np.int64], pooled: NDArray[np.float64]) -> Local:
    loc, scale = _levels(frame, cutoffs)
    beta = local_regression.local_coefficients(
        frame.value, frame.first, frame.last, loc, scale, cutoffs, _fade(frame), pooled, *linear_arguments(frame)
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
        part = local_regression.pooled_sums(
            frame.value, frame.first, frame.last, loc, scale, cutoffs, _fade(frame) ** (1.0 / POOLED_MEMORY),
            *linear_arguments(frame),
        )  # fmt: skip
        sums = part if sums is None else sums + part
    assert sums is not None
    pooled = local_regression.pooled_coefficients(sums)
    total: NDArray[np.float64] | None = None
    number: NDArray[np.float64] | None = None
    weather: weather_effect.Sums | None = None
    for frame in frames():
        local = fit_local(frame, cutoffs, pooled)
        if kept is not None:
            kept.append(local)
        part_total, part_number = local_regression.group_residuals(
            frame.value, frame.first, frame.last, local.loc, local.scale, cutoffs, local.beta,
            frame.group, frame.group_count, depth_of(frame.recipe.frequency), *linear_arguments(frame),
        )  # fmt: skip
        total = part_total if total is None else total + part_total
        number = part_number if number is None else number + part_number
        seen = weather_effect.slope_sums(
            frame, (local.loc, local.scale, local.beta), cutoffs, depth_of(frequency), linear_arguments(frame)
        )
        weather = seen if weather is None else weather.plus(seen)
    assert total is not None and number is not None and weather is not None
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
        weather_effect.slopes(weather),
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


WEEKDAY_SHARE = 0.5


def effect_last_year(
    frame: Frame, context: Context, number: NDArray[np.int64], cutoff: NDArray[np.int64], period: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How all series together moved from the cutoff to the period, one and two years before: mean, NaN where unknown.

    Lined up by festival or date (`calendar.year_ago`), and half by weekday where that doesn't say something quite
    different: Saturdays in Advent are alike, 24 December isn't the Wednesday of last year. Also the movement of the
    latest of these years by festival or date, before shrinking.
    """
    ago, result, latest = frame.calendar.year_ago[2], np.empty(len(period)), np.full(len(period), np.nan)
    for begin in range(0, len(period), 50_000):
        part = slice(begin, begin + 50_000)
        index, now = period[part].copy(), cutoff[part].copy()
        by_week = index
        total, count = np.zeros(len(index)), np.zeros(len(index))
        for _ in range(3):
            index, now = np.where(index >= 0, ago[np.maximum(index, 0)], -1), now - frame.year
            moved = _moved(frame, context, number[part], now, index, cutoff[part])
            latest[part] = np.where(np.isfinite(latest[part]), latest[part], moved)
            doubt = context.doubt[number[part]]
            by_week = np.where(by_week >= 0, frame.calendar.year_ago[0][np.maximum(by_week, 0)], -1)
            apart = _moved(frame, context, number[part], now, by_week, cutoff[part]) - moved
            moved = moved + np.nan_to_num(WEEKDAY_SHARE * apart * doubt**2 / (doubt**2 + apart**2))
            value = shrink(moved, doubt)
            total += np.nan_to_num(value)
            count += np.isfinite(value)
        result[part] = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return result, latest
