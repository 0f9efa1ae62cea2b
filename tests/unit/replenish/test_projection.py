"""Stock of the coming days: receipts in, demand out, never below nothing."""

from __future__ import annotations

import polars as pl
import pytest
from replenish_shop import CUTOFF, day, forecast, inputs, open_order, propose, source, stock

from shelfcast.replenish.inputs import Inputs
from shelfcast.replenish.projection import project

NOTHING = propose(stock=[stock(500.0)]).order_lines


def days(given: Inputs, lines: pl.DataFrame = NOTHING, count: int = 28) -> pl.DataFrame:
    return project(given, lines.clear() if lines is NOTHING else lines, CUTOFF, days=count)


def test_stock_falls_by_the_mean_demand_and_ends_at_nothing() -> None:
    found = days(inputs(stock=[stock(40.0)]))
    assert found["date"].to_list()[:2] == [day(1), day(2)]
    assert found.height == 28
    assert found["mean"].to_list()[:3] == pytest.approx([36.0, 32.0, 28.0], abs=0.05)
    assert found["mean"].to_list()[-1] == pytest.approx(0.0, abs=0.01)
    assert (found["p10"] <= found["mean"] + 1e-9).all() and (found["mean"] <= found["p90"] + 0.5).all()
    assert found["mean"].is_sorted(descending=True)


def test_open_orders_and_tonights_lines_arrive_on_their_day() -> None:
    shop = {"stock": [stock(0.0)], "open_orders": [open_order(12.0, 1)], "sourcing": [source(pack_size=10.0)]}
    lines = propose(**shop).order_lines
    found = days(inputs(**shop), lines)
    tonight = lines.row(0, named=True)
    assert tonight["qty"] > 0.0
    assert found["receipts"].to_list()[:2] == [12.0, tonight["qty"]]
    assert found["receipts"].sum() == 12.0 + tonight["qty"]
    held = days(inputs(**shop), lines.with_columns(status=pl.lit("held")))
    assert held["receipts"].sum() == 12.0


def test_blocked_and_owed_units_are_not_there_and_stock_is_per_item_location() -> None:
    given = inputs(
        stock=[stock(30.0, blocked=10.0, backorders=5.0), stock(7.0, item="b")],
        forecasts=[forecast(), forecast(0.0, item="b")],
    )
    found = days(given, count=2)
    assert found["item_id"].to_list() == ["a", "a", "b", "b"]
    assert found["mean"].to_list()[0] == pytest.approx(11.0, abs=0.1)
    assert found["p10"].to_list()[2:] == [7.0, 7.0]
