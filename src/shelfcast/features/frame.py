"""A panel prepared for the kernels: dense float arrays, covariates turned into columns, closed periods marked.

Everything here is a function of one panel and one recipe, the same for training and for forecasting.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from shelfcast.features.calendar import WEEK, YEAR, Calendar, calendar_of
from shelfcast.features.columns import Columns, design_columns, known_columns, observed_columns
from shelfcast.features.panel import Covariate, Measure, Panel, Role
from shelfcast.features.recipe import LOG, CovariatePlan, Recipe, floor_share, last_of

Array32 = NDArray[np.float32]
Indices = NDArray[np.int32]

CLOSED_SHARE_OF_SALES = 0.5
CLOSED_WEEKS = 26
MOST_ANSWERS = 200


@dataclass(frozen=True)
class Outlook:
    """What was expected of V observed covariates and what came; no columns where nothing is expected."""

    measured: Array32
    """(V, places, T)"""
    expected: Array32
    """(V, places, T, reach)"""
    place: Indices
    """(S,) row of each series."""
    group: Indices
    """(S, 1 + candidates) everybody, then the category of each static covariate by which series may differ in their answer."""
    group_count: int
    starts: NDArray[np.int64]
    """First group of each covariate, and the number of groups."""


@dataclass(frozen=True)
class Frame:
    """See the top of the module. S series, T periods of history, P = T + H periods, D design columns."""

    recipe: Recipe
    calendar: Calendar
    demand: Array32
    """(S, T) units, NaN where missing, closed or after the series' own last period."""
    value: Array32
    """(S, T) demand on the recipe's scale."""
    level_floor: NDArray[np.float64]
    """(S,) smallest level each series is divided by."""
    closed: NDArray[np.bool_]
    """(S, P) nothing can be sold."""
    days: NDArray[np.datetime64]
    """(P,) first day of each period."""
    first: Indices
    last: Indices
    design: Columns
    """What the local regression sees besides level and weekday; never NaN."""
    interacting: Indices
    """Design columns whose effect may differ by weekday."""
    known: Columns
    """What the trees see of known_future covariates."""
    combination: NDArray[np.int16]
    """(S, P) number of the combination of flags and categories on a period."""
    observed: Columns
    expected: tuple[Covariate, ...]
    outlook: Outlook
    static: Array32
    """(S, statics)"""
    static_names: tuple[str, ...]
    static_categorical: tuple[bool, ...]
    group: Indices
    """(S, groupings) group of each series, numbered on through all groupings; the first grouping is everybody."""
    group_count: int

    @property
    def weekdays(self) -> int:
        return WEEK[self.recipe.frequency] if WEEK[self.recipe.frequency] > 1 else 0

    @property
    def year(self) -> int:
        return YEAR[self.recipe.frequency]


def prepare(panel: Panel, recipe: Recipe) -> Frame:
    """Prepare a panel; refuses one that doesn't fit the recipe."""
    recipe.check(panel)
    calendar = calendar_of(panel.periods, recipe.frequency)
    plans = {plan.name: plan for plan in recipe.covariates}
    ordered = sorted(panel.covariates, key=lambda one: one.name)
    covariates = tuple(_complete(_recode(one, plans[one.name])) for one in ordered)
    last = last_of(panel)
    history_length, period_count = panel.history_length, len(panel.periods)
    demand = np.array(panel.target, dtype=np.float32)
    demand[np.arange(history_length)[None, :] > last[:, None]] = np.nan
    closed = _closed(covariates, recipe, calendar, panel.series_count, period_count)
    demand[closed[:, :history_length]] = np.nan
    if WEEK[recipe.frequency] > 1:
        quiet = _quiet_weekdays(demand, calendar.phase[:history_length], last)
        closed |= quiet[:, calendar.phase]
        demand[closed[:, :history_length]] = np.nan
    seen = np.isfinite(demand)
    first = np.where(seen.any(axis=1), seen.argmax(axis=1), history_length).astype(np.int32)
    share = floor_share(recipe, demand)
    if recipe.mode == LOG:
        value = np.log(np.maximum(demand, (recipe.floor * share).astype(np.float32)[:, None]))
    else:
        value = demand if recipe.negative and recipe.mode != "ratio" else np.maximum(demand, np.float32(0.0))
    value = np.where(seen, value, np.nan).astype(np.float32)
    design = design_columns(covariates, plans, recipe, calendar, panel.series_count)
    static, static_names, static_categorical = _static(covariates, panel.series_count)
    group, group_count = _groups(covariates, recipe, panel.series_count)
    return Frame(
        recipe,
        calendar,
        demand,
        value,
        recipe.level_floor * share,
        closed,
        panel.periods,
        first,
        last,
        design,
        np.array([design.names.index(name) for name in recipe.interacting], dtype=np.int32),
        known_columns(covariates, plans, panel.series_count, period_count),
        _combinations(covariates, panel.series_count, period_count),
        observed_columns(covariates, plans, panel),
        tuple(one for one in covariates if one.role == Role.EXPECTED),
        _outlook(covariates, panel),
        static,
        static_names,
        static_categorical,
        group,
        group_count,
    )


