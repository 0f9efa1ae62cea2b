"""What workers do beside their jobs: what is due starts, trouble becomes alerts, people are told; nothing ends a worker."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shelfcast.adapters.memory import MemoryNotifier
from shelfcast.bootstrap import in_memory
from shelfcast.domain.errors import BadParameter
from shelfcast.domain.findings import Finding
from shelfcast.pipeline import keep_watch, queue_jobs, raise_alerts, schedule_jobs
from shelfcast.pipeline.keep_watch import Watch
from shelfcast.pipeline.lake_settings import LakeSettings
from shelfcast.pipeline.run_jobs import run_waiting
from shelfcast.pipeline.send_notices import GATHER, NoticeRules
from shelfcast.serve import alerts


@pytest.fixture
def platform():
    return in_memory()


@pytest.fixture
def inbox():
    return MemoryNotifier()


@pytest.fixture
def watch(platform, inbox, tmp_path):
    return Watch(platform, alerts.look, lambda: {"mail": inbox}, NoticeRules, tmp_path)


def test_a_cycle_that_fails_at_night_is_told_with_its_cause_and_next_step(platform, inbox, watch):
    schedule_jobs.edit(platform, "ann", "daily-cycle", {"enabled": True})
    platform.clock.advance(timedelta(hours=21))
    watch.tick()
    (job,) = run_waiting(platform, LakeSettings())
    assert job.kind == "cycle" and job.state == "failed", "there are no sales yet"
    watch.after_job()
    platform.clock.advance(GATHER)
    watch.tick()
    (notice,) = inbox.sent
    assert "Daily cycle (daily-cycle) failed" in notice.text and "Next: Read its log" in notice.text
    assert notice.severity == "critical" and notice.facts["alerts"][0]["link"] == f"/data/jobs/{job.job_id}"


def test_a_job_of_the_same_kind_that_is_done_resolves_the_alert(platform, watch):
    job = queue_jobs.submit(platform, "maintain", "Maintain the lake", "lake", {}, "ann")
    queue_jobs.finish(platform, queue_jobs.claim(platform), "failed", error="disk full")
    watch.after_job()
    (alert,) = raise_alerts.standing(platform)
    assert alert.finding.cause == "job.failed" and alert.finding.run_id == job.job_id
    platform.clock.advance(timedelta(minutes=1))
    queue_jobs.submit(platform, "maintain", "Maintain the lake", "lake", {}, "ann")
    queue_jobs.finish(platform, queue_jobs.claim(platform), "done")
    watch.after_job()
    assert raise_alerts.standing(platform) == []


def test_looking_goes_by_turns_and_what_others_reported_stays(platform, watch):
    drift = Finding("data.drift", "price", "warning", "Prices have not moved for 9 days.", "Look at the price feed.")
    raise_alerts.report(platform, [drift], causes=["data"])
    watch.tick()
    (first,) = platform.records.query(keep_watch.KIND, prefix="look")
    watch.tick()
    assert platform.records.query(keep_watch.KIND, prefix="look") == [first]
    platform.clock.advance(keep_watch.LOOK_EVERY)
    watch.tick()
    assert platform.records.query(keep_watch.KIND, prefix="look") != [first]
    assert [one.finding for one in raise_alerts.standing(platform)] == [drift]


def test_a_part_that_fails_costs_the_others_nothing_and_is_said_once(platform, inbox, tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(keep_watch.log_events, "error", lambda event, **fields: said.append((event, fields["error"])))

    def broken(_):
        raise RuntimeError("a defect")

    def no_settings():
        raise BadParameter("smtp_host is empty")

    watch = Watch(platform, broken, no_settings, NoticeRules, tmp_path)
    schedule_jobs.edit(platform, "ann", "daily-cycle", {"enabled": True})
    platform.clock.advance(timedelta(hours=21))
    watch.tick()
    watch.tick()
    assert len(queue_jobs.open_jobs(platform)) == 1, "the cycle was started all the same"
    assert said == [("look failed", "RuntimeError: a defect"), ("notices failed", "smtp_host is empty")]
    watch.look = lambda _: None
    watch.after_job()
    assert set(watch.problems) == {"notices"}


@pytest.mark.parametrize(
    ("free_gb", "total_gb", "severity"),
    [(50, 100, None), (9, 100, "warning"), (1, 100, "critical"), (1, 8, "critical"), (300, 9000, None)],
)
def test_a_disk_is_nearly_full_when_little_is_left_to_work_in(tmp_path, free_gb, total_gb, severity):
    found = keep_watch.disk_findings(tmp_path, free_gb * 2**30, total_gb * 2**30)
    assert [one.severity for one in found] == ([severity] if severity else [])
