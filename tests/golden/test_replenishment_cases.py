"""Published and computed answers of inventory formulas and written rules, each within its tolerance.

The cases carry their source. SHELFCAST_REPLENISHMENT_CASES names another file of the same form.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from shelfcast.domain.errors import BadParameter
from shelfcast.replenish.reference_cases import FAMILIES, answer, differences

FILE = Path(os.environ.get("SHELFCAST_REPLENISHMENT_CASES") or Path(__file__).with_name("replenishment_cases.json"))
CASES = json.loads(FILE.read_text(encoding="utf-8"))["cases"]


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_the_answer_is_within_tolerance(case: dict[str, Any]) -> None:
    assert differences(case) == []


def test_every_family_of_the_file_is_known() -> None:
    assert {case["family"] for case in CASES} <= set(FAMILIES)


def test_a_wrong_expectation_is_reported_with_both_values() -> None:
    case = next(one for one in CASES if one["family"] == "eoq")
    wrong = {**case, "expected": {"cost": 1.0}, "tolerance": {"cost": {"rel": 0.01}}}
    found = answer("eoq", case["inputs"])["cost"]
    assert differences(wrong) == [f"cost is {found!r}; expected 1.0 within {{'rel': 0.01}}"]


@pytest.mark.parametrize(
    ("family", "inputs", "words"),
    [
        ("eoq", {"x": 1}, "don't fit the family 'eoq'"),
        ("sim_policy", {"demand": [1]}, "lack 'order_up_to_level'"),
        ("unheard_of", {}, "family 'unheard_of' is unknown"),
    ],
)
def test_inputs_a_family_does_not_have_are_refused_by_name(family: str, inputs: dict[str, Any], words: str) -> None:
    with pytest.raises(BadParameter, match=words):
        answer(family, inputs)


def test_inputs_may_take_their_other_written_forms() -> None:
    costs = {"holding_cost": 1, "stockout_cost": 4}
    by_list = answer("newsvendor_discrete", {**costs, "demand_pmf": [0.25, 0.5, 0.25]})
    assert by_list == answer("newsvendor_discrete", {**costs, "demand_pmf": {"0": 0.25, "1": 0.5, "2": 0.25}})
    system = {"stockout_cost": 30, "demand_mean": 5, "demand_standard_deviation": 1, "num_nodes": 2}
    by_list = answer("serial_echelon_base_stock", {**system, "echelon_holding_cost": [3, 2], "lead_time": 1})
    by_node = {**system, "echelon_holding_cost": {"1": 3, "2": 2}, "lead_time": {"1": 1, "2": 1}}
    assert by_list == answer("serial_echelon_base_stock", by_node)


def test_a_cap_is_no_reason_where_nothing_is_needed() -> None:
    shelf = {"order_up_to_level": 15, "window_mean": 6, "presentation_stock": 0, "on_hand": 12, "on_order": 33}
    terms = {"backorders": 0, "moq": 0, "pack_size": 8, "max_stock": 21, "pack_round_threshold": 0.25}
    full = answer("rule_net_need_rounding", {**shelf, **terms})
    assert (full["order_qty"], full["need"], full["reasons"]) == (0.0, 0.0, ())


def test_lost_sales_and_reorder_points_are_played_too() -> None:
    shop = {"demand": [3, 4, 5, 2, 8], "lead_time_days": 2, "order_up_to_level": 15, "initial_on_hand": 10}
    costs = {"holding_cost": 0.1, "stockout_cost": 1}
    lost = answer("sim_policy", {**shop, **costs, "reorder_point": 6, "unmet_demand": "lost"})
    waits = answer("sim_policy", {**shop, **costs, "reorder_point": 6, "unmet_demand": "backorder"})
    # Day 2 asks 5 of 3 left; the 12 ordered on day 1 come on day 3.
    assert (lost["lost_sales"], waits["lost_sales"]) == (2, 0)
    assert lost["ending_net_inventory"] == waits["ending_net_inventory"] + 2
