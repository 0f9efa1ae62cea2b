"""Each metric agrees with an independent slow loop, and with utilsforecast where that has it."""

from __future__ import annotations

import itertools
import math
import warnings

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from shelfcast.domain.errors import BadInput, BadParameter
from shelfcast.forecast import metrics

with warnings.catch_warnings():  # the library's docstrings hold invalid escapes
    warnings.simplefilter("ignore", SyntaxWarning)
    losses = pytest.importorskip("utilsforecast.losses", reason="the stats extra isn't installed")

LEVELS = (0.1, 0.3, 0.5, 0.9)


def a_case(seed: int, series: int = 7, horizon: int = 5, missing: float = 0.2):
    generator = np.random.default_rng(seed)
    history = generator.poisson(4.0, (series, 40)).astype(float)
    history[generator.random(history.shape) < missing] = np.nan
    history[0] = 3.0  # constant: its scale is zero, its cells are left out of scaled metrics
    actual = generator.poisson(4.0, (series, horizon)).astype(float)
    actual[generator.random(actual.shape) < missing] = np.nan
    actual[1, 0] = 5.0
    mean = generator.gamma(4.0, 1.0, (series, horizon))
    quantiles = np.sort(generator.gamma(4.0, 1.0, (series, horizon, len(LEVELS))), axis=2)
    return history, actual, mean, quantiles


def slow_scale(row, season, power=1):
    changes = [abs(row[t] - row[t - season]) ** power for t in range(season, len(row))]
    changes = [change for change in changes if not math.isnan(change)]
    return sum(changes) / len(changes) if changes else 1.0


def slow_pinball(actual, quantiles):
    total = 0.0
    for level, quantile in zip(LEVELS, quantiles, strict=True):
        total += 2 * (level * (actual - quantile) if actual >= quantile else (1 - level) * (quantile - actual))
    return total / len(LEVELS)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 8))
def test_every_metric_equals_its_slow_loop(seed, season):
    history, actual, mean, quantiles = a_case(seed)
    cells = [(i, t) for i in range(len(actual)) for t in range(actual.shape[1]) if not math.isnan(actual[i, t])]
    size = sum(abs(actual[c]) for c in cells)
    scales = [slow_scale(row, season) for row in history]
    squared = [slow_scale(row, season, 2) for row in history]
    scaled_cells = [c for c in cells if scales[c[0]] > 0]
    scale = metrics.seasonal_error(history, season)

    assert scale == pytest.approx(scales)
    assert metrics.seasonal_error(history, season, power=2) == pytest.approx(squared)
    assert metrics.wape(actual, mean) == pytest.approx(sum(abs(actual[c] - mean[c]) for c in cells) / size)
    assert metrics.bias(actual, mean) == pytest.approx(sum(mean[c] - actual[c] for c in cells) / size)
    assert metrics.mase(actual, mean, scale) == pytest.approx(
        sum(abs(actual[c] - mean[c]) / scales[c[0]] for c in scaled_cells) / len(scaled_cells)
    )
    assert metrics.rmsse(actual, mean, np.array(squared)) == pytest.approx(
        math.sqrt(sum((actual[c] - mean[c]) ** 2 / squared[c[0]] for c in scaled_cells) / len(scaled_cells))
    )
    losses_of = {c: slow_pinball(actual[c], quantiles[c]) for c in cells}
    assert metrics.pinball_loss(actual, quantiles, LEVELS) == pytest.approx(sum(losses_of.values()) / len(cells))
    assert metrics.wql(actual, quantiles, LEVELS) == pytest.approx(sum(losses_of.values()) / size)
    assert metrics.sql(actual, quantiles, LEVELS, scale) == pytest.approx(
        sum(losses_of[c] / scales[c[0]] for c in scaled_cells) / len(scaled_cells)
    )
    inside = sum(quantiles[c][0] <= actual[c] <= quantiles[c][-1] for c in cells)
    assert metrics.coverage(actual, quantiles, LEVELS, 0.8) == pytest.approx(inside / len(cells))


