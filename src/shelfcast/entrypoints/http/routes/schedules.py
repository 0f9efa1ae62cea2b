"""Schedules: what runs when; read by everybody, edited by admins."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from shelfcast.entrypoints.http.errors import RESPONSES
from shelfcast.entrypoints.http.security import Admin, Host, Runner, Viewer
from shelfcast.pipeline import schedule_jobs
from shelfcast.serve import jobs as job_views
from shelfcast.serve import schedules as views
from shelfcast.serve.jobs import JobKindName, JobView
from shelfcast.serve.schedules import OccurrenceView, ScheduleView

router = APIRouter(prefix="/v1", tags=["schedules"], responses=RESPONSES)
Name = Annotated[str, Path(min_length=1, max_length=40, pattern=r"^[a-z0-9][a-z0-9-]*$")]


class ScheduleChange(BaseModel):
    """What is left out stays; of a new schedule, `kind` and `when` are needed."""

    model_config = ConfigDict(extra="forbid")
    kind: JobKindName | None = None
    when: str | None = Field(default=None, min_length=1, max_length=200, examples=["mon-sat at 02:30"])
    time_zone: str | None = Field(default=None, max_length=64, examples=["Europe/Berlin"])
    skip_holidays: str | None = Field(default=None, max_length=10, examples=["DE-BY"])
    parameters: dict[str, Any] | None = Field(default=None, description="Of the job, as in POST /v1/jobs")
    enabled: bool | None = None
    catch_up_hours: float | None = Field(default=None, ge=0, le=744)
    jitter_seconds: int | None = Field(default=None, ge=0, le=3600)
    note: str | None = Field(default=None, max_length=500)


@router.get("/schedules", summary="What runs when, and how it went last")
def list_schedules(_: Viewer, platform: Host) -> list[ScheduleView]:
    return views.listed(platform)


@router.get("/schedules/{name}", summary="One schedule")
def get_schedule(_: Viewer, platform: Host, name: Name) -> ScheduleView:
    return views.one(platform, name)


@router.get("/schedules/{name}/runs", summary="What became of its newest times")
def list_schedule_runs(
    _: Viewer, platform: Host, name: Name, limit: Annotated[int, Query(ge=1, le=200)] = 20
) -> list[OccurrenceView]:
    return views.runs(platform, name, limit)


@router.put("/schedules/{name}", summary="Add or change a schedule")
def put_schedule(who: Admin, platform: Host, name: Name, body: ScheduleChange) -> ScheduleView:
    schedule_jobs.put(platform, who.name, name, body.model_dump(exclude_none=True))
    return views.one(platform, name)


@router.delete("/schedules/{name}", status_code=204, summary="Take a schedule away; its jobs stay")
def delete_schedule(who: Admin, platform: Host, name: Name) -> None:
    schedule_jobs.remove(platform, who.name, name)


@router.post("/schedules/{name}/run", status_code=202, summary="Start its job now")
def run_schedule(who: Admin, platform: Host, runner: Runner, name: Name) -> JobView:
    job = schedule_jobs.run_now(platform, who.name, name)
    runner.wake()
    return job_views.view(job, platform.clock.now())
