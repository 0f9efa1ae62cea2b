"""The step that proposes orders: what it reads as of the cutoff, what it writes, what it tells."""

from __future__ import annotations

from dataclasses import replace as changed
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from shelfcast.bootstrap import in_memory
from shelfcast.domain.errors import NotFound, NotReady
from shelfcast.domain.tables import TABLES, results
from shelfcast.lake.as_of import end_of
from shelfcast.lake.replace import replace
from shelfcast.pipeline import export_results, plan_orders
from shelfcast.pipeline.steps import Parameters
from shelfcast.ports.platform import Platform

CUTOFF = date(2026, 3, 6)


def put(platform: Platform, name: str, *rows: dict[str, Any]) -> None:
    known = {} if "known_at" not in TABLES[name].names else {"known_at": end_of(CUTOFF)}
    frame = pl.DataFrame([{**known, **row} for row in rows], infer_schema_length=None)
    replace(platform.tables, TABLES[name], TABLES[name].conform(frame), None)


@pytest.fixture
def platform() -> Platform:
    """A store with two items: one empty, one full."""
    found = in_memory()
    stock = {"location_id": "S1", "date": CUTOFF}
    put(found, "stock", {**stock, "item_id": "a", "on_hand": 0.0}, {**stock, "item_id": "b", "on_hand": 90.0})
    put(
        found,
        "stock",
        {
            **stock,
            "item_id": "a",
            "on_hand": 70.0,
            "date": CUTOFF - timedelta(days=1),
            "known_at": end_of(CUTOFF - timedelta(days=1)),
        },
    )
    put(
        found,
        "sourcing",
        {
            "item_id": "*",
            "destination_id": "*",
            "source_id": "SUP",
            "lead_time_days": 2.0,
            "unit_cost": 2.0,
            "pack_size": 6.0,
        },
    )
    forecast = {
        "cutoff": CUTOFF,
        "scenario": "base",
        "location_id": "S1",
        "mean": 4.0,
        "q100": 2.0,
        "q500": 4.0,
        "q900": 7.0,
    }
    put(
        found, "forecasts",
        *[
            {**forecast, "stage": stage, "item_id": item, "date": CUTOFF + timedelta(days=d), "mean": mean}
            for item in "ab" for d in range(1, 15) for stage, mean in (("final", 4.0), ("model", 400.0))
        ],
    )  # fmt: skip
    return found


def run(platform: Platform, cutoff: date = CUTOFF) -> Any:
    return plan_orders.run(platform, Parameters(cutoff), "run-1")


def lines(platform: Platform) -> pl.DataFrame:
    return platform.tables.scan(results.ORDER_LINES).collect().sort("item_id")


def test_the_step_writes_lines_and_tells_what_matters(platform: Platform) -> None:
    outcome = run(platform)
    written = lines(platform)
    assert written["item_id"].to_list() == ["a", "b"]
    assert written["run_id"].unique().to_list() == ["run-1"]
    assert outcome.rows["order lines"] == outcome.summary["lines"] == 1
    assert outcome.summary["value"] == written["value"].sum() > 0
    assert outcome.summary["by_source"] == [{"source_id": "SUP", "lines": 1, "value": outcome.summary["value"]}]
    urgent = outcome.summary["urgent"][0]
    assert urgent["item_id"] == "a"
    assert urgent["sentence"].startswith("Order ")


def test_running_again_replaces_the_night(platform: Platform) -> None:
    run(platform)
    first = lines(platform)
    run(platform)
    assert lines(platform).equals(first)


def test_only_the_final_stage_is_used(platform: Platform) -> None:
    run(platform)
    assert lines(platform)["window_mean"].to_list() == [8.0, 8.0]


def test_what_was_not_known_at_the_cutoff_is_not_used(platform: Platform) -> None:
    late = datetime.combine(CUTOFF + timedelta(days=3), time(), UTC)
    put(platform, "stock", {"item_id": "a", "location_id": "S1", "date": CUTOFF, "on_hand": 500.0, "known_at": late})
    run(platform)
    assert lines(platform)["on_hand"].to_list() == [0.0, 90.0]


def test_no_forecast_says_what_to_run(platform: Platform) -> None:
    with pytest.raises(NotReady, match="shelfcast run"):
        run(platform, CUTOFF + timedelta(days=1))


