"""The model matrix: one row per (series, cutoff, step), built by the same code for training and for forecasting.

A row sees the series and the observed covariates up to its cutoff, known_future covariates up to cutoff + horizon, expected
covariates as they were issued by then, and the context of its cutoff: what needs all series at once, a small table (`Context`) that adds up over partitions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shelfcast.features import history
from shelfcast.features.calendar import WEEK
from shelfcast.features.context import SPANS, Context, Local, depth_of, effect_last_year, linear_arguments
from shelfcast.features.frame import Frame
from shelfcast.features.panel import Covariate
from shelfcast.features.weather_effect import weather_effect

EFFECT = "odd day last year"
OWN_EFFECT = "odd day last year, own"
WEATHER_EFFECT = "expected weather"
OWN_SHARE = 0.6
"""Share of a series' own oddity that's believed to come again."""
OWN_LIMIT = 1.0


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
    if frame.expected:
        names += [WEATHER_EFFECT, *(one.name for one in frame.expected)]
        drivers += ["weather", *(one.driver for one in frame.expected)]
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
        np.array(spans.levels, dtype=np.int64), frame.combination, *linear_arguments(frame), context.doubt,
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
    if frame.expected:
        moved_by_weather = weather_effect(frame, context.weather, series, rows.cutoff(), cutoff, rows.step)
        out[:, col] = moved_by_weather
        out[:, 0] += moved_by_weather.astype(np.float32)
        col += 1
    for one in frame.expected:
        out[:, col] = _expected(one, series, cutoff, rows.step)
        col += 1
    for j in range(frame.static.shape[1]):
        out[:, col] = frame.static[series, j]
        col += 1
    if col != out.shape[1]:
        raise AssertionError(f"{col} features built, {out.shape[1]} named")
    return out


def _expected(
    covariate: Covariate, series: NDArray[np.int64], cutoff: NDArray[np.int64], step: NDArray[np.int64]
) -> NDArray[np.float32]:
    """What was expected of each row's period at its cutoff; NaN beyond the reach."""
    reach = covariate.values.shape[2]
    values = covariate.values[covariate.rows[series], cutoff, np.minimum(step, reach) - 1]
    return np.where(step <= reach, values, np.nan).astype(np.float32)


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
