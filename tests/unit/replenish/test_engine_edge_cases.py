"""Every edge case of the specification (6.2), one test each."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import polars as pl
import pytest
from replenish_shop import CUTOFF, day, forecast, inputs, line, lock, open_order, propose, rule, source, stock

from shelfcast.domain.errors import BadInput
from shelfcast.replenish.order_lines import Proposal, propose_orders


def codes(one: dict[str, Any]) -> set[str]:
    return set(one["reasons"].split(","))


def exceptions(proposal: Proposal, code: str) -> list[dict[str, Any]]:
    return proposal.exceptions.filter(pl.col("code") == code).to_dicts()


def sold(units: float, days: int, item: str = "a", **more: Any) -> list[dict[str, Any]]:
    return [
        {"item_id": item, "location_id": "S1", "date": CUTOFF - timedelta(days=back), "units": units, **more}
        for back in range(days)
    ]


def test_negative_stock_counts_as_zero_and_asks_for_a_count() -> None:
    proposal = propose(stock=[stock(-2.0)])
    one = line(proposal)
    assert one["inventory_position"] == 0.0
    assert "negative_stock_as_zero" in one["data_flags"]
    assert exceptions(proposal, "negative_stock")[0]["message"] == "Book stock is -2: count it."


def test_very_negative_stock_sends_the_line_to_review() -> None:
    assert line(propose(stock=[stock(-2.0)]))["status"] == "auto"
    assert line(propose(stock=[stock(-21.0)]))["status"] == "review"


def test_a_listing_without_stock_is_an_exception_and_no_order() -> None:
    proposal = propose(item_locations=[{"item_id": "b", "location_id": "S1"}], stock=[stock()])
    one = line(proposal, "b")
    assert (one["qty"], one["binding_rule"]) == (0.0, "no_stock_row")
    assert exceptions(proposal, "no_stock_row")[0]["item_id"] == "b"


def test_a_forecast_without_stock_is_an_exception_and_no_order() -> None:
    proposal = propose(forecasts=[forecast(), forecast(item="ghost")])
    assert line(proposal, "ghost")["qty"] == 0.0
    assert exceptions(proposal, "unknown_forecast")[0]["item_id"] == "ghost"
    assert proposal.report["item_locations"] == proposal.report["with_order"] + proposal.report["without_order"] == 2


def test_a_missing_lead_time_is_the_sources_median() -> None:
    sources = [source("a", lead_time_days=None), source("b", lead_time_days=3.0), source("c", lead_time_days=5.0)]
    stocks = [stock(item=item) for item in "abc"]
    one = line(propose(stock=stocks, sourcing=sources, forecasts=[forecast(item=item) for item in "abc"]))
    assert one["lead_time_days"] == 4.0
    assert "lead_time_default" in one["data_flags"]
    assert one["status"] == "review"


def test_a_missing_lead_time_without_any_other_is_the_rules_default_else_no_order() -> None:
    without = line(propose(sourcing=[source(lead_time_days=None)]))
    assert (without["qty"], without["binding_rule"]) == (0.0, "no_lead_time")
    ruled = line(propose(sourcing=[source(lead_time_days=None)], rules=[rule("default_lead_time_days", 6)]))
    assert (ruled["qty"] > 0, ruled["lead_time_days"]) == (True, 6.0)


def test_a_lead_time_of_zero_is_refused_unless_same_day_is_allowed() -> None:
    refused = line(propose(sourcing=[source(lead_time_days=0.0)]))
    assert (refused["qty"], refused["binding_rule"]) == (0.0, "same_day_refused")
    allowed = line(propose(sourcing=[source(lead_time_days=0.0)], rules=[rule("same_day", "true")]))
    assert "same_day_refused" not in allowed["reasons"]
    # The run is made after close, so tonight's order covers tomorrow, as with a lead time of a day.
    assert (allowed["delivery_date"], allowed["protection_days"]) == (day(1), 1)
    assert allowed["qty"] == line(propose(sourcing=[source(lead_time_days=1.0)]))["qty"] > 0.0


def test_the_shortest_usual_lead_time_covers_the_next_day() -> None:
    one = line(propose(sourcing=[source(lead_time_days=1.0)]))
    assert (one["delivery_date"], one["window_from"], one["window_to"]) == (day(1), day(1), day(1))
    assert one["protection_days"] == 1


def test_a_missing_forecast_is_the_mean_of_the_last_days_in_stock() -> None:
    history = [
        *sold(3.0, 20),
        *[
            {**row, "date": row["date"] - timedelta(days=20), "units": 0.0, "in_stock_share": 0.0}
            for row in sold(0.0, 10)
        ],
    ]
    one = line(
        propose(
            forecasts=forecast(item="other", location="S9"),
            history=history,
            stock=[stock(), stock(item="other", location="S9")],
        )
    )
    assert one["window_mean"] == pytest.approx(6.0)  # two days at 3
    assert one["window_variance"] > 0.0
    assert "no_forecast" in one["data_flags"]


def test_without_forecast_and_history_only_the_shelf_is_filled() -> None:
    one = line(
        propose(
            forecasts=forecast(item="other"),
            stock=[stock(1.0), stock(item="other")],
            item_locations=[{"item_id": "a", "location_id": "S1", "presentation_stock": 4.0}],
        )
    )
    assert (one["window_mean"], one["order_up_to"], one["qty"]) == (0.0, 4.0, 3.0)


def test_a_zero_forecast_fills_the_shelf_and_asks_when_the_item_still_sells() -> None:
    proposal = propose(
        forecasts=forecast(0.0),
        history=sold(1.0, 5),
        item_locations=[{"item_id": "*", "location_id": "*", "presentation_stock": 2.0}],
    )
    one = line(proposal)
    assert (one["order_up_to"], one["qty"]) == (2.0, 2.0)
    assert "zero_forecast" in codes(one)
    assert "5 units" in exceptions(proposal, "forecast_zero_but_selling")[0]["message"]


def test_a_forecast_shorter_than_the_window_repeats_its_last_week() -> None:
    proposal = propose(forecasts=forecast(2.0, days=7), sourcing=[source(lead_time_days=10.0)])
    one = line(proposal)
    assert one["window_mean"] == pytest.approx(20.0)
    assert "forecast_repeated" in one["data_flags"]
    assert not exceptions(proposal, "forecast_short")
    shorter = propose(forecasts=forecast(2.0, days=4), sourcing=[source(lead_time_days=10.0)])
    assert exceptions(shorter, "forecast_short")


def test_an_overdue_order_counts_as_due_soon_and_a_dead_one_does_not_count() -> None:
    grace = propose(sourcing=[source(lead_time_days=6.0)], open_orders=[open_order(5.0, due=-2)])
    assert line(grace)["on_order_in_window"] == 5.0
    assert "overdue_order" in line(grace)["data_flags"]
    short_window = propose(open_orders=[open_order(5.0, due=-2)])  # due in three days, the window has two
    assert (line(short_window)["on_order_in_window"], line(short_window)["on_order_later"]) == (0.0, 5.0)
    dead = propose(sourcing=[source(lead_time_days=6.0)], open_orders=[open_order(5.0, due=-40)])
    assert line(dead)["on_order_in_window"] == line(dead)["on_order_later"] == 0.0
    assert "5 units" in exceptions(dead, "open_order_dead")[0]["message"]


def test_two_lines_of_one_order_both_count_and_an_exact_double_does_not() -> None:
    orders = [open_order(5.0, due=1, line_id="1"), open_order(4.0, due=1, line_id="2")]
    assert line(propose(open_orders=orders))["on_order_in_window"] == 9.0
    doubled = propose(open_orders=[*orders, open_order(5.0, due=1, line_id="1")], settings=None)
    assert line(doubled)["on_order_in_window"] == 9.0
    assert doubled.quarantine.filter(pl.col("table") == "open_orders").height == 1


def test_a_discontinued_item_is_never_ordered_and_its_open_orders_are_listed() -> None:
    proposal = propose(
        stock=[stock(3.0)],
        item_locations=[{"item_id": "a", "location_id": "S1", "status": "discontinued", "presentation_stock": 50.0}],
        open_orders=[open_order(5.0, due=1)],
        order_overrides=[lock(fixed_qty=9.0)],
    )
    one = line(proposal)
    assert (one["qty"], one["binding_rule"]) == (0.0, "discontinued")
    assert "5 units" in exceptions(proposal, "cancel_open_orders")[0]["message"]
    assert "3 units" in exceptions(proposal, "left_over_stock")[0]["message"]


def test_an_item_not_yet_started_is_ordered_only_for_its_first_day() -> None:
    early = line(propose(item_locations=[{"item_id": "a", "location_id": "S1", "start_date": day(9)}]))
    assert (early["qty"], early["binding_rule"]) == (0.0, "not_started")
    in_time = line(propose(item_locations=[{"item_id": "a", "location_id": "S1", "start_date": day(3)}]))
    assert in_time["qty"] > 0.0  # delivered on day 2, the day before


def test_a_pack_larger_than_the_shelf_is_an_exception_unless_one_pack_is_kept() -> None:
    terms = {
        "sourcing": [source(pack_size=50.0)],
        "item_locations": [{"item_id": "*", "location_id": "*", "max_stock": 20.0}],
    }
    proposal = propose(**terms)
    assert line(proposal)["qty"] == 0.0
    assert exceptions(proposal, "pack_over_capacity")
    kept = line(propose(**terms, rules=[rule("keep_one_pack", "true")]))
    assert (kept["qty"], kept["status"]) == (50.0, "review")
    assert "keep_one_pack" in codes(kept)


def test_a_smallest_order_above_the_demand_of_its_life_is_bought_only_if_it_pays() -> None:
    def shop(price: float) -> dict[str, Any]:
        return line(
            propose(
                sourcing=[source(moq=20.0, unit_cost=1.0)],
                item_locations=[{"item_id": "*", "location_id": "*", "shelf_life_days": 2.0, "unit_price": price}],
            )
        )

    poor, rich = shop(1.2), shop(9.0)
    assert (poor["qty"], rich["qty"]) == (0.0, 20.0)
    assert "moq_over_shelf_life" in codes(poor) & codes(rich)


def test_a_pack_or_smallest_order_that_cannot_be_takes_its_default() -> None:
    one = line(propose(sourcing=[source(pack_size=0.0, moq=-5.0)]))
    assert (one["pack_size"], one["moq"]) == (1.0, 0.0)
    assert "pack_default" in one["data_flags"]


def test_weighed_goods_are_ordered_in_their_step() -> None:
    one = line(
        propose(
            items=[{"item_id": "a", "unit": "kg", "unit_step": 0.001}],
            forecasts=forecast(1.2345),
            sourcing=[source(pack_size=0.25)],
        )
    )
    assert one["qty"] > 0.0
    assert one["qty"] / 0.25 == pytest.approx(round(one["qty"] / 0.25))
    assert one["unit"] == "kg"


def test_a_closed_store_stretches_the_window() -> None:
    closed = [
        {"location_id": "S1", "date": day(2), "open": False},
        {"location_id": "S1", "date": day(3), "open": False},
    ]
    one = line(propose(openings=closed))
    assert (one["delivery_date"], one["next_delivery_date"]) == (day(4), day(5))


def test_the_next_source_is_used_only_if_the_first_has_no_order_day_soon_or_no_stock() -> None:
    calendar = [{"source_id": "SUP", "destination_id": "*", "order_weekdays": "Mon"}]
    two = [source(priority=1), source(source="OTHER", priority=2)]
    assert line(propose(sourcing=two, order_calendar=calendar))["source_id"] == "SUP"
    never = [{"source_id": "SUP", "destination_id": "*", "order_date": day(d), "open": False} for d in range(30)]
    assert line(propose(sourcing=two, order_dates=never))["source_id"] == "OTHER"
    centre = [source(source="DC", source_type="dc", priority=1), source(source="OTHER", priority=2)]
    empty = [stock(), stock(0.0, location="DC")]
    assert line(propose(sourcing=centre, stock=empty))["source_id"] == "OTHER"
    full = [stock(), stock(500.0, location="DC")]
    assert line(propose(sourcing=centre, stock=full))["source_id"] == "DC"


def test_split_sourcing_shares_the_need() -> None:
    two = [source(source="A", share=0.75), source(source="B", share=0.25)]
    lines = propose(sourcing=two, forecasts=forecast(40.0)).order_lines
    assert lines["source_id"].to_list() == ["A", "B"]
    assert lines["need"][0] == pytest.approx(3 * lines["need"][1], rel=1e-4)


def test_goods_that_go_in_a_circle_are_refused_by_name() -> None:
    circle = [source("a", "S1", "S2", source_type="store"), source("a", "S2", "S1", source_type="store")]
    with pytest.raises(BadInput, match="circle for item a"):
        propose(stock=[stock(), stock(location="S2")], sourcing=circle)


def test_a_leap_day_is_a_day_like_any_other() -> None:
    from datetime import date

    leap = date(2028, 2, 28)
    frame = forecast(5.0).with_columns(pl.col("date").dt.offset_by(f"{(leap - CUTOFF).days}d"))
    given = inputs(stock=[{**stock(), "date": leap}], forecasts=frame, sourcing=[source(lead_time_days=1.0)])
    one = propose_orders(given, leap).order_lines.row(0, named=True)
    assert (one["window_from"], one["window_to"]) == (date(2028, 2, 29), date(2028, 2, 29))


def test_old_stock_is_flagged() -> None:
    proposal = propose(stock=[{**stock(), "date": day(-3)}])
    assert "stale_snapshot" in line(proposal)["data_flags"]
    assert "3 days old" in exceptions(proposal, "stale_snapshot")[0]["message"]


def test_a_forecast_on_censored_history_is_flagged_unless_it_was_recovered() -> None:
    censored = sold(1.0, 20, censored=True)
    assert "censored_forecast" in line(propose(history=censored))["data_flags"]
    recovered = sold(1.0, 20, censored=True, evidence="intra-day profile")
    assert "censored_forecast" not in line(propose(history=recovered))["data_flags"]


def test_a_day_that_is_no_order_day_orders_nothing_and_names_the_next() -> None:
    from shelfcast.replenish.explanation import explain

    one = line(propose(order_calendar=[{"source_id": "SUP", "destination_id": "*", "order_weekdays": "Tue"}]))
    assert (one["qty"], one["binding_rule"]) == (0.0, "not_order_day")
    assert explain(one) == "No order: SUP takes no order today; the next order day is 10 March."


def test_no_source_is_an_exception() -> None:
    proposal = propose(sourcing=[source("other")])
    assert (line(proposal)["source_id"], line(proposal)["binding_rule"]) == ("", "no_source")
    assert exceptions(proposal, "no_source")


def test_a_blocked_item_is_not_ordered() -> None:
    assert (
        line(propose(item_locations=[{"item_id": "*", "location_id": "S1", "status": "blocked"}]))["binding_rule"]
        == "blocked"
    )


def test_stock_in_a_yield_of_less_than_one_is_ordered_more() -> None:
    whole, half = line(propose()), line(propose(sourcing=[source(yield_share=0.5)]))
    assert half["need"] == pytest.approx(2 * whole["need"])


def test_sources_that_share_a_need_share_the_room_too() -> None:
    split = [source(source="A", share=0.5), source(source="B", share=0.5)]
    shelf = [{"item_id": "a", "location_id": "S1", "max_stock": 10.0}]
    lines = propose(sourcing=split, item_locations=shelf).order_lines
    assert lines["source_id"].to_list() == ["A", "B"]
    assert 8.0 <= lines["qty"].sum() <= 10.0
    assert lines["reasons"].str.contains("max_stock").all()


def test_an_item_that_phases_out_without_a_last_day_gets_no_safety_stock() -> None:
    usual = line(propose())
    ending = line(propose(item_locations=[{"item_id": "a", "location_id": "S1", "status": "phase_out"}]))
    assert usual["order_up_to"] > usual["window_mean"]
    assert ending["order_up_to"] == ending["window_mean"]
    assert "phase_out" in codes(ending)


def test_lines_without_a_number_are_told_apart_by_their_item() -> None:
    erp = [open_order(5.0, 1, item, line_id=None) for item in ("a", "b")]
    proposal = propose(stock=[stock(), stock(item="b")], forecasts=[forecast(), forecast(item="b")], open_orders=erp)
    assert [line(proposal, item)["on_order_in_window"] for item in ("a", "b")] == [5.0, 5.0]
    assert not proposal.quarantine.height
    again = propose(open_orders=[erp[0], erp[0]])
    assert line(again)["on_order_in_window"] == 5.0  # the very same line twice


@pytest.mark.parametrize(
    ("table", "row", "words"),
    [
        ("open_orders", open_order(5.0, 1, "zz"), "An open order"),
        ("stock_lots", {"item_id": "zz", "location_id": "S1", "date": CUTOFF, "expiry_date": day(3), "units": 4.0}, "A lot"),
        ("order_overrides", lock("zz", fixed_qty=3.0), "A planner's lock"),
    ],
    ids=["order", "lot", "lock"],
)  # fmt: skip
def test_rows_for_an_item_nobody_knows_are_told(table: str, row: dict[str, Any], words: str) -> None:
    found = exceptions(propose(**{table: [row]}), "unknown_key")
    assert [(one["item_id"], one["location_id"]) for one in found] == [("zz", "S1")]
    assert found[0]["message"].startswith(words)
    assert not exceptions(propose(open_orders=[open_order(5.0, 1, "zz", state="proposed")]), "unknown_key")


def test_a_price_below_cost_is_told_since_least_cost_then_orders_none() -> None:
    proposal = propose(item_locations=[{"item_id": "a", "location_id": "S1", "unit_price": 0.7}])
    assert line(proposal)["qty"] == 0.0
    assert "isn't above its cost (0.3 less)" in exceptions(proposal, "sold_at_a_loss")[0]["message"]
    promised = propose(
        item_locations=[{"item_id": "a", "location_id": "S1", "unit_price": 0.7}],
        rules=[rule("target_cycle_service", 0.95)],
    )
    assert line(promised)["qty"] > 0.0
    assert not exceptions(promised, "sold_at_a_loss")


def test_a_store_no_day_is_open_for_orders_nothing_and_says_so() -> None:
    shut = [{"location_id": "S1", "date": day(ahead), "open": False} for ahead in range(1, 402)]
    proposal = propose(openings=shut)
    assert (line(proposal)["qty"], line(proposal)["binding_rule"]) == (0.0, "no_delivery_day")
    assert len(exceptions(proposal, "no_delivery_day")) == 1


def test_a_pack_above_the_largest_order_is_an_exception() -> None:
    proposal = propose(sourcing=[source(pack_size=40.0, max_order_qty=20.0)])
    assert line(proposal)["qty"] == 0.0
    assert len(exceptions(proposal, "pack_over_capacity")) == 1


def test_a_source_with_no_share_of_the_need_gets_no_order() -> None:
    none = [source(source="A", share=0.0), source(source="B", priority=2)]
    assert line(propose(sourcing=none))["source_id"] == "B"
    assert line(propose(sourcing=none[:1]))["binding_rule"] == "no_source"


def test_an_order_for_a_window_without_an_end_is_looked_at() -> None:
    once = line(propose(rules=[rule("review_period_days", 399)]))
    assert once["next_delivery_date"] is None
    assert once["status"] == "review"


def test_limits_and_rules_for_names_nobody_knows_are_told() -> None:
    proposal = propose(
        limits=[{"limit_type": "budget_value", "scope_value": "frsh", "destination_id": "*", "value": 1.0}],
        rules=[
            rule("policy", "cover", "supplier", scope_value="SUQ"),
            rule("min_stock", 3, "supplier", scope_value="SUP"),
        ],
    )
    (found,) = exceptions(proposal, "unknown_scope")
    assert found["message"].startswith("budget_value of frsh; policy of supplier SUQ: no line")
    assert not exceptions(propose(rules=[rule("min_stock", 3, "item", item_id="a")]), "unknown_scope")
