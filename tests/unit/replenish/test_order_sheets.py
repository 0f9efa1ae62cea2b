"""Order headers and allocations say the same as the lines they are read from."""

from __future__ import annotations

import polars as pl
import pytest
from replenish_shop import CUTOFF, forecast, propose, source, stock, table
from test_engine_properties import random_shop

from shelfcast.replenish.order_lines import propose_orders
from shelfcast.replenish.order_sheets import allocations, order_headers


@pytest.mark.parametrize("seed", [1, 2])
def test_headers_hold_every_ordered_unit_once(seed: int) -> None:
    lines = propose_orders(random_shop(seed), CUTOFF).order_lines
    ordered = lines.filter(pl.col("qty") > 0)
    headers = order_headers(lines)
    assert headers["order_id"].n_unique() == headers.height
    assert headers["lines"].sum() == ordered.height
    assert headers["units"].sum() == pytest.approx(ordered["qty"].sum())
    assert headers["value"].sum() == pytest.approx(ordered["value"].sum())
    assert headers["held"].sum() == (ordered["status"] == "held").sum()


def test_what_a_short_centre_gives_is_what_it_has() -> None:
    stores = ("S1", "S2", "S3")
    lines = propose(
        stock=[*(stock(0.0, location=place) for place in stores), stock(20.0, location="DC")],
        forecasts=[forecast(6.0, location=place) for place in stores],
        sourcing=[source("a", "*", "DC", source_type="dc"), source("a", "DC", "SUP", lead_time_days=3.0)],
    ).order_lines
    shared = allocations(lines)
    assert shared["location_id"].to_list() == list(stores)
    assert shared["given"].sum() == 20.0
    assert (shared["given"] <= shared["asked"]).all()
    assert (shared["cut"] == shared["asked"] - shared["given"]).all()


def test_nothing_short_nothing_shared() -> None:
    assert allocations(propose().order_lines).height == 0
    assert order_headers(propose(stock=[stock(500.0)]).order_lines).height == 0


def test_headers_say_until_when_the_source_takes_the_order() -> None:
    lines = propose(stock=[stock(), stock(location="S2")], forecasts=[forecast(), forecast(location="S2")]).order_lines
    days = {"source_id": "SUP", "order_weekdays": ""}
    calendar = table(
        "order_calendar",
        {**days, "destination_id": "*", "cut_off": "18:00"},
        {**days, "destination_id": "S2", "cut_off": "12:30"},
    )
    found = order_headers(lines, calendar).sort("location_id")
    assert found["cut_off"].to_list() == ["18:00", "12:30"]
    assert order_headers(lines, calendar.clear())["cut_off"].to_list() == [None, None]
