"""Steps 9 to 13: minimums, trucks, docks, shortages, budgets, locks."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from replenish_shop import day, forecast, line, lock, open_order, propose, rule, source, stock

from shelfcast.replenish.allocation import share_out
from shelfcast.replenish.formulas.fair_share import fair_share
from shelfcast.replenish.frame import STEPS

ITEMS = ("a", "b", "c")


def limit(kind: str, value: float, scope: str = "SUP", destination: str = "*", **more: Any) -> dict[str, Any]:
    return {"limit_type": kind, "scope_value": scope, "destination_id": destination, "value": value, **more}


def shop(**more: Any) -> Any:
    """Three items at one store: a empty, b nearly at its level, c full."""
    given: dict[str, Any] = {
        "stock": [stock(0.0, "a"), stock(12.0, "b"), stock(30.0, "c")],
        "forecasts": [forecast(item=item) for item in ITEMS],
        "sourcing": [source(pack_size=2.0, unit_cost=10.0)],
        "item_locations": [{"item_id": "*", "location_id": "*", "unit_price": 15.0}],
        **more,
    }
    return propose(**given)


def test_an_order_under_its_minimum_is_topped_up_with_what_sells() -> None:
    plain, topped = shop(), shop(limits=[limit("supplier_min_value", 500.0)])
    value = plain.order_lines["value"].sum()
    assert value < 500.0 <= topped.order_lines["value"].sum() < 530.0
    added = topped.order_lines.filter(pl.col("step_truck") > 0)
    assert added.height
    assert added["reasons"].str.contains("truck_top_up").all()
    assert (added["cover_days_after"] <= 14.0).all()


def test_an_order_that_cannot_reach_its_minimum_waits_if_it_can_else_goes_and_is_flagged() -> None:
    urgent = shop(limits=[limit("supplier_min_value", 1e6)])
    assert line(urgent, "a")["status"] == "review"
    assert "supplier_min_not_reached" in line(urgent, "a")["reasons"]
    relaxed = shop(
        stock=[stock(16.0, "a"), stock(40.0, "b"), stock(40.0, "c")],
        limits=[limit("supplier_min_value", 1e6)],
        rules=[rule("min_stock", 17), rule("hold_risk", 0.05)],
    )
    held = line(relaxed, "a")
    assert (held["status"], held["qty"] > 0) == ("held", True)
    assert "supplier_min_hold" in held["reasons"]


def test_a_minimum_of_one_destination_hides_that_of_all() -> None:
    both = [limit("supplier_min_qty", 1.0), limit("supplier_min_qty", 60.0, destination="S1")]
    assert shop(limits=both).order_lines["qty"].sum() >= 60.0


def test_a_full_truck_cuts_the_packs_worth_least() -> None:
    items = [{"item_id": item, "volume": 0.5} for item in ITEMS]
    plain = shop(items=items)
    cut = shop(items=items, limits=[limit("truck_volume", 6.0)])
    assert plain.order_lines["qty"].sum() * 0.5 > 6.0
    assert cut.order_lines["qty"].sum() * 0.5 <= 6.0
    assert line(cut, "a")["qty"] > line(cut, "b")["qty"]  # the empty shelf first
    assert (cut.order_lines["step_capacity"] <= 0).all()


def test_a_full_dock_moves_whole_lines_to_a_later_open_day() -> None:
    proposal = shop(
        sourcing=[source(pack_size=2.0, unit_cost=10.0)],
        rules=[rule("review_period_days", 4)],
        limits=[limit("dock_qty", 36.0, scope="S1")],
    )
    moved = proposal.order_lines.filter(pl.col("reasons").str.contains("moved_later"))
    assert moved.height >= 1
    assert (moved["delivery_date"] > day(2)).all()
    by_day = proposal.order_lines.filter(pl.col("qty") > 0).group_by("delivery_date").agg(pl.col("qty").sum())
    assert (by_day["qty"] <= 36.0).all()


def test_a_budget_takes_the_packs_of_the_highest_score() -> None:
    plain, tight = shop(), shop(limits=[limit("budget_value", 150.0, scope="*")])
    assert plain.order_lines["value"].sum() > 150.0 >= tight.order_lines["value"].sum() > 100.0
    assert line(tight, "a")["qty"] > 0.0
    assert "budget_cut" in ",".join(tight.order_lines["reasons"])


def test_a_budget_of_a_category_leaves_the_others_alone() -> None:
    items = [
        {"item_id": "a", "category": "fresh"},
        {"item_id": "b", "category": "dry"},
        {"item_id": "c", "category": "dry"},
    ]
    tight = shop(items=items, limits=[limit("budget_value", 40.0, scope="fresh")])
    assert line(tight, "a")["value"] <= 40.0
    assert line(tight, "b")["qty"] == line(shop(items=items), "b")["qty"] > 0


def centre(available: float, **more: Any) -> Any:
    """One item at three stores, all from one distribution centre."""
    stores = ("S1", "S2", "S3")
    given: dict[str, Any] = {
        "stock": [
            stock(0.0, location="S1"),
            stock(4.0, location="S2"),
            stock(8.0, location="S3"),
            stock(available, location="DC"),
        ],
        "forecasts": [forecast(location=store) for store in stores],
        "sourcing": [
            source("*", "*", "DC", source_type="dc", pack_size=3.0),
            source("*", "DC", "SUP", lead_time_days=3.0),
        ],
        **more,
    }
    return propose(**given)


def test_a_short_centre_shares_in_whole_packs_and_nobody_gets_more_than_it_asked() -> None:
    full, short = centre(500.0).order_lines, centre(20.0).order_lines
    asked = full.filter(pl.col("source_id") == "DC").sort("location_id")
    got = short.filter(pl.col("source_id") == "DC").sort("location_id")
    assert asked["qty"].sum() > 20.0 >= got["qty"].sum() >= 18.0
    assert (got["qty"] <= asked["qty"]).all()
    assert all(quantity % 3.0 == 0.0 for quantity in got["qty"])
    assert got["qty"].to_list() == sorted(got["qty"].to_list(), reverse=True)  # the emptiest store gets most
    assert "fair_share" in got["reasons"][2]


def test_a_reserve_stays_in_the_centre() -> None:
    kept = centre(20.0, limits=[limit("dc_reserve_qty", 12.0, scope="DC")]).order_lines
    assert kept.filter(pl.col("source_id") == "DC")["qty"].sum() <= 8.0


@pytest.mark.parametrize("method", ["equal_cover", "proportional", "economic"])
def test_every_method_gives_all_there_is_in_whole_packs(method: str) -> None:
    given = centre(20.0, rules=[rule("fair_share_method", method)]).order_lines
    assert given.filter(pl.col("source_id") == "DC")["qty"].sum() == 18.0


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 20), st.integers(0, 40), st.integers(0, 8), st.booleans()), min_size=1, max_size=6
    ),
    st.integers(0, 120),
    st.integers(1, 9),
    st.sampled_from(["equal_cover", "proportional"]),
)
def test_shares_equal_the_written_rule(
    stores: list[tuple[int, int, int, bool]], available: int, pack: int, method: str
) -> None:
    names = [f"S{number}" for number in range(len(stores))]
    wanted = np.array([float(one[0] * pack) for one in stores])
    position = np.array([float(one[1]) for one in stores])
    rate = np.array([float(one[2]) for one in stores])
    urgent = np.array([one[3] for one in stores])
    if wanted.sum() <= available:
        return  # no shortage: nothing is shared
    got = share_out(
        np.array([0, len(stores)]), np.array([float(available)]), np.array([0 if method == "equal_cover" else 1]),
        wanted, np.full(len(stores), float(pack)), position, rate, urgent,
    )  # fmt: skip
    expected = fair_share(
        method, available, pack, dict(zip(names, wanted)), dict(zip(names, position)), dict(zip(names, rate)),
        urgent=[name for name, one in zip(names, urgent) if one],
    )  # fmt: skip
    assert got.sum() == sum(expected.values()) == min(wanted.sum(), available // pack * pack)
    assert (got <= wanted).all()
    assert got.tolist() == [expected[name] for name in names]


def spent_budget(**more: Any) -> float:
    """Money tonight's orders cost under a budget of 100 for the days around the cutoff; a unit costs 10."""
    period = {"valid_from": day(-5), "valid_to": day(20)}
    return float(shop(limits=[limit("budget_value", 100.0, scope="*", **period)], **more).order_lines["value"].sum())


