"""Weather as it was forecast: nothing of a later issue, nothing of what was measured afterwards."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from shelfcast.domain.tables import curated
from shelfcast.features.covariates.weather_outlook import covariates, issued, learn_outlook, normal_weather
from shelfcast.features.grid import Grid
from shelfcast.features.panel import Role

FIRST = date(2024, 1, 1)


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


def noon(number: int) -> datetime:
    return datetime.combine(day(number), datetime.min.time(), UTC) + timedelta(hours=12)


def rows(*given: dict) -> pl.DataFrame:
    schema = {name: curated.WEATHER.column(name).type.polars for name in given[0]}
    return curated.WEATHER.conform(pl.DataFrame(list(given), schema=schema))


def forecast(issue: int, of: int, degrees: float, place: str = "s") -> dict:
    return {
        "location_id": place, "date": day(of), "temperature_c": degrees, "is_forecast": True, "known_at": noon(issue),
    }  # fmt: skip


def outlook(
    grid: Grid, forecasts: pl.DataFrame, measured: pl.DataFrame | None = None, share: float = 1.0
) -> np.ndarray:
    """Expected differences from normal; without measured weather nothing is known of what is normal."""
    known = rows(
        *({"location_id": "s", "date": day(n), "temperature_c": 0.0, "known_at": noon(n)} for n in range(-9, 99))
    )
    worth = (("temperature_c", (share,) * 16),)
    made = covariates(
        grid, pl.Series(["s"]), np.zeros(1, dtype=np.int64), known if measured is None else measured, forecasts, worth
    )
    assert {one.role for one in made} == {Role.OBSERVED, Role.EXPECTED} and {one.driver for one in made} == {"weather"}
    return np.asarray(next(one for one in made if one.role is Role.EXPECTED).values[0])


def test_each_day_knows_what_was_issued_by_then_and_keeps_it_until_something_newer_comes():
    forecasts = rows(forecast(1, 3, 10.0), forecast(1, 4, 11.0), forecast(3, 4, 15.0))
    expected = outlook(Grid(FIRST, day(4), 3), forecasts)
    assert expected.shape == (5, 3)
    assert np.isnan(expected[0]).all(), "nothing had been issued"
    assert np.array_equal(expected[1], [np.nan, 10.0, 11.0], equal_nan=True)
    assert np.array_equal(expected[2], [10.0, 11.0, np.nan], equal_nan=True), "a day without issue keeps the old one"
    assert np.array_equal(expected[3], [15.0, np.nan, np.nan], equal_nan=True)


def test_of_two_issues_of_a_day_the_later_counts():
    early, late = forecast(1, 2, 5.0), forecast(1, 2, 9.0) | {"known_at": noon(1) + timedelta(hours=3)}
    assert outlook(Grid(FIRST, day(3), 1), rows(late, early))[1, 0] == 9.0


def test_an_issue_at_midnight_belongs_to_the_day_that_ended():
    at_midnight = forecast(1, 2, 7.0) | {"known_at": datetime.combine(day(2), datetime.min.time(), UTC)}
    assert outlook(Grid(FIRST, day(3), 1), rows(at_midnight))[1, 0] == 7.0


def test_what_is_measured_after_a_day_changes_nothing_of_what_was_expected_then():
    generator = np.random.default_rng(3)
    length = 800
    measured = [
        {"location_id": "s", "date": day(n), "temperature_c": float(10 + generator.normal()), "known_at": noon(n + 1)}
        for n in range(length)
    ]
    forecasts = rows(*(forecast(n, n + lead, float(generator.normal())) for n in range(600, length) for lead in (1, 2)))
    grid = Grid(FIRST, day(length - 1), 5)
    whole = outlook(grid, forecasts, rows(*measured))
    for one in measured[700:]:
        one["temperature_c"] = 99.0
    changed = outlook(grid, forecasts, rows(*measured))
    assert np.array_equal(whole[:700], changed[:700], equal_nan=True)


def test_normal_is_the_mean_around_the_same_day_of_earlier_years():
    measured = np.tile(np.arange(365.0), 2)[None, :]
    normal = normal_weather(measured, 740)
    assert np.isnan(normal[0, :300]).all()
    assert normal[0, 364 + 100] == pytest.approx(np.mean(np.arange(90, 111)), abs=1.0)
    slow = np.mean([measured[0, 500 - 364 - 10 : 500 - 364 + 11]])
    assert normal[0, 500] == pytest.approx(slow, abs=1.0)


def shop_of_weather(errors: float, length: int = 900, issues: int = 300):
    """Measured weather and day-ahead forecasts whose errors are so large against what they are about."""
    generator = np.random.default_rng(5)
    unusual = generator.normal(size=length + 1)
    measured = rows(
        *({"location_id": "s", "date": day(n), "temperature_c": float(unusual[n]), "known_at": noon(n + 1)} for n in range(length))
    )  # fmt: skip
    wrong = errors * generator.normal(size=length + 1)
    forecasts = rows(
        *(forecast(n, n + 1, float(unusual[n + 1] + wrong[n])) for n in range(length - issues, length - 1))
    )
    return measured, forecasts


@pytest.mark.parametrize(("errors", "share"), [(0.0, 1.0), (1.0, 0.5)])
def test_a_forecast_is_worth_what_comes_true_of_it(errors, share):
    measured, forecasts = shop_of_weather(errors)
    ((name, worth),) = learn_outlook(Grid(FIRST, day(899), 7), measured, forecasts)
    assert name == "temperature_c"
    assert worth[0] == pytest.approx(share, abs=0.12)
    assert max(worth[1:]) == 0.0, "nobody looked further ahead"


def test_forecasts_are_read_once_there_are_enough_of_them_and_only_by_the_day():
    measured, forecasts = shop_of_weather(0.0, issues=61)
    assert learn_outlook(Grid(FIRST, day(899), 7), measured, forecasts)
    assert learn_outlook(Grid(FIRST, day(899), 7), measured, forecasts.tail(59)) == ()
    assert learn_outlook(Grid(FIRST, day(899), 7, "W"), measured, forecasts) == ()
    assert learn_outlook(Grid(FIRST, day(899), 7), measured, curated.WEATHER.empty()) == ()


def test_weather_that_a_scenario_supposes_is_certain_on_any_day_of_the_horizon():
    supposed = rows(
        *({"location_id": "s", "date": day(n), "temperature_c": 2.0, "known_at": noon(n)} for n in range(100)),
        {"location_id": "s", "date": day(119), "temperature_c": 8.0, "known_at": noon(100)},
    )
    expected = outlook(Grid(FIRST, day(99), 28), rows(forecast(99, 100, 4.0)), supposed, share=0.5)
    assert expected.shape == (100, 20)
    assert expected[-1, 0] == pytest.approx(1.0), "half of what is forecast comes true"
    assert expected[-1, 19] == pytest.approx(6.0)
    assert np.isnan(expected[-1, 1:19]).all()


def test_rows_outside_the_grid_are_left_out():
    made = issued((1, 3), np.array([0, -1, 0]), np.array([9, 1, 1]), np.array([0, 0, -4]), np.array([1.0, 2.0, 3.0]), 2)
    assert np.isnan(made).all()
