"""Trial runs on history alone: what is assumed, and that every line it touches says so."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from shelfcast.bootstrap import in_memory
from shelfcast.domain.errors import BadFile, BadParameter
from shelfcast.domain.tables import results
from shelfcast.lake.replace import replace
from shelfcast.pipeline import plan_orders
from shelfcast.pipeline.assumed_terms import read_terms
from shelfcast.pipeline.steps import Parameters
from shelfcast.ports.platform import Platform

CUTOFF = date(2026, 3, 6)
TERMS = """
sourcing:
  - {source_id: SUPPLIER, lead_time_days: 2, pack_size: 6, unit_cost: 1.5}
stock_cover_days: 1
rules:
  - {parameter: target_cycle_service, value: "0.95"}
"""


@pytest.fixture
def platform() -> Platform:
    """Forecasts of two items, and no terms at all."""
    found = in_memory()
    rows = [
        {"cutoff": CUTOFF, "scenario": "base", "stage": "final", "item_id": item, "location_id": "S1",
         "date": CUTOFF + timedelta(days=d), "mean": 4.0, "q100": 2.0, "q500": 4.0, "q900": 7.0}
        for item in "ab" for d in range(1, 15)
    ]  # fmt: skip
    replace(found.tables, results.FORECASTS, results.FORECASTS.conform(pl.DataFrame(rows)), None)
    return found


def write(folder: Path, text: str) -> Path:
    path = folder / "terms.yaml"
    path.write_text(text)
    return path


def test_without_terms_nothing_is_decided_and_the_cure_is_named(platform: Platform) -> None:
    outcome = plan_orders.run(platform, Parameters(CUTOFF), "run-1")
    assert outcome.rows["lines"] == 0
    assert "--terms" in outcome.summary["why"]


def test_assumed_terms_make_lines_that_say_so(platform: Platform, tmp_path: Path) -> None:
    terms = read_terms(write(tmp_path, TERMS))
    plan_orders.run(platform, Parameters(CUTOFF, terms=terms), "run-1")
    lines = platform.tables.scan(results.ORDER_LINES).collect()
    assert lines.height == 2
    assert lines.filter(pl.col("qty") > 0).height == 2
    assert all("assumed_terms" in flags for flags in lines["data_flags"])
    assert lines["on_hand"].to_list() == [4.0, 4.0]  # a day of the forecast's mean


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        ("- 1", BadFile, "no sections"),
        ("sourcing: [", BadFile, "can't be read"),
        ("supplier: []\nstock_cover_days: 1", BadParameter, "sourcing"),
        ("sourcing:\n  - {lead: 2}\nstock_cover_days: 1", BadParameter, "lead_time_days"),
        ("sourcing: []", BadParameter, "stock_cover_days"),
        ("stock_cover_days: -1", BadParameter, "0 or more"),
    ],
)
def test_a_bad_terms_file_is_refused_with_what_is_allowed(tmp_path, text, error, says) -> None:
    with pytest.raises(error, match=says):
        read_terms(write(tmp_path, text))
