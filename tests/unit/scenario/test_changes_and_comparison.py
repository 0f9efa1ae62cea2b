from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from shelfcast.domain.errors import BadParameter
from shelfcast.domain.tables import curated
from shelfcast.features.covariates.prices import price_paths
from shelfcast.features.grid import Grid
from shelfcast.scenario.changes import Change, changed_days, price_rows, weather_rows
from shelfcast.scenario.comparison import compare, effect_draws

DAY = date(2026, 3, 2)
MOMENT = datetime(2026, 3, 2, tzinfo=UTC)
KEYS = pl.DataFrame({"item_id": ["A"], "location_id": ["S"]})


def plan(*rows: tuple[int, float]) -> pl.DataFrame:
    frame = pl.DataFrame(
        {"item_id": ["A"] * len(rows), "location_id": ["S"] * len(rows),
         "valid_from": [DAY + timedelta(days=day) for day, _ in rows], "price": [price for _, price in rows]}
    )  # fmt: skip
    return curated.PRICES.conform(frame)


def test_a_price_change_holds_for_its_days_alone_and_follows_the_plan():
    planned = plan((-30, 10.0), (5, 8.0))
    change = Change("price", DAY + timedelta(days=3), DAY + timedelta(days=7), share=-0.5)
    rows = price_rows(KEYS, planned, change, change.share, MOMENT)
    both = pl.concat([planned, rows]).unique(["item_id", "location_id", "valid_from"], keep="last", maintain_order=True)
    grid = Grid(DAY - timedelta(days=5), DAY - timedelta(days=1), 12, "D")
    path = price_paths(grid, KEYS, both)[0, 5:]
    assert path.tolist() == [10, 10, 10, 5, 5, 4, 4, 4, 8, 8, 8, 8]


def test_a_change_that_says_nothing_or_lies_outside_is_refused():
    last = DAY + timedelta(days=27)
    for wrong in (
        Change("price", DAY, DAY), Change("price", DAY, DAY, share=-0.1, price=3), Change("event", DAY, DAY),
        Change("weather", DAY, DAY), Change("magic", DAY, DAY), Change("price", DAY, DAY - timedelta(days=1), share=-0.1),
        Change("price", last + timedelta(days=1), last + timedelta(days=3), share=-0.1),
    ):  # fmt: skip
        with pytest.raises(BadParameter):
            wrong.check(DAY, last)


def test_changed_weather_adds_to_what_is_expected_or_else_to_what_is_normal_and_is_certain():
    expected = pl.DataFrame(
        {
            "location_id": ["s", "s", "s", "t"],
            "date": [DAY + timedelta(days=n) for n in (0, 1, 2, 1)],
            "temperature_c": [12.0, None, 9.0, 20.0],
            "normal_c": [10.0, 8.0, 8.0, 18.0],
        }
    )
    change = Change("weather", DAY, DAY + timedelta(days=1), temperature_c=5.0, precipitation_mm=0.0)
    rows = weather_rows(["s"], expected, change, MOMENT)
    assert rows.select("location_id", "date", "temperature_c", "precipitation_mm", "is_forecast").rows() == [
        ("s", DAY, 17.0, 0.0, False),
        ("s", DAY + timedelta(days=1), 13.0, 0.0, False),
    ]
    rain = weather_rows(["s"], expected, Change("weather", DAY, DAY, precipitation_mm=20.0), MOMENT)
    assert rain.select("temperature_c", "precipitation_mm").rows() == [(None, 20.0)]


def test_changed_days_are_those_of_any_change():
    days = [DAY + timedelta(days=n) for n in range(5)]
    changes = [Change("delist", days[0], days[0]), Change("delist", days[3], days[4])]
    assert changed_days(changes, days).tolist() == [True, False, False, True, True]


def test_the_difference_is_scenario_less_baseline_and_like_events_widen_it():
    rng = np.random.default_rng(1)
    before, after = np.full((4, 7), 10.0), np.full((4, 7), 13.0)
    touched, ones = np.ones((4, 7), dtype=bool), (np.ones((4, 7)), np.ones((4, 7)))
    sure = compare(before, after, touched, ones, effect_draws(np.array([]), 4, rng), (100.0, 100.0))
    assert sure.difference == sure.difference_low == sure.difference_high == pytest.approx(84.0)
    few = effect_draws(np.array([0.9, 1.3, 2.0, 1.1, 1.6]), 1, rng)
    many = effect_draws(np.tile([0.9, 1.3, 2.0, 1.1, 1.6], 20), 1, rng)
    wide, narrow = (compare(before, after, touched, ones, one, (100.0, 100.0)) for one in (few, many))
    assert wide.difference_low < narrow.difference_low < 84 < narrow.difference_high < wide.difference_high
    assert abs(float(np.log(few).mean())) < 0.05, "the middle stays the model's"
