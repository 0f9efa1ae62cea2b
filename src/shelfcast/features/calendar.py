"""What the calendar alone says about a period: weekday, place in month and year, distance to moving festivals, and
which earlier period it should be compared with.

A period is lined up with the past in three ways, because they differ exactly where it matters:

    weekday   the same weekday about a year before (364 days; 52 weeks; 12 months)
    date      the same date the year before (Christmas keeps its date, not its weekday)
    festival  the same distance to Easter as the year before, near Easter; else as `date`
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shelfcast.domain.errors import BadParameter

Days = NDArray[np.datetime64]

YEAR: dict[str, int] = {"D": 364, "W": 52, "M": 12}
"""Periods in a year, whole weeks for days."""
WEEK: dict[str, int] = {"D": 7, "W": 1, "M": 1}
"""Periods after which the weekday repeats."""
FESTIVAL_REACH = 12
"""Days around Easter in which periods are lined up by it."""


@dataclass(frozen=True)
class Calendar:
    """Calendar of a panel's periods: `values[period, feature]`, and the year-ago index of each period (-1: before the grid)."""

    names: tuple[str, ...]
    drivers: tuple[str, ...]
    values: NDArray[np.float32]
    phase: NDArray[np.int32]
    """Weekday of each period for days, 0 otherwise."""
    month_place: NDArray[np.float32]
    """Shape (periods, columns): where a day stands in its month, smoothly; no columns for weeks and months."""
    year_ago: NDArray[np.int32]
    """Shape (3, periods): lined up by weekday, date, festival."""


def year_length(frequency: str) -> int:
    if frequency not in YEAR:
        raise BadParameter.unknown("frequency", frequency, YEAR)
    return YEAR[frequency]


def easter(year: int) -> np.datetime64:
    """Western Easter Sunday, by the Gregorian computus (Meeus, Jones and Butcher).

    >>> str(easter(2014)), str(easter(2024))
    ('2014-04-20', '2024-03-31')
    """
    a, b, c = year % 19, year // 100, year % 100
    d, e = divmod(b, 4)
    g = (8 * b + 13) // 25
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    m = (32 + 2 * e + 2 * i - h - k) % 7
    n = (a + 11 * h + 22 * m) // 451
    month, day = divmod(h + m - 7 * n + 114, 31)
    return np.datetime64(f"{year:04d}-{month:02d}-{day + 1:02d}")


def _days(periods: NDArray) -> NDArray[np.int64]:
    return periods.astype("datetime64[D]").astype(np.int64)


def _years(periods: NDArray) -> NDArray[np.int64]:
    return periods.astype("datetime64[Y]").astype(np.int64) + 1970


def easter_distance(periods: Days) -> NDArray[np.int64]:
    """Days from the nearest Easter Sunday: negative before it."""
    days, years = _days(periods), _years(periods)
    best = np.full(len(days), 10_000, dtype=np.int64)
    for shift in (-1, 0, 1):
        sunday = np.array([_days(np.array([easter(int(y))]))[0] for y in np.unique(years + shift)])
        distance = days - sunday[np.searchsorted(np.unique(years + shift), years + shift)]
        best = np.where(np.abs(distance) < np.abs(best), distance, best)
    return best


def _index(days: NDArray[np.int64], wanted: NDArray[np.int64], length: int) -> NDArray[np.int32]:
    """Index of the period that holds each wanted day; -1 before the grid."""
    found = np.searchsorted(days, wanted, side="right") - 1
    return np.where((wanted >= days[0]) & (found < length), found, -1).astype(np.int32)


