"""Baselines: the same numbers as the field's library, honest quantiles, every series served."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from shelfcast.domain.errors import BadInput, BadParameter
from shelfcast.features.panel import Covariate, Measure, Panel, Role
from shelfcast.forecast import metrics
from shelfcast.forecast.models.baseline_choice import backtest_origins, chunks, forecast_baselines, learn_facts
from shelfcast.forecast.models.baseline_panel import forecast_one_method, forecast_panel, panel_facts
from shelfcast.forecast.models.baselines import BASELINES, RHYTHMS, Rhythm, method_paths, rhythm_of
from shelfcast.forecast.models.counts import count_quantiles, normal_quantile
from shelfcast.forecast.models.segments import SEGMENTS, demand_segments

DAYS = RHYTHMS["D"]


def now(name, y, horizon=9, rhythm=DAYS):
    return method_paths(name, np.atleast_2d(y), [np.atleast_2d(y).shape[1]], horizon, rhythm)[:, 0]


def a_panel(target, horizon=7, covariates=(), frequency="D"):
    length = target.shape[1] + horizon
    periods = np.datetime64("2024-01-01") + np.arange(length)
    keys = pl.DataFrame({"item_id": [str(i) for i in range(len(target))]})
    return Panel(keys, frequency, periods, target, covariates=tuple(covariates))


def test_simple_methods_equal_the_field_library():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        models = pytest.importorskip("statsforecast.models", reason="the stats extra isn't installed")
    generator = np.random.default_rng(0)
    peers = {
        "naive": models.Naive(),
        "historic_average": models.HistoricAverage(),
        "seasonal_naive": models.SeasonalNaive(7),
        "window_average": models.WindowAverage(28),
        "seasonal_window_average": models.SeasonalWindowAverage(season_length=7, window_size=4),
        "croston": models.CrostonClassic(),
        "croston_sba": models.CrostonSBA(),
        "tsb": models.TSB(alpha_d=0.1, alpha_p=0.1),
    }
    for _ in range(20):
        y = generator.poisson(0.7, 80).astype(float)
        y[0] = 1.0
        for name, peer in peers.items():
            expected = peer.forecast(y=y, h=9)["mean"]
            assert now(name, y)[0] == pytest.approx(expected), name


def test_a_smoothed_level_of_steady_demand_is_its_mean_and_a_season_is_found():
    y = np.tile([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 14.0], 12)
    assert now("seasonal_smoothing", y, 7)[0] == pytest.approx(y[:7], abs=0.4)
    assert now("smoothing", np.full(40, 4.0))[0] == pytest.approx(np.full(9, 4.0))
    assert now("adida", np.tile([0.0, 0.0, 6.0], 30))[0, 0] == pytest.approx(2.0)
    assert now("imapa", np.tile([0.0, 0.0, 6.0], 30))[0, 0] == pytest.approx(2.0, rel=0.2)


def test_a_damped_trend_follows_and_stays_near_what_was_seen():
    y = np.arange(1.0, 41.0)
    path = now("damped_trend", y, 200)[0]
    assert path[0] > 40.5
    assert np.all(np.diff(path) >= 0)
    assert path.max() <= 40 + 0.5 * 39


def test_a_year_ago_comes_back_at_todays_level():
    rhythm = Rhythm(season=7, window=28, year=364)
    wave = 10 + 5 * np.sin(np.arange(800) / 364 * 2 * np.pi)
    doubled = wave * np.where(np.arange(800) >= 600, 1.5, 1.0)
    assert now("year_ago", doubled, 14, rhythm)[0] == pytest.approx(
        1.5 * (10 + 5 * np.sin(np.arange(800, 814) / 364 * 2 * np.pi)), rel=0.05
    )
    assert np.isnan(now("year_ago", doubled[:300], 14, rhythm)).all()


@settings(max_examples=40, deadline=None)
@given(
    arrays(float, (3, 30), elements=st.one_of(st.just(float("nan")), st.integers(-2, 20).map(float))),
    st.sampled_from(sorted(BASELINES)),
    st.integers(1, 29),
)
def test_a_path_knows_nothing_after_its_origin(y, name, origin):
    changed = y.copy()
    changed[:, origin:] = 99.0
    before = method_paths(name, y, [origin], 5, DAYS)
    assert np.array_equal(before, method_paths(name, changed, [origin], 5, DAYS), equal_nan=True)
    assert np.array_equal(before[:, 0], method_paths(name, y[:, :origin], [origin], 5, DAYS)[:, 0], equal_nan=True)


@settings(max_examples=40, deadline=None)
@given(
    arrays(
        float,
        st.tuples(st.integers(1, 5), st.integers(1, 60)),
        elements=st.one_of(st.just(float("nan")), st.just(0.0), st.floats(-50, 1e6).map(lambda x: round(x, 3))),
    ),
    st.integers(1, 15),
    st.sampled_from(["D", "W", "M"]),
)
def test_every_series_gets_a_finite_rising_forecast_whose_drivers_add_up(y, horizon, frequency):
    facts = learn_facts(y, horizon, rhythm_of(frequency))
    made = forecast_baselines(y, facts)
    assert np.isfinite(made.forecast.mean).all()
    assert np.isfinite(made.forecast.quantiles).all()
    assert np.all(np.diff(made.forecast.quantiles, axis=2) >= 0)
    assert sum(made.drivers.values()) == pytest.approx(made.forecast.mean, abs=1e-6)
    never_negative = ~(np.nan_to_num(y) < 0).any(axis=1)
    assert np.all(made.forecast.quantiles[never_negative] >= 0)
    highest = np.nan_to_num(y).max()
    assert made.forecast.quantiles.max() <= 8 * max(highest, 1.0) + 4 * np.nan_to_num(np.abs(y)).max()
    flagged = made.forecast.fallback != ""
    assert np.all(flagged == ((np.isfinite(y).sum(axis=1) < 3) | ~(np.nan_to_num(y) != 0).any(axis=1)))


def test_chunks_give_the_same_forecast_as_all_at_once():
    generator = np.random.default_rng(1)
    y = generator.poisson(generator.gamma(1.0, 3.0, (300, 1)), (300, 70)).astype(float)
    facts = learn_facts(y, 7, DAYS)
    whole = forecast_baselines(y, facts)
    parts = [forecast_baselines(y[rows], facts) for rows in (slice(0, 77), slice(77, 300))]
    assert np.array_equal(whole.forecast.quantiles, np.concatenate([part.forecast.quantiles for part in parts]))
    assert next(rows.start for rows in chunks(5_000, 28, 14)) == 0
    assert sum(rows.stop - rows.start for rows in chunks(5_000, 28, 14)) == 5_000


def test_facts_tell_how_errors_of_days_go_together():
    generator = np.random.default_rng(9)
    wandering = np.exp(np.cumsum(generator.normal(0, 0.12, (300, 84)), axis=1)) * 40
    moving = learn_facts(generator.poisson(wandering).astype(float), 14, DAYS).correlation
    still = learn_facts(generator.poisson(40.0, (300, 84)).astype(float), 14, DAYS).correlation
    assert moving.shape == (13,)
    assert moving[:5].mean() > 0.4
    assert abs(still[:5].mean()) < 0.15
    assert learn_facts(np.ones((2, 9)), 1, DAYS).correlation.tolist() == [0.0]


def test_threads_change_nothing():
    y = np.random.default_rng(1).poisson(2.0, (900, 60)).astype(float)
    panel = a_panel(y, 28)
    one, two = forecast_panel(panel), forecast_panel(panel, threads=2)
    assert np.array_equal(one.forecast.quantiles, two.forecast.quantiles)
    assert np.array_equal(one.forecast.model, two.forecast.model)


@pytest.mark.parametrize("kind", ["smooth", "counts", "intermittent"])
def test_intervals_hold_what_they_say(kind):
    generator = np.random.default_rng(2)
    level = generator.gamma(4.0, {"smooth": 20.0, "counts": 1.0, "intermittent": 0.08}[kind], (1500, 1))
    week = np.array([1.0, 0.8, 0.9, 1.0, 1.2, 1.5, 0.6])
    rate = level * week[np.arange(91) % 7]
    demand = generator.poisson(rate * generator.gamma(8.0, 1 / 8.0, rate.shape)).astype(float)
    y, actual = demand[:, :84], demand[:, 84:]
    made = forecast_baselines(y, learn_facts(y, 7, DAYS)).forecast
    pit = metrics.randomised_pit(actual, made.quantiles, made.levels, generator, step=1.0)
    assert metrics.pit_coverage(pit, 0.8) == pytest.approx(0.8, abs=0.03)
    assert metrics.pit_coverage(pit, 0.95) == pytest.approx(0.95, abs=0.02)
    assert abs(metrics.bias(actual, made.mean)) < 0.03


def test_the_choice_beats_the_seasonal_naive_and_is_near_the_best_method():
    generator = np.random.default_rng(3)
    rate = generator.gamma(4.0, 3.0, (800, 1)) * np.array([1.0, 0.8, 0.9, 1.0, 1.2, 1.6, 0.5])[np.arange(98) % 7]
    demand = generator.poisson(rate).astype(float)
    y, actual = demand[:, :91], demand[:, 91:]
    chosen = metrics.wape(actual, forecast_baselines(y, learn_facts(y, 7, DAYS)).forecast.mean)
    scores = {}
    for name in BASELINES:
        path = now(name, y, 7)
        if np.isfinite(path).all():
            scores[name] = metrics.wape(actual, path)
    assert chosen < 0.85 * scores["seasonal_naive"]
    assert chosen < 1.02 * min(scores.values())


def test_closed_days_are_not_learned_and_not_forecast():
    week = np.array([10.0, 10, 10, 10, 10, 10, 0])
    y = np.tile(week, 10)[None, :]
    opened = np.tile((week > 0).astype(float), 11)[None, :]
    opened[0, 72] = 0.0  # an extra closed day ahead
    opened[0, 76] = 1.0  # and a Sunday that is open
    panel = a_panel(y, 7, [Covariate("open", Role.KNOWN_FUTURE, Measure.FLAG, opened, np.zeros(1, int))])
    made = forecast_panel(panel)
    assert made.forecast.mean[0, 2] == 0.0
    assert np.all(made.forecast.quantiles[0, 2] == 0.0)
    assert made.forecast.mean[0, [0, 1, 3, 4, 5, 6]] == pytest.approx(np.full(6, 10.0), rel=0.05)
    assert sum(made.drivers.values()) == pytest.approx(made.forecast.mean)


def test_series_that_end_early_are_forecast_from_their_own_end():
    generator = np.random.default_rng(6)
    y = generator.poisson(5.0, (3, 60)).astype(float)
    cut = y.copy()
    cut[1, 50:] = 777.0  # after its last period: must not be used
    panel = a_panel(cut, 7)
    early = replace(panel, last=np.array([59, 49, 59]))
    facts = panel_facts(a_panel(y, 7))
    alone = forecast_panel(a_panel(y[1:2, :50], 7), facts).forecast
    assert forecast_panel(early, facts).forecast.mean[1] == pytest.approx(alone.mean[0], rel=0.05)
    assert forecast_panel(early, facts).forecast.mean.max() < 20


def test_a_single_method_says_where_another_stood_in():
    y = np.full((2, 500), 5.0)
    y[1, :400] = np.nan
    made = forecast_one_method(a_panel(y), "year_ago")
    assert made.fallback.tolist() == ["", "year_ago needs more history"]
    assert made.mean == pytest.approx(np.full((2, 7), 5.0))
    with pytest.raises(BadParameter, match="naive"):
        forecast_one_method(a_panel(y), "crystal_ball")


def test_no_history_gets_the_launch_level_of_the_others():
    y = np.full((4, 50), 6.0)
    y[3] = np.nan
    y[2] = 0.0
    made = forecast_baselines(y, learn_facts(y, 3, DAYS)).forecast
    assert made.model[3] == "launch_level"
    assert made.fallback.tolist() == ["", "", "never sold", "no history"]
    assert made.mean[3] == pytest.approx(np.full(3, 4.0))
    assert 0 < made.mean[2, 0] < 0.02


def test_a_partition_without_series_is_empty_not_an_error():
    facts = learn_facts(np.ones((3, 20)), 4, DAYS)
    assert forecast_panel(a_panel(np.ones((0, 20)), 4), facts).forecast.quantiles.shape == (0, 4, 14)
    with pytest.raises(BadInput, match="at least one series"):
        learn_facts(np.ones((0, 20)), 4, DAYS)


def test_count_quantiles_equal_scipy_and_large_means_come_close():
    levels = (0.025, 0.1, 0.5, 0.9, 0.99)
    mean = np.array([0.1, 0.8, 4.0, 40.0, 150.0])
    assert np.array_equal(count_quantiles(mean, mean, levels), stats.poisson.ppf(np.array(levels), mean[:, None]))
    over = 2.5 * mean
    assert np.array_equal(
        count_quantiles(mean, over, levels),
        stats.nbinom.ppf(np.array(levels), (mean**2 / (over - mean))[:, None], (mean / over)[:, None]),
    )
    big, wide = np.array([1000.0]), np.array([9000.0])
    exact = stats.nbinom.ppf(np.array(levels), 1e6 / 8000, 1 / 9)
    assert count_quantiles(big, wide, levels)[0] == pytest.approx(exact, rel=0.01)
    assert normal_quantile(0.01) == pytest.approx(stats.norm.ppf(0.01), abs=1e-8)


def test_segments_follow_interval_and_variation():
    generator = np.random.default_rng(4)
    y = np.stack(
        [
            generator.poisson(20.0, 100),
            generator.geometric(0.05, 100),
            np.where(generator.random(100) < 0.3, 2.0, 0.0),
            np.where(generator.random(100) < 0.3, generator.geometric(0.05, 100), 0.0),
        ]
    ).astype(float)
    assert [SEGMENTS[code] for code in demand_segments(y)] == ["smooth", "erratic", "intermittent", "lumpy"]


def test_bad_requests_say_what_is_allowed():
    with pytest.raises(BadParameter, match="D, M, W"):
        rhythm_of("H")
    with pytest.raises(BadInput, match="rise"):
        method_paths("naive", np.ones((1, 3)), [3, 2], 1, DAYS)
    with pytest.raises(BadInput, match="horizon 0"):
        learn_facts(np.ones((1, 3)), 0, DAYS)
    assert backtest_origins(1, 5, DAYS).tolist() == [0]
    assert panel_facts(a_panel(np.ones((1, 1)))).horizon == 7
