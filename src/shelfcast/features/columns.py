"""Columns of a panel's covariates: what the local regression and the trees see of them, value by value.

Covariates that series share stay shared: a column is one row per group of series, plus each series' row number.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shelfcast.features.calendar import MONTH_PLACE, YEAR, Calendar
from shelfcast.features.panel import Covariate, Measure, Panel, Role
from shelfcast.features.recipe import CovariatePlan, Recipe, centre_rows

Array32 = NDArray[np.float32]
Indices = NDArray[np.int32]

REACH = 14
"""Periods before and after a change of a flag that are told apart."""


@dataclass(frozen=True)
class Columns:
    """Columns over all periods: `values[group, period]` stacked over columns; `rows[series, column]` picks the group."""

    names: tuple[str, ...]
    drivers: tuple[str, ...]
    values: Array32
    rows: Indices
    reach: Indices
    """Periods after its own that each column looks at; -1: the value itself says how far."""


class _Stack:
    """Collects columns of shared rows."""

    def __init__(self, series_count: int, period_count: int) -> None:
        self.names: list[str] = []
        self.drivers: list[str] = []
        self.values: list[Array32] = []
        self.rows: list[Indices] = []
        self.reach: list[int] = []
        self.height = 0
        self.series_count, self.period_count = series_count, period_count

    def add(self, name: str, driver: str, values: NDArray, rows: NDArray[np.integer], *, reach: int = 0) -> None:
        self.names.append(name)
        self.drivers.append(driver)
        self.values.append(np.ascontiguousarray(values, dtype=np.float32))
        self.rows.append((np.asarray(rows) + self.height).astype(np.int32))
        self.reach.append(reach)
        self.height += len(values)

    def columns(self) -> Columns:
        empty = np.zeros((0, self.period_count), dtype=np.float32)
        rows = np.stack(self.rows, axis=1) if self.rows else np.zeros((self.series_count, 0), dtype=np.int32)
        return Columns(
            tuple(self.names),
            tuple(self.drivers),
            np.concatenate(self.values) if self.values else empty,
            np.ascontiguousarray(rows),
            np.array(self.reach, dtype=np.int32),
        )


def _shift(values: NDArray, by: int, year: int) -> NDArray:
    """Value `by` periods later (earlier when negative). Beyond the last known period: that of a year before, else the last."""
    moved = np.empty_like(values)
    count = values.shape[1]
    if abs(by) >= count:
        return values.copy()
    if by >= 0:
        moved[:, : count - by] = values[:, by:]
        moved[:, count - by :] = (
            values[:, count - year + by : count - year + 2 * by] if count > year else values[:, -1:]
        )
    else:
        moved[:, -by:] = values[:, :by]
        moved[:, :-by] = values[:, :1]
    return moved


def design_columns(
    covariates: tuple[Covariate, ...],
    plans: dict[str, CovariatePlan],
    recipe: Recipe,
    calendar: Calendar,
    series_count: int,
) -> Columns:
    stack = _Stack(series_count, len(calendar.phase))
    for name, wave in zip(MONTH_PLACE, calendar.month_place.T, strict=False):
        stack.add(name, "season", wave[None, :], np.zeros(series_count, dtype=np.int64))
    never = {name for name, _ in recipe.never}
    year, daily = YEAR[recipe.frequency], recipe.frequency == "D"
    for covariate in covariates:
        plan = plans[covariate.name]
        if covariate.role != Role.KNOWN_FUTURE or plan.constant:
            continue
        values = np.asarray(covariate.values, dtype=np.float64)
        if covariate.measure == Measure.NUMBER:
            centred = centre_rows(values, plan.positive) / plan.spread
            stack.add(plan.name, plan.driver, np.clip(np.nan_to_num(centred), -6, 6), covariate.rows)
            continue
        dummies = (
            [(plan.name, values != 0)]
            if covariate.measure == Measure.FLAG
            else [(f"{plan.name}={plan.categories[code]}", values == code) for code in plan.shown]
        )
        for name, dummy in dummies:
            numbers = np.where(np.isfinite(values), dummy, 0).astype(np.float32)
            if plan.name not in never:
                stack.add(name, plan.driver, numbers, covariate.rows)
            if daily:
                stack.add(f"{name}, day after", plan.driver, _shift(numbers, -1, year), covariate.rows)
                stack.add(f"{name}, day before", plan.driver, _shift(numbers, 1, year), covariate.rows)
    return stack.columns()


def _changes(values: NDArray) -> tuple[NDArray, NDArray]:
    """Periods since the value last changed and until it next changes: 0 on the first (last) period of a run.

    >>> since, until = _changes(np.array([[0, 0, 1, 1, 1, 0]]))
    >>> since.tolist(), until.tolist()
    ([[0, 1, 0, 1, 2, 0]], [[1, 0, 2, 1, 0, 0]])
    """
    count = values.shape[1]
    changed = np.ones(values.shape, dtype=np.bool_)
    changed[:, 1:] = values[:, 1:] != values[:, :-1]
    index = np.arange(count)[None, :]
    since = index - np.maximum.accumulate(np.where(changed, index, 0), axis=1)
    ends = np.ones(values.shape, dtype=np.bool_)
    ends[:, :-1] = changed[:, 1:]
    until = np.minimum.accumulate(np.where(ends, index, count)[:, ::-1], axis=1)[:, ::-1] - index
    return since, until


def _window_share(values: NDArray, back: int, ahead: int) -> NDArray:
    """Mean over the periods from `back` before to `ahead` after each period, cut at the ends of the grid."""
    total = np.concatenate([np.zeros((len(values), 1)), np.cumsum(values, axis=1)], axis=1)
    count = values.shape[1]
    low = np.clip(np.arange(count) - back, 0, count)
    high = np.clip(np.arange(count) + ahead + 1, 0, count)
    return (total[:, high] - total[:, low]) / np.maximum(high - low, 1)[None, :]


def known_columns(
    covariates: tuple[Covariate, ...], plans: dict[str, CovariatePlan], series_count: int, period_count: int
) -> Columns:
    stack = _Stack(series_count, period_count)
    for covariate in covariates:
        plan = plans[covariate.name]
        if covariate.role != Role.KNOWN_FUTURE or plan.constant:
            continue
        values = np.asarray(covariate.values, dtype=np.float64)
        name, driver, rows = plan.name, plan.driver, covariate.rows
        stack.add(name, driver, values, rows)
        before = np.full(values.shape, np.nan)
        before[:, 1:] = values[:, :-1]
        after = np.full(values.shape, np.nan)
        after[:, :-1] = values[:, 1:]
        if covariate.measure == Measure.NUMBER:
            stack.add(f"{name} against its mean", driver, centre_rows(values, plan.positive), rows)
            stack.add(f"{name}, change", driver, values - before, rows)
            stack.add(f"{name}, change to come", driver, after - values, rows, reach=1)
            continue
        stack.add(f"{name}, period before", driver, before, rows)
        stack.add(f"{name}, period after", driver, after, rows, reach=1)
        filled = np.where(np.isfinite(values), values, -1)
        since, until = _changes(filled)
        stack.add(f"{name}, periods since change", driver, np.minimum(since, REACH), rows)
        stack.add(f"{name}, periods until change", driver, np.minimum(until, REACH), rows, reach=-1)
        on = (filled > 0).astype(np.float64)
        stack.add(f"{name}, share of week before", driver, _window_share(on, 7, -1), rows)
        stack.add(f"{name}, share of week after", driver, _window_share(on, -1, 7), rows, reach=7)
        start = np.where(on > 0, since, np.nan)
        stack.add(f"{name}, period of run", driver, np.minimum(start, REACH), rows)
    return stack.columns()


def observed_columns(covariates: tuple[Covariate, ...], plans: dict[str, CovariatePlan], panel: Panel) -> Columns:
    history_length = panel.history_length
    stack = _Stack(panel.series_count, history_length)
    for covariate in covariates:
        plan = plans[covariate.name]
        if covariate.role == Role.OBSERVED and not plan.constant and covariate.measure != Measure.CATEGORY:
            values = np.asarray(covariate.values, dtype=np.float64)[:, :history_length]
            stack.add(plan.name, plan.driver, values / (plan.spread or 1.0), covariate.rows)
    if panel.in_stock_share is not None:
        rows = np.arange(panel.series_count)
        stack.add("in_stock_share", "availability", np.asarray(panel.in_stock_share)[:, :history_length], rows)
    return stack.columns()
