"""Who looks at a line, what trucks and minimums add, what money and life-cycle terms change; the same bytes on any thread."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from replenish_shop import CUTOFF, day, forecast, line, propose, rule, source, stock
from test_engine_properties import random_shop

from shelfcast.replenish import daily_demand, threads
from shelfcast.replenish.exceptions import KINDS
from shelfcast.replenish.order_lines import propose_orders


def delivery(units: float, number: int) -> dict[str, object]:
    return {
        "order_id": f"o{number}", "source_id": "SUP", "destination_id": "S1", "item_id": "a", "ordered_on": day(-20 - number),
        "received_on": day(-10 - number), "units": units,
    }  # fmt: skip


def test_a_line_of_little_value_and_usual_quantity_needs_nobody() -> None:
    found = line(propose(deliveries=[delivery(12.0, 1), delivery(14.0, 2)]))
    assert found["status"] == "auto" and found["qty"] > 0


def test_a_dear_line_is_looked_at() -> None:
    found = line(propose(rules=[rule("auto_approve_max_value", 5)]))
    assert found["status"] == "review" and "over_value_limit" in found["reasons"]


@pytest.mark.parametrize("parameter", ["auto_approve_max_multiple", "absurd_multiple"])
def test_a_quantity_far_above_the_usual_order_is_looked_at(parameter: str) -> None:
    other = {"auto_approve_max_multiple": "1000", "absurd_multiple": "1000", parameter: "4"}
    found = propose(deliveries=[delivery(2.0, 1)], rules=[rule(name, value) for name, value in other.items()])
    assert line(found)["status"] == "review" and "unusual_quantity" in line(found)["reasons"]
    assert "unusual_quantity" in found.exceptions["code"].to_list()


def test_an_order_that_would_come_after_the_end_is_not_placed() -> None:
    listing = [{"item_id": "a", "location_id": "S1", "end_date": day(1)}]
    found = line(propose(item_locations=listing))
    assert (found["qty"], found["binding_rule"]) == (0.0, "ended")


def test_assumed_terms_are_named_on_the_line() -> None:
    assert "assumed_terms" in line(propose(sourcing=[source(assumed=True)]))["data_flags"]


def test_deliveries_that_may_overtake_each_other_are_told() -> None:
    found = propose(sourcing=[source(lead_time_sd_days=3.0)])
    assert "lead_time_order_crossing" in line(found)["data_flags"]
    assert "lead_time_order_crossing" in found.exceptions["code"].to_list()


def two_items(**more: object) -> dict[str, object]:
    return {
        "stock": [stock(0.0, "a"), stock(18.0, "b")],
        "forecasts": [forecast(4.0, "a"), forecast(4.0, "b")],
        "items": [{"item_id": item, "volume": 0.5, "weight": 2.0} for item in "ab"],
        "sourcing": [source(pack_size=1.0, pallet_qty=10.0)],
        **more,
    }


@pytest.mark.parametrize(("kind", "capacity"), [("truck_volume", 15.0), ("truck_weight", 60.0), ("truck_pallets", 3.0)])
def test_a_truck_is_topped_up_to_the_share_asked_for_and_not_beyond_its_capacity(kind: str, capacity: float) -> None:
    limit = [{"limit_type": kind, "scope_value": "SUP", "destination_id": "*", "value": capacity}]
    alone = propose(**two_items()).order_lines
    filled = propose(**two_items(limits=limit, rules=[rule("truck_fill_share", 0.9)])).order_lines
    full = 30.0  # units a truck takes by any of the three measures
    assert alone["qty"].sum() < 0.9 * full
    assert 0.9 * full <= filled["qty"].sum() <= full
    assert filled["step_truck"].sum() > 0 and "truck_top_up" in "".join(filled["reasons"])
    unasked = propose(**two_items(limits=limit)).order_lines
    assert unasked["step_truck"].sum() == 0.0


def test_an_order_is_topped_up_to_free_freight_but_never_held_for_it() -> None:
    def limit(value: float) -> list[dict[str, object]]:
        return [{"limit_type": "free_freight_value", "scope_value": "SUP", "destination_id": "*", "value": value}]

    reached = propose(**two_items(limits=limit(25.0))).order_lines
    assert 25.0 <= reached["value"].sum() < 27.0
    out_of_reach = propose(**two_items(limits=limit(100_000.0))).order_lines
    assert out_of_reach["step_truck"].sum() == 0.0 and "held" not in out_of_reach["status"].to_list()


def test_a_top_up_builds_no_more_cover_than_allowed() -> None:
    limit = [{"limit_type": "supplier_min_qty", "scope_value": "SUP", "destination_id": "*", "value": 60.0}]
    rules = [rule("max_topup_cover_days", 12), rule("hold_risk", 0.0)]
    lines = propose(**two_items(limits=limit, rules=rules)).order_lines
    assert lines["cover_days_after"].max() <= 12.0 + 1e-9
    assert lines["qty"].sum() == 60.0


def priced(share: float = 1.0, goodwill: float = 0.0) -> float:
    listing = [{"item_id": "a", "location_id": "S1", "unit_price": 1.5}]
    rules = [rule("lost_sale_share", share), rule("goodwill", goodwill), rule("holding_rate_per_year", 20)]
    found = line(propose(item_locations=listing, rules=rules))
    assert found["target_type"] == "economic"
    return float(found["order_up_to"])


def test_sales_that_come_back_are_worth_less_stock_and_disappointed_customers_more() -> None:
    assert priced(share=0.3) < priced() < priced(goodwill=3.0)


def test_what_is_promised_to_customers_is_no_stock() -> None:
    plain, promised = (line(propose(stock=[stock(10.0, reserved=units)])) for units in (0.0, 4.0))
    assert promised["inventory_position"] == plain["inventory_position"] - 4.0
    owed = line(propose(stock=[stock(10.0, backorders=4.0)]))
    assert owed["inventory_position"] == plain["inventory_position"] - 4.0


def test_a_new_item_is_spread_wider_until_it_has_sold_long_enough() -> None:
    def level(**listing: object) -> float:
        rows = [{"item_id": "a", "location_id": "S1", **listing}]
        return float(line(propose(item_locations=rows, rules=[rule("new_item_days", 28)]))["order_up_to"])

    assert level(start_date=day(-10)) > level(start_date=day(-40)) == level()
    assert level(status="new", start_date=day(-40)) == level(start_date=day(-10))


def test_a_centre_keeps_the_fill_rate_of_centres() -> None:
    routes = [source("a", "S1", "DC", source_type="dc"), source("a", "DC", "SUP", lead_time_days=5.0)]
    shop = {"stock": [stock(0.0), stock(0.0, location="DC")], "sourcing": routes}
    low, high = (
        line(propose(**shop, rules=[rule("dc_target_fill_rate", rate)]), location="DC") for rate in (0.6, 0.99)
    )
    assert low["target_type"] == high["target_type"] == "fill_rate"
    assert low["order_up_to"] < high["order_up_to"]


def test_class_targets_can_be_ruled_each() -> None:
    low = line(propose(rules=[rule("target_type", "class"), rule("class_target_AX", 0.6)]))
    high = line(propose(rules=[rule("target_type", "class"), rule("class_target_AX", 0.99)]))
    assert low["target_type"] == "class" and low["order_up_to"] < high["order_up_to"]


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 10_000))
def test_threads_and_batches_change_no_byte(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    shop = random_shop(seed)
    found = []
    for count, rows in ((1, 250_000), (2, 7), (4, 50)):
        monkeypatch.setattr(threads, "threads", lambda count=count: count)
        monkeypatch.setattr(daily_demand, "BATCH_ROWS", rows)
        found.append(propose_orders(shop, CUTOFF))
    for other in found[1:]:
        assert found[0].order_lines.equals(other.order_lines)
        assert found[0].exceptions.equals(other.exceptions)


def test_every_reason_that_is_an_exception_has_its_sentence() -> None:
    assert all(kind.sentence.endswith((".", "}")) for kind in KINDS.values())
