"""Each policy code does what its row in the table says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from replenish_shop import day, forecast, line, propose, rule, source, stock
from scipy import stats

from shelfcast.replenish.explanation import explain
from shelfcast.replenish.formulas.wagner_whitin import wagner_whitin
from shelfcast.replenish.season import first_lot
from shelfcast.replenish.targets import abc_xyz


def under(policy: str, on_hand: float, *rules: Any, **more: Any) -> dict[str, Any]:
    terms = {"rules": [rule("policy", policy), *rules], "stock": [stock(on_hand)], **more}
    return line(propose(**terms))


def test_base_stock_orders_up_to_the_level_every_time() -> None:
    one = under("base_stock", 5.0, rule("target_cycle_service", 0.95))
    assert one["need"] == one["order_up_to"] - 5.0 > 0.0


def test_r_s_s_waits_until_the_position_is_at_or_below_the_point() -> None:
    rules = (rule("reorder_point", 10), rule("order_up_to", 40))
    assert under("R_s_S", 10.0, *rules)["need"] == 30.0
    above = under("R_s_S", 11.0, *rules)
    assert (above["need"], above["binding_rule"]) == (0.0, "above_reorder_point")


def test_r_s_nq_orders_the_fewest_packs_that_reach_the_point() -> None:
    rules = (rule("reorder_point", 20),)
    packs = {"sourcing": [source(pack_size=6.0, pack_round_threshold=0.9)]}
    assert under("R_s_nQ", 20.0, *rules, **packs)["qty"] == 0.0  # below, not at
    assert under("R_s_nQ", 19.0, *rules, **packs)["qty"] == 6.0
    assert under("R_s_nQ", 7.0, *rules, **packs)["qty"] == 18.0  # 13 needed, the threshold doesn't count


def test_r_q_orders_whole_lots_at_the_point() -> None:
    rules = (rule("reorder_point", 20), rule("order_quantity", 15))
    assert under("r_Q", 21.0, *rules)["qty"] == 0.0
    assert under("r_Q", 20.0, *rules)["qty"] == 15.0
    assert under("r_Q", 3.0, *rules)["qty"] == 30.0


def test_r_q_without_a_quantity_uses_the_economic_lot() -> None:
    one = under("r_Q", 0.0, rule("reorder_point", 5), sourcing=[source(order_cost=4.0, unit_cost=2.0)])
    lot = np.sqrt(2 * 4.0 * 4.0 / (0.25 * 2.0 / 365))
    assert one["qty"] == pytest.approx(np.ceil(lot), abs=1)


def test_min_max_fills_to_the_maximum_below_the_minimum() -> None:
    rules = (rule("min_level", 10), rule("max_level", 25))
    assert under("min_max", 10.0, *rules)["qty"] == 0.0
    assert under("min_max", 9.0, *rules)["qty"] == 16.0


def test_reorder_level_orders_the_quantity_or_the_gap() -> None:
    rules = (rule("reorder_point", 20), rule("order_quantity", 12))
    assert under("reorder_level", 20.0, *rules)["qty"] == 12.0
    assert under("reorder_level", 3.0, *rules)["qty"] == 17.0
    assert under("reorder_level", 21.0, *rules)["qty"] == 0.0


def test_cover_keeps_days_of_mean_demand_beyond_the_window() -> None:
    one = under("cover", 0.0, rule("cover_days", 5))
    assert one["order_up_to"] == pytest.approx(2 * 4.0 + 5 * 4.0)


def test_economic_adds_packs_while_the_next_one_pays() -> None:
    """By hand: the last pack taken is worth more than 0, the next one is not."""
    cost, price, size = 4.0, 6.0, 5.0
    one = under(
        "economic", 0.0, sourcing=[source(unit_cost=cost, pack_size=size)],
        item_locations=[{"item_id": "*", "location_id": "*", "unit_price": price, "shelf_life_days": 1.0}],
        forecasts=forecast(10.0),
    )  # fmt: skip
    mean, variance = one["window_mean"], one["window_variance"]
    demand = stats.nbinom(mean**2 / (variance - mean), mean / variance)

    def worth(position: float) -> float:
        steps = np.arange(position, position + size)
        expected = float(demand.sf(steps).sum())
        return expected * (price - cost) - (size - expected) * cost

    assert worth(one["need"] - size) > 0.0 >= worth(one["need"])


def test_a_fixed_cost_makes_base_stock_by_cost_an_s_s_policy() -> None:
    listing = [{"item_id": "*", "location_id": "*", "unit_price": 3.0}]
    cheap = line(propose(item_locations=listing))
    dear = line(propose(item_locations=listing, sourcing=[source(order_cost=20.0)]))
    assert (cheap["policy"], dear["policy"]) == ("base_stock", "R_s_S")
    assert dear["order_up_to"] > cheap["order_up_to"]
    assert dear["reorder_point"] < dear["order_up_to"]


def test_one_order_for_the_season_covers_it_and_is_placed_once() -> None:
    terms = {
        "item_locations": [{"item_id": "a", "location_id": "S1", "start_date": day(2), "end_date": day(30)}],
        "forecasts": forecast(3.0),
    }
    rules = (rule("target_cycle_service", 0.9),)
    first = under("newsvendor_once", 0.0, *rules, **terms)
    assert first["order_up_to"] > 30 * 3.0 + 5.0  # enough in nine of ten seasons, not only the mean
    assert "covers the season at 90 %" in explain(first)
    delivered = {
        "order_id": "1", "source_id": "SUP", "destination_id": "S1", "item_id": "a", "ordered_on": day(-5), "received_on": day(-1),
        "units": 90.0,
    }  # fmt: skip
    again = under("newsvendor_once", 0.0, *rules, **terms, deliveries=[delivered])
    assert (again["qty"], again["binding_rule"]) == (0.0, "season_ordered")


def test_time_phased_buys_the_cheapest_first_lot() -> None:
    rules = (rule("target_cycle_service", 0.5), rule("review_period_days", 7), rule("day_correlation", 0))
    lot_for_lot = under("time_phased", 0.0, *rules)
    joined = under("time_phased", 0.0, *rules, sourcing=[source(order_cost=30.0, unit_cost=10.0)])
    assert joined["need"] > 2 * lot_for_lot["need"] > 0.0
    assert under("time_phased", 500.0, *rules)["need"] == 0.0


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 90), min_size=1, max_size=12), st.integers(1, 400), st.integers(1, 8))
def test_the_first_lot_is_that_of_wagner_and_whitin(needs: list[int], fixed: int, holding: int) -> None:
    needs = [max(1, needs[0]), *needs[1:]]
    lot = first_lot(np.array(needs, dtype=np.float64), float(fixed), float(holding))
    plan = wagner_whitin(holding, fixed, needs)
    covered = int(np.argmax(np.cumsum(needs) >= lot - 1e-9))
    rest = needs[covered + 1 :]
    cost = fixed + sum(place * holding * need for place, need in enumerate(needs[: covered + 1]))
    cost += wagner_whitin(holding, fixed, rest).cost if any(rest) else 0.0
    assert cost == pytest.approx(plan.cost)


def test_the_critical_ratio_counts_the_days_between_deliveries() -> None:
    """p / (p + h R), not p / (p + h)."""
    listing = [{"item_id": "*", "location_id": "*", "unit_price": 1.5}]
    one = line(propose(item_locations=listing, rules=[rule("review_period_days", 10)]))
    holding = 0.25 * 1.0 / 365
    assert one["critical_ratio"] == pytest.approx(0.5 / (0.5 + 10 * holding))
    assert one["target_type"] == "economic"


def test_perishables_weigh_what_is_thrown_away() -> None:
    listing = {
        "item_id": "*",
        "location_id": "*",
        "unit_price": 1.5,
        "shelf_life_days": 1.0,
        "salvage": 0.2,
        "disposal_cost": 0.1,
    }
    one = line(propose(item_locations=[listing]))
    assert one["critical_ratio"] == pytest.approx(0.5 / (0.5 + 1.0 - 0.2 + 0.1))


def test_the_fill_rate_target_is_reached_and_no_unit_more() -> None:
    one = line(
        propose(rules=[rule("target_fill_rate", 0.95), rule("unmet_demand", "backorder")], forecasts=forecast(6.0))
    )
    mean, variance = one["window_mean"], one["window_variance"]
    demand = stats.nbinom(mean**2 / (variance - mean), mean / variance)
    half = stats.nbinom((mean / 2) ** 2 / (variance / 2 - mean / 2), mean / variance)

    def fill(level: float) -> float:
        grid = np.arange(level, 400)
        return 1 - (demand.sf(grid).sum() - half.sf(grid).sum()) / (mean / 2)

    level = one["order_up_to"]
    assert fill(level) == pytest.approx(0.95, abs=0.02)
    assert fill(level) > fill(level - 1)


def test_classes_follow_value_and_variation() -> None:
    value = np.array([100.0, 40.0, 10.0, 5.0, 2.0])
    mean, variance = np.full(5, 10.0), np.array([4.0, 4.0, 49.0, 400.0, 4.0])
    assert abc_xyz(value, mean, variance, np.arange(5)).tolist() == [0, 0, 4, 8, 6]


def test_without_prices_the_class_decides_and_rules_can_change_its_target() -> None:
    one = line(propose())
    assert one["target_type"] == "class"
    changed = line(propose(rules=[rule(f"class_target_{name}", 0.6) for name in ("AX", "AY", "AZ")]))
    assert changed["target_value"] == 0.6


def test_presentation_and_safety_stock_are_not_added() -> None:
    small = line(propose(item_locations=[{"item_id": "*", "location_id": "*", "presentation_stock": 1.0}]))
    large = line(propose(item_locations=[{"item_id": "*", "location_id": "*", "presentation_stock": 30.0}]))
    assert small["order_up_to"] == line(propose())["order_up_to"]
    assert large["order_up_to"] == pytest.approx(large["window_mean"] + 30.0)
    assert "presentation_stock" in large["reasons"]


def test_display_stock_builds_up_before_a_promotion_and_not_at_its_end() -> None:
    def promotion(first: int, last: int) -> dict[str, Any]:
        dates = {"first_date": day(first), "last_date": day(last)}
        return line(
            propose(
                promotions=[{"promotion_id": "p", "item_id": "a", "location_id": "*", "display_qty": 25.0, **dates}]
            )
        )

    assert promotion(4, 20)["promo_units"] == 25.0
    assert "promotion_build_up" in promotion(4, 20)["reasons"]
    assert promotion(40, 60)["promo_units"] == 0.0  # too early
    assert promotion(-5, 1)["promo_units"] == 0.0  # it ends inside the window


def test_an_ending_item_covers_only_the_demand_until_its_end() -> None:
    ending = [{"item_id": "a", "location_id": "S1", "status": "phase_out", "end_date": day(3)}]
    one = line(
        propose(item_locations=ending, sourcing=[source(lead_time_days=3.0)], rules=[rule("review_period_days", 7)])
    )
    assert one["order_up_to"] == pytest.approx(3 * 4.0)
    assert "phase_out" in one["reasons"]
