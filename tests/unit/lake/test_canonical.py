"""Equal contents have equal exports and equal fingerprints; different ones don't."""

from __future__ import annotations

import io
from dataclasses import replace as changed
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shelfcast.adapters.memory import MemoryTables
from shelfcast.domain.slices import Slice
from shelfcast.domain.tables import Kind, Table, Zone
from shelfcast.domain.tables.schema import day, flag, instant, integer, real, text
from shelfcast.lake.canonical import content_hash, write_canonical
from shelfcast.lake.fingerprint import Fingerprint, of_frame, of_rows, row_hashes, table_fingerprint
from shelfcast.lake.replace import replace

T = Table(
    "things", Zone.RESULTS, Kind.RESULT, "Every type", ("name", "date"),
    (
        text("name", "Name"), day("date", "Day"), real("value", "Value"), integer("count", "Count"), flag("good", "Good"),
        instant("at", "When"), text("host", "Where", volatile=True),
    ),
)  # fmt: skip

ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.sampled_from(["", "a", "ä", "long " * 9]),
            "date": st.dates(date(2024, 1, 1), date(2024, 1, 4)),
            "value": st.one_of(st.none(), st.sampled_from([0.0, -0.0, 1.5, float("nan"), float("inf")])),
            "count": st.one_of(st.none(), st.integers(-3, 3)),
            "good": st.one_of(st.none(), st.booleans()),
            "at": st.one_of(st.none(), st.just(datetime(2024, 1, 1, tzinfo=UTC))),
            "host": st.text(max_size=2),
        }
    ),
    max_size=8,
)


def frame(rows: list[dict[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=T.polars_schema)


@settings(max_examples=50, deadline=None)
@given(ROWS, st.randoms(use_true_random=False))
def test_order_and_volatile_columns_do_not_matter(rows: list[dict[str, Any]], random: Any) -> None:
    other = [row | {"host": "elsewhere"} for row in rows]
    random.shuffle(other)
    assert content_hash(T, frame(rows)) == content_hash(T, frame(other))
    assert of_frame(T, frame(rows)) == of_frame(T, frame(other))


@settings(max_examples=50, deadline=None)
@given(ROWS, ROWS)
def test_fingerprints_and_exports_agree_on_what_is_equal(one: list[dict[str, Any]], two: list[dict[str, Any]]) -> None:
    same_export = content_hash(T, frame(one)) == content_hash(T, frame(two))
    assert (of_frame(T, frame(one)) == of_frame(T, frame(two))) == same_export
    assert of_frame(T, frame(one)) + of_frame(T, frame(two)) == of_frame(T, frame(one + two))
    assert of_frame(T, frame(one + two)) - of_frame(T, frame(two)) == of_frame(T, frame(one))


@pytest.mark.parametrize("name", ["name", "date", "value", "count", "good", "at"])
def test_every_stable_column_counts(name: str) -> None:
    row = {
        "name": "a",
        "date": date(2024, 1, 1),
        "value": 1.0,
        "count": 1,
        "good": True,
        "at": datetime(2024, 1, 1, tzinfo=UTC),
    }
    other = {
        "name": "b",
        "date": date(2024, 1, 2),
        "value": 2.0,
        "count": 2,
        "good": False,
        "at": datetime(2024, 1, 2, tzinfo=UTC),
    }
    for value in (other[name], None):
        assert of_frame(T, frame([row])) != of_frame(T, frame([row | {name: value}]))
        assert content_hash(T, frame([row])) != content_hash(T, frame([row | {name: value}]))


def test_values_in_other_columns_are_not_confused() -> None:
    pair = Table("p", Zone.RESULTS, Kind.RESULT, "Two", ("a",), (text("a", "A"), text("b", "B")))
    swapped = [of_frame(pair, pl.DataFrame({"a": [a], "b": [b]})) for a, b in (("x", "y"), ("y", "x"), ("xy", ""))]
    assert len(set(swapped)) == 3


def test_the_hash_is_fixed_for_ever() -> None:
    """Finished runs are found again by it: a change here makes every run of every lake new."""
    row = {
        "name": "ä",
        "date": date(2024, 1, 1),
        "value": 1.5,
        "count": 7,
        "good": True,
        "at": datetime(2024, 1, 1, tzinfo=UTC),
    }
    assert str(of_frame(T, frame([row]))) == "1-ab10b7ed6fb457e2"
    assert row_hashes(T, frame([])).dtype == np.uint64 and str(of_frame(T, frame([]))) == "0-0000000000000000"


def test_text_of_a_sliced_frame_is_hashed_right() -> None:
    whole = frame([{"name": name, "date": date(2024, 1, 1)} for name in ("a", "bb", "ccc")])
    parts = [of_frame(T, whole[number : number + 1]) for number in range(3)]
    assert parts[0] + parts[1] + parts[2] == of_frame(T, whole)
    assert parts[1] == of_frame(T, frame([{"name": "bb", "date": date(2024, 1, 1)}]))


def test_a_fingerprint_can_be_written_down() -> None:
    fingerprint = Fingerprint(12, 2**63 + 5)
    assert Fingerprint.parse(str(fingerprint)) == fingerprint


def test_a_table_keeps_its_fingerprint_through_replacements() -> None:
    tables = MemoryTables()
    days = [date(2024, 1, number) for number in (1, 2, 3)]
    one = frame([{"name": name, "date": day, "value": 1.0} for name in "ab" for day in days])
    replace(tables, T, one, None)
    replace(tables, T, iter([one[:1], one[1:2]]), Slice.of(date=days[0]))
    replace(tables, T, one[:0], Slice.of(name="b"), notes={"run_id": "r"})
    current = tables.state(T).current
    assert current is not None and current.notes["run_id"] == "r"
    assert current.notes["fingerprint"].split()[0] == table_fingerprint(tables, T) == str(of_rows(T, tables.scan(T)))
    whole = MemoryTables()
    replace(whole, T, tables.scan(T).collect(), Slice())
    assert table_fingerprint(whole, T) == table_fingerprint(tables, T)
    assert table_fingerprint(MemoryTables(), T) == "0-0000000000000000"


def test_a_fingerprint_is_made_by_reading_where_none_is_noted_or_columns_changed() -> None:
    tables = MemoryTables()
    rows = frame([{"name": "a", "date": date(2024, 1, 1)}])
    tables.replace(T, rows, None)
    assert table_fingerprint(tables, T) == str(of_frame(T, rows))
    replace(tables, T, rows, Slice())
    grown = changed(T, columns=(*T.columns, text("note", "Note")))
    assert table_fingerprint(tables, grown) == str(of_frame(T, rows))
    hidden = changed(T, columns=tuple(changed(one, volatile=one.name in ("host", "name")) for one in T.columns))
    assert table_fingerprint(tables, hidden) != str(of_frame(T, rows))


def test_the_export_is_parquet_others_can_read(tmp_path: Path) -> None:
    rows = frame([{"name": name, "date": date(2024, 1, 1), "value": 1.0, "host": "h"} for name in "ba"])
    write_canonical(T, rows, tmp_path / "x.parquet")
    found = pl.read_parquet(tmp_path / "x.parquet")
    assert found["name"].to_list() == ["a", "b"] and "host" not in found.columns
    assert found.schema == rows.drop("host").schema
    target = io.BytesIO()
    write_canonical(T, rows.reverse().lazy(), target)
    assert target.getvalue() == (tmp_path / "x.parquet").read_bytes()
