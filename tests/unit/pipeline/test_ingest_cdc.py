"""Change files merged: full load, changes, deletes; out of order, again, loaded anew, and with other columns."""

from __future__ import annotations

import random
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shelfcast.bootstrap import in_memory
from shelfcast.domain.errors import BadFile
from shelfcast.domain.tables.curated import ITEMS, PRICES, QUARANTINE, SALES
from shelfcast.lake.as_of import as_of, current
from shelfcast.pipeline.ingest_cdc import ChangeReport, accept_columns, ingest_cdc
from shelfcast.ports.platform import Platform

NOW = datetime(2026, 3, 10, 6, tzinfo=UTC)


@pytest.fixture
def platform() -> Platform:
    made = in_memory()
    made.clock.moment = NOW  # type: ignore[attr-defined]
    return made


def write(folder: Path, name: str, *lines: str, header: str = "Op,cdc_timestamp,item_id,name,category") -> Path:
    path = folder / "shop" / "items" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join((header, *lines)) + "\n")
    return path


def take(platform: Platform, folder: Path, **more) -> ChangeReport:
    platform.clock.advance(timedelta(minutes=1))  # type: ignore[attr-defined]
    (report,) = ingest_cdc(platform, folder, **more)
    assert report.state in ("stopped", "failed") or (
        report.rows_in == report.upserted + report.deleted + report.overtaken + report.repeated + report.quarantined
    )
    return report


def items(platform: Platform) -> list[tuple]:
    return sorted(platform.tables.scan(ITEMS).select("item_id", "name").collect().rows())


FULL = (
    "I,2026-03-01 00:00:00.000000,A,Apple,fruit",
    "I,2026-03-01 00:00:00.000000,B,Bread,bakery",
    "I,2026-03-01 00:00:00.000000,C,Cake,bakery",
)
CHANGES = (
    "U,2026-03-02 08:00:00.000001,A,Apples,fruit", "D,2026-03-02 08:00:00.000002,B,,", "I,2026-03-02 09:00:00.000000,E,Egg,dairy",
    "U,2026-03-02 10:00:00.000000,A,Apples 1 kg,fruit", "D,2026-03-02 11:00:00.000000,E,,", "I,2026-03-02 12:00:00.000000,E,Eggs,dairy",
)  # fmt: skip
EXPECTED = [("A", "Apples 1 kg"), ("C", "Cake"), ("E", "Eggs")]


def test_a_full_load_and_its_changes_end_as_the_source_stands(platform, tmp_path):
    write(tmp_path, "LOAD00000001.csv", *FULL)
    assert take(platform, tmp_path).upserted == 3
    write(tmp_path, "20260302-080000000.csv", *CHANGES)
    report = take(platform, tmp_path)
    assert (report.table, report.rows_in, report.upserted, report.deleted, report.overtaken, report.taken_back) == (
        "items",
        6,
        2,
        1,
        3,
        1,
    )
    assert items(platform) == EXPECTED
    assert take(platform, tmp_path).state == "unchanged"


def test_files_again_under_other_names_and_out_of_order_change_nothing(platform, tmp_path):
    write(tmp_path, "LOAD00000001.csv", *FULL)
    write(tmp_path, "20260302-100000000.csv", *CHANGES[3:])
    take(platform, tmp_path)
    write(tmp_path, "20260302-110000000.csv", *CHANGES[:3])  # came late
    assert take(platform, tmp_path).repeated == 2
    assert items(platform) == EXPECTED
    write(tmp_path, "20260302-130000000.csv", *CHANGES)
    write(tmp_path, "20260302-140000000.csv", *CHANGES[:1])
    take(platform, tmp_path)
    assert items(platform) == EXPECTED


