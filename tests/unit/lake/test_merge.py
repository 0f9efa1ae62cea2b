"""Merging by key: what changes, what doesn't, and when it is known."""

from __future__ import annotations

from dataclasses import replace as changed
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shelfcast.adapters.memory import MemoryTables
from shelfcast.domain.errors import BadInput, BadParameter
from shelfcast.domain.tables import Table
from shelfcast.domain.tables.curated import ITEMS, OBSERVATIONS, POS_EVENTS, PRICES, SALES, WEATHER
from shelfcast.domain.tables.results import FORECASTS
from shelfcast.lake.as_of import as_of, current, end_of
from shelfcast.lake.fingerprint import NOTE, of_rows, table_fingerprint
from shelfcast.lake.merge import MergeSummary, merge

DAY = date(2024, 1, 31)
K0 = datetime(2024, 2, 1, tzinfo=UTC)
R1 = datetime(2024, 3, 1, 8, tzinfo=UTC)
R2 = datetime(2024, 4, 1, 8, tzinfo=UTC)


def counts(summary: MergeSummary) -> tuple[int, int, int, int]:
    return summary.inserted, summary.corrected, summary.unchanged, summary.repeated


def sale(units: float, item: str = "a", day: date = DAY, **more: Any) -> dict[str, Any]:
    return {"item_id": item, "location_id": "s", "date": day, "units": units} | more


def load(tables: MemoryTables, table: Table, *rows: dict[str, Any], at: datetime = R1, **more: Any) -> MergeSummary:
    frame = pl.DataFrame(list(rows), schema_overrides={"known_at": pl.Datetime("us", "UTC")}, infer_schema_length=None)
    summary = merge(tables, table, frame, received_at=at, **more)
    assert summary.rows == len(rows)
    assert_sound(tables, table)
    return summary


def assert_sound(tables: MemoryTables, table: Table) -> None:
    """Stored keys are unique, a key has one standing row, versions follow each other, the fingerprint is right."""
    rows = tables.scan(table).collect()
    assert rows.select(table.stored_key).is_unique().all()
    if "superseded_at" in table.names:
        ordered = rows.sort(*table.key, "known_at")
        following = ordered.select(pl.col("known_at").shift(-1).over(table.key)).to_series()
        assert ordered["superseded_at"].equals(following.alias("superseded_at"))
    snapshot = tables.state(table).current
    if snapshot is not None:
        assert snapshot.notes[NOTE].startswith(str(of_rows(table, tables.scan(table))))


def stored(tables: MemoryTables, table: Table, *columns: str) -> list[tuple[Any, ...]]:
    return tables.scan(table).collect().sort(table.stored_key).select(columns).rows()


@pytest.fixture
def tables() -> MemoryTables:
    return MemoryTables()


def test_new_facts_are_known_at_the_end_of_their_period_whenever_loaded(tables: MemoryTables) -> None:
    assert counts(load(tables, SALES, sale(5), sale(6, day=date(2024, 2, 1)))) == (2, 0, 0, 0)
    assert stored(tables, SALES, "units", "known_at", "superseded_at", "loaded_at") == [
        (5.0, K0, None, R1),
        (6.0, K0 + timedelta(days=1), None, R1),
    ]


@pytest.mark.parametrize(
    ("frequency", "end"), [("W", datetime(2024, 2, 7, tzinfo=UTC)), ("M", datetime(2024, 2, 29, tzinfo=UTC))]
)
def test_longer_periods_end_later(tables: MemoryTables, frequency: str, end: datetime) -> None:
    load(tables, SALES, sale(5), frequency=frequency)
    assert stored(tables, SALES, "known_at") == [(end,)]


def test_publication_lag_is_added(tables: MemoryTables) -> None:
    slow = changed(SALES, publication_lag_days=2)
    load(tables, slow, sale(5))
    assert stored(tables, slow, "known_at") == [(K0 + timedelta(days=2),)]


def test_loading_facts_again_changes_nothing(tables: MemoryTables) -> None:
    load(tables, SALES, sale(5, load_id="first"))
    before = tables.state(SALES)
    assert counts(load(tables, SALES, sale(5, load_id="second"), at=R2)) == (0, 0, 1, 0)
    assert tables.state(SALES) == before


def test_a_corrected_fact_supersedes_the_older_row_which_is_kept(tables: MemoryTables) -> None:
    load(tables, SALES, sale(5), sale(9, item="b"))
    assert counts(load(tables, SALES, sale(6), sale(9, item="b"), at=R2)) == (0, 1, 1, 0)
    assert stored(tables, SALES, "item_id", "units", "known_at", "superseded_at") == [
        ("a", 5.0, K0, R2),
        ("a", 6.0, R2, None),
        ("b", 9.0, K0, None),
    ]
    assert counts(load(tables, SALES, sale(6), at=R2 + timedelta(days=1))) == (0, 0, 1, 0)


