"""A lake that is kept small: what was made each night goes after a while, what came in stays."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest

from shelfcast.bootstrap import in_memory
from shelfcast.domain.tables import curated, monitoring, results
from shelfcast.lake.replace import replace
from shelfcast.pipeline.maintain_lake import DETAIL, DETAIL_NIGHTS, KEEP_NIGHTS, NIGHTLY, forget_nights, maintain_lake

NEWEST = date(2026, 11, 22)
AGES = (0, DETAIL_NIGHTS, DETAIL_NIGHTS + 1, KEEP_NIGHTS, KEEP_NIGHTS + 1)


def nights(table, column):
    """One row a night of those ages."""
    days = [NEWEST - timedelta(days=age) for age in AGES]
    texts = {name: ["x"] * len(days) for name in ("item_id", "location_id", "line_id", "subject", "driver")}
    rows = pl.DataFrame({column: days, "scenario": ["base"] * len(days), **texts})
    kept = [name for name in rows.columns if name in table.polars_schema]
    return table.conform(rows.select(kept))


@pytest.fixture
def platform():
    lake = in_memory()
    tables = {one.name: one for one in (*results.TABLES, *monitoring.TABLES)}
    for name, column in {**NIGHTLY, **DETAIL}.items():
        replace(lake.tables, tables[name], nights(tables[name], column), None)
    old = pl.DataFrame(
        {"item_id": ["x"], "location_id": ["x"], "date": [NEWEST - timedelta(days=2000)], "units": [1.0]}
    )
    replace(lake.tables, curated.SALES, curated.SALES.conform(old), None)
    return lake


def ages(platform, table, column):
    days = platform.tables.scan(table).select(column).collect()[column].to_list()
    return sorted((NEWEST - day).days for day in days)


def test_nights_beyond_those_kept_are_forgotten_and_explanations_sooner(platform):
    gone = forget_nights(platform)
    assert ages(platform, results.FORECASTS, "cutoff") == sorted(AGES)[:-1]
    assert ages(platform, results.ORDER_LINES, "cutoff") == sorted(AGES)[:-1]
    assert ages(platform, monitoring.MONITOR_MEASURES, "date") == sorted(AGES)[:-1]
    assert ages(platform, results.EXPLANATIONS, "cutoff") == [0, DETAIL_NIGHTS]
    assert gone["forecasts"] == 1 and gone["explanations"] == 3
    assert forget_nights(platform) == {}, "once is enough"


def test_what_came_in_stays_however_old(platform):
    maintain_lake(platform, keep=1, grace_hours=1.0, keep_nights=100)
    assert platform.tables.state(curated.SALES).rows == 1
    assert ages(platform, results.FORECASTS, "cutoff") == [0, DETAIL_NIGHTS, DETAIL_NIGHTS + 1]


def test_a_lake_left_alone_for_years_keeps_its_newest_nights(platform):
    """Counted from the newest night there is, not from today."""
    platform.clock.advance(timedelta(days=3000))
    forget_nights(platform)
    assert 0 in ages(platform, results.FORECASTS, "cutoff")
