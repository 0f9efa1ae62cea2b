"""EOQ and its discounts, (r,Q), (s,S), Wagner-Whitin: known answers, slow oracles, optimality."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shelfcast.domain.errors import BadParameter
from shelfcast.replenish.formulas import eoq, min_max, reorder_point_quantity, wagner_whitin

COSTS = st.tuples(st.floats(0.05, 2), st.floats(1.5, 40), st.floats(0.5, 60))


def test_the_cost_of_the_best_quantity_is_below_its_neighbours() -> None:
    best = eoq.economic_order_quantity(8, 0.225, 1300)
    for factor in (0.9, 1.1):
        assert eoq.economic_order_quantity(8, 0.225, 1300, best.order_quantity * factor).cost > best.cost


def test_a_given_share_of_backorders_is_costed() -> None:
    best = eoq.economic_order_quantity_with_backorders(8, 0.225, 5, 1300)
    same = eoq.economic_order_quantity_with_backorders(8, 0.225, 5, 1300, best.order_quantity, best.stockout_fraction)
    worse = eoq.economic_order_quantity_with_backorders(8, 0.225, 5, 1300, best.order_quantity, 0.2)
    assert same.cost == pytest.approx(best.cost)
    assert worse.cost > best.cost


def test_quantity_discounts_equal_a_search_over_all_quantities() -> None:
    quantities = np.linspace(1, 2000, 200_000)
    breaks, costs = [0, 200, 500], [500.0, 475.0, 450.0]
    region = np.searchsorted(breaks, quantities, side="right") - 1
    price = np.array(costs)[region]
    all_units = price * 1000 + 200 * 1000 / quantities + 0.1 * price * quantities
    assert eoq.economic_order_quantity_with_all_units_discounts(200, 0.2, 1000, breaks, costs).cost == pytest.approx(
        all_units.min(), rel=1e-6
    )
    paid = np.concatenate(([0.0], np.cumsum(np.diff(breaks) * np.array(costs[:-1]))))[region]
    bill = paid + price * (quantities - np.array(breaks)[region])
    incremental = bill / quantities * 1000 + 200 * 1000 / quantities + 0.2 * bill / quantities * quantities / 2
    found = eoq.economic_order_quantity_with_incremental_discounts(200, 0.2, 1000, breaks, costs)
    assert found.cost == pytest.approx(incremental.min(), rel=1e-6)


def test_discounts_out_of_order_are_refused() -> None:
    with pytest.raises(BadParameter, match="rising from 0"):
        eoq.economic_order_quantity_with_all_units_discounts(1, 0.2, 10, [0, 500, 200], [3, 2, 1])


def test_production_slower_than_demand_is_refused() -> None:
    with pytest.raises(BadParameter, match="below production_rate"):
        eoq.economic_production_quantity(1, 1, 10, 10)


# Recorded from stockpyl 1.0.2: r_q_poisson_exact, s_s_discrete_exact, r_q_loss_function_approximation.
def test_recorded_answers_of_another_library() -> None:
    r, q, cost = reorder_point_quantity.reorder_point_quantity_poisson_exact(20, 150, 100, 1.5, 2)
    assert (r, q) == (3, 5)
    assert cost == pytest.approx(107.92358063314975)
    s, level, cost = min_max.min_max_poisson(1, 4, 5, 6)
    assert (s, level) == (4, 10)
    assert cost == pytest.approx(8.034111561471642)
    r, q, _ = reorder_point_quantity.reorder_point_quantity_loss_approximation(0.225, 7.5, 8, 1300, 150, 1 / 12)
    assert (r, q) == (pytest.approx(126.8670634479628, rel=1e-5), pytest.approx(328.4491421980451, rel=1e-5))


@settings(max_examples=60)
@given(COSTS, st.floats(0.2, 12), st.floats(0.1, 4))
def test_no_neighbour_of_the_best_reorder_point_and_quantity_is_cheaper(costs, rate: float, lead: float) -> None:  # type: ignore[no-untyped-def]
    h, p, k = costs
    r, q, cost = reorder_point_quantity.reorder_point_quantity_poisson_exact(h, p, k, rate, lead)
    assert cost == pytest.approx(
        reorder_point_quantity.reorder_point_quantity_poisson_cost(int(r), int(q), h, p, k, rate, lead)
    )
    for dr, dq in product((-2, -1, 0, 1, 2), repeat=2):
        if q + dq >= 1:
            other = reorder_point_quantity.reorder_point_quantity_poisson_cost(
                int(r) + dr, int(q) + dq, h, p, k, rate, lead
            )
            assert other >= cost - 1e-9 * abs(cost)


@settings(max_examples=60)
@given(COSTS, st.lists(st.floats(0.01, 1), min_size=2, max_size=9), st.integers(0, 2))
def test_no_neighbour_of_the_best_min_and_max_is_cheaper(costs, weights: list[float], lead: int) -> None:  # type: ignore[no-untyped-def]
    h, p, k = costs
    pmf = (np.array(weights) / sum(weights)).tolist()
    s, level, cost = min_max.min_max_pmf(h, p, k, pmf, lead)
    assert cost == pytest.approx(min_max.min_max_pmf_cost(s, level, h, p, k, pmf, lead))
    for ds, dS in product((-3, -1, 0, 1, 3), repeat=2):
        if level + dS > s + ds:
            assert min_max.min_max_pmf_cost(s + ds, level + dS, h, p, k, pmf, lead) >= cost - 1e-9 * abs(cost)


def test_the_min_max_cost_is_what_a_long_simulation_pays() -> None:
    pmf = [0.3, 0.25, 0.15, 0.1, 0.08, 0.05, 0.04, 0.03]
    demand = np.random.default_rng(4).choice(8, 200_000, p=pmf)
    level, paid = 10, 0.0
    for units in demand:
        if level <= 2:
            paid, level = paid + 8.0, 10
        level -= int(units)
        paid += 0.5 * max(level, 0) + 9.5 * max(-level, 0)
    assert paid / demand.size == pytest.approx(min_max.min_max_pmf_cost(2, 10, 0.5, 9.5, 8, pmf), rel=0.01)


def test_a_large_mean_does_not_underflow() -> None:
    s, level, _ = min_max.min_max_poisson(1, 20, 500, 2000)
    assert 1500 < s < level < 5000


def test_nothing_to_sell_is_refused() -> None:
    with pytest.raises(BadParameter, match="zero demand"):
        min_max.min_max_pmf(1, 2, 3, [1.0])


def test_the_capped_power_approximation_stays_below_the_newsvendor_level() -> None:
    plain = min_max.min_max_power_approximation(1, 2, 3, 50, 8)
    capped = min_max.min_max_power_approximation(1, 2, 3, 50, 8, capped=True)
    assert plain.order_up_to_level > capped.order_up_to_level
    assert capped.order_up_to_level == pytest.approx(50 + 8 * 0.4307272992954576)


@settings(max_examples=60)
@given(st.lists(st.integers(0, 50), min_size=1, max_size=7), st.integers(0, 120), st.floats(0.1, 4), st.floats(0, 3))
def test_wagner_whitin_equals_trying_every_plan(demand: list[int], fixed: int, holding: float, price: float) -> None:
    best = np.inf
    for orders in product((False, True), repeat=len(demand)):
        cost, bought_in = 0.0, None
        used = set()
        for period, units in enumerate(demand):
            bought_in = period if orders[period] else bought_in
            if units and bought_in is None:
                cost = np.inf
                break
            if units:
                cost += units * (price + holding * (period - bought_in))
                used.add(bought_in)
        best = min(best, cost + fixed * len(used))
    plan = wagner_whitin.wagner_whitin(holding, fixed, demand, price)
    assert plan.cost == pytest.approx(best)
    assert plan.order_quantities.sum() == sum(demand)
    assert np.all(np.cumsum(plan.order_quantities) >= np.cumsum(demand))
