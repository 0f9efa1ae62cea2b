"""A cycle that approves what nothing speaks against, and stops doing so while the numbers orders rest on are wrong."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest

from shelfcast.bootstrap import in_memory
from shelfcast.domain.findings import Finding
from shelfcast.domain.tables import curated, results
from shelfcast.lake.replace import replace
from shelfcast.pipeline import decide_orders, job_kinds, raise_alerts
from shelfcast.pipeline.lake_settings import LakeSettings
from shelfcast.pipeline.run_jobs import run_waiting

CUTOFF = date(2026, 3, 2)


@pytest.fixture
def platform():
    """A proposal of two lines, one of which wants a look."""
    lake = in_memory()
    rows = pl.DataFrame(
        {
            "cutoff": [CUTOFF] * 2, "scenario": ["base"] * 2, "line_id": ["L1", "L2"], "item_id": ["A", "B"],
            "location_id": ["S1"] * 2, "source_id": ["V"] * 2, "order_type": ["purchase"] * 2, "status": ["auto", "review"],
            "qty": [12.0, 500.0], "order_date": [CUTOFF] * 2,
        }
    )  # fmt: skip
    days = [CUTOFF - timedelta(days=number) for number in range(3)]
    sold = pl.DataFrame({"item_id": ["A"] * 3, "location_id": ["S1"] * 3, "date": days, "units": [1.0] * 3})
    known = pl.datetime(2026, 3, 3, time_zone="UTC")
    replace(lake.tables, curated.SALES, curated.SALES.conform(sold.with_columns(known_at=known)), None)
    replace(lake.tables, results.ORDER_LINES, results.ORDER_LINES.conform(rows), None)
    return lake


def night(platform):
    """A cycle's job that has nothing left to do but to approve."""
    job_kinds.start(
        platform, "cycle", {"cutoff": CUTOFF.isoformat(), "steps": ["quality"], "approve_auto": True}, "schedule:daily-cycle"
    )  # fmt: skip
    (job,) = run_waiting(platform, LakeSettings())
    assert job.state == "done", job.error
    return job


def found(platform, *findings):
    raise_alerts.report(platform, findings, causes=["data"])


ZERO = Finding(
    "data.zero_stock", "stock", "critical", "97 % of series have no stock by the book.", "Check the stock feed."
)


def test_lines_nothing_speaks_against_are_approved_and_no_others(platform):
    found(platform, Finding("data.psi", "units", "warning", "Units are spread otherwise.", "Look."))
    assert night(platform).result["approved_lines"] == 1
    assert decide_orders.state_of(platform, "L1").body["state"] == "approved"
    assert decide_orders.state_of(platform, "L2") is None


def test_nothing_goes_out_unseen_while_the_stock_feed_is_broken_and_the_job_says_why(platform):
    found(platform, ZERO)
    job = night(platform)
    assert job.result["approved_lines"] == 0
    assert "97 % of series have no stock" in job.result["orders_held"]
    assert decide_orders.state_of(platform, "L1") is None
    found(platform)
    assert job_kinds.orders_held(platform) == "", "the feed is right again"


def test_an_alert_that_only_bends_the_forecast_stops_no_order(platform):
    found(
        platform,
        Finding("data.shifted_days", "sales", "critical", "The last 7 days fit better a day late.", "Check the clock."),
    )
    assert night(platform).result["approved_lines"] == 1


def test_a_person_may_approve_all_the_same(platform):
    found(platform, ZERO)
    (done,) = decide_orders.decide(platform, "ann", ["L1"], decide_orders.APPROVED, "counted by hand")
    assert done.done
