"""Goods that expire, and distribution centres that live off their stores' orders."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from replenish_shop import CUTOFF, day, forecast, line, propose, rule, source, stock
from scipy import stats

from shelfcast.replenish.simulation import ItemTerms, simulate
from shelfcast.replenish.simulation_policies import OrderUpTo
from shelfcast.replenish.two_level import rounded_order_moments

FRESH = {"item_id": "*", "location_id": "*", "shelf_life_days": 5.0}


def lots(*pairs: tuple[int, float]) -> list[dict[str, Any]]:
    return [
        {"item_id": "a", "location_id": "S1", "date": CUTOFF, "expiry_date": day(d), "units": units}
        for d, units in pairs
    ]


def fresh(on_hand: float = 30.0, **more: Any) -> dict[str, Any]:
    listing = {**FRESH, **more.pop("listing", {})}
    return line(propose(stock=[stock(on_hand)], item_locations=[listing], **more))


def test_stock_about_to_expire_is_not_counted_on() -> None:
    old, young = fresh(stock_lots=lots((1, 30.0))), fresh(stock_lots=lots((9, 30.0)))
    assert young["expected_waste"] == 0.0
    assert 24.0 < old["expected_waste"] < 28.0  # 30 units, about 4 sell tomorrow
    assert old["inventory_position"] == pytest.approx(30.0 - old["expected_waste"])
    assert old["need"] > young["need"]


def test_expired_lots_are_wasted_whole() -> None:
    assert fresh(stock_lots=lots((0, 12.0), (9, 18.0)))["expected_waste"] == pytest.approx(12.0)


def test_least_remaining_life_ends_the_sale_earlier() -> None:
    plain = fresh(stock_lots=lots((2, 30.0)))
    earlier = fresh(stock_lots=lots((2, 30.0)), listing={"min_remaining_life_days": 1.0})
    assert earlier["expected_waste"] > plain["expected_waste"]


def test_customers_who_take_the_newest_waste_the_old() -> None:
    both = lots((2, 10.0), (9, 20.0))
    assert (
        fresh(stock_lots=both, listing={"fifo_share": 0.0})["expected_waste"]
        > fresh(stock_lots=both)["expected_waste"] + 3.0
    )


def test_unknown_ages_are_estimated_from_receipts() -> None:
    received = {
        "order_id": "1",
        "source_id": "SUP",
        "destination_id": "S1",
        "item_id": "a",
        "ordered_on": day(-9),
        "units": 30.0,
    }
    old = fresh(deliveries=[{**received, "received_on": day(-4)}])
    new = fresh(deliveries=[{**received, "received_on": day(0)}])
    assert old["expected_waste"] > new["expected_waste"]
    assert "age_estimated" in old["data_flags"]
    assert old["status"] in ("none", "review")


def test_no_more_is_ordered_than_sells_within_its_life() -> None:
    capped = fresh(0.0, rules=[rule("min_stock", 200)], stock_lots=lots((5, 0.0)))
    assert "shelf_life_cap" in capped["reasons"]
    assert capped["qty"] < 6 * 4.0 + 3  # one day until it comes, five of life
    assert fresh(0.0, rules=[rule("min_stock", 200)], listing={"shelf_life_days": None})["qty"] == 200.0


def two_levels(pack: float = 1.0, **more: Any) -> Any:
    stores = ("S1", "S2", "S3")
    given = {
        "stock": [*[stock(9.0, location=store) for store in stores], stock(0.0, location="DC")],
        "forecasts": [forecast(location=store) for store in stores],
        "sourcing": [
            source("*", "*", "DC", source_type="dc", pack_size=pack, lead_time_days=1.0),
            source("*", "DC", "SUP", lead_time_days=4.0),
        ],
        **more,
    }
    return propose(**given)


def test_a_centre_orders_for_the_orders_of_its_stores() -> None:
    proposal = two_levels()
    centre, store = line(proposal, location="DC"), line(proposal, location="S1")
    assert (centre["source_id"], store["source_id"]) == ("SUP", "DC")
    gap = store["order_up_to"] - store["inventory_position"]
    assert centre["window_mean"] == pytest.approx(3 * (4 * 4.0 + gap), rel=0.02)
    assert centre["target_type"] == "fill_rate"
    assert centre["target_value"] == 0.97
    assert centre["qty"] > 0.0


def test_the_centre_sees_the_case_rounding_of_its_stores() -> None:
    loose, cased = line(two_levels(1.0), location="DC"), line(two_levels(24.0), location="DC")
    assert cased["window_mean"] > loose["window_mean"] + 20.0


def test_stores_that_may_not_order_are_no_demand_of_the_centre() -> None:
    gone = [{"item_id": "a", "location_id": store, "status": "discontinued"} for store in ("S1", "S2", "S3")]
    centre = line(two_levels(item_locations=gone), location="DC")
    assert (centre["window_mean"], centre["qty"]) == (0.0, 0.0)


def test_an_item_the_centre_never_had_is_an_exception() -> None:
    stocks = [*[stock(0.0, location=store) for store in ("S1", "S2", "S3")], stock(5.0, "b", "DC")]
    proposal = two_levels(stock=stocks)
    assert line(proposal, location="S1")["qty"] > 0.0  # stock of the centre unknown: nothing to share out
    assert line(proposal, location="DC")["binding_rule"] == "no_stock_row"
    assert "no_stock_row" in proposal.exceptions["code"].to_list()


def test_moments_of_rounded_orders_match_a_simulation() -> None:
    generator = np.random.default_rng(5)
    mean, variance = np.array([12.0, 200.0]), np.array([30.0, 900.0])
    gap, pack = np.array([-3.0, 20.0]), np.array([6.0, 24.0])
    out_mean, out_variance = np.zeros(2), np.zeros(2)
    rounded_order_moments(mean, variance, np.array([True, False]), gap, pack, out_mean, out_variance)
    counts = generator.negative_binomial(144 / 18, 12 / 30, 400_000)
    orders = np.ceil(np.maximum(gap[0] + counts, 0.0) / 6.0) * 6.0
    assert out_mean[0] == pytest.approx(orders.mean(), rel=0.01)
    assert out_variance[0] == pytest.approx(orders.var(), rel=0.02)
    large = generator.gamma(200.0**2 / 900.0, 900.0 / 200.0, 400_000)
    orders = np.ceil(np.maximum(gap[1] + large, 0.0) / 24.0) * 24.0
    assert out_mean[1] == pytest.approx(orders.mean(), rel=0.01)
    assert out_variance[1] == pytest.approx(orders.var(), rel=0.05)


def poisson_forecast(mean: float, days: int = 28) -> pl.DataFrame:
    """Unit demand of the same mean every day, as thirteen quantiles."""
    levels = (0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
    return pl.DataFrame(
        {
            "item_id": ["a"] * days, "location_id": ["S1"] * days, "date": [day(d) for d in range(1, days + 1)],
            "mean": [mean] * days,
            **{f"q{round(1000 * level):03d}": [float(stats.poisson.ppf(level, mean))] * days for level in levels},
        }
    )  # fmt: skip


@pytest.mark.parametrize(("mean", "life", "share"), [(4.0, 4, 1.0), (6.0, 3, 1.0), (12.0, 2, 1.0), (4.0, 4, 0.5)])
def test_the_economic_level_of_goods_that_expire_is_near_the_best_the_simulator_finds(
    mean: float, life: int, share: float
) -> None:
    terms = {"shelf_life_days": life, "fifo_share": share, "unit_price": 3.0}

    def level(**listing: object) -> float:
        listed = {"item_id": "a", "location_id": "S1", **listing}
        rules = [rule("day_correlation", 0.0), rule("target_type", "economic")]
        given = {"forecasts": poisson_forecast(mean), "sourcing": [source(unit_cost=2.0, lead_time_days=1.0)]}
        return float(line(propose(item_locations=[listed], rules=rules, **given))["order_up_to"])

    found, if_it_kept = level(**terms), level(unit_price=3.0)
    levels = np.arange(1.0, if_it_kept + 1.0)
    demand = np.tile(np.random.default_rng(3).poisson(mean, (1, 3000)).astype(float), (len(levels), 1))
    played = simulate(
        demand, OrderUpTo(levels[:, None]), ItemTerms(shelf_life_days=life, fifo_share=share, waste_window_days=1),
        lead_time_days=1, expected_demand=np.full(len(levels), mean), warm_up_days=100,
    ).totals  # fmt: skip
    cost = 2.0 * played["waste"] + played["unmet"] + 2.0 * 0.25 / 365 * played["stock_days"]
    assert cost[int(found) - 1] <= 1.1 * cost.min()
    assert cost[int(if_it_kept) - 1] > 1.5 * cost.min()


def test_what_can_no_longer_be_sold_when_it_arrives_is_not_ordered() -> None:
    none_left = {"listing": {"shelf_life_days": 4.0, "min_remaining_life_days": 6.0}}
    assert fresh(0.0, **none_left)["qty"] == 0.0
    # Four days of demand before the delivery can't be sold from it: its own two days of life are the cap.
    late = fresh(0.0, listing={"shelf_life_days": 2.0}, sourcing=[source(lead_time_days=5.0)])
    assert 0.0 < late["qty"] <= 2 * 4.0


def test_what_a_centre_has_promised_last_night_is_not_promised_again() -> None:
    """Approved transfers the ERP doesn't show yet still lie in the centre, and are gone all the same."""
    shop = {
        "stock": [stock(0.0, location="S1"), stock(0.0, location="S2"), stock(30.0, location="DC")],
        "forecasts": [forecast(location=place) for place in ("S1", "S2")],
        "sourcing": [
            source("*", "*", "DC", source_type="dc", pack_size=6.0, lead_time_days=3.0),
            source("*", "DC", "SUP", lead_time_days=5.0),
        ],
    }  # fmt: skip
    line_of = {
        "line_id": "x",
        "item_id": "a",
        "location_id": "S1",
        "source_id": "DC",
        "qty": 24.0,
        "delivery_date": day(2),
    }
    approved = pl.DataFrame([{**line_of, "state": "approved"}])
    free, after = propose(**shop), propose(approved=approved, **shop)
    assert line(free, location="S2")["qty"] > 6.0
    assert line(after, location="S2")["qty"] == 6.0
    assert line(after, location="DC")["inventory_position"] == 6.0
    told = pl.DataFrame({"order_ref": ["x"]})  # the ERP has taken it over, and reserves what it sends
    assert line(propose(approved=approved, acknowledged=told, **shop), location="DC")["inventory_position"] == 30.0


def test_approving_a_transfer_does_not_change_the_night_that_proposed_it() -> None:
    shop = {
        "stock": [stock(0.0, location="S1"), stock(30.0, location="DC")],
        "forecasts": forecast(location="S1"),
        "sourcing": [source("*", "S1", "DC", source_type="dc"), source("*", "DC", "SUP")],
    }
    first = propose(**shop)
    mine = line(first, location="S1")
    approved = pl.DataFrame(
        {name: [mine[name]] for name in ("line_id", "item_id", "location_id", "source_id", "qty", "delivery_date")}
    ).with_columns(pl.lit("approved").alias("state"))
    assert propose(approved=approved, **shop).order_lines.equals(first.order_lines)
