"""Window demand against brute force, sample paths against their promises, totals that add up."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from shelfcast.domain.errors import BadInput
from shelfcast.domain.quantiles import GRID
from shelfcast.forecast.coherence import TotalPaths, scale_to_total, total_means
from shelfcast.forecast.marginals import moments, value_at
from shelfcast.forecast.sample_paths import common_share, correlation_root, sample_paths, shuffled_paths
from shelfcast.forecast.window_demand import day_correlation, window_demand

LEVELS = np.array(GRID)
DRAWS = 20_000


def truth(distribution, correlation, horizon, seed=0):
    """Draws (DRAWS, H) of dependent days, made without our code: a normal copula over scipy's distributions."""
    generator = np.random.default_rng(seed)
    distance = np.abs(np.arange(horizon)[:, None] - np.arange(horizon))
    matrix = np.where(distance == 0, 1.0, np.asarray(correlation)[np.maximum(distance, 1) - 1])
    normals = generator.multivariate_normal(np.zeros(horizon), matrix, DRAWS, method="cholesky")
    return distribution.ppf(np.clip(stats.norm.cdf(normals), 1e-9, 1 - 1e-9))


CASES = {
    "poisson": (stats.poisson(0.6), True),
    "overdispersed": (stats.nbinom(1.5, 0.2), True),
    "steady": (stats.binom(20, 0.9), True),
    "gamma": (stats.gamma(2.0, scale=5.0), False),
    "normal": (stats.norm(100.0, 12.0), False),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("link", [0.0, 0.3])
def test_window_quantiles_agree_with_twenty_thousand_draws(name, link):
    distribution, whole = CASES[name]
    horizon = 14
    draws = truth(distribution, np.full(horizon, link), horizon)
    # what forecast errors would show: the correlation of the demand itself, not of the normals behind it
    correlation = np.corrcoef(draws[:, 0], draws[:, 1])[0, 1] if link else 0.0
    day = distribution.ppf(LEVELS)
    quantiles = np.broadcast_to(day, (1, horizon, len(LEVELS)))
    mean = np.full((1, horizon), distribution.mean())
    total, variance, made = window_demand(mean, quantiles, GRID, [1, 4, 3], [14, 10, 3], correlation)
    for w, (first, last) in enumerate([(1, 14), (4, 10)]):
        sums = draws[:, first - 1 : last].sum(axis=1)
        deviation = sums.std()
        assert total[0, w] == pytest.approx(distribution.mean() * (last - first + 1))
        assert np.sqrt(variance[0, w]) == pytest.approx(deviation, rel=0.08)
        tolerance = 0.35 * deviation + (1.0 if whole else 0.0)
        assert np.abs(made[0, w] - np.quantile(sums, LEVELS)).max() < tolerance
        inner = slice(2, 11)  # 0.1 to 0.9
        assert np.abs(made[0, w, inner] - np.quantile(sums, LEVELS[inner])).max() < 0.1 * deviation + 1.0 * whole + 0.02
    assert np.array_equal(made[0, 2], day)


def test_weighed_goods_that_often_do_not_sell_keep_their_zeros():
    sells = 0.25
    generator = np.random.default_rng(1)
    draws = generator.gamma(2.0, 1.5, (DRAWS, 5)) * (generator.random((DRAWS, 5)) < sells)
    quantiles = np.broadcast_to(np.quantile(draws[:, 0], LEVELS), (1, 5, len(LEVELS)))
    sums = draws.sum(axis=1)
    _, _, made = window_demand(np.full((1, 5), draws.mean()), quantiles, GRID, [1], [5], 0.0, np.array([False]))
    assert (made[0, 0] == 0).sum() == pytest.approx((np.quantile(sums, LEVELS) == 0).sum(), abs=1)
    assert np.abs(made[0, 0, :-1] - np.quantile(sums, LEVELS[:-1])).max() < 0.35 * sums.std()


@settings(max_examples=50, deadline=None)
@given(
    arrays(float, (3, 6, len(LEVELS)), elements=st.floats(0, 50)),
    arrays(float, (3, 6), elements=st.floats(0, 50)),
    st.floats(-0.3, 0.9),
    st.integers(1, 6),
    st.integers(0, 6),
)
def test_windows_are_always_finite_rising_and_their_mean_the_sum(raw, mean, correlation, first, length):
    last = min(6, first + length - 1)
    quantiles = np.sort(raw, axis=2)
    total, variance, made = window_demand(mean, quantiles, GRID, [first], [last], correlation)
    assert total[:, 0] == pytest.approx(mean[:, first - 1 : last].sum(axis=1))
    assert np.isfinite(made).all()
    assert np.all(variance >= 0)
    assert np.all(np.diff(made, axis=2) >= -1e-9)
    assert np.all(made >= 0)


def test_more_dependence_makes_wider_windows():
    quantiles = np.broadcast_to(stats.gamma(3.0).ppf(LEVELS), (1, 10, len(LEVELS)))
    widths = []
    for link in (0.0, 0.3, 0.9):
        _, _, made = window_demand(np.full((1, 10), 3.0), quantiles, GRID, [1], [10], link, np.array([False]))
        widths.append(made[0, 0, 10] - made[0, 0, 2])
    assert widths[0] < widths[1] < widths[2]


def test_windows_may_differ_by_series_and_be_empty():
    quantiles = np.broadcast_to(stats.poisson(2.0).ppf(LEVELS), (2, 4, len(LEVELS)))
    total, variance, made = window_demand(np.full((2, 4), 2.0), quantiles, GRID, [[1], [3]], [[3], [2]])
    assert total[:, 0].tolist() == [6.0, 0.0]
    assert variance[1, 0] == 0.0
    assert made[1, 0].tolist() == [0.0] * len(LEVELS)


def test_returns_may_make_a_window_negative():
    quantiles = np.broadcast_to(stats.norm(-1.0, 2.0).ppf(LEVELS), (1, 4, len(LEVELS)))
    _, _, made = window_demand(np.full((1, 4), -1.0), quantiles, GRID, [1], [4], 0.0, np.array([False]))
    assert made[0, 0] == pytest.approx(stats.norm(-4.0, 4.0).ppf(LEVELS), abs=0.4)


def test_windows_outside_the_forecast_are_refused():
    quantiles = np.zeros((1, 4, len(LEVELS)))
    with pytest.raises(BadInput, match=r"steps 1..4"):
        window_demand(np.zeros((1, 4)), quantiles, GRID, [1], [5])
    with pytest.raises(BadInput, match="both ends"):
        window_demand(np.zeros((1, 4)), quantiles, GRID, [1], [2, 3])
    with pytest.raises(BadInput, match="means and levels"):
        window_demand(np.zeros((1, 4)), quantiles[:, :, :3], GRID, [1], [2])


def test_correlation_of_days_is_found_again():
    generator = np.random.default_rng(3)
    horizon, share, fade = 12, 0.3, 0.5
    level = generator.normal(0, 1, (400, 8, 1))
    noise = np.zeros((400, 8, horizon))
    noise[:, :, 0] = generator.normal(0, 1, (400, 8))
    for h in range(1, horizon):
        noise[:, :, h] = fade * noise[:, :, h - 1] + np.sqrt(1 - fade**2) * generator.normal(0, 1, (400, 8))
    errors = np.sqrt(share) * level + np.sqrt(1 - share) * noise
    errors *= generator.gamma(2.0, 5.0, (400, 1, 1))
    errors[generator.random(errors.shape) < 0.1] = np.nan
    expected = share + (1 - share) * fade ** np.arange(1, horizon)
    assert day_correlation(errors) == pytest.approx(expected, abs=0.06)
    assert day_correlation(np.full((2, 2, 5), np.nan)).tolist() == [0.0] * 4


@pytest.mark.parametrize(
    "distribution", [stats.poisson(3.0), stats.nbinom(1.0, 0.1), stats.norm(50, 5), stats.gamma(2)]
)
def test_moments_of_a_grid_come_close_to_the_distributions(distribution):
    grid = distribution.ppf(LEVELS)
    whole = bool(np.all(grid == np.rint(grid)))
    mean, variance, zero = moments(grid, LEVELS, whole)
    assert mean == pytest.approx(distribution.mean(), rel=0.03, abs=0.03)
    assert variance == pytest.approx(distribution.var(), rel=0.12)
    if whole:
        assert zero == pytest.approx(distribution.pmf(0), abs=0.03)
    values = [value_at(grid, LEVELS, p, whole) for p in np.linspace(0.001, 0.999, 500)]
    assert np.all(np.diff(values) >= 0)
    assert np.var([value_at(grid, LEVELS, (k + 0.5) / 4000, whole) for k in range(4000)]) == pytest.approx(
        variance, rel=0.02
    )


def test_sample_paths_keep_marginals_and_follow_the_correlation():
    quantiles = np.broadcast_to(stats.gamma(3.0, scale=2.0).ppf(LEVELS), (40, 10, len(LEVELS)))
    paths = sample_paths(quantiles, GRID, 400, 7, correlation=0.5, common=0.4)
    assert np.quantile(paths, LEVELS[1:-1], axis=1) == pytest.approx(
        np.broadcast_to(quantiles[0, 0, 1:-1][:, None, None], (12, 40, 10)), rel=0.05, abs=0.05
    )
    days = np.mean([np.corrcoef(path[:, 0], path[:, 5])[0, 1] for path in paths])
    assert days == pytest.approx(0.5, abs=0.1)
    series = np.mean([np.corrcoef(paths[i, :, 3], paths[i + 1, :, 3])[0, 1] for i in range(39)])
    assert series == pytest.approx(0.4, abs=0.1)


def test_chunks_draw_what_the_whole_draws_and_seeds_differ():
    quantiles = np.sort(np.random.default_rng(0).gamma(2.0, 1.0, (6, 5, len(LEVELS))), axis=2)
    everything = sample_paths(quantiles, GRID, 50, 3, correlation=0.2, common=0.3)
    tail = sample_paths(quantiles[4:], GRID, 50, 3, correlation=0.2, common=0.3, first_series=4)
    assert np.array_equal(everything[4:], tail)
    assert not np.array_equal(everything, sample_paths(quantiles, GRID, 50, 4, correlation=0.2, common=0.3))


def test_shuffled_paths_borrow_the_order_of_past_errors():
    generator = np.random.default_rng(5)
    together = generator.normal(0, 1, (1, 60, 1))
    errors = np.repeat(together, 3, axis=0) + generator.normal(0, 0.3, (3, 60, 6))
    errors[2] = np.nan
    quantiles = np.broadcast_to(stats.norm(10, 2).ppf(LEVELS), (3, 6, len(LEVELS)))
    paths = shuffled_paths(quantiles, GRID, errors, 240, 1, whole=np.zeros(3, bool))
    assert np.corrcoef(paths[0, :, 0], paths[0, :, 5])[0, 1] > 0.75
    assert np.corrcoef(paths[0, :, 2], paths[1, :, 2])[0, 1] > 0.75
    assert abs(np.corrcoef(paths[0, :, 2], paths[2, :, 2])[0, 1]) < 0.3
    assert np.median(paths, axis=1) == pytest.approx(np.full((3, 6), 10.0), abs=0.1)


def test_the_share_series_have_in_common_is_found_again():
    generator = np.random.default_rng(6)
    common = generator.normal(0, 1, (1, 200, 7))
    errors = np.sqrt(0.25) * common + np.sqrt(0.75) * generator.normal(0, 1, (50, 200, 7))
    assert common_share(errors * generator.gamma(2.0, 2.0, (50, 1, 1))) == pytest.approx(0.25, abs=0.05)
    assert common_share(errors[:1]) == 0.0


def test_an_impossible_correlation_is_made_possible():
    root = correlation_root(np.array([0.9, -0.5, 0.9]), 4)
    assert np.diag(root @ root.T) == pytest.approx(np.ones(4))


def test_totals_come_from_summed_paths_and_means_add_up():
    generator = np.random.default_rng(8)
    quantiles = np.broadcast_to(stats.norm(20, 4).ppf(LEVELS), (30, 5, len(LEVELS)))
    group = np.repeat([0, 1, 1], 10)
    totals = TotalPaths(2, 500, 5)
    for start in (0, 12):
        rows = slice(start, 12 if start == 0 else 30)
        totals.add(
            sample_paths(quantiles[rows], GRID, 500, 2, common=0.5, whole=np.zeros(30, bool)[rows], first_series=start),
            group[rows],
        )
    mean = generator.gamma(2.0, 5.0, (30, 5))
    assert total_means(mean, group, 2)[1] == pytest.approx(mean[10:].sum(axis=0))
    made = totals.quantiles(GRID)
    deviation = 4 * np.sqrt(20 + 20 * 19 * 0.5)
    assert made[1, :, 6] == pytest.approx(np.full(5, 400.0), abs=0.2 * deviation)
    assert made[1, 0] == pytest.approx(stats.norm(400, deviation).ppf(LEVELS), abs=0.35 * deviation)
    window = totals.window_quantiles([(1, 5)], GRID)
    assert window[1, 0, 6] == pytest.approx(2000, abs=0.3 * deviation * np.sqrt(5))
    with pytest.raises(BadInput, match="totals of shape"):
        totals.add(np.zeros((1, 2, 5)), np.zeros(1, int))


def test_series_pulled_to_a_better_total_add_up_to_it():
    mean = np.array([[1.0, 0.0], [3.0, 0.0], [5.0, 2.0]])
    quantiles = np.stack([mean * 0.5, mean, mean * 2], axis=2)
    scaled, moved = scale_to_total(mean, quantiles, np.array([[8.0, 4.0], [10.0, 1.0]]), np.array([0, 0, 1]))
    assert scaled.tolist() == [[2.0, 0.0], [6.0, 0.0], [10.0, 1.0]]
    assert np.all(np.diff(moved, axis=2) >= 0)


def test_bad_requests_for_paths_are_refused():
    quantiles = np.zeros((2, 3, len(LEVELS)))
    with pytest.raises(BadInput, match="2 or more"):
        sample_paths(quantiles, GRID, 1, 0)
    with pytest.raises(BadInput, match="blocks >= 1"):
        shuffled_paths(quantiles, GRID, np.zeros((2, 0, 3)), 5, 0)
