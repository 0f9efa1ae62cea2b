"""Dependence of errors: found again where it was put in, usual where nothing can be measured."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelfcast.forecast.models.dependence import (
    USUAL_SHARE,
    Dependence,
    common_share,
    measured,
)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.8])
def test_the_share_series_have_in_common_is_found_again(share):
    rng = np.random.default_rng(7)
    spread = rng.gamma(2.0, 1.0, (200, 1, 1)) * np.ones((200, 20, 28))
    common, own = rng.normal(size=(1, 20, 28)), rng.normal(size=(200, 20, 28))
    errors = spread * (np.sqrt(share) * common + np.sqrt(1 - share) * own)
    assert common_share(errors, spread) == pytest.approx(share, abs=0.05)
    assert common_share(errors, 3 * spread) == pytest.approx(common_share(errors, spread))


def test_totals_have_the_spread_the_measured_dependence_gives_them():
    rng = np.random.default_rng(3)
    days = rng.normal(size=(100, 60, 14)) + 1.5 * rng.normal(size=(100, 60, 1))
    errors = days + rng.normal(size=(1, 60, 14))
    found = measured(errors, np.ones(errors.shape))
    assert found.day_correlation[0] == pytest.approx(2.25 / 4.25, abs=0.1)
    assert found.common_share == pytest.approx(1 / 4.25, abs=0.08)
    by_series = errors.sum(axis=2).std()
    each = np.sqrt(np.mean(errors**2))
    assert each * np.sqrt(14 + 14 * 13 * found.over(14)) == pytest.approx(by_series, rel=0.1)


@given(st.integers(1, 40))
def test_the_mean_correlation_is_that_of_all_pairs(days):
    one = Dependence((0.6, 0.3, 0.1), 0.2)
    pairs = [one.day_correlation[min(b - a, 3) - 1] for a in range(days) for b in range(a + 1, days)]
    assert one.over(days) == pytest.approx(np.mean(pairs) if pairs else 0.6)


def test_where_nothing_can_be_measured_the_usual_share_stands():
    assert common_share(np.full((3, 2, 5), np.nan), np.ones((3, 2, 5))) == USUAL_SHARE
    assert common_share(np.ones((1, 2, 5)), np.ones((1, 2, 5))) == USUAL_SHARE
    assert Dependence.of(None) == Dependence.of({}) == Dependence()


def test_it_is_stored_and_read_back():
    one = Dependence((0.5, 0.25), 0.15)
    assert Dependence.of(one.to_dict()) == one
