"""Forecasts: rows, by series, totals, one series, explanation, overrides and what they were worth, downloads."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from shelfcast.entrypoints.http.errors import RESPONSES
from shelfcast.entrypoints.http.files import FILE_RESPONSE, table_response
from shelfcast.entrypoints.http.routes.jobs import begin
from shelfcast.entrypoints.http.security import Host, Planner, Runner, Viewer
from shelfcast.pipeline import override_forecasts
from shelfcast.pipeline.job_kinds import OverrideParameters
from shelfcast.serve import forecasts as views
from shelfcast.serve import series, value_added
from shelfcast.serve.forecasts import (
    Choices,
    ForecastFilters,
    ForecastPage,
    Level,
    Period,
    SeriesFound,
    Stage,
    TotalsView,
)
from shelfcast.serve.jobs import JobView
from shelfcast.serve.series import ExplainedDay, OverrideView, SeriesDetail
from shelfcast.serve.series_list import SeriesPage, SeriesSort, series_page
from shelfcast.serve.value_added import ValueAdded

router = APIRouter(prefix="/v1", tags=["forecasts"], responses=RESPONSES)
Many = Annotated[list[str], Query(max_length=500)]
Cursor = Annotated[str, Query(max_length=2000)]
Id = Annotated[str, Query(min_length=1, max_length=256)]


def filters(
    item: Many = [], location: Many = [], category: Many = [], department: Many = [], brand: Many = [], region: Many = [],
    search: Annotated[str, Query(max_length=100, description="In ids and names of items and locations")] = "",
    first: Annotated[date | None, Query(description="First period")] = None,
    last: Annotated[date | None, Query(description="Last period")] = None,
) -> ForecastFilters:  # fmt: skip
    return ForecastFilters(item, location, category, department, brand, region, search, first, last)


Wanted = Annotated[ForecastFilters, Depends(filters)]
Scenario = Annotated[str, Query(max_length=64, description="base, or a scenario's id")]


class NewOverride(BaseModel):
    """Change the forecasts of some series and days. At least one of items, locations, category must be given."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"items": ["I-1"], "locations": ["S-1"], "first": "2026-12-01", "last": "2026-12-07", "method": "multiply",
                 "value": 1.2, "reason": "local event", "note": "street market"}
            ]
        },
    )  # fmt: skip
    items: list[str] = Field(default=[], max_length=5000)
    locations: list[str] = Field(default=[], max_length=5000)
    category: str = Field(default="", max_length=128)
    first: date
    last: date
    method: Literal["multiply", "add", "set"]
    value: float = Field(ge=-1e9, le=1e9, description="Factor, units a day to add, or units a day")
    reason: Literal[
        "local event", "promotion not in the plan", "price change", "weather", "competitor", "assortment change", "data error",
        "management decision", "other",
    ]  # fmt: skip
    note: str = Field(default="", max_length=1000)
    expires_on: date | None = Field(default=None, description="Last cutoff that uses it; empty = until its last day")


class EndOverride(BaseModel):
    model_config = ConfigDict(extra="forbid")
    reason: str = Field(min_length=3, max_length=500)


class OverrideStarted(BaseModel):
    override: OverrideView
    job: JobView = Field(description="Brings it into forecasts and orders")


@router.get("/forecasts", summary="Forecasts of the newest cutoff (or another), a page at a time")
def list_forecasts(
    _: Viewer, platform: Host, wanted: Wanted, cutoff: date | None = None, stage: Stage = "final", scenario: Scenario = "base",
    limit: Annotated[int, Query(ge=1, le=5000, description="Rows a page")] = 500, cursor: Cursor = "",
) -> ForecastPage:  # fmt: skip
    return views.forecast_page(
        platform, wanted, limit=limit, cursor=cursor, cutoff=cutoff, stage=stage, scenario=scenario
    )


@router.get("/forecasts/series", summary="A row for each series: expected demand of the horizon, change, spread")
def list_series(
    _: Viewer, platform: Host, wanted: Wanted, cutoff: date | None = None, stage: Stage = "final", sort: SeriesSort = "item",
    limit: Annotated[int, Query(ge=1, le=2000)] = 100, cursor: Cursor = "",
) -> SeriesPage:  # fmt: skip
    return series_page(platform, wanted, limit=limit, cursor=cursor, cutoff=cutoff, stage=stage, sort=sort)


