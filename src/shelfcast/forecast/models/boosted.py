"""The main model: local regression + pooled linear stage + boosted trees, with calibrated quantiles.

    training.train(panel, horizon=28, seed=0, threads=0) -> Model    `forecast/models/training.py`
    Model.forecast(panel, levels=GRID, context=None) -> Forecast      panel: same covariates, horizon <= the model's
    Model.context(panels, cutoffs=None) -> Context                   small table over all partitions; then forecast each
    Model.explain(panel, context=None) -> Explanation                 `forecast/explanation.py`
    stored.to_bytes(model), stored.from_bytes(data)                   `forecast/models/stored.py`

On the recipe's scale (log of units, units over level, distance from level; u = (value - location) / scale):

    middle = local regression of the series (`features/history`) + linear stage + trees
    quantile(p) = middle + spread(row) x quantile of standardised held-out errors at p      log and signed scale
    quantile(p) = middle x quantile of held-out actual / middle at p                         ratio scale (many zeros)

Held-out: the last periods of the history, as long as the horizon or longer, forecast by a model that hasn't seen them.
It also says how many trees are worth it. The final model is trained on everything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from shelfcast.domain.errors import BadInput, BadParameter
from shelfcast.domain.quantiles import GRID
from shelfcast.features.context import Context, Local, build_context, fit_local
from shelfcast.features.frame import Frame, prepare
from shelfcast.features.matrix import Names, Rows, all_steps, build_matrix, names_of
from shelfcast.features.panel import Forecast, Panel
from shelfcast.features.recipe import LOG, RATIO, Recipe, last_of
from shelfcast.forecast.calibration import QuantileTable
from shelfcast.forecast.models.linear_stage import LinearStage

VERSION = "1"
NAME = "boosted"
RATIO_RANGE = (0.03, 30.0)
MOST_ENDS = 64
EVERY_LEVEL = tuple(np.linspace(0.005, 0.995, 100))
"""Levels whose quantiles are averaged to a mean."""


@dataclass(frozen=True)
class Model:
    """A trained model. See the top of the module."""

    recipe: Recipe
    names: Names
    linear: LinearStage | None
    booster: lgb.Booster | None
    spread: lgb.Booster | None
    quantiles: QuantileTable
    new_level: float
    """Location (log scale) or scale of a series without any history."""
    bias: float
    """Mean of actual / forecast mean on held-out cutoffs: what calibration multiplies the mean by."""
    card: dict[str, Any] = field(default_factory=dict)
    version: str = VERSION

    def context(self, panels: Callable[[], Iterable[Panel]], cutoffs: NDArray[np.int64] | None = None) -> Context:
        """What needs all series, from all partitions of a panel (given anew on each call), for their last periods."""
        if cutoffs is None:
            cutoffs = ends_of(np.concatenate([np.unique(last_of(panel)) for panel in panels()]))
        return build_context(lambda: (prepare(panel, self.recipe) for panel in panels()), cutoffs)

    def forecast(
        self, panel: Panel, levels: tuple[float, ...] = GRID, context: Context | None = None, threads: int = 0
    ) -> Forecast:
        """Forecast the periods that follow each series' history. Every series gets one; why not by the model is in `fallback`."""
        view = self.view(panel, context)
        return self.from_view(view, levels, threads)

    def view(self, panel: Panel, context: Context | None = None) -> View:
        """The model matrix of the forecast rows."""
        horizon = panel.horizon if panel.last is None else len(panel.periods) - 1 - int(last_of(panel).max())
        if horizon > self.recipe.horizon:
            raise BadParameter(
                f"the panel asks for {horizon} periods ahead, the model was trained for {self.recipe.horizon}; "
                "shorten the horizon or train a new model."
            )
        frame = prepare(panel, self.recipe)
        if names_of(frame).features != self.names.features:
            raise BadInput(
                "the feature list of this program isn't the one the model was trained with "
                f"({len(names_of(frame).features)} features now, {len(self.names.features)} then); train a new model."
            )
        kept: list[Local] = []
        if context is None:
            context = build_context(lambda: (frame,), ends_of(frame.last), kept)
        local = self.local(frame, context, kept[0] if kept else None)
        number = np.searchsorted(context.cutoffs, frame.last).clip(0, len(context.cutoffs) - 1)
        rows = all_steps(np.arange(panel.series_count), number, horizon)
        return View(frame, context, local, rows, build_matrix(frame, context, local, rows), horizon)

    def local(self, frame: Frame, context: Context, made: Local | None = None) -> Local:
        """Local regressions; a series without history gets the level of new ones."""
        local = made or fit_local(frame, context.cutoffs, context.pooled)
        empty = frame.first > frame.last
        if self.recipe.mode == RATIO:
            local.scale[empty] = self.new_level
        else:
            local.loc[empty] = self.new_level
        return local

    def from_view(self, view: View, levels: tuple[float, ...], threads: int = 0) -> Forecast:
        frame, horizon = view.frame, view.horizon
        count = len(frame.last)
        mean, quantiles = self.units(view, levels, threads)
        fallback = np.where(frame.first > frame.last, "no history: level of other series", "").astype(np.str_)
        return Forecast(
            mean.reshape(count, horizon),
            quantiles.reshape(count, horizon, len(levels)),
            tuple(levels),
            np.full(count, f"{NAME}-{self.version}", dtype=np.str_),
            fallback,
        )

    def middle(self, matrix: NDArray[np.float32], threads: int = 0) -> NDArray[np.float64]:
        """Middle forecast of each row on the common size."""
        return middle_of(self.recipe.mode, self.linear, self.booster, None, matrix, threads)

    def units(
        self, view: View, levels: tuple[float, ...], threads: int = 0
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and quantiles of each row in units: (rows,), (rows, levels)."""
        recipe, rows = self.recipe, view.rows
        middle = self.middle(view.matrix, threads)
        loc, scale = view.local.loc[rows.series(), rows.cutoff()], view.local.scale[rows.series(), rows.cutoff()]
        first, second = calibration_keys(recipe.mode, self.spread, view.matrix, middle, scale, threads)
        mean, quantiles = to_units(recipe, self.quantiles, self.bias, middle, loc, scale, (first, second), levels)
        shut = view.frame.closed[rows.series(), view.periods()]
        quantiles[shut], mean[shut] = 0.0, 0.0
        return mean, np.maximum.accumulate(quantiles, axis=1)


@dataclass(frozen=True)
class View:
    """A panel as the model sees it when it forecasts."""

    frame: Frame
    context: Context
    local: Local
    rows: Rows
    matrix: NDArray[np.float32]
    horizon: int

    def periods(self) -> NDArray[np.int64]:
        return self.frame.last[self.rows.series()] + self.rows.step


def ends_of(last: NDArray[np.integer]) -> NDArray[np.int64]:
    """Cutoffs at which series end; where there are many, a few, each at or after the ends it stands for."""
    ends = np.unique(np.maximum(last, 0)).astype(np.int64)
    if len(ends) <= MOST_ENDS:
        return ends
    return ends[np.unique(np.linspace(0, len(ends) - 1, MOST_ENDS).round().astype(np.int64))]


def to_units(
    recipe: Recipe,
    table: QuantileTable,
    bias: float,
    middle: NDArray[np.float64],
    loc: NDArray[np.float64],
    scale: NDArray[np.float64],
    keys: tuple[NDArray[np.float64], NDArray[np.float64]],
    levels: tuple[float, ...],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and quantiles in units from the middle on the common size: (rows,), (rows, levels)."""
    cells, spread = table.cells(*keys), keys[1][:, None]
    if recipe.mode == RATIO:
        mean = middle * scale
        quantiles = mean[:, None] * table.at(cells, levels)
    else:
        at = middle[:, None] + spread * table.at(cells, levels)
        wide = middle[:, None] + spread * table.at(cells, EVERY_LEVEL)
        if recipe.mode == LOG:
            quantiles = np.exp(np.minimum(loc[:, None] + at, 80.0))
            mean = np.exp(np.minimum(loc[:, None] + wide, 80.0)).mean(axis=1)
        else:
            quantiles = loc[:, None] + scale[:, None] * at
            mean = (loc[:, None] + scale[:, None] * wide).mean(axis=1)
    if recipe.mode == RATIO:
        mean = mean * bias
    if not recipe.negative:
        quantiles, mean = np.maximum(quantiles, 0.0), np.maximum(mean, 0.0)
    if recipe.whole:
        quantiles = np.round(quantiles)
    return mean, quantiles


def middle_of(
    mode: str,
    linear: LinearStage | None,
    booster: lgb.Booster | None,
    tree_count: int | None,
    matrix: NDArray[np.float32],
    threads: int,
) -> NDArray[np.float64]:
    offset = offset_of(mode, linear, matrix)
    if booster is None:
        return np.exp(offset) if mode == RATIO else offset
    raw = booster.predict(matrix, raw_score=True, num_iteration=tree_count, num_threads=threads)
    return np.exp(np.minimum(offset + raw, 12.0)) if mode == RATIO else offset + raw


def offset_of(mode: str, linear: LinearStage | None, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
    """What the trees start from; its logarithm on the ratio scale."""
    base = matrix[:, 0].astype(np.float64)
    if linear is not None:
        base = base + linear.predict(matrix)
    return np.log(np.clip(base, *RATIO_RANGE)) if mode == RATIO else base


def calibration_keys(
    mode: str,
    spread: lgb.Booster | None,
    matrix: NDArray[np.float32],
    middle: NDArray[np.float64],
    scale: NDArray[np.float64],
    threads: int = 0,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The two keys errors are sorted by: step and spread; on the ratio scale size in units and spread."""
    wide = np.ones(len(matrix)) if spread is None else spread_of(spread, matrix, threads)
    return (middle * scale if mode == RATIO else matrix[:, 1].astype(np.float64)), wide


def spread_of(spread: lgb.Booster, matrix: NDArray[np.float32], threads: int = 0) -> NDArray[np.float64]:
    """Size of the error each row is expected to have, on the common size."""
    return np.asarray(np.exp(np.clip(spread.predict(matrix, num_threads=threads), -8.0, 4.0)), dtype=np.float64)
