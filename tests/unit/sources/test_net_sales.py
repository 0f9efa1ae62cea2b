"""Returns, voids and corrections settled: the set of lines decides, not their order."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shelfcast.sources.net_sales import sales_of, settled

T = datetime(2026, 3, 2, 10, tzinfo=UTC)
SCHEMA = {
    "event_id": pl.String, "occurred_at": pl.Datetime("us", "UTC"), "units": pl.Float64, "unit_price": pl.Float64,
    "event_kind": pl.String, "refers_to": pl.String, "item_id": pl.String, "location_id": pl.String, "business_date": pl.Date,
}  # fmt: skip


def lines(*rows: tuple) -> pl.DataFrame:
    """(id, units, kind, refers_to, price) each, a minute apart."""
    full = [
        (
            row[0], T + timedelta(minutes=number), float(row[1]), row[4] if len(row) > 4 else 2.0, row[2] if len(row) > 2 else "sale",
            row[3] if len(row) > 3 else None, "A", "S", date(2026, 3, 2),
        )
        for number, row in enumerate(rows)
    ]  # fmt: skip
    return pl.DataFrame(full, schema=SCHEMA, orient="row")


def total(*rows: tuple) -> tuple[float, float | None]:
    found = sales_of(settled(lines(*rows)))
    return found.select("units", "revenue").row(0)


@pytest.mark.parametrize(
    ("rows", "units", "revenue"),
    [
        ([("1", 3)], 3, 6),
        ([("1", 3), ("2", 1, "return")], 2, 4),
        ([("1", 3), ("2", -1, "return")], 2, 4),
        ([("1", 3), ("2", 3, "void", "1")], 0, 0),
        ([("1", 3), ("2", -3, "void")], 0, 0),
        ([("1", 3), ("2", 5, "correction", "1")], 5, 10),
        ([("1", 3), ("2", 5, "correction", "1", 3.0)], 5, 15),
        ([("1", 3), ("2", 5, "correction", "1", None)], 5, 10),
        ([("1", 3), ("2", -1, "correction")], 2, 4),
        ([("1", 3), ("2", 0, "void", "1"), ("3", 0, "void", "2")], 3, 6),
        ([("1", 3), ("2", 5, "correction", "1"), ("3", 0, "void", "2")], 3, 6),
        ([("1", 3), ("2", 5, "correction", "1"), ("3", 7, "correction", "1")], 7, 14),
        ([("1", 3), ("2", 5, "correction", "1"), ("3", 4, "correction", "2")], 4, 8),
        ([("1", 3, "return"), ("2", 1, "correction", "1")], -1, -2),
        ([("1", 3), ("2", 9, "void", "nowhere")], 3, 6),
        ([("1", 3, "sale", None, None)], 3, None),
        ([("1", 3, "sale", None, None), ("2", 0, "void", "1")], 0, 0),
        ([("0", 1), ("1", 2, "void", "2"), ("2", 3, "void", "1")], 1, 2),
    ],
)
def test_known_answers(rows: list[tuple], units: float, revenue: float | None) -> None:
    assert total(*rows) == (units, revenue)


def test_sums_are_the_same_in_any_order_to_the_last_bit() -> None:
    frame = lines(*[(str(n), 0.1 * (n % 7) + 0.003, "sale", None, 1.99) for n in range(2000)])
    first = sales_of(settled(frame))
    for seed in range(3):
        assert sales_of(settled(frame.sample(fraction=1, shuffle=True, seed=seed))).equals(first)


def test_weeks_are_summed_from_monday() -> None:
    frame = lines(("1", 1), ("2", 2)).with_columns(business_date=pl.Series([date(2026, 3, 2), date(2026, 3, 8)]))
    assert sales_of(settled(frame), "W").select("date", "units").rows() == [(date(2026, 3, 2), 3.0)]


@st.composite
def histories(draw: st.DrawFn) -> list[tuple]:
    count = draw(st.integers(1, 8))
    rows = []
    for number in range(count):
        kind = draw(st.sampled_from(["sale", "return", "void", "correction"]))
        refers = draw(st.sampled_from([None, *map(str, range(count))])) if kind in ("void", "correction") else None
        rows.append((str(number), draw(st.integers(-5, 5)), kind, refers if refers != str(number) else None))
    return rows


@settings(max_examples=150, deadline=None)
@given(histories(), st.randoms())
def test_order_never_matters(rows: list[tuple], luck: random.Random) -> None:
    frame = lines(*rows)
    shuffled = frame[luck.sample(range(frame.height), frame.height)]
    assert sales_of(settled(frame)).equals(sales_of(settled(shuffled)))
    counted = settled(frame)
    assert counted["counted_units"].null_count() == 0 and counted.height == len(rows)