def test_the_field_library_agrees_on_complete_data():
    history, actual, mean, quantiles = a_case(3, missing=0.0)
    history, actual, mean, quantiles = history[1:], actual[1:], mean[1:], quantiles[1:]
    count, horizon = actual.shape
    frame = pl.DataFrame(
        {
            "unique_id": np.repeat(np.arange(count), horizon),
            "ds": np.tile(np.arange(40, 40 + horizon), count),
            "y": actual.ravel(),
            "m": mean.ravel(),
            **{f"q{level}": quantiles[:, :, k].ravel() for k, level in enumerate(LEVELS)},
        }
    )
    train = pl.DataFrame(
        {"unique_id": np.repeat(np.arange(count), 40), "ds": np.tile(np.arange(40), count), "y": history.ravel()}
    )
    mase = losses.mase(frame, ["m"], seasonality=7, train_df=train)["m"].mean()
    assert metrics.mase(actual, mean, metrics.seasonal_error(history, 7)) == pytest.approx(mase)
    rmsse = (losses.rmsse(frame, ["m"], seasonality=7, train_df=train)["m"] ** 2).mean() ** 0.5
    assert metrics.rmsse(actual, mean, metrics.seasonal_error(history, 7, power=2)) == pytest.approx(rmsse)
    assert metrics.wape(actual, mean) == pytest.approx(losses.mae(frame, ["m"])["m"].mean() / np.abs(actual).mean())
    total = 0.0
    for level in LEVELS:
        total += losses.quantile_loss(frame, {"x": f"q{level}"}, q=level)["x"].mean()
    assert metrics.pinball_loss(actual, quantiles, LEVELS) == pytest.approx(2 * total / len(LEVELS))
    scaled = losses.scaled_mqloss(
        frame, {"x": [f"q{level}" for level in LEVELS]}, quantiles=np.array(LEVELS), seasonality=7, train_df=train
    )["x"].mean()
    assert metrics.sql(actual, quantiles, LEVELS, metrics.seasonal_error(history, 7)) == pytest.approx(2 * scaled)


def test_the_median_pinball_is_the_absolute_error():
    _, actual, mean, _ = a_case(1)
    assert metrics.wql(actual, mean[:, :, None], (0.5,)) == pytest.approx(metrics.wape(actual, mean))


def test_a_series_shorter_than_the_season_has_scale_one_and_a_constant_one_zero():
    assert metrics.seasonal_error(np.array([[1.0, 2.0]]), 7).tolist() == [1.0]
    assert metrics.seasonal_error(np.full((1, 20), 4.0), 7).tolist() == [0.0]
    assert math.isnan(metrics.mase(np.ones((1, 2)), np.ones((1, 2)), np.zeros(1)))


def slow_wrmsse(actual, mean, history, weights, groups):
    levels = []
    for group in groups:
        total = 0.0
        for name in sorted(set(group.tolist())):
            rows = [i for i, g in enumerate(group) if g == name]
            past = [sum(history[i][t] for i in rows) for t in range(history.shape[1])]
            first = next(t for t, value in enumerate(past) if value != 0)
            past = past[first:]
            scale = sum((b - a) ** 2 for a, b in itertools.pairwise(past)) / (len(past) - 1)
            square = 0.0
            for t in range(actual.shape[1]):
                square += (sum(actual[i][t] for i in rows) - sum(mean[i][t] for i in rows)) ** 2
            total += sum(weights[i] for i in rows) * math.sqrt(square / actual.shape[1] / scale)
        levels.append(total / sum(weights))
    return sum(levels) / len(levels), levels