@pytest.mark.parametrize("seed", range(5))
def test_any_order_of_files_ends_the_same(tmp_path, seed):
    luck = random.Random(seed)
    lines = [
        f"{luck.choice('IUUD')},2026-03-02 08:00:{number:02}.000000,{luck.choice('ABCDE')},name {number},x" for number in range(40)
    ]  # fmt: skip
    expected: dict[str, str] = {}
    for line in lines:
        op, _, item, name, _ = line.split(",")
        if op == "D":
            expected.pop(item, None)
        else:
            expected[item] = name
    pieces = [lines[start : start + 5] for start in range(0, 40, 5)]
    platform = in_memory()
    for number, piece in enumerate(luck.sample(pieces, len(pieces)) + pieces[:2]):
        write(tmp_path, f"20260302-{number:09d}.csv", *piece)
        if luck.random() < 0.6:
            take(platform, tmp_path)
    ingest_cdc(platform, tmp_path)
    assert dict(items(platform)) == expected


def test_without_a_column_of_time_the_files_and_rows_are_in_their_order(platform, tmp_path):
    header = "Op,item_id,name,category"
    write(tmp_path, "LOAD00000001.csv", "A,Apple,fruit", "B,Bread,bakery", header="item_id,name,category")
    write(tmp_path, "20260302-080000000.csv", "U,A,one,x", "U,A,two,x", header=header)
    write(tmp_path, "20260302-090000000.csv", "U,A,three,x", "D,B,,", header=header)
    take(platform, tmp_path)
    assert items(platform) == [("A", "three")]


@pytest.mark.parametrize("times", [True, False])
def test_a_table_that_is_loaded_anew_replaces_what_the_stream_brought(platform, tmp_path, times):
    cut = (lambda line: line) if times else (lambda line: ",".join(line.split(",")[:1] + line.split(",")[2:]))
    header = "Op,cdc_timestamp,item_id,name,category" if times else "Op,item_id,name,category"
    write(tmp_path, "LOAD00000001.csv", *map(cut, FULL), header=header)
    write(tmp_path, "20260302-080000000.csv", *map(cut, CHANGES), header=header)
    take(platform, tmp_path)
    anew = ("I,2026-03-05 00:00:00.000000,A,Apple new,fruit", "I,2026-03-05 00:00:00.000000,F,Fig,fruit")
    write(tmp_path, "LOAD00000001.csv", *map(cut, anew), header=header)
    report = take(platform, tmp_path)
    assert (report.upserted, report.taken_back) == (2, 2)
    assert items(platform) == [("A", "Apple new"), ("F", "Fig")]
    write(tmp_path, "20260305-090000000.csv", cut("U,2026-03-05 09:00:00.000000,F,Figs,fruit"), header=header)
    take(platform, tmp_path)
    assert items(platform) == [("A", "Apple new"), ("F", "Figs")]


def test_a_deleted_fact_is_no_longer_known_but_was(platform, tmp_path):
    folder = tmp_path / "shop" / "sales"
    folder.mkdir(parents=True)
    (folder / "LOAD1.csv").write_text("Op,item_id,location_id,date,units\nI,A,S,2026-03-01,5\nI,B,S,2026-03-01,2\n")
    take(platform, tmp_path)
    (folder / "20260310-060000000.csv").write_text(
        "Op,item_id,location_id,date,units\nD,A,S,2026-03-01,5\nU,B,S,2026-03-01,3\n"
    )
    assert take(platform, tmp_path).taken_back == 1
    assert current(platform.tables, SALES).select("item_id", "units").collect().rows() == [("B", 3.0)]
    before = as_of(platform.tables, SALES, NOW).sort("item_id").collect()
    assert before["units"].to_list() == [5.0, 2.0]


def test_a_deleted_plan_stays_what_was_planned_and_that_is_told(platform, tmp_path):
    folder = tmp_path / "prices"
    folder.mkdir()
    (folder / "LOAD1.csv").write_text("Op,item_id,location_id,valid_from,price\nI,A,S,2026-03-01,5\n")
    take(platform, tmp_path)
    (folder / "20260310-060000000.csv").write_text("Op,item_id,location_id,valid_from,price\nD,A,S,2026-03-01,5\n")
    assert "keeps what was planned" in take(platform, tmp_path).notes[0]
    assert platform.tables.state(PRICES).rows == 1