def test_without_stock_nothing_is_proposed_and_the_reason_is_told(platform: Platform) -> None:
    empty = changed(platform, tables=in_memory().tables)
    forecasts = platform.tables.scan(results.FORECASTS).collect()
    replace(empty.tables, results.FORECASTS, forecasts, None)
    assert "No stock is recorded" in run(empty).summary["why"]


def test_an_approved_line_of_last_night_is_on_order_tonight(platform: Platform) -> None:
    earlier = {"item_id": "a", "location_id": "S1", "source_id": "SUP", "qty": 30.0, "delivery_date": "2026-03-07"}
    platform.records.put(plan_orders.ORDER_STATE_KIND, "line-of-yesterday", {**earlier, "state": "approved"})
    platform.records.put(plan_orders.ORDER_STATE_KIND, "another", {**earlier, "state": "rejected"})
    before = plan_orders.decisive(platform, Parameters(CUTOFF))
    run(platform)
    assert lines(platform)["on_order_in_window"].to_list() == [30.0, 0.0]
    assert "line-of-yesterday" in before["approved"]
    assert "another" not in before["approved"]


def test_the_erp_row_takes_the_place_of_the_approved_line(platform: Platform) -> None:
    earlier = {"item_id": "a", "location_id": "S1", "source_id": "SUP", "qty": 30.0, "delivery_date": "2026-03-07"}
    platform.records.put(plan_orders.ORDER_STATE_KIND, "mine", {**earlier, "state": "sent"})
    order = {
        "order_id": "PO",
        "line_id": "1",
        "source_id": "SUP",
        "destination_id": "S1",
        "item_id": "a",
        "order_ref": "mine",
    }
    dates = {"date": CUTOFF, "ordered_on": CUTOFF - timedelta(days=1), "promised_date": CUTOFF + timedelta(days=1)}
    put(platform, "open_orders", {**order, **dates, "qty_open": 12.0, "state": "sent"})
    run(platform)
    assert lines(platform)["on_order_in_window"][0] == 12.0


def test_a_stored_line_is_explained_and_asked_what_if(platform: Platform) -> None:
    run(platform)
    line_id = lines(platform)["line_id"][0]
    line, sentence = plan_orders.explain_line(platform, line_id[:8])
    assert (line["item_id"], sentence.startswith("Order ")) == ("a", True)
    before, after, was, becomes = plan_orders.what_if_line(platform, line_id, {"on_hand": "200"})
    assert (before["qty"] > 0, after["qty"]) == (True, 0.0)
    assert was == sentence
    assert becomes.startswith("No order: the position covers the target")
    assert lines(platform)["qty"][0] == before["qty"]  # nothing was written


def test_an_unknown_line_is_not_found(platform: Platform) -> None:
    with pytest.raises(NotFound, match="no order line"):
        plan_orders.explain_line(platform, "nope")


def test_headers_allocations_and_projection_are_exported_from_the_lines(platform: Platform, tmp_path: Path) -> None:
    run(platform)
    made = {
        what: export_results.export_file(platform, what, format="parquet", output=tmp_path / f"{what}.parquet")
        for what in export_results.SHEETS
    }
    headers = pl.read_parquet(made["order_headers"].path)
    assert headers["source_id"].to_list() == ["SUP"] and headers["lines"].to_list() == [1]
    assert made["allocations"].rows == 0
    projected = pl.read_parquet(made["projection"].path)
    assert projected.height == 2 * 28
    ordered = platform.tables.scan(results.ORDER_LINES).select(pl.col("qty").sum()).collect().item()
    assert projected["receipts"].sum() == ordered > 0.0


def test_lines_name_their_forecast_and_policy_and_what_promotions_bring(platform: Platform) -> None:
    brought = {"cutoff": CUTOFF, "scenario": "base", "item_id": "a", "location_id": "S1", "driver": "promotion"}
    put(platform, "explanations", {**brought, "date": CUTOFF + timedelta(days=1), "micro_units": 1_500_000})
    run(platform)
    lines = platform.tables.scan(results.ORDER_LINES).sort("item_id").collect()
    assert lines["promo_demand"].to_list() == [1.5, 0.0]
    assert all("/rules-" in version for version in lines["policy_version"])
