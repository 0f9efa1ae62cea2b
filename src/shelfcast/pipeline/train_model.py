"""The step `train`: learn a model from the history up to the cutoff, score it on past cutoffs, make it the champion."""

from __future__ import annotations

from typing import Any

from shelfcast.domain.slices import Slice
from shelfcast.domain.tables import results
from shelfcast.forecast.models import stored
from shelfcast.forecast.models.training import ROW_BUDGET, train_and_hold
from shelfcast.forecast.selection import learn_shares
from shelfcast.lake.replace import replace
from shelfcast.pipeline import model_records
from shelfcast.pipeline.read_panel import Lake, open_lake_at, read_sample
from shelfcast.pipeline.score_models import score_models, stored_rows
from shelfcast.pipeline.steps import Outcome, Parameters
from shelfcast.ports.platform import Platform

TITLE = "Training models"
MODEL_CELLS = 8_000_000
"""Series x periods looked at: an even sample of the series, so that memory stays flat."""
MODEL_SERIES = 4_000
ROWS_PER_SERIES = 75
"""Rows learned from, by series, up to `ROW_BUDGET`: more only cost time in a small shop."""
RETRAIN_DAYS = 28


def champion_of(platform: Platform, parameters: Parameters) -> dict[str, str]:
    """What decides a forecast beside its tables: the champion model."""
    del parameters
    record = model_records.champion(platform)
    return {"model": str(record["model_id"])} if record else {}


def due(platform: Platform, parameters: Parameters) -> str:
    """Why a model must be trained now; empty when the champion is fresh and fits."""
    record = model_records.champion(platform)
    if parameters.retrain:
        return "asked for"
    if record is None:
        return "no model yet"
    if (record["frequency"], record["horizon"]) != (parameters.frequency, parameters.horizon):
        return f"the model is for {record['horizon']} periods of {record['frequency']}"
    age = model_records.age_days(record, parameters.cutoff)
    if age < 0:
        return "the model knows data from after the cutoff"
    return f"the model is {age} days old" if age >= RETRAIN_DAYS else ""


def series_to_learn_from(lake: Lake) -> int:
    return min(MODEL_SERIES, max(1, MODEL_CELLS // lake.grid.length))


def run(platform: Platform, parameters: Parameters, run_id: str) -> Outcome:
    """Train, score, keep, promote.

    Raises:
        NotReady: no history.
    """
    lake = open_lake_at(platform.tables, parameters.cutoff, parameters.horizon, parameters.frequency)
    platform.progress.start(TITLE, 3)
    panel = read_sample(lake, series_to_learn_from(lake))
    platform.progress.advance(TITLE)
    rows = min(ROW_BUDGET, ROWS_PER_SERIES * panel.series_count)
    model, held = train_and_hold(panel, parameters.horizon, seed=parameters.seed, budget=rows)
    shares = learn_shares(panel, held, parameters.horizon)
    platform.progress.advance(TITLE)
    scores = score_models(panel, parameters.horizon, parameters.seed)
    summary = dict(scores.summary) if scores else {}
    if scores:
        replace(platform.tables, results.BACKTEST_SCORES, stored_rows(scores, run_id), Slice.of(run_id=run_id))
    platform.progress.advance(TITLE)
    body: dict[str, Any] = {
        "model": "ensemble", "run_id": run_id, "cutoff": parameters.cutoff.isoformat(), "frequency": parameters.frequency,
        "horizon": parameters.horizon, "shares": shares.by_segment(), "card": {**model.card, "backtest": summary},
        "trained_at": platform.clock.now().isoformat(),
    }  # fmt: skip
    model_id = model_records.save(platform, stored.to_bytes(model), body)
    model_records.promote(platform, model_id)
    return Outcome({"series": panel.series_count}, {"model_id": model_id, "shares": shares.to_dict(), **summary})
