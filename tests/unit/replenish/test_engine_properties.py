"""What holds on every line of any shop."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from replenish_shop import CUTOFF, day, forecast, inputs, lock, open_order, propose, rule, source, stock

from shelfcast.replenish.explanation import explain
from shelfcast.replenish.frame import STEPS
from shelfcast.replenish.inputs import Inputs
from shelfcast.replenish.order_lines import Proposal, propose_orders
from shelfcast.replenish.parameters import POLICIES
from shelfcast.replenish.reasons import BY_CODE, ReasonKind

FEW = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def random_shop(seed: int, items: int = 12, stores: int = 3) -> Inputs:
    """A shop with everything in it: a centre, packs, smallest orders, caps, lots, promotions, limits, locks, rules."""
    draw = np.random.default_rng(seed)
    names, places = [f"i{n:02d}" for n in range(items)], [f"S{n}" for n in range(stores)]
    pairs = [(item, place) for item in names for place in places]
    stocks = [
        stock(float(draw.integers(-4, 40)), item, place, blocked=float(draw.integers(0, 3))) for item, place in pairs
    ]
    stocks += [stock(float(draw.integers(0, 60)), item, "DC") for item in names]
    status = ["active", "active", "active", "new", "phase_out", "discontinued", "blocked"]
    return inputs(
        stock=stocks,
        forecasts=pl.concat([forecast(float(draw.gamma(1.0, 4.0)), item, place, spread=float(draw.uniform(0.3, 1.4))) for item, place in pairs]),
        sourcing=[
            *[
                source(
                    item, "*", "DC" if number % 3 else "SUP", source_type="dc" if number % 3 else "supplier",
                    pack_size=float(draw.choice([1, 4, 6])), moq=float(draw.choice([0, 0, 10])),
                    pack_round_threshold=float(draw.choice([0, 0.4])), order_cost=float(draw.choice([0, 3])),
                    unit_cost=float(draw.uniform(1, 9)), max_order_qty=[None, 30.0][int(draw.integers(0, 2))],
                    layer_qty=[None, 10.0][int(draw.integers(0, 2))], pallet_qty=[None, 40.0][int(draw.integers(0, 2))],
                )
                for number, item in enumerate(names)
            ],
            source("*", "DC", "SUP", lead_time_days=3.0, lead_time_sd_days=1.0, pack_size=12.0),
        ],
        item_locations=[
            {
                "item_id": item, "location_id": place, "status": status[int(draw.integers(0, 7))],
                "unit_price": float(draw.uniform(1, 15)), "presentation_stock": float(draw.integers(0, 5)),
                "max_stock": [None, 25.0][int(draw.integers(0, 2))], "shelf_life_days": [None, 5.0][int(draw.integers(0, 2))],
                "end_date": [None, day(9)][int(draw.integers(0, 2))], "fifo_share": float(draw.choice([0.0, 0.6, 1.0])),
                "margin": [None, 2.0][int(draw.integers(0, 2))], "shelf_capacity": [None, 9.0][int(draw.integers(0, 2))],
            }
            for item, place in pairs
        ],
        items=[{"item_id": item, "category": f"c{n % 3}", "volume": 0.1, "unit_step": 1.0} for n, item in enumerate(names)],
        open_orders=[open_order(float(draw.integers(1, 9)), int(draw.integers(-30, 12)), item, place, line_id=f"{item}{place}") for item, place in pairs[:10]],
        stock_lots=[{"item_id": item, "location_id": "S0", "date": CUTOFF, "expiry_date": day(int(draw.integers(-1, 6))), "units": 4.0} for item in names],
        promotions=[
            {"promotion_id": "p", "item_id": names[0], "location_id": "*", "first_date": day(3), "last_date": day(20), "display_qty": 7.0},
            {
                "promotion_id": "q", "item_id": "*", "location_id": "S2", "first_date": day(2), "last_date": day(4),
                "pre_allocation_qty": 9.0, "sell_down_to": 1.0,
            },
        ],
        limits=[
            {"limit_type": "supplier_min_value", "scope_value": "SUP", "destination_id": "*", "value": float(draw.uniform(20, 400))},
            {"limit_type": "truck_volume", "scope_value": "DC", "destination_id": "*", "value": float(draw.uniform(2, 20))},
            {"limit_type": "budget_value", "scope_value": "c1", "destination_id": "*", "value": float(draw.uniform(50, 500))},
        ],
        order_overrides=[lock(names[1], "S1", fixed_qty=5.0), lock(names[2], "S2", max_qty=4.0)],
        rules=[
            rule("policy", POLICIES[int(draw.integers(0, len(POLICIES)))], "category", scope_value="c2"),
            rule("target_fill_rate", 0.96, "location", scope_value="S1"),
            rule("keep_one_pack", ["true", "false"][int(draw.integers(0, 2))]),
            rule("layer_round_share", 0.5), rule("pallet_round_share", 0.8),
        ],
    )  # fmt: skip


@FEW
@given(st.integers(0, 10_000))
def test_need_plus_steps_is_the_quantity_and_every_line_explains_itself(seed: int) -> None:
    proposal = propose_orders(random_shop(seed), CUTOFF)
    lines = proposal.order_lines
    assert (lines.select(pl.sum_horizontal("need", *STEPS)).to_series() == lines["qty"]).all()
    assert lines["line_id"].n_unique() == lines.height
    for one in lines.iter_rows(named=True):
        codes = [code for code in one["reasons"].split(",") if code]
        assert codes and set(codes) <= set(BY_CODE)
        assert one["binding_rule"] in codes
        assert explain(one).endswith(".")
        assert (one["qty"] > 0) == (one["status"] != "none")
    check_quantities(lines)


def check_quantities(lines: pl.DataFrame) -> None:
    """0, or at least the smallest order and whole packs, unless a cap or a person is named."""
    excused = ("fair_share", "truck_cut", "budget_cut", "planner_lock", "max_order", "max_stock", "shelf_life_cap")
    for one in lines.filter(pl.col("qty") > 0).iter_rows(named=True):
        if "planner_lock" in one["reasons"]:
            continue
        packs = one["qty"] / one["pack_size"]
        assert packs == pytest.approx(round(packs)), one
        if not any(code in one["reasons"] for code in excused):
            assert one["qty"] >= one["moq"], one
    stopped = [
        code
        for code, reason in BY_CODE.items()
        if reason.kind is ReasonKind.STOP and code not in ("enough_stock", "above_reorder_point")
    ]
    never = lines.filter(pl.col("reasons").str.split(",").list.eval(pl.element().is_in(stopped)).list.any())
    assert (never["qty"] == 0).all()


@FEW
@given(st.integers(0, 10_000))
def test_rows_in_are_lines_and_quarantined_rows(seed: int) -> None:
    shop = random_shop(seed)
    report = propose_orders(shop, CUTOFF).report
    assert (
        report["stock_rows_in"] == report["stock_rows_planned"] + report["stock_rows_quarantined"] == shop.stock.height
    )
    assert report["item_locations"] == report["with_order"] + report["without_order"]


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 10_000))
def test_the_order_of_the_rows_changes_nothing(seed: int) -> None:
    shop = random_shop(seed)
    shuffled = Inputs(
        **{
            name: frame.sample(fraction=1.0, shuffle=True, seed=seed) if isinstance(frame, pl.DataFrame) else frame
            for name, frame in shop.__dict__.items()
        }
    )
    first, second = propose_orders(shop, CUTOFF), propose_orders(shuffled, CUTOFF)
    assert first.order_lines.equals(second.order_lines)
    assert first.exceptions.equals(second.exceptions)


def one_line(**terms: Any) -> dict[str, Any]:
    return propose(**terms).order_lines.row(0, named=True)


@settings(max_examples=15, deadline=None)
@given(st.floats(0.2, 12.0), st.integers(0, 40), st.integers(1, 20))
def test_more_stock_never_means_more_to_order(mean: float, on_hand: int, more: int) -> None:
    terms = {"forecasts": forecast(mean), "sourcing": [source(pack_size=3.0)]}
    less_stock = one_line(stock=[stock(float(on_hand))], **terms)
    more_stock = one_line(stock=[stock(float(on_hand + more))], **terms)
    assert more_stock["qty"] <= less_stock["qty"]
    assert more_stock["need"] <= less_stock["need"]


@settings(max_examples=15, deadline=None)
@given(
    st.floats(0.2, 80.0),
    st.floats(0.5, 0.97),
    st.floats(0.001, 0.02),
    st.sampled_from(["target_cycle_service", "target_fill_rate"]),
)
def test_a_higher_target_never_means_less_to_order(mean: float, target: float, more: float, name: str) -> None:
    low = one_line(forecasts=forecast(mean), rules=[rule(name, target)])
    high = one_line(forecasts=forecast(mean), rules=[rule(name, target + more)])
    assert high["order_up_to"] >= low["order_up_to"]
    assert high["qty"] >= low["qty"]


@settings(max_examples=6, deadline=None)
@given(
    st.floats(0.5, 30.0), st.floats(1.1, 6.0), st.floats(0.1, 4.0), st.integers(2, 9), st.sampled_from([0.0, 0.5, 1.0])
)
def test_a_dearer_lost_sale_never_means_less_of_goods_that_expire(
    mean: float, price: float, more: float, life: int, share: float
) -> None:
    listing = {"item_id": "a", "location_id": "S1", "shelf_life_days": float(life), "fifo_share": share}
    low, high, kept = (
        one_line(forecasts=forecast(mean, spread=0.7), item_locations=[{**listing, **one}])
        for one in ({"unit_price": price}, {"unit_price": price + more}, {"unit_price": price, "shelf_life_days": None})
    )
    assert low["order_up_to"] <= high["order_up_to"] + 1e-6
    assert low["order_up_to"] <= kept["order_up_to"] + 1e-6  # life can only make it less
    assert 0.0 < low["critical_ratio"] <= kept["critical_ratio"]


@FEW
@given(st.integers(0, 10_000), st.integers(0, 60))
def test_in_a_shortage_nobody_gets_more_than_it_asked_for_and_the_centre_no_more_than_it_has(
    seed: int, there: int
) -> None:
    draw = np.random.default_rng(seed)
    places = ["S0", "S1", "S2", "S3"]
    method = ["equal_cover", "proportional", "economic"][seed % 3]
    pack = float(draw.choice([1, 4, 6]))
    given_shop = {
        "stock": [*[stock(float(draw.integers(0, 9)), location=place) for place in places], stock(float(there), location="DC")],
        "forecasts": [forecast(float(draw.gamma(2.0, 3.0)), location=place) for place in places],
        "sourcing": [
            source("*", "*", "DC", source_type="dc", pack_size=pack, unit_cost=2.0),
            source("*", "DC", "SUP", lead_time_days=5.0),
        ],
        "rules": [rule("fair_share_method", method)],
    }  # fmt: skip
    lines = propose(**given_shop).order_lines.filter(pl.col("source_id") == "DC")
    assert (lines["step_fair_share"] <= 0.0).all()
    assert (lines["qty"] >= 0.0).all()
    assert lines["qty"].sum() <= there
    asked = (lines["qty"] - lines["step_fair_share"]).sum()
    assert lines["qty"].sum() > min(there, asked) - pack  # whole packs only


def test_two_nights_without_acknowledgement_order_once() -> None:
    """An approved line counts as on order until the ERP shows a row with its id, and from then on only that row."""
    first = propose(sourcing=[source(lead_time_days=4.0)], rules=[rule("review_period_days", 7)])
    line = first.order_lines.row(0, named=True)
    approved = pl.DataFrame(
        {
            "line_id": [line["line_id"]], "item_id": ["a"], "location_id": ["S1"], "source_id": ["SUP"], "qty": [line["qty"]],
            "delivery_date": [line["delivery_date"]], "state": ["approved"],
        }
    )  # fmt: skip
    tomorrow = CUTOFF + timedelta(days=1)

    def next_night(**more: Any) -> Proposal:
        given = inputs(
            stock=[{**stock(), "date": tomorrow}],
            sourcing=[source(lead_time_days=4.0)],
            rules=[rule("review_period_days", 7)],
            **more,
        )
        return propose_orders(given, tomorrow)

    forgotten = next_night().order_lines.row(0, named=True)
    counted = next_night(approved=approved).order_lines.row(0, named=True)
    assert forgotten["qty"] > 0
    assert counted["on_order_in_window"] == line["qty"]
    assert counted["qty"] < forgotten["qty"] / 3  # only what one more day asks for
    erp = open_order(line["qty"], due=4, order_ref=line["line_id"])
    shown = next_night(approved=approved, open_orders=[erp]).order_lines.row(0, named=True)
    assert shown["on_order_in_window"] == line["qty"]  # once, not twice
    received = next_night(approved=approved, acknowledged=pl.DataFrame({"order_ref": [line["line_id"]]}))
    assert received.order_lines.row(0, named=True)["on_order_in_window"] == 0.0  # the ERP had it: it is its to report
    rejected = approved.with_columns(pl.lit("rejected").alias("state"))
    assert next_night(approved=rejected).order_lines.row(0, named=True)["on_order_in_window"] == 0.0


def test_approving_a_line_does_not_change_the_night_that_proposed_it() -> None:
    first = propose()
    line = first.order_lines.row(0, named=True)
    approved = pl.DataFrame(
        {name: [line[name]] for name in ("line_id", "item_id", "location_id", "source_id", "qty", "delivery_date")}
    ).with_columns(pl.lit("approved").alias("state"))
    assert propose(approved=approved).order_lines.equals(first.order_lines)


@FEW
@given(st.integers(0, 10_000), st.sampled_from(POLICIES))
def test_a_discontinued_item_is_never_ordered_whatever_else_is_set(seed: int, policy: str) -> None:
    shop = random_shop(seed)
    gone = shop.item_locations.filter(pl.col("status") == "discontinued").select("item_id", "location_id")
    locks = [lock(item, place, fixed_qty=30.0) for item, place in gone.iter_rows()]
    asked = inputs(
        order_overrides=locks or [lock()],
        rules=[rule("policy", policy), rule("min_stock", 50), rule("keep_one_pack", "true")],
    )
    shop = replace(shop, order_overrides=asked.order_overrides, rules=asked.rules)
    lines = propose_orders(shop, CUTOFF).order_lines
    assert lines.join(gone, on=["item_id", "location_id"], how="semi")["qty"].sum() == 0.0


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(POLICIES), st.floats(0.2, 12.0), st.integers(0, 40), st.integers(1, 20))
def test_more_stock_never_means_a_larger_order_under_any_policy(
    policy: str, mean: float, on_hand: int, more: int
) -> None:
    terms = {
        "forecasts": forecast(mean), "sourcing": [source(order_cost=2.0)],
        "item_locations": [{"item_id": "a", "location_id": "S1", "unit_price": 2.0}],
        "rules": [rule("policy", policy), rule("order_quantity", 5)],
    }  # fmt: skip
    less_stock = one_line(stock=[stock(float(on_hand))], **terms)
    more_stock = one_line(stock=[stock(float(on_hand + more))], **terms)
    assert more_stock["qty"] <= less_stock["qty"]
