"""Data in: uploads with mapping preview, loads, quarantine, the quality report."""

from __future__ import annotations

import asyncio
import tempfile
from datetime import date, datetime
from pathlib import Path as FilePath
from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Path, Query, Request
from fastapi.responses import HTMLResponse, Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from shelfcast.entrypoints.http.errors import RESPONSES, described
from shelfcast.entrypoints.http.files import FILE_RESPONSE, table_response
from shelfcast.entrypoints.http.routes.jobs import begin
from shelfcast.entrypoints.http.security import Host, Lake, Planner, Runner, Viewer
from shelfcast.pipeline import preview_upload, upload_files
from shelfcast.pipeline.job_kinds import LoadParameters
from shelfcast.pipeline.upload_files import MOST_PIECE_BYTES, Upload
from shelfcast.serve import quality
from shelfcast.serve.jobs import JobView
from shelfcast.serve.quality import (
    AnomalyPage,
    LoadableTable,
    LoadPage,
    QualityView,
    QuarantineGroup,
    QuarantinePage,
)

router = APIRouter(prefix="/v1", tags=["data"], responses=RESPONSES)
UploadId = Annotated[str, Path(min_length=8, max_length=64, pattern="^[a-f0-9]+$")]
LoadId = Annotated[str, Path(min_length=8, max_length=64, pattern="^[a-f0-9]+$")]


