"""The nightly decision as a planner sees it: one made-up shop per question."""

from __future__ import annotations

from typing import Any

import polars as pl
from replenish_shop import forecast, line, open_order, propose, rule, source, stock

from shelfcast.replenish.explanation import explain
from shelfcast.replenish.frame import STEPS


def total(one: dict[str, Any]) -> float:
    return one["need"] + sum(one[step] for step in STEPS)


def test_need_and_steps_add_up_to_the_quantity_of_the_published_example() -> None:
    """Position 12, target 47, smallest order 40, packs of 12: 48 (specification 6.1)."""
    proposal = propose(
        stock=[stock(-3.0)],
        forecasts=forecast(10.0),
        sourcing=[source(moq=40.0, pack_size=12.0)],
        rules=[rule("policy", "min_max"), rule("min_level", 47), rule("max_level", 47)],
        open_orders=[open_order(12.0, due=1)],
    )
    one = line(proposal)
    assert (one["inventory_position"], one["need"], one["qty"]) == (12.0, 35.0, 48.0)
    assert total(one) == one["qty"]
    assert one["reasons"].split(",") == [
        "negative_stock_as_zero", "calendar_default", "below_target", "moq", "pack_round_up",
    ]  # fmt: skip
    sentence = explain(one)
    assert sentence.startswith("Order 48: target 47 covers")
    assert "stock 0 (book -3) + 12 coming = 12; need 35; smallest order -> 40; packs of 12 -> 48" in sentence


def test_a_line_with_enough_stock_says_so_and_orders_nothing() -> None:
    one = line(propose(stock=[stock(100.0)]))
    assert (one["qty"], one["status"], one["binding_rule"]) == (0.0, "none", "enough_stock")


def test_rows_in_any_order_give_the_same_bytes() -> None:
    items = [f"i{number}" for number in range(30)]
    stocks = [stock(float(number), item) for number, item in enumerate(items)]
    forecasts = pl.concat([forecast(1.0 + number % 7, item) for number, item in enumerate(items)])
    first = propose(stock=stocks, forecasts=forecasts).order_lines
    second = propose(stock=stocks[::-1], forecasts=forecasts.sample(fraction=1.0, shuffle=True, seed=1)).order_lines
    assert first.equals(second)
