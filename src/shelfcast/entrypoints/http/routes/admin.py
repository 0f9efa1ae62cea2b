"""Settings and the audit log."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from shelfcast.domain.errors import NotReady
from shelfcast.entrypoints.http.errors import RESPONSES
from shelfcast.entrypoints.http.security import Admin, Host, Viewer
from shelfcast.pipeline import audit_changes
from shelfcast.serve import audit
from shelfcast.serve.alerts import Severity
from shelfcast.serve.audit import AuditPage
from shelfcast.settings import Settings

router = APIRouter(prefix="/v1", tags=["administration"], responses=RESPONSES)


class Setting(BaseModel):
    """One setting of the lake."""

    model_config = ConfigDict(use_attribute_docstrings=True)
    name: str
    value: str | int | float
    default: str | int | float
    meaning: str
    editable: bool
    """Can be changed here; the others need the server's file or environment and a new start."""


class SettingsChange(BaseModel):
    """What is left out stays. Holds from the next job on."""

    model_config = ConfigDict(extra="forbid")
    horizon: int | None = Field(default=None, ge=1, le=730, description="Periods to forecast")
    partition_rows: int | None = Field(default=None, ge=10_000, le=10**9)
    seed: int | None = Field(default=None, ge=0, le=2**31 - 1)
    max_bad_share: float | None = Field(default=None, ge=0, le=1)
    keep_snapshots: int | None = Field(default=None, ge=1, le=10_000)
    app_url: str | None = Field(default=None, max_length=200, pattern="^(https?://.*)?$")
    notify_mail_to: str | None = Field(default=None, max_length=2000)
    notify_escalation_to: str | None = Field(default=None, max_length=2000)
    notify_sender: str | None = Field(default=None, max_length=200)
    notify_from: Severity | None = None
    notify_digest_at: str | None = Field(default=None, pattern=r"^([01]\d|2[0-3]):[0-5]\d$")
    notify_time_zone: str | None = Field(default=None, max_length=64)
    notify_escalate_after_hours: float | None = Field(default=None, gt=0, le=720)
    smtp_host: str | None = Field(default=None, max_length=200)
    smtp_port: int | None = Field(default=None, ge=1, le=65535)
    smtp_security: Literal["starttls", "tls", "none"] | None = None
    smtp_user: str | None = Field(default=None, max_length=200)


def _shown(settings: Settings) -> list[Setting]:
    plain: dict[str, Any] = settings.model_dump(mode="json")
    return [
        Setting(
            name=name, value=plain[name], default=str(field.default) if name == "lake" else field.default,
            meaning=field.description or "", editable=name in SettingsChange.model_fields,
        )
        for name, field in Settings.model_fields.items()
    ]  # fmt: skip


@router.get("/settings", summary="Settings of the lake")
def get_settings(_: Viewer, request: Request) -> list[Setting]:
    return _shown(request.app.state.read_settings())


@router.patch("/settings", summary="Change settings")
def change_settings(who: Admin, body: SettingsChange, request: Request, platform: Host) -> list[Setting]:
    before: Settings = request.app.state.read_settings()
    if request.app.state.write_settings is None:
        raise NotReady("this server has no settings file: it lives in memory. Serve a lake made with `shelfcast init`.")
    values = body.model_dump(exclude_none=True)
    after: Settings = request.app.state.write_settings(values)
    changes = {name: {"from": getattr(before, name), "to": value} for name, value in values.items()}
    audit_changes.note(platform, who.name, "settings.change", "settings", **changes)
    return _shown(after)


@router.get("/audit", summary="Who did what, the newest first")
def list_audit(
    _: Admin, platform: Host, who: Annotated[str, Query(max_length=64)] = "",
    action: Annotated[str, Query(max_length=64, description="Begins with, for example `order.`")] = "",
    subject: Annotated[str, Query(max_length=256)] = "", limit: Annotated[int, Query(ge=1, le=500)] = 100,
    cursor: Annotated[str, Query(max_length=64)] = "",
) -> AuditPage:  # fmt: skip
    return audit.page(platform, limit, cursor, who, action, subject)
