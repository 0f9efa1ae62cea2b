"""Rows against the declaration of their table."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shelfcast.domain.errors import BadMapping
from shelfcast.domain.tables import TABLES, Table, table
from shelfcast.quality.row_rules import row_rules
from shelfcast.quality.rule_book import RULES
from shelfcast.quality.rules import Checked, check_rows

NOW = datetime(2025, 6, 30, 8, tzinfo=UTC)
SALE: dict[str, Any] = {"item_id": "milk", "location_id": "S1", "date": date(2025, 6, 1), "units": 3.0}


def sales(*rows: dict[str, Any]) -> pl.DataFrame:
    """Sales rows; each gets the example's values where it doesn't say, and its own day so that keys differ."""
    full = [
        SALE | {"date": date(2025, 1, 1 + position)} | row | {"source_line": position + 1}
        for position, row in enumerate(rows)
    ]
    return pl.DataFrame(full, infer_schema_length=None)


def check(frame: pl.DataFrame, name: str = "sales") -> Checked:
    checked = check_rows(frame, table(name), source="sales.csv", load_id="load", now=NOW)
    assert checked.kept.height + checked.quarantined.height == frame.height
    return checked


def only(checked: Checked) -> dict[str, Any]:
    assert checked.quarantined.height == 1
    return checked.quarantined.row(0, named=True)


def test_good_rows_are_kept_as_they_came() -> None:
    frame = sales({}, {"units": -2.0}, {"units": 0.0})
    checked = check(frame)
    assert checked.kept.equals(frame)
    assert checked.quarantined.schema == table("quarantine").polars_schema


@pytest.mark.parametrize(
    ("row", "rule", "column"),
    [
        ({"units": None}, "missing", "units"),
        ({"units": float("nan")}, "missing", "units"),
        ({"item_id": "  "}, "missing", "item_id"),
        ({"date": None}, "missing", "date"),
        ({"units": float("inf")}, "not_finite", "units"),
        ({"date": date(1970, 1, 1)}, "date_too_old", "date"),
        ({"date": date(2203, 1, 1)}, "date_too_late", "date"),
        ({"date": date(2025, 7, 2)}, "date_in_future", "date"),
        ({"known_at": datetime(2024, 12, 1, tzinfo=UTC)}, "known_before_period", "known_at"),
    ],
)
def test_a_bad_sale_is_quarantined_with_its_rule_line_and_reason(row: dict[str, Any], rule: str, column: str) -> None:
    bad = only(check(sales({"known_at": None}, row)))
    assert (bad["rule"], bad["column"], bad["source_line"]) == (rule, column, 2)
    assert RULES[rule].cure in bad["reason"]
    assert json.loads(bad["row"])["location_id"] == "S1"


@pytest.mark.parametrize(
    ("name", "row", "rule"),
    [
        ("prices", {"price": 0.0}, "zero_price"),
        ("prices", {"price": -1.0}, "negative"),
        ("availability", {"in_stock_share": 15.0}, "above_maximum"),
        ("availability", {"in_stock_share": -0.1}, "negative"),
        ("weather", {"temperature_c": -400.0}, "below_minimum"),
        ("sourcing", {"pack_size": 0.0}, "zero_value"),
        ("sourcing", {"source_type": "moon"}, "not_allowed"),
    ],
)
def test_limits_come_from_the_declaration(name: str, row: dict[str, Any], rule: str) -> None:
    keys = {
        "item_id": "milk", "location_id": "S1", "date": date(2025, 1, 1), "valid_from": date(2025, 1, 1),
        "destination_id": "S1", "source_id": "D1", "price": 1.0, "in_stock_share": 1.0,
    }  # fmt: skip
    declared = table(name)
    frame = pl.DataFrame([{k: v for k, v in keys.items() if k in declared.names} | row | {"source_line": 7}])
    bad = only(check(frame, name))
    assert (bad["rule"], bad["column"]) == (rule, next(iter(row)))


def test_the_gravest_rule_names_the_row_and_the_reason_lists_all() -> None:
    bad = only(check(sales({"units": None, "date": date(1900, 1, 1)})))
    assert bad["rule"] == "missing"
    assert "units is empty" in bad["reason"] and "1900-01-01" in bad["reason"]


def test_one_of_identical_rows_is_kept() -> None:
    day = {"date": date(2025, 3, 1)}
    checked = check(sales(day, day, day))
    assert checked.kept["source_line"].to_list() == [1]
    assert checked.counts == {"duplicate_row": 2}
    assert "stands in line 1 already" in checked.quarantined["reason"][0]


def test_rows_that_contradict_each_other_are_all_quarantined() -> None:
    day = {"date": date(2025, 3, 1)}
    checked = check(sales(day, day, day | {"units": 9.0}, {}))
    assert checked.kept["source_line"].to_list() == [4]
    assert checked.counts == {"duplicate_key_conflict": 3}


def test_a_broken_twin_does_not_cost_the_good_one() -> None:
    day = {"date": date(2025, 3, 1)}
    checked = check(sales(day, day | {"units": None}))
    assert checked.kept["source_line"].to_list() == [1]
    assert checked.counts == {"missing": 1}


def test_a_correction_known_later_is_no_duplicate() -> None:
    day = {"date": date(2025, 3, 1)}
    first = day | {"known_at": datetime(2025, 3, 2, tzinfo=UTC)}
    later = day | {"known_at": datetime(2025, 3, 9, tzinfo=UTC), "units": 4.0}
    assert check(sales(first, later)).kept.height == 2


def test_plans_may_lie_in_the_future() -> None:
    frame = pl.DataFrame(
        {"item_id": ["a"], "location_id": ["b"], "valid_from": [date(2025, 12, 1)], "price": [2.0], "source_line": [1]}
    )
    assert check(frame, "prices").kept.height == 1


def test_text_is_read_where_it_can_be_and_quarantined_where_not() -> None:
    frame = sales({}, {}, {}).with_columns(pl.Series("units", ["1.5", "many", ""]), pl.col("date").cast(pl.String))
    checked = check(frame)
    assert checked.kept["units"].to_list() == [1.5]
    assert checked.kept.schema["date"] == pl.Date
    assert checked.counts == {"missing": 1, "wrong_type": 1}
    assert checked.quarantined.filter(pl.col("rule") == "wrong_type")["value"].to_list() == ["many"]


def test_an_absent_optional_number_is_null_and_counted() -> None:
    checked = check(sales({"revenue": float("nan")}, {"revenue": 2.0}))
    assert checked.kept["revenue"].to_list() == [None, 2.0]
    assert checked.filled == {"revenue": 1}


def test_a_default_is_filled_in_before_the_rules_look() -> None:
    frame = pl.DataFrame({"location_id": ["a", "b"], "location_type": [None, "dc"], "source_line": [1, 2]})
    checked = check(frame, "locations")
    assert checked.kept["location_type"].to_list() == ["store", "dc"]
    assert checked.filled == {"location_type": 1}


def test_a_column_that_is_not_there_is_refused_with_what_is() -> None:
    with pytest.raises(BadMapping, match=r"sales\.csv has no column for units.*item_id.*Map a column"):
        check(sales({}).drop("units"))


def test_an_empty_load_stays_empty() -> None:
    checked = check(sales({}).head(0))
    assert checked.kept.is_empty() and checked.quarantined.is_empty()


@pytest.mark.parametrize("declared", [t for t in TABLES.values() if t.loadable], ids=lambda t: t.name)
def test_every_loadable_table_has_rules_the_rule_book_explains(declared: Table) -> None:
    rules = row_rules(declared, declared.names, NOW)
    assert {rule.rule for rule in rules} <= set(RULES)
    assert {rule.column for rule in rules if rule.rule == "missing"} >= set(declared.key) - {
        c.name for c in declared.columns if c.derived
    }


anything = st.fixed_dictionaries(
    {
        "item_id": st.sampled_from(["a", "b", "", None]),
        "location_id": st.sampled_from(["S1", "S2"]),
        "date": st.sampled_from([date(2025, 1, 1), date(2025, 1, 2), date(1900, 1, 1), date(2090, 1, 1), None]),
        "units": st.one_of(st.none(), st.floats(), st.sampled_from([0.0, 1.0])),
        "revenue": st.one_of(st.none(), st.floats()),
        "known_at": st.sampled_from([None, datetime(2025, 2, 1, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=UTC)]),
    }
)


@settings(max_examples=150, deadline=None)
@given(st.lists(anything, max_size=12))
def test_rows_in_are_rows_kept_plus_rows_quarantined(rows: list[dict[str, Any]]) -> None:
    schema = {name: table("sales").column(name).type.polars for name in rows[0]} if rows else {}
    schema = schema or {c: table("sales").column(c).type.polars for c in ("item_id", "location_id", "date", "units")}
    frame = pl.DataFrame(rows, schema=schema).with_row_index("source_line", offset=1)
    frame = frame.with_columns(pl.col("source_line").cast(pl.Int64))
    checked = check(frame)
    lines = [*checked.kept["source_line"], *checked.quarantined["source_line"]]
    assert sorted(lines) == frame["source_line"].to_list()
    # What is kept keeps every promise: the key is whole and tells the rows apart.
    again = check(checked.kept)
    assert again.quarantined.is_empty()


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from([1.0, 2.0])), max_size=10))
def test_duplicates_are_split_as_the_slow_loop_splits_them(pairs: list[tuple[str, float]]) -> None:
    frame = pl.DataFrame(
        [SALE | {"item_id": item, "units": units, "source_line": n + 1} for n, (item, units) in enumerate(pairs)],
        schema={"item_id": pl.String, "location_id": pl.String, "date": pl.Date, "units": pl.Float64, "source_line": pl.Int64},
    )  # fmt: skip
    expected = [
        n + 1
        for n, (item, _) in enumerate(pairs)
        if len({units for other, units in pairs if other == item}) == 1 and item not in [p[0] for p in pairs[:n]]
    ]
    assert check(frame).kept["source_line"].to_list() == expected
