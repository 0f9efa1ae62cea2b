"""Tells people of alerts: many at once in one notice, each once, and never lost.

    alert with `tell` set -> a notice takes it (one record a notice, then each alert names its notice) -> each channel's copy
    is sent, tried again with longer and longer waits until it is taken

A notice is made when the time has come: at the hour of the daily digest, or minutes after something critical or escalated,
at most once an hour. A worker killed while making one is followed by another that makes the same notice: alerts say which
notice they stand in. A notice that can't be sent stays queued, whatever happens to the worker; one sent by a worker that was
killed before it could note so is sent again with the same id, by which a receiver can tell.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from shelfcast.domain.errors import BadParameter, Conflict, NotFound, NotReady, ShelfcastError
from shelfcast.domain.findings import Finding, Severity
from shelfcast.pipeline import audit_changes
from shelfcast.pipeline.mute_alerts import muted, mutes
from shelfcast.pipeline.raise_alerts import GRAVITY, Alert, alert_of, change
from shelfcast.pipeline.raise_alerts import KIND as ALERTS
from shelfcast.pipeline.recurrence import parse
from shelfcast.ports.notifier import Notice, Notifier
from shelfcast.ports.platform import Platform
from shelfcast.ports.record_store import Record

KIND = "notices"
MAKING, SENDING, SENT, EMPTY = "making", "sending", "sent", "empty"
GATHER = timedelta(minutes=5)
"""How long something urgent waits for more of the same."""
BETWEEN = timedelta(hours=1)
"""At most one urgent notice in this time."""
LEASE = timedelta(minutes=2)
"""How long a worker has for sending one notice, before another tries."""
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=1)
NO_USE_WAIT = timedelta(hours=6)
"""Until it is tried again where the other side refuses: somebody may mend a password."""
NAMED = 12
"""Alerts spelled out in a notice; the others are counted."""
ESCALATION = "escalation"
VERBS = {"opened": "New", "worse": "Got worse", "escalated": "Nobody acknowledged", "resolved": "Gone"}


@dataclass(frozen=True)
class NoticeRules:
    """Who is told of what and when."""

    from_severity: Severity = "warning"
    digest_at: str = "06:30"
    time_zone: str = "UTC"
    escalate_after: timedelta = timedelta(hours=4)
    app_url: str = ""
    """The app's address, for links in notices."""
    shop: str = "Shelfcast"
    """Begins every notice's title."""


def make(platform: Platform, rules: NoticeRules, channels: Iterable[str]) -> Notice | None:
    """Make the notice whose time has come; None if there is nothing to tell, or not yet."""
    names = sorted(channels)
    _finish_making(platform, rules)
    if not names:
        return None
    now = platform.clock.now()
    waiting = _waiting(platform, rules, now)
    if not waiting or not _time_has_come(platform, rules, waiting, now):
        return None
    members = sorted(f"{one.alert_id}/{one.tell}/{one.tell_since}" for one in waiting)
    notice_id = f"{now:%Y%m%dT%H%M%S}-{hashlib.sha256(json.dumps(members).encode()).hexdigest()[:8]}"
    body = {
        "state": MAKING, "made_at": now.isoformat(), "members": [one.alert_id for one in waiting],
        "channels": {name: {"state": "waiting", "tries": 0} for name in names},
    }  # fmt: skip
    try:
        record = platform.records.put(KIND, notice_id, body, expected=0)
    except Conflict:
        return None  # another worker makes the very same
    return _fill(platform, rules, record)


def _waiting(platform: Platform, rules: NoticeRules, now: datetime) -> list[Alert]:
    """Alerts people are still to be told of, muted ones left out."""
    quiet = mutes(platform)
    found = [alert_of(one) for kind in VERBS for one in platform.records.query(ALERTS, where={"tell": kind})]
    return [
        one
        for one in found
        if one.tell_since is not None  # else a notice has it
        and GRAVITY[one.finding.severity] >= GRAVITY[rules.from_severity]
        and not muted(quiet, one.finding, now)
    ]


def _time_has_come(platform: Platform, rules: NoticeRules, waiting: Sequence[Alert], now: datetime) -> bool:
    last = max((str(one.body["made_at"]) for one in platform.records.query(KIND)), default="")
    before = datetime.fromisoformat(last) if last else None
    urgent = [
        one
        for one in waiting
        if one.tell == "escalated" or (one.finding.severity == "critical" and one.tell != "resolved")
    ]
    since = [one.tell_since for one in urgent if one.tell_since is not None]
    if since and now - min(since) >= GATHER and (before is None or now - before >= BETWEEN):
        return True
    daily = parse(f"daily at {rules.digest_at}", rules.time_zone)
    oldest = min((one.tell_since for one in waiting if one.tell_since is not None), default=now)
    start = max(oldest, before) if before else oldest
    return next(daily.between(start, now), None) is not None