def test_a_fact_may_be_corrected_back(tables: MemoryTables) -> None:
    for units, at in ((5, R1), (6, R2), (5, R2 + timedelta(days=1))):
        load(tables, SALES, sale(units), at=at)
    assert [units for (units,) in stored(tables, SALES, "units")] == [5.0, 6.0, 5.0]


def test_a_source_that_says_when_is_believed_if_later(tables: MemoryTables) -> None:
    said = datetime(2024, 2, 10, tzinfo=UTC)
    load(tables, SALES, sale(5))
    load(tables, SALES, sale(6, known_at=said), at=R2)
    assert stored(tables, SALES, "units", "known_at", "superseded_at") == [(5.0, K0, said), (6.0, said, None)]
    load(tables, SALES, sale(7, known_at=said), at=R2)
    assert stored(tables, SALES, "units", "known_at")[-1] == (7.0, R2)
    early = K0 - timedelta(hours=3)
    load(tables, SALES, sale(8, known_at=early), at=R2 + timedelta(days=1))
    assert stored(tables, SALES, "units", "known_at")[-1] == (8.0, R2 + timedelta(days=1))


def test_a_correction_before_the_nominal_moment_takes_the_place(tables: MemoryTables) -> None:
    evening = datetime(2024, 1, 31, 19, tzinfo=UTC)
    load(tables, SALES, sale(5), at=evening)
    assert counts(load(tables, SALES, sale(6), at=evening + timedelta(hours=1))) == (0, 1, 0, 0)
    assert stored(tables, SALES, "units", "known_at", "superseded_at") == [(6.0, K0, None)]


def test_a_history_of_versions_in_one_load_is_put_in_order(tables: MemoryTables) -> None:
    t1, t2, t3 = (datetime(2024, 2, day, tzinfo=UTC) for day in (2, 5, 9))
    history = [sale(7, known_at=t3), sale(5, known_at=t1), sale(5, known_at=t2)]
    load(tables, SALES, history[0])
    assert counts(load(tables, SALES, *history, at=R2)) == (0, 1, 2, 0)
    assert stored(tables, SALES, "units", "known_at", "superseded_at") == [(5.0, t1, t3), (7.0, t3, None)]
    before = tables.state(SALES)
    assert counts(load(tables, SALES, *history, at=R2)) == (0, 0, 3, 0)
    assert tables.state(SALES) == before


def test_rows_twice_in_a_load_are_counted_and_the_last_one_counts(tables: MemoryTables) -> None:
    assert counts(load(tables, SALES, sale(5), sale(5), sale(6))) == (1, 0, 0, 2)
    assert stored(tables, SALES, "units") == [(6.0,)]


def test_a_column_the_load_lacks_keeps_its_value_but_a_null_replaces_it(tables: MemoryTables) -> None:
    load(tables, SALES, sale(5, revenue=10.0))
    assert counts(load(tables, SALES, sale(5), at=R2)) == (0, 0, 1, 0)
    load(tables, SALES, sale(6), at=R2)
    assert stored(tables, SALES, "units", "revenue") == [(5.0, 10.0), (6.0, 10.0)]
    load(tables, SALES, sale(6, revenue=None), at=R2 + timedelta(days=1))
    assert stored(tables, SALES, "units", "revenue")[-1] == (6.0, None)


def test_nan_and_null_are_equal_to_themselves(tables: MemoryTables) -> None:
    load(tables, SALES, sale(float("nan"), revenue=None))
    assert counts(load(tables, SALES, sale(float("nan"), revenue=None), at=R2)) == (0, 0, 1, 0)


def test_the_newest_load_of_a_dimension_wins_and_nothing_is_committed_without_change(tables: MemoryTables) -> None:
    one = {"item_id": "a", "name": "Apple", "brand": "B"}
    assert counts(load(tables, ITEMS, one, {"item_id": "b"})) == (2, 0, 0, 0)
    assert stored(tables, ITEMS, "name", "unit") == [("Apple", "each"), (None, "each")]
    assert counts(load(tables, ITEMS, {"item_id": "a", "name": "Pear"}, {"item_id": "b"}, at=R2)) == (0, 1, 1, 0)
    assert stored(tables, ITEMS, "name", "brand") == [("Pear", "B"), (None, None)]
    before = tables.state(ITEMS)
    summary = load(tables, ITEMS, {"item_id": "a", "name": "Pear"}, at=R2)
    assert summary.snapshot_id == before.current.snapshot_id and tables.state(ITEMS) == before


