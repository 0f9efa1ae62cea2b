"""Reasons, sentences, what-ifs."""

from __future__ import annotations

import re

import pytest
from replenish_shop import CUTOFF, day, forecast, inputs, line, open_order, propose, rule, source, stock

from shelfcast.domain.errors import BadParameter
from shelfcast.domain.tables import results
from shelfcast.replenish.exceptions import KINDS
from shelfcast.replenish.explanation import explain
from shelfcast.replenish.order_lines import propose_orders
from shelfcast.replenish.reasons import BIT, REASONS, codes
from shelfcast.replenish.what_if import changeable, what_if


def test_a_cap_that_leaves_nothing_is_said_once() -> None:
    blocked = propose(
        sourcing=[source(moq=40.0)], item_locations=[{"item_id": "a", "location_id": "S1", "max_stock": 30.0}]
    )
    assert "smallest order -> 40; what fits is less than the smallest order -> 0" in explain(line(blocked))


def test_the_list_of_reasons_is_closed_and_every_sentence_uses_fields_of_a_line() -> None:
    assert len({reason.code for reason in REASONS}) == len(REASONS) <= 62
    for reason in REASONS:
        assert set(re.findall(r"{(\w+)}", reason.sentence)) <= set(results.ORDER_LINES.names), reason
    wanted = """below_target enough_stock not_order_day moq pack_round_up pack_round_down presentation_stock promotion_build_up
        new_item phase_out shelf_life_cap max_stock max_stock_blocks_moq truck_top_up truck_cut supplier_min_hold fair_share
        budget_cut planner_lock negative_stock_as_zero lead_time_default calendar_default overdue_order age_estimated
        censored_forecast zero_forecast clamped no_source discontinued"""
    assert set(wanted.split()) <= set(BIT)


def test_reasons_read_in_order_of_effect() -> None:
    assert codes(BIT["planner_lock"] | BIT["moq"] | BIT["below_target"]) == ["below_target", "moq", "planner_lock"]


def test_every_exception_has_a_sentence_and_a_severity() -> None:
    assert {kind.severity for kind in KINDS.values()} == {"high", "medium", "low"}
    assert all(kind.sentence.endswith((".", "{text}")) for kind in KINDS.values())


def test_the_sentence_is_read_from_the_line_alone() -> None:
    told = {
        "qty": 48.0, "need": 35.0, "step_unit": 0.0, "step_moq": 5.0, "step_pack": 8.0, "packs": 4.0, "pack_size": 12.0,
        "order_up_to": 47.0, "window_from": day(2), "window_to": day(8), "target_type": "cycle_service", "target_value": 0.95,
        "on_hand": -3.0, "blocked": 0.0, "on_order_in_window": 12.0, "inventory_position": 12.0,
        "reasons": "negative_stock_as_zero,below_target,moq,pack_round_up", "binding_rule": "pack_round_up",
    }  # fmt: skip
    assert explain(told) == (
        "Order 48: target 47 covers 8-14 March at 95 % cycle service; stock 0 (book -3) + 12 coming = 12; need 35; "
        "smallest order -> 40; packs of 12 -> 48."
    )


def test_the_sentence_says_why_the_need_is_not_target_less_stock() -> None:
    half_arrives = line(propose(stock=[stock(2.0)], sourcing=[source(yield_share=0.5)]))
    assert half_arrives["need"] == pytest.approx(2 * (half_arrives["order_up_to"] - half_arrives["inventory_position"]))
    assert "50 % of what is ordered arrives" in explain(half_arrives)
    whole = line(propose(stock=[stock(2.0)], sourcing=[source()]))
    assert "arrives" not in explain(whole)


def test_the_sentence_tells_of_every_change() -> None:
    one = line(
        propose(
            stock=[stock(6.0, blocked=2.0, backorders=1.0)],
            open_orders=[open_order(3.0, 1), open_order(7.0, 9, line_id="2")],
            item_locations=[{"item_id": "*", "location_id": "*", "presentation_stock": 20.0, "max_stock": 24.0}],
            sourcing=[source(pack_size=5.0)],
        )
    )
    sentence = explain(one)
    assert "(with 20 on the shelf)" in sentence
    assert "stock 4 (6 less 2 blocked) + 3 coming - 1 owed = 6 (7 more come after the window)" in sentence
    assert "packs of 5 -> 25; what fits -> 15" in sentence


