"""The one list of alerts: watchers report what they found, people acknowledge, assign and resolve it.

    open -> acknowledged -> resolved          open, acknowledged -> resolved by itself: looked for and not found again
      ^__________|  got worse, or its `until` has passed          resolved -> open: found again

One record a matter (`Finding.key`): found again it is refreshed, not repeated. Its history says who did what and when; one
that comes back within a day is the same episode (so that a measure that wavers isn't told every hour), later a new one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from shelfcast.domain.errors import Conflict, NotFound
from shelfcast.domain.findings import Finding, Severity
from shelfcast.ports.platform import Platform
from shelfcast.ports.record_store import Record

KIND = "alerts"
PAST = "alert_history"
"""Episodes that ended before the one in `alerts` began."""
OPEN, ACKNOWLEDGED, RESOLVED = "open", "acknowledged", "resolved"
STATES = (OPEN, ACKNOWLEDGED, RESOLVED)
GRAVITY: Mapping[Severity, int] = {"note": 0, "warning": 1, "critical": 2}
SAME_EPISODE = timedelta(hours=24)
"""Found again so soon after it went by itself, it never went."""
STAYS_RESOLVED = timedelta(hours=72)
"""What a person resolved stays so when it is found again unchanged; later it is told anew."""
MOST_HISTORY = 50
SYSTEM = "shelfcast"
"""Who acts where nobody does."""
PLAIN = ("state", "times", "owner", "acknowledged_by", "note", "resolved_by", "tell", "notice_id")
MOMENTS = (
    "opened_at", "seen_at", "acknowledged_at", "until", "resolved_at", "escalated_at", "tell_since", "told_at",
)  # fmt: skip
"""Fields of an alert as its record holds them."""


@dataclass(frozen=True)
class Alert:
    """A finding somebody should look at, and what became of it."""

    alert_id: str
    finding: Finding
    state: str
    opened_at: datetime
    seen_at: datetime
    """When it was found last."""
    times: int = 1
    """How often it was found in this episode."""
    owner: str = ""
    acknowledged_by: str = ""
    acknowledged_at: datetime | None = None
    note: str = ""
    until: datetime | None = None
    """An acknowledgement holds until then."""
    resolved_at: datetime | None = None
    resolved_by: str = ""
    escalated_at: datetime | None = None
    tell: str = ""
    """What people are still to be told of it: opened, worse, escalated, resolved; empty when they know."""
    tell_since: datetime | None = None
    told_at: datetime | None = None
    notice_id: str = ""
    """The newest notice it stands in."""
    history: tuple[Mapping[str, Any], ...] = ()
    version: int = 0

    @property
    def standing(self) -> bool:
        """Open or acknowledged."""
        return self.state != RESOLVED


@dataclass(frozen=True)
class Reported:
    """What a report changed."""

    opened: tuple[Alert, ...] = ()
    refreshed: tuple[Alert, ...] = ()
    resolved: tuple[Alert, ...] = field(default=())


def alert_id_of(key: str) -> str:
    """The id of the alert about a matter (`Finding.key`)."""
    return hashlib.sha256(key.encode()).hexdigest()[:16]


def report(platform: Platform, findings: Sequence[Finding], *, causes: Sequence[str]) -> Reported:
    """Bring what a watcher found into the list of alerts.

    Findings not known yet open an alert, known ones refresh theirs (and bring an acknowledged one back when they got worse);
    alerts that stand though their cause was looked at and not found again are resolved. The same report twice changes
    nothing but when it was seen.

    Args:
        causes: what was looked at, as dotted beginnings: `forecast` covers `forecast.wape`. Empty resolves nothing.
    """
    gravest: dict[str, Finding] = {}
    for one in findings:
        known = gravest.get(one.key)
        if known is None or GRAVITY[one.severity] > GRAVITY[known.severity]:
            gravest[one.key] = one
    opened: list[Alert] = []
    refreshed: list[Alert] = []
    resolved: list[Alert] = []
    for one in gravest.values():
        alert, new = _found(platform, one)
        (opened if new else refreshed).append(alert)
    for alert in standing(platform):
        if alert.finding.key not in gravest and covered(alert.finding.cause, causes):
            with suppress(NotFound):
                done = change(platform, alert.alert_id, lambda it: _gone(it, platform.clock.now()))
                if done is not None:
                    resolved.append(done)
    return Reported(tuple(opened), tuple(refreshed), tuple(resolved))


def covered(cause: str, causes: Sequence[str]) -> bool:
    """Whether a cause is one of `causes` or stands under one.

    >>> covered("forecast.wape", ["forecast"]), covered("forecasts.late", ["forecast"]), covered("job", [])
    (True, False, False)
    """
    return any(cause == one or cause.startswith(f"{one}.") for one in causes)


def standing(platform: Platform) -> list[Alert]:
    """Open and acknowledged alerts, the gravest first, then the oldest."""
    found = [
        alert_of(one) for state in (OPEN, ACKNOWLEDGED) for one in platform.records.query(KIND, where={"state": state})
    ]
    return sorted(found, key=lambda it: (-GRAVITY[it.finding.severity], it.opened_at, it.alert_id))


def get(platform: Platform, alert_id: str) -> Alert:
    """
    Raises:
        NotFound: no such alert.
    """
    try:
        return alert_of(platform.records.get(KIND, alert_id))
    except NotFound as error:
        raise NotFound(f"there is no alert {alert_id!r}. List them at /v1/alerts.") from error


def episodes(platform: Platform, alert_id: str) -> list[Alert]:
    """Earlier times the same matter was an alert, the newest first."""
    return [alert_of(one) for one in reversed(platform.records.query(PAST, prefix=f"{alert_id}-"))]


def change(platform: Platform, alert_id: str, how: Callable[[Alert], Alert | None]) -> Alert | None:
    """Change an alert by compare-and-swap; `how` gives None where nothing is to do, and so does this.

    Raises:
        NotFound: no such alert.
    """
    while True:
        before = get(platform, alert_id)
        after = how(before)
        if after is None:
            return None
        with suppress(Conflict):
            return alert_of(platform.records.put(KIND, alert_id, body_of(after), expected=before.version))


def noted(alert: Alert, at: datetime, who: str, did: str, remark: str = "", **changes: Any) -> Alert:
    """The alert with a line in its history and some fields changed."""
    line = {"at": at.isoformat(), "who": who, "did": did} | ({"note": remark} if remark else {})
    return replace(alert, history=(*alert.history, line)[-MOST_HISTORY:], **changes)


def _found(platform: Platform, finding: Finding) -> tuple[Alert, bool]:
    """(the alert, whether it is newly open)."""
    alert_id = alert_id_of(finding.key)
    now = platform.clock.now()
    while True:
        try:
            before = get(platform, alert_id)
        except NotFound:
            before = None
        after = _opened(alert_id, finding, now) if before is None else _again(platform, before, finding, now)
        with suppress(Conflict):
            version = before.version if before else 0
            made = alert_of(platform.records.put(KIND, alert_id, body_of(after), expected=version))
            return made, made.standing and (before is None or not before.standing)


def _opened(alert_id: str, finding: Finding, now: datetime) -> Alert:
    new = Alert(alert_id, finding, OPEN, now, now, tell="opened", tell_since=now)
    return noted(new, now, SYSTEM, "opened")


def _again(platform: Platform, before: Alert, finding: Finding, now: datetime) -> Alert:
    worse = GRAVITY[finding.severity] > GRAVITY[before.finding.severity]
    seen = replace(before, finding=finding, seen_at=now, times=before.times + 1)
    dealt_with = before.resolved_at if not before.standing and before.resolved_by != SYSTEM else None
    if dealt_with is not None and not worse and now - dealt_with < STAYS_RESOLVED:
        return seen
    if not before.standing:
        wavers = (
            before.resolved_by == SYSTEM and before.resolved_at is not None and now - before.resolved_at < SAME_EPISODE
        )
        if not wavers:
            platform.records.put(PAST, f"{before.alert_id}-{before.opened_at:%Y%m%dT%H%M%S}", body_of(before))
            return replace(_opened(before.alert_id, finding, now), owner=before.owner)
        tell = "worse" if worse else "opened" if before.told_at is None else ""
        return noted(
            seen, now, SYSTEM, "came back", state=OPEN, resolved_at=None, resolved_by="", acknowledged_by="",
            acknowledged_at=None, note="", until=None, escalated_at=None, tell=tell, tell_since=now if tell else None,
        )  # fmt: skip
    if worse:
        return noted(
            seen, now, SYSTEM, f"got worse: {before.finding.severity} to {finding.severity}", state=OPEN, acknowledged_by="",
            acknowledged_at=None, until=None, tell=before.tell or "worse", tell_since=before.tell_since or now,
        )  # fmt: skip
    if before.state == ACKNOWLEDGED and before.until is not None and before.until <= now:
        return noted(
            seen, now, SYSTEM, "the acknowledgement ran out", state=OPEN, acknowledged_by="", acknowledged_at=None,
            until=None, tell="opened", tell_since=now,
        )  # fmt: skip
    return seen


def _gone(alert: Alert, now: datetime) -> Alert | None:
    if not alert.standing:
        return None
    # Nobody was told that it came: nobody needs to hear that it went; small matters just leave the list.
    grave = alert.finding.severity == "critical" or alert.escalated_at is not None
    tell = "resolved" if alert.told_at is not None and grave else ""
    return noted(
        alert, now, SYSTEM, "not found any more", state=RESOLVED, resolved_at=now, resolved_by=SYSTEM, tell=tell,
        tell_since=now if tell else None,
    )  # fmt: skip


def prune(platform: Platform, older_than: timedelta) -> int:
    """Forget alerts that were resolved long ago, and episodes that ended then."""
    limit, count = (platform.clock.now() - older_than).isoformat(), 0
    for kind in (KIND, PAST):
        for record in platform.records.query(kind, where={"state": RESOLVED}):
            if str(record.body["seen_at"]) < limit and str(record.body["resolved_at"]) < limit:
                platform.records.delete(kind, record.record_id)
                count += 1
    return count


def body_of(alert: Alert) -> dict[str, Any]:
    """As JSON; `state`, `cause` and `tell` can be asked for."""
    body: dict[str, Any] = {
        "finding": asdict(alert.finding),
        "cause": alert.finding.cause,
        "history": list(alert.history),
    }
    for name, value in vars(alert).items():
        if name not in ("alert_id", "finding", "history", "version"):
            body[name] = value.isoformat() if isinstance(value, datetime) else value
    return body


def alert_of(record: Record) -> Alert:
    body = record.body
    values: dict[str, Any] = {name: body[name] for name in PLAIN} | {
        name: datetime.fromisoformat(body[name]) if body.get(name) else None for name in MOMENTS
    }
    finding = Finding(**body["finding"])
    return Alert(record.record_id[:16], finding, history=tuple(body["history"]), version=record.version, **values)
