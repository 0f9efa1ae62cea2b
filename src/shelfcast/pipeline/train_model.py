"""The step `train`: learn a model from the history up to the cutoff, score it on past cutoffs, judge it, decide.

    no champion, or one that can't be used any more   -> the new model takes its place (the rule below)
    a champion that can be judged                     -> the new model is its challenger: it must win (`judge_model`)

The rule for a champion that can't be used: it forecasts another horizon or frequency than asked, it knows data from after
the cutoff, its file is of another format or damaged, or the features it learnt from are no longer those of this program
and these data. A champion older than `OLDEST_DAYS` stays only if it surely beats the challenger or a guard rail speaks.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from shelfcast.domain.errors import BadFile, BadInput, NotFound
from shelfcast.domain.slices import Slice
from shelfcast.domain.tables import results
from shelfcast.features.panel import Panel
from shelfcast.forecast.ensemble import Ensemble, forecast_ensemble
from shelfcast.forecast.models import stored
from shelfcast.forecast.models.baseline_panel import panel_facts
from shelfcast.forecast.models.boosted import Model
from shelfcast.forecast.models.training import ROW_BUDGET, HeldOut, pick_series, train_and_hold
from shelfcast.forecast.selection import Shares, learn_shares
from shelfcast.lake.replace import replace
from shelfcast.pipeline import choose_model, judge_model, model_card, model_decisions, model_records, run_record
from shelfcast.pipeline.judge_model import Comparison
from shelfcast.pipeline.read_panel import Lake, open_lake_at, read_sample
from shelfcast.pipeline.score_models import score_models, stored_rows
from shelfcast.pipeline.steps import STEPS, Outcome, Parameters
from shelfcast.ports.model_registry import CHALLENGER, Candidate
from shelfcast.ports.platform import Platform

TITLE = "Training models"
MODEL_CELLS = 8_000_000
"""Series x periods looked at: an even sample of the series, so that memory stays flat."""
MODEL_SERIES = 4_000
ROWS_PER_SERIES = 75
"""Rows learned from, by series, up to `ROW_BUDGET`: more only cost time in a small shop."""
RETRAIN_DAYS = 28
OLDEST_DAYS = 182
"""Half a year: the season the champion knew last is over."""
FILLED_SERIES = 300
"""Series whose forecasts are looked through for holes before a model may take over."""


def champion_of(platform: Platform, parameters: Parameters) -> dict[str, str]:
    """What decides a forecast beside its tables: the champion model."""
    del parameters
    record = model_records.champion(platform)
    return {"model": str(record["model_id"])} if record else {}


def due(platform: Platform, parameters: Parameters) -> str:
    """Why a model must be trained now; empty when the champion is fresh and fits, or a challenger was tried lately."""
    if parameters.retrain:
        return "asked for"
    record = model_records.champion(platform)
    if record is None:
        return "no model yet"
    if why := unusable(platform, record, parameters):
        return why
    tried = [
        model_records.age_days(one.facts, parameters.cutoff)
        for one in platform.models.list()
        if (one.facts.get("frequency"), one.facts.get("horizon")) == (parameters.frequency, parameters.horizon)
    ]
    age = min((one for one in tried if one >= 0), default=RETRAIN_DAYS)
    return f"the newest model is {age} days old" if age >= RETRAIN_DAYS else ""


def unusable(platform: Platform, record: Mapping[str, Any], parameters: Parameters) -> str:
    """Why the champion can't forecast this cutoff; empty when it can."""
    if (record["frequency"], record["horizon"]) != (parameters.frequency, parameters.horizon):
        return f"the model is for {record['horizon']} periods of {record['frequency']}"
    if model_records.age_days(record, parameters.cutoff) < 0:
        return "the model knows data from after the cutoff"
    try:
        choose_model.check_usable(platform, record, parameters.cutoff)
    except (BadFile, NotFound) as error:
        return str(error)
    return ""