class NewUpload(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str = Field(min_length=1, max_length=255, examples=["sales-2026-11.csv"])
    bytes: int = Field(ge=1, le=2**50)
    sha256: str = Field(
        pattern="^[0-9a-f]{64}$", description="Of the whole file: the upload is resumed and checked by it"
    )
    table: str = Field(default="", max_length=64, description="Table it is meant for; found out where left out")
    fixes: str = Field(default="", max_length=64, description="The load whose quarantined rows it brings again, mended")


class UploadView(BaseModel):
    upload_id: str
    name: str
    bytes: int
    sha256: str
    received: int = Field(description="Bytes that are here: send the next piece from there")
    state: Literal["receiving", "complete"]
    by: str
    opened_at: datetime
    table: str = ""
    fixes: str = ""
    load_job: str = Field(default="", description="The job that loaded it last")
    # A Lambda function takes 6 MB a request, in which bytes take a third more room: 4 MiB goes everywhere.
    piece_bytes: int = Field(default=4 * 2**20, description="A good size for pieces; 64 MiB at most")


class SourceColumnView(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    name: str
    targets: list[str] = Field(description="table.column each; empty = not used")
    examples: list[str]
    empty_share: float


class TablePreviewView(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    table: str
    columns: list[str]
    rows: list[dict[str, Any]] = Field(description="First rows as they would be kept; columns as named in `columns`")
    rows_in: int
    kept: int
    quarantined: int


class RowProblem(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    line: int
    table: str
    column: str
    value: str | None
    rule: str
    reason: str


class PreviewView(BaseModel):
    """What would become of the file, judged by its first rows."""

    upload: UploadView
    origin: Literal["inferred", "kept", "given"]
    confidence: float = Field(ge=0, le=1, description="1 = every name was a declared one; below 0.5 = mostly guessed")
    reasons: list[str]
    notes: list[str]
    mapping: str = Field(description="The mapping as YAML; edit it and PUT it back")
    columns: list[SourceColumnView]
    tables: list[TablePreviewView]
    problems: list[RowProblem]
    rows_looked_at: int
    format: str
    encoding: str
    delimiter: str


class MappingText(BaseModel):
    model_config = ConfigDict(extra="forbid")
    mapping: str = Field(min_length=1, max_length=1_000_000, description="YAML, as in the preview")


class LoadUploads(LoadParameters):
    """Which uploads to load, and how."""


def _upload(one: Upload) -> UploadView:
    return UploadView(**{name: getattr(one, name) for name in UploadView.model_fields if hasattr(one, name)})


@router.post("/uploads", status_code=201, summary="Begin an upload, or find the one begun before with the same content")
def open_upload(who: Planner, platform: Host, body: NewUpload) -> UploadView:
    return _upload(
        upload_files.open_upload(
            platform, who.name, body.name, body.bytes, body.sha256, table=body.table, fixes=body.fixes
        )
    )


@router.get("/uploads", summary="Uploads, the newest first")
def list_uploads(_: Viewer, platform: Host, limit: Annotated[int, Query(ge=1, le=500)] = 100) -> list[UploadView]:
    return [_upload(one) for one in upload_files.every(platform)[:limit]]


@router.get("/uploads/{upload_id}", summary="One upload: how much of it is here")
def get_upload(_: Viewer, platform: Host, upload_id: UploadId) -> UploadView:
    return _upload(upload_files.get(platform, upload_id))


@router.patch(
    "/uploads/{upload_id}",
    summary="Send the piece that begins at `offset`; with the last one the file is checked",
    openapi_extra={
        "requestBody": {
            "required": True, "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
    responses={413: described("The piece is larger than 64 MiB")},
)  # fmt: skip
async def send_upload_piece(
    _: Planner, platform: Host, request: Request, upload_id: UploadId,
    offset: Annotated[int, Query(ge=0, le=2**50, description="Where the piece begins in the file")],
) -> UploadView:  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="shelfcast-piece-") as folder:
        path = FilePath(folder) / "piece"
        size = 0
        with path.open("wb") as file:
            async for part in request.stream():
                size += len(part)
                if size > MOST_PIECE_BYTES:
                    raise HTTPException(413, f"a piece may have {MOST_PIECE_BYTES:,} bytes at most; send smaller ones.")
                file.write(part)
        await asyncio.sleep(0)
        return _upload(await run_in_threadpool(upload_files.add, platform, upload_id, offset, path))


@router.delete("/uploads/{upload_id}", status_code=204, summary="Forget an upload; what was loaded of it stays")
def delete_upload(who: Planner, platform: Host, upload_id: UploadId) -> None:
    upload_files.delete(platform, who.name, upload_id)


@router.get(
    "/uploads/{upload_id}/preview", summary="What would become of the file: columns, first rows, problems by row"
)
def preview_upload_file(_: Viewer, platform: Host, lake: Lake, upload_id: UploadId) -> PreviewView:
    return _preview(preview_upload.preview(platform, upload_id, currency=lake.currency))


@router.put("/uploads/{upload_id}/mapping", summary="Use this mapping for the upload; answers with the new preview")
def set_upload_mapping(who: Planner, platform: Host, lake: Lake, upload_id: UploadId, body: MappingText) -> PreviewView:
    preview_upload.set_mapping(platform, who.name, upload_id, body.mapping)
    return _preview(preview_upload.preview(platform, upload_id, currency=lake.currency))


@router.delete("/uploads/{upload_id}/mapping", summary="Forget the edited mapping; answers with the new preview")
def reset_upload_mapping(who: Planner, platform: Host, lake: Lake, upload_id: UploadId) -> PreviewView:
    preview_upload.drop_mapping(platform, who.name, upload_id)
    return _preview(preview_upload.preview(platform, upload_id, currency=lake.currency))


def _preview(made: preview_upload.Preview) -> PreviewView:
    facts = {
        name: getattr(made, name)
        for name in ("origin", "confidence", "mapping", "rows_looked_at", "format", "encoding", "delimiter")
    }
    return PreviewView(
        **facts, upload=_upload(made.upload), reasons=list(made.reasons), notes=list(made.notes),
        columns=[SourceColumnView.model_validate(one) for one in made.columns],
        tables=[TablePreviewView.model_validate(one) for one in made.tables],
        problems=[RowProblem.model_validate(one) for one in made.problems],
    )  # fmt: skip


@router.post("/loads", status_code=202, summary="Load complete uploads: a job")
def load_uploads(who: Planner, platform: Host, runner: Runner, body: LoadUploads) -> JobView:
    for one in body.uploads:
        upload_files.whole(upload_files.get(platform, one))
    job = begin(platform, runner, who, "load", body)
    for one in body.uploads:
        upload_files.note_job(platform, one, job.job_id)
    return job


@router.get("/loads", summary="What was loaded, the newest first: rows in = kept + quarantined")
def list_loads(
    _: Viewer, platform: Host, limit: Annotated[int, Query(ge=1, le=500)] = 50,
    cursor: Annotated[str, Query(max_length=200)] = "",
) -> LoadPage:  # fmt: skip
    return quality.loads(platform, limit, cursor)


@router.get(
    "/loads/{load_id}/quarantine.csv",
    summary="The original rows of a load that could not be used, with their problem: mend them and upload the file with `fixes`",
    response_class=StreamingResponse,
    responses=FILE_RESPONSE,
)
def download_quarantine(_: Viewer, platform: Host, load_id: LoadId) -> StreamingResponse:
    with quality.quarantined_file(platform, load_id) as (rows, name):
        return table_response(rows.lazy(), name, "csv")


@router.get("/quarantine", summary="Rows that could not be used, each with its reason")
def list_quarantine(
    _: Viewer, platform: Host, load_id: Annotated[str, Query(max_length=100)] = "",
    table: Annotated[str, Query(max_length=64)] = "", rule: Annotated[str, Query(max_length=64)] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100, cursor: Annotated[str, Query(max_length=2000)] = "",
) -> QuarantinePage:  # fmt: skip
    return quality.quarantine(platform, limit, cursor, load_id, table, rule)


@router.get("/quarantine/summary", summary="Quarantined rows counted by load, table and rule")
def summarize_quarantine(_: Viewer, platform: Host) -> list[QuarantineGroup]:
    return quality.quarantine_groups(platform)


@router.get("/quality", summary="The newest quality report: checks with what they mean and what to do, anomaly flags")
def get_quality(_: Viewer, platform: Host) -> QualityView:
    return quality.newest(platform)


@router.get(
    "/quality/report.html", summary="The quality report as a page of its own", response_class=HTMLResponse,
    responses={200: {"content": {"text/html": {"schema": {"type": "string"}}}}},
)  # fmt: skip
def get_quality_page(_: Viewer, platform: Host, cutoff: date | None = None) -> HTMLResponse:
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"
    return HTMLResponse(
        quality.report_page(platform, cutoff),
        headers={"Content-Security-Policy": policy, "X-Frame-Options": "SAMEORIGIN"},
    )


@router.get("/anomalies", summary="What looks wrong in the data, the newest days first")
def list_anomalies(
    _: Viewer, platform: Host, kind: Annotated[str, Query(max_length=64)] = "",
    item_id: Annotated[str, Query(max_length=256)] = "", location_id: Annotated[str, Query(max_length=256)] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100, cursor: Annotated[str, Query(max_length=2000)] = "",
) -> AnomalyPage:  # fmt: skip
    return quality.anomalies(platform, limit, cursor, kind, item_id, location_id)


@router.get("/templates", summary="Tables files can be loaded into, with their columns")
def list_templates(_: Viewer) -> list[LoadableTable]:
    return quality.loadable()


@router.get(
    "/templates/{table}.csv", summary="A CSV file with a header and one example row", response_class=Response,
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
)  # fmt: skip
def download_template(_: Viewer, table: Annotated[str, Path(max_length=64)]) -> Response:
    return Response(
        quality.loadable(table)[0].template, media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="template.csv"'},
    )  # fmt: skip