def year_ago(periods: Days, frequency: str) -> NDArray[np.int32]:
    """Index of the period a year before, lined up by weekday, date and festival. See the top of the module."""
    length, count = year_length(frequency), len(periods)
    by_weekday = np.maximum(np.arange(count) - length, -1).astype(np.int32)
    if frequency == "M":
        return np.stack([by_weekday] * 3)
    days = _days(periods)
    months: NDArray = periods.astype("datetime64[M]")
    day_of_month = days - _days(months)
    before: NDArray = months - np.timedelta64(12, "M")
    month_days = _days(before + np.timedelta64(1, "M")) - _days(before)
    by_date = _index(days, _days(before) + np.minimum(day_of_month, month_days - 1), count)
    distance, years = easter_distance(periods), _years(periods)
    near = np.abs(distance) <= FESTIVAL_REACH
    wanted = np.array([_days(np.array([easter(int(y) - 1)]))[0] for y in years]) + distance
    return np.stack([by_weekday, by_date, np.where(near, _index(days, wanted, count), by_date)])


def calendar_of(periods: Days, frequency: str) -> Calendar:
    """Calendar features of every period.

    >>> days = np.arange("2024-01-01", "2024-01-08", dtype="datetime64[D]")
    >>> calendar_of(days, "D").phase.tolist()
    [0, 1, 2, 3, 4, 5, 6]
    """
    year_length(frequency)
    days = _days(periods)
    months: NDArray = periods.astype("datetime64[M]")
    years: NDArray = periods.astype("datetime64[Y]")
    month = (months - years.astype("datetime64[M]")).astype(np.int64)
    day_of_month = days - _days(months)
    month_days = _days(months + np.timedelta64(1, "M")) - _days(months)
    day_of_year = days - _days(years)
    columns: list[tuple[str, str, NDArray]] = []
    weekday = (days + 3) % 7
    if frequency == "D":
        columns += [
            ("weekday", "weekday", weekday),
            ("day_of_month", "season", day_of_month),
            ("days_left_in_month", "season", month_days - 1 - day_of_month),
            ("day_of_year", "season", day_of_year),
            ("easter_distance", "festival", np.clip(easter_distance(periods), -60, 60)),
        ]
    elif frequency == "W":
        columns += [
            ("day_of_year", "season", day_of_year),
            ("week_of_month", "season", day_of_month // 7),
            ("easter_distance", "festival", np.clip(easter_distance(periods), -60, 60)),
        ]
    else:
        columns += [
            ("month", "season", month),
            ("days_in_month", "season", month_days),
            ("easter_distance", "festival", np.clip(easter_distance(periods), -60, 60)),
            ("weekend_days", "season", _weekend_days(days, month_days)),
        ]
    phase = weekday.astype(np.int32) if frequency == "D" else np.zeros(len(days), dtype=np.int32)
    return Calendar(
        tuple(name for name, _, _ in columns),
        tuple(driver for _, driver, _ in columns),
        np.stack([values for _, _, values in columns], axis=1).astype(np.float32),
        phase,
        _month_place(day_of_month, month_days) if frequency == "D" else np.zeros((len(days), 0), dtype=np.float32),
        year_ago(periods, frequency),
    )


MONTH_PLACE = ("month wave, cosine", "month wave, sine", "turn of the month")
TURN_DAYS = 4.0


def _month_place(day_of_month: NDArray[np.int64], month_days: NDArray[np.int64]) -> NDArray[np.float32]:
    """A wave through the month, and nearness to its turn, when wages are paid."""
    angle = 2.0 * np.pi * (day_of_month + 0.5) / month_days
    from_turn = np.minimum(day_of_month, month_days - 1 - day_of_month)
    turn = np.maximum(0.0, 1.0 - from_turn / TURN_DAYS)
    return np.stack([np.cos(angle), np.sin(angle), turn], axis=1).astype(np.float32)


def _weekend_days(days: NDArray[np.int64], month_days: NDArray[np.int64]) -> NDArray[np.int64]:
    """Saturdays and Sundays in the month that starts at each day."""
    count = np.zeros(len(days), dtype=np.int64)
    for offset in range(31):
        weekday = (days + offset + 3) % 7
        count += ((weekday >= 5) & (offset < month_days)).astype(np.int64)
    return count
