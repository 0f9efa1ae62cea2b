"""Why a forecast is what it is: base + drivers = mean, exactly, in whole micro-units.

The base is the series' own level (its last year's average). Drivers come from three exact sources: the terms of the
local regression, the terms of the linear stage, and TreeSHAP of the trees (Lundberg and others 2020). On a log scale
they multiply; the logarithmic mean L(a, b) = (a - b) / (ln a - ln b) turns each into units so that the sum holds:

    mean - base = L(mean, base) x sum of log contributions

What calibration adds to the middle forecast is a driver of its own, and so are rounding, ensemble and override.

    explain(model, panel, context=None) -> Explanation
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shelfcast.features.context import Context
from shelfcast.features.matrix import EFFECT, OWN_EFFECT, WEATHER_EFFECT
from shelfcast.features.panel import Panel
from shelfcast.features.recipe import LOG, RATIO
from shelfcast.forecast.models.boosted import RATIO_RANGE, Model, View
from shelfcast.forecast.models.tree_shap import TreeShap

MICRO = 1_000_000
BASE = "base"
DRIVERS = (
    "level", "season", "weekday", "festival", "promotion", "price", "weather", "availability", "other",
    "calibration", "ensemble", "override", "rounding",
)  # fmt: skip


@dataclass(frozen=True)
class Explanation:
    """Contributions in whole micro-units: (series, H, drivers), and the base (series, H). Their sum is the mean's micro-units."""

    drivers: tuple[str, ...]
    base: NDArray[np.int64]
    micro_units: NDArray[np.int64]

    def total(self) -> NDArray[np.int64]:
        return self.base + self.micro_units.sum(axis=2)


def to_micro(units: NDArray[np.floating]) -> NDArray[np.int64]:
    """Units as whole millionths.

    >>> to_micro(np.array([1.5])).tolist()
    [1500000]
    """
    return np.rint(np.asarray(units, dtype=np.float64) * MICRO).astype(np.int64)


def logarithmic_mean(a: NDArray[np.floating], b: NDArray[np.floating]) -> NDArray[np.float64]:
    """(a - b) / (ln a - ln b) for positive a, b; a where they are equal.

    >>> round(float(logarithmic_mean(np.array([2.0]), np.array([1.0]))[0]), 4)
    1.4427
    """
    a, b = np.maximum(np.asarray(a, dtype=np.float64), 1e-12), np.maximum(np.asarray(b, dtype=np.float64), 1e-12)
    relative = np.log(a / b)
    close = np.abs(relative) < 1e-8
    return np.where(close, a, (a - b) / np.where(close, 1.0, relative))


def explain(model: Model, panel: Panel, context: Context | None = None, threads: int = 0) -> Explanation:
    """Explain the mean the model forecasts for the panel."""
    return explain_view(model, model.view(panel, context), threads)


def explain_view(model: Model, view: View, threads: int = 0) -> Explanation:
    recipe, rows, frame = model.recipe, view.rows, view.frame
    mean, _ = model.units(view, (0.5,), threads)
    parts = _parts(model, view, threads)
    loc, scale = view.local.loc[rows.series(), rows.cutoff()], view.local.scale[rows.series(), rows.cutoff()]
    middle = model.middle(view.matrix, threads)
    if recipe.mode == LOG:
        base, center = np.exp(loc), np.exp(np.minimum(loc + middle, 80.0))
        units = parts * logarithmic_mean(center, base)[:, None]
    elif recipe.mode == RATIO:
        base, center = scale, middle * scale
        units = parts * logarithmic_mean(center, base)[:, None]
    else:
        base, center = loc, loc + scale * middle
        units = parts * scale[:, None]
    units[:, DRIVERS.index("calibration")] += mean - center
    shut = frame.closed[rows.series(), view.periods()]
    units[shut] = 0.0
    units[shut, DRIVERS.index("availability")] = -base[shut]
    micro, base_micro, goal = to_micro(units), to_micro(base), to_micro(mean)
    micro[:, DRIVERS.index("other")] += goal - base_micro - micro.sum(axis=1)
    count = len(frame.last)
    return Explanation(DRIVERS, base_micro.reshape(count, -1), micro.reshape(count, view.horizon, len(DRIVERS)))


def add_driver(explanation: Explanation, driver: str, before: NDArray, after: NDArray) -> Explanation:
    """Book what a later step (ensemble, override, rounding) changed, so that the sum is the new mean."""
    micro = explanation.micro_units.copy()
    micro[:, :, explanation.drivers.index(driver)] += to_micro(after) - to_micro(before)
    return Explanation(explanation.drivers, explanation.base, micro)


def _parts(model: Model, view: View, threads: int) -> NDArray[np.float64]:
    """Contributions by driver on the model's scale (logarithms, on the ratio scale too): (rows, drivers)."""
    out = np.zeros((view.rows.count, len(DRIVERS)))
    at = {name: i for i, name in enumerate(DRIVERS)}
    _add_local(out, at, view)
    for name in (EFFECT, OWN_EFFECT):
        out[:, at["season"]] += np.nan_to_num(view.matrix[:, model.names.features.index(name)])
    if WEATHER_EFFECT in model.names.features:
        out[:, at["weather"]] += view.matrix[:, model.names.features.index(WEATHER_EFFECT)]
    base = view.matrix[:, 0].astype(np.float64)
    if model.linear is not None:
        terms = model.linear.parts(view.matrix)
        base = base + terms.sum(axis=1)
        for i, column in enumerate(model.linear.columns):
            out[:, at.get(model.names.drivers[column], at["other"])] += terms[:, i]
        out[:, at["level"]] += terms[:, -1]
    if model.recipe.mode == RATIO:
        # the terms so far add up to a ratio: 1 + sum = base; the logarithmic mean makes logarithms of them
        clipped = np.clip(base, *RATIO_RANGE)
        out[:, at["level"]] -= 1.0
        out[:, at["other"]] += clipped - base
        out /= logarithmic_mean(clipped, np.ones(len(clipped)))[:, None]
    if model.booster is not None:
        tables = TreeShap.of(model.booster)
        if tables is None:
            shap = np.asarray(model.booster.predict(view.matrix, pred_contrib=True, num_threads=threads))
        else:
            shap = tables.contributions(view.matrix)
        for i, driver in enumerate(model.names.drivers):
            out[:, at.get(driver, at["other"])] += shap[:, i]
        out[:, at["level"]] += shap[:, -1]
    return out


def _add_local(out: NDArray[np.float64], at: dict[str, int], view: View) -> None:
    """Terms of the local regressions: level, weekday, covariates, weekday by covariate."""
    frame, rows = view.frame, view.rows
    series, number, period = rows.series(), rows.cutoff(), view.periods()
    beta, phase = view.local.beta, frame.calendar.phase[period]
    out[:, at["level"]] += beta[series, number, 0]
    if frame.weekdays:
        out[:, at["weekday"]] += beta[series, number, 1 + phase]
    start = 1 + frame.weekdays
    for j, driver in enumerate(frame.design.drivers):
        values = frame.design.values[frame.design.rows[series, j], period]
        out[:, at.get(driver, at["other"])] += beta[series, number, start + j] * values
    start += len(frame.design.drivers)
    for i, j in enumerate(frame.interacting):
        driver = frame.design.drivers[j]
        values = frame.design.values[frame.design.rows[series, j], period]
        coefficient = beta[series, number, start + i * frame.weekdays + phase]
        out[:, at.get(driver, at["other"])] += coefficient * values
