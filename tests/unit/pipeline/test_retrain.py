"""When a new model is trained, against what it is judged, and who becomes champion."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from model_shop import LAST, LEARNT, SETTINGS, copy_of, shop

from shelfcast.bootstrap import in_memory
from shelfcast.domain.errors import BadFile, Conflict, NotReady
from shelfcast.domain.tables import curated, results
from shelfcast.features.panel import Panel
from shelfcast.forecast.models import stored
from shelfcast.pipeline import (
    audit_changes,
    choose_model,
    job_kinds,
    judge_model,
    model_decisions,
    model_records,
    queue_jobs,
    retrain,
    run_jobs,
)
from shelfcast.pipeline.ingest_files import ingest_files
from shelfcast.pipeline.run_cycle import run_cycle
from shelfcast.pipeline.steps import Asked, Parameters
from shelfcast.pipeline.train_model import due
from shelfcast.ports.model_registry import CHALLENGER, CHAMPION, Candidate
from shelfcast.ports.platform import Platform

BY_HAND = Asked("hand", "a look at the new week", "mara")


@pytest.fixture(scope="module")
def learnt(tmp_path_factory: pytest.TempPathFactory) -> Platform:
    """A shop whose champion learnt up to `LEARNT`, a month before the week changed."""
    platform = shop(tmp_path_factory.mktemp("shop"))
    retrain.retrain(platform, SETTINGS, Asked("schedule", "the first", "night"), LEARNT)
    return platform


@pytest.fixture(scope="module")
def won(learnt: Platform) -> Platform:
    """The same after a challenger that knows the new week was judged."""
    platform = copy_of(learnt)
    retrain.retrain(platform, SETTINGS, Asked("drift", "Fridays are forecast too high", "monitor"), LAST)
    return platform


@pytest.fixture
def platform(learnt: Platform) -> Platform:
    return copy_of(learnt)


def champion(platform: Platform) -> str:
    record = model_records.champion(platform)
    assert record is not None
    return str(record["model_id"])


def test_the_first_model_is_champion_and_everything_about_it_is_kept(learnt: Platform) -> None:
    version = learnt.models.aliased(CHAMPION)
    assert version is not None
    assert set(version.files) == {"model.zip", "card.json", "calibration.svg"}
    assert version.features == model_records.load(learnt, version.model_id).names.features
    sales = learnt.tables.state(curated.SALES).current
    demand = learnt.tables.state(results.DEMAND).current
    assert sales is not None and version.snapshots["sales"] == sales.snapshot_id
    assert demand is not None and version.snapshots["demand"] == demand.snapshot_id
    assert 0 < version.metrics["wape"] < 1 and "wape demand/smooth" in version.metrics
    card = model_records.card(learnt, version.model_id)
    assert card["last_period"] == LEARNT.isoformat()
    assert card["training_snapshots"] == dict(version.snapshots)
    assert {"shelfcast", "python", "lightgbm", "polars"} <= set(card["versions"])
    points = card["calibration"]["all held-out periods"]
    assert [one["share"] for one in points] == sorted(one["share"] for one in points)
    assert learnt.models.load(version.model_id, "calibration.svg").startswith(b"<svg")
    (decision,) = model_decisions.every(learnt)
    assert (decision["verdict"], decision["cause"], decision["by"]) == ("first", "schedule", "night")


def test_a_challenger_that_surely_wins_is_promoted_with_its_numbers(learnt: Platform, won: Platform) -> None:
    decision = model_decisions.every(won)[0]
    assert (decision["verdict"], decision["promoted"], decision["cause"]) == ("promoted", True, "drift")
    assert decision["reason"] == "Fridays are forecast too high"
    assert champion(won) == decision["model_id"] and decision["champion"] == champion(learnt)
    comparison = decision["comparison"]
    assert comparison["gain"]["low"] > 0.02
    assert comparison["challenger"]["wql"] < comparison["champion"]["wql"]
    assert all(rail["holds"] for rail in comparison["rails"])
    assert {"bias", "coverage_80", "fill", "train_seconds", "segment location S0"} <= {
        one["name"] for one in comparison["rails"]
    }
    change = choose_model.history(won)[0]
    assert (change.by, change.reason, change.before) == ("monitor", decision["sentence"], champion(learnt))
    entries = [audit_changes.entry_of(one) for one in won.records.query(audit_changes.KIND)]
    assert [(one.who, one.action) for one in entries] == [("night", "model.promote"), ("monitor", "model.promote")]


def test_the_card_says_that_a_twin_was_judged_on_days_neither_had_seen(won: Platform) -> None:
    comparison = model_records.card(won, champion(won))["comparison"]
    twin, judged = date.fromisoformat(comparison["twin_learnt_until"]), date.fromisoformat(comparison["judged_until"])
    assert comparison["champion_learnt_until"] == LEARNT.isoformat()
    assert LEARNT < twin < judged == LAST
    assert min(map(date.fromisoformat, comparison["cutoffs"])) == twin
    assert f"a twin: same recipe, trained on the data up to {twin} only" in comparison["note"]


def test_the_twin_is_given_nothing_of_the_days_it_is_judged_on(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_panels: list[Panel] = []

    def spied(panel: Panel, *arguments: Any, **more: Any) -> Any:
        given_panels.append(panel)
        return train_and_hold(panel, *arguments, **more)

    train_and_hold = judge_model.train_and_hold
    monkeypatch.setattr(judge_model, "train_and_hold", spied)
    decision = retrain.retrain(platform, SETTINGS, BY_HAND, LAST)
    (known,) = given_panels
    assert str(known.periods[known.history_length - 1]) == decision["comparison"]["twin_learnt_until"]
    assert known.target.shape[1] == known.history_length


@given(
    length=st.integers(40, 400), behind=st.integers(-5, 300), frequency=st.sampled_from(["D", "W"])
)  # fmt: skip
def test_no_day_is_judged_that_either_model_has_seen(length: int, behind: int, frequency: str) -> None:
    step = 7 if frequency == "W" else 1
    periods = np.datetime64("2024-01-01", "D") + np.arange(length + 10) * step
    target = np.zeros((1, length), dtype=np.float32)
    panel = Panel(None, frequency, periods, target, None, ())  # type: ignore[arg-type]
    last = periods[length - 1].item() + timedelta(days=step - 1)
    plan = judge_model.plan(panel, last - timedelta(days=behind * step))
    if plan is None:
        assert min(behind, length - 1) < judge_model.LEAST_UNSEEN[frequency]
        return
    assert plan.champion_knew == max(length - 1 - behind, -1)
    assert plan.champion_knew <= plan.twin_knows == plan.cutoffs[0]
    assert max(plan.cutoffs) < plan.end == length - 1
    assert 1 <= len(plan.cutoffs) <= judge_model.MOST_CUTOFFS


def test_where_too_little_has_come_the_champion_stays_and_the_sentence_says_how_much_is_missing(
    platform: Platform,
) -> None:
    before = champion(platform)
    decision = retrain.retrain(platform, SETTINGS, BY_HAND, LEARNT + timedelta(days=10))
    assert (decision["verdict"], decision["promoted"], decision["comparison"]) == ("not_judged", False, None)
    assert "only 10 days have come that neither model has seen; 21 are needed" in decision["sentence"]
    assert champion(platform) == before
    challenger = platform.models.aliased(CHALLENGER)
    assert challenger is not None and challenger.model_id == decision["model_id"] != before
    promoted = choose_model.promote(platform, "mara", decision["model_id"], "I know better")
    assert promoted["model_id"] == champion(platform)


def test_by_schedule_nothing_is_trained_that_could_not_be_judged(platform: Platform) -> None:
    done = retrain.retrain(platform, SETTINGS, Asked("schedule", "weekly", "scheduler"), LEARNT + timedelta(days=7))
    assert (done["verdict"], done["model_id"], done["promoted"]) == ("not_trained", None, False)
    assert done["sentence"].startswith(
        "Nothing was trained: the champion learnt up to 2024-07-18, so only 7 days have come"
    )
    assert len(platform.models.list()) == len(model_decisions.every(platform)) == 1


def test_the_same_data_give_the_same_model_and_nothing_changes(platform: Platform) -> None:
    before = champion(platform)
    decision = retrain.retrain(platform, SETTINGS, BY_HAND, LEARNT)
    assert (decision["verdict"], decision["model_id"]) == ("same", before)
    assert len(platform.models.list()) == len(choose_model.history(platform)) == 1


def test_asked_to_keep_the_champion_it_stays_though_the_challenger_wins(platform: Platform) -> None:
    before = champion(platform)
    decision = retrain.retrain(platform, SETTINGS, Asked("hand", "only a look", "mara", promote=False), LAST)
    assert champion(platform) == before
    assert decision["verdict"] == "kept" and "The comparison alone would have said: Promoted" in decision["sentence"]


def test_roll_back_is_one_step_and_audited(won: Platform, learnt: Platform) -> None:
    platform = copy_of(won)
    record = choose_model.roll_back(platform, "mara", "too many eggs")
    assert champion(platform) == record["model_id"] == champion(learnt)
    entry = audit_changes.entry_of(platform.records.query(audit_changes.KIND)[-1])
    assert (entry.who, entry.action, entry.detail["reason"]) == ("mara", "model.promote", "too many eggs")
    with pytest.raises(NotReady, match="no earlier champion"):
        choose_model.roll_back(learnt, "mara", "just so")
    with pytest.raises(Conflict, match="is the champion already"):
        choose_model.promote(learnt, "mara", champion(learnt), "again")


def rewritten(data: bytes, **changes: Any) -> bytes:
    """A model file with another header."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(made, "w") as new:
        for name in old.namelist():
            text = old.read(name)
            if name == stored.HEADER:
                text = json.dumps({**json.loads(text), **changes}).encode()
            new.writestr(name, text)
    return made.getvalue()


