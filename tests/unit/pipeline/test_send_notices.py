"""Telling people: many at once, each once, at the right time, and nothing is lost whoever dies when."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shelfcast.adapters.memory import MemoryNotifier
from shelfcast.bootstrap import in_memory
from shelfcast.domain.errors import BadParameter, SourceDown
from shelfcast.domain.findings import Finding
from shelfcast.pipeline import handle_alerts, mute_alerts, raise_alerts, send_notices
from shelfcast.pipeline.raise_alerts import report
from shelfcast.pipeline.send_notices import NoticeRules

RULES = NoticeRules(digest_at="06:30", app_url="https://shop.example/")


def finding(number, severity="warning", cause="forecast.bias"):
    return Finding(cause, f"segment {number}", severity, f"Bias +{number} %.", "Look at its prices.")


@pytest.fixture
def platform():
    made = in_memory()
    made.clock.moment = datetime(2026, 1, 5, 2, tzinfo=UTC)
    return made


@pytest.fixture
def inbox():
    return MemoryNotifier()


def look(platform, inbox, **more):
    """What a worker does every few seconds."""
    notifiers = {"mail": inbox, **more}
    send_notices.make(platform, RULES, notifiers)
    send_notices.deliver(platform, notifiers)


def at(platform, text):
    platform.clock.moment = datetime.fromisoformat(f"2026-01-{text}").replace(tzinfo=UTC)


def test_a_night_full_of_alerts_is_one_mail_in_the_morning(platform, inbox):
    for number in range(40):
        report(platform, [finding(number)], causes=[])
        platform.clock.advance(timedelta(minutes=5))
        look(platform, inbox)
    assert inbox.sent == []
    at(platform, "05T06:30")
    look(platform, inbox)
    (notice,) = inbox.sent
    assert "40 alerts" in notice.title and "and 28 more of forecast.bias" in notice.text
    assert notice.link == "https://shop.example/today" and len(notice.facts["alerts"]) == 40
    look(platform, inbox)
    at(platform, "06T06:30")
    look(platform, inbox)
    assert len(inbox.sent) == 1, "nobody is told twice"


def test_something_critical_is_told_within_minutes_with_all_that_waits(platform, inbox):
    report(platform, [finding(1), finding(2, "critical")], causes=[])
    look(platform, inbox)
    assert inbox.sent == [], "it waits a little for more of the same"
    platform.clock.advance(send_notices.GATHER)
    look(platform, inbox)
    (notice,) = inbox.sent
    assert notice.severity == "critical" and "2 alerts, 1 critical" in notice.title
    assert notice.text.index("segment 2") < notice.text.index("segment 1"), "the gravest first"
    report(platform, [finding(3, "critical")], causes=[])
    platform.clock.advance(timedelta(minutes=20))
    look(platform, inbox)
    assert len(inbox.sent) == 1, "at most one an hour"
    platform.clock.advance(timedelta(minutes=40))
    look(platform, inbox)
    assert len(inbox.sent) == 2


def test_notes_are_not_told_and_what_went_before_anybody_was_told_neither(platform, inbox):
    report(platform, [finding(1, "note"), finding(2)], causes=["forecast"])
    report(platform, [finding(1, "note")], causes=["forecast"])
    at(platform, "05T07:00")
    look(platform, inbox)
    assert inbox.sent == []


def test_people_hear_that_something_they_were_told_of_is_gone(platform, inbox):
    report(platform, [finding(1, "critical")], causes=["forecast"])
    at(platform, "05T06:30")
    look(platform, inbox)
    report(platform, [], causes=["forecast"])
    at(platform, "06T06:30")
    look(platform, inbox)
    assert inbox.sent[1].title.endswith("1 alert is gone") and inbox.sent[1].severity == "note"


def test_muted_alerts_are_told_when_the_mute_ends(platform, inbox):
    mute_alerts.add(platform, "ann", cause="forecast", hours="00:00-08:00")
    report(platform, [finding(1)], causes=[])
    at(platform, "05T06:30")
    look(platform, inbox)
    assert inbox.sent == []
    at(platform, "05T08:00")
    look(platform, inbox)
    assert len(inbox.sent) == 1


def test_only_what_is_escalated_goes_to_those_it_is_escalated_to(platform, inbox):
    boss = MemoryNotifier()
    report(platform, [finding(1, "critical")], causes=[])
    platform.clock.advance(send_notices.GATHER)
    look(platform, inbox, **{"escalation-mail": boss})
    assert len(inbox.sent) == 1 and boss.sent == []
    platform.clock.advance(timedelta(hours=4))
    handle_alerts.escalate(platform, timedelta(hours=4))
    platform.clock.advance(send_notices.GATHER)
    look(platform, inbox, **{"escalation-mail": boss})
    assert len(inbox.sent) == 2 and "Nobody acknowledged" in boss.sent[0].text


def test_what_cannot_be_sent_stays_queued_and_is_tried_with_longer_and_longer_waits(platform, inbox):
    other = MemoryNotifier()
    inbox.fails = SourceDown("the mail server is away")
    report(platform, [finding(1)], causes=[])
    at(platform, "05T06:30")
    look(platform, inbox, webhook=other)
    waits = []
    for _ in range(4):
        (record,) = send_notices.notices(platform)
        waits.append(datetime.fromisoformat(record.body["next_try_at"]) - platform.clock.now())
        platform.clock.moment = datetime.fromisoformat(record.body["next_try_at"])
        look(platform, inbox, webhook=other)
    assert waits == sorted(waits) and waits[0] < waits[-1] and len(other.sent) == 1, "only the one that failed again"
    (stuck,) = send_notices.stuck(platform)
    assert stuck.cause == "notice.failed" and "the mail server is away" in stuck.says
    inbox.fails = None
    platform.clock.advance(timedelta(days=9))
    look(platform, inbox, webhook=other)
    assert len(inbox.sent) == 1 and send_notices.stuck(platform) == []
    assert [one.body["state"] for one in send_notices.notices(platform)] == ["sent"]


def test_a_refusal_waits_for_hours_since_somebody_must_mend_it(platform, inbox):
    inbox.fails = BadParameter("wrong password")
    report(platform, [finding(1)], causes=[])
    at(platform, "05T06:30")
    look(platform, inbox)
    (record,) = send_notices.notices(platform)
    assert datetime.fromisoformat(record.body["next_try_at"]) - platform.clock.now() == send_notices.NO_USE_WAIT


def test_a_way_of_telling_that_was_taken_away_does_not_hold_a_notice_back(platform, inbox):
    inbox.fails = SourceDown("away")
    report(platform, [finding(1)], causes=[])
    at(platform, "05T06:30")
    look(platform, inbox)
    platform.clock.advance(timedelta(hours=2))
    send_notices.deliver(platform, {})
    (record,) = send_notices.notices(platform)
    assert record.body["state"] == "sent" and "taken away" in record.body["channels"]["mail"]["error"]


class Killed(BaseException):
    pass


class DiesAt:
    """Records whose writer is killed before its n-th write."""

    def __init__(self, inner, writes):
        self.inner, self.left = inner, writes

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def put(self, *args, **more):
        if self.left == 0:
            raise Killed
        self.left -= 1
        return self.inner.put(*args, **more)


@pytest.mark.parametrize("writes", range(10))
def test_killed_before_any_write_everything_is_told_and_at_most_one_message_twice(platform, inbox, writes):
    report(platform, [finding(1), finding(2)], causes=[])
    at(platform, "05T06:30")
    with suppress(Killed):
        look(replace(platform, records=DiesAt(platform.records, writes)), inbox)
    for _ in range(4):
        platform.clock.advance(send_notices.LEASE)
        look(platform, inbox)
    named = {fact["subject"] for notice in inbox.sent for fact in notice.facts["alerts"]}
    assert named == {"segment 1", "segment 2"}
    assert len({notice.notice_id for notice in inbox.sent}) == 1 and len(inbox.sent) <= 2
    assert all(one.tell == "" and one.told_at for one in raise_alerts.standing(platform))


def test_two_workers_at_once_tell_everything_once(tmp_path):
    import threading

    from shelfcast.adapters.local.records import SqliteRecords

    platform = replace(in_memory(), records=SqliteRecords(tmp_path / "records.db"))
    inbox = MemoryNotifier()
    report(platform, [finding(number, "critical") for number in range(5)], causes=[])
    platform.clock.advance(send_notices.GATHER)
    workers = [threading.Thread(target=look, args=(platform, inbox)) for _ in range(4)]
    for one in workers:
        one.start()
    for one in workers:
        one.join()
    look(platform, inbox)
    told = [fact["subject"] for notice in inbox.sent for fact in notice.facts["alerts"]]
    platform.records.close()
    assert sorted(told) == sorted({f"segment {number}" for number in range(5)})