def _recode(covariate: Covariate, plan: CovariatePlan) -> Covariate:
    """Give categories the codes they had in training; a category never seen counts as not known."""
    if not covariate.categories or tuple(covariate.categories) == plan.categories:
        return covariate
    code = {name: float(number) for number, name in enumerate(plan.categories)}
    lookup = np.array([code.get(name, np.nan) for name in covariate.categories] + [np.nan])
    values = np.asarray(covariate.values, dtype=np.float64)
    index = np.where(np.isfinite(values), values, len(covariate.categories)).astype(np.int64)
    return Covariate(
        covariate.name,
        covariate.role,
        covariate.measure,
        lookup[index],
        covariate.rows,
        plan.categories,
        covariate.driver,
    )


def _complete(covariate: Covariate) -> Covariate:
    """Fill flags and categories that aren't known on a period with what most other rows say, else with the row's usual value.

    A shop without rows for half a year wasn't closed (flag 0) for half a year: nothing is known of it.
    """
    values = np.asarray(covariate.values, dtype=np.float32)
    unknown = ~np.isfinite(values)
    if covariate.role != Role.KNOWN_FUTURE or covariate.measure == Measure.NUMBER or not unknown.any():
        return covariate
    distinct = np.unique(values[~unknown])
    if len(distinct) == 0:
        return covariate
    by_period = np.stack([(values == one).sum(axis=0) for one in distinct])
    by_row = np.stack([(values == one).sum(axis=1) for one in distinct])
    usual = distinct[by_row.argmax(axis=0)][:, None]
    common = np.where(by_period.sum(axis=0) > 0, distinct[by_period.argmax(axis=0)], np.nan)[None, :]
    filled = np.where(unknown, np.where(np.isfinite(common), common, usual), values).astype(np.float32)
    return replace(covariate, values=filled)


def _closed(
    covariates: tuple[Covariate, ...], recipe: Recipe, calendar: Calendar, series_count: int, period_count: int
) -> NDArray[np.bool_]:
    closed = np.zeros((series_count, period_count), dtype=np.bool_)
    for name, value in recipe.never:
        covariate = next(one for one in covariates if one.name == name)
        closed |= (covariate.values == value)[covariate.rows]
    if recipe.never_phase:
        closed |= np.isin(calendar.phase, recipe.never_phase)[None, :]
    return closed


def _quiet_weekdays(demand: Array32, phase: Indices, last: Indices) -> NDArray[np.bool_]:
    """(S, 7) weekdays on which a series that otherwise sells has sold nothing for half a year."""
    count, length = demand.shape
    recent = np.arange(length)[None, :] > (last[:, None] - 7 * CLOSED_WEEKS)
    quiet = np.zeros((count, 7), dtype=np.bool_)
    seen = np.isfinite(demand) & recent
    sold = seen & (demand != 0)
    by_seen = np.stack([seen[:, phase == day].sum(axis=1) for day in range(7)], axis=1)
    by_sold = np.stack([sold[:, phase == day].sum(axis=1) for day in range(7)], axis=1)
    others_seen = by_seen.sum(axis=1, keepdims=True) - by_seen
    others_sold = by_sold.sum(axis=1, keepdims=True) - by_sold
    share = others_sold / np.maximum(others_seen, 1)
    quiet[(by_sold == 0) & (by_seen >= 8) & (share >= CLOSED_SHARE_OF_SALES) & (others_seen >= 16)] = True
    return quiet


