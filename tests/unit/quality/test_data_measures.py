"""Measures of the data as it came."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from shelfcast.quality import data_measures
from shelfcast.quality.feature_drift import feature_drift, spans_of

TODAY = date(2026, 12, 28)


def days(count: int, every: int = 1, until: date = TODAY) -> list[date]:
    return [until - timedelta(days=every * n) for n in range(count)]


def test_a_daily_feed_is_late_on_the_first_day_without_a_row() -> None:
    on_time = data_measures.freshness("sales", days(60), TODAY)
    late = data_measures.freshness("sales", days(60, until=TODAY - timedelta(days=1)), TODAY)
    assert on_time is not None and not on_time.beyond
    assert late is not None and late.beyond and late.value == 1.0


def test_a_feed_with_pauses_may_pause_as_long_as_before_and_half_as_long_again() -> None:
    for age, wrong in ((6, False), (9, False), (10, True)):
        found = data_measures.freshness("prices", days(20, 6, TODAY - timedelta(days=age)), TODAY, planned=True)
        assert found is not None
        assert found.beyond is wrong


def test_a_feed_that_hardly_ever_came_is_not_judged() -> None:
    assert data_measures.freshness("prices", days(5, 20), TODAY) is None


def rows_by_day(today_rows: int) -> pl.DataFrame:
    rows = [("S1", TODAY - timedelta(days=n), 100) for n in range(1, 50)]
    return pl.DataFrame([*rows, ("S1", TODAY, today_rows)], schema=["location_id", "date", "rows"], orient="row")


NONE_CLOSED = pl.DataFrame(schema={"location_id": pl.String, "date": pl.Date})


@pytest.mark.parametrize(("rows", "wrong"), [(100, False), (70, False), (50, True), (200, True)])
def test_half_a_file_and_one_sent_twice_are_beyond(rows: int, wrong: bool) -> None:
    found = data_measures.volume("sales", rows_by_day(rows), NONE_CLOSED, TODAY)
    assert found is not None
    assert found.beyond is wrong


def test_a_closed_shop_sends_nothing_and_that_is_right() -> None:
    closed = pl.DataFrame({"location_id": ["S1"], "date": [TODAY]})
    assert data_measures.volume("sales", rows_by_day(0), closed, TODAY) is None


def test_days_booked_a_day_late_are_seen_by_the_shape_of_the_week() -> None:
    week = np.array([80.0, 80.0, 90.0, 100.0, 130.0, 150.0, 60.0])
    line = [TODAY - timedelta(days=n) for n in range(20, -1, -1)]
    mean = np.array([week[one.weekday()] for one in line])
    right = pl.DataFrame({"date": line, "units": mean * 1.1, "mean": mean})
    late = right.with_columns(units=pl.col("units").shift(1).fill_null(90.0))
    assert not data_measures.shifted_days(right, TODAY).beyond  # type: ignore[union-attr]
    found = data_measures.shifted_days(late, TODAY)
    assert found is not None and found.beyond and "a day late" in found.says


def test_a_week_without_shape_says_nothing_about_its_days() -> None:
    line = [TODAY - timedelta(days=n) for n in range(20, -1, -1)]
    flat = pl.DataFrame({"date": line, "units": [100.0 + n % 2 for n in range(21)], "mean": [100.0] * 21})
    found = data_measures.shifted_days(flat, TODAY)
    assert found is not None and not found.beyond


@pytest.mark.parametrize(("hours", "wrong"), [(0, False), (1, False), (12, True)])
def test_summer_time_is_no_wrong_clock(hours: int, wrong: bool) -> None:
    usual = [(TODAY - timedelta(days=n), hour, 20) for n in range(1, 29) for hour in range(8, 12)]
    today = [(TODAY, hour + hours, 20) for hour in range(8, 12)]
    frame = pl.DataFrame([*usual, *today], schema=["date", "hour", "lines"], orient="row")
    found = data_measures.shifted_hours(frame, TODAY)
    assert found is not None
    assert found.beyond is wrong


def test_stock_at_zero_everywhere_is_a_feed_not_a_shop() -> None:
    shares = {TODAY - timedelta(days=n): 0.05 for n in range(1, 40)}
    assert data_measures.zero_stock(shares | {TODAY: 1.0}, TODAY).beyond  # type: ignore[union-attr]
    assert not data_measures.zero_stock(shares | {TODAY: 0.2}, TODAY).beyond  # type: ignore[union-attr]


def test_promotions_without_a_price_cut_are_counted_among_those_newly_planned() -> None:
    before = [(TODAY - timedelta(days=n), False) for n in range(8, 60)]
    now = [(TODAY - timedelta(days=n), True) for n in range(5)]
    found = data_measures.unmatched("unpriced_promotions", [*before, *now], TODAY)
    assert found is not None and found.beyond and found.value == 1.0
    assert not data_measures.unmatched("unpriced_promotions", before + [(d, False) for d, _ in now], TODAY).beyond  # type: ignore[union-attr]


def test_what_happens_every_christmas_is_no_drift_and_what_never_did_is() -> None:
    generator = np.random.default_rng(1)
    line = [TODAY - timedelta(days=n) for n in range(3 * 364)]
    rows = [(one, 30.0 if one.month == 12 else 10.0) for one in line for _ in range(12)]
    frame = pl.DataFrame(rows, schema=["date", "level"], orient="row")
    noise = generator.poisson(frame["level"].to_numpy()).astype(float)
    usual = frame.select("date", units=pl.Series(noise))
    assert [one.name for one in feature_drift(usual, spans_of(TODAY)) if one.beyond] == []
    halved = usual.with_columns(
        units=pl.when(pl.col("date") > TODAY - timedelta(days=28)).then(pl.col("units") / 2).otherwise(pl.col("units"))
    )
    assert {one.name for one in feature_drift(halved, spans_of(TODAY)) if one.beyond} == {"psi", "wasserstein"}