def test_only_new_leaves_what_is_there(tables: MemoryTables) -> None:
    load(tables, ITEMS, {"item_id": "a", "name": "Apple"})
    assert counts(
        load(tables, ITEMS, {"item_id": "a", "name": None}, {"item_id": "b", "name": None}, only_new=True)
    ) == (1, 0, 1, 0)
    assert stored(tables, ITEMS, "name") == [("Apple",), (None,)]


def price(value: float, first: date, **more: Any) -> dict[str, Any]:
    return {"item_id": "a", "location_id": "s", "valid_from": first, "price": value} | more


def test_a_plan_is_known_when_received_and_a_past_one_at_the_end_of_its_first_day(tables: MemoryTables) -> None:
    load(tables, PRICES, price(1, date(2024, 2, 1)), price(2, date(2024, 3, 1)), price(3, date(2024, 6, 1)))
    assert stored(tables, PRICES, "price", "known_at") == [
        (1.0, datetime(2024, 2, 2, tzinfo=UTC)),
        (2.0, R1),
        (3.0, R1),
    ]


def test_a_plan_loaded_again_is_no_new_vintage_but_a_changed_one_is(tables: MemoryTables) -> None:
    future = date(2024, 6, 1)
    load(tables, PRICES, price(3, future))
    assert counts(load(tables, PRICES, price(3, future), at=R2)) == (0, 0, 1, 0)
    assert counts(load(tables, PRICES, price(4, future), at=R2)) == (1, 0, 0, 0)
    assert stored(tables, PRICES, "price", "known_at") == [(3.0, R1), (4.0, R2)]
    assert current(tables, PRICES).collect()["price"].to_list() == [4.0]
    assert as_of(tables, PRICES, R2 - timedelta(seconds=1)).collect()["price"].to_list() == [3.0]


def test_a_past_vintage_that_changes_is_a_correction_known_when_received(tables: MemoryTables) -> None:
    past = date(2024, 1, 1)
    load(tables, PRICES, price(1, past))
    assert counts(load(tables, PRICES, price(2, past), at=R2)) == (0, 1, 0, 0)
    assert stored(tables, PRICES, "price", "known_at") == [(1.0, datetime(2024, 1, 2, tzinfo=UTC)), (2.0, R2)]
    assert counts(load(tables, PRICES, price(2, past), at=R2 + timedelta(days=1))) == (0, 0, 1, 0)


def test_vintages_of_a_source_are_kept_side_by_side_and_loads_repeat(tables: MemoryTables) -> None:
    def issue(day: int, celsius: float) -> dict[str, Any]:
        issued = datetime(2024, 1, day, tzinfo=UTC)
        return {"location_id": "s", "date": DAY, "temperature_c": celsius, "known_at": issued}

    rows = [issue(28, 1.0), issue(29, 1.0), issue(30, 2.0)]
    assert counts(load(tables, WEATHER, *rows)) == (3, 0, 0, 0)
    assert counts(load(tables, WEATHER, *rows, at=R2)) == (0, 0, 3, 0)
    assert counts(load(tables, WEATHER, issue(29, 5.0), at=R2)) == (0, 1, 0, 0)
    assert counts(load(tables, WEATHER, issue(29, 5.0), at=R2 + timedelta(days=1))) == (0, 0, 1, 0)
    assert stored(tables, WEATHER, "temperature_c") == [(1.0,), (1.0,), (2.0,), (5.0,)]


def test_a_value_that_holds_for_a_month_is_known_after_it(tables: MemoryTables) -> None:
    rows = [{"name": "cpi", "date": date(2024, 1, 1), "value": 1.0, "frequency": frequency} for frequency in "M"]
    load(tables, OBSERVATIONS, *rows)
    assert stored(tables, OBSERVATIONS, "known_at", "item_id") == [(K0, "*")]


def test_an_event_that_moves_to_another_day_is_found_again(tables: MemoryTables) -> None:
    def event(day: int, month: int, units: float) -> dict[str, Any]:
        moment = datetime(2024, month, day, 12, tzinfo=UTC)
        return {
            "event_id": "e1", "occurred_at": moment, "business_date": moment.date(), "item_id": "a", "location_id": "s",
            "units": units,
        }  # fmt: skip

    load(tables, POS_EVENTS, event(31, 1, 1.0))
    assert stored(tables, POS_EVENTS, "known_at") == [(datetime(2024, 1, 31, 12, tzinfo=UTC),)]
    assert counts(load(tables, POS_EVENTS, event(1, 2, 1.0), at=R2)) == (0, 1, 0, 0)
    assert current(tables, POS_EVENTS).collect()["business_date"].to_list() == [date(2024, 2, 1)]
    assert len(tables.state(POS_EVENTS).snapshots) == 2


