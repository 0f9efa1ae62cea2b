"""Who did what, when, to what: every change a person or machine makes leaves an entry that is never changed."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from shelfcast.ports.platform import Platform
from shelfcast.ports.record_store import Record

KIND = "audit"


@dataclass(frozen=True)
class Entry:
    """One change."""

    entry_id: str
    at: datetime
    who: str
    action: str
    """What was done: order.approve, rule.set, user.create..."""
    subject: str
    """What it was done to: an order line, a rule, a user."""
    detail: Mapping[str, Any] = field(default_factory=dict)


def note(platform: Platform, who: str, action: str, subject: str, **detail: Any) -> Entry:
    """Write an entry. Its id begins with the moment, so that entries sort by time."""
    now = platform.clock.now()
    entry_id = f"{now:%Y-%m-%dT%H:%M:%S.%f}-{secrets.token_hex(4)}"
    body = {"at": now.isoformat(), "who": who, "action": action, "subject": subject, "detail": detail}
    platform.records.put(KIND, entry_id, body, expected=0)
    return Entry(entry_id, now, who, action, subject, detail)


def entry_of(record: Record) -> Entry:
    body = record.body
    return Entry(
        record.record_id,
        datetime.fromisoformat(body["at"]),
        body["who"],
        body["action"],
        body["subject"],
        body.get("detail", {}),
    )
