"""A worker process: it starts what is scheduled, and killed in the middle of a job it loses nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from shelfcast.bootstrap import init_lake, open_lake
from shelfcast.pipeline import queue_jobs, schedule_jobs
from shelfcast.pipeline.schedule_jobs import KIND, Schedule
from tests.functional.loopback import Reply, loopback

ANSWER = json.dumps(
    [
        {"page": 1, "pages": 1, "per_page": 1, "total": 1, "lastupdated": "2026-02-24"},
        [{"indicator": {"id": "X"}, "country": {"id": "DE"}, "countryiso3code": "DEU", "date": "2024", "value": 2.3}],
    ]
).encode()
LONG = 120.0
"""Seconds after which something is wrong, however slow the machine."""


def start(lake: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "shelfcast", "worker", "--lake", str(lake), "--with-parent"]
    environment = {**os.environ, "SHELFCAST_LOG": "json"}
    return subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def lines_until(worker: subprocess.Popen[str], event: str) -> list[dict[str, object]]:
    """What a worker logs, up to an event."""
    assert worker.stderr is not None
    found = []
    for line in worker.stderr:
        found.append(json.loads(line))
        if found[-1]["event"] == event:
            return found
    raise AssertionError(f"the worker ended without {event!r}: {found}")


def end(worker: subprocess.Popen[str]) -> None:
    worker.kill()
    worker.wait()
    for pipe in (worker.stdin, worker.stderr):
        if pipe is not None:
            pipe.close()


@pytest.mark.slow
def test_a_scheduled_job_whose_worker_is_killed_is_taken_up_by_the_next_and_runs_once(tmp_path):
    init_lake(tmp_path)
    _, platform = open_lake(tmp_path)
    asked, answer = threading.Event(), threading.Event()
    with loopback() as server:

        def usual(*_: object) -> Reply:
            if not asked.is_set():
                asked.set()
                answer.wait(LONG)  # the first worker is killed while it waits for this answer
            return Reply(body=ANSWER)

        server.usual = usual
        wanted = {"source": "world-bank", "indicators": ["X"], "countries": ["DE"], "base_url": server.url}
        schedule_jobs.save(
            platform, "ann", Schedule(name="prices", kind="connect", when="every 5 minutes", parameters=wanted, enabled=True)
        )  # fmt: skip
        # As if it had been enabled a while ago and no worker had run since.
        record = platform.records.get(KIND, "prices")
        since = platform.clock.now() - timedelta(minutes=31)
        platform.records.put(KIND, "prices", dict(record.body) | {"since": since.isoformat()})
        first = start(tmp_path)
        try:
            assert asked.wait(LONG)
            os.kill(first.pid, signal.SIGKILL)
        finally:
            end(first)
        (job,) = queue_jobs.newest(platform, 10)[0]
        assert job.state == "running" and job.schedule == "prices"
        schedule_jobs.edit(platform, "ann", "prices", {"enabled": False})
        answer.set()
        second = start(tmp_path)
        try:
            lines = lines_until(second, "job done")
        finally:
            end(second)
    (job,) = queue_jobs.newest(platform, 10)[0]
    assert (job.state, job.attempt, job.result["kept"]) == ("done", 2, 12)
    begun = next(one for one in lines if one["event"] == "job started")
    assert (begun["job_id"], begun["kind"], begun["schedule"]) == (job.job_id, "connect", "prices")
    (occurrence,) = schedule_jobs.occurrences(platform, "prices")
    assert occurrence.outcome == "started" and occurrence.missed >= 5
    assert len([line for _, line in queue_jobs.log_lines(platform, job.job_id)]) >= 3