def series_to_learn_from(lake: Lake) -> int:
    return min(MODEL_SERIES, max(1, MODEL_CELLS // lake.grid.length))


@dataclass(frozen=True)
class Learnt:
    """A new model and what it was made from."""

    panel: Panel
    model: Model
    held: HeldOut | None
    shares: Shares
    rows: int
    seconds: float


def run(platform: Platform, parameters: Parameters, run_id: str) -> Outcome:
    """Train, score, judge, keep, decide.

    Raises:
        NotReady: no history.
    """
    record = model_records.champion(platform)
    why = unusable(platform, record, parameters) if record else ""
    snapshots = model_card.snapshots_of(platform.tables, STEPS["train"].reads)
    lake = open_lake_at(platform.tables, parameters.cutoff, parameters.horizon, parameters.frequency)
    platform.progress.start(TITLE, 4)
    learnt = learn(lake, parameters)
    platform.progress.advance(TITLE)
    scores = score_models(learnt.panel, parameters.horizon, parameters.seed)
    summary = dict(scores.summary) if scores else {}
    if scores:
        replace(platform.tables, results.BACKTEST_SCORES, stored_rows(scores, run_id), Slice.of(run_id=run_id))
    platform.progress.advance(TITLE)
    data = stored.to_bytes(learnt.model)
    comparison = None
    if record and not why and Candidate(data, platform.clock.now()).model_id != record["model_id"]:
        comparison = judged(platform, lake, learnt, record, parameters)
    platform.progress.advance(TITLE)
    card = model_card.card_of(
        learnt.model, learnt.held, scores, snapshots, comparison.about if comparison else None, learnt.seconds
    )
    asked = parameters.asked
    facts = {
        "model": model_records.MODEL_CLASS, "run_id": run_id, "cutoff": parameters.cutoff.isoformat(),
        "frequency": parameters.frequency, "horizon": parameters.horizon, "seed": parameters.seed,
        "shares": learnt.shares.by_segment(), "trained_at": platform.clock.now().isoformat(), "cause": asked.cause,
        "reason": asked.reason, "asked_by": asked.by, "code": run_record.code_version(), "rows": card["rows"],
        "series": card["series"], "trees": card["trees"], "first_period": card["first_period"],
        "last_period": card["last_period"],
    }  # fmt: skip
    metrics, plots = model_card.metrics_of(card, learnt.seconds), model_card.plots_of(learnt.held, facts["cutoff"])
    features, now = learnt.model.names.features, platform.clock.now()
    version = platform.models.register(Candidate(data, now, facts, metrics, features, snapshots, card, plots))
    decision = decide(platform, version.model_id, record, why, comparison, parameters)
    platform.progress.advance(TITLE)
    told = {
        "model_id": version.model_id, "shares": learnt.shares.to_dict(), "decision": decision["verdict"],
        "decision_id": decision["decision_id"], "sentence": decision["sentence"], **summary,
    }  # fmt: skip
    return Outcome({"series": learnt.panel.series_count}, told)


def learn(lake: Lake, parameters: Parameters) -> Learnt:
    """Train on everything up to the cutoff."""
    panel = read_sample(lake, series_to_learn_from(lake))
    rows = min(ROW_BUDGET, ROWS_PER_SERIES * panel.series_count)
    begun = time.perf_counter()
    model, held = train_and_hold(panel, parameters.horizon, seed=parameters.seed, budget=rows)
    shares = learn_shares(panel, held, parameters.horizon)
    return Learnt(panel, model, held, shares, rows, time.perf_counter() - begun)


def judged(
    platform: Platform, lake: Lake, learnt: Learnt, record: Mapping[str, Any], parameters: Parameters
) -> Comparison | None:
    """The comparison with the champion; None where too little has come that neither has seen."""
    champion = learnt_until(record)
    chosen = judge_model.plan(learnt.panel, champion)
    if chosen is None:
        return None
    age = model_records.age_days(record, parameters.cutoff)
    try:
        return judge_model.compare(
            lake, learnt.panel, chosen, (record, model_records.load(platform, str(record["model_id"]))),
            horizon=parameters.horizon, seed=parameters.seed, rows=learnt.rows, unfilled=holes(learnt),
            train_seconds=learnt.seconds,
            too_old=f"the champion is {age} days old ({OLDEST_DAYS} are allowed)" if age > OLDEST_DAYS else "",
        )  # fmt: skip
    except BadInput as error:
        platform.progress.done(TITLE, f"could not be compared: {error}")
        return None


def learnt_until(record: Mapping[str, Any]) -> date:
    return date.fromisoformat(str(record["cutoff"]))


def holes(learnt: Learnt) -> int:
    """Forecast cells without a number, in a sample of the series."""
    panel, _ = pick_series(learnt.panel, FILLED_SERIES)
    ready = Ensemble(learnt.model, learnt.model.context(lambda: (panel,)), panel_facts(panel), learnt.shares)
    made = forecast_ensemble(panel, ready).forecast
    return int((~(np.isfinite(made.mean) & np.isfinite(made.quantiles).all(axis=2))).sum())


def decide(
    platform: Platform, model_id: str, record: Mapping[str, Any] | None, why: str, comparison: Comparison | None,
    parameters: Parameters,
) -> dict[str, Any]:  # fmt: skip
    """Champion or challenger: the decision is kept with its numbers, and carried out."""
    asked = parameters.asked
    if record is None:
        verdict, sentence = model_decisions.FIRST, "Promoted: there was no champion yet."
    elif record["model_id"] == model_id:
        verdict = model_decisions.SAME
        sentence = "Kept the champion: the new model is the same, byte by byte, since its data haven't changed."
    elif why:
        verdict = model_decisions.REPLACED
        sentence = f"Promoted: the champion can't be used any more ({why.rstrip('.')})."
    elif comparison is None:
        verdict = model_decisions.NOT_JUDGED
        young = judge_model.too_young(parameters.frequency, learnt_until(record), parameters.cutoff)
        sentence = f"Kept the champion: {young}. Promote the new one by hand if you know better."
    else:
        verdict = model_decisions.PROMOTED if comparison.verdict.promote else model_decisions.KEPT
        sentence = comparison.verdict.sentence
    takes_over = verdict in model_decisions.TAKES_OVER
    if takes_over and not asked.promote and record is not None:
        takes_over, verdict = False, model_decisions.KEPT
        sentence = f"Kept the champion, as asked. The comparison alone would have said: {sentence}"
    platform.models.set_alias(CHALLENGER, model_id, by=asked.by, reason=sentence, at=platform.clock.now())
    if takes_over:
        choose_model.promote(platform, asked.by, model_id, sentence)
    return model_decisions.note(
        platform,
        {
            "model_id": model_id, "champion": record["model_id"] if record else None, "cutoff": parameters.cutoff.isoformat(),
            "cause": asked.cause, "reason": asked.reason, "by": asked.by, "verdict": verdict, "promoted": takes_over,
            "sentence": sentence, "comparison": dict(comparison.about) if comparison else None,
        },
    )  # fmt: skip
