"""Festivals by country and region, moving ones included, and a retailer's own calendar with lead and lag days."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shelfcast.bootstrap import in_memory
from shelfcast.domain.errors import BadFile, BadParameter, NotReady
from shelfcast.domain.tables.curated import CALENDAR_EVENTS, LOCATIONS, QUARANTINE
from shelfcast.lake.as_of import as_of
from shelfcast.lake.merge import merge
from shelfcast.pipeline.fetch_festivals import load_calendar, load_holidays
from shelfcast.ports.platform import Platform
from shelfcast.sources.connectors.festivals import public_holidays


@pytest.fixture
def platform() -> Platform:
    return in_memory()


def days(platform: Platform, event: str) -> list[date]:
    rows = platform.tables.scan(CALENDAR_EVENTS).filter(pl.col("event").str.contains(event)).collect()
    return sorted(rows["date"].unique().to_list())


def test_moving_festivals_fall_on_their_days() -> None:
    rows, notes = public_holidays({"IN": [], "MY": [], "US": []}, [2024, 2025])
    named = {(name, day) for name, day in rows.select("event", "date").iter_rows()}
    assert notes == []
    assert any("Diwali" in name and day in (date(2024, 10, 31), date(2024, 11, 1)) for name, day in named)
    assert ("Thanksgiving Day", date(2025, 11, 27)) in named
    assert {day for name, day in named if "Tahun Baharu Cina" in name or "Chinese New Year" in name} >= {
        date(2025, 1, 29)
    }


def test_regions_have_their_own_days_beside_the_countrys() -> None:
    rows, notes = public_holidays({"DE": ["BY", "Atlantis"], "ZZ": []}, [2026])
    own = rows.filter(pl.col("scope") == "region")
    assert own["scope_value"].unique().to_list() == ["BY"] and date(2026, 1, 6) in own["date"].to_list()
    assert date(2026, 10, 3) in rows.filter(pl.col("scope") == "country")["date"].to_list()
    assert ["Atlantis" in notes[0], "'ZZ' is unknown" in notes[1]] == [True, True]


def test_holidays_of_the_shops_countries_are_loaded_once_and_known_a_year_ahead(platform) -> None:
    with pytest.raises(NotReady, match="--country DE"):
        load_holidays(platform)
    merge(
        platform.tables,
        LOCATIONS,
        pl.DataFrame({"location_id": ["B"], "country": ["DE"], "region": ["BY"]}),
        received_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    done = load_holidays(platform)
    assert done.years == (2026, 2027, 2028) and done.report.kept == done.report.inserted > 30
    assert load_holidays(platform).report.inserted == 0
    known = as_of(platform.tables, CALENDAR_EVENTS, datetime(2026, 3, 1, tzinfo=UTC)).filter(
        pl.col("date") == date(2026, 10, 3)
    )
    assert known.collect().height == 1


CALENDAR = """event,first_date,last_date,lead_days,lag_days,event_type,scope,scope_value
Summer sale,2026-07-01,2026-07-03,2,1,,,
Autumn break,2026-10-26,2026-10-30,,,school_holiday,region,BY
"""


def test_own_calendars_are_spread_into_lead_own_and_lag_days(platform, tmp_path: Path) -> None:
    file = tmp_path / "calendar.csv"
    file.write_text(CALENDAR)
    report = load_calendar(platform, file)
    assert (report.kept, report.quarantined) == (2 + 3 + 1 + 5, 0)
    assert days(platform, "^Summer sale, before$") == [date(2026, 6, 29), date(2026, 6, 30)]
    assert days(platform, "^Summer sale$") == [date(2026, 7, 1), date(2026, 7, 2), date(2026, 7, 3)]
    assert days(platform, "^Summer sale, after$") == [date(2026, 7, 4)]
    assert days(platform, "^Autumn break$")[-1] == date(2026, 10, 30)
    assert load_calendar(platform, file).inserted == 0


SCHOOL = "Name;Start;End;Scope;Scope_value\nHerbstferien Müller-Straße;2026-10-26;2026-10-30;region;BY\n"


def test_a_file_of_school_holidays_is_read_as_offices_write_it(platform, tmp_path: Path) -> None:
    file = tmp_path / "ferien.csv"
    file.write_bytes(SCHOOL.encode("cp1252"))
    report = load_calendar(platform, file, event_type="school_holiday")
    assert (report.kept, report.quarantined) == (5, 0)
    rows = platform.tables.scan(CALENDAR_EVENTS).collect()
    assert rows["event_type"].unique().to_list() == ["school_holiday"]
    assert rows["event"].unique().to_list() == ["Herbstferien Müller-Straße"]
    assert rows["scope_value"].unique().to_list() == ["BY"]


def test_a_line_of_a_calendar_that_can_not_be_split_costs_itself_only(platform, tmp_path: Path) -> None:
    file = tmp_path / "calendar.csv"
    file.write_text(CALENDAR + "X,2026-07-01\n")
    report = load_calendar(platform, file)
    assert (report.rows_in, report.kept, report.quarantined) == (12, 11, 1)


BROKEN = {
    "no event": ",2026-07-01,,,,,,",
    "no date": "X,,,,,,,",
    "a word for a date": "X,summer,,,,,,",
    "a date of another country": "X,01.07.2026,,,,,,",
    "a day that is none": "X,2026-02-30,,,,,,",
    "ends before it begins": "X,2026-07-03,2026-07-01,,,,,",
    "lasts two years": "X,2026-07-03,2028-07-01,,,,,",
    "lead is a word": "X,2026-07-03,,two,,,,",
    "lead is below 0": "X,2026-07-03,,-1,,,,",
    "lag is a fraction": "X,2026-07-03,,,1.5,,,",
    "lag is a year": "X,2026-07-03,,,365,,,",
    "last is a word": "X,2026-07-03,soon,,,,,",
    "unknown scope": "X,2026-07-03,,,,,planet,Mars",
    "only blanks for a name": "  ,2026-07-03,,,,,,",
    "the first day there is": "X,0001-01-01,,,,,,",
    "the last day there is": "X,9999-12-31,,,2,,,",
    "a week for a date": "X,2026-W27,,,,,,",
    "a number for a date": "X,46200,,,,,,",
    "a moment for a date": "X,2026-07-03T10:00:00Z,,,,,,",
    "lag is a word": "X,2026-07-03,,,soon,,,",
    "lead is endless": "X,2026-07-03,,inf,,,,",
    "a column too many": "X,2026-07-03,,,,,,,,",
    "a column too few": "X,2026-07-03,,,",
    "a day long past": "X,1066-10-14,,,,,,",
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_line_costs_itself_only(platform, tmp_path: Path, name: str) -> None:
    file = tmp_path / "calendar.csv"
    file.write_text(CALENDAR + BROKEN[name] + "\n")
    report = load_calendar(platform, file)
    assert (report.rows_in, report.kept, report.quarantined) == (12, 11, 1)
    assert platform.tables.scan(QUARANTINE).collect()["source_line"].to_list() == [3]


cell = st.sampled_from(
    ["", " ", "X", "2026-07-01", "2026-07-03", "2026-02-30", "0001-01-01", "9999-12-31", "3", "-3", "1.5", "1e9", "region",
     "all", "BY", "festival", "ü", "NaN", "'", "=1"]
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(cell, min_size=8, max_size=8), min_size=1, max_size=5))
def test_lines_of_a_calendar_are_days_kept_or_lines_quarantined(lines: list[list[str]]) -> None:
    made = in_memory()
    with TemporaryDirectory() as folder:
        file = Path(folder) / "calendar.csv"
        file.write_text(CALENDAR + "".join(",".join(one) + "\n" for one in lines), "utf-8")
        report = load_calendar(made, file)
    assert report.rows_in == report.kept + report.quarantined
    refused = made.tables.scan(QUARANTINE).collect()
    assert all(refused["reason"]) and report.kept >= 11
    # A line is used or refused; without any value it is none.
    used = made.tables.scan(CALENDAR_EVENTS).collect()
    assert used.height and set(refused["source_line"]) <= set(range(3, 3 + len(lines)))


def test_a_file_that_is_no_calendar_is_refused(platform, tmp_path: Path) -> None:
    file = tmp_path / "calendar.csv"
    file.write_text("a,b\n1,2\n")
    with pytest.raises(BadParameter, match="needs event and first_date"):
        load_calendar(platform, file)
    with pytest.raises(BadFile, match="can't be read"):
        load_calendar(platform, tmp_path / "none.csv")
