"""Dates, numbers and yes/no as people write them."""

from __future__ import annotations

from datetime import UTC, date, datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelfcast.sources.dates import DAY_FORMATS, infer_format, parse_days, read_days, read_instants
from shelfcast.sources.numbers import NumberStyle, infer_style, is_nothing, read_flags, read_numbers


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("2024-01-31", date(2024, 1, 31)), ("31.01.2024", date(2024, 1, 31)), ("1/31/2024", date(2024, 1, 31)),
        ("31/1/2024", date(2024, 1, 31)), ("20240131", date(2024, 1, 31)), ("31-Jan-24", date(2024, 1, 31)),
        ("31 January 2024", date(2024, 1, 31)), ("2024/1/31 08:15", date(2024, 1, 31)), ("2024-W05", date(2024, 1, 29)),
        ("2024-01", date(2024, 1, 1)), ("45322", date(2024, 1, 31)), ("1706659200", date(2024, 1, 31)),
        ("1706659200000", date(2024, 1, 31)), ("31.01.24", date(2024, 1, 31)),
    ],
)  # fmt: skip
def test_the_format_of_a_date_is_found(written, day):
    values = pl.Series([written])
    found = infer_format(values)
    assert found is not None
    assert read_days(values, found.format).to_list() == [day]


def test_one_day_above_twelve_settles_what_comes_first():
    found = infer_format(pl.Series(["03/04/2024", "03/25/2024"]))
    assert (found.format, found.ambiguous) == ("%m/%d/%Y", False)
    assert infer_format(pl.Series(["03/04/2024", "05/06/2024"])).ambiguous


def test_two_digit_years_settle_themselves_over_enough_days_and_are_told_where_they_do_not():
    few = infer_format(pl.Series(["24-01-05", "24-01-06"]))
    assert (few.format, few.ambiguous) == ("%d-%m-%y", True)
    days = pl.date_range(date(2023, 12, 1), date(2024, 2, 10), eager=True)
    for format in ("%y-%m-%d", "%d-%m-%y", "%m-%d-%y"):
        written = days.dt.to_string(format)
        found = infer_format(written)
        assert (found.format, found.ambiguous) == (format, False)
        assert read_days(written, found.format).to_list() == days.to_list()


def test_text_and_quantities_are_no_dates():
    assert infer_format(pl.Series(["apples", "pears"])) is None
    assert infer_format(pl.Series(["1", "17", "250"])) is None


@given(st.dates(date(1990, 1, 1), date(2068, 12, 31)), st.sampled_from(DAY_FORMATS))
def test_every_format_reads_what_it_writes(day, format):
    assert parse_days(pl.Series([day.strftime(format)]), format).to_list() == [day]


def test_a_moment_without_a_zone_is_local_and_one_with_a_zone_is_not():
    written = pl.Series(
        ["2024-07-01 10:00", "2024-07-01T10:00:30+02:00", "2024-07-01T10:00:00Z", "1.7.2024 1:05 pm", None]
    )
    assert read_instants(written, "%d.%m.%Y", "Europe/Berlin").to_list() == [
        datetime(2024, 7, 1, 8, tzinfo=UTC), datetime(2024, 7, 1, 8, 0, 30, tzinfo=UTC),
        datetime(2024, 7, 1, 10, tzinfo=UTC), datetime(2024, 7, 1, 11, 5, tzinfo=UTC), None,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("written", "style", "number"),
    [
        ("1.234,5", NumberStyle(",", "."), 1234.5), ("1,234.5", NumberStyle(".", ","), 1234.5), ("1 234,5", NumberStyle(","), 1234.5),
        ("€ 3,50", NumberStyle(","), 3.5), ("$1.20", NumberStyle(), 1.2), ("USD 7", NumberStyle(), 7), ("(4)", NumberStyle(), -4),
        ("5-", NumberStyle(), -5), ("-6", NumberStyle(","), -6), ("1e3", NumberStyle(), 1000), ("1'000", NumberStyle(), 1000),
        ("x", NumberStyle(), None), ("1.2.3", NumberStyle(), None), ("1,2,3", NumberStyle(","), None), ("inf", NumberStyle(), None),
        ("12,5", NumberStyle(), None),
    ],
)  # fmt: skip
def test_numbers_are_read_as_they_are_meant(written, style, number):
    assert read_numbers(pl.Series([written]), style).to_list() == [number]


def test_a_percentage_is_a_share_where_a_share_is_wanted():
    assert read_numbers(pl.Series(["20 %", "0.3"]), NumberStyle(), share=True).to_list() == [0.2, 0.3]


@given(st.lists(st.floats(-1e9, 1e9).map(lambda x: round(x, 2)), min_size=1))
def test_numbers_with_a_decimal_comma_and_thousands_come_back(numbers):
    written = [f"{x:,.2f}".translate(str.maketrans(",.", ".,")) for x in numbers]
    assert read_numbers(pl.Series(written), NumberStyle(",", ".")).to_list() == pytest.approx(numbers)


def test_the_style_of_numbers_is_found():
    assert infer_style([pl.Series(["1.234,5", "7"])])[0] == NumberStyle(",", ".")
    assert infer_style([pl.Series(["0,5", "7,25"])])[0] == NumberStyle(",")
    assert infer_style([pl.Series(["1,234.5"])])[0] == NumberStyle(".", ",")
    assert infer_style([pl.Series(["1,234"])]) == (NumberStyle(".", ","), False)
    assert infer_style([pl.Series(["1.5", "2"])]) == (NumberStyle(), True)


def test_yes_and_no_in_words_and_digits():
    words = pl.Series(["Yes", "nein", "1", "FALSE", "maybe", None])
    assert read_flags(words).to_list() == [True, False, True, False, None, None]
    assert read_flags(pl.Series([1, 0, 2])).to_list() == [True, False, None]


def test_ways_to_write_no_value():
    assert is_nothing(pl.Series(["", " ", "NA", "n/a", "NULL", "-", "0", "x", None])).to_list() == [True] * 6 + [
        False,
        False,
        True,
    ]
