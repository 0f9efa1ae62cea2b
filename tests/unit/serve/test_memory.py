"""What the server remembers: made once, never stale, never more than it may hold."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import polars as pl
import pytest

from shelfcast.bootstrap import in_memory
from shelfcast.domain.tables.curated import ITEMS, LOCATIONS
from shelfcast.lake.merge import merge
from shelfcast.serve import memory
from shelfcast.serve.memory import remembered, standing

NOW = datetime(2026, 1, 5, tzinfo=UTC)


def load(platform, *items: str) -> None:
    merge(platform.tables, ITEMS, pl.DataFrame({"item_id": list(items)}), received_at=NOW)


def test_what_is_remembered_is_made_once_until_a_table_it_reads_changes():
    platform, made = in_memory(), []
    load(platform, "A")

    def count() -> int:
        made.append(platform.tables.state(ITEMS).rows)
        return made[-1]

    assert [remembered(platform, "count", [ITEMS], count) for _ in range(3)] == [1, 1, 1] and made == [1]
    load(platform, "A", "B")
    assert remembered(platform, "count", [ITEMS], count) == 2 and made == [1, 2]
    merge(platform.tables, LOCATIONS, pl.DataFrame({"location_id": ["S"]}), received_at=NOW)
    assert remembered(platform, "count", [ITEMS], count) == 2 and made == [1, 2]


def test_other_arguments_and_another_lake_are_other_things():
    one, other = in_memory(), in_memory()
    assert remembered(one, "name", [ITEMS], lambda: "first", 1) == "first"
    assert remembered(one, "name", [ITEMS], lambda: "second", 2) == "second"
    assert remembered(other, "name", [ITEMS], lambda: "third", 1) == "third"
    assert remembered(one, "name", [ITEMS], lambda: "never", 1) == "first"


def test_many_at_once_make_it_once():
    platform, made, start = in_memory(), [], threading.Barrier(8)

    def make() -> str:
        made.append(1)
        return "made"

    def ask() -> None:
        start.wait(10)
        remembered(platform, "slow", [ITEMS], make)

    asking = [threading.Thread(target=ask) for _ in range(8)]
    for one in asking:
        one.start()
    for one in asking:
        one.join(10)
    assert made == [1]


def test_one_that_fails_is_made_again_by_the_next():
    platform = in_memory()

    def fail() -> str:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        remembered(platform, "thing", [ITEMS], fail)
    assert remembered(platform, "thing", [ITEMS], lambda: "well") == "well"


def test_the_oldest_frames_go_when_too_much_is_held(monkeypatch):
    platform, made = in_memory(), []
    monkeypatch.setattr(memory, "MOST_BYTES", 20_000)

    def frame(name: str) -> pl.DataFrame:
        made.append(name)
        return pl.DataFrame({"number": range(1_000)})

    for name in ("a", "b", "a", "c", "a", "b"):
        remembered(platform, "frame", [ITEMS], lambda name=name: frame(name), name)
    assert made == ["a", "b", "c", "b"]


@pytest.mark.parametrize("most", [0, 1_000])
def test_standing_rows_are_the_same_out_of_memory_and_out_of_the_table(monkeypatch, most):
    monkeypatch.setattr(memory, "SMALL_ROWS", most)
    platform = in_memory()
    load(platform, "B", "A")
    assert standing(platform, ITEMS).collect()["item_id"].sort().to_list() == ["A", "B"]
    assert standing(platform, ITEMS, pl.col("item_id") == "B").collect()["item_id"].to_list() == ["B"]
    load(platform, "C")
    assert standing(platform, ITEMS).collect().height == 3
