"""The database edge under broken rows and broken tables: rows read = rows kept + rows quarantined, or nothing and a reason."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shelfcast.bootstrap import in_memory
from shelfcast.domain.errors import BadInput, ShelfcastError
from shelfcast.domain.tables.curated import QUARANTINE, SALES
from shelfcast.lake.as_of import current
from shelfcast.pipeline.ingest_database import DatabaseLoad, ingest_database
from shelfcast.ports.platform import Platform
from shelfcast.ports.source_reader import Query

URL = "postgresql://shop@host/till"
COLUMNS = ("item", "store", "day", "qty", "revenue", "line")


class Rows:
    """A database of one table."""

    def __init__(self, frame: pl.DataFrame) -> None:
        self.frame = frame

    def read(self, url: str, query: Query, *, batch_rows: int = 10) -> Iterator[pl.DataFrame]:
        del url
        rows = self.frame
        if query.watermark is not None:
            rows = rows.filter((pl.col("line") >= query.watermark) | pl.col("line").is_null())
        yield from rows.iter_slices(min(batch_rows, 4)) if rows.height else [rows]


def load(platform: Platform, frame: pl.DataFrame, table: str = "sales", **more: Any) -> DatabaseLoad:
    query = Query(table=table, watermark_column="line" if "line" in frame.columns else "")
    return ingest_database(replace(platform, reader=Rows(frame)), URL, query, part_rows=8, **more)


GOOD: list[tuple[Any, ...]] = [(f"I{n}", "S", "2026-03-01", "2.5", "5", n) for n in range(10)]
BROKEN: dict[str, tuple[Any, ...]] = {
    "no item": (None, "S", "2026-03-01", "1", "2", 10),
    "blank item": ("   ", "S", "2026-03-01", "1", "2", 10),
    "no store": ("A", None, "2026-03-01", "1", "2", 10),
    "empty store": ("A", "", "2026-03-01", "1", "2", 10),
    "no day": ("A", "S", None, "1", "2", 10),
    "empty day": ("A", "S", "", "1", "2", 10),
    "day is a word": ("A", "S", "yesterday", "1", "2", 10),
    "day is none": ("A", "S", "2026-02-30", "1", "2", 10),
    "day of MySQL's nothing": ("A", "S", "0000-00-00", "1", "2", 10),
    "day of another form": ("A", "S", "01/03/26", "1", "2", 10),
    "day long ago": ("A", "S", "1066-10-14", "1", "2", 10),
    "day far ahead": ("A", "S", "2999-01-01", "1", "2", 10),
    "day in infinity": ("A", "S", "infinity", "1", "2", 10),
    "no quantity": ("A", "S", "2026-03-01", None, "2", 10),
    "quantity empty": ("A", "S", "2026-03-01", "", "2", 10),
    "quantity a word": ("A", "S", "2026-03-01", "one", "2", 10),
    "quantity NaN": ("A", "S", "2026-03-01", "NaN", "2", 10),
    "quantity endless": ("A", "S", "2026-03-01", "Infinity", "2", 10),
    "quantity overflows": ("A", "S", "2026-03-01", "1e999", "2", 10),
    "quantity with a unit": ("A", "S", "2026-03-01", "1 kg", "2", 10),
    "quantity two numbers": ("A", "S", "2026-03-01", "1;2", "2", 10),
    "revenue a word": ("A", "S", "2026-03-01", "1", "two", 10),
    "revenue endless": ("A", "S", "2026-03-01", "1", "-inf", 10),
    "only nulls": (None, None, None, None, None, 10),
}
"""Each stands for a row a database lets in and a planner can't use."""


def table(rows: list[tuple[Any, ...]]) -> pl.DataFrame:
    text = dict.fromkeys(COLUMNS[:-1], pl.String)
    return pl.DataFrame(rows, schema={**text, "line": pl.Int64}, orient="row")


@pytest.fixture
def platform() -> Platform:
    made = in_memory()
    made.clock.moment = datetime.fromisoformat("2026-03-10T06:00:00+00:00")  # type: ignore[attr-defined]
    return made