def _combinations(covariates: tuple[Covariate, ...], series_count: int, period_count: int) -> NDArray[np.int16]:
    """Number of the combination of flags and categories (hashed into 15 bits)."""
    combined = np.zeros((series_count, period_count), dtype=np.int32)
    for covariate in covariates:
        if covariate.role == Role.KNOWN_FUTURE and covariate.measure != Measure.NUMBER:
            code = np.where(np.isfinite(covariate.values), covariate.values, -1).astype(np.int32) + 1
            combined = (combined * 37 + code[covariate.rows]) % 32749
    return combined.astype(np.int16)


def _outlook(covariates: tuple[Covariate, ...], panel: Panel) -> Outlook:
    chosen = [one for one in covariates if one.role == Role.EXPECTED]
    if not chosen:
        nothing = np.zeros((0, 1, panel.history_length), dtype=np.float32)
        nobody = np.zeros((panel.series_count, 1), dtype=np.int32)
        return Outlook(nothing, nothing[..., None], nobody[:, 0], nobody, 1, np.ones(1, dtype=np.int64))
    by_name = {one.name: one for one in covariates}
    dividing = [one for one in covariates if _divides(one)]
    group, group_count = _numbered(dividing, panel.series_count)
    starts = np.cumsum([1, *(len(one.categories) + 1 for one in dividing)]).astype(np.int64)
    reach = max(one.values.shape[2] for one in chosen)
    wide = [
        np.pad(one.values, ((0, 0), (0, 0), (0, reach - one.values.shape[2])), constant_values=np.nan) for one in chosen
    ]
    return Outlook(
        np.stack([np.asarray(by_name[one.of].values[:, : panel.history_length], dtype=np.float32) for one in chosen]),
        np.stack(wide).astype(np.float32),
        np.asarray(chosen[0].rows, dtype=np.int32),
        group,
        group_count,
        starts,
    )


def _static(covariates: tuple[Covariate, ...], series_count: int) -> tuple[Array32, tuple[str, ...], tuple[bool, ...]]:
    chosen = [one for one in covariates if one.role == Role.STATIC]
    columns = [np.asarray(one.values[one.rows, 0], dtype=np.float32) for one in chosen]
    values = np.stack(columns, axis=1) if columns else np.zeros((series_count, 0), dtype=np.float32)
    names = tuple(one.name for one in chosen)
    categorical = tuple(one.measure == Measure.CATEGORY and len(one.categories) <= 64 for one in chosen)
    return values, names, categorical


def _divides(covariate: Covariate) -> bool:
    """Whether a static category has few enough values for each to be learnt apart."""
    category = covariate.role == Role.STATIC and covariate.measure == Measure.CATEGORY
    return category and 2 <= len(covariate.categories) <= MOST_ANSWERS


def _numbered(chosen: list[Covariate], series_count: int) -> tuple[Indices, int]:
    """Group numbers: 0 is everybody; then the categories of each covariate, one more for 'not known'."""
    columns, count = [np.zeros(series_count, dtype=np.int32)], 1
    for one in chosen:
        size = max(len(one.categories), 1)
        codes = one.values[one.rows, 0]
        columns.append((np.where(np.isfinite(codes), codes, size) + count).astype(np.int32))
        count += size + 1
    return np.stack(columns, axis=1), count


def _groups(covariates: tuple[Covariate, ...], recipe: Recipe, series_count: int) -> tuple[Indices, int]:
    """Group numbers of the recipe's groupings."""
    by_name = {one.name: one for one in covariates}
    return _numbered([by_name[name] for name in recipe.groupings], series_count)
