"""Safety stock, fill rate, moments, paths, quantiles, series systems."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shelfcast.domain.errors import BadParameter
from shelfcast.replenish.formulas import fill_rate, moments, quantiles, safety_stock, sample_paths, serial

SERVICE = st.tuples(st.floats(0.5, 0.999), st.floats(0.5, 0.999)).map(sorted)


@given(SERVICE, st.floats(0, 40), st.floats(0, 5))
def test_safety_stock_never_falls_with_service_or_lead_time_spread(
    levels: list[float], sd: float, lead_sd: float
) -> None:
    low, high = (safety_stock.safety_stock_for_cycle_service(level, 50, sd, 7, lead_sd) for level in levels)
    wider = safety_stock.safety_stock_for_cycle_service(levels[0], 50, sd, 7, lead_sd + 1)
    assert low.safety_stock <= high.safety_stock
    assert low.safety_stock <= wider.safety_stock
    assert low.expected_short_per_cycle >= high.expected_short_per_cycle


@settings(max_examples=40)
@given(SERVICE, st.floats(1, 200), st.floats(0.05, 1.5), st.integers(0, 9), st.integers(1, 9))
def test_the_level_for_a_fill_rate_reaches_it_and_never_falls_with_it(
    targets: list[float], mean: float, variation: float, lead: int, review: int
) -> None:
    low, high = (fill_rate.order_up_to_for_fill_rate(t, mean, variation * mean, lead, review) for t in targets)
    assert low.order_up_to_level <= high.order_up_to_level + 1e-9
    reached = fill_rate.fill_rate_of_level(high.order_up_to_level, mean, variation * mean, lead, review)
    assert reached == pytest.approx(targets[1], abs=1e-9)


def test_moments_of_quantiles_of_a_normal_are_near_its_own() -> None:
    from scipy import special

    levels = np.arange(1, 200) / 200
    found = moments.quantile_moments(levels, 50 + 8 * special.ndtri(levels))
    assert found.mean == pytest.approx(50)
    assert np.sqrt(found.variance) == pytest.approx(8, rel=0.01)


def test_days_that_move_together_add_up_their_deviations() -> None:
    assert moments.sum_of_days([1, 1, 1], [4, 4, 4], correlation=1.0).variance == pytest.approx(36)
    assert moments.sum_of_days([1, 1, 1], [4, 4, 4]).variance == pytest.approx(12)


@pytest.mark.parametrize("levels", [[0.5, 0.5], [0.0, 0.5], [0.5, 1.0]])
def test_levels_that_do_not_rise_inside_the_unit_interval_are_refused(levels: list[float]) -> None:
    with pytest.raises(BadParameter, match="rise inside"):
        moments.quantile_moments(levels, [1, 2])


@given(st.lists(st.integers(0, 30), min_size=1, max_size=60), st.floats(0.01, 0.99))
def test_the_sample_quantile_is_the_first_sample_that_enough_others_do_not_exceed(samples, level: float) -> None:  # type: ignore[no-untyped-def]
    found = sample_paths.sample_quantile(samples, level)
    assert np.mean(np.array(samples) <= found) >= level - 1e-9
    assert all(np.mean(np.array(samples) <= other) < level for other in samples if other < found)


def test_rounding_in_the_level_does_not_move_the_rank() -> None:
    assert sample_paths.sample_quantile(range(20), 0.55) == 10


def test_one_lead_time_stands_for_all_paths() -> None:
    assert sample_paths.window_sums([[1, 2, 3], [4, 5, 6]], 2, 2).tolist() == [6, 15]


def test_a_window_longer_than_the_paths_is_refused_with_both_lengths() -> None:
    with pytest.raises(BadParameter, match="to 5 days; paths have 3 days"):
        sample_paths.window_sums([[1, 2, 3]], 4, 2)


def test_a_ratio_outside_the_given_quantiles_takes_the_end_and_says_so() -> None:
    found = quantiles.order_up_to_from_quantiles([0.1, 0.9], [2, 20], 99, 1)
    assert (found.order_up_to_level, found.clamped) == (20, True)
    assert quantiles.order_up_to_from_quantiles([0.1, 0.9], [2, 20], 9, 1).clamped is False


def test_quantiles_that_fall_are_refused() -> None:
    with pytest.raises(BadParameter, match="fall somewhere"):
        quantiles.order_up_to_from_quantiles([0.1, 0.9], [20, 2], 9, 1)


# Snyder & Shen, Fundamentals of Supply Chain Theory, 2nd ed., example 6.1 (cost 47.65 by its discretisation).
def test_the_series_system_of_the_text_book() -> None:
    found = serial.echelon_base_stock([3, 2, 2], [1, 1, 2], 37.12, 5, 1)
    assert found.cost == pytest.approx(47.65, rel=0.005)
    assert found.echelon_base_stock[1] == pytest.approx(6.49, rel=0.02)
    assert found.echelon_base_stock[2] == pytest.approx(12.02, rel=0.02)
    assert found.echelon_base_stock[3] == pytest.approx(22.71, rel=0.02)


@settings(max_examples=15)
@given(st.floats(-1.5, 1.5), st.floats(-1.5, 1.5))
def test_other_echelon_levels_cost_more(shift_store: float, shift_depot: float) -> None:
    best = serial.echelon_base_stock([3, 2], [1, 2], 30, 5, 1)
    levels = {1: best.echelon_base_stock[1] + shift_store, 2: best.echelon_base_stock[2] + shift_depot}
    assert serial.echelon_base_stock([3, 2], [1, 2], 30, 5, 1, levels).cost >= best.cost - 1e-3


def test_a_series_cost_is_what_a_long_simulation_pays() -> None:
    levels, holding, leads, short = {1: 7.0, 2: 17.0}, [3.0, 2.0], [1, 2], 30.0
    demand = np.maximum(np.random.default_rng(2).normal(5, 1, 60_000), 0)
    store, depot = 2.0, 0.0
    to_store, to_depot = [5.0] * leads[0], [5.0] * leads[1]
    paid = 0.0
    for units in demand.tolist():
        store, depot = store + to_store.pop(0), depot + to_depot.pop(0)
        store -= units
        at_or_below_depot = depot + sum(to_store) + store
        paid += holding[0] * store + holding[1] * at_or_below_depot + (short + sum(holding)) * max(-store, 0.0)
        to_depot.append(levels[2] - at_or_below_depot - sum(to_depot))
        shipped = min(levels[1] - store - sum(to_store), depot)
        depot -= shipped
        to_store.append(shipped)
    formula = serial.echelon_base_stock([3, 2], leads, short, 5, 1, levels).cost
    assert paid / demand.size == pytest.approx(formula, rel=0.01)


def test_poisson_demand_gives_whole_levels() -> None:
    found = serial.echelon_base_stock([3, 2], [1, 2], 30, 5)
    assert all(level == int(level) for level in found.echelon_base_stock.values())


def test_lists_of_different_length_are_refused() -> None:
    with pytest.raises(BadParameter, match="one of each per node"):
        serial.echelon_base_stock([3, 2], [1], 30, 5, 1)