def test_a_new_column_is_told_and_a_removed_or_retyped_one_stops_that_table_only(platform, tmp_path):
    write(tmp_path, "LOAD00000001.csv", "I,A,1.5", header="Op,item_id,weight")
    other = tmp_path / "shop" / "locations"
    other.mkdir()
    (other / "LOAD1.csv").write_text("Op,location_id,name\nI,S,Shop\n")
    ingest_cdc(platform, tmp_path)
    write(tmp_path, "20260302-080000000.csv", "U,A,1.7,red", header="Op,item_id,weight,colour")
    assert ingest_cdc(platform, tmp_path)[0].notes == ("new column colour",)
    write(tmp_path, "20260302-090000000.csv", "U,A,heavy,red", header="Op,item_id,weight,colour")
    (other / "20260302-090000000.csv").write_text("Op,location_id,name\nU,S,Shop two\n")
    stopped, fine = ingest_cdc(platform, tmp_path)
    assert (stopped.state, fine.state) == ("stopped", "done")
    assert "column weight was number and is text" in stopped.error
    (tmp_path / "shop" / "items" / "20260302-090000000.csv").unlink()
    write(tmp_path, "20260302-100000000.csv", "U,A,red", header="Op,item_id,colour")
    assert "column weight is gone" in ingest_cdc(platform, tmp_path)[0].error
    accept_columns(platform, "shop.items")
    assert ingest_cdc(platform, tmp_path)[0].state == "done"
    assert platform.tables.scan(ITEMS).select("weight").collect().item() == 1.7


