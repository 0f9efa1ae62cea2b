"""Whole series in partitions of bounded size, and which series are planned for at all."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest

from shelfcast.bootstrap import in_memory
from shelfcast.domain.tables import curated
from shelfcast.lake.as_of import end_of
from shelfcast.lake.merge import merge
from shelfcast.pipeline.load_dimensions import MADE_FROM_FACTS
from shelfcast.pipeline.read_panel import open_lake_at, plan_partitions
from shelfcast.ports.platform import Platform

CUTOFF = date(2026, 3, 6)
DAYS = [CUTOFF - timedelta(days=d) for d in range(20)]


def load(platform: Platform, table, rows: list[dict]) -> None:
    merge(platform.tables, table, table.conform(pl.DataFrame(rows)), received_at=end_of(CUTOFF))


def sales(item: str, place: str, days: int) -> list[dict]:
    return [
        {"item_id": item, "location_id": place, "date": day, "units": 2.0, "known_at": end_of(day)}
        for day in DAYS[:days]
    ]


@pytest.fixture
def platform() -> Platform:
    found = in_memory()
    rows = [row for place in ("S1", "S2") for item in "abcde" for row in sales(item, place, 20)]
    load(found, curated.SALES, rows)
    load(found, curated.ITEMS, [{"item_id": item, "load_id": "file"} for item in "abcde"])
    load(found, curated.LOCATIONS, [{"location_id": place, "load_id": "file"} for place in ("S1", "S2")])
    return found


def test_partitions_hold_every_series_once_whatever_their_size(platform: Platform) -> None:
    lake = open_lake_at(platform.tables, CUTOFF, 7, "D")
    for series in (1, 2, 3, 5, 7, 100):
        parts = plan_partitions(lake, series * lake.grid.length)
        found = pl.concat([lake.series.filter(part.where()) for part in parts])
        assert found.sort("location_id", "item_id").equals(lake.series.sort("location_id", "item_id"))
        assert max(lake.series.filter(part.where()).height for part in parts) <= max(series, 1)


def test_ids_nobody_described_are_planned_for_once_they_really_sell(platform: Platform) -> None:
    load(platform, curated.SALES, [*sales("typo", "S1", 2), *sales("new", "S1", 9)])
    load(platform, curated.ITEMS, [{"item_id": one, "load_id": MADE_FROM_FACTS} for one in ("typo", "new")])
    lake = open_lake_at(platform.tables, CUTOFF, 7, "D")
    assert "new" in lake.series["item_id"]
    assert "typo" not in lake.series["item_id"]
    assert lake.stray == 1


def test_a_lake_of_facts_alone_leaves_nothing_out() -> None:
    found = in_memory()
    load(found, curated.SALES, [*sales("a", "S1", 2), *sales("b", "S1", 9)])
    load(found, curated.ITEMS, [{"item_id": one, "load_id": MADE_FROM_FACTS} for one in "ab"])
    lake = open_lake_at(found.tables, CUTOFF, 7, "D")
    assert (lake.series.height, lake.stray) == (2, 0)
