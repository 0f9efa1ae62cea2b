"""The one list of alerts, for people: what stands in the records, brought up to what can be seen right now.

Causes that can be read from results, jobs and data (`attention.CAUSES`) are looked at when the list is asked for, so that it is
never older than the data; what watchers reported of other causes stands until they look again.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from shelfcast.domain.errors import NotFound
from shelfcast.domain.findings import Finding
from shelfcast.pipeline import mute_alerts, raise_alerts
from shelfcast.pipeline.raise_alerts import ACKNOWLEDGED, GRAVITY, OPEN, Alert, alert_id_of, covered
from shelfcast.ports.platform import Platform
from shelfcast.serve import attention
from shelfcast.serve.view import View

AlertState = Literal["open", "acknowledged", "resolved"]
Severity = Literal["note", "warning", "critical"]


class AlertView(View):
    """Something a person should look at."""

    alert_id: str
    cause: str = Field(examples=["quality.freshness"])
    """What kind of trouble, dotted; alerts of one cause belong together."""
    subject: str
    severity: Severity
    state: AlertState
    title: str
    detail: str
    next_step: str
    link: str = Field(examples=["/orders?state=proposed&status=review"])
    """Page of the app that shows the cause."""
    count: int = 1
    value_at_risk: float | None = None
    """Money at stake, where known."""
    measure: float | None = None
    threshold: float | None = None
    since: datetime
    seen_at: datetime
    """When it was found last."""
    owner: str = ""
    acknowledged_by: str = ""
    acknowledged_at: datetime | None = None
    note: str = ""
    until: datetime | None = None
    """Acknowledged until then."""
    escalated: bool = False
    muted: bool = False
    """Nobody is told of it now."""
    resolved_by: str = ""
    resolved_at: datetime | None = None


class AlertEvent(View):
    at: datetime
    who: str
    did: str
    note: str = ""


class Episode(View):
    """An earlier time it was an alert."""

    since: datetime
    resolved_at: datetime | None = None
    resolved_by: str = ""
    severity: Severity
    title: str


class AlertDetail(View):
    """An alert with what happened to it."""

    alert: AlertView
    history: list[AlertEvent]
    """The oldest first."""
    episodes: list[Episode]
    """The newest first."""


class MuteView(View):
    """A time in which people aren't told of some alerts."""

    mute_id: str
    cause: str
    """Dotted beginning; empty: every cause."""
    up_to: Severity
    begins: datetime
    ends: datetime | None = None
    hours: str = Field(examples=["22:00-06:00"])
    days: str = Field(examples=["sat-sun"])
    time_zone: str
    reason: str
    by: str
    now: bool
    """It holds at this moment."""


def alerts(platform: Platform, *, states: tuple[str, ...] = (OPEN,), cause: str = "") -> list[AlertView]:
    """Alerts in some states, the gravest first."""
    quiet = mute_alerts.mutes(platform)
    now = platform.clock.now()
    found = [
        view(one, mute_alerts.muted(quiet, one.finding, now))
        for one in _now(platform, resolved="resolved" in states)
        if one.state in states and (not cause or covered(one.finding.cause, [cause]))
    ]
    return sorted(
        found, key=lambda it: (-GRAVITY[it.severity], -(it.value_at_risk or 0.0), -it.count, it.cause, it.alert_id)
    )


def detail(platform: Platform, alert_id: str) -> AlertDetail:
    """
    Raises:
        NotFound: no such alert.
    """
    alert = next((one for one in _now(platform, resolved=True) if one.alert_id == alert_id), None)
    if alert is None:
        raise NotFound(f"there is no alert {alert_id!r}. List them at /v1/alerts.")
    muted = mute_alerts.muted(mute_alerts.mutes(platform), alert.finding, platform.clock.now())
    return AlertDetail(
        alert=view(alert, muted), history=[AlertEvent(**one) for one in alert.history],
        episodes=[
            Episode(
                since=one.opened_at, resolved_at=one.resolved_at, resolved_by=one.resolved_by, severity=one.finding.severity,
                title=one.finding.says,
            )
            for one in raise_alerts.episodes(platform, alert_id)
        ],
    )  # fmt: skip


