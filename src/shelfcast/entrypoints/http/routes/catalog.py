"""Tables and runs."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from shelfcast.entrypoints.http.errors import RESPONSES
from shelfcast.entrypoints.http.security import Host, Viewer
from shelfcast.serve import catalog as tables
from shelfcast.serve import runs

router = APIRouter(prefix="/v1", tags=["tables and runs"], responses=RESPONSES)


@router.get("/tables", summary="Tables of the lake with rows, size and freshness")
def overview(_: Viewer, platform: Host) -> list[dict[str, Any]]:
    return tables.overview(platform)


@router.get("/runs", summary="What ran, newest first")
def newest(_: Viewer, platform: Host, limit: Annotated[int, Query(ge=1, le=500)] = 50) -> list[dict[str, Any]]:
    return runs.newest_runs(platform, limit)


@router.get("/runs/{run_id}", summary="Everything recorded of one run")
def one(_: Viewer, platform: Host, run_id: str) -> dict[str, Any]:
    return runs.one_run(platform, run_id)
