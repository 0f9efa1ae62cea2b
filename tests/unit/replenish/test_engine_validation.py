"""Bad input: what is refused as a whole, what goes to quarantine, what goes on."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest
from replenish_shop import CUTOFF, day, forecast, inputs, line, lock, open_order, propose, rule, source, stock

from shelfcast.domain.errors import BadInput, TooManyBadRows
from shelfcast.replenish.order_lines import propose_orders

MANY = [f"i{number:02d}" for number in range(40)]


def many(**more: object) -> dict[str, object]:
    given: dict[str, object] = {
        "stock": [stock(item=item) for item in MANY],
        "forecasts": [forecast(item=item) for item in MANY],
    }
    return {**given, **more}


def test_a_missing_required_column_refuses_the_run() -> None:
    given = inputs()
    with pytest.raises(BadInput, match="table stock has no column on_hand"):
        propose_orders(replace(given, stock=given.stock.drop("on_hand")), CUTOFF)
    with pytest.raises(BadInput, match="forecasts have no column date"):
        propose_orders(replace(given, forecasts=forecast().drop("date")), CUTOFF)


def test_a_column_of_the_wrong_kind_refuses_the_run() -> None:
    given = inputs()
    wrong = given.stock.with_columns(pl.lit("many").alias("on_hand"))
    with pytest.raises(BadInput, match="column on_hand of table stock holds String; real is needed"):
        propose_orders(replace(given, stock=wrong), CUTOFF)


def test_stock_of_the_future_refuses_the_run() -> None:
    with pytest.raises(BadInput, match="after the cutoff"):
        propose(stock=[{**stock(), "date": day(1)}])


def test_no_forecast_for_any_stock_refuses_the_run() -> None:
    with pytest.raises(BadInput, match="no forecast matches"):
        propose(forecasts=forecast(item="other"))


def test_too_many_broken_rows_refuse_the_run() -> None:
    stocks = [stock(float("nan") if number < 3 else 1.0, item) for number, item in enumerate(MANY)]
    with pytest.raises(TooManyBadRows, match="3 of 40 rows of stock are broken; at most 5% may be"):
        propose(**many(stock=stocks))


def test_too_many_doubled_keys_refuse_the_run() -> None:
    stocks = [*[stock(item=item) for item in MANY], stock(1.0, "i00"), stock(2.0, "i01")]
    with pytest.raises(TooManyBadRows, match="2 of 42 rows of stock have the key of another row"):
        propose(**many(stock=stocks))


def test_a_broken_row_goes_to_quarantine_and_its_item_gets_no_order() -> None:
    stocks = [stock(float("inf") if number == 7 else 1.0, item) for number, item in enumerate(MANY)]
    proposal = propose(**many(stock=stocks))
    row = proposal.quarantine.row(0, named=True)
    assert {name: row[name] for name in ("table", "row_number", "item_id", "column", "value", "rule")} == {
        "table": "stock", "row_number": 8, "item_id": "i07", "column": "on_hand", "value": "inf", "rule": "not a finite number",
    }  # fmt: skip
    assert (line(proposal, "i07")["qty"], line(proposal, "i07")["binding_rule"]) == (0.0, "quarantined_input")
    assert line(proposal, "i08")["qty"] > 0.0
    assert proposal.exceptions.filter(pl.col("code") == "quarantined_input")["item_id"].to_list() == ["i07"]
    report = proposal.report
    assert (report["stock_rows_in"], report["stock_rows_planned"], report["stock_rows_quarantined"]) == (40, 39, 1)
    assert report["item_locations"] == report["with_order"] + report["without_order"] == 40


def test_an_order_promised_before_it_was_placed_goes_to_quarantine() -> None:
    orders = [open_order(5.0, 1, item, line_id=item, ordered_on=day(-1)) for item in MANY]
    orders[3] = open_order(5.0, -4, "i03", line_id="i03", ordered_on=day(-1))
    proposal = propose(**many(open_orders=orders))
    assert proposal.quarantine["rule"].to_list() == ["promised before it was ordered"]
    assert line(proposal, "i03")["on_order_in_window"] == 0.0
    assert line(proposal, "i03")["qty"] > 0.0


def test_a_rule_that_cannot_be_read_is_set_aside_and_told() -> None:
    rules = [*[rule("target_cycle_service", 0.9, "item", item_id=item) for item in MANY], rule("policy", "magic")]
    proposal = propose(**many(rules=rules))
    assert "rule policy 'magic' is unknown; known: R_s_S" in proposal.quarantine["rule"][0]
    assert proposal.exceptions.filter(pl.col("code") == "broken_rule").height == 1
    assert line(proposal, "i00")["policy"] == "base_stock"


def test_optional_tables_and_columns_may_be_absent() -> None:
    given = inputs()
    bare = replace(
        given,
        stock=given.stock.select("item_id", "location_id", "date", "on_hand"),
        sourcing=given.sourcing.select("item_id", "destination_id", "source_id", "lead_time_days"),
    )
    one = propose_orders(bare, CUTOFF).order_lines.row(0, named=True)
    assert one["qty"] > 0.0
    assert one["value"] is None


def test_numbers_as_keys_are_read_as_text() -> None:
    given = inputs(stock=[stock(item="12")], forecasts=forecast(item="12"))
    numbers = replace(given, stock=given.stock.with_columns(pl.col("item_id").cast(pl.Int64)))
    assert propose_orders(numbers, CUTOFF).order_lines["qty"][0] > 0.0


def test_an_empty_shop_is_refused_and_says_why() -> None:
    with pytest.raises(BadInput, match="no forecast matches"):
        propose(stock=[])


def test_an_unknown_weekday_is_refused() -> None:
    with pytest.raises(BadInput, match="'Funday' came, a weekday is needed"):
        propose(order_calendar=[{"source_id": "SUP", "destination_id": "*", "order_weekdays": "Mon,Funday"}])


def test_wide_terms_hold_where_no_narrower_row_stands() -> None:
    sources = [
        source(source="WIDE"),
        source("a", source="ITEM"),
        source("a", "S2", source="EXACT"),
        source("*", "S3", source="PLACE"),
    ]
    stores = ("S1", "S2", "S3", "S4")
    stocks = [stock(item=item, location=place) for item in ("a", "b") for place in stores]
    forecasts = [forecast(item=item, location=place) for item in ("a", "b") for place in stores]
    lines = propose(stock=stocks, forecasts=forecasts, sourcing=sources).order_lines
    found = {(one["item_id"], one["location_id"]): one["source_id"] for one in lines.iter_rows(named=True)}
    assert [found["a", place] for place in stores] == ["ITEM", "EXACT", "ITEM", "ITEM"]
    assert [found["b", place] for place in stores] == ["WIDE", "WIDE", "PLACE", "WIDE"]


def test_each_term_of_a_listing_comes_from_the_narrowest_row_that_has_it() -> None:
    listings = [
        {"item_id": "*", "location_id": "*", "presentation_stock": 90.0, "unit_price": 5.0},
        {"item_id": "*", "location_id": "S1", "presentation_stock": 70.0},
        {"item_id": "a", "location_id": "S1", "unit_price": 9.0},
    ]
    one = line(propose(item_locations=listings))
    assert one["presentation"] == 70.0
    assert one["critical_ratio"] == pytest.approx(8.0 / (8.0 + 0.25 / 365))


@pytest.mark.parametrize(
    ("column", "value"), [("fixed_qty", -4.0), ("min_qty", float("inf")), ("max_qty", float("nan"))]
)
def test_a_lock_that_cannot_be_goes_to_quarantine(column: str, value: float) -> None:
    proposal = propose(order_overrides=[lock(**{column: value})])
    assert line(proposal)["qty"] == line(propose())["qty"]
    assert proposal.quarantine.select("table", "column").rows() == [("order_overrides", column)]


@pytest.mark.parametrize("name", ["q000", "q1000"])
def test_a_quantile_level_outside_the_unit_interval_is_refused_by_name(name: str) -> None:
    with pytest.raises(BadInput, match=f"quantile columns {name}; a level lies between 0 and 1"):
        propose(forecasts=forecast().with_columns(pl.lit(1.0).alias(name)))


def test_a_rule_that_holds_for_a_whole_run_is_refused_in_a_narrower_scope() -> None:
    late = [open_order(9.0, due=-6)]
    narrow = propose(open_orders=late, rules=[rule("overdue_dead_days", 2, "supplier", scope_value="SUP")])
    assert line(narrow)["on_order_in_window"] == line(propose(open_orders=late))["on_order_in_window"]
    assert "scope default alone is allowed" in narrow.exceptions.filter(pl.col("code") == "broken_rule")["message"][0]
    assert "overdue_dead_days" not in line(narrow)["rules_used"]
    wide = propose(open_orders=late, rules=[rule("overdue_dead_days", 2)])
    assert line(wide)["on_order_in_window"] == 0.0


@pytest.mark.parametrize(
    ("column", "change"),
    [
        ("last_date", {"last_date": day(1)}),
        ("display_qty", {"display_qty": -5.0}),
        ("sell_down_to", {"sell_down_to": float("inf")}),
    ],
)
def test_a_promotion_that_cannot_be_goes_to_quarantine(column: str, change: dict[str, object]) -> None:
    promotion = {"promotion_id": "p", "item_id": "a", "location_id": "S1", "first_date": day(2), "last_date": day(9)}
    proposal = propose(promotions=[{**promotion, "display_qty": 4.0, **change}])
    assert proposal.quarantine.select("table", "column").rows() == [("promotions", column)]
    assert line(proposal)["promo_units"] == 0.0
    assert line(propose(promotions=[{**promotion, "display_qty": 4.0}]))["promo_units"] == 4.0
