"""What the monitor measured: of everything, and of the forecasts on the Models page."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query

from shelfcast.domain.measures import Area
from shelfcast.entrypoints.http.errors import RESPONSES
from shelfcast.entrypoints.http.security import Host, Viewer
from shelfcast.serve import monitor as views
from shelfcast.serve.monitor import MeasureHistory, MonitorView

router = APIRouter(prefix="/v1", tags=["monitor"], responses=RESPONSES)
Word = Annotated[str, Query(max_length=160)]


@router.get(
    "/monitor", summary="The newest night's measures of data, forecasts, decisions and system, the gravest first"
)
def get_monitor(_: Viewer, platform: Host, area: Area | None = None, cutoff: date | None = None) -> MonitorView:
    return views.newest(platform, area=area or "", cutoff=cutoff)


@router.get("/monitor/history", summary="One measure over time, with what was expected and its threshold")
def get_measure_history(
    _: Viewer, platform: Host, area: Area, measure: Annotated[str, Query(max_length=64)], subject: Word = "all",
    days: Annotated[int, Query(ge=7, le=1100)] = 180,
) -> MeasureHistory:  # fmt: skip
    return views.history(platform, area, measure, subject, days)


@router.get("/models/drift", summary="Forecast quality as actuals arrive, against what was promised")
def get_model_drift(_: Viewer, platform: Host, cutoff: date | None = None) -> MonitorView:
    return views.newest(platform, area="forecast", cutoff=cutoff)
