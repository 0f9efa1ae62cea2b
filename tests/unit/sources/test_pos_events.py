"""Till events as they come over the wire: one bad event never costs its neighbours, and nothing is lost."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shelfcast.domain.errors import BadFile, BadInput
from shelfcast.sources.pos_events import MAX_EVENTS, as_line, parse, read_lines

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
GOOD = {"event_id": "1", "occurred_at": "2026-03-01T10:00:00+01:00", "item_id": "A", "location_id": "S", "units": 2}

BROKEN = {
    "no id": {**GOOD, "event_id": None},
    "empty id": {**GOOD, "event_id": "  "},
    "id is a list": {**GOOD, "event_id": ["1"]},
    "endless id": {**GOOD, "event_id": "x" * 201},
    "no item": {k: v for k, v in GOOD.items() if k != "item_id"},
    "no location": {k: v for k, v in GOOD.items() if k != "location_id"},
    "no time": {k: v for k, v in GOOD.items() if k != "occurred_at"},
    "time without zone": {**GOOD, "occurred_at": "2026-03-01T10:00:00"},
    "time is a number": {**GOOD, "occurred_at": 1772355600},
    "time is a word": {**GOOD, "occurred_at": "yesterday"},
    "only a day": {**GOOD, "occurred_at": "2026-03-01"},
    "thirteenth month": {**GOOD, "occurred_at": "2026-13-01T10:00:00Z"},
    "far future": {**GOOD, "occurred_at": "2026-03-02T10:00:00Z"},
    "till clock at its factory setting": {**GOOD, "occurred_at": "1970-01-01T00:00:00Z"},
    "no units": {k: v for k, v in GOOD.items() if k != "units"},
    "units are a word": {**GOOD, "units": "two"},
    "units are null": {**GOOD, "units": None},
    "absurd units": {**GOOD, "units": 1e12},
    "price is a word": {**GOOD, "unit_price": "1,99"},
    "unknown kind": {**GOOD, "event_kind": "refund"},
    "refers to itself": {**GOOD, "event_kind": "void", "refers_to": "1"},
    "a number": 7,
    "null": None,
    "a word": "event",
    "a list": [GOOD],
}
"""Each has one fault; every one must become a dead letter that says which."""


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_event_becomes_a_dead_letter_and_its_neighbours_are_kept(name: str) -> None:
    parsed = parse(json.dumps([GOOD, BROKEN[name], {**GOOD, "event_id": "3"}]).encode(), NOW)
    assert [one.event_id for one in parsed.events] == ["1", "3"]
    (letter,) = parsed.dead
    assert (letter.number, letter.event) == (2, BROKEN[name])
    assert letter.reason and letter.rule


@pytest.mark.parametrize("body", [b"", b"{", b"not json", b"7", b'"text"', b"\xff\xfe", b"[1, 2", b"null", b"[" * 5000])
def test_a_body_that_is_no_list_of_events_is_refused_whole(body: bytes) -> None:
    with pytest.raises(BadInput, match=r"Send an array of events|array of events is needed"):
        parse(body, NOW)


def test_numbers_that_are_not_finite_are_refused() -> None:
    parsed = parse(
        b'[{"event_id": "1", "occurred_at": "2026-03-01T10:00:00Z", "item_id": "A", "location_id": "S", "units": NaN}]',
        NOW,
    )
    assert len(parsed.dead) == 1 and "units" in parsed.dead[0].reason


def test_an_object_with_events_and_a_line_each_are_read_too() -> None:
    for body in (json.dumps({"events": [GOOD]}), json.dumps(GOOD), json.dumps(GOOD) + "\n" + json.dumps(GOOD)):
        assert {one.event_id for one in parse(body.encode(), NOW).events} == {"1"}
    lines = f"{json.dumps(GOOD)}\n{{broken\n"
    parsed = parse(lines.encode(), NOW)
    assert (len(parsed.events), len(parsed.dead)) == (1, 1)


def test_more_events_than_allowed_are_refused_with_the_limit() -> None:
    with pytest.raises(BadInput, match=f"{MAX_EVENTS:,} are allowed"):
        parse(json.dumps([GOOD] * (MAX_EVENTS + 1)).encode(), NOW)


def test_what_is_written_to_the_log_is_read_back_and_unknown_fields_are_kept_in_it() -> None:
    event = {**GOOD, "item_id": 85123, "unit_price": 1.5, "cashier": 'Ada "x" },{ \n'}
    parsed = parse(json.dumps([event]).encode(), NOW)
    line = as_line(parsed.events, sender="till", at=NOW)
    assert line.count(b"\n") == 1 and b"cashier" in line
    rows = read_lines(line, "x")
    assert rows.select("event_id", "item_id", "units", "unit_price", "event_kind", "sender").rows() == [
        ("1", "85123", 2.0, 1.5, "sale", "till")
    ]
    assert rows["occurred_at"].to_list() == [datetime(2026, 3, 1, 9, tzinfo=UTC)]
    assert rows["received_at"].to_list() == [NOW]


@pytest.mark.parametrize(
    "data", [b"", b"{", b"\x00\x01", b'{"received_at": "2026-03-01T00:00:00Z"}\n', b'{"events": 3}\n']
)
def test_a_damaged_batch_is_told_apart(data: bytes) -> None:
    with pytest.raises(BadFile, match="damaged"):
        read_lines(data, "batch")


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(list(GOOD.values())),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*GOOD, "x"]), inner, max_size=6),
    max_leaves=8,
)
events = st.one_of(
    anything,
    st.fixed_dictionaries(
        {name: st.one_of(st.just(value), st.text(max_size=5), st.none()) for name, value in GOOD.items()}
    ),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(events, max_size=6))
def test_events_that_came_are_events_kept_plus_dead_letters(sent: list[object]) -> None:
    parsed = parse(json.dumps(sent).encode(), NOW)
    assert parsed.count == len(sent) == len(parsed.events) + len(parsed.dead)
    if parsed.events:
        rows = read_lines(as_line(parsed.events, sender="t", at=NOW), "x")
        assert rows.height == len(parsed.events)
        assert rows.select(pl.col("event_id", "occurred_at", "units").is_null().any()).row(0) == (False, False, False)
