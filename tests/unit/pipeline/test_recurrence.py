"""When something recurs: words, time zones, clocks put forward and back, holidays."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shelfcast.domain.errors import BadParameter
from shelfcast.pipeline.recurrence import parse


def moments(when, after, days, zone="UTC", holidays=""):
    begin = datetime.fromisoformat(after).replace(tzinfo=UTC)
    found = parse(when, zone, holidays).between(begin, begin + timedelta(days=days))
    return [f"{one.astimezone(ZoneInfo(zone)):%m-%d %H:%M}" for one in found]


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("daily at 02:30", ["01-05 02:30", "01-06 02:30"]),
        ("2:30", ["01-05 02:30", "01-06 02:30"]),
        ("mon, wed at 06:00, 18:00", ["01-05 06:00", "01-05 18:00"]),
        ("Sat-Mon at 04:00", ["01-05 04:00"]),
        ("every 12 hours", ["01-05 12:00", "01-06 00:00", "01-06 12:00", "01-07 00:00"]),
        ("30 2 * * 1-5", ["01-05 02:30", "01-06 02:30"]),
        ("0 */8 6 * *", ["01-06 00:00", "01-06 08:00", "01-06 16:00"]),
        ("15 3 * * sun", []),
    ],
)
def test_words_are_read_as_meant(when, expected):
    assert moments(when, "2026-01-05T00:00", 2) == expected  # a Monday


def test_the_last_day_of_the_month_is_meant_in_every_month():
    assert moments("day 1, last at 03:00", "2026-01-30", 60) == [
        "01-31 03:00", "02-01 03:00", "02-28 03:00", "03-01 03:00",
    ]  # fmt: skip


def test_a_time_the_clock_jumps_over_comes_as_much_later():
    assert moments("daily at 02:30", "2026-03-27T12:00", 3, "Europe/Berlin") == [
        "03-28 02:30", "03-29 03:30", "03-30 02:30",
    ]  # fmt: skip


def test_a_time_that_exists_twice_comes_once():
    found = moments("daily at 02:30", "2026-10-23T12:00", 3, "Europe/Berlin")
    assert found == ["10-24 02:30", "10-25 02:30", "10-26 02:30"]


def test_intervals_go_on_whatever_local_clocks_do():
    found = list(
        parse("every 30 minutes", "Europe/Berlin").between(
            datetime(2026, 10, 24, 22, tzinfo=UTC), datetime(2026, 10, 25, 4, tzinfo=UTC)
        )
    )
    assert len(found) == 12 and {b - a for a, b in itertools.pairwise(found)} == {timedelta(minutes=30)}


def test_public_holidays_of_the_region_are_left_out():
    assert moments("daily at 05:00", "2026-01-04T12:00", 3, "Europe/Berlin", "DE-BY") == ["01-05 05:00", "01-07 05:00"]
    assert len(moments("daily at 05:00", "2026-01-04T12:00", 3, "Europe/Berlin", "DE-HH")) == 3


@pytest.mark.parametrize(
    ("when", "zone", "holidays", "says"),
    [
        ("whenever", "UTC", "", "can't be read"),
        ("daily at 25:00", "UTC", "", "no time of day"),
        ("fooday at 02:00", "UTC", "", "no weekday"),
        ("every 1 minute", "UTC", "", "at least 5 minutes"),
        ("* * * * *", "UTC", "", "too often"),
        ("0 3 1 * 1", "UTC", "", "Make two schedules"),
        ("0 3 30 2 *", "UTC", "", "never comes"),
        ("61 3 * * *", "UTC", "", "outside 0 to 59"),
        ("daily at 02:30", "Mars/Olympus", "", "time zone"),
        ("daily at 02:30", "../etc/passwd", "", "time zone"),
        ("daily at 02:30", "UTC", "XX", "holidays of 'XX' are unknown"),
        ("daily at 02:30", "UTC", "DE-XX", "holidays of 'DE-XX' are unknown"),
    ],
)
def test_what_cannot_be_read_is_refused_with_what_is_allowed(when, zone, holidays, says):
    with pytest.raises(BadParameter, match=says):
        parse(when, zone, holidays)


@settings(max_examples=60, deadline=None)
@given(
    when=st.sampled_from(
        ["daily at 02:30", "mon-fri at 01:15, 02:45, 03:15", "every 45 minutes", "day 29, last at 02:00"]
    ),
    zone=st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "UTC"]),
    start=st.datetimes(datetime(2025, 1, 1), datetime(2027, 12, 31)),
    cut=st.integers(0, 60 * 24 * 40),
)
def test_a_stretch_cut_anywhere_gives_the_same_moments_once_and_in_order(when, zone, start, cut):
    recurrence = parse(when, zone)
    begin = start.replace(tzinfo=UTC)
    middle, end = begin + timedelta(minutes=cut), begin + timedelta(days=40)
    whole = list(recurrence.between(begin, end))
    assert whole == sorted(set(whole))
    assert [*recurrence.between(begin, middle), *recurrence.between(middle, end)] == whole


@settings(max_examples=40, deadline=None)
@given(
    zone=st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo"]),
    start=st.datetimes(datetime(2024, 1, 1), datetime(2027, 6, 1)),
)
def test_a_daily_time_comes_once_on_every_local_day(zone, start):
    begin = start.replace(tzinfo=UTC)
    found = [
        one.astimezone(ZoneInfo(zone)).date()
        for one in parse("daily at 02:30", zone).between(begin, begin + timedelta(days=30))
    ]
    assert len(found) == len(set(found)) and {b - a for a, b in itertools.pairwise(found)} == {timedelta(days=1)}


def test_29_february_is_found_years_ahead():
    assert parse("0 3 29 2 *").next_after(datetime(2026, 1, 1, tzinfo=UTC)) == datetime(2028, 2, 29, 3, tzinfo=UTC)
