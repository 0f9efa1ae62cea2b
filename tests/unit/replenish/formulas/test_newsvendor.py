"""Newsvendor and base stock: known answers, laws, refusals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from shelfcast.domain.errors import BadParameter
from shelfcast.replenish.formulas import base_stock, newsvendor

RATIOS = st.floats(0.05, 0.99)
MEANS = st.floats(0.05, 200)


def test_arrays_give_one_answer_per_item() -> None:
    levels, costs = newsvendor.newsvendor_normal([0.18, 1.0], [0.70, 9.0], [50, 10], [8, 4])
    assert levels.shape == costs.shape == (2,)
    assert levels[0] == pytest.approx(56.60395592743389)


def test_a_given_level_is_only_costed() -> None:
    best = newsvendor.newsvendor_poisson(0.18, 0.70, 50)
    for level in (best.order_up_to_level - 1, best.order_up_to_level + 1):
        assert newsvendor.newsvendor_poisson(0.18, 0.70, 50, order_up_to_level=level).cost > best.cost


@given(RATIOS, MEANS)
def test_the_poisson_quantile_is_the_first_count_that_reaches_the_level(level: float, mean: float) -> None:
    found = newsvendor.poisson_quantile(level, mean)
    assert stats.poisson.cdf(found, mean) >= level - 1e-11
    assert found == 0 or stats.poisson.cdf(found - 1, mean) < level + 1e-11


@given(st.tuples(RATIOS, RATIOS).map(sorted), st.tuples(MEANS, MEANS).map(sorted), st.integers(0, 9))
def test_levels_never_fall_with_service_mean_or_lead_time(ratios: list[float], means: list[float], lead: int) -> None:
    def level(ratio: float, mean: float, lead_time: int) -> float:
        return float(base_stock.base_stock_poisson(1 - ratio, ratio, mean, lead_time).order_up_to_level)

    assert level(ratios[0], means[0], lead) <= level(ratios[1], means[0], lead)
    assert level(ratios[0], means[0], lead) <= level(ratios[0], means[1], lead)
    assert level(ratios[0], means[0], lead) <= level(ratios[0], means[0], lead + 1)


@pytest.mark.parametrize(
    ("distribution", "parameters", "same"),
    [
        ("normal", {"mean": 50, "sd": 8}, stats.norm(50, 8)),
        ("lognormal", {"mu": 6, "sigma": 0.3}, stats.lognorm(0.3, 0, np.exp(6))),
        ("gamma", {"shape": 3, "scale": 4}, stats.gamma(3, scale=4)),
        ("gamma", {"mean": 12, "sd": 6.928203230275509}, stats.gamma(3, scale=4)),
        ("uniform", {"low": 10, "high": 30}, stats.uniform(10, 20)),
        ("uniform", {"a": 10, "b": 30}, stats.uniform(10, 20)),
        ("gamma", {"a": 3, "scale": 4}, stats.gamma(3, scale=4)),
        ("normal", {"mu": 50, "sigma": 8}, stats.norm(50, 8)),
        ("exponential", {"scale": 4}, stats.expon(scale=4)),
        ("exponential", {"rate": 0.25}, stats.expon(scale=4)),
        ("weibull", {"shape": 1.7, "scale": 20}, stats.weibull_min(1.7, scale=20)),
    ],
)
def test_a_named_demand_has_its_quantile_loss_and_mean(distribution, parameters, same) -> None:  # type: ignore[no-untyped-def]
    demand = newsvendor.continuous_demand(distribution, **parameters)
    assert demand.mean == pytest.approx(same.mean())
    assert demand.quantile(0.9) == pytest.approx(same.ppf(0.9))
    assert demand.loss(same.ppf(0.8)) == pytest.approx(
        same.expect(lambda x: np.maximum(x - same.ppf(0.8), 0)), rel=1e-4
    )


def test_profit_of_the_best_level_is_above_its_neighbours() -> None:
    best = newsvendor.newsvendor_discrete_explicit(5, 2, 1, [0.1, 0.2, 0.4, 0.2, 0.1])
    others = [
        newsvendor.newsvendor_discrete_explicit(5, 2, 1, [0.1, 0.2, 0.4, 0.2, 0.1], order_up_to_level=level).profit
        for level in range(5)
    ]
    assert best.profit == max(others)


def test_base_stock_over_any_demand_agrees_with_poisson() -> None:
    masses = stats.poisson.pmf(np.arange(40), 1.3)
    from_table = base_stock.base_stock_discrete(0.02, 0.48, (masses / masses.sum()).tolist(), 3)
    assert from_table.order_up_to_level == 9
    assert from_table.cost == pytest.approx(0.11049615079885353, rel=1e-6)


def test_a_review_of_two_periods_protects_two_periods_more_than_the_lead_time() -> None:
    longer = base_stock.base_stock_normal(1, 9, 10, 3, lead_time=2, review_period=2)
    assert longer.order_up_to_level == base_stock.base_stock_normal(1, 9, 10, 3, lead_time=3).order_up_to_level


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: newsvendor.newsvendor_normal(0, 1, 5, 1), "holding_cost"),
        (lambda: newsvendor.newsvendor_normal(1, 1, float("nan"), 1), "demand_mean"),
        (lambda: newsvendor.newsvendor_continuous(1, 1, "cauchy", mean=1), "known: exponential"),
        (lambda: newsvendor.newsvendor_continuous(1, 1, "normal", mu=1), "give mean, sd"),
        (lambda: newsvendor.newsvendor_normal_explicit(1, 2, 0, 5, 1), "revenue must exceed"),
    ],
)
def test_bad_input_is_refused_by_name(call, words: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(BadParameter, match=words):
        call()
