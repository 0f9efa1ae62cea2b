"""Schedules: each occurrence starts its job once, whoever looks, dies or comes back when."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shelfcast.adapters.local.records import SqliteRecords
from shelfcast.bootstrap import in_memory
from shelfcast.domain.errors import BadParameter, NotFound
from shelfcast.pipeline import queue_jobs, schedule_jobs
from shelfcast.pipeline.schedule_jobs import MISSED, SKIPPED, STARTED, Schedule

NIGHTLY = Schedule(name="nightly", kind="export", when="daily at 03:00", parameters={"what": "orders"}, enabled=True)


@pytest.fixture
def platform():
    return in_memory()  # 5 January 2026, 06:00 UTC


def at(platform, text):
    platform.clock.moment = datetime.fromisoformat(text).replace(tzinfo=UTC)


def jobs(platform):
    return [one.job_id for one in queue_jobs.newest(platform, 1000)[0]]


def finish_all(platform):
    while (job := queue_jobs.claim(platform)) is not None:
        queue_jobs.finish(platform, job, "done")


def test_a_lake_offers_schedules_and_runs_none_of_them_unasked(platform):
    offered = schedule_jobs.schedules(platform)
    assert {"daily-cycle", "maintenance", "retraining", "orders-to-erp"} <= {one.schedule.name for one in offered}
    platform.clock.advance(timedelta(days=30))
    assert schedule_jobs.tick(platform) == [] and not any(one.schedule.enabled for one in offered)


def test_each_occurrence_starts_one_job_however_often_one_looks(platform):
    schedule_jobs.save(platform, "ann", NIGHTLY)
    assert schedule_jobs.tick(platform) == [], "what was before it was enabled doesn't count"
    at(platform, "2026-01-06T03:00:30")
    (done,) = schedule_jobs.tick(platform)
    assert done.outcome == STARTED and schedule_jobs.tick(platform) == []
    (job_id,) = jobs(platform)
    job = queue_jobs.get(platform, job_id)
    assert (job.kind, job.schedule, job.created_by, dict(job.parameters)) == (
        "export", "nightly", "schedule:nightly", {"what": "orders"},
    )  # fmt: skip
    finish_all(platform)
    at(platform, "2026-01-07T03:00:30")
    schedule_jobs.tick(platform)
    assert len(jobs(platform)) == 2
    assert schedule_jobs.get(platform, "nightly").last == datetime(2026, 1, 7, 3, tzinfo=UTC)


def test_after_days_without_workers_it_runs_once_and_counts_what_was_missed(platform):
    schedule_jobs.save(platform, "ann", NIGHTLY)
    at(platform, "2026-01-10T07:00")
    (done,) = schedule_jobs.tick(platform)
    assert (done.outcome, done.missed, done.moment.day) == (STARTED, 4, 10) and "4.0 h late" in done.why
    assert len(jobs(platform)) == 1


def test_what_is_too_late_is_missed_and_says_so(platform):
    schedule_jobs.save(platform, "ann", NIGHTLY.model_copy(update={"catch_up_hours": 2.0}))
    at(platform, "2026-01-10T07:00")
    (done,) = schedule_jobs.tick(platform)
    assert done.outcome == MISSED and "4.0 h later is more than the 2 h allowed" in done.why
    assert jobs(platform) == [] and schedule_jobs.tick(platform) == []


def test_a_run_still_under_way_is_not_overlapped(platform):
    schedule_jobs.save(platform, "ann", NIGHTLY.model_copy(update={"when": "every 1 hour"}))
    at(platform, "2026-01-05T07:00")
    schedule_jobs.tick(platform)
    running = queue_jobs.claim(platform)
    at(platform, "2026-01-05T08:00")
    (done,) = schedule_jobs.tick(platform)
    assert done.outcome == SKIPPED and running.job_id in done.why
    queue_jobs.finish(platform, running, "done")
    at(platform, "2026-01-05T09:00")
    assert schedule_jobs.tick(platform)[0].outcome == STARTED


def test_two_jobs_of_a_kind_that_changes_the_lake_do_not_overlap_whoever_started_them(platform):
    queue_jobs.submit(platform, "cycle", "Daily cycle", queue_jobs.LAKE, {}, "dana")
    schedule_jobs.edit(platform, "ann", "daily-cycle", {"enabled": True})
    at(platform, "2026-01-06T03:00")
    assert schedule_jobs.tick(platform)[0].outcome == SKIPPED


def test_jitter_starts_later_the_same_for_every_worker(platform):
    stored = schedule_jobs.save(platform, "ann", NIGHTLY.model_copy(update={"jitter_seconds": 600}))
    moments = [datetime(2026, 1, day, 3, tzinfo=UTC) for day in range(6, 26)]
    waits = [(stored.due_at(one) - one).total_seconds() for one in moments]
    assert all(0 <= one <= 600 for one in waits) and len(set(waits)) > 10
    platform.clock.moment = stored.due_at(moments[0]) - timedelta(seconds=1)
    assert schedule_jobs.tick(platform) == []
    platform.clock.advance(timedelta(seconds=1))
    assert len(schedule_jobs.tick(platform)) == 1


def test_enabling_again_or_changing_times_counts_from_now_on(platform):
    schedule_jobs.save(platform, "ann", NIGHTLY)
    schedule_jobs.edit(platform, "ann", "nightly", {"enabled": False})
    at(platform, "2026-01-06T04:00")
    assert schedule_jobs.tick(platform) == []
    schedule_jobs.edit(platform, "ann", "nightly", {"enabled": True})
    schedule_jobs.edit(platform, "ann", "nightly", {"when": "daily at 02:00"})
    assert schedule_jobs.tick(platform) == []
    following = schedule_jobs.next_runs(schedule_jobs.get(platform, "nightly"), platform.clock.now())
    assert [f"{one:%d %H}" for one in following] == ["07 02", "08 02", "09 02"]


def test_a_note_may_change_without_losing_an_occurrence(platform):
    schedule_jobs.save(platform, "ann", NIGHTLY)
    at(platform, "2026-01-06T04:00")
    schedule_jobs.edit(platform, "ann", "nightly", {"note": "as agreed"})
    assert len(schedule_jobs.tick(platform)) == 1


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"when": "sometimes"}, "can't be read"),
        ({"kind": "coffee"}, "job kind 'coffee' is unknown"),
        ({"parameters": {"milk": True}}, "export job can't be started"),
        ({"time_zone": "Mars"}, "time zone"),
        ({"colour": "red"}, "colour"),
        ({"catch_up_hours": -1}, "catch_up_hours"),
    ],
)
def test_what_cannot_run_is_refused_when_it_is_written(platform, changes, says):
    schedule_jobs.save(platform, "ann", NIGHTLY)
    with pytest.raises(BadParameter, match=says):
        schedule_jobs.edit(platform, "ann", "nightly", changes)
    assert schedule_jobs.get(platform, "nightly").schedule == NIGHTLY


def test_every_change_is_in_the_audit_log_and_what_is_removed_stays_away(platform):
    schedule_jobs.save(platform, "ann", NIGHTLY)
    schedule_jobs.edit(platform, "bob", "nightly", {"when": "daily at 04:00"})
    for name in ("nightly", "daily-cycle"):
        schedule_jobs.remove(platform, "bob", name)
        with pytest.raises(NotFound, match="there is no schedule"):
            schedule_jobs.get(platform, name)
    entries = [(one.body["who"], one.body["action"]) for one in platform.records.query("audit")]
    assert sorted(entries) == sorted(
        [("ann", "schedule.add"), ("bob", "schedule.change"), ("bob", "schedule.remove"), ("bob", "schedule.remove")]
    )
    schedule_jobs.save(platform, "ann", replace_name("daily-cycle"))
    assert schedule_jobs.get(platform, "daily-cycle").schedule.kind == "export"


def replace_name(name):
    return NIGHTLY.model_copy(update={"name": name})


def test_run_now_starts_the_job_with_its_parameters(platform):
    schedule_jobs.save(platform, "ann", NIGHTLY)
    job = schedule_jobs.run_now(platform, "bob", "nightly")
    assert job.schedule == "nightly" and job.created_by == "bob" and dict(job.parameters) == {"what": "orders"}


def test_a_schedule_that_cannot_be_used_any_more_does_not_hold_up_the_others(platform):
    schedule_jobs.save(platform, "ann", NIGHTLY)
    schedule_jobs.save(platform, "ann", replace_name("another"))
    record = platform.records.get(schedule_jobs.KIND, "another")
    platform.records.put(schedule_jobs.KIND, "another", dict(record.body) | {"parameters": {"gone": 1}})
    at(platform, "2026-01-06T03:00")
    with pytest.raises(BadParameter, match="gone"):
        schedule_jobs.tick(platform)
    assert [queue_jobs.get(platform, one).schedule for one in jobs(platform)] == ["nightly"]


class Killed(BaseException):
    pass


class DiesAt:
    """Records whose writer is killed before its n-th write."""

    def __init__(self, inner, writes):
        self.inner, self.left = inner, writes

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def put(self, *args, **more):
        if self.left == 0:
            raise Killed
        self.left -= 1
        return self.inner.put(*args, **more)


@pytest.mark.parametrize("writes", range(6))
def test_killed_before_any_write_the_next_worker_finishes_the_same_occurrence(platform, writes):
    schedule_jobs.save(platform, "ann", NIGHTLY)
    at(platform, "2026-01-06T03:00")
    dying = replace(platform, records=DiesAt(platform.records, writes))
    with suppress(Killed):
        schedule_jobs.tick(dying)
    platform.clock.advance(timedelta(minutes=1))
    schedule_jobs.tick(platform)
    (job_id,) = jobs(platform)
    assert queue_jobs.claim(platform).job_id == job_id
    assert [one.outcome for one in schedule_jobs.occurrences(platform, "nightly")] == [STARTED]
    assert schedule_jobs.get(platform, "nightly").last_job == job_id


STEPS = 60
WORKER = """
import sys
from datetime import timedelta
from dataclasses import replace
from pathlib import Path
from shelfcast.adapters.local.records import SqliteRecords
from shelfcast.bootstrap import in_memory
from shelfcast.pipeline import queue_jobs, schedule_jobs
platform = replace(in_memory(), records=SqliteRecords(Path(sys.argv[1])))
print("ready", flush=True)
for _ in range(int(sys.argv[2])):
    platform.clock.advance(timedelta(minutes=15))
    schedule_jobs.tick(platform, host=sys.argv[3])
    while (job := queue_jobs.claim(platform)) is not None:
        queue_jobs.finish(platform, job, "done")
    print("step", flush=True)
