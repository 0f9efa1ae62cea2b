"""Every plain parameter of rules and terms does what its meaning says."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from replenish_shop import CUTOFF, day, forecast, line, open_order, propose, rule, source, stock

from shelfcast.replenish.parameters import CLASSES


def one(*rules: dict[str, Any], **tables: Any) -> dict[str, Any]:
    return line(propose(rules=list(rules), **tables))


@pytest.mark.parametrize(("spread", "variation"), [(0.3, "X"), (1.6, "Y"), (4.5, "Z")])
def test_the_class_target_is_that_of_the_items_own_class(spread: float, variation: str) -> None:
    # Of two items one brings nearly all the value: it is class A, the other C.
    both = {
        "stock": [stock(), stock(item="b")],
        "forecasts": [forecast(400.0, spread=spread), forecast(1.0, item="b", spread=spread)],
    }
    rules = [rule("target_type", "class"), rule("day_correlation", 0.9)]
    rules += [rule(f"class_target_{name}", 0.5 + place / 100) for place, name in enumerate(CLASSES)]
    found = propose(rules=rules, **both)
    for item, value in (("a", "A"), ("b", "C")):
        expected = 0.5 + CLASSES.index(value + variation) / 100
        assert line(found, item)["target_value"] == pytest.approx(expected), (
            item,
            line(found, item)["window_variance"],
        )


def test_new_items_get_the_extra_uncertainty_asked_for() -> None:
    new = {"item_locations": [{"item_id": "a", "location_id": "S1", "start_date": day(-3)}]}
    none, some = one(rule("new_item_cv", 0.0), **new), one(rule("new_item_cv", 1.0), **new)
    assert some["window_variance"] == pytest.approx(none["window_variance"] + none["window_mean"] ** 2)
    assert one(rule("new_item_cv", 1.0), rule("new_item_days", 2), **new)["window_variance"] == none["window_variance"]


def deliveries(count: int, took: int) -> list[dict[str, Any]]:
    route = {"source_id": "SUP", "destination_id": "S1", "item_id": "a", "units": 1.0}
    return [
        {**route, "order_id": str(n), "ordered_on": day(-40 - n), "received_on": day(-40 - n + took)}
        for n in range(count)
    ]


def test_observed_lead_times_count_from_the_number_asked_for() -> None:
    few, enough = (one(rule("min_lead_time_samples", least), deliveries=deliveries(4, 7)) for least in (5, 4))
    assert few["window_mean"] == pytest.approx(8.0)  # two days of lead time, as stated
    assert enough["window_mean"] == pytest.approx(28.0)  # seven, as observed


def test_a_source_without_an_order_day_soon_gives_way_to_the_next() -> None:
    two = {
        "sourcing": [source(source="A", priority=1), source(source="B", priority=2)],
        "order_calendar": [
            {"source_id": "A", "destination_id": "*", "order_weekdays": "Mon"},
            {"source_id": "B", "destination_id": "*"},
        ],
    }
    assert one(rule("source_wait_days", 4), **two)["source_id"] == "A"  # Friday night, Monday is three days away
    assert one(rule("source_wait_days", 2), **two)["source_id"] == "B"


@pytest.mark.parametrize(("grace", "counted"), [(1, 6.0), (2, 0.0)])
def test_overdue_orders_are_due_after_the_days_of_grace(grace: int, counted: float) -> None:
    found = one(rule("overdue_grace_days", grace), open_orders=[open_order(6.0, -2)])
    assert (found["on_order_in_window"], found["on_order_later"]) == (counted, 6.0 - counted)


@pytest.mark.parametrize(("dead", "counted"), [(5, 0.0), (20, 6.0)])
def test_orders_overdue_for_too_long_do_not_count(dead: int, counted: float) -> None:
    night = propose(
        rules=[rule("overdue_dead_days", dead), rule("overdue_grace_days", 0)], open_orders=[open_order(6.0, -10)]
    )
    assert line(night)["on_order_in_window"] == counted
    assert ("open_order_dead" in night.exceptions["code"].to_list()) == (counted == 0.0)


def test_the_quantity_the_supplier_confirmed_counts() -> None:
    assert one(open_orders=[open_order(6.0, 1, confirmed_qty=4.0)])["on_order_in_window"] == 4.0


@pytest.mark.parametrize(("days", "status"), [(1, "review"), (5, "auto")])
def test_far_negative_stock_sends_the_line_to_review(days: int, status: str) -> None:
    assert one(rule("negative_stock_days", days), stock=[stock(-8.0)])["status"] == status


@pytest.mark.parametrize(("hours", "stale"), [(36, True), (96, False)])
def test_stock_is_stale_after_the_hours_allowed(hours: int, stale: bool) -> None:
    old = {**stock(), "date": day(-2)}
    assert ("stale_snapshot" in one(rule("max_snapshot_age_hours", hours), stock=[old])["data_flags"]) == stale


def test_a_smaller_share_of_waste_allowed_caps_earlier() -> None:
    fresh = {"item_locations": [{"item_id": "*", "location_id": "*", "shelf_life_days": 4.0}]}
    strict, loose = (one(rule("max_waste_prob", share), rule("min_stock", 99), **fresh) for share in (0.1, 0.9))
    assert 0.0 < strict["qty"] < loose["qty"] < 99.0


@pytest.mark.parametrize(("risk", "quantity"), [(0.5, 24.0), (1.0, 0.0)])
def test_one_pack_is_kept_where_the_risk_is_above_the_limit(risk: float, quantity: float) -> None:
    found = one(
        rule("keep_one_pack", True), rule("keep_one_pack_risk", risk), rule("max_stock", 20),
        sourcing=[source(pack_size=24.0)],
    )  # fmt: skip
    assert found["qty"] == quantity


@pytest.mark.parametrize(("limit", "flagged"), [(0.2, True), (0.9, False)])
def test_a_forecast_from_censored_history_is_flagged_from_the_share_allowed(limit: float, flagged: bool) -> None:
    past = [
        {"item_id": "a", "location_id": "S1", "date": day(-d), "units": 4.0, "demand": None, "censored": d % 2 == 0}
        for d in range(28)
    ]
    found = one(rule("censored_share_limit", limit), history=past)
    assert ("censored_forecast" in found["data_flags"]) == flagged


def test_terms_of_supply_hold_between_their_dates() -> None:
    now, past, later = (
        source(source="NOW", effective_from=day(-5), effective_to=day(5)),
        source(source="PAST", effective_to=day(-1), priority=1),
        source(source="LATER", effective_from=day(1), priority=1),
    )
    assert one(sourcing=[now, past, later])["source_id"] == "NOW"
    assert "no_source" in one(sourcing=[past, later])["reasons"]


def test_an_item_is_not_ordered_before_its_launch() -> None:
    items = [{"item_id": "a", "launch_date": day(30)}]
    assert "not_started" in one(items=items)["reasons"]
    assert one(items=[{"item_id": "a", "launch_date": day(-300)}])["qty"] > 0.0


@pytest.mark.parametrize(
    ("name", "share", "quantity"), [("layer", 0.7, 48.0), ("layer", 0.8, 42.0), ("pallet", 0.4, 100.0 + 2.0)]
)
def test_nearly_full_layers_and_pallets_are_filled_in_whole_packs(name: str, share: float, quantity: float) -> None:
    # 42 units in packs of 6: most of the second layer of 24, less than half of a pallet of 100.
    terms = [source(pack_size=6.0, layer_qty=24.0, pallet_qty=100.0)]
    found = one(rule("min_stock", 41), rule(f"{name}_round_share", share), sourcing=terms)
    assert found["qty"] == quantity
    assert found["need"] + found["step_unit"] + found["step_pack"] == found["qty"]
    assert ("layer_round_up" in found["reasons"]) == (quantity != 42.0)
    assert one(rule("min_stock", 41), sourcing=terms)["qty"] == 42.0


def test_a_stated_margin_stands_for_price_less_cost() -> None:
    listing = {"item_id": "a", "location_id": "S1"}
    priced = one(item_locations=[{**listing, "unit_price": 3.0}])
    margin = one(item_locations=[{**listing, "margin": 2.0}])
    assert priced["critical_ratio"] == margin["critical_ratio"] > 0.9
    assert (
        one(item_locations=[{**listing, "unit_price": 3.0, "margin": 0.5}])["critical_ratio"] < priced["critical_ratio"]
    )


def test_what_the_shelf_does_not_hold_is_said_to_go_to_the_back_room() -> None:
    listing = {"item_id": "a", "location_id": "S1", "shelf_capacity": 5.0}
    assert "back_room" in one(item_locations=[listing])["reasons"]
    assert "back_room" not in one(item_locations=[{**listing, "shelf_capacity": 500.0}])["reasons"]


def test_every_line_names_its_forecast_and_the_version_of_the_policy() -> None:
    made = forecast().with_columns(run_id=pl.lit("run-7"))
    first, other = one(forecasts=made), one(rule("goodwill", 1), forecasts=made)
    assert first["forecast_id"] == "run-7"
    assert first["policy_version"].startswith("rules-")
    assert first["policy_version"] != other["policy_version"]
    assert first["policy_version"] == one(forecasts=made)["policy_version"]
    without = propose(stock=[stock(), stock(item="b")], forecasts=made)
    assert line(without, "b")["forecast_id"] == ""


def test_today_is_the_friday_the_calendar_tests_count_on() -> None:
    assert CUTOFF.strftime("%a") == "Fri"