@router.get("/forecasts/totals", summary="Totals by any levels and periods, with quantiles of the totals")
def total_forecasts(
    _: Viewer, platform: Host, wanted: Wanted, by: Annotated[list[Level], Query(max_length=7)] = [], period: Period = "day",
    cutoff: date | None = None, stage: Stage = "final", scenario: Scenario = "base",
) -> TotalsView:  # fmt: skip
    return views.totals(platform, wanted, by=by, period=period, cutoff=cutoff, stage=stage, scenario=scenario)


@router.get("/forecasts/choices", summary="Values there are to filter by")
def list_choices(_: Viewer, platform: Host) -> Choices:
    return views.choices(platform)


@router.get(
    "/forecasts/download", summary="Forecasts as one CSV or Parquet file", response_class=StreamingResponse,
    responses=FILE_RESPONSE,
)  # fmt: skip
def download_forecasts(
    _: Viewer, platform: Host, wanted: Wanted, format: Literal["csv", "parquet"] = "csv", cutoff: date | None = None,
    stage: Stage = "final", scenario: Scenario = "base",
) -> StreamingResponse:  # fmt: skip
    rows, chosen = views.rows(platform, wanted, cutoff=cutoff, stage=stage, scenario=scenario)
    return table_response(rows.sort(views.KEY), f"forecasts-{chosen}", format)


@router.get("/series", summary="Find series by words in ids and names")
def search_series(
    _: Viewer, platform: Host, search: Annotated[str, Query(max_length=100)] = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 20,
) -> list[SeriesFound]:  # fmt: skip
    return views.search(platform, search, limit)


@router.get("/series/detail", summary="The page of one series")
def get_series(
    _: Viewer, platform: Host, item_id: Id, location_id: Id, cutoff: date | None = None,
    days: Annotated[int, Query(ge=1, le=3700, description="Days of history")] = 400,
) -> SeriesDetail:  # fmt: skip
    return series.detail(platform, item_id, location_id, cutoff=cutoff, days=days)


@router.get("/series/explanation", summary="Why each day's forecast is what it is: base + drivers = mean, exactly")
def explain_series(
    _: Viewer, platform: Host, item_id: Id, location_id: Id, cutoff: date | None = None,
    day: Annotated[list[date], Query(max_length=400, description="Only these days")] = [],
) -> list[ExplainedDay]:  # fmt: skip
    return series.explanations(platform, item_id, location_id, cutoff=cutoff, days=day)


@router.get("/overrides", summary="Overrides, the newest first, ended ones too")
def list_overrides(
    _: Viewer, platform: Host, active: bool | None = None, made_by: Annotated[str, Query(max_length=64)] = ""
) -> list[OverrideView]:
    found = reversed(override_forecasts.every(platform))
    return [
        series.override_view(one)
        for one in found
        if (active is None or one.active == active) and (not made_by or one.made_by == made_by)
    ]


@router.post("/overrides", status_code=201, summary="Override forecasts, with a reason; a job brings it in")
def create_override(who: Planner, platform: Host, runner: Runner, body: NewOverride) -> OverrideStarted:
    from shelfcast.domain.errors import BadParameter

    if not (body.items or body.locations or body.category):
        raise BadParameter("an override of everything isn't allowed. Name items, locations or a category.")
    made = override_forecasts.create(platform, who.name, body.model_dump(mode="json"))
    job = begin(platform, runner, who, "overrides", OverrideParameters())
    return OverrideStarted(override=series.override_view(made), job=job)


@router.post("/overrides/{override_id}/end", summary="Withdraw an override; a job takes it out")
def end_override(
    who: Planner, platform: Host, runner: Runner, body: EndOverride,
    override_id: Annotated[str, Path(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9-]+$")],
) -> OverrideStarted:  # fmt: skip
    ended = override_forecasts.end(platform, who.name, override_id, body.reason)
    job = begin(platform, runner, who, "overrides", OverrideParameters())
    return OverrideStarted(override=series.override_view(ended), job=job)


@router.get("/forecasts/value-added", summary="What each stage and each person's overrides were worth")
def get_value_added(_: Viewer, platform: Host, cutoffs: Annotated[int, Query(ge=1, le=400)] = 60) -> ValueAdded:
    return value_added.value_added(platform, cutoffs)