BROKEN = {
    "unknown Op": "X,2026-03-02 08:00:00.000000,A,x,x", "empty Op": ",2026-03-02 08:00:00.000000,A,x,x", "no key": "U,2026-03-02 08:00:00.000000,,x,x",
    "too many fields": "U,2026-03-02 08:00:00.000000,A,x,x,x,x", "Op is a number": "7,2026-03-02 08:00:00.000000,A,x,x",
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_line_is_quarantined_with_its_reason(platform, tmp_path, name):
    write(tmp_path, "LOAD00000001.csv", *FULL)
    take(platform, tmp_path)
    write(tmp_path, "20260302-080000000.csv", *CHANGES[2:], BROKEN[name])
    report = take(platform, tmp_path)
    assert report.quarantined == 1 and platform.tables.state(QUARANTINE).rows == 1
    assert items(platform) == [("A", "Apples 1 kg"), ("B", "Bread"), ("C", "Cake"), ("E", "Eggs")]


def test_files_that_are_no_change_files_say_what_is_missing(platform, tmp_path):
    with pytest.raises(BadFile, match="holds no change files"):
        ingest_cdc(platform, tmp_path)
    write(tmp_path, "20260302-080000000.csv", "A,x,x", header="item_id,name,category")
    assert "AddColumnName=true" in take(platform, tmp_path).error
    (tmp_path / "shop" / "items" / "20260302-090000000.parquet").write_bytes(b"PAR1 not really")
    assert take(platform, tmp_path).state == "failed"


def test_parquet_files_are_read_too(platform, tmp_path):
    folder = tmp_path / "shop" / "items"
    folder.mkdir(parents=True)
    pl.DataFrame({"Op": ["I"], "item_id": ["A"], "name": ["Apple"]}).write_parquet(folder / "LOAD00000001.parquet")
    pl.DataFrame({"Op": ["U"], "item_id": ["A"], "name": ["Apples"]}).write_parquet(
        folder / "20260302-080000000.parquet"
    )
    take(platform, tmp_path)
    assert items(platform) == [("A", "Apples")]


SALES_HEADER = "Op,cdc_timestamp,item_id,location_id,date,units,revenue"
T = "2026-03-02 08:00:00.000000"
BROKEN_SALES = {
    "Op is a word": f"UPSERT,{T},A,S,2026-03-01,1,2", "Op in two": f"UU,{T},A,S,2026-03-01,1,2", "Op is null": f",{T},A,S,2026-03-01,1,2",
    "no item": f"U,{T},,S,2026-03-01,1,2", "item is blank": f"U,{T},   ,S,2026-03-01,1,2", "no location": f"U,{T},A,,2026-03-01,1,2",
    "no date": f"U,{T},A,S,,1,2", "date is a word": f"U,{T},A,S,yesterday,1,2", "date is none": f"U,{T},A,S,2026-02-30,1,2",
    "date of another form": f"U,{T},A,S,01/03/26,1,2", "date long ago": f"U,{T},A,S,1066-10-14,1,2", "date far ahead": f"U,{T},A,S,2999-01-01,1,2",
    "date in the future": f"U,{T},A,S,2026-06-01,1,2", "no units": f"U,{T},A,S,2026-03-01,,2", "units are a word": f"U,{T},A,S,2026-03-01,one,2",
    "units are endless": f"U,{T},A,S,2026-03-01,inf,2", "units with a unit": f"U,{T},A,S,2026-03-01,1 kg,2", "revenue is a word": f"U,{T},A,S,2026-03-01,1,two",
    "too many fields": f"U,{T},A,S,2026-03-01,1,2,3,4", "too few fields": f"U,{T},A",
    "a delete without its key": f"D,{T},,,,,",
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN_SALES)
def test_a_broken_change_of_a_fact_costs_itself_only_and_is_kept_with_its_reason(platform, tmp_path, name):
    folder = tmp_path / "till" / "sales"
    folder.mkdir(parents=True)
    good = [f"I,{T},I{n},S,2026-03-01,{n},2" for n in range(9)]
    (folder / "20260302-080000000.csv").write_text(
        "\n".join([SALES_HEADER, *good, BROKEN_SALES[name], f"I,{T},Z,S,2026-03-01,1,2"]) + "\n"
    )
    (report,) = ingest_cdc(platform, tmp_path)
    assert (report.error, report.rows_in, report.upserted) == ("", 11, 10)
    assert report.quarantined + report.deleted == 1
    assert current(platform.tables, SALES).collect().height == 10
    if report.quarantined:
        rows = platform.tables.scan(QUARANTINE).select("reason", "row").collect().rows()
        assert len(rows) == 1 and all(rows[0])


lines = st.lists(
    st.tuples(
        st.sampled_from(["I", "U", "D", "X", ""]), st.sampled_from(["2026-03-01 00:00:01", "2026-03-01 00:00:02", ""]),
        st.sampled_from(["A", "B", ""]), st.sampled_from(["S", ""]), st.sampled_from(["2026-03-01", "2026-03-02", "x", ""]),
        st.sampled_from(["1", "2.5", "x", ""]), st.just("2"),
    ),
    min_size=1, max_size=12,
)  # fmt: skip


@settings(max_examples=15, deadline=None)
@given(lines, lines)
def test_changes_in_are_changes_applied_left_out_or_quarantined(first, second):
    platform = in_memory()
    platform.clock.moment = NOW  # type: ignore[attr-defined]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "sales"
        folder.mkdir()
        for number, rows in enumerate((first, second)):
            (folder / f"20260302-{number:09d}.csv").write_text("\n".join([SALES_HEADER, *map(",".join, rows)]) + "\n")
        (report,) = ingest_cdc(platform, Path(name), max_bad_share=1.0)
    if not report.error:
        assert report.rows_in == len(first) + len(second)
        assert (
            report.rows_in == report.upserted + report.deleted + report.overtaken + report.repeated + report.quarantined
        )


def test_a_change_that_was_refused_may_come_again_mended(platform, tmp_path):
    folder = tmp_path / "sales"
    folder.mkdir()
    (folder / "20260302-080000000.csv").write_text(
        f"{SALES_HEADER}\nU,{T},A,S,2026-03-01,,2\nU,{T},B,S,2026-03-01,1,2\n"
    )
    assert take(platform, tmp_path).quarantined == 1
    (folder / "20260302-080000000.csv").write_text(
        f"{SALES_HEADER}\nU,{T},A,S,2026-03-01,4,2\nU,{T},B,S,2026-03-01,1,2\n"
    )
    assert take(platform, tmp_path).upserted == 1
    assert current(platform.tables, SALES).collect().height == 2
