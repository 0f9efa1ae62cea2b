"""What needs attention today, and alerts."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from shelfcast.entrypoints.http.errors import RESPONSES
from shelfcast.entrypoints.http.security import Host, Planner, Viewer
from shelfcast.pipeline import acknowledge_alerts
from shelfcast.serve import today
from shelfcast.serve.today import AlertView, TodayView

router = APIRouter(prefix="/v1", tags=["today and alerts"], responses=RESPONSES)
AlertId = Annotated[str, Path(min_length=4, max_length=64, pattern="^[A-Za-z0-9-]+$")]


class Acknowledge(BaseModel):
    model_config = ConfigDict(extra="forbid")
    note: str = Field(default="", max_length=500)
    until: date | None = Field(default=None, description="It comes back after this day if its cause is still there")


class AcknowledgementView(BaseModel):
    alert_id: str
    by: str
    at: datetime
    note: str
    until: date | None = None


@router.get("/today", summary="The first page in the morning: numbers, open alerts, next steps")
def get_today(_: Viewer, platform: Host) -> TodayView:
    return today.today(platform)


@router.get("/alerts", summary="Alerts, the gravest first")
def list_alerts(_: Viewer, platform: Host, acknowledged: bool = False) -> list[AlertView]:
    return today.alerts(platform, with_acknowledged=acknowledged)


@router.post("/alerts/{alert_id}/acknowledge", summary="I have seen it: off the list of open alerts")
def acknowledge_alert(who: Planner, platform: Host, alert_id: AlertId, body: Acknowledge) -> AcknowledgementView:
    made = acknowledge_alerts.acknowledge(platform, who.name, alert_id, body.note, body.until)
    return AcknowledgementView(alert_id=alert_id, **made)


@router.post("/alerts/{alert_id}/reopen", status_code=204, summary="Back on the list")
def reopen_alert(who: Planner, platform: Host, alert_id: AlertId) -> None:
    acknowledge_alerts.reopen(platform, who.name, alert_id)
