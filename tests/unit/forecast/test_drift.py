"""Forecasts against what came, beside slow computations."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shelfcast.domain.quantiles import COLUMNS, GRID
from shelfcast.domain.tables.monitoring import FORECAST_SUMS
from shelfcast.forecast import metrics
from shelfcast.forecast.drift_causes import features_moved, moved_with, segments_moved
from shelfcast.forecast.drift_measures import Promise, days_of, forecast_measures, tracking_signal
from shelfcast.forecast.drift_sums import LEVELS, pinball, promised_error, promised_pinball, sums_of, weights

TODAY = date(2026, 6, 30)


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=40))
@settings(max_examples=100, deadline=None)
def test_the_tracking_signal_is_the_sum_over_the_mean_size(errors: list[float]) -> None:
    size = sum(abs(one) for one in errors) / len(errors)
    slow = 0.0
    for one in errors:
        slow += one / size if size > 0 else 0.0
    found = tracking_signal(np.array(errors))
    assert found == pytest.approx(slow, abs=1e-6)
    assert abs(found) <= len(errors) + 1e-6


def test_quantile_losses_are_those_of_the_metrics() -> None:
    generator = np.random.default_rng(2)
    quantiles = np.sort(generator.gamma(2, 5, (30, len(GRID))), axis=1)
    actual = generator.gamma(2, 5, 30)
    chosen = [GRID.index(level) for level in LEVELS]
    slow = metrics.pinball_cells(actual[:, None], quantiles[:, None, chosen], LEVELS)[:, 0]
    np.testing.assert_allclose(pinball(actual, quantiles), slow)


def test_what_a_forecast_promises_is_what_its_own_draws_cost() -> None:
    generator = np.random.default_rng(4)
    draws = generator.normal(50, 8, 200_000)
    quantiles = np.quantile(draws, GRID)[None, :]
    median = quantiles[0, GRID.index(0.5)]
    assert weights().sum() == pytest.approx(1.0)
    assert promised_error(quantiles)[0] == pytest.approx(float(np.abs(draws - median).mean()), rel=0.02)
    cost = float(pinball(draws, np.repeat(quantiles, len(draws), axis=0)).mean())
    assert promised_pinball(quantiles)[0] == pytest.approx(cost, rel=0.02)


def forecast_rows(series: int, days: int) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    generator = np.random.default_rng(9)
    rows, actual = [], []
    for n in range(series):
        for ahead in range(1, days + 1):
            day = TODAY + timedelta(days=ahead)
            values = np.sort(generator.gamma(3, 4, len(GRID)))
            for stage, factor in (("model", 1.0), ("baseline", 1.2), ("planner", 0.9)):
                if stage == "planner" and n:
                    continue
                scaled = dict(zip(COLUMNS, (values * factor).tolist(), strict=True))
                rows.append(
                    {"cutoff": TODAY, "stage": stage, "item_id": f"I{n}", "location_id": f"S{n % 2}", "date": day,
                     "step": ahead, "mean": float(values.mean() * factor), **scaled}
                )  # fmt: skip
            actual.append(
                {"item_id": f"I{n}", "location_id": f"S{n % 2}", "date": day, "units": float(generator.poisson(12))}
            )
    items = pl.DataFrame(
        {"item_id": [f"I{n}" for n in range(series)], "category": ["a" if n < 2 else "b" for n in range(series)]}
    )
    return pl.DataFrame(rows), pl.DataFrame(actual), items


def test_sums_of_segments_are_those_of_a_plain_loop() -> None:
    forecasts, actual, items = forecast_rows(5, 9)
    found = sums_of(forecasts, actual, items, "run")
    sold = {tuple(key): units for *key, units in actual.iter_rows()}
    category = dict(items.iter_rows())
    slow: dict[tuple[date, str, str], dict[str, float]] = {}
    for row in forecasts.iter_rows(named=True):
        units = sold[(row["item_id"], row["location_id"], row["date"])]
        band = "1-7" if row["step"] <= 7 else "8-28"
        for segment in ("all", f"location={row['location_id']}", f"category={category[row['item_id']]}"):
            one = slow.setdefault(
                (row["date"], segment, band),
                dict.fromkeys(
                    (
                        "cells",
                        "units",
                        "mean",
                        "absolute_error",
                        "inside_80",
                        "baseline_error",
                        "planner_cells",
                        "planner_error",
                    ),
                    0.0,
                ),
            )
            if row["stage"] == "model":
                one["cells"] += 1
                one["units"] += units
                one["mean"] += row["mean"]
                one["absolute_error"] += abs(units - row["q500"])
                one["inside_80"] += row["q100"] <= units <= row["q900"]
            elif row["stage"] == "baseline":
                one["baseline_error"] += abs(units - row["q500"])
            else:
                one["planner_cells"] += 1
                one["planner_error"] += abs(units - row["mean"])
    assert found.height == len(slow)
    for row in found.iter_rows(named=True):
        for name, value in slow[(row["date"], row["segment"], row["band"])].items():
            assert row[name] == pytest.approx(value, abs=1e-5), (row["segment"], name)


def test_where_stock_ran_out_a_day_counts_for_demand_and_not_for_the_error() -> None:
    """Two series-days: one sold 10 of 10 forecast, the other sold 4 until the shelf was empty and would have sold 20."""
    day = TODAY + timedelta(days=1)
    levels = dict.fromkeys(COLUMNS, 10.0)
    rows = pl.DataFrame(
        [
            {"cutoff": TODAY, "scenario": "base", "stage": "model", "item_id": item, "location_id": "S1", "date": day, "step": 1, "mean": 10.0, **levels}
            for item in ("A", "B")
        ]
    )  # fmt: skip
    actual = pl.DataFrame(
        {"item_id": ["A", "B"], "location_id": ["S1"] * 2, "date": [day] * 2, "units": [10.0, 4.0], "wanted": [10.0, 20.0], "counts": [True, False]}
    )  # fmt: skip
    items = pl.DataFrame({"item_id": ["A", "B"], "category": ["Dairy"] * 2})
    (found,) = sums_of(rows, actual, items, "run").filter(pl.col("segment") == "all").iter_rows(named=True)
    assert (found["cells"], found["units"], found["absolute_error"]) == (1, 10.0, 0.0)
    assert (found["wanted"], found["wanted_mean"]) == (30.0, 20.0)


def daily_sums(days: int, lean: float = 0.0, from_day: int = 0) -> pl.DataFrame:
    """Sums of one segment whose errors alternate, and lean to one side from a day on."""
    rows = []
    for n in range(days):
        day = TODAY - timedelta(days=days - 1 - n)
        wobble = 4.0 if n % 2 else -4.0
        mean = 200.0 * (1.0 + (lean if n >= from_day else 0.0)) + wobble
        rows.append(
            {"date": day, "segment": "all", "band": "1-7", "cells": 100, "series": 100, "units": 200.0, "mean": mean,
             "absolute_error": 60.0 + abs(mean - 200.0), "promised_error": 64.0, "pinball": 50.0, "promised_pinball": 50.0, "inside_80": 84,
             "baseline_error": 90.0, "planner_cells": 0, "planner_error": 0.0, "planner_model_error": 0.0}
        )  # fmt: skip
    return FORECAST_SUMS.conform(pl.DataFrame(rows))


def test_a_steady_forecast_is_beyond_nothing() -> None:
    found = forecast_measures(daily_sums(100), TODAY, Promise({"wape": 0.3}))
    assert {one.name for one in found} >= {
        "bias",
        "wape",
        "pinball",
        "tracking_signal",
        "coverage_80",
        "against_baseline",
    }
    assert [one.name for one in found if one.beyond] == []


def test_a_lean_of_a_fifth_is_beyond_within_the_week_and_the_tracking_signal_follows() -> None:
    found = {one.name: one for one in forecast_measures(daily_sums(100, 0.2, 94), TODAY, Promise({}))}
    assert found["bias"].beyond
    steady = {one.name: one for one in forecast_measures(daily_sums(100, 0.2, 73), TODAY, Promise({}))}
    assert steady["tracking_signal"].beyond


def test_a_lean_too_small_to_matter_never_counts_however_steady() -> None:
    found = {one.name: one for one in forecast_measures(daily_sums(100, 0.03, 20), TODAY, Promise({}))}
    assert not found["tracking_signal"].beyond
    assert not found["bias"].beyond


def test_a_week_in_which_nothing_was_sold_is_said_in_words_and_counts_neither_way() -> None:
    nothing = pl.when(pl.col("date") > TODAY - timedelta(days=7)).then(0.0)
    sums = daily_sums(100).with_columns(units=nothing.otherwise("units"))
    bias = next(one for one in forecast_measures(sums, TODAY, Promise({})) if one.name == "bias")
    assert not bias.beyond and not bias.calm
    assert bias.says == "Nothing was sold that it could be measured by (all)."


def test_a_day_without_actuals_is_not_judged() -> None:
    until_yesterday = daily_sums(100).filter(pl.col("date") < TODAY)
    assert forecast_measures(until_yesterday, TODAY, Promise({})) == []


@given(st.integers(3, 60), st.integers(1, 14), st.integers(0, 10))
@settings(max_examples=40, deadline=None)
def test_rolling_ratios_are_those_of_each_span_on_its_own(days: int, span: int, skip: int) -> None:
    one = days_of(daily_sums(days, 0.1, days // 2), TODAY)[0]
    slow = []
    length = len(one.values["units"])
    for ago in range(skip, length - span + 1):
        known = np.isfinite(one.span("units", span, ago)).sum()
        if known >= 0.7 * span:
            slow.append(one.ratio("error", "units", span, ago))
    np.testing.assert_allclose(one.rolling("error", "units", span, skip), slow, atol=1e-9)


def test_the_parts_that_carry_the_error_are_named_and_others_are_not() -> None:
    cells = pl.DataFrame({"shop": ["A", "B", "C"], "units": [10.0, 50.0, 40.0], "mean": [30.0, 52.0, 41.0]})
    assert segments_moved(cells, ["shop"]) == ["87 % of it in shop A (10 % of sales)"]
    assert features_moved({"promoted": 0.11}, {"promoted": 0.12}) == []
    assert "look outside" in moved_with([], [], [])
    assert moved_with(["a"], ["b"], ["c"]) == "a; b; c is odd as well."
