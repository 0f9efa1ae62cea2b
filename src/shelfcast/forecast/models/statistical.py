"""AutoETS, DynamicOptimizedTheta and their like, from statsforecast (the `stats` extra), for the series where they pay.

They cost a thousand times what our own baselines cost, so they are tried on the series that sell most, on one held-out
horizon, and taken only where they did clearly better there. Their intervals are guarded: an automatic ETS may choose a
multiplicative trend whose upper quantile runs to the billions.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shelfcast.domain.errors import BadParameter, MissingExtra
from shelfcast.features.panel import Forecast
from shelfcast.forecast.models.baseline_choice import BaselineFacts, forecast_baselines
from shelfcast.forecast.models.baselines import Rhythm

Floats = NDArray[np.floating]

STATISTICAL: dict[str, Callable[[Any, int], Any]] = {
    "auto_ets": lambda models, season: models.AutoETS(season_length=season),
    "dynamic_optimized_theta": lambda models, season: models.DynamicOptimizedTheta(season_length=season),
    "auto_ces": lambda models, season: models.AutoCES(season_length=season),
    "auto_arima": lambda models, season: models.AutoARIMA(season_length=season),
    "mstl": lambda models, season: models.MSTL(season_length=season),
}
_LONGEST_SEASON = 24
"""Longer seasons (52 weeks) have more states than these models estimate well: they run without season there."""
BETTER_BY = 0.03
"""Share of the error a statistical model must save on the held-out horizon to be taken."""


def forecast_statistical(name: str, target: Floats, horizon: int, rhythm: Rhythm, levels: Sequence[float]) -> Forecast:
    """Forecast every series (n, T) with one model. A series it can't handle is NaN and named in `fallback`.

    Raises:
        BadParameter: unknown model. MissingExtra: statsforecast isn't installed.
    """
    models = _library()
    if name not in STATISTICAL:
        raise BadParameter.unknown("statistical model", name, STATISTICAL)
    season = rhythm.season if rhythm.season <= _LONGEST_SEASON else 1
    widths = sorted({round(100.0 * abs(2.0 * level - 1.0), 6) for level in levels} - {0.0})
    mean = np.full((len(target), horizon), np.nan)
    grid = np.full((len(target), horizon, len(levels)), np.nan)
    trouble = np.full(len(target), "", dtype=object)
    for i, row in enumerate(target):
        history = _without_gaps(row, rhythm)
        if len(history) < max(2 * season, 8):
            trouble[i] = f"{name} needs {max(2 * season, 8)} periods"
            continue
        model = STATISTICAL[name](models, season)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                made = model.forecast(y=history, h=horizon, level=widths)
        except (ValueError, ArithmeticError, IndexError, np.linalg.LinAlgError) as error:
            trouble[i] = f"{name} failed: {type(error).__name__}"
            continue
        own, quantiles = _grid_of(made, levels)
        if not (np.isfinite(own).all() and np.isfinite(quantiles).all()):
            trouble[i] = f"{name} gave no finite forecast"
            continue
        mean[i], grid[i] = _guarded(own, quantiles, history)
    return Forecast(mean, grid, tuple(levels), np.full(len(target), name), trouble.astype(np.str_))


def forecast_where_it_pays(
    name: str, target: Floats, facts: BaselineFacts, *, most_series: int = 200
) -> tuple[Forecast, NDArray[np.bool_]]:
    """Baselines for all, the statistical model where it pays: the forecast, and which series got it (n,).

    Tried on the `most_series` series that sold most lately; taken where the absolute error over the last horizon of
    the history is at least `BETTER_BY` below that of the baselines from the same origin.
    """
    base = forecast_baselines(target, facts).forecast
    horizon, length = facts.horizon, target.shape[1]
    taken = np.zeros(len(target), dtype=bool)
    if length <= horizon + 8:
        return base, taken
    volume = np.nan_to_num(target[:, -4 * horizon :]).sum(axis=1)
    rows = np.sort(np.argsort(-volume, kind="stable")[:most_series])
    before, actual = target[rows, : length - horizon], target[rows, length - horizon :]
    theirs = forecast_statistical(name, before, horizon, facts.rhythm, facts.levels).mean
    ours = forecast_baselines(before, facts).forecast.mean
    known = np.isfinite(actual)
    error_theirs = np.where(known, np.abs(actual - theirs), 0.0).sum(axis=1)
    error_ours = np.where(known, np.abs(actual - ours), 0.0).sum(axis=1)
    pays = known.any(axis=1) & (error_theirs < (1.0 - BETTER_BY) * error_ours)  # NaN never pays
    chosen = rows[pays]
    made = forecast_statistical(name, target[chosen], horizon, facts.rhythm, facts.levels)
    usable = made.fallback == ""
    taken[chosen[usable]] = True
    mean, quantiles, model = base.mean.copy(), base.quantiles.copy(), base.model.astype(object)
    mean[taken], quantiles[taken], model[taken] = made.mean[usable], made.quantiles[usable], name
    return Forecast(mean, quantiles, facts.levels, model.astype(np.str_), base.fallback), taken


def _library() -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from statsforecast import models
    except ImportError as error:
        raise MissingExtra(
            "statistical models need the stats extra: pip install 'shelfcast[stats]'. The built-in baselines don't."
        ) from error
    return models


def _without_gaps(row: Floats, rhythm: Rhythm) -> Floats:
    """From the first known value on; gaps take the value one season before, else the last known one."""
    known = np.flatnonzero(np.isfinite(row))
    if not len(known):
        return np.empty(0)
    history = row[known[0] :].astype(np.float64)
    for t in np.flatnonzero(~np.isfinite(history)):
        history[t] = history[t - rhythm.season] if t >= rhythm.season else history[t - 1]
    return history


def _grid_of(made: dict[str, Floats], levels: Sequence[float]) -> tuple[Floats, Floats]:
    """Mean and quantiles from central intervals named lo-80, hi-80."""
    mean = np.asarray(made["mean"], dtype=np.float64)
    columns = []
    for level in levels:
        width = round(100.0 * abs(2.0 * level - 1.0), 6)
        if width == 0.0:
            columns.append(mean)
            continue
        side = "lo" if level < 0.5 else "hi"
        columns.append(np.asarray(made[f"{side}-{width:g}" if f"{side}-{width:g}" in made else f"{side}-{width}"]))
    return mean, np.stack(columns, axis=1)


def _guarded(mean: Floats, quantiles: Floats, history: Floats) -> tuple[Floats, Floats]:
    """Within what the series has shown: a mean at most half its range beyond it, quantiles at most twice; not below
    zero unless the history is; rising."""
    low, high = float(history.min()), float(history.max())
    room = high - low
    kept = np.clip(mean, low - 0.5 * room, high + 0.5 * room)
    grid = np.clip(quantiles, low - 2.0 * room, high + 2.0 * room)
    if low >= 0.0:
        kept, grid = np.maximum(kept, 0.0), np.maximum(grid, 0.0)
    return kept, np.maximum.accumulate(grid, axis=1)