"""


def test_two_processes_one_of_them_killed_over_and_over_lose_nothing_and_do_nothing_twice(tmp_path):
    path = tmp_path / "records.db"
    platform = replace(in_memory(), records=SqliteRecords(path))
    schedule_jobs.save(platform, "ann", NIGHTLY.model_copy(update={"when": "every 15 minutes"}))

    def start(name):
        command = [sys.executable, "-c", WORKER, str(path), str(STEPS), name]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    steady, kills = start("steady"), 0
    for lines in (3, 9, 25):  # killed after so many steps of its own, wherever it is in the next
        victim = start("victim")
        for _ in range(lines):
            victim.stdout.readline()
        os.kill(victim.pid, signal.SIGKILL)
        victim.wait()
        victim.stdout.close()
        kills += 1
    steady.communicate()
    assert steady.returncode == 0 and kills == 3
    platform.clock.advance(timedelta(minutes=15 * STEPS) + queue_jobs.LEASE * 2)
    schedule_jobs.tick(platform)
    finish_all(platform)
    decided = schedule_jobs.occurrences(platform, "nightly", 1000)
    started = {one.job_id for one in decided if one.outcome == STARTED}
    assert started == set(jobs(platform)), "every occurrence that was started has its job, and there is no other job"
    assert {queue_jobs.get(platform, one).state for one in started} == {"done"}
    assert sum(1 + one.missed for one in decided) >= STEPS, "each occurrence is decided or counted as passed over"
    assert len({one.moment for one in decided}) == len(decided)
    platform.records.close()
