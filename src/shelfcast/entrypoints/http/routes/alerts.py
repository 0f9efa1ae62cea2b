"""Alerts: the list, what people do about them, mutes, and the notices that went out."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from shelfcast.entrypoints.http.errors import RESPONSES
from shelfcast.entrypoints.http.security import Admin, Host, Planner, Viewer
from shelfcast.pipeline import handle_alerts, mute_alerts, send_notices
from shelfcast.serve import alerts as views
from shelfcast.serve import notices
from shelfcast.serve.alerts import AlertDetail, AlertState, AlertView, MuteView, Severity
from shelfcast.serve.notices import NoticeView, Trial

router = APIRouter(prefix="/v1", tags=["today and alerts"], responses=RESPONSES)
AlertId = Annotated[str, Path(min_length=16, max_length=16, pattern="^[a-f0-9]+$")]
MuteId = Annotated[str, Path(min_length=16, max_length=16, pattern="^[a-f0-9]+$")]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Acknowledge(_Body):
    note: str = Field(default="", max_length=500)
    until: date | None = Field(default=None, description="It comes back after this day if its cause is still there")


class Assign(_Body):
    owner: str = Field(default="", max_length=64, description="Name of a person; empty: nobody")


class Resolve(_Body):
    note: str = Field(default="", max_length=500)


class NewMute(_Body):
    cause: str = Field(
        default="", max_length=64, pattern=r"^[a-z_.]*$", description="Dotted beginning; empty: every cause"
    )
    up_to: Severity = Field(default="warning", description="Graver ones are told all the same")
    ends: AwareDatetime | None = None
    hours: str = Field(default="", max_length=20, examples=["22:00-06:00"])
    days: str = Field(default="", max_length=60, examples=["sat-sun"])
    time_zone: str = Field(default="UTC", max_length=64)
    reason: str = Field(default="", max_length=500)


@router.get("/alerts", summary="Alerts, the gravest first")
def list_alerts(
    _: Viewer, platform: Host, state: Annotated[list[AlertState], Query(max_length=3)] = ["open"],
    cause: Annotated[str, Query(max_length=64, description="Dotted beginning, such as `orders`")] = "",
) -> list[AlertView]:  # fmt: skip
    return views.alerts(platform, states=tuple(state), cause=cause)


@router.get("/alerts/mutes", summary="Times in which people aren't told of some alerts")
def list_mutes(_: Viewer, platform: Host) -> list[MuteView]:
    return views.mutes(platform)


@router.post("/alerts/mutes", status_code=201, summary="Mute a cause: for a while, or in certain hours")
def add_mute(who: Admin, platform: Host, body: NewMute) -> MuteView:
    ends: datetime | None = body.ends
    made = mute_alerts.add(platform, who.name, **(body.model_dump() | {"ends": ends}))
    return MuteView(**vars(made), now=made.on(platform.clock.now()))


@router.delete("/alerts/mutes/{mute_id}", status_code=204, summary="End a mute")
def remove_mute(who: Admin, platform: Host, mute_id: MuteId) -> None:
    mute_alerts.remove(platform, who.name, mute_id)


@router.get("/alerts/{alert_id}", summary="One alert with its history")
def get_alert(_: Viewer, platform: Host, alert_id: AlertId) -> AlertDetail:
    return views.detail(platform, alert_id)


@router.post("/alerts/{alert_id}/acknowledge", summary="I have seen it and deal with it: off the list of open alerts")
def acknowledge_alert(who: Planner, platform: Host, alert_id: AlertId, body: Acknowledge) -> AlertView:
    views.keep(platform, alert_id)
    return views.view(handle_alerts.acknowledge(platform, who.name, alert_id, body.note, body.until), False)


@router.post("/alerts/{alert_id}/assign", summary="Say whose it is")
def assign_alert(who: Planner, platform: Host, alert_id: AlertId, body: Assign) -> AlertView:
    views.keep(platform, alert_id)
    return views.view(handle_alerts.assign(platform, who.name, alert_id, body.owner), False)


@router.post(
    "/alerts/{alert_id}/resolve", summary="It is dealt with; found again unchanged, it stays so for three days"
)
def resolve_alert(who: Planner, platform: Host, alert_id: AlertId, body: Resolve) -> AlertView:
    views.keep(platform, alert_id)
    return views.view(handle_alerts.resolve(platform, who.name, alert_id, body.note), False)


@router.post("/alerts/{alert_id}/reopen", summary="Back on the list")
def reopen_alert(who: Planner, platform: Host, alert_id: AlertId) -> AlertView:
    return views.view(handle_alerts.reopen(platform, who.name, alert_id), False)


@router.get("/notices", summary="Notices that went out or wait to, the newest first")
def list_notices(_: Admin, platform: Host, limit: Annotated[int, Query(ge=1, le=200)] = 50) -> list[NoticeView]:
    return notices.newest(platform, limit)


@router.post("/notices/test", summary="Send a test notice now, by every way that is set up; what each said")
def send_test_notice(who: Admin, platform: Host) -> list[Trial]:
    said = send_notices.trial(platform, platform.doors.notifiers(), who.name)
    return [Trial(channel=name, error=error) for name, error in said.items()]
