"""The audit log, newest first."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from pydantic import Field

from shelfcast.pipeline.audit_changes import KIND, entry_of
from shelfcast.ports.platform import Platform
from shelfcast.serve.view import View

MOST_MONTHS = 120


class AuditEntry(View):
    """One change somebody made."""

    entry_id: str
    at: datetime
    who: str
    action: str = Field(examples=["order.approve"])
    subject: str
    detail: dict[str, Any] = Field(default={})
    """What exactly: old and new values, the reason given."""


class AuditPage(View):
    rows: list[AuditEntry]
    next: str = ""
    """Cursor of the next page; empty on the last."""


def page(platform: Platform, limit: int, cursor: str, who: str = "", action: str = "", subject: str = "") -> AuditPage:
    """Entries before the cursor. Read month by month from the newest, so a long log costs no more than its page."""
    found: list[AuditEntry] = []
    where = {"who": who} if who else None
    month = platform.clock.now().date().replace(day=1)
    if cursor[:7] and cursor[:7] < f"{month:%Y-%m}":
        month = _month_of(cursor, month)
    for _ in range(MOST_MONTHS):
        for record in reversed(platform.records.query(KIND, where=where, prefix=f"{month:%Y-%m}")):
            if cursor and record.record_id >= cursor:
                continue
            entry = entry_of(record)
            if entry.action.startswith(action) and (not subject or entry.subject == subject):
                found.append(AuditEntry(**vars(entry)))
            if len(found) > limit:
                return AuditPage(rows=found[:limit], next=found[limit - 1].entry_id)
        month = (month - timedelta(days=1)).replace(day=1)
    return AuditPage(rows=found)


def _month_of(cursor: str, newest: date) -> date:
    try:
        return date.fromisoformat(f"{cursor[:7]}-01")
    except ValueError:
        return newest
