"""Contributions of features: the library's own are the reference."""

from __future__ import annotations

import lightgbm as lgb
import numpy as np
import pytest

from shelfcast.forecast.models.tree_shap import TreeShap


def trained(objective: str, depth: int, seed: int = 3) -> tuple[lgb.Booster, np.ndarray]:
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(4_000, 8))
    matrix[:, 5] = rng.integers(0, 40, len(matrix))
    matrix[:, 6] = rng.integers(0, 3, len(matrix))
    matrix[rng.random(matrix.shape) < 0.1] = np.nan
    matrix[rng.random(len(matrix)) < 0.3, 2] = 0.0
    size = np.exp(
        0.3 * np.nan_to_num(matrix[:, 0])
        + 0.2 * (np.nan_to_num(matrix[:, 5]) % 7 == 0)
        + 0.1 * np.nan_to_num(matrix[:, 2])
    )
    target = rng.poisson(3.0 * size).astype(float)
    settings = {
        "objective": objective, "num_leaves": 40, "max_depth": depth, "verbosity": -1, "min_data_in_leaf": 20,
        "num_threads": 1, "seed": 1, "cat_smooth": 5.0,
    }  # fmt: skip
    data = lgb.Dataset(matrix, target, categorical_feature=[5, 6])
    return lgb.train(settings, data, 25), matrix[:500]


@pytest.mark.parametrize("objective", ["tweedie", "regression"])
def test_contributions_are_those_of_the_library(objective):
    booster, rows = trained(objective, 8)
    explainer = TreeShap.of(booster)
    assert explainer is not None
    expected = np.asarray(booster.predict(rows, pred_contrib=True, num_threads=1))
    np.testing.assert_allclose(explainer.contributions(rows), expected, rtol=1e-9, atol=1e-9)


def test_they_add_up_to_the_raw_prediction():
    booster, rows = trained("tweedie", 6)
    explainer = TreeShap.of(booster)
    assert explainer is not None
    raw = booster.predict(rows, raw_score=True, num_threads=1)
    np.testing.assert_allclose(explainer.contributions(rows).sum(axis=1), raw, rtol=1e-10, atol=1e-10)


def test_deep_trees_are_left_to_the_library():
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(5_000, 30))
    booster = lgb.train(
        {"num_leaves": 400, "verbosity": -1, "min_data_in_leaf": 2, "num_threads": 1},
        lgb.Dataset(matrix, matrix @ rng.normal(size=30)),
        3,
    )
    assert TreeShap.of(booster) is None


def test_a_single_leaf_says_the_mean():
    matrix = np.ones((100, 2))
    booster = lgb.train({"verbosity": -1, "num_threads": 1}, lgb.Dataset(matrix, np.full(100, 4.0)), 2)
    explainer = TreeShap.of(booster)
    assert explainer is not None
    np.testing.assert_allclose(explainer.contributions(matrix[:3]), booster.predict(matrix[:3], pred_contrib=True))
