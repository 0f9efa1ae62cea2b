"""How the main model is trained: rows, held-out part, trees, spread, calibration, final fit, card."""

from __future__ import annotations

import time
from dataclasses import replace

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from shelfcast.domain.errors import BadParameter
from shelfcast.domain.quantiles import GRID
from shelfcast.features.calendar import YEAR
from shelfcast.features.context import Local, build_context
from shelfcast.features.frame import Frame, prepare
from shelfcast.features.matrix import Names, names_of
from shelfcast.features.panel import Panel
from shelfcast.features.recipe import LOG, RATIO, SIGNED, Recipe, history, learn_recipe
from shelfcast.forecast.calibration import QuantileTable, fit_quantile_table
from shelfcast.forecast.models import trees
from shelfcast.forecast.models.boosted import Model, calibration_keys, middle_of, offset_of, spread_of, to_units
from shelfcast.forecast.models.card import HeldOut, card_of, held_scores
from shelfcast.forecast.models.lesson import Lesson, lesson_of, pick_series, rows_worth, sample_rows, training_cutoffs
from shelfcast.forecast.models.linear_stage import (
    LinearStage,
    fit_linear_stage,
    periods_seen,
    ridge_strength,
    stage_features,
)
from shelfcast.forecast.models.segments import demand_segments

__all__ = ["ROW_BUDGET", "HeldOut", "pick_series", "train", "train_and_hold"]

ROW_BUDGET = 300_000
PAIR_BUDGET = 400_000
FEWEST_ROWS = 400
ENOUGH_HELD = 5_000
"""Held-out rows that few series get by holding out more of their past, a third of it at most."""
SMALL = 30_000
"""Rows under which a second thread costs more than it gives."""
SPREAD_TREES = 80
"""Trees that say how large errors will be."""
ERROR_LIMIT = 1.5
"""Errors on the log scale are cut here when trees learn, so that one odd day doesn't."""
BIAS_TRUST = 0.25
"""Share of the bias of the held-out part that's believed to last: it's one season's luck of all series together."""
FEW_PERIODS = 700.0
"""Periods at which half of what moves all series alike is taken out of what trees learn, less with more of them: a few
periods repeated for every series tempt trees to learn dates by heart. Measured on 1,115 stores: errors fall by 3 %."""
LEAST_HELD = {"D": 56, "W": 39, "M": 12}
"""Periods held out at least, so that quantiles rest on more than one week."""


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