def _fill(platform: Platform, rules: NoticeRules, record: Record) -> Notice | None:
    """Let each alert name the notice, and write the text of those that do: they are its own, whoever else tries."""
    now = datetime.fromisoformat(record.body["made_at"])
    for alert_id in record.body["members"]:
        with suppress(NotFound):
            change(
                platform,
                alert_id,
                lambda it: (
                    replace(it, notice_id=record.record_id, tell_since=None) if it.tell and it.tell_since else None
                ),
            )
    mine = [alert_of(one) for one in platform.records.query(ALERTS, where={"notice_id": record.record_id})]
    mine = [one for one in mine if one.tell]
    if not mine:
        with suppress(Conflict):
            platform.records.put(KIND, record.record_id, dict(record.body) | {"state": EMPTY}, expected=record.version)
        return None
    notice = written(record.record_id, mine, rules)
    escalates = any(one.tell == "escalated" for one in mine)
    channels = {
        name: one for name, one in record.body["channels"].items() if escalates or not name.startswith(ESCALATION)
    }
    body = dict(record.body) | {
        "state": SENDING if channels else SENT, "channels": channels, "title": notice.title, "text": notice.text, "severity": notice.severity,
        "link": notice.link, "facts": dict(notice.facts), "next_try_at": now.isoformat(), "alerts": [one.alert_id for one in mine],
    }  # fmt: skip
    with suppress(Conflict):
        platform.records.put(KIND, record.record_id, body, expected=record.version)
    for one in mine:
        change(platform, one.alert_id, lambda it: _told(it, record.record_id, now))
    return notice


def _told(alert: Alert, notice_id: str, at: datetime) -> Alert | None:
    # Something new that came up meanwhile has set `tell_since` again: that is still to be told.
    if alert.notice_id != notice_id or alert.tell_since is not None or not alert.tell:
        return None
    return replace(alert, tell="", told_at=at)


def _finish_making(platform: Platform, rules: NoticeRules) -> None:
    """Notices whose maker was killed."""
    for record in platform.records.query(KIND, where={"state": MAKING}):
        if platform.clock.now() - datetime.fromisoformat(record.body["made_at"]) >= LEASE:
            _fill(platform, rules, record)
    for record in platform.records.query(KIND, where={"state": SENDING}):
        at = datetime.fromisoformat(record.body["made_at"])
        for alert_id in record.body["alerts"]:
            with suppress(NotFound):
                change(platform, alert_id, lambda it: _told(it, record.record_id, at))  # noqa: B023 - called at once


def written(notice_id: str, alerts: Sequence[Alert], rules: NoticeRules) -> Notice:
    """The notice about some alerts: the gravest first, grouped by cause, each with its next step."""
    order = sorted(
        alerts, key=lambda it: (it.tell == "resolved", -GRAVITY[it.finding.severity], it.finding.cause, it.opened_at)
    )
    standing = [one for one in order if one.tell != "resolved"]
    gravest: Severity = max((one.finding.severity for one in standing), key=lambda it: GRAVITY[it], default="note")
    parts: list[str] = []
    shown = 0
    for what in ("escalated", "worse", "opened", "resolved"):
        groups: dict[str, list[Alert]] = {}
        for one in order:
            if one.tell == what:
                groups.setdefault(one.finding.cause, []).append(one)
        if groups:
            parts.append(f"{VERBS[what]}:")
        for cause, members in groups.items():
            named = members[: max(0, min(3 if len(groups) > 4 else NAMED, NAMED - shown))]
            shown += len(named)
            parts += [_spelled(one.finding, brief=what == "resolved") for one in named]
            if len(members) > len(named):
                parts.append(f"- and {len(members) - len(named)} more of {cause}")
        if groups:
            parts.append("")
    return Notice(
        notice_id, _title(standing, order, rules), "\n".join(parts).strip(), gravest,
        f"{rules.app_url.rstrip('/')}/today" if rules.app_url else "",
        {"alerts": [_fact(one) for one in order]},
    )  # fmt: skip


def _title(standing: Sequence[Alert], every: Sequence[Alert], rules: NoticeRules) -> str:
    if not standing:
        return f"{rules.shop}: {len(every)} {'alert is' if len(every) == 1 else 'alerts are'} gone"
    first = standing[0].finding
    if len(standing) == 1:
        return f"{rules.shop}: {first.severity}: {first.says}"
    grave = sum(one.finding.severity == "critical" for one in standing)
    return f"{rules.shop}: {len(standing)} alerts{f', {grave} critical' if grave else ''}: {first.says}"


def _spelled(finding: Finding, *, brief: bool) -> str:
    if brief:
        return f"- {finding.subject}: {finding.says}"
    return f"- [{finding.severity}] {finding.subject}: {finding.says}\n  Next: {finding.next_step}"


