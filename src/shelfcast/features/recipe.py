"""What a model must remember about its data to prepare any panel in the same way: the recipe.

It's learnt once from the training panel and stored with the model. A panel that doesn't fit it is refused.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shelfcast.domain.errors import BadInput
from shelfcast.features.calendar import WEEK, calendar_of, year_length
from shelfcast.features.panel import Covariate, Measure, Panel, Role

LOG, RATIO, SIGNED = "log", "ratio", "signed"
"""Scale on which demand is modelled: log of units; units over the series' level; distance from it, for series below zero."""

EVIDENCE = 30
"""Expected sales that must have failed to happen before a condition counts as one under which nothing is ever sold."""
SAMPLE_SERIES = 3000
MOST_GROUPINGS = 3
MOST_CATEGORIES_SHOWN = 8
FEW_VALUES = 32
MOST_STATICS = 30


@dataclass(frozen=True)
class CovariatePlan:
    """How one covariate is prepared. `spread` scales numbers; `shown` are the categories with a column of their own."""

    name: str
    role: str
    measure: str
    driver: str
    categories: tuple[str, ...] = ()
    positive: bool = False
    spread: float = 1.0
    shown: tuple[int, ...] = ()
    constant: bool = False


@dataclass(frozen=True)
class Recipe:
    """See the top of the module."""

    frequency: str
    horizon: int
    mode: str
    negative: bool
    whole: bool
    floor: float
    """Smallest units told apart from zero on the log scale."""
    level_floor: float
    """Smallest level of a series that units are divided by."""
    covariates: tuple[CovariatePlan, ...]
    never: tuple[tuple[str, float], ...]
    """(known_future covariate, value) under which nothing is ever sold, such as a closed shop."""
    never_phase: tuple[int, ...]
    """Weekdays on which nothing is ever sold."""
    interacting: tuple[str, ...]
    """Flags whose effect may differ by weekday."""
    groupings: tuple[str, ...]
    """Static categories whose series are averaged."""
    zero_share: float
    availability: bool
    size: float = 0.0
    """Usual units of a period with sales, which the floors belong to; 0 in models from before it was kept."""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Recipe:
        plans = tuple(
            CovariatePlan(**{**plan, "categories": tuple(plan["categories"]), "shown": tuple(plan["shown"])})
            for plan in data["covariates"]
        )
        return cls(
            **{
                **data,
                "covariates": plans,
                "never": tuple((str(name), float(value)) for name, value in data["never"]),
                "never_phase": tuple(data["never_phase"]),
                "interacting": tuple(data["interacting"]),
                "groupings": tuple(data["groupings"]),
            }
        )

    def check(self, panel: Panel) -> None:
        """Refuse a panel with another frequency or other covariates than the model was trained on."""
        if panel.frequency != self.frequency:
            raise BadInput(
                f"the model was trained on frequency {self.frequency}, the data have {panel.frequency}; train a new model."
            )
        have = {one.name: (str(one.role), str(one.measure)) for one in panel.covariates}
        want = {plan.name: (plan.role, plan.measure) for plan in self.covariates}
        if have != want:
            missing, extra = sorted(set(want) - set(have)), sorted(set(have) - set(want))
            changed = sorted(name for name in set(want) & set(have) if want[name] != have[name])
            raise BadInput(
                f"the covariates aren't those the model was trained on: missing {missing}, new {extra}, changed {changed}; "
                "give the same covariates or train a new model."
            )


def last_of(panel: Panel) -> NDArray[np.int32]:
    if panel.last is not None:
        return np.asarray(panel.last, dtype=np.int32)
    return np.full(panel.series_count, panel.history_length - 1, dtype=np.int32)


def history(panel: Panel, series: NDArray[np.integer]) -> NDArray[np.float64]:
    """Target of some series, NaN after the last period of each."""
    target = panel.target[series].astype(np.float64)
    target[np.arange(panel.history_length)[None, :] > last_of(panel)[series][:, None]] = np.nan
    return target


