"""When something recurs: read from words a person writes, worked out in a time zone, clocks that are put forward and back
and holidays included.

    every 15 minutes            by the clock of the world, whatever local clocks do
    daily at 02:30              also: mon-fri at 06:00, 18:00     sun at 04:00
    day 1, 15, last at 03:00    days of the month
    30 2 * * 1-5                cron's five fields (minute hour day month weekday)

A local time that doesn't exist on a day (clocks put forward over it) comes as much later as the clock was moved: 02:30 is
03:30. One that exists twice comes once, the first time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from shelfcast.domain.errors import BadParameter

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LONGEST = timedelta(days=366 * 9)
"""29 February may be eight years away."""
SHORTEST_MINUTES = 5
HELP = (
    "Write `every 15 minutes`, `every 2 hours`, `daily at 02:30`, `mon-fri at 06:00, 18:00`, `day 1, last at 03:00`, or cron's "
    "five fields such as `30 2 * * 1-5`."
)


@dataclass(frozen=True)
class Recurrence:
    """Either every so many minutes, or at local times on certain days."""

    every_minutes: int = 0
    times: tuple[time, ...] = ()
    weekdays: frozenset[int] = frozenset(range(7))
    """0 is Monday."""
    month_days: frozenset[int] = frozenset()
    """1..31, -1 the last of the month; empty: any day."""
    months: frozenset[int] = frozenset(range(1, 13))
    time_zone: str = "UTC"
    skip_holidays: str = ""
    """Country, or country-region, whose public holidays are left out: DE, DE-BY."""

    def on(self, day: date) -> bool:
        """Whether it recurs on a local day."""
        if day.weekday() not in self.weekdays or day.month not in self.months:
            return False
        last = (day + timedelta(days=1)).month != day.month
        if self.month_days and day.day not in self.month_days and not (last and -1 in self.month_days):
            return False
        return not self.skip_holidays or not is_holiday(self.skip_holidays, day)

    def between(self, after: datetime, until: datetime) -> Iterator[datetime]:
        """Moments (UTC) later than `after`, up to and with `until`, in order.

        >>> daily = parse("daily at 02:30", "Europe/Berlin")
        >>> [f"{one:%d. %H:%M}" for one in daily.between(datetime(2026, 3, 28, tzinfo=UTC), datetime(2026, 3, 31, tzinfo=UTC))]
        ['28. 01:30', '29. 01:30', '30. 00:30']
        """
        zone = ZoneInfo(self.time_zone)
        if self.every_minutes:
            step = timedelta(minutes=self.every_minutes)
            moment = EPOCH + ((after - EPOCH) // step + 1) * step
            while moment <= until:
                if not self.skip_holidays or not is_holiday(self.skip_holidays, moment.astimezone(zone).date()):
                    yield moment
                moment += step
            return
        day = after.astimezone(zone).date() - timedelta(days=1)
        end = until.astimezone(zone).date() + timedelta(days=1)
        before = after
        while day <= end:
            if self.on(day):
                moments = {datetime.combine(day, one, tzinfo=zone).astimezone(UTC) for one in self.times}
                for moment in sorted(moments):
                    if before < moment <= until:
                        yield moment
                        before = moment
            day += timedelta(days=1)

    def next_after(self, moment: datetime) -> datetime | None:
        """The next moment (UTC); None if there is none for years (30 February)."""
        for days in (2, 40, 400):
            if (found := next(self.between(moment, moment + timedelta(days=days)), None)) is not None:
                return found
        return next(self.between(moment, moment + LONGEST), None)


def parse(when: str, time_zone: str = "UTC", skip_holidays: str = "") -> Recurrence:
    """Read a recurrence.

    Raises:
        BadParameter: it can't be read; no such time zone, country or region; it never comes.
    """
    zone = _zone(time_zone)
    if skip_holidays:
        is_holiday(skip_holidays, date(2026, 1, 1))
    text = " ".join(when.lower().split())
    if found := re.fullmatch(r"every (\d+ )?(minute|hour)s?", text):
        minutes = int(found.group(1) or 1) * (60 if found.group(2) == "hour" else 1)
        if not SHORTEST_MINUTES <= minutes <= 7 * 24 * 60:
            raise BadParameter(
                f"{when!r} isn't allowed: at least {SHORTEST_MINUTES} minutes, at most a week. For longer: `day 1 at 03:00`."
            )
        return Recurrence(every_minutes=minutes, time_zone=zone, skip_holidays=skip_holidays)
    if len(text.split(" ")) == 5 and re.fullmatch(r"[\d*/,\- a-z]+", text) and " at " not in text:
        made = _cron(when, text.split(" "))
    elif found := re.fullmatch(r"(?:(.+?) )?at (.+)", text):
        days, month_days = _days(when, found.group(1) or "daily")
        made = Recurrence(times=_times(when, found.group(2)), weekdays=days, month_days=month_days)
    elif re.fullmatch(r"[\d:, ]+", text):
        made = Recurrence(times=_times(when, text))
    else:
        raise BadParameter(f"{when!r} can't be read. {HELP}")
    made = replace(made, time_zone=zone, skip_holidays=skip_holidays)
    if made.next_after(datetime(2026, 1, 1, tzinfo=UTC)) is None:
        raise BadParameter(f"{when!r} never comes. {HELP}")
    return made


def _zone(name: str) -> str:
    try:
        return ZoneInfo(name).key
    except (KeyError, ValueError, OSError) as error:
        raise BadParameter(
            f"time zone {name!r} is unknown. Use a name such as Europe/Berlin, Asia/Kolkata or UTC."
        ) from error


def _times(when: str, text: str) -> tuple[time, ...]:
    found = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,2}):(\d{2})\s*", part)
        if not match or int(match.group(1)) > 23 or int(match.group(2)) > 59:
            raise BadParameter(f"{part.strip()!r} in {when!r} is no time of day such as 02:30. {HELP}")
        found.append(time(int(match.group(1)), int(match.group(2))))
    return tuple(sorted(set(found)))


def _days(when: str, text: str) -> tuple[frozenset[int], frozenset[int]]:
    """(weekdays, days of the month)."""
    every = frozenset(range(7))
    if text in ("daily", "every day"):
        return every, frozenset()
    if found := re.fullmatch(r"days? (.+)", text):
        month_days = set()
        for part in re.split(r"[ ,]+", found.group(1)):
            if part == "last":
                month_days.add(-1)
            elif part.isdigit() and 1 <= int(part) <= 31:
                month_days.add(int(part))
            else:
                raise BadParameter(f"{part!r} in {when!r} is no day of the month (1 to 31, or last). {HELP}")
        return every, frozenset(month_days)
    chosen: set[int] = set()
    for part in re.split(r"[ ,]+", text):
        first, _, final = part.partition("-")
        names = [one[:3] for one in (first, final or first)]
        if any(one not in WEEKDAYS for one in names):
            raise BadParameter(f"{part!r} in {when!r} is no weekday ({', '.join(WEEKDAYS)}). {HELP}")
        begin, end = (WEEKDAYS.index(one) for one in names)
        chosen |= {(begin + step) % 7 for step in range((end - begin) % 7 + 1)}
    return frozenset(chosen), frozenset()


def _cron(when: str, fields: Sequence[str]) -> Recurrence:
    minute, hour, day, month, weekday = fields
    minutes, hours = _field(when, minute, 0, 59), _field(when, hour, 0, 23)
    if len(minutes) * len(hours) > 24 * 60 // SHORTEST_MINUTES:
        raise BadParameter(f"{when!r} is too often: at most every {SHORTEST_MINUTES} minutes.")
    if day != "*" and weekday != "*":
        raise BadParameter(
            f"{when!r} names days of the month and weekdays; which of them counts is read differently by every system. "
            "Make two schedules."
        )
    named = re.sub("|".join(WEEKDAYS), lambda it: str(WEEKDAYS.index(it.group()) + 1), weekday)
    return Recurrence(
        times=tuple(time(one, two) for one in sorted(hours) for two in sorted(minutes)),
        weekdays=frozenset((one - 1) % 7 for one in _field(when, named, 0, 7)),
        month_days=frozenset() if day == "*" else frozenset(_field(when, day, 1, 31)),
        months=frozenset(_field(when, month, 1, 12)),
    )  # fmt: skip


def _field(when: str, text: str, low: int, high: int) -> set[int]:
    values: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"(?:\*|(\d+)(?:-(\d+))?)(?:/(\d+))?", part)
        if not match:
            raise BadParameter(f"{part!r} in {when!r} can't be read. {HELP}")
        first, final, step = match.groups()
        begin = low if first is None else int(first)
        end = high if first is None or (step and not final) else int(final or begin)
        if not (low <= begin <= end <= high) or (step and int(step) < 1):
            raise BadParameter(f"{part!r} in {when!r} is outside {low} to {high}. {HELP}")
        values |= set(range(begin, end + 1, int(step or 1)))
    return values


def is_holiday(where: str, day: date) -> bool:
    """Whether a day is a public holiday of a country or region (`DE`, `DE-BY`).

    >>> is_holiday("DE", date(2026, 10, 3)), is_holiday("DE-BY", date(2026, 1, 6)), is_holiday("DE-HH", date(2026, 1, 6))
    (True, True, False)

    Raises:
        BadParameter: no such country or region.
    """
    return day in _holidays(where, day.year)


@lru_cache(maxsize=64)
def _holidays(where: str, year: int) -> frozenset[date]:
    import holidays

    country, _, region = where.upper().partition("-")
    try:
        return frozenset(holidays.country_holidays(country, subdiv=region or None, years=year))
    except NotImplementedError as error:
        raise BadParameter(
            f"holidays of {where!r} are unknown. Use an ISO 3166 country, or country-region, such as DE, DE-BY, IN-MH, US."
        ) from error
