"""Schedules as the API shows them."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from shelfcast.domain.errors import NotFound
from shelfcast.pipeline import queue_jobs, schedule_jobs
from shelfcast.pipeline.schedule_jobs import Stored
from shelfcast.ports.platform import Platform
from shelfcast.serve.jobs import JobKindName, JobState
from shelfcast.serve.view import View


class ScheduleView(View):
    """What runs when."""

    name: str
    kind: JobKindName
    when: str = Field(examples=["daily at 03:00"])
    """`daily at 02:30`, `mon-fri at 06:00, 18:00`, `every 15 minutes`, `day 1, last at 03:00`, or cron's five fields."""
    time_zone: str
    skip_holidays: str
    """Country or country-region whose public holidays are left out."""
    parameters: dict[str, Any]
    """Of the job; see the request of its kind."""
    enabled: bool
    catch_up_hours: float
    jitter_seconds: int
    note: str
    changed_by: str = ""
    changed_at: datetime | None = None
    next_runs: list[datetime]
    """The next three; none while it is disabled."""
    last: datetime | None = None
    """The newest occurrence."""
    last_outcome: Literal["", "started", "skipped", "missed"] = ""
    last_why: str = ""
    last_job: str = ""
    last_job_state: JobState | None = None
    missed: int = 0
    """Occurrences passed over before it, while no worker ran."""


class OccurrenceView(View):
    """What became of one time of a schedule."""

    at: datetime
    outcome: Literal["started", "skipped", "missed"]
    why: str = ""
    job_id: str = ""
    job_state: JobState | None = None
    missed: int = 0


def listed(platform: Platform) -> list[ScheduleView]:
    """Every schedule, by name."""
    return [view(platform, one) for one in schedule_jobs.schedules(platform)]


def one(platform: Platform, name: str) -> ScheduleView:
    """
    Raises:
        NotFound: no such schedule.
    """
    return view(platform, schedule_jobs.get(platform, name))


def runs(platform: Platform, name: str, limit: int) -> list[OccurrenceView]:
    """A schedule's newest occurrences first.

    Raises:
        NotFound: no such schedule.
    """
    schedule_jobs.get(platform, name)
    return [
        OccurrenceView(
            at=it.moment, outcome=it.outcome, why=it.why, job_id=it.job_id, job_state=_state(platform, it.job_id), missed=it.missed  # type: ignore[arg-type]
        )
        for it in schedule_jobs.occurrences(platform, name, limit)
    ]  # fmt: skip


def view(platform: Platform, stored: Stored) -> ScheduleView:
    kept = ("changed_by", "changed_at", "last", "last_outcome", "last_why", "last_job", "missed")
    return ScheduleView(
        **stored.schedule.model_dump(), **{name: getattr(stored, name) for name in kept},
        next_runs=schedule_jobs.next_runs(stored, platform.clock.now()), last_job_state=_state(platform, stored.last_job),
    )  # fmt: skip


def _state(platform: Platform, job_id: str) -> JobState | None:
    if job_id:
        with suppress(NotFound):
            return queue_jobs.get(platform, job_id).state  # type: ignore[return-value]
    return None
