"""Long work: start, watch, cancel, try again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from shelfcast.domain.access import Principal, Role
from shelfcast.domain.errors import BadInput
from shelfcast.entrypoints.http.errors import RESPONSES
from shelfcast.entrypoints.http.security import Host, Planner, Runner, Viewer
from shelfcast.pipeline import audit_changes, job_kinds, queue_jobs
from shelfcast.pipeline.job_kinds import (
    ConnectParameters,
    CycleParameters,
    EventsParameters,
    ExportParameters,
    LoadParameters,
    MaintainParameters,
    OverrideParameters,
    PushParameters,
    RetrainParameters,
)
from shelfcast.ports.job_runner import JobRunner
from shelfcast.ports.platform import Platform
from shelfcast.serve import jobs as views
from shelfcast.serve.jobs import JobKindName, JobLog, JobPage, JobState, JobView

router = APIRouter(prefix="/v1", tags=["jobs"], responses=RESPONSES)
JobId = Annotated[str, Path(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9-]+$")]
STREAM_SECONDS = 300
ADMIN_KINDS = ("retrain", "maintain", "connect", "push")


class _Start(BaseModel):
    model_config = ConfigDict(extra="forbid")


class StartCycle(_Start):
    kind: Literal["cycle"]
    parameters: CycleParameters = CycleParameters()


class StartRetrain(_Start):
    kind: Literal["retrain"]
    parameters: RetrainParameters = RetrainParameters()


class StartLoad(_Start):
    kind: Literal["load"]
    parameters: LoadParameters


class StartExport(_Start):
    kind: Literal["export"]
    parameters: ExportParameters


class StartOverrides(_Start):
    kind: Literal["overrides"]
    parameters: OverrideParameters = OverrideParameters()


class StartEvents(_Start):
    kind: Literal["events"]
    parameters: EventsParameters = EventsParameters()


class StartMaintain(_Start):
    kind: Literal["maintain"]
    parameters: MaintainParameters = MaintainParameters()


class StartConnect(_Start):
    kind: Literal["connect"]
    parameters: ConnectParameters


class StartPush(_Start):
    kind: Literal["push"]
    parameters: PushParameters = PushParameters()


StartJob = Annotated[
    StartCycle
    | StartRetrain
    | StartLoad
    | StartExport
    | StartOverrides
    | StartEvents
    | StartMaintain
    | StartConnect
    | StartPush,
    Field(discriminator="kind"),
]


def begin(platform: Platform, runner: JobRunner, who: Principal, kind: str, parameters: BaseModel) -> JobView:
    """Queue a job, note it, and wake a worker."""
    job = job_kinds.start(platform, kind, parameters.model_dump(mode="json", exclude_defaults=True), who.name)
    audit_changes.note(platform, who.name, "job.start", job.job_id, kind=kind)
    runner.wake()
    return views.view(job, platform.clock.now())


@router.post("/jobs", status_code=202, summary="Start long work (training, maintenance, outside: admins)")
def start_job(who: Planner, body: StartJob, platform: Host, runner: Runner) -> JobView:
    if body.kind in ADMIN_KINDS and not who.may(Role.ADMIN):
        from fastapi import HTTPException

        raise HTTPException(403, f"{who.name} is signed in as {who.role}; a {body.kind} job needs admin. Ask an admin.")
    return begin(platform, runner, who, body.kind, body.parameters)


@router.get("/jobs", summary="Jobs, the newest first")
def list_jobs(
    _: Viewer, platform: Host, kind: JobKindName | None = None, state: JobState | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50, cursor: Annotated[str, Query(max_length=64)] = "",
) -> JobPage:  # fmt: skip
    return views.page(platform, limit, cursor, kind or "", state or "")


@router.get("/jobs/{job_id}", summary="One job: state, progress, result")
def get_job(_: Viewer, platform: Host, job_id: JobId) -> JobView:
    return views.one(platform, job_id)


@router.get("/jobs/{job_id}/log", summary="Lines of a job's log, after a number")
def get_job_log(
    _: Viewer, platform: Host, job_id: JobId, after: Annotated[int, Query(ge=0, le=10**9)] = 0
) -> JobLog:  # fmt: skip
    return views.log(platform, job_id, after)


@router.post("/jobs/{job_id}/cancel", summary="Cancel a waiting or running job")
def cancel_job(who: Planner, platform: Host, job_id: JobId) -> JobView:
    job = queue_jobs.cancel(platform, job_id)
    audit_changes.note(platform, who.name, "job.cancel", job_id)
    return views.view(job, platform.clock.now())


@router.post("/jobs/{job_id}/retry", status_code=202, summary="The same work again, as a new job")
def retry_job(who: Planner, platform: Host, runner: Runner, job_id: JobId) -> JobView:
    job = queue_jobs.retry(platform, job_id, who.name)
    audit_changes.note(platform, who.name, "job.retry", job_id, new_job=job.job_id)
    runner.wake()
    return views.view(job, platform.clock.now())


@router.get(
    "/jobs/{job_id}/events",
    summary="Server-sent events: `job` on each change, `log` for new lines, `end` when it is finished",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
)
async def stream_job(_: Viewer, platform: Host, job_id: JobId) -> StreamingResponse:
    await run_in_threadpool(views.one, platform, job_id)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_events(platform, job_id), media_type="text/event-stream", headers=headers)


async def _events(platform: Platform, job_id: str) -> AsyncIterator[str]:
    last, line = "", 0
    for _ in range(int(STREAM_SECONDS / 0.5)):
        job = await run_in_threadpool(views.one, platform, job_id)
        log = await run_in_threadpool(views.log, platform, job_id, line)
        for one in log.lines:
            line = one.number
            yield f"event: log\nid: {line}\ndata: {one.model_dump_json()}\n\n"
        text = job.model_dump_json()
        if text != last:
            last = text
            yield f"event: job\ndata: {text}\n\n"
        if job.state in queue_jobs.FINAL:
            yield f"event: end\ndata: {json.dumps({'state': job.state})}\n\n"
            return
        await asyncio.sleep(0.5)


@router.get(
    "/jobs/{job_id}/file",
    summary="The file an export job wrote",
    response_class=StreamingResponse,
    responses={200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}},
)
def download_export(_: Viewer, platform: Host, job_id: JobId) -> StreamingResponse:
    from shelfcast.entrypoints.http.files import blob_response

    job = queue_jobs.get(platform, job_id)
    if "blob" not in job.result:
        raise BadInput(f"job {job_id} ({job.kind}, {job.state}) has written no file. Only finished exports have one.")
    return blob_response(platform, str(job.result["blob"]), str(job.result["file"]))
