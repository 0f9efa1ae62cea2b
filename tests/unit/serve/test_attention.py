"""What needs attention is found where it shows: loads, sources, schedules, jobs; and the list brings it together."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shelfcast.bootstrap import in_memory
from shelfcast.domain.findings import Finding
from shelfcast.pipeline import handle_alerts, queue_jobs, raise_alerts, schedule_jobs
from shelfcast.serve import alerts, attention


@pytest.fixture
def platform():
    return in_memory()


def load(platform, load_id, state, error=""):
    at = platform.clock.advance(timedelta(minutes=1)).isoformat()
    platform.records.put(
        "loads", load_id, {"load_id": load_id, "source": "sales.csv", "state": state, "received_at": at, "error": error}
    )  # fmt: skip


def source(platform, state, failing_since="", error=""):
    body = {"state": state, "failing_since": failing_since, "error": error, "watermark": "", "good_at": ""}
    platform.records.put("connectors", "open-meteo", body)


def found(platform):
    return [(one.cause, one.subject, one.severity) for one in attention.find(platform)]


def test_an_empty_lake_needs_nothing(platform):
    assert found(platform) == []


def test_a_refused_load_stands_until_its_source_is_loaded_well(platform):
    load(platform, "a", "refused", "too many bad rows")
    assert found(platform) == [("load.refused", "sales.csv", "warning")]
    (one,) = attention.find(platform)
    assert one.detail == "too many bad rows" and one.link == "/data/upload"
    load(platform, "b", "done")
    assert found(platform) == []
    load(platform, "c", "failed")
    platform.clock.advance(timedelta(days=attention.LOAD_DAYS, minutes=1))
    assert found(platform) == []


def test_a_source_that_is_silent_for_days_is_grave(platform):
    since = platform.clock.now().isoformat()
    source(platform, "down", since, "no answer in 5 tries")
    assert found(platform) == [("source.down", "open-meteo", "warning")]
    platform.clock.advance(timedelta(hours=attention.SOURCE_HOURS))
    assert found(platform) == [("source.down", "open-meteo", "critical")]
    source(platform, "ok")
    assert found(platform) == []


def test_a_schedule_that_was_missed_stands_until_its_next_time(platform):
    schedule_jobs.edit(platform, "ann", "daily-cycle", {"enabled": True, "catch_up_hours": 1.0})
    platform.clock.advance(timedelta(days=2))  # 06:00: three hours after its time
    schedule_jobs.tick(platform)
    assert found(platform) == [("schedule.missed", "daily-cycle", "warning")]
    platform.clock.advance(timedelta(hours=21))
    schedule_jobs.tick(platform)
    assert found(platform) == []


def test_a_job_that_was_tried_again_is_no_matter_of_its_own_any_more(platform):
    job = queue_jobs.submit(platform, "export", "Export", "quick", {"what": "orders"}, "ann")
    queue_jobs.finish(platform, queue_jobs.claim(platform), "failed", error="no disk")
    assert found(platform) == [("job.failed", "export", "warning")]
    platform.clock.advance(timedelta(seconds=1))
    queue_jobs.retry(platform, job.job_id, "ann")
    assert found(platform) == []


def test_the_list_shows_what_is_seen_now_and_what_watchers_reported_by_one_order(platform):
    stale = Finding("data.freshness", "sales", "critical", "Sales end on 1 January.", "Ask for the file.")
    raise_alerts.report(platform, [stale], causes=["data"])
    load(platform, "a", "refused", "too many bad rows")
    listed = alerts.alerts(platform)
    assert [(one.cause, one.state) for one in listed] == [("data.freshness", "open"), ("load.refused", "open")]
    assert [one.finding.cause for one in raise_alerts.standing(platform)] == ["data.freshness"]
    alerts.look(platform)
    assert len(raise_alerts.standing(platform)) == 2
    assert [one.alert_id for one in alerts.alerts(platform)] == [one.alert_id for one in listed], (
        "the same, kept or not"
    )
    load(platform, "b", "done")
    assert [one.cause for one in alerts.alerts(platform)] == ["data.freshness"], (
        "gone at once, before anybody looks again"
    )


def test_what_a_person_resolved_does_not_come_back_into_the_list_at_once(platform):
    load(platform, "a", "refused", "too many bad rows")
    (one,) = alerts.alerts(platform)
    alerts.keep(platform, one.alert_id)
    handle_alerts.resolve(platform, "ann", one.alert_id, "known")
    alerts.look(platform)
    assert alerts.alerts(platform) == []
    (kept,) = alerts.alerts(platform, states=("resolved",))
    assert kept.resolved_by == "ann" and alerts.detail(platform, one.alert_id).history[-1].note == "known"
