"""What only tables in files have to show: other readers, freed disk, writers in other processes, writers that die."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import sqlite3
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest
from pyiceberg.catalog import load_catalog
from pyiceberg.catalog.sql import SqlCatalog

from shelfcast.adapters.iceberg import IcebergTables
from shelfcast.adapters.iceberg_schema import partition_of, schema_of
from shelfcast.domain.errors import BadParameter, NotFound
from shelfcast.domain.slices import Slice
from shelfcast.domain.tables import TABLES, Table
from shelfcast.domain.tables.curated import ITEMS, SALES
from shelfcast.domain.tables.results import FORECASTS
from shelfcast.lake.fingerprint import of_rows, table_fingerprint
from shelfcast.lake.merge import merge

RECEIVED = datetime(2026, 1, 5, tzinfo=UTC)


def sales(days: int = 60, items: int = 20, units: float = 1.0) -> pl.DataFrame:
    dates = pl.date_range(date(2024, 1, 1), date(2024, 1, 1) + timedelta(days=days - 1), eager=True)
    keys = pl.DataFrame({"item_id": [f"i{number:03d}" for number in range(items)], "location_id": "s"})
    return keys.join(dates.to_frame("date"), how="cross").with_columns(units=pl.lit(units))


def disk_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def tables(tmp_path: Path) -> IcebergTables:
    return IcebergTables.local(tmp_path / "lake")


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_every_declared_table_has_an_iceberg_schema(table: Table) -> None:
    assert [field.name for field in schema_of(table).fields] == table.names
    assert len(partition_of(table).fields) == (table.partition is not None)


def test_reading_an_empty_lake_makes_no_file(tables: IcebergTables, tmp_path: Path) -> None:
    assert tables.scan(SALES).collect().is_empty() and tables.state(SALES).rows == 0
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(NotFound, match="never been written"):
        tables.iceberg_table(SALES)


def test_a_folder_iceberg_cannot_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadParameter, match="'#' or '\\?'"):
        IcebergTables.local(tmp_path / "a#b")


def test_plain_pyiceberg_reads_the_tables(tables: IcebergTables, tmp_path: Path) -> None:
    merge(tables, SALES, sales(), received_at=RECEIVED)
    merge(tables, SALES, sales(days=1, units=2.0), received_at=RECEIVED)
    catalog = load_catalog("shelfcast", type="sql", uri=f"sqlite:///{tmp_path}/lake/catalog.db")
    assert ("curated", "sales") in catalog.list_tables("curated")
    table = catalog.load_table("curated.sales")
    found = table.scan(row_filter="superseded_at is null and date >= '2024-02-01'").to_arrow()
    assert found.num_rows == 29 * 20
    assert table.scan().count() == 60 * 20 + 20
    assert table.schema().find_field("units").doc == SALES.column("units").meaning
    assert str(table.spec().fields[0].transform) == "month"


def test_duckdb_reads_the_tables(tables: IcebergTables) -> None:
    merge(tables, SALES, sales(), received_at=RECEIVED)
    merge(tables, SALES, sales(days=1, units=2.0), received_at=RECEIVED)
    rows = tables.scan(SALES)
    question = "SELECT count(*), sum(units), min(date) FROM {} WHERE superseded_at IS NULL"
    expected = (1200, 1220.0, date(2024, 1, 1))
    with duckdb.connect() as connection:
        connection.register("sales", rows.collect().to_arrow())
        assert connection.execute(question.format("sales")).fetchone() == expected
        files = [
            task.file.file_path.removeprefix("file://") for task in tables.iceberg_table(SALES).scan().plan_files()
        ]
        assert connection.execute(question.format("read_parquet(?)"), [files]).fetchone() == expected


def test_rows_are_sorted_by_key_in_month_files(tables: IcebergTables) -> None:
    merge(tables, SALES, sales().sample(fraction=1.0, shuffle=True, seed=1), received_at=RECEIVED)
    files = [task.file for task in tables.iceberg_table(SALES).scan().plan_files()]
    assert len(files) == 2
    for file in files:
        rows = pl.read_parquet(file.file_path.removeprefix("file://"))
        assert rows.equals(rows.sort(SALES.stored_key))
        assert rows["date"].dt.month().n_unique() == 1


def test_a_filter_opens_only_the_months_it_needs(tables: IcebergTables) -> None:
    merge(tables, SALES, sales(days=360), received_at=RECEIVED)
    plan = tables.scan(SALES).filter(pl.col("date") >= date(2024, 12, 20)).explain()
    assert plan.count(".parquet") == 1


def test_one_replacement_is_one_snapshot(tables: IcebergTables) -> None:
    merge(tables, SALES, sales(), received_at=RECEIVED)
    for where in (Slice.of(item_id="i000"), Slice.between("date", date(2024, 1, 1), date(2024, 2, 1)), Slice()):
        before = len(tables.state(SALES).snapshots)
        tables.replace(SALES, SALES.conform(sales(days=3)), where)
        assert len(tables.state(SALES).snapshots) == before + 1


def test_replacing_one_cutoff_rewrites_no_other(tables: IcebergTables) -> None:
    def forecast(cutoff: date, mean: float) -> pl.DataFrame:
        return FORECASTS.conform(
            pl.DataFrame(
                {"cutoff": [cutoff], "stage": "model", "item_id": "a", "location_id": "s", "date": cutoff, "mean": mean}
            )
        )

    def paths() -> set[str]:
        return {task.file.file_path for task in tables.iceberg_table(FORECASTS).scan().plan_files()}

    first, second = date(2024, 1, 3), date(2024, 1, 4)
    tables.replace(FORECASTS, forecast(first, 1.0), Slice.of(cutoff=first))
    kept = paths()
    tables.replace(FORECASTS, forecast(second, 1.0), Slice.of(cutoff=second))
    tables.replace(FORECASTS, forecast(second, 2.0), Slice.of(cutoff=second))
    assert kept < paths() and len(paths()) == 2
    assert sorted(tables.scan(FORECASTS).collect()["mean"]) == [1.0, 2.0]


def test_a_stream_is_written_in_bounded_pieces(tables: IcebergTables, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shelfcast.adapters.iceberg_files.BUFFER_ROWS", 100)
    alive: list[int] = []

    def stream() -> Iterator[pl.DataFrame]:
        for number in range(20):
            alive.append(len(list((Path(tables.warehouse.removeprefix("file://"))).rglob("*.parquet"))))
            yield SALES.conform(sales(days=31, items=1).with_columns(item_id=pl.lit(f"i{number}")))

    tables.replace(SALES, stream(), None)
    assert alive[-1] > 3, "files are written while the stream still runs"
    assert tables.state(SALES).rows == 20 * 31


def test_maintenance_frees_disk_and_joins_files(tables: IcebergTables, tmp_path: Path) -> None:
    for number in range(12):
        merge(tables, SALES, sales(items=200, units=float(number)), received_at=RECEIVED + timedelta(days=number))
    before, rows = disk_bytes(tmp_path), tables.scan(SALES).collect().sort(SALES.stored_key)
    tables.maintain(SALES, keep=1, grace=timedelta(hours=1))
    assert disk_bytes(tmp_path) >= before, "young files are left alone"
    done = tables.maintain(SALES, keep=1, grace=timedelta(0))
    assert disk_bytes(tmp_path) < before / 2
    assert done.bytes_after < done.bytes_before and done.files_after < done.files_before
    assert tables.state(SALES).files == 2
    assert tables.scan(SALES).collect().sort(SALES.stored_key).equals(rows)
    assert table_fingerprint(tables, SALES) == str(of_rows(SALES, tables.scan(SALES)))
    used = {task.file.file_path.removeprefix("file://") for task in tables.iceberg_table(SALES).scan().plan_files()}
    assert {str(path) for path in tmp_path.rglob("*.parquet")} == used


def test_compaction_gives_way_to_a_writer_who_came_first(
    tables: IcebergTables, monkeypatch: pytest.MonkeyPatch
) -> None:
    from shelfcast.adapters import iceberg_upkeep

    for number in range(3):
        merge(tables, SALES, sales(items=5).with_columns(item_id=pl.col("item_id") + str(number)), received_at=RECEIVED)
    written = iceberg_upkeep.write_files

    def write_late(*arguments: object) -> object:
        files = written(*arguments)  # type: ignore[arg-type]
        monkeypatch.setattr(iceberg_upkeep, "write_files", written)
        january = Slice.between("date", date(2024, 1, 1), date(2024, 2, 1))
        tables.replace(SALES, SALES.conform(sales(items=1)).filter(january.to_polars()), january)
        return files

    monkeypatch.setattr(iceberg_upkeep, "write_files", write_late)
    tables.maintain(SALES, keep=10, grace=timedelta(0))
    found = tables.scan(SALES).collect()
    assert found.height == 31 + 29 * 15
    assert found.select(SALES.stored_key).is_unique().all()


def add_rows(lake: Path, writer: int, loads: int) -> None:
    """A process of its own: new items, and corrections of the items all writers share."""
    tables = IcebergTables.local(lake)
    for number in range(loads):
        own = sales(days=40, items=3).with_columns(item_id=pl.lit(f"w{writer}-{number}-") + pl.col("item_id"))
        shared = sales(days=40, items=2, units=float(10 + writer))
        merge(tables, SALES, pl.concat([own, shared]), received_at=RECEIVED + timedelta(days=number, hours=writer))
        merge(tables, ITEMS, pl.DataFrame({"item_id": [f"w{writer}-{number}"]}), received_at=RECEIVED)


def test_two_writers_lose_nothing(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=add_rows, args=(tmp_path, writer, 3)) for writer in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(120)
        assert writer.exitcode == 0
    tables = IcebergTables.local(tmp_path)
    rows = tables.scan(SALES).collect()
    assert rows.filter(pl.col("item_id").str.starts_with("w")).height == 2 * 3 * 3 * 40
    assert rows.select(SALES.stored_key).is_unique().all()
    standing = rows.filter(pl.col("superseded_at").is_null())
    assert standing.select(SALES.key).is_unique().all() and standing.height == 2 * 3 * 3 * 40 + 2 * 40
    assert tables.scan(ITEMS).collect()["item_id"].n_unique() == 6 == tables.state(ITEMS).rows
    assert table_fingerprint(tables, SALES) == str(of_rows(SALES, tables.scan(SALES)))


def test_two_writers_may_make_the_zone_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = IcebergTables.local(tmp_path), IcebergTables.local(tmp_path)
    catalog, exists = second._connect(), SqlCatalog.namespace_exists

    def look_too_early(*arguments: object) -> bool:
        monkeypatch.setattr(SqlCatalog, "namespace_exists", exists)
        seen = exists(*arguments)  # type: ignore[arg-type]
        merge(first, ITEMS, pl.DataFrame({"item_id": ["A"]}), received_at=RECEIVED)
        return seen

    monkeypatch.setattr(SqlCatalog, "namespace_exists", look_too_early)
    merge(second, ITEMS, pl.DataFrame({"item_id": ["B"]}), received_at=RECEIVED)
    assert catalog.list_namespaces() and second.state(ITEMS).rows == 2


def die_after(lake: Path, commits: int) -> None:
    """Merges month by month and is killed after some commits, its next files already written."""
    from shelfcast.adapters import iceberg

    done, commit = 0, iceberg.commit

    def commit_or_die(*arguments: object) -> object:
        nonlocal done
        if done == commits:
            os.kill(os.getpid(), signal.SIGKILL)
        done += 1
        return commit(*arguments)  # type: ignore[arg-type]

    iceberg.commit = commit_or_die  # type: ignore[assignment]
    rows = sales(days=120, units=2.0)
    months = [rows.filter(pl.col("date").dt.month() == month) for month in (1, 2, 3, 4)]
    merge(IcebergTables.local(lake), SALES, months, received_at=RECEIVED + timedelta(days=1))


@pytest.mark.parametrize("commits", [0, 2])
def test_a_merge_killed_and_run_again_ends_as_an_undisturbed_one(tmp_path: Path, commits: int) -> None:
    lakes = [tmp_path / name for name in ("killed", "undisturbed")]
    for lake in lakes:
        merge(IcebergTables.local(lake), SALES, sales(days=120), received_at=RECEIVED)
    process = multiprocessing.get_context("spawn").Process(target=die_after, args=(lakes[0], commits))
    process.start()
    process.join(120)
    assert process.exitcode == -signal.SIGKILL
    frames = []
    for lake in lakes:
        tables = IcebergTables.local(lake)
        merge(tables, SALES, sales(days=120, units=2.0), received_at=RECEIVED + timedelta(days=1))
        frames.append(tables.scan(SALES).collect().sort(SALES.stored_key))
        tables.maintain(SALES, keep=1, grace=timedelta(0))
        assert len(list(lake.rglob("*.parquet"))) == tables.state(SALES).files, "files of the dead writer are gone"
    assert frames[0].equals(frames[1])


def test_metadata_do_not_pile_up(tables: IcebergTables, tmp_path: Path) -> None:
    for number in range(15):
        merge(tables, ITEMS, pl.DataFrame({"item_id": [f"{number}"]}), received_at=RECEIVED)
    versions = list(tmp_path.rglob("*.metadata.json"))
    assert len(versions) <= 12
    assert all(json.loads(path.read_text())["table-uuid"] for path in versions)
    with sqlite3.connect(tmp_path / "lake" / "catalog.db") as connection:
        assert connection.execute("SELECT count(*) FROM iceberg_tables").fetchone() == (1,)
    connection.close()
