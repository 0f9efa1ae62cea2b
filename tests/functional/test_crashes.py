"""Every edge after a crash at any write, and after SIGKILL in a process of its own on a real lake: once, whole, nothing twice."""

from __future__ import annotations

import json
import platform as machine
import random
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from shelfcast.bootstrap import in_memory, init_lake, open_platform
from shelfcast.domain.tables.curated import ITEMS, POS_EVENTS, SALES
from shelfcast.lake.as_of import current
from shelfcast.pipeline.ingest_cdc import ChangeReport, ingest_cdc
from shelfcast.pipeline.lease import KIND, Busy, lease
from shelfcast.ports.platform import Platform
from tests.functional.erp_lake import approve, states
from tests.functional.killed import work
from tests.unit.pipeline.test_ingest_events import Crash, Failing

NOW = datetime(2026, 3, 10, 6, tzinfo=UTC)
HEADER = "Op,cdc_timestamp,item_id,name,category"
FULL = (
    "I,2026-03-01 00:00:00,A,Apple,fruit",
    "I,2026-03-01 00:00:00,B,Bread,bakery",
    "I,2026-03-01 00:00:00,C,Cake,bakery",
)
FIRST = ("U,2026-03-02 08:00:01,A,Apples,fruit", "D,2026-03-02 08:00:02,B,,", "I,2026-03-02 09:00:00,E,Egg,dairy")
SECOND = (
    "U,2026-03-02 10:00:00,A,Apples 1 kg,fruit",
    "D,2026-03-02 11:00:00,E,,",
    "I,2026-03-02 12:00:00,E,Eggs,dairy",
)
EXPECTED = [("A", "Apples 1 kg"), ("C", "Cake"), ("E", "Eggs")]


def change_files(folder: Path, **files: tuple[str, ...]) -> None:
    place = folder / "shop" / "items"
    place.mkdir(parents=True, exist_ok=True)
    for name, lines in files.items():
        (place / f"{name.removeprefix('at_').replace('_', '-')}.csv").write_text("\n".join((HEADER, *lines)) + "\n")


def items(platform: Platform) -> list[tuple[Any, ...]]:
    return sorted(current(platform.tables, ITEMS).select("item_id", "name").collect().rows())


@pytest.fixture
def platform() -> Platform:
    made = in_memory()
    made.clock.moment = NOW  # type: ignore[attr-defined]
    return made


# Change files


def test_two_runs_at_once_take_a_table_in_one_after_the_other(platform, tmp_path):
    """The second is told: it would apply what the first has not remembered yet, and an older change could win."""
    change_files(tmp_path, LOAD00000001=FULL, at_20260302_080000000=FIRST + SECOND)
    told: list[ChangeReport] = []

    class Slow:
        def __getattr__(self, name: str) -> Any:
            return getattr(platform.tables, name)

        def replace(self, *arguments: Any, **more: Any) -> Any:
            if not told:
                other = threading.Thread(target=lambda: told.extend(ingest_cdc(platform, tmp_path)))
                other.start()
                other.join()
            return platform.tables.replace(*arguments, **more)

    (first,) = ingest_cdc(replace(platform, tables=Slow()), tmp_path)
    assert (first.state, told[0].state) == ("done", "busy")
    assert "is being worked on already, by process" in told[0].error
    assert ingest_cdc(platform, tmp_path)[0].state == "unchanged"
    assert items(platform) == EXPECTED


def test_a_lease_of_a_worker_that_is_gone_holds_nobody_up(platform):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    now = platform.clock.now()
    until = {"since": now.isoformat(), "until": (now + timedelta(hours=1)).isoformat()}
    gone = {"host": machine.node(), "pid": ended.pid, "thread": 1} | until
    platform.records.put(KIND, "gone", gone)
    told: list[BaseException | None] = []

    def another() -> None:
        try:
            with lease(platform, "gone"):
                told.append(None)
        except Busy as error:
            told.append(error)

    with lease(platform, "gone"), lease(platform, "other"):
        thread = threading.Thread(target=another)
        thread.start()
        thread.join()
    assert isinstance(told[0], Busy)
    platform.records.put(KIND, "elsewhere", gone | {"host": "elsewhere"})
    with pytest.raises(Busy, match="on elsewhere since 2026-03-10 06:00:00 UTC"), lease(platform, "elsewhere"):
        pass
    platform.clock.advance(timedelta(hours=2))  # type: ignore[attr-defined]
    with lease(platform, "elsewhere"):
        assert platform.records.get(KIND, "elsewhere").body["host"] == machine.node()
    assert platform.records.query(KIND) == []