def keep(platform: Platform, alert_id: str) -> None:
    """Write down an alert that was only seen so far, before somebody acts on it.

    Raises:
        NotFound: no such alert.
    """
    for finding in attention.find(platform):
        if alert_id_of(finding.key) == alert_id:
            raise_alerts.report(platform, [finding], causes=[])
            return
    raise_alerts.get(platform, alert_id)


def kept(platform: Platform, beginning: str) -> str:
    """The id of the one standing alert whose id begins so, written down.

    Raises:
        NotFound: no alert, or several.
    """
    ids = {one.alert_id for one in alerts(platform, states=(OPEN, ACKNOWLEDGED)) if one.alert_id.startswith(beginning)}
    if len(ids) != 1:
        raise NotFound(
            f"{len(ids) or 'no'} alerts have an id that begins with {beginning!r}. See `shelfcast alerts list`."
        )
    keep(platform, min(ids))
    return min(ids)


def look(platform: Platform) -> raise_alerts.Reported:
    """Bring what can be seen now into the records, so that people are told of it."""
    return raise_alerts.report(platform, attention.find(platform), causes=attention.CAUSES)


def mutes(platform: Platform) -> list[MuteView]:
    now = platform.clock.now()
    return [MuteView(**vars(one), now=one.on(now)) for one in mute_alerts.mutes(platform)]


def view(alert: Alert, muted: bool) -> AlertView:
    one = alert.finding
    shared: dict[str, Any] = {
        name: getattr(alert, name)
        for name in (
            "seen_at",
            "owner",
            "acknowledged_by",
            "acknowledged_at",
            "note",
            "until",
            "resolved_by",
            "resolved_at",
        )
    }
    return AlertView(
        alert_id=alert.alert_id, cause=one.cause, subject=one.subject, severity=one.severity, state=alert.state,  # type: ignore[arg-type]
        title=one.says, detail=one.detail, next_step=one.next_step, link=one.link, count=one.count,
        value_at_risk=one.value_at_risk, measure=one.measure, threshold=one.threshold, since=alert.opened_at,
        escalated=alert.escalated_at is not None, muted=muted, **shared,
    )  # fmt: skip


def _now(platform: Platform, *, resolved: bool) -> list[Alert]:
    """Alerts as they are at this moment: records, and findings that aren't in them yet."""
    now = platform.clock.now()
    seen = {alert_id_of(one.key): one for one in attention.find(platform)}
    known = {one.alert_id: one for one in raise_alerts.standing(platform)}
    found = []
    for alert_id, alert in known.items():
        if alert_id in seen:
            found.append(_refreshed(alert, seen.pop(alert_id), now))
        elif not covered(alert.finding.cause, attention.CAUSES):
            found.append(alert)
    gone = [
        raise_alerts.alert_of(one) for one in platform.records.query(raise_alerts.KIND, where={"state": "resolved"})
    ]
    by_hand = {one.alert_id for one in gone if one.resolved_by != raise_alerts.SYSTEM and one.resolved_at is not None
               and now - one.resolved_at < raise_alerts.STAYS_RESOLVED}  # fmt: skip
    found += [_new(alert_id, finding, now) for alert_id, finding in seen.items() if alert_id not in by_hand]
    return found + (gone if resolved else [])


def _refreshed(alert: Alert, finding: Finding, now: datetime) -> Alert:
    ran_out = alert.state == ACKNOWLEDGED and alert.until is not None and alert.until <= now
    fresh = replace(alert, finding=finding, seen_at=now)
    return replace(fresh, state=OPEN, acknowledged_by="", acknowledged_at=None) if ran_out else fresh


def _new(alert_id: str, finding: Finding, now: datetime) -> Alert:
    return Alert(alert_id, finding, OPEN, now, now)
