"""How the main model is trained: rows, held-out part, trees, spread, calibration, final fit, card."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from shelfcast.domain.errors import BadParameter
from shelfcast.domain.quantiles import GRID
from shelfcast.features.calendar import YEAR
from shelfcast.features.frame import Frame, prepare
from shelfcast.features.matrix import (
    SPANS,
    Context,
    Local,
    Names,
    Rows,
    build_context,
    build_matrix,
    effect_last_year,
    movement_between,
    names_of,
    rows_of,
)
from shelfcast.features.panel import Panel
from shelfcast.features.recipe import LOG, RATIO, SIGNED, Recipe, history, learn_recipe
from shelfcast.forecast.calibration import QuantileTable, fit_quantile_table
from shelfcast.forecast.models import trees
from shelfcast.forecast.models.boosted import NAME, VERSION, Model, calibration_keys, middle_of, offset_of, to_units
from shelfcast.forecast.models.linear_stage import (
    LinearStage,
    fit_linear_stage,
    periods_seen,
    ridge_strength,
    stage_features,
)
from shelfcast.forecast.models.segments import SEGMENTS, demand_segments

ROW_BUDGET = 300_000
PAIR_BUDGET = 400_000
HELD_ROWS = 200_000
MOST_CUTOFFS = 64
FEWEST_ROWS = 400
ERROR_LIMIT = 1.5
"""Errors on the log scale are cut here when trees learn, so that one odd day doesn't."""
BIAS_TRUST = 0.25
"""Share of the bias of the held-out part that's believed to last: it's one season's luck of all series together."""
FEW_PERIODS = 700.0
"""Periods at which half of what moves all series alike is taken out of what trees learn, less with more of them: a few
periods repeated for every series tempt trees to learn dates by heart. Measured on 1,115 stores: errors fall by 3 %."""
LEAST_HELD = {"D": 56, "W": 39, "M": 12}
"""Periods held out at least, so that quantiles rest on more than one week."""
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


@dataclass(frozen=True)
class HeldOut:
    """What the model would have said on held-out rows, and what came. Levels: `GRID`."""

    series: NDArray[np.int64]
    """Row of the series in the panel that was trained on."""
    cutoff: NDArray[np.int64]
    """Index of the last period known."""
    step: NDArray[np.int64]
    actual: NDArray[np.float64]
    mean: NDArray[np.float64]
    quantiles: NDArray[np.float64]


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


def train(
    panel: Panel,
    horizon: int | None = None,
    *,
    seed: int = 0,
    threads: int = 0,
    budget: int = ROW_BUDGET,
    recipe: Recipe | None = None,
) -> Model:
    """Learn from a panel's history. `horizon` defaults to the panel's. Future target values are never read."""
    return train_and_hold(panel, horizon, seed=seed, threads=threads, budget=budget, recipe=recipe)[0]


def train_and_hold(
    panel: Panel,
    horizon: int | None = None,
    *,
    seed: int = 0,
    threads: int = 0,
    budget: int = ROW_BUDGET,
    recipe: Recipe | None = None,
) -> tuple[Model, HeldOut | None]:
    """As `train`, with the forecasts of the held-out rows (None where there was nothing to hold out)."""
    horizon = horizon or panel.horizon
    if horizon < 1:
        raise BadParameter(f"horizon {horizon} isn't allowed; ask for 1 period ahead or more.")
    recipe = recipe or learn_recipe(panel, horizon)
    return fit_model(panel, recipe, np.random.default_rng(seed), seed, threads, budget)


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
    frame: Frame, cutoffs: NDArray[np.int64], horizon: int, budget: int, rng: np.random.Generator
) -> tuple[Rows, NDArray[np.int64]]:
    """Rows whose demand is known, at most about `budget`, drawn evenly. Also the number of all such rows."""
    series_count, length = frame.demand.shape
    seen = np.isfinite(frame.demand)
    total = 0
    for c in cutoffs:
        total += int(seen[:, c + 1 : min(c + 1 + horizon, length)].sum())
    share = min(1.0, budget / max(total, 1))
    found: list[tuple[NDArray, NDArray, NDArray]] = []
    for k, c in enumerate(cutoffs):
        block = seen[:, c + 1 : min(c + 1 + horizon, length)] & (frame.first <= c)[:, None]
        if share < 1.0:
            block = block & (rng.random(block.shape, dtype=np.float32) < share)
        series, step = np.nonzero(block)
        found.append((series, np.full(len(series), k), step + 1))
    series, cutoff, step = (np.concatenate([one[i] for one in found]) for i in range(3))
    order = np.lexsort((step, cutoff, series))
    return rows_of(series[order], cutoff[order], step[order]), np.array([total, series_count])


