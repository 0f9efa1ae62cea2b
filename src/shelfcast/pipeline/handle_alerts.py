"""What people do about alerts: acknowledge, assign, resolve, bring back. Each is in the alert's history and in the audit log."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

from shelfcast.domain.errors import Conflict
from shelfcast.pipeline import audit_changes
from shelfcast.pipeline.raise_alerts import (
    ACKNOWLEDGED,
    GRAVITY,
    OPEN,
    RESOLVED,
    SYSTEM,
    Alert,
    change,
    noted,
    standing,
)
from shelfcast.ports.platform import Platform


def acknowledge(platform: Platform, who: str, alert_id: str, note: str = "", until: date | None = None) -> Alert:
    """I have seen it and deal with it: off the list of open ones, until a day where one is given.

    Whoever acknowledges an alert nobody has, owns it.

    Raises:
        NotFound: no such alert.
        Conflict: it is resolved.
    """
    now = platform.clock.now()
    end = datetime.combine(until + timedelta(days=1), time(), UTC) if until else None

    def how(alert: Alert) -> Alert:
        _standing(alert)
        return noted(
            alert, now, who, "acknowledged", note, state=ACKNOWLEDGED, acknowledged_by=who, acknowledged_at=now, note=note,
            until=end, owner=alert.owner or who,
        )  # fmt: skip

    made = _changed(platform, alert_id, how)
    audit_changes.note(
        platform, who, "alert.acknowledge", alert_id, note=note, until=until.isoformat() if until else None
    )
    return made


def assign(platform: Platform, who: str, alert_id: str, owner: str) -> Alert:
    """Whose it is; empty: nobody's.

    Raises:
        NotFound: no such alert.
        Conflict: it is resolved.
    """
    now = platform.clock.now()

    def how(alert: Alert) -> Alert:
        _standing(alert)
        return noted(alert, now, who, f"assigned to {owner}" if owner else "assigned to nobody", owner=owner)

    made = _changed(platform, alert_id, how)
    audit_changes.note(platform, who, "alert.assign", alert_id, owner=owner)
    return made


def resolve(platform: Platform, who: str, alert_id: str, note: str = "") -> Alert:
    """It is dealt with. Found again it stays so for some days, unless it got worse: then it is open again.

    Raises:
        NotFound: no such alert.
        Conflict: it is resolved already.
    """
    now = platform.clock.now()

    def how(alert: Alert) -> Alert:
        _standing(alert)
        return noted(
            alert,
            now,
            who,
            "resolved",
            note,
            state=RESOLVED,
            resolved_at=now,
            resolved_by=who,
            tell="",
            tell_since=None,
        )

    made = _changed(platform, alert_id, how)
    audit_changes.note(platform, who, "alert.resolve", alert_id, note=note)
    return made


def reopen(platform: Platform, who: str, alert_id: str) -> Alert:
    """Put an acknowledged or resolved alert back on the list of open ones.

    Raises:
        NotFound: no such alert.
        Conflict: it is open.
    """
    now = platform.clock.now()

    def how(alert: Alert) -> Alert:
        if alert.state == OPEN:
            raise Conflict(f"alert {alert_id} is open already.")
        return noted(
            alert, now, who, "reopened", state=OPEN, acknowledged_by="", acknowledged_at=None, note="", until=None,
            resolved_at=None, resolved_by="", escalated_at=None,
        )  # fmt: skip

    made = _changed(platform, alert_id, how)
    audit_changes.note(platform, who, "alert.reopen", alert_id)
    return made


def escalate(platform: Platform, after: timedelta, *, quiet: frozenset[str] = frozenset()) -> list[Alert]:
    """Mark what nobody acknowledged in time, once an episode: grave alerts after `after`, others after six times that.

    Args:
        quiet: ids of muted alerts: they wait.
    """
    now, done = platform.clock.now(), []
    for alert in standing(platform):
        wait = after if alert.finding.severity == "critical" else after * 6
        tardy = (
            alert.state == OPEN
            and alert.escalated_at is None
            and alert.told_at is not None
            and now - alert.told_at >= wait
        )
        if not tardy or GRAVITY[alert.finding.severity] < GRAVITY["warning"] or alert.alert_id in quiet:
            continue

        def how(it: Alert) -> Alert | None:
            if it.state != OPEN or it.escalated_at is not None:
                return None
            return noted(
                it, now, SYSTEM, "escalated: nobody acknowledged it", escalated_at=now, tell="escalated", tell_since=now
            )

        if (made := change(platform, alert.alert_id, how)) is not None:
            done.append(made)
    return done


def run_out(platform: Platform) -> list[Alert]:
    """Bring back alerts whose acknowledgement held until a moment that has passed."""
    now, done = platform.clock.now(), []
    for alert in standing(platform):
        if alert.state != ACKNOWLEDGED or alert.until is None or alert.until > now:
            continue

        def how(it: Alert) -> Alert | None:
            if it.state != ACKNOWLEDGED or it.until is None or it.until > now:
                return None
            back = replace(it, acknowledged_by="", acknowledged_at=None, until=None, tell="opened", tell_since=now)
            return noted(back, now, SYSTEM, "the acknowledgement ran out", state=OPEN)

        if (made := change(platform, alert.alert_id, how)) is not None:
            done.append(made)
    return done


def _standing(alert: Alert) -> None:
    if not alert.standing:
        raise Conflict(f"alert {alert.alert_id} is resolved already. Bring it back with `reopen` if it isn't.")


def _changed(platform: Platform, alert_id: str, how: object) -> Alert:
    made = change(platform, alert_id, how)  # type: ignore[arg-type]
    assert made is not None
    return made
