"""A file of till lines sent as events at a chosen pace."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from shelfcast.bootstrap import in_memory
from shelfcast.domain.errors import BadParameter
from shelfcast.domain.tables.curated import SALES
from shelfcast.pipeline.ingest_events import ingest_events
from shelfcast.pipeline.receive_events import EventIntake, event_log
from shelfcast.pipeline.replay_events import replay_file

CSV = """event_id,occurred_at,item_id,location_id,units,unit_price,event_kind,refers_to
3,2025-03-02T10:02:00Z,A,S,1,2.5,return,
1,2025-03-02T10:00:00Z,A,S,3,2.5,sale,
2,2025-03-02T10:01:00Z,B,S,oops,2.5,sale,
4,2025-03-02T10:10:00Z,A,S,0,2.5,void,3
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "till.csv"
    path.write_text(CSV)
    return path


def test_lines_are_sent_in_the_order_of_their_time_at_the_pace_asked_for(file: Path) -> None:
    bodies: list[list[dict]] = []
    clock = [0.0]
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(round(seconds, 3))
        clock[0] += seconds

    def send(body: bytes) -> tuple[int, int]:
        bodies.append(json.loads(body))
        return len(bodies[-1]), 0

    done = replay_file(in_memory(), file, send, speed=60, wait=wait, clock=lambda: clock[0])
    assert (done.events, done.accepted, done.refused, done.unreadable) == (4, 3, 0, 1)
    assert "oops" in done.reasons[0]
    assert [[one["event_id"] for one in body] for body in bodies] == [["1"], ["3"], ["4"]]
    assert waits == [2.0, 8.0]
    assert bodies[0][0]["known_at"] == bodies[0][0]["occurred_at"]


def test_a_replay_without_waiting_ends_as_sales(file: Path) -> None:
    platform = in_memory()
    intake = EventIntake(event_log(platform), platform.clock)

    def send(body: bytes) -> tuple[int, int]:
        done = intake.receive(body, "replay")
        return done.accepted, len(done.dead)

    for _ in range(2):
        done = replay_file(platform, file, send, speed=0, wait=lambda _: None, clock=lambda: 0.0)
        assert (done.accepted, done.refused) == (3, 0)
        ingest_events(platform)
    rows = platform.tables.scan(SALES).select("item_id", "date", "units", "revenue").collect().rows()
    assert rows == [("A", date(2025, 3, 2), 3.0, 7.5)]
    assert isinstance(platform.tables.scan(SALES).collect(), pl.DataFrame)


def test_a_pace_below_zero_is_refused(file: Path) -> None:
    with pytest.raises(BadParameter, match="speed -1"):
        replay_file(in_memory(), file, lambda _: (0, 0), speed=-1, wait=lambda _: None, clock=lambda: 0.0)