def ordered(units: float, on: int, **more: Any) -> dict[str, Any]:
    return open_order(units, 15, "c", ordered_on=day(on), **more)


def received(units: float, on: int) -> dict[str, Any]:
    return {
        "order_id": "R1", "source_id": "SUP", "destination_id": "S1", "item_id": "c", "ordered_on": day(on),
        "received_on": day(-1), "units_ordered": units, "units": units,
    }  # fmt: skip


def test_a_budget_of_a_period_is_spent_by_what_was_ordered_since_its_first_day() -> None:
    assert spent_budget() == 100.0
    assert spent_budget(open_orders=[ordered(4.0, -4)]) == 60.0
    assert spent_budget(open_orders=[ordered(4.0, -6)]) == 100.0  # before its first day
    assert spent_budget(deliveries=[received(2.0, -3)], open_orders=[ordered(4.0, -4)]) == 40.0
    assert spent_budget(open_orders=[ordered(40.0, -4)]) == 0.0
    proposed = ordered(4.0, -4, state="proposed")
    assert spent_budget(open_orders=[proposed]) == 100.0


def test_approved_lines_the_erp_does_not_show_yet_are_spent_too() -> None:
    ours = {
        "line_id": "x",
        "item_id": "c",
        "location_id": "S1",
        "source_id": "SUP",
        "qty": 6.0,
        "delivery_date": day(15),
    }
    approved = pl.DataFrame([{**ours, "state": "approved", "order_date": day(-1)}])
    assert spent_budget(approved=approved) == 40.0
    assert spent_budget(approved=approved.with_columns(order_date=pl.lit(day(-9)))) == 100.0