def test_a_crash_at_any_write_of_changes_ends_as_the_source_stands(tmp_path):
    crashes = 0
    for at in range(1, 60, 2):
        made = in_memory()
        made.clock.moment = NOW  # type: ignore[attr-defined]
        countdown = [at]
        ports = {name: Failing(getattr(made, name), countdown) for name in ("tables", "blobs", "records")}
        failing, folder = replace(made, **ports), tmp_path / str(at)
        for files in ({"LOAD00000001": FULL, "at_20260302_080000000": FIRST}, {"at_20260302_100000000": SECOND}):
            change_files(folder, **files)
            try:
                ingest_cdc(failing, folder)
            except Crash:
                crashes += 1
                ingest_cdc(made, folder)
        assert items(made) == EXPECTED, at
        assert ingest_cdc(made, folder)[0].state == "unchanged"
        if countdown[0] > 0:
            break
    assert crashes >= 5


# Killed


def till_events(folder: Path) -> None:
    luck = random.Random(3)
    events = [
        {"event_id": str(n), "occurred_at": f"2026-03-{luck.randint(1, 3):02}T10:00:00Z", "item_id": luck.choice("AB"),
         "location_id": "S", "units": luck.randint(1, 5)}
        for n in range(60)
    ]  # fmt: skip
    for number, part in enumerate((events[:40], events[30:])):
        (folder / f"{number}.json").write_text(json.dumps(part))


def database(folder: Path) -> None:
    rows = [(f"I{n % 5}", "S", f"2026-02-{n // 5 + 1:02}", float(n), n) for n in range(100)]
    with closing(sqlite3.connect(folder / "shop.db")) as connection:
        connection.execute("CREATE TABLE sales (item text, store text, day text, qty real, line integer)")
        connection.executemany("INSERT INTO sales VALUES (?, ?, ?, ?, ?)", rows)
        connection.commit()


def outcome(platform: Platform, edge: str, folder: Path) -> Any:
    """What must be the same, killed or not."""
    sales = sorted(current(platform.tables, SALES).select("item_id", "location_id", "date", "units").collect().rows())
    if edge == "events":
        standing = current(platform.tables, POS_EVENTS).select(pl.len(), pl.col("event_id").n_unique()).collect().row(0)
        return sales, standing
    if edge == "orders":
        files = [one.read_text() for one in sorted(folder.glob("orders-*.csv"))]
        refs = sorted(line.split(",")[0] for one in files for line in one.splitlines()[1:])
        return refs, states(platform)
    return (items(platform), sales) if edge == "changes" else sales


@pytest.mark.parametrize(
    ("edge", "writes"), [("events", (2, 6)), ("changes", (6, 11)), ("database", (7,)), ("orders", (3, 6))]
)
def test_a_process_killed_in_the_middle_loses_nothing_and_does_nothing_twice(tmp_path, edge, writes):
    folder = tmp_path / "in"
    folder.mkdir()
    if edge == "events":
        till_events(folder)
    elif edge == "changes":
        change_files(folder, LOAD00000001=FULL, at_20260302_080000000=FIRST + SECOND)
    elif edge == "database":
        database(folder)
    lakes = [init_lake(tmp_path / f"lake{n}").parent for n in (0, *writes)]
    answers = []
    for lake, after in zip(lakes, (0, *writes), strict=True):
        platform = open_platform(lake)
        place = tmp_path / f"out{after}" if edge == "orders" else folder
        if edge == "orders":
            approve(platform, "r1", "r2", "r3")
        if after:
            command = [sys.executable, "-m", "tests.functional.killed", edge, str(lake), str(place), str(after)]
            root = Path(__file__).parents[2]
            killed = subprocess.run(command, cwd=root, capture_output=True, timeout=300, check=False)
            assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()[-2000:]
        work(platform, edge, place)
        answers.append(outcome(platform, edge, place))
    assert all(answer == answers[0] for answer in answers)
    assert answers[0][0]