def learn_recipe(panel: Panel, horizon: int) -> Recipe:
    """Look at the history (never at what follows it) and decide how it's prepared."""
    year_length(panel.frequency)
    count = panel.series_count
    series = np.unique(np.linspace(0, count - 1, min(count, SAMPLE_SERIES)).astype(np.int64))
    target = history(panel, series)
    seen = np.isfinite(target)
    if not seen.any():
        raise BadInput(
            "the history holds no value at all; give at least one period with a number in the target column."
        )
    plans = tuple(_plan(one, last_of(panel)) for one in panel.covariates)
    never = _never(panel, series, target, seen)
    phase = calendar_of(panel.periods, panel.frequency).phase[: panel.history_length]
    open_ = seen.copy()
    for name, value in never:
        covariate = next(one for one in panel.covariates if one.name == name)
        open_ &= covariate.values[covariate.rows[series]][:, : panel.history_length] != value
    never_phase = _never_phase(target, open_, phase) if WEEK[panel.frequency] > 1 else ()
    open_ &= ~np.isin(phase, never_phase)[None, :]
    shown = target[open_] if open_.any() else target[seen]
    mode, negative = _mode(shown)
    positive = shown[shown > 0]
    mean_by_series = np.array([np.mean(row[ok]) for row, ok in zip(np.abs(target), seen, strict=True) if ok.any()])
    typical = float(np.median(mean_by_series[mean_by_series > 0])) if (mean_by_series > 0).any() else 1.0
    return Recipe(
        frequency=panel.frequency,
        horizon=horizon,
        mode=mode,
        negative=negative,
        whole=bool(np.all(shown == np.round(shown))) and mode == RATIO,
        floor=float(0.02 * np.median(positive)) if len(positive) else 1.0,
        level_floor=0.02 * typical,
        covariates=plans,
        never=never,
        never_phase=never_phase,
        interacting=_interacting(panel, plans, never) if WEEK[panel.frequency] > 1 else (),
        groupings=_groupings(panel),
        zero_share=float(np.mean(shown == 0)),
        availability=panel.in_stock_share is not None,
        size=float(np.median(positive)) if mode == LOG else middle_size(sizes_of(target)),
    )


def sizes_of(demand: NDArray[np.floating]) -> NDArray[np.float64]:
    """Mean size of each series' periods that aren't zero, (S,); 0 where there are none.

    >>> sizes_of(np.array([[0.0, 2.0, -4.0], [np.nan, 0.0, 0.0]])).tolist()
    [3.0, 0.0]
    """
    sold = np.isfinite(demand) & (demand != 0.0)
    total = np.abs(np.where(sold, demand, 0.0)).sum(axis=1, dtype=np.float64)
    return np.asarray(total / np.maximum(sold.sum(axis=1), 1), dtype=np.float64)


def middle_size(sizes: NDArray[np.float64]) -> float:
    """Median of the sizes above zero; 0 if there are none."""
    return float(np.median(sizes[sizes > 0])) if (sizes > 0).any() else 0.0


EVEN = 2.0
"""Series whose units are within this factor of the middle size share its floors."""


def floor_share(recipe: Recipe, demand: NDArray[np.floating]) -> NDArray[np.float64]:
    """What the recipe's floors are multiplied by for each series (S,), by how large its units are beside the middle size.

    Else all that a small series sells would be too little to tell from nothing, and a large series' day without sales
    would lie beyond all measure on the log scale. Levels that are divided by never rise.
    """
    sizes = sizes_of(demand)
    if recipe.size <= 0.0:
        return np.ones(len(sizes))
    share = np.where(sizes > 0, sizes / recipe.size, 1.0)
    small, large = np.minimum(1.0, share * EVEN), np.maximum(1.0, share / EVEN)
    return np.where(share < 1.0, small, large if recipe.mode == LOG else 1.0)


def _mode(values: NDArray[np.floating]) -> tuple[str, bool]:
    """Scale to model on, and whether the history is ever negative.

    A few returns among sales don't make a signed series: they count as zero when the model learns.
    """
    negative = bool((values < 0).any())
    total = np.abs(values).sum()
    if negative and (np.mean(values < 0) > 0.01 or -values[values < 0].sum() > 0.02 * total):
        return SIGNED, True
    return (LOG if np.mean(values <= 0) <= 0.02 else RATIO), negative