def fit_model(
    panel: Panel, recipe: Recipe, rng: np.random.Generator, seed: int, threads: int, budget: int
) -> tuple[Model, HeldOut | None]:
    """Train the model a recipe describes."""
    started = time.perf_counter()
    horizon = recipe.horizon
    enough = -(-ENOUGH_HELD // (panel.series_count * horizon))
    held_blocks = max(enough, -(-LEAST_HELD[recipe.frequency] // horizon))
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
    budget = rows_worth(frame, budget)
    rows = sample_rows(frame, cutoffs, horizon, budget, held_blocks, rng)
    lesson = lesson_of(frame, local, rows, cutoffs, context, horizon, held_blocks, rng)
    if lesson.target.size < 2:
        return _untrained(recipe, names, new_level, frame, started), None
    threads = 1 if budget < SMALL else threads
    model, kept = _fit(frame, recipe, names, lesson, new_level, seed, threads, started)
    if kept is None:
        return model, None
    rows_kept, mean, quantiles = kept
    series, number, step = rows.series()[rows_kept], rows.cutoff()[rows_kept], rows.step[rows_kept]
    actual = frame.demand[series, cutoffs[number] + step].astype(np.float64)
    held = HeldOut(chosen[series], cutoffs[number], step, actual, mean, quantiles)
    scores = held_scores(held, demand_segments(frame.demand)[series])
    return replace(model, card={**model.card, "held_out": scores}), held


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
    enough = len(early) >= FEWEST_ROWS and len(held) >= 20 and _says_something(lesson, early, mode)
    periods = int(np.isfinite(frame.demand).sum())
    data = trees.dataset(lesson.matrix, names.features, names.categorical, threads) if enough else None
    fit_rows = early if len(early) >= 50 else np.arange(len(lesson.target))
    linear = _linear(lesson, fit_rows, names, recipe)
    booster, count = None, 0
    objective = "tweedie" if mode == RATIO else "regression"
    settings = trees.parameters(objective, min(len(early), periods), seed, threads, mode != LOG)
    if data is not None:
        offset = offset_of(mode, linear, lesson.matrix)
        label, base = _label(mode, lesson, offset)
        fitted = trees.fit(data, label, lesson.weight, base, settings, trees.MOST_TREES, (early, held), lesson.period)
        booster, count = fitted.booster, fitted.trees
    timing["held-out model"] = time.perf_counter() - started
    judged = held if len(held) >= 20 else np.arange(len(lesson.target))
    middle = middle_of(mode, linear, booster, count or None, lesson.matrix[judged], threads)
    spread, wide = _spread(lesson, linear, booster, count, early, judged, middle, mode, names, seed, threads)
    keys = calibration_keys(mode, None, lesson.matrix[judged], middle, lesson.scale[judged], threads)
    keys = (keys[0], keys[1] if wide is None else wide)
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
        settings = trees.parameters(objective, min(len(label), periods), seed, threads, mode != LOG)
        rounds = int(round(count * 1.1))
        booster = trees.fit(data, label, lesson.weight, base, settings, rounds).booster
    timing["final model"] = time.perf_counter() - started
    card = card_of(frame, recipe, names, len(lesson.target), count, timing, seed)
    return Model(recipe, names, linear, booster, spread, table, new_level, bias, card), kept


def _says_something(lesson: Lesson, early: NDArray[np.int64], mode: str) -> bool:
    """Rows that count nothing, or in which nothing was ever sold, teach no trees."""
    weight = lesson.weight[early]
    return bool((weight * np.maximum(lesson.target[early], 0.0) if mode == RATIO else weight).sum() > 0)


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
) -> tuple[lgb.Booster | None, NDArray[np.float64] | None]:
    """Trees for the logarithm of the absolute error: learnt from held-out errors, and from training errors, enlarged to match.

    Also what they say of the held-out rows, each half by trees that haven't seen it: errors standardised by trees that know
    them by heart look smaller than those to come.
    """
    if booster is None or len(judged) < 500:
        return None, None
    taken = early[:: max(1, len(early) // 150_000)]
    inside = np.abs(lesson.target[taken] - middle_of(mode, linear, booster, count, lesson.matrix[taken], threads))
    outside = np.abs(lesson.target[judged] - middle)
    grow = float(np.median(outside) / max(np.median(inside), 1e-9))
    error = np.concatenate([inside * np.clip(grow, 1.0, 2.0), outside])
    # an absolute error is a poor measure of spread when it's by chance near zero, or far out
    typical = float(np.median(outside)) + 1e-9
    label = np.log(np.clip(error, 0.1 * typical, 6.0 * typical) + 0.2 * typical)
    # nor do periods nobody could know of before say how well they're known a year later
    weight = np.concatenate([np.where(lesson.weight[taken] > 0, 0.5, 0.0), np.ones(len(outside))])
    data = trees.dataset(
        np.concatenate([lesson.matrix[taken], lesson.matrix[judged]]), names.features, names.categorical, threads
    )
    settings = trees.parameters("regression", len(label) // 4, seed + 1, threads)
    settings["num_leaves"] = min(31, settings["num_leaves"])
    period = lesson.period[judged]
    later = period > np.median(period)
    wide = np.empty(len(judged))
    for half in (later, ~later):
        shown = weight.copy()
        shown[len(taken) :][half] = 0.0
        made = trees.fit(data, label, shown, None, settings, SPREAD_TREES).booster
        wide[half] = spread_of(made, lesson.matrix[judged][half], threads)
    return trees.fit(data, label, weight, None, settings, SPREAD_TREES).booster, wide


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
        table = fit_quantile_table(
            target / (middle * chance), first, second, first_bins=12, second_bins=3, by_first=True
        )
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


def _untrained(recipe: Recipe, names: Names, new_level: float, frame: Frame, started: float) -> Model:
    """Too little history to learn anything: the level of each series with a wide spread."""
    table = fit_quantile_table(
        np.linspace(-1.0, 1.0, 201) + (1.0 if recipe.mode == RATIO else 0.0), np.ones(201), np.ones(201)
    )
    timing = {"final model": time.perf_counter() - started}
    return Model(recipe, names, None, None, None, table, new_level, 1.0, card_of(frame, recipe, names, 0, 0, timing, 0))
