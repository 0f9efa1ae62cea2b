"""Behaviour every record store has."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import pytest

from shelfcast.adapters.aws.records import DynamoRecords
from shelfcast.adapters.local.records import SqliteRecords
from shelfcast.adapters.memory import MemoryRecords
from shelfcast.domain.errors import BadInput, Conflict, NotFound, SourceDown
from shelfcast.ports.record_store import RecordStore
from tests.emulator import Emulator


@pytest.fixture(params=["memory", "sqlite", "dynamodb"])
def records(request: pytest.FixtureRequest, tmp_path: Path) -> RecordStore:
    match request.param:
        case "memory":
            return MemoryRecords()
        case "sqlite":
            return SqliteRecords(tmp_path / "records.db")
        case _:
            return DynamoRecords(request.getfixturevalue("records_table")())


def test_a_record_comes_back_with_its_version(records: RecordStore) -> None:
    body = {"name": "Zoë", "amount": 1.5, "tags": ["a", {"b": None}], "done": False}
    assert records.put("job", "1", body).version == 1
    found = records.get("job", "1")
    assert (found.kind, found.record_id, found.version, found.body) == ("job", "1", 1, body)
    assert records.put("job", "1", {}).version == 2
    assert records.get("job", "1").body == {}


def test_what_is_changed_outside_does_not_change_the_record(records: RecordStore) -> None:
    body = {"list": [1]}
    records.put("job", "1", body)
    body["list"].append(2)
    records.get("job", "1").body["list"].append(3)
    assert records.get("job", "1").body == {"list": [1]}


def test_kinds_are_apart(records: RecordStore) -> None:
    records.put("job", "1", {})
    with pytest.raises(NotFound, match="user/1"):
        records.get("user", "1")


def test_expecting_another_version_is_a_conflict(records: RecordStore) -> None:
    records.put("job", "1", {"n": 1}, expected=0)
    with pytest.raises(Conflict, match="version 1, not 0"):
        records.put("job", "1", {"n": 2}, expected=0)
    records.put("job", "1", {"n": 2}, expected=1)
    with pytest.raises(Conflict):
        records.put("job", "1", {"n": 3}, expected=1)
    assert records.get("job", "1").body == {"n": 2}


def test_records_are_found_by_prefix_and_fields_sorted(records: RecordStore) -> None:
    for number, (record_id, body) in enumerate(
        {"b": {"s": "x"}, "a/2": {"s": "x", "n": 1}, "a/1": {"s": "y", "n": True}, "a%": {"s": None}}.items()
    ):
        records.put("job", record_id, body | {"number": number})
    ids = lambda **query: [one.record_id for one in records.query("job", **query)]  # noqa: E731
    assert ids() == ["a%", "a/1", "a/2", "b"]
    assert ids(prefix="a/") == ["a/1", "a/2"]
    assert ids(prefix="a%") == ["a%"]
    assert ids(where={"s": "x"}) == ["a/2", "b"]
    assert ids(where={"s": "x"}, prefix="a") == ["a/2"]
    assert ids(where={"n": 1}) == ["a/2"]
    assert ids(where={"n": True}) == ["a/1"]
    assert ids(where={"s": None}) == ["a%"]
    assert ids(where={"missing": None}) == []
    assert records.query("none") == []


def test_deleting_is_repeatable_and_versions_start_anew(records: RecordStore) -> None:
    records.put("job", "1", {})
    records.delete("job", "1")
    records.delete("job", "1")
    assert records.query("job") == []
    assert records.put("job", "1", {}, expected=0).version == 1


def test_a_long_body_comes_back_whole(records: RecordStore) -> None:
    body = {"names": [f"a name of a batch, number {number}" for number in range(20_000)], "state": "done"}
    records.put("job", "1", body)
    assert records.get("job", "1").body == body
    assert [one.record_id for one in records.query("job", where={"state": "done"})] == ["1"]


def test_many_records_come_in_one_answer(records: RecordStore) -> None:
    for number in range(60):
        records.put("job", f"{number:03d}", {"text": "x" * 30_000, "state": "even" if number % 2 == 0 else ""})
    assert [one.record_id for one in records.query("job")] == [f"{number:03d}" for number in range(60)]
    assert len(records.query("job", where={"state": "even"})) == 30
    assert len(records.query("job", where={"state": ""})) == 30


@pytest.mark.parametrize("value", [float("nan"), date(2024, 1, 1), b"x"])
def test_what_json_cannot_say_is_refused(records: RecordStore, value: object) -> None:
    with pytest.raises(BadInput, match="job/1"):
        records.put("job", "1", {"value": value})


def test_no_put_of_many_threads_is_lost(records: RecordStore) -> None:
    records.put("counter", "1", {"n": 0})

    def add(_: int) -> None:
        while True:
            seen = records.get("counter", "1")
            try:
                records.put("counter", "1", {"n": seen.body["n"] + 1}, expected=seen.version)
                return
            except Conflict:
                continue

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, range(40)))
    assert records.get("counter", "1").body == {"n": 40}


def test_a_second_store_on_the_file_sees_the_records(tmp_path: Path) -> None:
    SqliteRecords(tmp_path / "r.db").put("job", "1", {"a": 1})
    assert SqliteRecords(tmp_path / "r.db").get("job", "1").body == {"a": 1}


def test_a_body_too_long_for_the_table_is_refused_in_a_sentence(records_table: Callable[[], str]) -> None:
    records = DynamoRecords(records_table())
    noise = random.Random(1).randbytes(600_000).hex()
    with pytest.raises(BadInput, match="blob"):
        records.put("job", "1", {"noise": noise})
    with pytest.raises(NotFound):
        records.get("job", "1")


def test_a_table_that_is_not_there_is_told(emulator: Callable[[], Emulator]) -> None:
    emulator()
    records = DynamoRecords("nowhere")
    for ask in (
        lambda: records.get("job", "1"),
        lambda: records.put("job", "1", {}),
        lambda: records.query("job"),
        lambda: records.delete("job", "1"),
    ):
        with pytest.raises(SourceDown, match="nowhere"):
            ask()
