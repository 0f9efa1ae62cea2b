"""The list of alerts: found again is refreshed, gone is resolved, worse comes back, and nothing is told twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from shelfcast.bootstrap import in_memory
from shelfcast.domain.findings import Finding
from shelfcast.pipeline import raise_alerts
from shelfcast.pipeline.raise_alerts import ACKNOWLEDGED, OPEN, PAST, RESOLVED, report

BIAS = Finding("forecast.bias", "CLEANING", "warning", "Bias +14 %, 3 % is usual.", "Look at its prices.")
STALE = Finding("data.freshness", "sales", "critical", "Sales end on 1 January.", "Ask for the file.")


@pytest.fixture
def platform():
    return in_memory()


def acknowledge(platform, alert_id, **more):
    now = platform.clock.now()
    raise_alerts.change(
        platform, alert_id,
        lambda it: raise_alerts.noted(it, now, "ann", "acknowledged", state=ACKNOWLEDGED, acknowledged_by="ann", **more),
    )  # fmt: skip


def told(platform, alert_id):
    raise_alerts.change(platform, alert_id, lambda it: replace(it, tell="", told_at=platform.clock.now()))


def test_a_finding_opens_one_alert_however_often_it_is_found(platform):
    first = report(platform, [BIAS, BIAS], causes=["forecast"])
    platform.clock.advance(timedelta(hours=1))
    second = report(platform, [replace(BIAS, says="Bias +15 %.")], causes=["forecast"])
    assert len(first.opened) == 1 and not first.refreshed
    assert not second.opened and second.refreshed[0].times == 2
    (alert,) = raise_alerts.standing(platform)
    assert alert.finding.says == "Bias +15 %." and alert.opened_at < alert.seen_at and alert.tell == "opened"


def test_of_two_findings_about_one_matter_the_graver_counts(platform):
    (alert,) = report(platform, [BIAS, replace(BIAS, severity="critical")], causes=[]).opened
    assert alert.finding.severity == "critical"


def test_what_was_looked_for_and_not_found_is_resolved_and_nothing_else(platform):
    report(platform, [BIAS, STALE], causes=["forecast", "data"])
    done = report(platform, [], causes=["forecast"])
    assert [one.finding for one in done.resolved] == [BIAS]
    assert [one.finding for one in raise_alerts.standing(platform)] == [STALE]


def test_nobody_hears_that_something_went_of_which_nobody_was_told(platform):
    later = replace(STALE, subject="stock")
    opened = report(platform, [BIAS, STALE, later], causes=[]).opened
    for alert in opened[:2]:
        told(platform, alert.alert_id)
    resolved = {one.finding: one.tell for one in report(platform, [], causes=["forecast", "data"]).resolved}
    assert resolved == {BIAS: "", STALE: "resolved", later: ""}, "small matters just leave the list"


def test_a_measure_that_wavers_is_the_same_episode_and_told_once(platform):
    (alert,) = report(platform, [BIAS], causes=["forecast"]).opened
    told(platform, alert.alert_id)
    report(platform, [], causes=["forecast"])
    platform.clock.advance(timedelta(hours=3))
    (back,) = report(platform, [BIAS], causes=["forecast"]).opened
    assert back.state == OPEN and back.tell == "" and back.opened_at == alert.opened_at
    assert [one["did"] for one in back.history] == ["opened", "not found any more", "came back"]
    assert not platform.records.query(PAST)


def test_what_comes_back_after_days_is_a_new_episode_and_the_old_one_is_kept(platform):
    (alert,) = report(platform, [BIAS], causes=["forecast"]).opened
    report(platform, [], causes=["forecast"])
    platform.clock.advance(timedelta(days=3))
    (back,) = report(platform, [BIAS], causes=["forecast"]).opened
    assert back.opened_at > alert.opened_at and back.times == 1 and back.tell == "opened"
    (before,) = raise_alerts.episodes(platform, alert.alert_id)
    assert before.state == RESOLVED and before.opened_at == alert.opened_at and before.alert_id == alert.alert_id


def test_an_acknowledged_alert_comes_back_when_it_gets_worse(platform):
    (alert,) = report(platform, [BIAS], causes=[]).opened
    told(platform, alert.alert_id)
    acknowledge(platform, alert.alert_id)
    (same,) = report(platform, [BIAS], causes=[]).refreshed
    assert same.state == ACKNOWLEDGED and same.tell == ""
    (worse,) = report(platform, [replace(BIAS, severity="critical")], causes=[]).refreshed
    assert worse.state == OPEN and worse.tell == "worse" and worse.acknowledged_by == ""


def test_an_acknowledgement_until_a_day_runs_out(platform):
    (alert,) = report(platform, [BIAS], causes=[]).opened
    acknowledge(platform, alert.alert_id, until=platform.clock.now() + timedelta(days=1))
    assert report(platform, [BIAS], causes=[]).refreshed[0].state == ACKNOWLEDGED
    platform.clock.advance(timedelta(days=1))
    assert report(platform, [BIAS], causes=[]).refreshed[0].state == OPEN


def test_the_gravest_stand_first(platform):
    report(platform, [BIAS, STALE], causes=[])
    assert [one.finding for one in raise_alerts.standing(platform)] == [STALE, BIAS]


def test_what_was_resolved_long_ago_is_forgotten_and_what_stands_is_not(platform):
    report(platform, [BIAS, STALE], causes=["forecast", "data"])
    report(platform, [STALE], causes=["forecast", "data"])
    platform.clock.advance(timedelta(days=500))
    assert raise_alerts.prune(platform, timedelta(days=400)) == 1
    assert [one.finding for one in raise_alerts.standing(platform)] == [STALE]