def row_target(frame: Frame, local: Local, rows: Rows, cutoffs: NDArray[np.int64]) -> NDArray[np.float64]:
    """Demand of each row on the common size."""
    series, cutoff = rows.series(), rows.cutoff()
    value = frame.value[series, cutoffs[cutoff] + rows.step].astype(np.float64)
    return (value - local.loc[series, cutoff]) / local.scale[series, cutoff]


def fit_model(
    panel: Panel, recipe: Recipe, rng: np.random.Generator, seed: int, threads: int, budget: int
) -> tuple[Model, HeldOut | None]:
    """Train the model a recipe describes."""
    started = time.perf_counter()
    horizon = recipe.horizon
    held_blocks = max(1, -(-LEAST_HELD[recipe.frequency] // horizon))
    probe = prepare(pick_series(panel, 50)[0], recipe)
    cutoff_count = len(training_cutoffs(probe, horizon, held_blocks))
    panel, chosen = pick_series(panel, max(200, PAIR_BUDGET // max(cutoff_count, 1)))
    frame = prepare(panel, recipe)
    names = names_of(frame)
    new_level = _new_level(panel, recipe)
    length = int(frame.last.max())
    if length < 3:
        return _untrained(recipe, names, new_level, frame, started), None
    held_blocks = min(held_blocks, max(1, (length // 3) // horizon))
    cutoffs = training_cutoffs(frame, horizon, held_blocks)
    kept_local: list[Local] = []
    context = build_context(lambda: (frame,), cutoffs, kept_local)
    local = kept_local[0]
    rows, _ = sample_rows(frame, cutoffs, horizon, budget, rng)
    lesson = _lesson(frame, local, rows, cutoffs, context, horizon, held_blocks, rng)
    if lesson.target.size < 2:
        return _untrained(recipe, names, new_level, frame, started), None
    model, kept = _fit(frame, recipe, names, lesson, new_level, seed, threads, started)
    if kept is None:
        return model, None
    rows_kept, mean, quantiles = kept
    series, number, step = rows.series()[rows_kept], rows.cutoff()[rows_kept], rows.step[rows_kept]
    actual = frame.demand[series, cutoffs[number] + step].astype(np.float64)
    held = HeldOut(chosen[series], cutoffs[number], step, actual, mean, quantiles)
    scores = held_scores(held, demand_segments(frame.demand)[series])
    return replace(model, card={**model.card, "held_out": scores}), held


def _lesson(
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
        weight = weight * np.sqrt(local.scale[series, cutoff])
    weight = weight / weight.mean() if len(weight) else weight
    unknowable = _unknowable(frame, context, cutoff, cutoffs[cutoff], period)
    weight = np.where(unknowable, 0.0, weight)
    held_numbers = np.searchsorted(cutoffs, end - np.arange(1, held_blocks + 1) * horizon)
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


def _fit(
    frame: Frame,
    recipe: Recipe,
    names: Names,
    lesson: Lesson,
    new_level: float,
    seed: int,
    threads: int,
    started: float,
) -> tuple[Model, tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]] | None]:
    """The model, and (rows, mean, quantiles) of the held-out rows."""
    mode = recipe.mode
    early = np.flatnonzero(lesson.early)
    held = np.flatnonzero(lesson.held)
    timing = {"rows": time.perf_counter() - started}
    enough = len(early) >= FEWEST_ROWS and len(held) >= 20
    data = trees.dataset(lesson.matrix, names.features, names.categorical, threads) if enough else None
    fit_rows = early if len(early) >= 50 else np.arange(len(lesson.target))
    linear = _linear(lesson, fit_rows, names, recipe)
    booster, count = None, 0
    objective = "tweedie" if mode == RATIO else "regression"
    settings = trees.parameters(objective, len(early), seed, threads, mode != LOG)
    if data is not None:
        offset = offset_of(mode, linear, lesson.matrix)
        label, base = _label(mode, lesson, offset)
        fitted = trees.fit(data, label, lesson.weight, base, settings, trees.MOST_TREES, (early, held), lesson.period)
        booster, count = fitted.booster, fitted.trees
    timing["held-out model"] = time.perf_counter() - started
    judged = held if len(held) >= 20 else np.arange(len(lesson.target))
    middle = middle_of(mode, linear, booster, count or None, lesson.matrix[judged], threads)
    spread = _spread(lesson, linear, booster, count, early, judged, middle, mode, names, seed, threads)
    keys = calibration_keys(mode, spread, lesson.matrix[judged], middle, lesson.scale[judged], threads)
    table, bias = _calibrate(lesson, keys, judged, middle, mode)
    kept = None
    if len(held) >= 20:
        loc, scale = lesson.loc[held], lesson.scale[held]
        kept = (held, *to_units(recipe, table, bias, middle, loc, scale, keys, GRID))
    timing["calibration"] = time.perf_counter() - started
    linear = _linear(lesson, np.arange(len(lesson.target)), names, recipe)
    if data is not None:
        offset = offset_of(mode, linear, lesson.matrix)
        label, base = _label(mode, lesson, offset)
        settings = trees.parameters(objective, len(label), seed, threads, mode != LOG)
        rounds = int(round(count * 1.1))
        booster = trees.fit(data, label, lesson.weight, base, settings, rounds).booster
    timing["final model"] = time.perf_counter() - started
    card = card_of(frame, recipe, names, len(lesson.target), count, timing, seed)
    return Model(recipe, names, linear, booster, spread, table, new_level, bias, card), kept


def _label(
    mode: str, lesson: Lesson, offset: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """What the trees learn, and where they start from."""
    if mode == RATIO:
        return np.maximum(lesson.target, 0.0), offset
    error = lesson.target - offset
    limit = ERROR_LIMIT if mode == LOG else 8.0 * float(np.median(np.abs(error))) + 1e-9
    error = np.clip(error, -limit, limit)
    number = np.bincount(lesson.period, lesson.weight)
    common = np.bincount(lesson.period, lesson.weight * error) / (number + trees.COMMON_PRIOR)
    return error - common_share(lesson.period) * common[lesson.period], None


def common_share(period: NDArray[np.int64]) -> float:
    """Share of what moves all series alike that's taken out. See `FEW_PERIODS`."""
    return FEW_PERIODS / (FEW_PERIODS + len(np.unique(period)))


def _linear(lesson: Lesson, chosen: NDArray[np.int64], names: Names, recipe: Recipe) -> LinearStage:
    horizon, year = recipe.horizon, YEAR[recipe.frequency]
    columns = stage_features(names.features)
    matrix = lesson.matrix[chosen]
    seen = periods_seen(matrix, columns, lesson.period[chosen])
    strength = ridge_strength(names.features, columns, seen, year)
    error = lesson.target[chosen] - matrix[:, 0]
    limit = max(6.0 * float(np.median(np.abs(error))), 1e-6)
    return fit_linear_stage(matrix, np.clip(error, -limit, limit), lesson.weight[chosen], columns, strength, horizon)


def _spread(
    lesson: Lesson,
    linear: LinearStage,
    booster: lgb.Booster | None,
    count: int,
    early: NDArray[np.int64],
    judged: NDArray[np.int64],
    middle: NDArray[np.float64],
    mode: str,
    names: Names,
    seed: int,
    threads: int,
) -> lgb.Booster | None:
    """Trees for the logarithm of the absolute error: learnt from held-out errors, and from training errors, enlarged to match."""
    if booster is None or len(judged) < 500:
        return None
    taken = early[:: max(1, len(early) // 150_000)]
    inside = np.abs(lesson.target[taken] - middle_of(mode, linear, booster, count, lesson.matrix[taken], threads))
    outside = np.abs(lesson.target[judged] - middle)
    grow = float(np.median(outside) / max(np.median(inside), 1e-9))
    error = np.concatenate([inside * np.clip(grow, 1.0, 2.0), outside])
    # an absolute error is a poor measure of spread when it's by chance near zero, or far out
    typical = float(np.median(outside)) + 1e-9
    label = np.log(np.clip(error, 0.1 * typical, 6.0 * typical) + 0.2 * typical)
    weight = np.concatenate([np.full(len(inside), 0.5), np.ones(len(outside))])
    data = trees.dataset(
        np.concatenate([lesson.matrix[taken], lesson.matrix[judged]]), names.features, names.categorical, threads
    )
    settings = trees.parameters("regression", len(label) // 4, seed + 1, threads)
    return trees.fit(data, label, weight, None, {**settings, "num_leaves": min(31, settings["num_leaves"])}, 80).booster


def _calibrate(
    lesson: Lesson,
    keys: tuple[NDArray[np.float64], NDArray[np.float64]],
    judged: NDArray[np.int64],
    middle: NDArray[np.float64],
    mode: str,
) -> tuple[QuantileTable, float]:
    first, second = keys
    target = lesson.target[judged]
    if mode == RATIO:
        total = float((middle * lesson.scale[judged]).sum())
        bias = float((target * lesson.scale[judged]).sum()) / total if total > 0 else 1.0
        bias = float(np.clip(bias, 0.5, 2.0)) if len(judged) >= 500 and bias > 0 else 1.0
        chance = bias ** (1.0 - BIAS_TRUST)
        table = fit_quantile_table(target / (middle * chance), first, second, first_bins=12, second_bins=3)
        return table, bias / chance
    error = (target - middle) / second
    centre = 2.0 * BIAS_TRUST * float(np.median(error))
    # errors and their mirror images: the part of the bias that isn't believed to last widens the intervals instead
    both = np.concatenate([error, centre - error])
    return fit_quantile_table(both, np.tile(first, 2), np.tile(second, 2)), 1.0


def _new_level(panel: Panel, recipe: Recipe) -> float:
    chosen = np.unique(np.linspace(0, panel.series_count - 1, min(panel.series_count, 3000)).astype(np.int64))
    target = history(panel, chosen)
    seen = np.isfinite(target)
    sums = np.where(seen, target if recipe.mode == SIGNED else np.maximum(target, 0.0), 0.0).sum(axis=1)
    mean = sums[seen.any(axis=1)] / seen.sum(axis=1)[seen.any(axis=1)]
    level = float(np.median(mean)) if len(mean) else 1.0
    return float(np.log(max(level, recipe.floor))) if recipe.mode == LOG else level


def held_scores(held: HeldOut, segment: NDArray[np.int64]) -> dict[str, dict[str, float]]:
    """Scores of the held-out forecasts for the card: all, by demand segment, by third of the horizon."""
    third = np.ceil(3.0 * held.step / max(int(held.step.max()), 1)).astype(np.int64)
    parts = {"all": np.ones(len(held.actual), dtype=np.bool_)}
    parts |= {f"segment={name}": segment == code for code, name in enumerate(SEGMENTS)}
    parts |= {f"third of the horizon={number}": third == number for number in (1, 2, 3)}
    result = {}
    for name, inside in parts.items():
        actual, mean, quantiles = held.actual[inside], held.mean[inside], held.quantiles[inside]
        total = float(np.abs(actual).sum())
        if total == 0.0:
            continue
        covered = {
            share: float(np.mean((actual >= quantiles[:, low]) & (actual <= quantiles[:, high])))
            for share, low, high in (
                ("80", GRID.index(0.1), GRID.index(0.9)),
                ("95", GRID.index(0.025), GRID.index(0.975)),
            )
        }
        result[name] = {
            "cells": len(actual),
            "wape": round(float(np.abs(actual - quantiles[:, GRID.index(0.5)]).sum()) / total, 5),
            "bias": round(float((mean - actual).sum()) / total, 5),
            "coverage_80": round(covered["80"], 5),
            "coverage_95": round(covered["95"], 5),
        }
    return result


def _untrained(recipe: Recipe, names: Names, new_level: float, frame: Frame, started: float) -> Model:
    """Too little history to learn anything: the level of each series with a wide spread."""
    table = fit_quantile_table(
        np.linspace(-1.0, 1.0, 201) + (1.0 if recipe.mode == RATIO else 0.0), np.ones(201), np.ones(201)
    )
    timing = {"final model": time.perf_counter() - started}
    return Model(recipe, names, None, None, None, table, new_level, 1.0, card_of(frame, recipe, names, 0, 0, timing, 0))


def card_of(
    frame: Frame, recipe: Recipe, names: Names, rows: int, tree_count: int, timing: dict[str, float], seed: int
) -> dict[str, Any]:
    """The model card: what it was trained on, with what, how long it took. Scores are added by whoever measures them."""
    return {
        "model": NAME,
        "version": VERSION,
        "lightgbm": lgb.__version__,
        "frequency": recipe.frequency,
        "horizon": recipe.horizon,
        "scale": recipe.mode,
        "series": int(frame.demand.shape[0]),
        "periods": int(frame.last.max()) + 1,
        "first_period": str(frame.days[int(min(frame.first.min(), frame.last.max()))]),
        "last_period": str(frame.days[int(frame.last.max())]),
        "rows": rows,
        "trees": tree_count,
        "seed": seed,
        "features": list(names.features),
        "never_sold_when": [list(one) for one in recipe.never],
        "seconds": {name: round(value, 2) for name, value in timing.items()},
    }