def test_wrmsse_over_twelve_levels_equals_its_slow_loop():
    generator = np.random.default_rng(5)
    keys = pl.DataFrame(
        [
            {"item_id": f"{d}_{n}", "dept_id": d, "cat_id": d[0], "store_id": s, "state_id": s[:2]}
            for d in ("F1", "F2", "H1")
            for n in range(2)
            for s in ("CA1", "CA2", "TX1")
        ]
    )
    history = generator.poisson(2.0, (keys.height, 30)).astype(float)
    history[:, :4] = 0.0
    actual = generator.poisson(2.0, (keys.height, 6)).astype(float)
    mean, weights = generator.gamma(2.0, 1.0, actual.shape), generator.gamma(2.0, 1.0, keys.height)
    groups = metrics.hierarchy_groups(keys, metrics.M5_LEVELS)
    assert [len(set(group.tolist())) for group in groups] == [1, 2, 3, 2, 3, 4, 6, 6, 9, 6, 12, 18]
    overall, levels = metrics.wrmsse(actual, mean, history, weights, groups)
    expected, expected_levels = slow_wrmsse(actual, mean, history, weights, groups)
    assert overall == pytest.approx(expected)
    assert levels == pytest.approx(expected_levels)


@pytest.mark.parametrize("whole", [True, False])
def test_the_randomised_pit_of_an_honest_count_forecast_is_uniform(whole):
    generator = np.random.default_rng(11)
    rate = generator.gamma(2.0, 0.8, (20_000, 1))
    levels = np.round(np.arange(0.05, 0.96, 0.05), 2)
    actual = generator.poisson(rate).astype(float)
    quantiles = stats.poisson.ppf(levels[None, None, :], rate[:, :, None])
    step = 1.0
    if not whole:  # continuous demand
        actual = generator.gamma(rate, 1.0)
        quantiles = stats.gamma.ppf(levels[None, None, :], rate[:, :, None])
        step = 0.0
    pit = metrics.randomised_pit(actual, quantiles, levels, generator, step=step)
    for share in (0.5, 0.8, 0.9):
        assert metrics.pit_coverage(pit, share) == pytest.approx(share, abs=0.015)
    if whole:  # the plain interval covers more than its name, which is why the PIT is there
        assert metrics.coverage(actual, quantiles, levels, 0.8) > 0.86


def test_a_too_narrow_forecast_shows_in_the_pit():
    generator = np.random.default_rng(1)
    actual = generator.normal(10.0, 2.0, (5_000, 1))
    quantiles = np.broadcast_to(stats.norm.ppf(np.array(LEVELS), 10.0, 1.0), (5_000, 1, len(LEVELS)))
    assert metrics.pit_coverage(metrics.randomised_pit(actual, quantiles, LEVELS, generator), 0.8) < 0.6


def test_a_hole_in_the_forecast_is_an_error_not_a_better_score():
    with pytest.raises(BadInput, match="1 of 2 cells"):
        metrics.wape(np.ones((1, 2)), np.array([[1.0, np.nan]]))
    with pytest.raises(BadInput, match="must agree"):
        metrics.wape(np.ones((1, 2)), np.ones((2, 2)))
    with pytest.raises(BadParameter, match=r"level 0\.025"):
        metrics.coverage(np.ones((1, 1)), np.ones((1, 1, 4)), LEVELS, 0.95)
    with pytest.raises(BadInput, match="rising"):
        metrics.pinball_loss(np.ones((1, 1)), np.ones((1, 1, 2)), (0.9, 0.1))


def test_nothing_to_score_is_not_a_number():
    nothing = np.full((2, 3), np.nan)
    assert math.isnan(metrics.wape(nothing, nothing))
    assert math.isnan(metrics.sql(nothing, np.ones((2, 3, 4)), LEVELS, np.ones(2)))


def test_all_scores_names_the_metrics_of_the_scoreboard():
    history, actual, mean, quantiles = a_case(2)
    scores = metrics.all_scores(actual, mean, quantiles, LEVELS, metrics.seasonal_error(history, 1))
    assert set(scores) == {"sql", "mase", "wape", "wql", "bias", "coverage_80"}