def registered(platform: Platform, data: bytes, **facts: Any) -> str:
    version = platform.models.aliased(CHAMPION)
    assert version is not None
    features = tuple(facts.pop("features", ()))
    made = Candidate(data, platform.clock.now(), {**version.facts, **facts}, features=features)
    return platform.models.register(made).model_id


@pytest.mark.parametrize(
    ("header", "facts", "message"),
    [
        ({"version": "0"}, {}, "of format version '0'; this program reads version '1' only. Train a new model"),
        ({"kind": "deep"}, {}, "holds a 'deep' model; this program reads 'boosted' models only"),
        ({}, {"model": "prophet"}, "is a 'prophet'; this program forecasts with 'ensemble' models only"),
        ({"seen": 1}, {"features": ["a", "b"]}, "it isn't the file that was registered"),
    ],
    ids=["format", "file of another class", "version of another class", "other features than registered"],
)
def test_a_model_that_can_not_forecast_here_is_refused(
    platform: Platform, header: dict[str, Any], facts: dict[str, Any], message: str
) -> None:
    before = champion(platform)
    model_id = registered(platform, rewritten(platform.models.load(before), **header), **facts)
    with pytest.raises(BadFile, match=message):
        choose_model.promote(platform, "mara", model_id, "it is lovely")
    assert champion(platform) == before