def test_a_what_if_changes_one_thing_and_runs_the_same_engine() -> None:
    given = inputs(
        sourcing=[source(pack_size=6.0, moq=12.0)],
        forecasts=[forecast(), forecast(9.0, "b")],
        stock=[stock(), stock(item="b")],
    )
    before = propose_orders(given, CUTOFF).order_lines.row(0, named=True)
    unchanged = what_if(given, before, {}, CUTOFF)
    kept = ("qty", "need", "order_up_to", "inventory_position", "reasons", "delivery_date")
    assert [unchanged[name] for name in kept] == [before[name] for name in kept]
    assert unchanged["line_id"] == before["line_id"]
    assert what_if(given, before, {"on_hand": "100"}, CUTOFF)["qty"] == 0.0
    assert what_if(given, before, {"pack_size": "1", "moq": "0"}, CUTOFF)["qty"] == before["need"]
    assert what_if(given, before, {"demand_factor": "2"}, CUTOFF)["window_mean"] == 2 * before["window_mean"]
    assert what_if(given, before, {"target_cycle_service": "0.5"}, CUTOFF)["target_value"] == 0.5
    assert what_if(given, before, {"status": "discontinued"}, CUTOFF)["binding_rule"] == "discontinued"
    assert what_if(given, before, {"presentation_stock": "40"}, CUTOFF)["order_up_to"] == before["window_mean"] + 40.0


def test_a_what_if_keeps_the_class_an_item_has_among_all() -> None:
    items = [f"i{number}" for number in range(9)]
    given = inputs(
        stock=[stock(item=item) for item in items],
        forecasts=[forecast(1.0 + 3 * number, item) for number, item in enumerate(items)],
    )
    lines = propose_orders(given, CUTOFF).order_lines
    assert lines["target_value"].n_unique() > 1
    for before in lines.iter_rows(named=True):
        assert what_if(given, before, {}, CUTOFF)["qty"] == before["qty"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"colour": "red"}, "field 'colour' is unknown; known: .*on_hand"),
        ({"on_hand": "lots"}, "a number is needed"),
        ({"moq": "-4"}, "allowed: 0"),
        ({"status": "gone"}, "known: active"),
        ({"end_date": "soon"}, "a day such as"),
        ({"policy": "magic"}, "rule policy 'magic'"),
        ({"demand_factor": "-1"}, "0 or more"),
    ],
)
def test_a_what_if_that_makes_no_sense_is_refused(change: dict[str, str], message: str) -> None:
    given = inputs()
    before = propose_orders(given, CUTOFF).order_lines.row(0, named=True)
    with pytest.raises(BadParameter, match=message):
        what_if(given, before, change, CUTOFF)


def test_whatever_can_be_changed_can_be_listed() -> None:
    assert {"on_hand", "moq", "demand_factor", "target_fill_rate", "shelf_life_days"} <= set(changeable())


def test_rules_of_a_what_if_hold_for_its_line_alone() -> None:
    given = inputs(rules=[rule("target_cycle_service", 0.9)])
    before = propose_orders(given, CUTOFF).order_lines.row(0, named=True)
    after = what_if(given, before, {"target_cycle_service": "0.99"}, CUTOFF)
    assert "target_cycle_service=item_location a@S1:0.99" in after["rules_used"]


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        ("r_Q", "in whole lots"),
        ("reorder_level", "at least the order quantity"),
        ("economic", "as many packs as pay"),
        ("time_phased", "the first lot of the cheapest plan"),
    ],
)
def test_a_need_that_is_no_gap_is_not_taken_for_another_sources_share(policy: str, words: str) -> None:
    found = propose(
        stock=[stock(3.0)],
        sourcing=[source(order_cost=4.0, pack_size=4.0)],
        item_locations=[{"item_id": "a", "location_id": "S1", "unit_price": 1.2}],
        rules=[rule("policy", policy), rule("order_quantity", 31), rule("review_period_days", 3)],
    )
    sentence = explain(line(found))
    assert "another source" not in sentence and "arrives" not in sentence
    assert words in sentence


def test_a_split_need_names_its_share() -> None:
    split = propose(sourcing=[source(source="A", share=0.5), source(source="B", share=0.5)])
    one = split.order_lines.row(0, named=True)
    assert "need 7.5 (15 short; 50 % of it from here)" in explain(one)


def test_a_discontinued_line_is_not_said_to_end_too() -> None:
    gone = line(
        propose(item_locations=[{"item_id": "a", "location_id": "S1", "status": "discontinued", "end_date": day(-3)}])
    )
    assert explain(gone) == "No order: the item is discontinued."


@pytest.mark.parametrize(("name", "value"), [("on_hand", "nan"), ("moq", "inf"), ("demand_factor", "nan")])
def test_a_what_if_takes_finite_numbers_only(name: str, value: str) -> None:
    shop = inputs()
    one = propose_orders(shop, CUTOFF).order_lines.row(0, named=True)
    with pytest.raises(BadParameter, match=f"'{value}' came, a number is needed"):
        what_if(shop, one, {name: value}, CUTOFF)


def test_what_holds_for_a_whole_run_cannot_be_tried_on_a_line() -> None:
    shop = inputs()
    one = propose_orders(shop, CUTOFF).order_lines.row(0, named=True)
    assert "overdue_dead_days" not in changeable()
    with pytest.raises(BadParameter, match="holds for a whole run"):
        what_if(shop, one, {"overdue_dead_days": "2"}, CUTOFF)