def _plan(covariate: Covariate, last: NDArray[np.integer]) -> CovariatePlan:
    static = covariate.role == Role.STATIC
    values = np.asarray(covariate.values, dtype=np.float64)
    if covariate.role == Role.OBSERVED:
        # of each row no more than the series that use it know
        known = np.full(len(values), -1)
        np.maximum.at(known, covariate.rows, last)
        values = np.where(np.arange(values.shape[1])[None, :] <= known[:, None], values, np.nan)
    seen = values[np.isfinite(values)]
    if covariate.role == Role.EXPECTED:
        return CovariatePlan(covariate.name, str(covariate.role), str(covariate.measure), covariate.driver)
    plan = CovariatePlan(
        covariate.name,
        str(covariate.role),
        str(covariate.measure),
        covariate.driver,
        tuple(covariate.categories),
        constant=len(seen) == 0 or bool(np.all(seen == seen[0])),
    )
    if covariate.measure == Measure.NUMBER and len(seen):
        positive = bool(seen.min() > 0)
        centred = centre_rows(values, positive)
        spread = float(np.nanstd(centred)) if not static else float(np.std(seen))
        return replace(plan, positive=positive, spread=spread if spread > 1e-12 else 1.0)
    if covariate.measure == Measure.CATEGORY and len(seen):
        codes, counts = np.unique(seen.astype(np.int64), return_counts=True)
        order = codes[np.argsort(-counts, kind="stable")]
        return replace(plan, shown=tuple(int(code) for code in order[1 : 1 + MOST_CATEGORIES_SHOWN]))
    return plan


def centre_rows(values: NDArray[np.floating], positive: bool) -> NDArray[np.float64]:
    """Values against the mean of their own row: as a ratio when always positive (prices), else as a difference."""
    wide = np.asarray(values, dtype=np.float64)
    seen = np.isfinite(wide)
    mean = np.where(seen, wide, 0.0).sum(axis=1, keepdims=True) / np.maximum(seen.sum(axis=1, keepdims=True), 1)
    return wide / np.where(mean == 0, 1.0, mean) - 1.0 if positive else wide - mean


def _never(
    panel: Panel, series: NDArray[np.integer], target: NDArray[np.floating], seen: NDArray[np.bool_]
) -> tuple[tuple[str, float], ...]:
    """Known conditions under which nothing was ever sold, though much would have been by the rate elsewhere."""
    sold = seen & (target != 0)
    found: list[tuple[str, float]] = []
    for covariate in panel.covariates:
        if covariate.role != Role.KNOWN_FUTURE:
            continue
        values = covariate.values[covariate.rows[series]][:, : panel.history_length]
        distinct = np.unique(values[seen & np.isfinite(values)])
        if len(distinct) > FEW_VALUES:
            continue
        for value in distinct:
            here = seen & (values == value)
            if (sold & here).any():
                continue
            elsewhere = seen & ~here
            rate = sold[elsewhere].mean() if elsewhere.any() else 0.0
            if here.sum() * rate >= EVIDENCE and rate >= 0.3:
                found.append((covariate.name, float(value)))
    return tuple(found)


def _never_phase(target: NDArray[np.floating], open_: NDArray[np.bool_], phase: NDArray[np.integer]) -> tuple[int, ...]:
    """Weekdays on which no series ever sold anything."""
    sold = open_ & (target != 0)
    found = []
    for one in np.unique(phase):
        here = open_ & (phase == one)[None, :]
        if not here.any() or (sold & here).any():
            continue
        elsewhere = open_ & ~here
        if elsewhere.any() and here.sum() * sold[elsewhere].mean() >= EVIDENCE:
            found.append(int(one))
    return tuple(found)


def _interacting(
    panel: Panel, plans: tuple[CovariatePlan, ...], never: tuple[tuple[str, float], ...]
) -> tuple[str, ...]:
    """The two flags that are on often enough to show a weekday pattern of their own."""
    closed = {name for name, _ in never}
    shares = []
    for covariate, plan in zip(panel.covariates, plans, strict=True):
        if covariate.role == Role.KNOWN_FUTURE and covariate.measure == Measure.FLAG and plan.name not in closed:
            share = float(np.nanmean(covariate.values != 0))
            if 0.05 <= share <= 0.95:
                shares.append((-min(share, 1 - share), plan.name))
    return tuple(name for _, name in sorted(shares)[:2])


def _groupings(panel: Panel) -> tuple[str, ...]:
    """Static categories with few enough values that each group has series to average, coarsest first."""
    sizes = []
    for covariate in panel.covariates:
        if covariate.role == Role.STATIC and covariate.measure == Measure.CATEGORY:
            codes = covariate.values[covariate.rows, 0]
            distinct = len(np.unique(codes[np.isfinite(codes)]))
            if 2 <= distinct <= max(2, min(200, panel.series_count // 3)):
                sizes.append((distinct, covariate.name))
    return tuple(name for _, name in sorted(sizes)[:MOST_GROUPINGS])
