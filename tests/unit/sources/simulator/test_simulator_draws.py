"""Counter-based draws, against SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from shelfcast.sources.simulator.draws import count, normal_quantile, stream_key, uniform


@settings(deadline=None)
@given(st.floats(1e-9, 1 - 1e-9))
def test_normal_quantiles_are_scipys(p: float) -> None:
    assert normal_quantile(p) == pytest.approx(stats.norm.ppf(p), abs=2e-8, rel=2e-8)


@settings(deadline=None)
@given(st.floats(0.01, 299.0), st.floats(0.5, 50.0), st.floats(0.001, 0.999))
def test_counts_are_quantiles_of_the_negative_binomial(mean: float, size: float, p: float) -> None:
    chance = size / (size + mean)
    x = count(mean, size, p)
    assert stats.nbinom.cdf(x, size, chance) >= p - 1e-9
    assert x == 0 or stats.nbinom.cdf(x - 1, size, chance) < p + 1e-9


@settings(deadline=None)
@given(st.floats(0.01, 299.0), st.floats(0.001, 0.999))
def test_counts_of_a_huge_size_are_quantiles_of_the_poisson(mean: float, p: float) -> None:
    x = count(mean, 1e9, p)
    assert stats.poisson.cdf(x, mean) >= p - 1e-9
    assert x == 0 or stats.poisson.cdf(x - 1, mean) < p + 1e-9


@settings(deadline=None)
@given(st.floats(300.0, 20_000.0), st.floats(3.0, 50.0), st.floats(0.05, 0.99))
def test_large_counts_are_close_to_the_negative_binomial(mean: float, size: float, p: float) -> None:
    exact = stats.nbinom.ppf(p, size, size / (size + mean))
    assert count(mean, size, p) == pytest.approx(exact, rel=0.03, abs=2)


@settings(deadline=None)
@given(st.floats(0.0, 500.0), st.floats(1.0, 2.0), st.floats(1.0, 30.0), st.floats(0.001, 0.999))
def test_more_expected_demand_never_means_fewer_customers(mean: float, factor: float, size: float, p: float) -> None:
    if (mean <= 300) == (mean * factor <= 300):
        assert count(mean * factor, size, p) >= count(mean, size, p)


def test_draws_are_uniform_and_streams_do_not_follow_each_other() -> None:
    one, other = (np.array([uniform(stream_key(7, 1, series), t) for t in range(20_000)]) for series in (3, 4))
    assert stats.kstest(one, "uniform").pvalue > 0.001
    assert abs(np.corrcoef(one[1:], one[:-1])[0, 1]) < 0.03
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.03
    assert one.min() > 0 and one.max() < 1