def standing(platform: Platform) -> int:
    return current(platform.tables, SALES).collect().height


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_row_costs_itself_only_and_is_kept_with_its_reason(platform, name):
    done = load(platform, table([*GOOD, BROKEN[name]]))
    assert done.rows == 11 and standing(platform) == 10
    quarantined = platform.tables.scan(QUARANTINE).collect()
    assert quarantined["source_line"].n_unique() == 1
    assert quarantined["reason"].null_count() == 0 and all(quarantined["row"].to_list())


WHOLE: dict[str, tuple[pl.DataFrame, str]] = {
    "no rows": (table([]), ""),
    "no day": (table(GOOD).drop("day"), "needs date"),
    "no quantity column": (table(GOOD).drop("qty", "revenue"), "no column but the watermark"),
    "other columns": (pl.DataFrame({"colour": ["red"], "size": ["XL"], "line": [1]}), "needs"),
    "one column": (pl.DataFrame({"line": [1, 2]}), "needs"),
    "every row broken": (
        table([(*BROKEN["quantity overflows"][:5], n) for n in range(9)]),
        "no column but the watermark",
    ),
    "lists": (table(GOOD).with_columns(qty=pl.concat_list(pl.lit(1.0), pl.lit(2.0))), "no column but the watermark"),
    "objects": (table(GOOD).with_columns(day=pl.struct(a=pl.lit(1))), "needs date"),
    "bytes": (table(GOOD).with_columns(qty=pl.lit(b"\x01\x02"), revenue=pl.lit(b"")), "no column but the watermark"),
}


@pytest.mark.parametrize("name", WHOLE)
def test_a_table_that_can_not_be_used_changes_nothing_and_says_why(platform, name):
    frame, said = WHOLE[name]
    try:
        done = load(platform, frame)
    except BadInput as error:
        assert said in str(error)
    else:
        assert not said and (done.rows == 0 or done.report is not None)
    assert standing(platform) == 0


value = st.one_of(
    st.none(), st.text(max_size=3), st.integers(-5, 10**12).map(str),
    st.sampled_from(["2026-03-01", "2026-03-02", "S", "A", "1.5", "NaN", "-2", "1,5", "0000-00-00", " ", "\x00", "'; --", '"', "é"]),
)  # fmt: skip


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(*[value] * 5, st.none() | st.integers(0, 9)), max_size=12))
def test_rows_read_are_rows_kept_or_quarantined(rows):
    platform = in_memory()
    platform.clock.moment = datetime.fromisoformat("2026-03-10T06:00:00+00:00")  # type: ignore[attr-defined]
    # Databases give rows in the watermark's order.
    frame = table([*GOOD, *rows]).sort("line", nulls_last=True)
    try:
        done = load(platform, frame, max_bad_share=1.0)
    except ShelfcastError:
        return
    assert done.rows == frame.height
    loads = [one.body for one in platform.records.query("loads")] or []
    assert all(one["rows_in"] == one["kept"] + one["quarantined"] for one in loads if "rows_in" in one)
    assert standing(platform) >= 1


def test_types_of_a_database_are_kept_through_the_extract(platform):
    frame = pl.DataFrame(
        {
            "item": [7, 8],
            "store": ["S", "S"],
            "day": [date(2026, 3, 1), date(2026, 3, 2)],
            "qty": pl.Series(["1.25", "2.5"]).cast(pl.Decimal(10, 2)),
            "line": [1, 2],
        }
    )
    assert load(platform, frame).rows == 2
    rows = current(platform.tables, SALES).sort("date").collect()
    assert rows.select("item_id", "date", "units").rows() == [
        ("7", date(2026, 3, 1), 1.25),
        ("8", date(2026, 3, 2), 2.5),
    ]


def test_rows_without_a_watermark_are_told_and_read_again_without_a_change(platform):
    rows = table([*GOOD, ("N", "S", "2026-03-01", "1", "2", None)])
    first = load(platform, rows)
    assert (
        first.report is not None and "1 rows have no line; they are read again at every load." in first.report.notes[-1]
    )
    more = table([*GOOD, ("N", "S", "2026-03-01", "1", "2", None), ("M", "S", "2026-03-01", "3", "2", None)])
    again = load(platform, more)
    assert (again.rows, standing(platform), again.watermark) == (2, 12, 9)
