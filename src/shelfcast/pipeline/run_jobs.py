"""The worker: takes jobs from the queue and runs them, one at a time.

While a job runs, a thread renews its lease and writes its progress once a second; a cancelled job stops at its next sign
of progress. If it shows none, the worker gives up its process (`GaveUp`): every step survives being killed anywhere.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from os import getpid
from typing import Any

from shelfcast.domain.errors import Conflict, ShelfcastError, SourceDown
from shelfcast.pipeline import job_kinds, log_events, queue_jobs
from shelfcast.pipeline.lake_settings import LakeSettings
from shelfcast.pipeline.queue_jobs import CANCELLED, DONE, FAILED, Job, Task
from shelfcast.ports.platform import Platform

BEAT_SECONDS = 1.0
IDLE_SECONDS = 0.4
PATIENCE_SECONDS = 20.0
"""How long a cancelled job may go on without a sign of progress before its process is given up."""
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=30), timedelta(hours=1)
PASSES = (SourceDown, Conflict, OSError)
"""What may be over by itself in a while: nobody answers, somebody else wrote first, a full disk."""


class Cancelled(ShelfcastError):
    """Somebody cancelled the job, or another worker has taken it over."""


class JobProgress:
    """`Progress` that keeps the tasks of a job, writes its log, and stops it where it is cancelled."""

    def __init__(self, platform: Platform, job: Job) -> None:
        self.platform, self.job = platform, job
        self.stop = threading.Event()
        self._tasks: dict[str, Task] = {}
        self._line = job.attempt * 100_000
        self._lock = threading.Lock()

    @property
    def tasks(self) -> list[Task]:
        with self._lock:
            return list(self._tasks.values())

    def start(self, task: str, total: float | None = None) -> None:
        self._check()
        with self._lock:
            self._tasks[task] = Task(task, 0.0, total)

    def advance(self, task: str, amount: float = 1) -> None:
        self._check()
        with self._lock:
            old = self._tasks.get(task, Task(task))
            self._tasks[task] = replace(old, done=old.done + amount)

    def done(self, task: str, message: str = "") -> None:
        with self._lock:
            old = self._tasks.get(task, Task(task))
            self._tasks[task] = replace(old, done=old.total or old.done, message=message, finished=True)
        self.log(f"{task}: {message}" if message else f"{task}: done")
        self._check()

    def log(self, text: str, level: str = "info") -> None:
        self._line += 1
        queue_jobs.log(self.platform, self.job.job_id, self._line, text, level)

    def _check(self) -> None:
        if self.stop.is_set():
            raise Cancelled("cancelled")


class _Heart:
    """Beats beside a running job."""

    def __init__(self, progress: JobProgress, give_up: Callable[[], None] | None) -> None:
        self._progress, self._give_up = progress, give_up
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heart", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _beat(self) -> None:
        asked_at = 0.0
        progress = self._progress
        while not self._end.wait(BEAT_SECONDS):
            with suppress(ShelfcastError):
                if queue_jobs.beat(progress.platform, progress.job, progress.tasks):
                    progress.stop.set()
                    asked_at = asked_at or time.monotonic()
            if asked_at and self._give_up and time.monotonic() - asked_at > PATIENCE_SECONDS:
                progress.log("Cancelled; the work did not stop by itself, so its process was ended.", "warning")
                queue_jobs.finish(progress.platform, progress.job, CANCELLED, error="cancelled", tasks=progress.tasks)
                self._give_up()


def run_next(
    platform: Platform, settings: Callable[[], LakeSettings], lanes: Sequence[str] = queue_jobs.LANES, *,
    give_up: Callable[[], None] | None = None, dead: Sequence[int] = (),
) -> Job | None:  # fmt: skip
    """Take one job and run it to its end; None when there is none."""
    job = queue_jobs.claim(platform, lanes, host=socket.gethostname(), process=getpid(), dead=dead)
    return None if job is None else _run(platform, settings, job, give_up)


def _run(platform: Platform, settings: Callable[[], LakeSettings], job: Job, give_up: Callable[[], None] | None) -> Job:
    began = time.monotonic()
    with log_events.about(job_id=job.job_id, kind=job.kind, **({"schedule": job.schedule} if job.schedule else {})):
        log_events.info("job started", attempt=job.attempt, by=job.created_by)
        ended = _worked(platform, settings, job, give_up)
        seconds = round(time.monotonic() - began, 3)
        if ended.state == FAILED:
            log_events.error("job failed", seconds=seconds, error=ended.error)
        else:
            log_events.info(f"job {ended.state}", seconds=seconds)
    return ended


def _worked(
    platform: Platform, settings: Callable[[], LakeSettings], job: Job, give_up: Callable[[], None] | None
) -> Job:
    progress = JobProgress(platform, job)
    again = f" (attempt {job.attempt})" if job.attempt > 1 else ""
    progress.log(f"{job.title}: started by {job.created_by}{again}")
    began = time.monotonic()
    result: dict[str, Any] = {}
    try:
        with _Heart(progress, give_up):
            result = dict(job_kinds.KINDS[job.kind].run(replace(platform, progress=progress), settings(), job))
        state, error = DONE, ""
        progress.log(f"{job.title}: done in {time.monotonic() - began:.1f} s")
    except Cancelled:
        state, error = CANCELLED, "cancelled"
        progress.log(f"{job.title}: cancelled", "warning")
    except PASSES as problem:
        state, error = FAILED, str(problem)
        if job.failures + 1 < job_kinds.KINDS[job.kind].tries:
            wait = backoff(job.failures)
            progress.log(f"{error} It is tried again in {wait}.", "warning")
            return queue_jobs.postpone(platform, job, error, wait)
        progress.log(error, "error")
    except ShelfcastError as problem:
        state, error = FAILED, str(problem)
        progress.log(error, "error")
    except Exception as problem:  # a defect of ours: the job fails with its trace in the log, the worker lives on
        import traceback

        state, error = FAILED, f"{type(problem).__name__}: {problem}. This is a defect; its trace is in the job's log."
        progress.log("".join(traceback.format_exception(problem)), "error")
    return queue_jobs.finish(platform, job, state, result=result, error=error, tasks=progress.tasks)


def backoff(failures: int) -> timedelta:
    """How long to wait after so many failures before this one.

    >>> [str(backoff(number)) for number in range(5)]
    ['0:00:30', '0:02:00', '0:08:00', '0:32:00', '1:00:00']
    """
    return min(FIRST_WAIT * 4 ** min(failures, 10), LONGEST_WAIT)


def run_waiting(platform: Platform, settings: LakeSettings, lanes: Sequence[str] = queue_jobs.LANES) -> list[Job]:
    """Run what waits, here and now, until the queue is empty."""
    done = []
    while (job := run_next(platform, lambda: settings, lanes)) is not None:
        done.append(job)
    return done


def work(
    platform: Platform, settings: Callable[[], LakeSettings], stop: threading.Event, *,
    lanes: Sequence[str] = queue_jobs.LANES, give_up: Callable[[], None] | None = None,
    after: Callable[[Job], None] | None = None,
) -> None:  # fmt: skip
    """Work until told to stop. Settings are read anew for each job; `after` is told of each that ended."""
    while not stop.is_set():
        done = run_next(platform, settings, lanes, give_up=give_up, dead=_dead(platform))
        if done is None:
            stop.wait(IDLE_SECONDS)
        elif after is not None:
            after(done)


def _dead(platform: Platform) -> list[int]:
    """Processes of this host that held a job and are gone."""
    import os

    gone = []
    for job in queue_jobs.open_jobs(platform):
        if job.state == queue_jobs.RUNNING and job.host == socket.gethostname() and job.process:
            try:
                os.kill(job.process, 0)
            except ProcessLookupError:
                gone.append(job.process)
            except PermissionError:
                continue
    return gone
