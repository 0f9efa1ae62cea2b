"""Forecasts and order lines, paged or as a file."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

import polars as pl
from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from shelfcast.entrypoints.http.errors import RESPONSES
from shelfcast.entrypoints.http.security import Host, Viewer
from shelfcast.serve import results
from shelfcast.serve.results import Filters

router = APIRouter(prefix="/v1", tags=["forecasts and orders"], responses=RESPONSES)
Many = Annotated[list[str], Query(max_length=200)]
Limit = Annotated[int, Query(ge=1, le=5000, description="Rows a page")]


class Rows(BaseModel):
    rows: list[dict[str, Any]]
    next: str = Field(description="Cursor of the next page; empty on the last")


@router.get("/forecasts", summary="Forecasts of the newest cutoff (or another), a page at a time")
def forecasts(
    _: Viewer, platform: Host, item: Many = [], location: Many = [], first: date | None = None, last: date | None = None,
    cutoff: date | None = None, stage: Literal["baseline", "model", "planner", "final"] = "final", limit: Limit = 500, cursor: str = "",
) -> Rows:  # fmt: skip
    page = results.forecasts(
        platform, Filters(item, location, first, last), limit=limit, cursor=cursor, cutoff=cutoff, stage=stage
    )
    return Rows(rows=page.rows, next=page.next)


@router.get("/orders", summary="Order lines of the newest cutoff (or another), a page at a time")
def orders(
    _: Viewer, platform: Host, item: Many = [], location: Many = [], first: date | None = None, last: date | None = None,
    cutoff: date | None = None, status: list[Literal["auto", "review", "held", "none"]] = Query([]), nothing_too: bool = False,
    limit: Limit = 500, cursor: str = "",
) -> Rows:  # fmt: skip
    page = results.orders(
        platform,
        Filters(item, location, first, last),
        limit=limit,
        cursor=cursor,
        cutoff=cutoff,
        status=status,
        nothing_too=nothing_too,
    )
    return Rows(rows=page.rows, next=page.next)


@router.get(
    "/downloads/{what}", summary="Forecasts or order lines as one CSV or Parquet file", response_class=StreamingResponse
)
def download(
    _: Viewer, platform: Host, what: Literal["forecasts", "orders"], format: Literal["csv", "parquet"] = "csv",
    item: Many = [], location: Many = [], first: date | None = None, last: date | None = None, cutoff: date | None = None,
) -> StreamingResponse:  # fmt: skip
    filters = Filters(item, location, first, last)
    if what == "forecasts":
        rows = results.forecast_rows(platform, filters, cutoff=cutoff).sort("item_id", "location_id", "date")
    else:
        rows = results.order_rows(platform, filters, cutoff=cutoff).sort("item_id", "location_id", "source_id")
    media = "text/csv; charset=utf-8" if format == "csv" else "application/vnd.apache.parquet"
    headers = {"Content-Disposition": f'attachment; filename="{what}.{format}"'}
    return StreamingResponse(_file(rows, format), media_type=media, headers=headers)


def _file(rows: pl.LazyFrame, format: str) -> Iterator[bytes]:
    """Written to a temporary file first, so that memory does not grow with the number of rows."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows"
        if format == "csv":
            rows.sink_csv(path)
        else:
            rows.sink_parquet(path, compression="zstd")
        with path.open("rb") as file:
            while piece := file.read(1 << 20):
                yield piece
