"""Loads of a database go on where they broke off, and stop for a table whose columns changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shelfcast.bootstrap import in_memory
from shelfcast.domain.errors import BadInput, BadParameter, SourceDown
from shelfcast.domain.tables.curated import SALES
from shelfcast.pipeline.ingest_database import ingest_database
from shelfcast.ports.platform import Platform
from shelfcast.ports.source_reader import Query
from shelfcast.sources.database import before, in_parts, write_extract

URL = "postgresql://shop@host/till"
QUERY = Query(table="sales", watermark_column="line")


class Rows:
    """A database of one table; `breaks_after` batches the connection is lost."""

    def __init__(self, frame: pl.DataFrame, breaks_after: int = 10**9) -> None:
        self.frame, self.breaks_after, self.read_rows = frame, breaks_after, 0

    def read(self, url: str, query: Query, *, batch_rows: int = 10) -> Iterator[pl.DataFrame]:
        rows = self.frame
        if query.watermark_column and query.watermark is not None:
            column = pl.col(query.watermark_column)
            rows = rows.filter(column >= query.watermark if query.inclusive else column > query.watermark)
        for number, part in enumerate(rows.iter_slices(10)):
            if number >= self.breaks_after:
                raise SourceDown("connection lost")
            self.read_rows += part.height
            yield part


def table(rows: int, **more: pl.Series) -> pl.DataFrame:
    days = [date(2025, 1, 1) + timedelta(days=n // 5) for n in range(rows)]
    items = [f"I{n % 5}" for n in range(rows)]
    frame = pl.DataFrame(
        {
            "item": items,
            "store": ["S"] * rows,
            "day": days,
            "qty": [float(n) for n in range(rows)],
            "line": [n // 3 for n in range(rows)],
        }
    )
    return frame.with_columns(**more)


def load(platform: Platform, reader: Rows, **more):
    return ingest_database(replace(platform, reader=reader), URL, QUERY, part_rows=25, **more)


def test_a_load_that_breaks_off_goes_on_after_its_last_part():
    platform, rows = in_memory(), table(100)
    with pytest.raises(SourceDown):
        load(platform, Rows(rows, breaks_after=7))
    kept = platform.tables.state(SALES).rows
    assert 40 <= kept < 70
    again = Rows(rows)
    done = load(platform, again)
    assert again.read_rows <= 100 - kept + 3 and done.rows == 100 - kept
    assert (platform.tables.state(SALES).rows, done.watermark) == (100, 33)
    assert load(platform, Rows(rows)).report is None


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 6), min_size=1, max_size=60), st.integers(1, 30))
def test_parts_hold_every_row_and_never_cut_a_watermark(marks, part_rows):
    frame = pl.DataFrame({"mark": sorted(marks), "row": range(len(marks))})
    parts = [pl.concat(part) for part in in_parts(frame.iter_slices(7), "mark", part_rows)]
    assert pl.concat(parts).equals(frame)
    assert all(before["mark"].max() < after["mark"].min() for before, after in pairwise(parts))


def test_a_new_column_is_told_and_a_removed_or_retyped_one_stops_the_load():
    platform = in_memory()
    load(platform, Rows(table(20)))
    more = load(platform, Rows(table(40, colour=pl.Series(["red"] * 40))))
    assert more.report is not None and "New column colour" in more.report.notes[-1]
    before = platform.tables.state(SALES).rows
    for broken, said in (
        (table(60, qty=pl.Series(["x"] * 60)), "qty was number and is text"),
        (table(60).drop("qty"), "qty is gone"),
    ):
        with pytest.raises(BadInput, match=said):
            load(platform, Rows(broken.with_columns(colour=pl.lit("red"))))
    assert platform.tables.state(SALES).rows == before
    assert load(platform, Rows(table(60, colour=pl.Series(["red"] * 60)))).rows == 20


def test_rows_that_come_later_with_the_watermark_of_the_last_one_are_not_missed():
    platform = in_memory()
    rows = table(9)
    assert load(platform, Rows(rows.head(7))).rows == 7
    assert load(platform, Rows(rows.head(8))).rows == 1
    assert load(platform, Rows(rows)).rows == 1
    assert load(platform, Rows(rows)).report is None
    assert platform.tables.state(SALES).rows == 9


def test_rows_of_a_transaction_that_ended_late_come_with_an_overlap():
    platform, rows = in_memory(), table(30)
    late = rows.filter(pl.col("line") == 7)
    assert load(platform, Rows(rows.filter(pl.col("line") != 7))).watermark == 9
    # Without it what comes up behind the watermark is never seen.
    assert load(platform, Rows(rows)).rows == 0
    done = load(platform, Rows(rows), overlap=2)
    assert (done.watermark, platform.tables.state(SALES).rows) == (9, 30)
    assert late.height == 3 and done.report is not None and done.report.inserted == 3
    again = load(platform, Rows(rows), overlap=2)
    assert again.watermark == 9 and (again.report is None or again.report.inserted == 0)
    assert load(platform, Rows(rows)).report is None
    more = pl.concat([rows, table(33).tail(3)])
    assert load(platform, Rows(more)).rows == 3


def test_an_overlap_needs_something_that_can_be_counted_back():
    with pytest.raises(BadParameter, match="numbers or times"):
        before("ABC-7", 5)


def test_a_query_without_a_watermark_streams(monkeypatch):
    """A table larger than memory is written to its extract as it is read."""
    reader, platform, waiting = Rows(table(100)), in_memory(), []

    def watched(batches, path, watermark_column=""):
        def each():
            for batch in batches:
                waiting.append(reader.read_rows)
                yield batch

        return write_extract(each(), path, watermark_column)

    monkeypatch.setattr("shelfcast.pipeline.ingest_database.write_extract", watched)
    done = ingest_database(replace(platform, reader=reader), URL, Query(table="sales"))
    assert (done.rows, platform.tables.state(SALES).rows) == (100, 100)
    assert waiting == list(range(10, 101, 10))
