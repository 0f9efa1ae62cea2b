"""Mutes: times in which people aren't told of some alerts. Muted alerts stand in the list all the same.

A mute is for a cause (`data` covers `data.drift`; empty: all), up to a severity, for a while (`from` .. `until`) and, where
hours or days are named, only then: `22:00-06:00` on `sat-sun`, by a time zone's clock.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from shelfcast.domain.errors import BadParameter, NotFound
from shelfcast.domain.findings import Finding, Severity
from shelfcast.pipeline import audit_changes
from shelfcast.pipeline.raise_alerts import GRAVITY, covered
from shelfcast.pipeline.recurrence import parse
from shelfcast.ports.platform import Platform
from shelfcast.ports.record_store import Record

KIND = "alert_mutes"


@dataclass(frozen=True)
class Mute:
    mute_id: str
    cause: str
    up_to: Severity
    begins: datetime
    ends: datetime | None
    hours: str
    """`22:00-06:00`, empty: all day."""
    days: str
    """`sat-sun`, empty: every day; the day its hours begin on."""
    time_zone: str
    reason: str
    by: str

    def holds(self, finding: Finding, at: datetime) -> bool:
        """Whether people aren't told of a finding at a moment."""
        if self.cause and not covered(finding.cause, [self.cause]):
            return False
        if GRAVITY[finding.severity] > GRAVITY[self.up_to]:
            return False
        return self.on(at)

    def on(self, at: datetime) -> bool:
        """Whether it holds at a moment."""
        if at < self.begins or (self.ends is not None and at >= self.ends):
            return False
        local = at.astimezone(ZoneInfo(self.time_zone))
        begin, end = _hours(self.hours)
        days = parse(f"{self.days or 'daily'} at 00:00").weekdays
        now = local.time()
        if begin < end or not self.hours:
            return local.weekday() in days and (not self.hours or begin <= now < end)
        late = now >= begin  # over midnight: the day it began counts
        return (late or now < end) and (local - timedelta(days=0 if late else 1)).weekday() in days


def add(
    platform: Platform, who: str, *, cause: str = "", up_to: Severity = "warning", ends: datetime | None = None,
    hours: str = "", days: str = "", time_zone: str = "UTC", reason: str = "",
) -> Mute:  # fmt: skip
    """Mute a cause.

    Raises:
        BadParameter: hours, days or a time zone that can't be read, or a mute that would hold for ever and always.
    """
    now = platform.clock.now()
    _hours(hours)
    parse(f"{days or 'daily'} at 00:00", time_zone)
    if ends is None and not hours and not days:
        raise BadParameter("a mute needs an end, or hours (22:00-06:00) or days (sat-sun) in which it holds.")
    if ends is not None and ends <= now:
        raise BadParameter(f"the mute would end at {ends:%Y-%m-%d %H:%M}, which has passed. Give a later end.")
    made = Mute(secrets.token_hex(8), cause, up_to, now, ends, hours, days, time_zone, reason, who)
    body = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in vars(made).items()}
    platform.records.put(KIND, made.mute_id, body, expected=0)
    audit_changes.note(
        platform, who, "alert.mute", cause or "every cause", mute=made.mute_id, hours=hours, days=days, reason=reason
    )
    return made


def remove(platform: Platform, who: str, mute_id: str) -> None:
    """
    Raises:
        NotFound: no such mute.
    """
    try:
        made = _mute(platform.records.get(KIND, mute_id))
    except NotFound as error:
        raise NotFound(f"there is no mute {mute_id!r}. List them at /v1/alerts/mutes.") from error
    platform.records.delete(KIND, mute_id)
    audit_changes.note(platform, who, "alert.unmute", made.cause or "every cause", mute=mute_id)


def mutes(platform: Platform) -> list[Mute]:
    """Mutes that hold now or will again, the oldest first."""
    now = platform.clock.now()
    found = [_mute(one) for one in platform.records.query(KIND)]
    return sorted(
        (one for one in found if one.ends is None or one.ends > now), key=lambda one: (one.begins, one.mute_id)
    )


def muted(every: Sequence[Mute], finding: Finding, at: datetime) -> bool:
    """Whether one of the mutes holds for a finding."""
    return any(one.holds(finding, at) for one in every)


def _hours(text: str) -> tuple[time, time]:
    if not text:
        return time(), time()
    try:
        begin, end = (time.fromisoformat(part.strip()) for part in text.split("-"))
    except ValueError as error:
        raise BadParameter(f"hours {text!r} can't be read. Write 22:00-06:00.") from error
    if begin == end:
        raise BadParameter(f"hours {text!r} begin and end at the same time. Leave them out for the whole day.")
    return begin, end


def _mute(record: Record) -> Mute:
    body: dict[str, Any] = dict(record.body)
    body |= {
        "begins": datetime.fromisoformat(body["begins"]), "ends": datetime.fromisoformat(body["ends"]) if body["ends"] else None,
    }  # fmt: skip
    return Mute(**body)
