"""The pooled linear stage: its normal equations, and how little a column seen on a few periods may say."""

from __future__ import annotations

import numpy as np
import pytest

from shelfcast.forecast.models.linear_stage import (
    fit_linear_stage,
    periods_seen,
    ridge_strength,
    stage_features,
)

NAMES = (
    "local regression",
    "periods ahead",
    "level, last 7",
    "season two years ago",
    "all: season two years ago",
    "promo",
)


def rows(periods: int, series: int, seen_from: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A matrix whose season two years ago is known from a period on, and a target that moved with it by chance."""
    rng = np.random.default_rng(0)
    period = np.repeat(np.arange(periods), series)
    matrix = np.zeros((len(period), len(NAMES)), dtype=np.float32)
    matrix[:, 1] = 1.0
    matrix[:, 2] = rng.normal(0, 0.3, len(period))
    season = np.where(period >= seen_from, 0.2 + rng.normal(0, 0.02, len(period)), np.nan)
    matrix[:, 3] = season
    matrix[:, 4] = season
    target = 0.5 * matrix[:, 2] - np.nan_to_num(season) + rng.normal(0, 0.05, len(period))
    return matrix, target, period


def test_only_levels_and_seasons_enter_the_stage() -> None:
    assert stage_features(NAMES).tolist() == [2, 3, 4]


def test_a_column_seen_on_few_periods_says_little_however_many_series_repeat_it() -> None:
    columns = stage_features(NAMES)
    matrix, target, period = rows(400, 50, 390)
    seen = periods_seen(matrix, columns, period)
    assert seen.tolist() == [400, 10, 10]
    strength = ridge_strength(NAMES, columns, seen, 364)
    stage = fit_linear_stage(matrix, target, np.ones(len(target)), columns, strength, 1)
    weights = stage.weights.sum(axis=0)
    assert weights[0] == pytest.approx(0.5, abs=0.03)
    assert abs(weights[1]) < 0.1 and abs(weights[2]) < 0.1
    matrix, target, period = rows(400, 50, 0)
    seen = periods_seen(matrix, columns, period)
    strength = ridge_strength(NAMES, columns, seen, 364)
    stage = fit_linear_stage(matrix, target, np.ones(len(target)), columns, strength, 1)
    assert stage.weights.sum(axis=0)[1:3].sum() < -0.5


def test_without_counts_the_ridge_is_that_of_the_column() -> None:
    columns = stage_features(NAMES)
    assert ridge_strength(NAMES, columns).tolist() == [0.02, 0.02, 5.0]
    assert ridge_strength(NAMES, columns, np.array([364, 364, 364]), 364).tolist() == pytest.approx(
        [0.02, 0.02, 5.0], rel=0.01
    )


def test_single_days_of_last_year_are_doubted_less_than_levels_all_series_share() -> None:
    names = ("local regression", "periods ahead", "all: level, week", "all: same date last year, beside its season")
    columns = stage_features(names)
    assert columns.tolist() == [2, 3]
    level, day = ridge_strength(names, columns)
    assert day < 0.1 * level
