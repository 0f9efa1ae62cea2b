"""The compiled distributions against SciPy, the loss formulas, and slow obvious sums."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from shelfcast.replenish.formulas.distributions import gamma_loss, negative_binomial_loss, poisson_loss
from shelfcast.replenish.window_distribution import WindowDistribution


def one(mean: float, variance: float, discrete: bool = True) -> WindowDistribution:
    return WindowDistribution.from_moments(np.array([mean]), np.array([variance]), np.array([discrete]))


@settings(max_examples=60, deadline=None)
@given(st.floats(0.05, 49.0), st.floats(1.05, 6.0), st.floats(0.01, 0.995), st.integers(0, 150))
def test_counts_follow_the_negative_binomial(mean: float, ratio: float, level: float, x: int) -> None:
    variance = mean * ratio
    r, p = mean**2 / (variance - mean), mean / variance
    found = one(mean, variance)
    assert found.quantile(np.array([level]))[0][0] == stats.nbinom.ppf(level, r, p)
    cdf, short = found.at(np.array([float(x)]))
    assert cdf[0] == pytest.approx(stats.nbinom.cdf(x, r, p), abs=1e-9)
    assert short[0] == pytest.approx(float(negative_binomial_loss(x, mean, variance)), abs=1e-7)


@settings(max_examples=30, deadline=None)
@given(st.floats(0.05, 49.0), st.floats(0.0, 1.0), st.floats(0.01, 0.995), st.integers(0, 100))
def test_counts_without_extra_variance_are_poisson(mean: float, ratio: float, level: float, x: int) -> None:
    found = one(mean, mean * ratio)
    assert found.quantile(np.array([level]))[0][0] == stats.poisson.ppf(level, mean)
    assert found.at(np.array([float(x)]))[1][0] == pytest.approx(float(poisson_loss(x, mean)), abs=1e-8)


@settings(max_examples=60, deadline=None)
@given(st.floats(50.0, 20_000.0), st.floats(0.02, 1.5), st.floats(0.005, 0.999), st.floats(0.0, 3.0))
def test_large_demand_follows_the_gamma(mean: float, variation: float, level: float, x: float) -> None:
    variance = (variation * mean) ** 2
    shape, scale = mean**2 / variance, variance / mean
    found = one(mean, variance)
    assert found.quantile(np.array([level]))[0][0] == pytest.approx(
        stats.gamma.ppf(level, shape, scale=scale), rel=1e-8
    )
    cdf, short = found.at(np.array([x * mean]))
    assert cdf[0] == pytest.approx(stats.gamma.cdf(x * mean, shape, scale=scale), abs=1e-9)
    assert short[0] == pytest.approx(float(gamma_loss(x * mean, shape, scale)), abs=1e-6 * mean)


def test_weighed_goods_are_gamma_at_any_mean_and_certain_demand_is_a_point() -> None:
    assert one(2.0, 1.0, discrete=False).quantile(np.array([0.9]))[0][0] == pytest.approx(
        stats.gamma.ppf(0.9, 4, scale=0.5)
    )
    assert one(2.0, 0.0, discrete=False).at(np.array([1.5])) == (np.array([0.0]), np.array([0.5]))
    assert one(0.0, 0.0).quantile(np.array([0.99]))[0][0] == 0.0


def test_a_mixture_is_the_weighted_sum_of_its_parts() -> None:
    parts = WindowDistribution.from_mixture(
        np.array([0, 2]), np.array([0.25, 0.75]), np.array([4.0, 12.0]), np.array([6.0, 20.0]), np.array([True])
    )
    assert parts.mean[0] == 10.0
    cdf = 0.25 * stats.nbinom.cdf(9, 8.0, 4 / 6) + 0.75 * stats.nbinom.cdf(9, 18.0, 0.6)
    assert parts.at(np.array([9.0]))[0][0] == pytest.approx(cdf)
    level = parts.quantile(np.array([0.95]))[0][0]
    assert parts.at(np.array([level]))[0][0] >= 0.95 > parts.at(np.array([level - 1]))[0][0]


def test_given_quantiles_are_read_linearly_and_clamped_outside() -> None:
    """The published case: levels 0.05-0.99, critical ratio 3.2 / 3.6."""
    levels = np.array([0.05, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99])
    values = np.array([[2.0, 5.0, 8.0, 12.0, 17.0, 21.0, 30.0]])
    grid = one(9.0, 20.0).with_grid(np.array([0]), levels, values, np.array([9.0]))
    level, clamped = grid.quantile(np.array([3.2 / 3.6]))
    assert level[0] == pytest.approx(16.62962962962963)
    assert not clamped[0]
    assert [value.tolist() for value in grid.quantile(np.array([0.999]))] == [[30.0], [True]]
    cdf, short = grid.at(np.array([12.0]))
    assert cdf[0] == pytest.approx(0.75)
    shares = np.linspace(0, 1, 400_001)
    assert short[0] == pytest.approx(np.maximum(np.interp(shares, levels, values[0]) - 12.0, 0).mean(), abs=1e-3)


def test_draws_give_the_inverted_distribution() -> None:
    draws = one(1.0, 1.0).with_samples(np.array([0]), np.array([[5.0, 1.0, 3.0, 9.0]]))
    assert [draws.quantile(np.array([level]))[0][0] for level in (0.2, 0.5, 0.75, 0.76, 1.0)] == [
        1.0,
        3.0,
        5.0,
        9.0,
        9.0,
    ]
    cdf, short = draws.at(np.array([4.0]))
    assert (cdf[0], short[0]) == (0.5, 1.5)


def test_taking_and_joining_keep_every_line() -> None:
    first = WindowDistribution.from_moments(np.array([3.0, 80.0]), np.array([5.0, 400.0]), np.array([True, True]))
    second = WindowDistribution.from_mixture(
        np.array([0, 2]), np.array([0.5, 0.5]), np.array([2.0, 6.0]), np.array([2.0, 9.0]), np.array([True])
    )
    both = WindowDistribution.join([first, second])
    level = np.full(3, 0.9)
    expected = np.concatenate([first.quantile(level[:2])[0], second.quantile(level[:1])[0]])
    assert both.quantile(level)[0].tolist() == expected.tolist()
    assert both.take(np.array([2, 0])).quantile(level[:2])[0].tolist() == expected[[2, 0]].tolist()
