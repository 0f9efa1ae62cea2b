"""Behaviour every table store has."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from dataclasses import replace as changed
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from shelfcast.adapters.aws import session
from shelfcast.adapters.iceberg import IcebergTables
from shelfcast.adapters.memory import MemoryTables
from shelfcast.domain.errors import BadParameter, Conflict, NotFound
from shelfcast.domain.slices import Condition, Slice
from shelfcast.domain.tables import Kind, Table, Zone
from shelfcast.domain.tables.schema import day, flag, instant, integer, real, text
from shelfcast.ports.table_store import TableStore

READINGS = Table(
    "readings", Zone.RESULTS, Kind.RESULT, "A little of every type", ("name", "date"),
    (
        text("name", "Name"), day("date", "Day"), real("value", "Value"), integer("count", "Count"),
        flag("good", "Good"), instant("seen_at", "When"),
    ),
    partition="date",
)  # fmt: skip
LABELS = changed(READINGS, name="labels", partition="name")
PLAIN = changed(READINGS, name="plain", partition=None)


@pytest.fixture(params=["memory", "iceberg", "glue"])
def tables(request: pytest.FixtureRequest, tmp_path: Path) -> TableStore:
    match request.param:
        case "memory":
            return MemoryTables()
        case "iceberg":
            return IcebergTables.local(tmp_path / "my lake")
        case _:
            return glue_tables(request)


def glue_tables(request: pytest.FixtureRequest) -> IcebergTables:
    """Tables in S3 with the Glue catalog, as `bootstrap.aws` makes them."""
    name = request.getfixturevalue("bucket")()
    return IcebergTables(
        "shelfcast", session.catalog_properties(), f"s3://{name}/tables",
        namespace_prefix=request.getfixturevalue("database_prefix"), storage_options=session.storage_options(),
    )  # fmt: skip


def rows(names: str, first: date = date(2024, 1, 30), days: int = 3, value: float = 1.0) -> pl.DataFrame:
    """A row a name and day; names are the letters."""
    return READINGS.conform(
        pl.DataFrame(
            [
                (name, first + timedelta(days=offset), value, offset, True, datetime(2024, 5, 1, tzinfo=UTC))
                for name in names
                for offset in range(days)
            ],
            schema=READINGS.names,
            orient="row",
        )
    )


def content(tables: TableStore, table: Table = READINGS, snapshot_id: int | None = None) -> pl.DataFrame:
    return tables.scan(table, snapshot_id).collect().sort(table.key)


def test_a_table_never_written_is_empty_with_the_declared_columns(tables: TableStore) -> None:
    assert tables.scan(READINGS).collect().schema == READINGS.polars_schema
    assert tables.state(READINGS).rows == 0 and tables.state(READINGS).current is None


@pytest.mark.parametrize("table", [READINGS, LABELS, PLAIN], ids=lambda table: table.name)
def test_rows_come_back_as_they_went_in(tables: TableStore, table: Table) -> None:
    frame = rows("ba")
    tables.replace(table, frame, None)
    found = content(tables, table)
    assert found.schema == table.polars_schema
    assert found.equals(frame.sort("name", "date"))


def test_nulls_come_back_even_in_the_partition_column(tables: TableStore) -> None:
    frame = READINGS.conform(pl.DataFrame({"name": ["a", "b"], "date": [None, date(2024, 1, 1)]}))
    tables.replace(READINGS, frame, None)
    assert content(tables).equals(frame)


def test_replacing_a_slice_leaves_the_other_rows(tables: TableStore) -> None:
    tables.replace(READINGS, rows("abc"), None)
    tables.replace(READINGS, rows("b", days=1, value=9.0), Slice.of(name="b"))
    found = content(tables)
    assert found.filter(pl.col("name") != "b").equals(rows("ac"))
    assert found.filter(pl.col("name") == "b").equals(rows("b", days=1, value=9.0))


@pytest.mark.parametrize(
    ("where", "left"),
    [
        (Slice.between("date", date(2024, 1, 1), date(2024, 2, 1)), 1),
        (Slice.of(date=date(2024, 1, 31)), 2),
        (Slice.of(value=1.0), 0),
        (Slice.of(count=1, good=True), 2),
        (Slice.of(good=False), 3),
        (Slice.among("name", ["a", "z"]), 0),
        (Slice.among("date", [date(2024, 1, 30), date(2024, 2, 1)]), 1),
        (Slice.of(seen_at=datetime(2024, 5, 1, tzinfo=UTC)), 0),
        (Slice((Condition("seen_at", ">=", datetime(2024, 5, 2, tzinfo=UTC)),)), 3),
        (Slice(), 0),
    ],
)
def test_a_slice_deletes_exactly_its_rows(tables: TableStore, where: Slice, left: int) -> None:
    tables.replace(READINGS, rows("a"), None)
    snapshot = tables.replace(READINGS, READINGS.empty(), where)
    assert content(tables).height == left == tables.state(READINGS).rows == snapshot.rows


def test_a_slice_never_takes_rows_whose_column_is_null(tables: TableStore) -> None:
    frame = rows("a").with_columns(value=pl.lit(None, pl.Float64))
    tables.replace(READINGS, frame, None)
    tables.replace(READINGS, READINGS.empty(), Slice.of(value=1.0))
    tables.replace(READINGS, READINGS.empty(), Slice((Condition("value", "<", 5.0),)))
    assert content(tables).height == 3


def test_a_stream_of_frames_is_one_commit(tables: TableStore) -> None:
    def stream() -> Iterator[pl.DataFrame]:
        for name in "abcdef":
            yield rows(name)
        yield READINGS.empty()

    tables.replace(READINGS, stream(), Slice())
    assert content(tables).equals(rows("abcdef"))
    assert len(tables.state(READINGS).snapshots) == 1


def test_a_stream_that_fails_changes_nothing(tables: TableStore) -> None:
    def stream() -> Iterator[pl.DataFrame]:
        yield rows("b")
        raise ValueError("no more")

    tables.replace(READINGS, rows("a"), None)
    with pytest.raises(ValueError, match="no more"):
        tables.replace(READINGS, stream(), Slice())
    assert content(tables).equals(rows("a"))


def test_notes_and_counts_stand_in_the_snapshot(tables: TableStore) -> None:
    first = tables.replace(READINGS, rows("a"), None, notes={"run_id": "r1"})
    second = tables.replace(READINGS, rows("b"), None)
    state = tables.state(READINGS)
    assert [one.snapshot_id for one in state.snapshots] == [first.snapshot_id, second.snapshot_id]
    assert state.current == second
    assert [one.notes for one in state.snapshots] == [{"run_id": "r1"}, {}]
    assert [one.rows for one in state.snapshots] == [3, 6] and state.rows == 6
    assert state.bytes > 0 and state.files > 0
    assert second.committed_at >= first.committed_at > datetime(2020, 1, 1, tzinfo=UTC)


def test_notes_may_depend_on_the_rows_and_on_the_snapshot_before(tables: TableStore) -> None:
    seen = {"rows": 0}

    def stream() -> Iterator[pl.DataFrame]:
        for name in "ab":
            seen["rows"] += 3
            yield rows(name)

    first = tables.replace(READINGS, stream(), None, notes=lambda parent: {"said": f"{seen['rows']} after {parent}"})
    assert first.notes == {"said": "6 after None"}
    second = tables.replace(READINGS, rows("c"), None, notes=lambda parent: {"said": f"after {parent.snapshot_id}"})
    assert second.notes == {"said": f"after {first.snapshot_id}"}


def test_an_older_snapshot_can_be_read(tables: TableStore) -> None:
    first = tables.replace(READINGS, rows("a"), None)
    tables.replace(READINGS, rows("b"), Slice())
    assert content(tables, snapshot_id=first.snapshot_id).equals(rows("a"))
    assert content(tables).equals(rows("b"))


def test_an_unknown_snapshot_is_not_found(tables: TableStore) -> None:
    with pytest.raises(NotFound, match="no snapshot 7"):
        tables.scan(READINGS, 7)
    tables.replace(READINGS, rows("a"), None)
    with pytest.raises(NotFound, match="no snapshot 7"):
        tables.scan(READINGS, 7)


def test_a_scan_keeps_its_snapshot_however_late_it_is_collected(tables: TableStore) -> None:
    tables.replace(READINGS, rows("a"), None)
    early = tables.scan(READINGS)
    tables.replace(READINGS, rows("b"), Slice())
    assert early.collect().equals(rows("a"))


def test_expecting_another_snapshot_is_a_conflict_and_writes_nothing(tables: TableStore) -> None:
    first = tables.replace(READINGS, rows("a"), None, expected=0)
    second = tables.replace(READINGS, rows("b"), None, expected=first.snapshot_id)
    for stale in (0, first.snapshot_id):
        with pytest.raises(Conflict, match="somebody else"):
            tables.replace(READINGS, rows("c"), Slice(), expected=stale)
    assert tables.state(READINGS).current == second
    assert content(tables).equals(rows("ab"))


def test_an_empty_replacement_still_notes_the_run(tables: TableStore) -> None:
    tables.replace(READINGS, READINGS.empty(), Slice.of(name="a"), notes={"run_id": "r"})
    current = tables.state(READINGS).current
    assert current is not None and current.notes == {"run_id": "r"} and current.rows == 0


def test_a_table_can_gain_a_column(tables: TableStore) -> None:
    old = tables.replace(READINGS, rows("a"), None)
    grown = changed(READINGS, columns=(*READINGS.columns[:2], text("note", "Note"), *READINGS.columns[2:]))
    assert content(tables, grown)["note"].to_list() == [None] * 3
    tables.replace(grown, rows("b").with_columns(note=pl.lit("new")), None)
    assert content(tables, grown)["note"].to_list() == [None] * 3 + ["new"] * 3
    assert content(tables, grown).columns == grown.names
    assert content(tables, grown, old.snapshot_id)["note"].to_list() == [None] * 3
    assert content(tables, READINGS).equals(rows("ab"))
    tables.replace(grown, grown.empty(), Slice.of(name="a", count=0))
    assert content(tables, grown)["note"].to_list() == [None] * 2 + ["new"] * 3


def test_filters_and_columns_can_be_pushed(tables: TableStore) -> None:
    tables.replace(READINGS, rows("abc", days=60), None)
    found = tables.scan(READINGS).filter(pl.col("date") == date(2024, 2, 1), pl.col("name") > "a").select("name")
    assert sorted(found.collect()["name"]) == ["b", "c"]
    assert tables.scan(READINGS).select(pl.len()).collect().item() == 180


def test_maintenance_keeps_content_and_the_last_snapshots(tables: TableStore) -> None:
    for name in "abcdef":
        tables.replace(READINGS, rows(name), None, notes={"fingerprint": name})
    before = content(tables)
    done = tables.maintain(READINGS, keep=2, grace=timedelta(0))
    state = tables.state(READINGS)
    assert content(tables).equals(before)
    assert len(state.snapshots) == 2 and done.snapshots_expired >= 4
    assert state.current is not None and state.current.notes["fingerprint"] == "f"
    for snapshot in state.snapshots:
        assert content(tables, snapshot_id=snapshot.snapshot_id).height == snapshot.rows
    assert tables.maintain(READINGS, keep=2, grace=timedelta(0)).snapshots_expired == 0


def test_maintenance_of_nothing_does_nothing(tables: TableStore) -> None:
    assert tables.maintain(READINGS, keep=1, grace=timedelta(0)).files_after == 0
    with pytest.raises(BadParameter, match="keep 0"):
        tables.maintain(READINGS, keep=0, grace=timedelta(0))


def test_a_store_of_files_can_be_sent_to_another_process(tmp_path: Path) -> None:
    tables = IcebergTables.local(tmp_path)
    tables.replace(READINGS, rows("a"), None)
    copy = pickle.loads(pickle.dumps(tables))
    assert content(copy).equals(rows("a"))
