"""How good forecasts made from past cutoffs would have been: the numbers on a model's card.

    history  ...............................|--- H ---|--- H ---|
    one model learns from this part         ^ fold 1  ^ fold 2      scored against what came

The model scored is trained as the champion is, on data from before the first fold, so no fold was seen by it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from shelfcast.domain.errors import BadInput
from shelfcast.domain.quantiles import GRID
from shelfcast.domain.tables import results
from shelfcast.features.panel import Forecast, Panel
from shelfcast.forecast import metrics
from shelfcast.forecast.backtest import Task, Window, windows_of
from shelfcast.forecast.ensemble import Ensemble, forecast_ensemble
from shelfcast.forecast.forecasters import seasonal_naive
from shelfcast.forecast.models.baseline_panel import open_history, panel_facts
from shelfcast.forecast.models.dependence import Dependence, measured
from shelfcast.forecast.models.segments import SEGMENTS, demand_segments
from shelfcast.forecast.models.training import pick_series, train_and_hold
from shelfcast.forecast.selection import learn_shares

FOLDS = 2
SERIES = 600
ROWS = 60_000
"""Rows the scored model learns from: fewer than the champion's, since it only has to tell how good it would be."""
SEASONS = {"D": 7, "W": 52}
NAIVE, BASELINES, CHAMPION = "seasonal naive", "baselines", "champion"
NORMAL_90 = 1.2815515655446004
"""90 % quantile of the standard normal distribution."""
LEVELS = tuple(level for level in GRID if 0.1 <= level <= 0.9)


@dataclass(frozen=True)
class Scores:
    """Rows of `backtest_scores` (without the run), and what a person reads."""

    rows: pl.DataFrame
    summary: Mapping[str, Any]


def score_models(panel: Panel, horizon: int, seed: int, folds: int = FOLDS) -> Scores | None:
    """Score seasonal naive, the baselines and the champion's kind on past folds; None where history is too short."""
    panel, _ = pick_series(panel, SERIES)
    season = SEASONS[panel.frequency]
    task = Task(horizon, folds, season, LEVELS, seed)
    try:
        windows = list(windows_of(panel, task))
    except BadInput:
        return None
    known = windows[0].panel
    if known.history_length < 2 * season:
        return None
    model, held = train_and_hold(known, horizon, seed=seed, budget=ROWS)
    shares = learn_shares(known, held, horizon)
    ensemble = Ensemble(model, model.context(lambda: (known,)), panel_facts(known), shares)
    rows: list[dict[str, Any]] = []
    made_of: list[tuple[Window, Forecast]] = []
    for window in windows:
        made = forecast_ensemble(window.panel, ensemble)
        made_of.append((window, made.forecast))
        naive, _ = seasonal_naive(season)(window.panel, GRID, seed)["seasonal_naive"]
        for name, forecast in ((NAIVE, naive), (BASELINES, made.baseline.forecast), (CHAMPION, made.forecast)):
            rows += _rows(window, forecast, name, horizon)
    frame = pl.DataFrame(rows, infer_schema_length=None)
    mean = frame.group_by("model", "segment", "metric", "horizon", maintain_order=True).agg(
        pl.col("value").mean(), pl.col("series").max(), pl.col("cells").sum()
    )
    mean = mean.with_columns(fold=pl.lit(0), cutoff=pl.lit(None, pl.Date))
    every = pl.concat([frame, mean.select(frame.columns)], how="vertical_relaxed")
    summary = _summary(mean, folds, horizon, panel.series_count)
    return Scores(every, {**summary, "dependence": _dependence(panel, made_of, horizon).to_dict()})


def _rows(window: Window, forecast: Forecast, model: str, horizon: int) -> list[dict[str, Any]]:
    """Every metric of one forecast: all series, and each demand segment."""
    segment = demand_segments(open_history(window.panel)[0])
    parts = {"all": np.ones(len(segment), dtype=np.bool_)}
    parts |= {f"demand={name}": segment == code for code, name in enumerate(SEGMENTS)}
    rows = []
    for name, inside in parts.items():
        if not inside.any():
            continue
        actual, scale = window.actual[inside], window.scale[inside]
        quantiles, mean = forecast.quantiles[inside], forecast.mean[inside]
        chosen = [GRID.index(level) for level in LEVELS]
        median = quantiles[:, :, GRID.index(0.5)]
        values = {
            "wape": metrics.wape(actual, median),
            "bias": metrics.bias(actual, mean),
            "mase": metrics.mase(actual, median, scale),
            "sql": metrics.sql(actual, quantiles[:, :, chosen], LEVELS, scale),
            "wql": metrics.wql(actual, quantiles[:, :, chosen], LEVELS),
            "coverage_80": metrics.coverage(actual, quantiles, GRID, 0.8),
            "coverage_95": metrics.coverage(actual, quantiles, GRID, 0.95),
        }
        about = {
            "model": model, "segment": name, "fold": window.number, "cutoff": window.cutoff.astype("datetime64[D]").item(),
            "series": int(inside.sum()), "cells": int(np.isfinite(actual).sum()), "horizon": horizon,
        }  # fmt: skip
        rows += [{**about, "metric": key, "value": float(value)} for key, value in values.items() if np.isfinite(value)]
    return rows


def _dependence(panel: Panel, folds: Sequence[tuple[Window, Forecast]], horizon: int) -> Dependence:
    """How errors of days and of series went together on the folds."""
    shape = (panel.series_count, len(folds), horizon)
    errors, spread = np.full(shape, np.nan), np.zeros(shape)
    places = panel.keys.with_row_index("_at")
    for number, (window, forecast) in enumerate(folds):
        at = window.panel.keys.join(places, on=panel.keys.columns, how="left", maintain_order="left")["_at"].to_numpy()
        errors[at, number] = window.actual - forecast.mean
        low, high = (forecast.quantiles[:, :, GRID.index(level)] for level in (0.1, 0.9))
        spread[at, number] = (high - low) / (2.0 * NORMAL_90)
    return measured(errors, spread)


def _summary(mean: pl.DataFrame, folds: int, horizon: int, series: int) -> dict[str, Any]:
    """Scores by model, and how much less the champion errs than the season repeated."""
    overall = mean.filter(pl.col("segment") == "all")
    scores: dict[str, dict[str, float]] = {}
    for model, metric, value in overall.select("model", "metric", "value").iter_rows():
        scores.setdefault(model, {})[metric] = round(value, 6)
    naive, ours = scores.get(NAIVE, {}).get("wape"), scores.get(CHAMPION, {}).get("wape")
    gain = 1.0 - ours / naive if naive and ours is not None else None
    return {
        "scores": scores, "folds": folds, "horizon": horizon, "series": series, "champion": CHAMPION,
        "gain_over_naive": gain,
    }  # fmt: skip


def stored_rows(scores: Scores, run_id: str) -> pl.DataFrame:
    """Rows of the table `backtest_scores`."""
    return results.BACKTEST_SCORES.conform(scores.rows.with_columns(run_id=pl.lit(run_id)))
