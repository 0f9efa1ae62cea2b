"""What people did about alerts: acknowledged by whom, with what note, until when."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from shelfcast.domain.errors import NotFound
from shelfcast.pipeline import audit_changes
from shelfcast.ports.platform import Platform

KIND = "alert_acknowledgements"


def acknowledge(platform: Platform, who: str, alert_id: str, note: str, until: date | None) -> dict[str, Any]:
    """Take an alert off the list of open ones (until a day: it comes back then if its cause is still there)."""
    body = {
        "by": who, "at": platform.clock.now().isoformat(), "note": note, "until": until.isoformat() if until else None,
    }  # fmt: skip
    platform.records.put(KIND, alert_id, body)
    audit_changes.note(platform, who, "alert.acknowledge", alert_id, note=note, until=body["until"])
    return body


def reopen(platform: Platform, who: str, alert_id: str) -> None:
    """Put an acknowledged alert back on the list.

    Raises:
        NotFound: it isn't acknowledged.
    """
    if alert_id not in acknowledged(platform):
        raise NotFound(f"alert {alert_id!r} is not acknowledged.")
    platform.records.delete(KIND, alert_id)
    audit_changes.note(platform, who, "alert.reopen", alert_id)


def acknowledged(platform: Platform) -> dict[str, Mapping[str, Any]]:
    """Acknowledgements that stand, by alert."""
    today = platform.clock.now().date()
    return {
        one.record_id: one.body
        for one in platform.records.query(KIND)
        if one.body["until"] is None or date.fromisoformat(one.body["until"]) >= today
    }