def _fact(alert: Alert) -> dict[str, Any]:
    one = alert.finding
    return {
        "alert_id": alert.alert_id, "what": alert.tell, "cause": one.cause, "subject": one.subject, "severity": one.severity,
        "says": one.says, "next_step": one.next_step, "link": one.link, "owner": alert.owner, "opened_at": alert.opened_at.isoformat(),
    }  # fmt: skip


def deliver(platform: Platform, notifiers: Mapping[str, Notifier]) -> list[str]:
    """Send what waits; ids of the notices every channel has now."""
    done = []
    for record in platform.records.query(KIND, where={"state": SENDING}):
        now = platform.clock.now()
        if datetime.fromisoformat(record.body["next_try_at"]) > now:
            continue
        try:  # the lease: who moves the next try on is the one who tries
            held = platform.records.put(
                KIND,
                record.record_id,
                dict(record.body) | {"next_try_at": (now + LEASE).isoformat()},
                expected=record.version,
            )
        except Conflict:
            continue
        with suppress(Conflict):  # it took so long that another took over
            if _send(platform, held, notifiers):
                done.append(record.record_id)
    return done


def _send(platform: Platform, record: Record, notifiers: Mapping[str, Notifier]) -> bool:
    notice = notice_of(record)
    body = dict(record.body)
    channels = {name: dict(one) for name, one in body["channels"].items()}
    waits = []
    for name, one in channels.items():
        if one["state"] != "waiting":
            continue
        if name not in notifiers:
            one |= {"state": "gone", "error": "this way of telling was taken away before the notice went out."}
            continue
        try:
            said = notifiers[name].send(notice)
            one |= {"state": "sent", "error": said, "at": platform.clock.now().isoformat()}
        except ShelfcastError as error:
            one |= {"tries": one["tries"] + 1, "error": str(error)}
            no_use = isinstance(error, BadParameter)
            waits.append(NO_USE_WAIT if no_use else min(FIRST_WAIT * 2 ** min(one["tries"] - 1, 10), LONGEST_WAIT))
        # Each channel's outcome is noted at once: killed here, only the next one is tried again.
        record = platform.records.put(KIND, record.record_id, body | {"channels": channels}, expected=record.version)
        body = dict(record.body)
    now = platform.clock.now()
    state = SENDING if any(one["state"] == "waiting" for one in channels.values()) else SENT
    wait = min(waits, default=timedelta())
    platform.records.put(
        KIND,
        record.record_id,
        body | {"state": state, "channels": channels, "next_try_at": (now + wait).isoformat()},
        expected=record.version,
    )
    return state == SENT


def stuck(platform: Platform) -> list[Finding]:
    """Notices that can't be sent are a matter of their own: people see it in the app."""
    found = []
    for record in platform.records.query(KIND, where={"state": SENDING}):
        for name, one in record.body["channels"].items():
            if one["state"] == "waiting" and one["tries"] >= 2:
                found.append(
                    Finding(
                        "notice.failed",
                        name,
                        "critical",
                        f"Notices can't be sent by {name} ({one['tries']} tries): {one['error']}",
                        "Mend its settings; what waits is sent then.",
                        "/admin/notices",
                    )
                )
    return found


def notices(platform: Platform, limit: int = 50) -> list[Record]:
    """The newest notices first."""
    found = [one for one in platform.records.query(KIND) if one.body["state"] != EMPTY]
    return list(reversed(found[-limit:]))


def prune(platform: Platform, keep: timedelta = timedelta(days=90)) -> int:
    """Forget notices that went out long ago."""
    limit = (platform.clock.now() - keep).isoformat()
    old = [one for one in platform.records.query(KIND) if one.body["made_at"] < limit and one.body["state"] != SENDING]
    for one in old:
        platform.records.delete(KIND, one.record_id)
    return len(old)


def notice_of(record: Record) -> Notice:
    body = record.body
    return Notice(record.record_id, body["title"], body["text"], body["severity"], body["link"], body["facts"])


def trial(platform: Platform, notifiers: Mapping[str, Notifier], who: str) -> dict[str, str]:
    """Send a test notice by every channel; by channel what was said against it, empty where it was taken.

    Raises:
        NotReady: no channel is set up.
    """
    if not notifiers:
        raise NotReady(
            "nobody is told: set notify_mail_to, notify_sender and smtp_host in the lake's settings, or SHELFCAST_NOTIFY_WEBHOOK in "
            "the environment of server and worker."
        )
    now = platform.clock.now()
    said = {}
    for name, one in notifiers.items():
        notice = Notice(
            f"trial-{now:%Y%m%dT%H%M%S%f}", "Shelfcast: a test", f"{who} sent this to see that notices arrive.", "note"
        )
        try:
            said[name] = one.send(notice)
        except ShelfcastError as error:
            said[name] = str(error)
    audit_changes.note(platform, who, "notice.test", ", ".join(sorted(said)))
    return said