def test_results_and_rows_without_key_are_refused(tables: MemoryTables) -> None:
    with pytest.raises(BadParameter, match="holds results"):
        merge(tables, FORECASTS, FORECASTS.empty(), received_at=R1)
    with pytest.raises(BadInput, match="lack key column location_id"):
        merge(tables, SALES, pl.DataFrame({"item_id": ["a"], "date": [DAY]}), received_at=R1)
    with pytest.raises(BadParameter, match="no time zone"):
        merge(tables, SALES, SALES.empty(), received_at=datetime(2024, 1, 1))


SALE_ROWS = st.lists(
    st.builds(
        sale,
        st.sampled_from([0.0, 1.0, 2.0]),
        item=st.sampled_from("ab"),
        day=st.sampled_from([DAY, date(2024, 2, 1)]),
        known_at=st.one_of(st.none(), st.sampled_from([K0 + timedelta(days=days) for days in (-1, 0, 3, 40, 80)])),
    ),
    min_size=1,
    max_size=6,
)
WEATHER_ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "location_id": st.sampled_from("st"),
            "date": st.sampled_from([DAY, date(2024, 6, 20)]),
            "temperature_c": st.sampled_from([0.0, 1.0, 2.0]),
            "known_at": st.one_of(
                st.none(), st.sampled_from([K0 + timedelta(days=days) for days in (-1, 0, 3, 40, 80)])
            ),
        }
    ),
    min_size=1,
    max_size=6,
)
LOADS = st.one_of(
    st.tuples(st.just(SALES), st.lists(SALE_ROWS, min_size=1, max_size=3)),
    st.tuples(st.just(WEATHER), st.lists(WEATHER_ROWS, min_size=1, max_size=3)),
)


@settings(max_examples=80, deadline=None)
@given(LOADS)
def test_a_load_repeated_at_once_or_later_changes_nothing(case: tuple[Table, list[list[dict[str, Any]]]]) -> None:
    table, loads = case
    tables = MemoryTables()
    for number, rows in enumerate(loads):
        at = R1 + timedelta(days=10 * number)
        load(tables, table, *rows, at=at)
        before = tables.state(table)
        for again in (at, at + timedelta(days=5)):
            assert load(tables, table, *rows, at=again).changed is False
        assert tables.state(table) == before


@settings(max_examples=40, deadline=None)
@given(LOADS)
def test_nothing_already_known_changes_with_a_later_load(case: tuple[Table, list[list[dict[str, Any]]]]) -> None:
    """What was received before a moment and known at it stays as it was, unless a source itself speaks of then."""
    table, loads = case
    tables = MemoryTables()
    for number, rows in enumerate(loads):
        at = R1 + timedelta(days=10 * number)
        unsaid = [row | {"known_at": None} for row in rows]
        seen = as_of(tables, table, at - timedelta(seconds=1)).collect()
        keys = seen.select(table.key)
        load(tables, table, *unsaid, at=at)
        still = as_of(tables, table, at - timedelta(seconds=1)).collect().join(keys, on=list(table.key), how="semi")
        assert (
            still.drop("superseded_at", strict=False)
            .sort(table.key)
            .equals(seen.drop("superseded_at", strict=False).sort(table.key))
        )


@settings(max_examples=40, deadline=None)
@given(SALE_ROWS, st.randoms(use_true_random=False))
def test_the_order_of_disjoint_loads_does_not_matter(rows: list[dict[str, Any]], shuffle: Any) -> None:
    by_key = {(row["item_id"], row["date"]): row for row in rows}
    one, many = MemoryTables(), MemoryTables()
    load(one, SALES, *by_key.values())
    parts = list(by_key.values())
    shuffle.shuffle(parts)
    for part in parts:
        load(many, SALES, part)
    assert one.scan(SALES).collect().equals(many.scan(SALES).collect())
    assert table_fingerprint(one, SALES) == table_fingerprint(many, SALES)


@settings(max_examples=40, deadline=None)
@given(LOADS, st.sampled_from([DAY + timedelta(days=days) for days in (-2, 0, 2, 39, 79, 200)]))
def test_as_of_never_sees_later(case: tuple[Table, list[list[dict[str, Any]]]], cutoff: date) -> None:
    table, loads = case
    tables = MemoryTables()
    for number, rows in enumerate(loads):
        load(tables, table, *rows, at=R1 + timedelta(days=10 * number))
    moment = end_of(cutoff)
    seen = as_of(tables, table, moment).collect()
    assert seen.filter(pl.col("known_at") > moment).is_empty()
    assert seen.select(table.key).is_unique().all()
    # Obvious and slow: of each key the row with the latest known_at up to the moment.
    expected: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in tables.scan(table).collect().sort("known_at").to_dicts():
        if row["known_at"] <= moment:
            expected[tuple(row[name] for name in table.key)] = row
    assert seen.sort(table.key).to_dicts() == [expected[key] for key in sorted(expected)]
