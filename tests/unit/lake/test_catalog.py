"""What people see of the tables, time travel, and reads as of a moment."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from shelfcast.adapters.memory import MemoryTables
from shelfcast.domain.errors import BadParameter, NotFound
from shelfcast.domain.tables import TABLES
from shelfcast.domain.tables.curated import ITEMS, PRICES, SALES, WEATHER
from shelfcast.domain.tables.results import FORECASTS
from shelfcast.lake.as_of import as_of, current
from shelfcast.lake.catalog import describe, describe_all, read_at, snapshot_at
from shelfcast.lake.merge import merge

RECEIVED = datetime(2024, 3, 1, tzinfo=UTC)


@pytest.fixture
def tables() -> MemoryTables:
    tables = MemoryTables()
    sales = pl.DataFrame(
        {"item_id": ["a", "b"], "location_id": "s", "date": [date(2024, 1, 1), date(2024, 1, 2)], "units": [1.0, 2.0]}
    )
    merge(tables, SALES, sales, received_at=RECEIVED)
    merge(tables, SALES, sales.with_columns(units=pl.col("units") + 1), received_at=RECEIVED + timedelta(days=1))
    return tables


def test_a_description_says_how_much_and_how_fresh(tables: MemoryTables) -> None:
    found = describe(tables, SALES)
    assert (found.name, found.rows, found.latest_period) == ("sales", 4, date(2024, 1, 2))
    assert found.latest_known_at == RECEIVED + timedelta(days=1)
    assert len(found.snapshots) == 2 and found.latest_commit == found.snapshots[-1].committed_at
    assert found.key == SALES.key and [column.name for column in found.columns] == SALES.names


def test_every_declared_table_is_described_written_or_not(tables: MemoryTables) -> None:
    found = {one.name: one for one in describe_all(tables)}
    assert list(found) == list(TABLES)
    assert found["items"].rows == 0 and found["items"].latest_commit is None and found["items"].latest_period is None


def test_a_table_can_be_read_as_it_was(tables: MemoryTables) -> None:
    first, second = tables.state(SALES).snapshots
    assert read_at(tables, SALES).collect().height == 4
    assert read_at(tables, SALES, snapshot_id=first.snapshot_id).collect().height == 2
    assert read_at(tables, SALES, moment=first.committed_at).collect().height == 2
    assert snapshot_at(tables, SALES, second.committed_at + timedelta(days=1)) == second
    with pytest.raises(NotFound, match="oldest kept"):
        read_at(tables, SALES, moment=first.committed_at - timedelta(seconds=1))
    with pytest.raises(NotFound, match="never written"):
        snapshot_at(tables, ITEMS, RECEIVED)
    with pytest.raises(BadParameter, match="one of them"):
        read_at(tables, SALES, snapshot_id=1, moment=RECEIVED)
    with pytest.raises(BadParameter, match="no time zone"):
        snapshot_at(tables, SALES, datetime(2024, 1, 1))


def test_current_and_as_of_choose_by_known_at(tables: MemoryTables) -> None:
    assert sorted(current(tables, SALES).collect()["units"]) == [2.0, 3.0]
    assert sorted(as_of(tables, SALES, RECEIVED).collect()["units"]) == [1.0, 2.0]
    assert as_of(tables, SALES, datetime(2024, 1, 2, tzinfo=UTC)).collect()["units"].to_list() == [1.0]
    assert as_of(tables, SALES, datetime(2024, 1, 1, 23, tzinfo=UTC)).collect().is_empty()


def test_reads_can_be_narrowed_by_key_before_the_latest_is_picked() -> None:
    tables = MemoryTables()
    days = [date(2024, 1, 1), date(2024, 1, 2)]
    weather = pl.DataFrame({"location_id": ["s", "t"], "date": days, "temperature_c": [1.0, 2.0]})
    merge(tables, WEATHER, weather, received_at=RECEIVED)
    only = current(tables, WEATHER, pl.col("location_id") == "t").collect()
    assert only["temperature_c"].to_list() == [2.0]
    assert as_of(tables, WEATHER, RECEIVED, pl.col("location_id").is_in(["s"])).collect().height == 1
    with pytest.raises(BadParameter, match="can't be narrowed by temperature_c"):
        current(tables, WEATHER, pl.col("temperature_c") > 1)


def test_results_and_moments_without_zone_are_refused(tables: MemoryTables) -> None:
    with pytest.raises(BadParameter, match="own cutoff"):
        as_of(tables, FORECASTS, RECEIVED)
    with pytest.raises(BadParameter, match="no time zone"):
        as_of(tables, PRICES, datetime(2024, 1, 1))
    assert as_of(tables, ITEMS, RECEIVED).collect().is_empty()
    assert current(tables, FORECASTS).collect().is_empty()
