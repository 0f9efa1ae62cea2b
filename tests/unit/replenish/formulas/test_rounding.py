"""From need to order: the laws of rounding, each reason, each refusal."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelfcast.domain.errors import BadParameter
from shelfcast.replenish.formulas.rounding import below_room, order_after_rules, whole_packs

ORDERS = st.fixed_dictionaries(
    {
        "order_up_to_level": st.integers(0, 300),
        "on_hand": st.integers(-20, 200),
        "on_order": st.integers(0, 100),
        "backorders": st.integers(0, 20),
        "window_mean": st.floats(0, 200),
        "presentation_stock": st.integers(0, 40),
        "moq": st.integers(0, 60),
        "pack_size": st.integers(1, 24),
        "max_stock": st.none() | st.integers(0, 300),
        "max_order_qty": st.none() | st.integers(0, 200),
        "pack_round_threshold": st.floats(0, 1),
    }
)


@given(ORDERS)
def test_an_order_is_nothing_or_whole_packs_of_at_least_the_smallest_order_within_the_caps(order) -> None:  # type: ignore[no-untyped-def]
    found = order_after_rules(**order)
    assert found.order_qty % order["pack_size"] == 0
    assert found.order_qty == 0 or found.order_qty >= order["moq"]
    if order["max_stock"] is not None:
        assert found.order_qty == 0 or found.inventory_position + found.order_qty <= order["max_stock"]
    if order["max_order_qty"] is not None:
        assert found.order_qty <= order["max_order_qty"]
    if found.need == 0:
        assert found.order_qty == 0
    capped = {"max_stock", "max_order_qty"} & set(found.reasons)
    if not capped and order["pack_round_threshold"] == 0:
        assert found.order_qty >= found.need - 1e-6


@given(ORDERS, st.integers(0, 50))
def test_more_stock_never_means_a_larger_position_after_the_order_without_caps(order, more: int) -> None:  # type: ignore[no-untyped-def]
    order = {**order, "max_stock": None, "max_order_qty": None, "on_hand": max(order["on_hand"], 0)}
    richer = order_after_rules(**{**order, "on_hand": order["on_hand"] + more})
    assert richer.order_qty <= order_after_rules(**order).order_qty


@given(ORDERS, st.integers(0, 50))
def test_a_higher_level_never_means_a_smaller_order(order, more: int) -> None:  # type: ignore[no-untyped-def]
    higher = order_after_rules(**{**order, "order_up_to_level": order["order_up_to_level"] + more})
    assert higher.order_qty >= order_after_rules(**order).order_qty


@given(st.floats(0.01, 500), st.floats(0, 100), st.integers(1, 24), st.floats(0, 1))
def test_rounding_moves_an_order_by_less_than_a_pack(need: float, moq: float, pack: int, threshold: float) -> None:
    rounded = whole_packs(need, moq, float(pack), threshold)
    assert abs(rounded - max(need, moq)) < pack + 1e-6
    assert rounded > 0
    assert rounded >= moq - 1e-6
    assert whole_packs(rounded, moq, float(pack), threshold) == rounded


@pytest.mark.parametrize(
    ("changes", "quantity", "reasons"),
    [
        ({}, 10, set()),
        ({"pack_size": 4}, 12, {"pack_round_up"}),
        ({"pack_size": 4, "pack_round_threshold": 0.6}, 8, {"pack_round_down"}),
        ({"pack_size": 4, "pack_round_threshold": 0.6, "moq": 10}, 12, {"pack_round_up"}),
        ({"pack_size": 12, "pack_round_threshold": 0.9}, 12, {"pack_round_up"}),
        ({"moq": 15}, 15, {"moq"}),
        ({"max_stock": 16, "pack_size": 5}, 5, {"max_stock"}),
        ({"max_stock": 16, "moq": 8}, 0, {"max_stock", "max_stock_blocks_moq"}),
        ({"max_stock": 5}, 0, {"max_stock"}),
        ({"max_order_qty": 7}, 7, {"max_order_qty"}),
        ({"on_hand": -4, "on_order": 10}, 10, {"negative_stock_as_zero"}),
        ({"backorders": 3}, 13, set()),
        ({"window_mean": 15, "presentation_stock": 9}, 14, {"presentation_stock"}),
        ({"on_hand": 30}, 0, set()),
    ],
)
def test_each_rule_does_what_is_written_and_is_named(changes, quantity: float, reasons: set[str]) -> None:  # type: ignore[no-untyped-def]
    found = order_after_rules(**{"order_up_to_level": 20, "on_hand": 10, **changes})
    assert (found.order_qty, set(found.reasons)) == (quantity, reasons)


def test_a_quantity_that_fits_is_left_alone_by_a_cap() -> None:
    assert below_room(12.0, 12.0, 0.0, 6.0) == 12.0
    assert below_room(12.0, -5.0, 0.0, 6.0) == 0.0
    assert below_room(12.0, math.inf, 0.0, 6.0) == 12.0


@pytest.mark.parametrize("bad", [{"pack_size": 0}, {"moq": -1}, {"pack_round_threshold": 1.5}])
def test_terms_that_make_no_sense_are_refused_by_name(bad) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(BadParameter, match=next(iter(bad))):
        order_after_rules(10, 0, **bad)
