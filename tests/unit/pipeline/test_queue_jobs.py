"""The queue: no job lost, none run twice, whoever dies when."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import pytest

from shelfcast.adapters.local.records import SqliteRecords
from shelfcast.bootstrap import in_memory
from shelfcast.domain.errors import BadParameter, Conflict, NotFound, SourceDown
from shelfcast.pipeline import job_kinds, queue_jobs
from shelfcast.pipeline.lake_settings import LakeSettings
from shelfcast.pipeline.queue_jobs import LAKE, QUICK, Task
from shelfcast.pipeline.run_jobs import Cancelled, JobProgress, run_waiting


@pytest.fixture
def platform():
    return in_memory()


def queue(platform, lane=QUICK, kind="export"):
    platform.clock.advance(timedelta(seconds=1))
    return queue_jobs.submit(platform, kind, "Export", lane, {"what": "orders"}, "dana")


def test_jobs_are_taken_oldest_first_and_each_once(platform):
    first, second = queue(platform), queue(platform)
    assert [queue_jobs.claim(platform).job_id for _ in range(2)] == [first.job_id, second.job_id]
    assert queue_jobs.claim(platform) is None


def test_two_workers_never_take_the_same_job(tmp_path):
    platform = replace(in_memory(), records=SqliteRecords(tmp_path / "records.db"))
    for _ in range(20):
        queue(platform)
    taken: list[str] = []
    lock = threading.Lock()

    def work() -> None:
        while (job := queue_jobs.claim(platform)) is not None:
            with lock:
                taken.append(job.job_id)
            queue_jobs.finish(platform, job, "done")

    workers = [threading.Thread(target=work) for _ in range(4)]
    for one in workers:
        one.start()
    for one in workers:
        one.join()
    platform.records.close()
    assert len(taken) == len(set(taken)) >= 19  # a lost race ends a worker's round, never doubles a job


def test_work_on_the_lake_runs_one_at_a_time_and_quick_work_beside_it(platform):
    one, two, quick = queue(platform, LAKE), queue(platform, LAKE), queue(platform, QUICK)
    assert queue_jobs.claim(platform).job_id == one.job_id
    assert queue_jobs.claim(platform).job_id == quick.job_id
    assert queue_jobs.claim(platform) is None
    assert queue_jobs.get(platform, two.job_id).state == "queued"


def test_two_workers_never_run_two_jobs_on_the_lake_at_once(tmp_path):
    platform = replace(in_memory(), records=SqliteRecords(tmp_path / "records.db"))
    for _ in range(12):
        queue(platform, LAKE)
    lock = threading.Lock()
    running, most, done = [], [], []

    def work() -> None:
        for _ in range(40):
            job = queue_jobs.claim(platform)
            if job is None:
                continue
            with lock:
                running.append(job.job_id)
                most.append(len(running))
            with lock:
                running.remove(job.job_id)
            queue_jobs.finish(platform, job, "done")
            done.append(job.job_id)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for one in workers:
        one.start()
    for one in workers:
        one.join()
    platform.records.close()
    assert max(most) == 1 and len(done) == len(set(done)) == 12


def test_a_worker_killed_between_taking_the_lane_and_its_job_holds_others_up_for_seconds_only(platform):
    first, second = queue(platform, LAKE), queue(platform, LAKE)
    assert queue_jobs._hold_lane(platform, first, (), "")
    assert not queue_jobs._hold_lane(platform, second, (), ""), "it is about to run"
    platform.clock.advance(queue_jobs.TAKING)
    assert queue_jobs._hold_lane(platform, second, (), "")


def test_only_so_many_quick_jobs_run_at_once(platform):
    for _ in range(queue_jobs.MOST_QUICK + 1):
        queue(platform)
    running = [queue_jobs.claim(platform) for _ in range(queue_jobs.MOST_QUICK)]
    assert queue_jobs.claim(platform) is None
    queue_jobs.finish(platform, running[0], "done")
    assert queue_jobs.claim(platform) is not None


def test_a_job_that_fails_for_want_of_something_outside_is_tried_again_later_and_later(platform, monkeypatch):
    monkeypatch.setitem(job_kinds.KINDS, "export", replace(job_kinds.KINDS["export"], tries=3))

    def down(*_):
        raise SourceDown("nobody answers")

    monkeypatch.setattr(job_kinds, "export", down)
    job = queue(platform)
    waits = []
    for _ in range(2):
        run_waiting(platform, LakeSettings())
        now = queue_jobs.get(platform, job.job_id)
        assert now.state == "queued" and now.error == "nobody answers"
        waits.append(now.not_before - platform.clock.now())
        assert run_waiting(platform, LakeSettings()) == [], "not before its time"
        platform.clock.moment = now.not_before
    run_waiting(platform, LakeSettings())
    ended = queue_jobs.get(platform, job.job_id)
    assert ended.state == "failed" and ended.failures == 2 and waits[1] > waits[0]
    assert "tried again in" in "".join(line.text for _, line in queue_jobs.log_lines(platform, job.job_id))


def test_bad_input_is_not_tried_again(platform, monkeypatch):
    monkeypatch.setitem(job_kinds.KINDS, "export", replace(job_kinds.KINDS["export"], tries=3))
    platform.clock.advance(timedelta(seconds=1))
    job = queue_jobs.submit(platform, "export", "Export", QUICK, {"what": "nonsense"}, "dana")
    run_waiting(platform, LakeSettings())
    assert queue_jobs.get(platform, job.job_id).state == "failed"


def test_a_postponed_job_can_be_cancelled(platform):
    queue(platform)
    job = queue_jobs.postpone(platform, queue_jobs.claim(platform), "down", timedelta(hours=1))
    assert queue_jobs.cancel(platform, job.job_id).state == "cancelled"
    assert queue_jobs.claim(platform) is None


def test_a_job_whose_worker_died_is_taken_up_again_when_its_lease_ran_out(platform):
    queue(platform, LAKE)
    lost = queue_jobs.claim(platform)
    assert queue_jobs.claim(platform) is None
    platform.clock.advance(queue_jobs.LEASE + timedelta(seconds=1))
    again = queue_jobs.claim(platform)
    assert again.job_id == lost.job_id and again.attempt == 2
    assert queue_jobs.beat(platform, lost, []) is True, "the first worker is told to stop"
    assert queue_jobs.finish(platform, lost, "done").state == "running", "and can't write the outcome"
    assert queue_jobs.finish(platform, again, "done").state == "done"


def test_a_beat_keeps_the_lease_and_shows_progress(platform):
    queue(platform)
    job = queue_jobs.claim(platform)
    for _ in range(5):
        platform.clock.advance(queue_jobs.LEASE - timedelta(seconds=5))
        assert queue_jobs.beat(platform, job, [Task("Loading", 3, 10)]) is False
        assert queue_jobs.claim(platform) is None
    assert queue_jobs.get(platform, job.job_id).tasks == (Task("Loading", 3, 10),)


def test_a_job_that_kills_its_worker_again_and_again_fails_with_the_reason(platform):
    job = queue(platform)
    for _ in range(queue_jobs.MAX_ATTEMPTS):
        assert queue_jobs.claim(platform) is not None
        platform.clock.advance(queue_jobs.LEASE * 2)
    assert queue_jobs.claim(platform) is None
    failed = queue_jobs.get(platform, job.job_id)
    assert failed.state == "failed" and "memory" in failed.error


def test_a_waiting_job_is_cancelled_at_once_and_a_running_one_is_asked_to_stop(platform):
    waiting, running = queue(platform), queue(platform)
    assert queue_jobs.cancel(platform, waiting.job_id).state == "cancelled"
    job = queue_jobs.claim(platform)
    assert job.job_id == running.job_id
    assert queue_jobs.cancel(platform, job.job_id).cancel_asked
    assert queue_jobs.beat(platform, job, []) is True
    with pytest.raises(Conflict, match="already"):
        queue_jobs.cancel(platform, waiting.job_id)


def test_progress_of_a_cancelled_job_stops_the_work(platform):
    queue(platform)
    progress = JobProgress(platform, queue_jobs.claim(platform))
    progress.start("Loading", 10)
    progress.advance("Loading", 4)
    progress.stop.set()
    with pytest.raises(Cancelled):
        progress.advance("Loading")
    assert progress.tasks[0].done == 4


def test_a_server_killed_between_two_writes_leaves_nothing_that_hangs(platform):
    platform.records.put(queue_jobs.OPEN, "x", {"lane": QUICK, "created_at": platform.clock.now().isoformat()})
    assert queue_jobs.claim(platform) is None
    platform.clock.advance(timedelta(minutes=2))
    assert queue_jobs.claim(platform) is None
    assert platform.records.query(queue_jobs.OPEN) == []


def test_a_failed_job_is_tried_again_as_a_new_one(platform):
    job = queue(platform)
    run_waiting(platform, LakeSettings())
    failed = queue_jobs.get(platform, job.job_id)
    assert failed.state == "failed" and "shelfcast run" in failed.error
    levels = [line.level for _, line in queue_jobs.log_lines(platform, job.job_id)]
    assert levels[0] == "info" and levels[-1] == "error"
    again = queue_jobs.retry(platform, job.job_id, "dana")
    assert again.retry_of == job.job_id and again.state == "queued"
    with pytest.raises(Conflict):
        queue_jobs.retry(platform, again.job_id, "dana")


def test_pages_go_back_in_time_without_gaps(platform):
    ids = [queue(platform).job_id for _ in range(7)]
    seen, cursor = [], ""
    while True:
        page, cursor = queue_jobs.newest(platform, 3, before=cursor)
        seen += [one.job_id for one in page]
        if not cursor:
            break
    assert seen == ids[::-1]


def test_finished_jobs_are_forgotten_after_a_while_with_their_logs(platform):
    job = queue(platform)
    run_waiting(platform, LakeSettings())
    assert queue_jobs.prune(platform, timedelta(days=1)) == 0
    platform.clock.advance(timedelta(days=2))
    assert queue_jobs.prune(platform, timedelta(days=1)) == 1
    assert platform.records.query(queue_jobs.LOG) == []
    with pytest.raises(NotFound):
        queue_jobs.get(platform, job.job_id)


def test_parameters_are_checked_before_a_job_waits(platform):
    with pytest.raises(BadParameter, match="horizon"):
        job_kinds.start(platform, "cycle", {"horizon": 0}, "dana")
    with pytest.raises(BadParameter, match="unknown"):
        job_kinds.start(platform, "nonsense", {}, "dana")
    assert queue_jobs.open_jobs(platform) == []