def test_a_budget_without_both_ends_is_for_a_night() -> None:
    nightly = limit("budget_value", 100.0, scope="*", valid_from=day(-5))
    assert shop(limits=[nightly], open_orders=[ordered(4.0, -4)]).order_lines["value"].sum() == 100.0


def test_a_lock_fixes_the_quantity_and_shows_what_the_engine_wanted() -> None:
    free, fixed = line(shop(), "a"), line(shop(order_overrides=[lock(fixed_qty=7.0)]), "a")
    assert fixed["qty"] == 7.0
    assert fixed["qty"] - fixed["step_lock"] == free["qty"]
    assert fixed["binding_rule"] == "planner_lock"


def test_locks_hold_least_most_and_skip() -> None:
    assert line(shop(order_overrides=[lock("c", min_qty=5.0)]), "c")["qty"] == 5.0
    assert line(shop(order_overrides=[lock(max_qty=3.0)]), "a")["qty"] == 3.0
    assert line(shop(order_overrides=[lock(skip_until=day(5))]), "a")["qty"] == 0.0
    assert line(shop(order_overrides=[lock(skip_until=day(0))]), "a")["qty"] > 0.0


def test_an_expired_lock_is_ignored_with_a_reason() -> None:
    one = line(shop(order_overrides=[lock(fixed_qty=7.0, expires_on=day(-1))]), "a")
    assert one["qty"] == line(shop(), "a")["qty"]
    assert "lock_expired" in one["reasons"]


def test_a_lock_wins_over_budget_and_shortage_but_not_over_eligibility() -> None:
    rich = shop(limits=[limit("budget_value", 0.0, scope="*")], order_overrides=[lock(fixed_qty=8.0)])
    assert line(rich, "a")["qty"] == 8.0
    gone = shop(
        item_locations=[{"item_id": "a", "location_id": "S1", "status": "discontinued"}],
        order_overrides=[lock(fixed_qty=8.0)],
    )
    assert line(gone, "a")["qty"] == 0.0


def test_every_step_adds_up() -> None:
    proposal = shop(
        items=[{"item_id": item, "volume": 0.5, "category": "x"} for item in ITEMS],
        limits=[
            limit("truck_volume", 9.0),
            limit("budget_value", 120.0, scope="x"),
            limit("supplier_min_value", 900.0),
        ],
        order_overrides=[lock("c", fixed_qty=3.0)],
    )
    lines = proposal.order_lines
    assert (lines.select(pl.sum_horizontal("need", *STEPS)).to_series() == lines["qty"]).all()
