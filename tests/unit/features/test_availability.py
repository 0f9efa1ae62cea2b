"""Recovered demand: never below sales, right where the truth is known, with its evidence."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from shelfcast.domain.errors import BadInput, BadParameter
from shelfcast.features import availability as av


def a_shop(seed=0, series=400, length=84, luck=5.0):
    """Demand with weekdays, good and bad days of the whole shop, and stock that runs out in the order of customers."""
    generator = np.random.default_rng(seed)
    level = generator.gamma(4.0, 3.0, (series, 1))
    week = np.array([0.8, 0.8, 0.9, 1.0, 1.2, 1.5, 0.8])[np.arange(length) % 7]
    shop_day = generator.gamma(30.0, 1 / 30.0, (1, length))
    rate = level * week * shop_day * generator.gamma(luck, 1 / luck, (series, length))
    demand = generator.poisson(rate).astype(float)
    stock = np.ceil(level * generator.choice([0.8, 1.2, 1.6, 5.0], (series, length)))
    sold = np.minimum(demand, stock)
    share = np.where(demand > stock, stock / np.maximum(demand, 1.0), 1.0)
    gone = generator.random((series, length)) < 0.04
    return demand, np.where(gone, 0.0, sold), np.where(gone, 0.0, share)


def test_recovery_takes_most_of_the_bias_out_of_censored_sales():
    demand, sold, share = a_shop()
    made = av.recover_demand(sold, share, 7, groups=[np.zeros(len(sold), dtype=int)])
    lost = sold.sum() / demand.sum() - 1
    assert lost < -0.1
    assert abs(made.demand.sum() / demand.sum() - 1) < -lost / 3
    hidden = made.censored
    assert np.abs(made.demand - demand)[hidden].sum() < 0.6 * np.abs(sold - demand)[hidden].sum()


def test_the_careful_method_stays_lower_and_both_are_never_below_sales():
    _, sold, share = a_shop(1)
    full = av.recover_demand(sold, share, 7)
    careful = av.recover_demand(sold, share, 7, method=av.AT_LEAST_USUAL)
    assert sold.sum() < careful.demand.sum() < full.demand.sum()


@settings(max_examples=40, deadline=None)
@given(
    arrays(float, (4, 20), elements=st.one_of(st.just(float("nan")), st.integers(-2, 30).map(float))),
    arrays(float, (4, 20), elements=st.one_of(st.just(float("nan")), st.sampled_from([0.0, 0.3, 0.8, 1.0]))),
    st.integers(1, 7),
    st.sampled_from([av.FULL, av.AT_LEAST_USUAL]),
)
def test_demand_is_never_below_sales_and_missing_stays_missing(units, share, season, method):
    made = av.recover_demand(units, share, season, groups=[np.array([0, 0, 1, 1])], method=method)
    known = np.isfinite(units)
    assert np.array_equal(np.isfinite(made.demand), known)
    assert np.all(made.demand[known] >= units[known] - 1e-9)
    untouched = known & ~made.censored
    assert np.array_equal(made.demand[untouched], units[untouched])
    assert np.array_equal(made.evidence > 0, made.censored)


def test_a_day_out_of_stock_all_day_gets_its_weekday_and_the_day_of_its_neighbours():
    week = np.array([10.0, 10, 10, 10, 20, 20, 10])
    sold = np.tile(week, (30, 8))
    sold[:, 40] *= 2.0  # a good day for everybody
    share = np.ones_like(sold)
    for t in (39, 40, 41):
        share[0, t], sold[0, t] = 0.0, 0.0
    made = av.recover_demand(sold, share, 7, groups=[np.zeros(30, dtype=int)])
    assert made.demand[0, 39] == pytest.approx(20.0, rel=0.12)
    assert made.demand[0, 40] == pytest.approx(40.0, rel=0.2)
    assert made.demand[0, 41] == pytest.approx(10.0, rel=0.12)


def test_a_day_sold_out_at_noon_was_a_busy_day():
    sold = np.full((1, 40), 10.0)
    share = np.ones((1, 40))
    share[0, 20], share[0, 30] = 0.5, 0.5
    sold[0, 20], sold[0, 30] = 12.0, 3.0
    made = av.recover_demand(sold + np.random.default_rng(0).normal(0, 3, sold.shape).clip(-2, 2), share, 1).demand
    assert made[0, 20] > 16
    assert made[0, 30] < 9


def test_hours_tell_more_than_shares():
    profile = np.zeros(24)
    profile[8:12] = 0.2
    profile[12:20] = 0.025
    exposure = av.exposure_by_hour(np.array([[12.0, np.nan]]), profile)
    assert exposure[0, 0] == pytest.approx(0.8)
    assert np.isnan(exposure[0, 1])
    sold, share = np.array([[10.0] * 9 + [8.0]]), np.array([[1.0] * 9 + [1 / 3]])
    hours = np.full((1, 10), np.nan)
    hours[0, 9] = 12.0
    by_share = av.recover_demand(sold, share, 1).demand[0, 9]
    by_hour = av.recover_demand(sold, share, 1, exposure=av.exposure_by_hour(hours, profile)).demand[0, 9]
    assert by_hour == pytest.approx(10.0, rel=0.05)
    assert by_share > 12.0


def test_the_evidence_says_what_a_figure_rests_on():
    sold = np.array([[4.0, 4.0, 4.0, 4.0, 2.0, 0.0], [0.0] * 6, [0.0] * 5 + [3.0]])
    share = np.array([[1.0, 1.0, 1.0, 1.0, 0.5, 0.0], [0.0] * 6, [0.0] * 5 + [1.0]])
    made = av.recover_demand(sold, share, 1, groups=[np.array([0, 1, 0])])
    texts = av.evidence_texts(made, sold).to_list()
    assert texts[3] == ""
    assert texts[4].startswith("part_of_day: sold 2.0 in 50 % of the day; usual 3.9")
    assert texts[4].endswith("from 4 days in stock")
    assert texts[5].startswith("usual_day: out all day")
    assert texts[6] == "none: nothing to go by, sales kept"
    assert texts[12].startswith("like_series")
    assert made.demand[1].tolist() == [0.0] * 6


def test_hidden_days_score_the_recovery():
    generator = np.random.default_rng(2)
    units = generator.poisson(20.0, (200, 60)).astype(float)
    share = np.ones_like(units)
    score = av.score_recovery(units, share, generator)
    assert score.wape < 0.4 * score.wape_of_sales
    assert abs(score.bias) < 0.02
    assert score.bias_of_sales == pytest.approx(-0.55, abs=0.03)
    assert score.cells == pytest.approx(1200, rel=0.15)
    assert np.isnan(av.score_recovery(units, share * 0.5, generator).wape)


def test_bad_shares_and_methods_are_refused():
    with pytest.raises(BadInput, match=r"outside 0\.\.1"):
        av.recover_demand(np.ones((1, 2)), np.array([[1.0, 1.5]]))
    with pytest.raises(BadInput, match="same series"):
        av.recover_demand(np.ones((1, 2)), np.ones((2, 2)))
    with pytest.raises(BadParameter, match="at_least_usual, full"):
        av.recover_demand(np.ones((1, 2)), np.ones((1, 2)), method="magic")
    with pytest.raises(BadInput, match="24 shares"):
        av.exposure_by_hour(np.ones(1), np.ones(7))
