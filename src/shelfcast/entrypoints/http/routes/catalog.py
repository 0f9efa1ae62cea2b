"""Tables and runs."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from shelfcast.domain.errors import BadParameter
from shelfcast.entrypoints.http.errors import RESPONSES
from shelfcast.entrypoints.http.security import Host, Viewer
from shelfcast.serve import lake
from shelfcast.serve.lake import RunDetail, RunView, TableRows, TableView

router = APIRouter(prefix="/v1", tags=["tables and runs"], responses=RESPONSES)


@router.get("/tables", summary="Tables of the lake with rows, size and freshness")
def list_tables(_: Viewer, platform: Host) -> list[TableView]:
    return lake.tables(platform)


@router.get("/tables/{table}/rows", summary="Rows of a table as they stand now, a page at a time")
def list_table_rows(
    _: Viewer, platform: Host, table: Annotated[str, Path(max_length=64)],
    where: Annotated[list[str], Query(max_length=10, description="column=value, as text")] = [],
    limit: Annotated[int, Query(ge=1, le=1000)] = 100, cursor: Annotated[str, Query(max_length=2000)] = "",
) -> TableRows:  # fmt: skip
    wanted = {}
    for one in where:
        column, equals, value = one.partition("=")
        if not equals:
            raise BadParameter(f"where={one!r} came; column=value is needed, for example where=source_id=S-1.")
        wanted[column] = value
    return lake.rows(platform, table, limit, cursor, wanted)


@router.get("/runs", summary="What ran, newest first")
def list_runs(_: Viewer, platform: Host, limit: Annotated[int, Query(ge=1, le=500)] = 50) -> list[RunView]:
    return lake.runs(platform, limit)


@router.get("/runs/{run_id}", summary="Everything recorded of one run, by its id or the beginning of it")
def get_run(_: Viewer, platform: Host, run_id: Annotated[str, Path(min_length=4, max_length=128)]) -> RunDetail:
    return lake.run(platform, run_id)
