"""Histories that are short, empty, tiny or of many sizes get a forecast that makes sense."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from shelfcast.features.frame import prepare
from shelfcast.features.panel import Panel
from shelfcast.features.recipe import floor_share, learn_recipe
from shelfcast.forecast.forecasters import CHAMPION, champion
from shelfcast.forecast.models.lesson import rows_worth

LEVELS = (0.1, 0.5, 0.9)


def panel_of(target: np.ndarray, horizon: int) -> Panel:
    periods = np.datetime64("2024-01-01") + np.arange(target.shape[1] + horizon)
    keys = pl.DataFrame({"unique_id": [f"s{i:03d}" for i in range(len(target))]})
    return Panel(keys, "D", periods, target.astype(np.float32), None, ())


def counts(series: int, days: int, mean: float = 6.0) -> np.ndarray:
    week = np.array([0.8, 0.8, 0.9, 1.0, 1.3, 1.5, 0.7])[np.arange(days) % 7]
    return np.random.default_rng(3).poisson(mean * week, (series, days)).astype(float)


def test_a_panel_that_never_sold_anything_is_forecast_near_zero() -> None:
    made = champion(1)(panel_of(np.zeros((12, 200)), 7), LEVELS, 0)
    for forecast, _ in made.values():
        assert np.isfinite(forecast.quantiles).all()
        assert forecast.mean.max() < 0.5


def test_demand_that_came_to_rest_long_ago_teaches_no_trees_and_fails_nowhere() -> None:
    target = counts(12, 200)
    target[:, 20:] = 0.0
    forecast, _ = champion(1)(panel_of(target, 7), LEVELS, 0)[CHAMPION]
    assert np.isfinite(forecast.quantiles).all()


def test_series_a_million_times_smaller_than_others_are_forecast_in_their_own_size() -> None:
    target = counts(24, 200)
    scale = np.where(np.arange(24) % 2 == 0, 1e6, 1e-6)[:, None]
    made = champion(1)(panel_of(target * scale, 7), LEVELS, 0)
    for name in ("boosted", CHAMPION):
        forecast, _ = made[name]
        ratio = forecast.mean.mean(axis=1) / (target * scale).mean(axis=1)
        assert ratio.min() > 0.5 and ratio.max() < 2.0, name
        wide = (forecast.quantiles[:, :, 2] / scale).mean(axis=1)
        assert wide.max() < 20.0, name


def test_floors_are_smaller_for_series_of_small_sizes_only() -> None:
    target = counts(20, 120)
    target[0] *= 0.001
    recipe = learn_recipe(panel_of(target, 7), 7)
    share = floor_share(recipe, target)
    assert share[0] == pytest.approx(0.002, rel=0.2)
    assert (share[1:] == 1.0).all()


def test_rows_learnt_from_are_at_most_about_as_many_as_known_periods() -> None:
    panel = panel_of(counts(20, 120), 7)
    frame = prepare(panel, learn_recipe(panel, 7))
    assert rows_worth(frame, 300_000) == 5_000 + 20 * 120
    assert rows_worth(frame, 1_000) == 1_000
