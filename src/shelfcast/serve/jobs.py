"""Jobs as the API shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from shelfcast.pipeline import queue_jobs
from shelfcast.pipeline.queue_jobs import Job
from shelfcast.ports.platform import Platform
from shelfcast.serve.view import View

JobState = Literal["queued", "running", "done", "failed", "cancelled"]
JobKindName = Literal[
    "cycle", "retrain", "load", "export", "scenario", "overrides", "events", "maintain", "connect", "push"
]


class TaskView(View):
    """A part of a job."""

    name: str = Field(examples=["Forecasting"])
    share: float | None = Field(default=None, ge=0, le=1)
    """How much of it is done; null while its length isn't known."""
    done: float = 0.0
    total: float | None = None
    message: str = ""
    finished: bool = False


class JobView(View):
    """A piece of long work."""

    job_id: str = Field(examples=["20261123T060000000000-1a2b3c"])
    kind: JobKindName
    title: str
    state: JobState
    parameters: dict[str, Any]
    """What it was started with; see the request of its kind."""
    created_at: datetime
    created_by: str
    started_at: datetime | None = None
    ended_at: datetime | None = None
    seconds: float | None = None
    attempt: int = 0
    """Grows when a worker was killed and the job was taken up again."""
    cancel_asked: bool = False
    share: float | None = None
    """How much of the task under way is done."""
    tasks: list[TaskView] = Field(default=[])
    result: dict[str, Any] = Field(default={})
    """What came of it; its fields depend on the kind."""
    error: str = ""
    retry_of: str = ""
    """The job this one tries again."""
    failures: int = 0
    """How often it failed for want of something outside and was put back to be tried again."""
    not_before: datetime | None = None
    """It waits until then to be tried again."""
    schedule: str = ""
    """The schedule that started it."""


class JobPage(View):
    rows: list[JobView]
    next: str = ""
    """Cursor of the next page; empty on the last."""


class LogLineView(View):
    number: int
    at: datetime
    level: Literal["info", "warning", "error"]
    text: str


class JobLog(View):
    job_id: str
    state: JobState
    lines: list[LogLineView]


def view(job: Job, now: datetime) -> JobView:
    tasks = [_task(one) for one in job.tasks]
    running = [one for one in tasks if not one.finished]
    end = job.ended_at or (now if job.state == queue_jobs.RUNNING else None)
    return JobView(
        job_id=job.job_id, kind=job.kind, title=job.title, state=job.state, parameters=dict(job.parameters),  # type: ignore[arg-type]
        created_at=job.created_at, created_by=job.created_by, started_at=job.started_at, ended_at=job.ended_at,
        seconds=round((end - job.started_at).total_seconds(), 3) if end and job.started_at else None,
        attempt=job.attempt, cancel_asked=job.cancel_asked, tasks=tasks, result=dict(job.result), error=job.error,
        retry_of=job.retry_of, failures=job.failures, not_before=job.not_before, schedule=job.schedule,
        share=1.0 if job.state == queue_jobs.DONE else running[-1].share if running else None,
    )  # fmt: skip


def _task(task: queue_jobs.Task) -> TaskView:
    share = 1.0 if task.finished else min(1.0, task.done / task.total) if task.total else None
    return TaskView(
        name=task.name, share=share, done=task.done, total=task.total, message=task.message, finished=task.finished
    )


def one(platform: Platform, job_id: str) -> JobView:
    """
    Raises:
        NotFound: no such job.
    """
    return view(queue_jobs.get(platform, job_id), platform.clock.now())


def page(platform: Platform, limit: int, cursor: str, kind: str, state: str) -> JobPage:
    jobs, following = queue_jobs.newest(platform, limit, before=cursor, kind=kind, state=state)
    now = platform.clock.now()
    return JobPage(rows=[view(job, now) for job in jobs], next=following)


def log(platform: Platform, job_id: str, after: int) -> JobLog:
    """
    Raises:
        NotFound: no such job.
    """
    state = queue_jobs.get(platform, job_id).state
    lines = [
        LogLineView(number=number, at=line.at, level=line.level, text=line.text)  # type: ignore[arg-type]
        for number, line in queue_jobs.log_lines(platform, job_id, after)
    ]
    return JobLog(job_id=job_id, state=state, lines=lines)  # type: ignore[arg-type]
