from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from shelfcast.domain.errors import BadParameter
from shelfcast.features import calendar


@pytest.mark.parametrize(
    ("year", "sunday"),
    # published dates of Easter Sunday
    [(2000, "2000-04-23"), (2008, "2008-03-23"), (2011, "2011-04-24"), (2019, "2019-04-21"), (2038, "2038-04-25")],
)
def test_easter_falls_on_its_published_date(year: int, sunday: str) -> None:
    assert str(calendar.easter(year)) == sunday


def test_the_nearest_easter_is_counted_from() -> None:
    days = np.array(["2014-04-18", "2014-04-21", "2014-12-31"], dtype="datetime64[D]")
    assert calendar.easter_distance(days).tolist() == [-2, 1, -95]


def test_a_year_ago_keeps_weekday_date_or_festival() -> None:
    days = np.arange("2013-01-01", "2015-01-01", dtype="datetime64[D]")
    by_weekday, by_date, by_festival = calendar.year_ago(days, "D")
    christmas = int(np.flatnonzero(days == np.datetime64("2014-12-24"))[0])
    assert str(days[by_weekday[christmas]]) == "2013-12-25"
    assert str(days[by_date[christmas]]) == "2013-12-24"
    assert by_festival[christmas] == by_date[christmas]
    good_friday = int(np.flatnonzero(days == np.datetime64("2014-04-18"))[0])
    assert str(days[by_festival[good_friday]]) == "2013-03-29"
    assert by_weekday[10] == -1 and by_date[10] == -1


def test_a_leap_day_is_compared_with_the_last_of_february() -> None:
    days = np.arange("2023-01-01", "2024-12-31", dtype="datetime64[D]")
    leap = int(np.flatnonzero(days == np.datetime64("2024-02-29"))[0])
    assert str(days[calendar.year_ago(days, "D")[1, leap]]) == "2023-02-28"


def test_weekdays_months_and_weekends_agree_with_the_standard_library() -> None:
    days = np.arange("2023-12-20", "2024-03-10", dtype="datetime64[D]")
    found = calendar.calendar_of(days, "D")
    column = dict(zip(found.names, found.values.T, strict=True))
    for i, day in enumerate(days.astype(object)):
        assert isinstance(day, date)
        assert column["weekday"][i] == day.weekday() == found.phase[i]
        assert column["day_of_month"][i] == day.day - 1
        assert column["day_of_year"][i] == day.timetuple().tm_yday - 1
    months = np.arange("2023-11", "2024-04", dtype="datetime64[M]").astype("datetime64[D]")
    monthly = calendar.calendar_of(months, "M")
    column = dict(zip(monthly.names, monthly.values.T, strict=True))
    assert column["month"].tolist() == [10, 11, 0, 1, 2]
    assert column["days_in_month"].tolist() == [30, 31, 31, 29, 31]
    assert column["weekend_days"].tolist() == [8, 10, 8, 8, 10]


def test_an_unknown_frequency_is_refused() -> None:
    with pytest.raises(BadParameter, match="'H' is unknown; known: D, M, W"):
        calendar.year_length("H")
