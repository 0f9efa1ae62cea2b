from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shelfcast.forecast.models.dependence import Dependence
from shelfcast.scenario.totals import spread_of, total_quantiles, total_variance


def brute(spread, group, count, bucket, buckets, link, common):
    """Every pair of cells, one by one."""
    out = np.zeros((count, buckets))
    for s in range(len(spread)):
        for t in range(len(spread)):
            for h in range(spread.shape[1]):
                for k in range(spread.shape[1]):
                    if group[s] == group[t] and bucket[h] == bucket[k]:
                        days = 1.0 if h == k else link
                        out[group[s], bucket[h]] += spread[s, h] * spread[t, k] * days * (1.0 if s == t else common)
    return out


@given(st.integers(0, 2**31), st.floats(0, 0.9), st.floats(0, 1))
def test_the_variance_of_totals_is_that_of_all_pairs(seed, link, common):
    rng = np.random.default_rng(seed)
    spread = rng.gamma(2.0, 1.0, (5, 4))
    group, bucket = rng.integers(0, 2, 5), np.array([0, 0, 1, 1])
    made = total_variance(spread, group, 2, bucket, 2, Dependence((link,), common))
    assert np.allclose(made, brute(spread, group, 2, bucket, 2, link, common))


@given(st.floats(0.01, 1e6), st.floats(1e-6, 1e6))
def test_quantiles_of_a_total_rise_and_are_never_negative(mean, variance):
    made = total_quantiles(np.array([mean]), np.array([variance]), (0.025, 0.1, 0.5, 0.9, 0.975))[0]
    assert (np.diff(made) >= 0).all() and made[0] >= 0


def test_a_large_total_is_nearly_normal():
    low, high = total_quantiles(np.array([10_000.0]), np.array([100.0**2]), (0.1, 0.9))[0]
    assert abs(low - (10_000 - 128.16)) < 2 and abs(high - (10_000 + 128.16)) < 2


def test_a_total_of_independent_series_is_relatively_narrower():
    spread, group, bucket = np.ones((100, 1)), np.zeros(100, dtype=int), np.zeros(1, dtype=int)
    assert total_variance(spread, group, 1, bucket, 1, Dependence((0.0,), 0.0))[0, 0] == 100
    assert spread_of(np.array([[[1.0, 1.0]]]), (0.1, 0.9))[0, 0] == 0