def test_a_model_whose_features_are_not_those_built_now_is_refused(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    decision = retrain.retrain(platform, SETTINGS, BY_HAND, LEARNT + timedelta(days=10))
    names = choose_model.names_of

    def changed(frame: Any) -> Any:
        now = names(frame)
        return type(now)(("moon phase", *now.features[1:]), now.drivers, now.categorical)

    monkeypatch.setattr(choose_model, "names_of", changed)
    with pytest.raises(
        BadFile, match=r"it lacks: moon phase; only it has: .*Train a new one: `shelfcast models retrain`"
    ):
        choose_model.promote(platform, "mara", decision["model_id"], "it is lovely")


def test_a_champion_whose_covariates_changed_is_replaced_and_the_rule_is_named(
    platform: Platform, tmp_path: Path
) -> None:
    path = tmp_path / "prices.csv"
    path.write_text("item_id,location_id,date,price\nI00,S0,2024-01-01,2.5\nI01,S0,2024-01-01,3.5\n")
    ingest_files(platform, [path], table="prices")
    parameters = Parameters(LEARNT + timedelta(days=5), "D", 14)
    assert "covariates" in due(platform, parameters)
    before = champion(platform)
    run_cycle(platform, parameters, steps=("features", "train"))
    decision = model_decisions.every(platform)[0]
    assert decision["verdict"] == "replaced" and champion(platform) == decision["model_id"] != before
    assert decision["sentence"].startswith("Promoted: the champion can't be used any more (")
    assert "covariates aren't those the model was trained on" in decision["reason"]


def test_a_champion_that_can_not_be_read_any_more_is_replaced(platform: Platform) -> None:
    before = champion(platform)
    old = rewritten(platform.models.load(before), version="0")
    platform.blobs.put(f"models/{before}/model.zip", old)
    assert "of format version '0'" in due(platform, Parameters(LEARNT + timedelta(days=3), "D", 14))
    decision = retrain.retrain(platform, SETTINGS, BY_HAND, LEARNT + timedelta(days=3))
    assert decision["verdict"] == "replaced" and champion(platform) != before


def test_a_night_trains_when_the_newest_version_is_old_not_each_night_the_champion_is(platform: Platform) -> None:
    def why(days: int, horizon: int = 14) -> str:
        return due(platform, Parameters(LEARNT + timedelta(days=days), "D", horizon))

    assert why(0) == why(27) == ""
    assert why(28) == "the newest model is 28 days old"
    assert why(3, horizon=7) == "the model is for 14 periods of D"
    assert why(-1) == "the model knows data from after the cutoff"
    facts = {"cutoff": (LEARNT + timedelta(days=20)).isoformat(), "frequency": "D", "horizon": 14}
    platform.models.register(Candidate(b"a challenger that lost", platform.clock.now(), facts))
    assert why(28) == why(47) == ""
    assert why(48) == "the newest model is 28 days old"


def test_the_job_keeps_its_cause_and_reason(platform: Platform) -> None:
    retrain.ask(platform, "WAPE of dairy is 31 %, 24 % was promised", "monitor", cause="accuracy")
    job_kinds.start(platform, "retrain", {"cutoff": LEARNT.isoformat()}, "mara")
    for job in queue_jobs.open_jobs(platform):
        body = dict(platform.records.get(queue_jobs.KIND, job.job_id).body)
        body["parameters"] = {**body["parameters"], "cutoff": LEARNT.isoformat()}
        platform.records.put(queue_jobs.KIND, job.job_id, body)
    done = list(run_jobs.run_waiting(platform, SETTINGS))
    assert [one.state for one in done] == ["done", "done"]
    found = {(one["cause"], one["reason"], one["by"]) for one in model_decisions.every(platform)[:2]}
    assert found == {("accuracy", "WAPE of dairy is 31 %, 24 % was promised", "monitor"), ("hand", "", "mara")}


def test_asking_twice_queues_one_job_with_the_first_reason() -> None:
    platform = in_memory()
    first = retrain.ask(platform, "fresh food is forecast 12 % too low since 3 March", "monitor")
    again = retrain.ask(platform, "and dairy", "monitor", cause="accuracy")
    assert again.job_id == first.job_id
    (job,) = queue_jobs.open_jobs(platform)
    assert (job.kind, job.created_by) == ("retrain", "monitor")
    assert dict(job.parameters) == {"reason": "fresh food is forecast 12 % too low since 3 March", "cause": "drift"}


def test_one_that_runs_already_does_not_do_for_what_came_up_since() -> None:
    platform = in_memory()
    retrain.ask(platform, "drift", "monitor")
    assert queue_jobs.claim(platform) is not None
    retrain.ask(platform, "more drift", "monitor")
    assert sorted(one.state for one in queue_jobs.open_jobs(platform)) == ["queued", "running"]
