"""What people do about alerts, mutes, and what happens when nobody does anything."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from shelfcast.bootstrap import in_memory
from shelfcast.domain.errors import BadParameter, Conflict, NotFound
from shelfcast.domain.findings import Finding
from shelfcast.pipeline import handle_alerts, mute_alerts, raise_alerts
from shelfcast.pipeline.raise_alerts import ACKNOWLEDGED, OPEN, RESOLVED, report

STALE = Finding("data.freshness", "sales", "critical", "Sales end on 1 January.", "Ask for the file.")
BIAS = Finding("forecast.bias", "CLEANING", "warning", "Bias +14 %, 3 % is usual.", "Look at its prices.")


@pytest.fixture
def platform():
    return in_memory()  # Monday 5 January 2026, 06:00 UTC


@pytest.fixture
def alert(platform):
    return report(platform, [STALE], causes=[]).opened[0]


def told(platform, *alerts):
    for one in alerts:
        raise_alerts.change(platform, one.alert_id, lambda it: replace(it, tell="", told_at=platform.clock.now()))


def test_who_acknowledges_an_alert_owns_it_and_all_is_kept_in_its_history(platform, alert):
    handle_alerts.acknowledge(platform, "ann", alert.alert_id, "on it")
    handle_alerts.assign(platform, "ann", alert.alert_id, "bob")
    done = handle_alerts.resolve(platform, "bob", alert.alert_id, "the file came")
    assert (done.state, done.owner, done.resolved_by, done.note) == (RESOLVED, "bob", "bob", "on it")
    assert [(one["who"], one["did"]) for one in done.history] == [
        ("shelfcast", "opened"), ("ann", "acknowledged"), ("ann", "assigned to bob"), ("bob", "resolved"),
    ]  # fmt: skip
    actions = [one.body["action"] for one in platform.records.query("audit")]
    assert sorted(actions) == ["alert.acknowledge", "alert.assign", "alert.resolve"]
    for act in (handle_alerts.acknowledge, handle_alerts.resolve):
        with pytest.raises(Conflict, match="resolved already"):
            act(platform, "ann", alert.alert_id)
    assert handle_alerts.reopen(platform, "ann", alert.alert_id).state == OPEN
    with pytest.raises(Conflict, match="open already"):
        handle_alerts.reopen(platform, "ann", alert.alert_id)
    with pytest.raises(NotFound, match="/v1/alerts"):
        handle_alerts.resolve(platform, "ann", "0" * 16)


def test_what_a_person_resolved_stays_so_for_days_unless_it_gets_worse(platform):
    (alert,) = report(platform, [BIAS], causes=["forecast"]).opened
    handle_alerts.resolve(platform, "ann", alert.alert_id)
    platform.clock.advance(timedelta(hours=30))
    again = report(platform, [BIAS], causes=["forecast"])
    assert not again.opened and raise_alerts.standing(platform) == []
    assert report(platform, [replace(BIAS, severity="critical")], causes=["forecast"]).opened
    handle_alerts.resolve(platform, "ann", alert.alert_id)
    platform.clock.advance(raise_alerts.STAYS_RESOLVED)
    assert report(platform, [BIAS], causes=["forecast"]).opened


def test_an_acknowledgement_holds_through_its_last_day(platform, alert):
    handle_alerts.acknowledge(platform, "ann", alert.alert_id, until=date(2026, 1, 6))
    platform.clock.moment = datetime(2026, 1, 6, 23, 59, tzinfo=UTC)
    assert handle_alerts.run_out(platform) == []
    platform.clock.moment = datetime(2026, 1, 7, tzinfo=UTC)
    (back,) = handle_alerts.run_out(platform)
    assert back.state == OPEN and back.tell == "opened"


def test_what_nobody_acknowledges_is_escalated_once_the_grave_sooner(platform):
    opened = report(platform, [STALE, BIAS], causes=[]).opened
    hours = timedelta(hours=4)
    platform.clock.advance(timedelta(days=3))
    assert handle_alerts.escalate(platform, hours) == [], "nobody was told yet"
    told(platform, *opened)
    platform.clock.advance(hours)
    assert [one.finding for one in handle_alerts.escalate(platform, hours)] == [STALE]
    assert handle_alerts.escalate(platform, hours) == []
    handle_alerts.acknowledge(platform, "ann", raise_alerts.alert_id_of(BIAS.key))
    platform.clock.advance(timedelta(days=2))
    assert handle_alerts.escalate(platform, hours) == [], "the other one is acknowledged"


def test_a_muted_alert_is_not_escalated(platform, alert):
    told(platform, alert)
    platform.clock.advance(timedelta(hours=9))
    assert handle_alerts.escalate(platform, timedelta(hours=4), quiet=frozenset({alert.alert_id})) == []


@pytest.mark.parametrize(
    ("moment", "quiet"),
    [("2026-01-05T21:59", False), ("2026-01-05T22:00", True), ("2026-01-06T05:59", True), ("2026-01-06T06:00", False)],
)
def test_quiet_hours_go_over_midnight(platform, moment, quiet):
    mute = mute_alerts.add(platform, "ann", hours="22:00-06:00")
    assert mute.holds(BIAS, datetime.fromisoformat(moment).replace(tzinfo=UTC)) is quiet


def test_quiet_hours_are_those_of_the_day_they_begin_on(platform):
    mute = mute_alerts.add(platform, "ann", hours="22:00-06:00", days="fri-sat", time_zone="Europe/Berlin")
    friday_night, sunday_early, monday_early = (
        datetime(2026, 1, 9, 22, tzinfo=UTC), datetime(2026, 1, 11, 3, tzinfo=UTC), datetime(2026, 1, 12, 3, tzinfo=UTC),
    )  # fmt: skip
    assert mute.on(friday_night) and mute.on(sunday_early) and not mute.on(monday_early)


def test_a_mute_is_for_its_cause_up_to_its_severity_until_its_end(platform):
    end = platform.clock.now() + timedelta(days=1)
    mute = mute_alerts.add(platform, "ann", cause="forecast", ends=end, reason="stocktaking")
    now = platform.clock.now()
    assert mute.holds(BIAS, now) and not mute.holds(STALE, now)
    assert not mute.holds(replace(BIAS, severity="critical"), now) and not mute.holds(BIAS, end)
    assert mute_alerts.mutes(platform) == [mute]
    platform.clock.moment = end
    assert mute_alerts.mutes(platform) == []


def test_a_mute_for_ever_or_of_hours_nobody_can_read_is_refused(platform):
    for more, says in (({}, "needs an end"), ({"hours": "late"}, "22:00-06:00"), ({"days": "someday"}, "no weekday"),
                       ({"hours": "1:00-1:00"}, "can't be read"), ({"hours": "01:00-01:00"}, "same time"),
                       ({"ends": datetime(2020, 1, 1, tzinfo=UTC)}, "has passed")):  # fmt: skip
        with pytest.raises(BadParameter, match=says):
            mute_alerts.add(platform, "ann", **more)
    mute = mute_alerts.add(platform, "ann", days="sun")
    mute_alerts.remove(platform, "ann", mute.mute_id)
    with pytest.raises(NotFound):
        mute_alerts.remove(platform, "ann", mute.mute_id)


def test_acknowledged_alerts_stand(platform, alert):
    handle_alerts.acknowledge(platform, "ann", alert.alert_id)
    assert [one.state for one in raise_alerts.standing(platform)] == [ACKNOWLEDGED]
