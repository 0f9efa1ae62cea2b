"""Till events count once: under duplicates, disorder, crashes at any point, and two consumers at once."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from shelfcast.bootstrap import in_memory
from shelfcast.domain.errors import SourceDown
from shelfcast.domain.slices import Slice
from shelfcast.domain.tables import Table
from shelfcast.domain.tables.curated import LOCATIONS, POS_EVENTS, SALES
from shelfcast.domain.tables.results import FORECASTS
from shelfcast.lake.as_of import as_of, current, end_of
from shelfcast.lake.merge import merge
from shelfcast.lake.replace import replace as replace_rows
from shelfcast.pipeline.ingest_events import EventReport, ingest_events
from shelfcast.pipeline.ingest_files import ingest_files
from shelfcast.pipeline.receive_events import (
    EventIntake,
    Overloaded,
    event_log,
    list_dead_letters,
    receive_records,
    retry_dead_letters,
)
from shelfcast.pipeline.run_cycle import last_sales_date
from shelfcast.ports.platform import Platform
from shelfcast.serve.intraday import sales_today

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


def event(number: int | str, units: float = 1, kind: str = "sale", **more: Any) -> dict[str, Any]:
    made = {
        "event_id": str(number),
        "occurred_at": "2026-03-02T10:00:00Z",
        "item_id": "A",
        "location_id": "S",
        "units": units,
    }
    return made | {"event_kind": kind} | more


@pytest.fixture
def platform() -> Platform:
    made = in_memory()
    made.clock.moment = NOW  # type: ignore[attr-defined]
    return made


def send(platform: Platform, *events: Any) -> None:
    EventIntake(event_log(platform), platform.clock).receive(json.dumps(events).encode(), "till")


def later(platform: Platform, **by: float) -> None:
    platform.clock.advance(timedelta(**by))  # type: ignore[attr-defined]


def sales(platform: Platform) -> list[tuple]:
    rows = current(platform.tables, SALES).select("item_id", "location_id", "date", "units").collect()
    return sorted(rows.rows())


def test_events_become_sales_of_their_day(platform):
    send(platform, event(1, 3), event(2, 2, unit_price=1.5), event(3, 1, "return"))
    report = ingest_events(platform)
    assert (report.events, report.inserted, report.days) == (3, 3, 1)
    assert sales(platform) == [("A", "S", date(2026, 3, 2), 4.0)]
    assert ingest_events(platform) == EventReport()


def test_events_sent_again_change_nothing(platform):
    send(platform, event(1, 3), event(1, 3))
    send(platform, event(1, 3))
    first = ingest_events(platform)
    assert (first.events, first.inserted, first.unchanged) == (3, 1, 2)
    later(platform, hours=5)
    send(platform, event(1, 3))
    again = ingest_events(platform)
    assert (again.inserted, again.corrected, again.unchanged, again.sales_corrected) == (0, 0, 1, 0)
    assert sales(platform) == [("A", "S", date(2026, 3, 2), 3.0)]


def test_only_the_days_that_changed_are_touched(platform):
    send(platform, event(1), event(2, occurred_at="2026-03-03T10:00:00Z"))
    ingest_events(platform)
    before = current(platform.tables, SALES).filter(pl.col("date") == date(2026, 3, 3)).collect()
    later(platform, hours=1)
    send(platform, event(3, 0, "void", refers_to="1", occurred_at="2026-03-09T10:00:00Z"))
    report = ingest_events(platform)
    assert report.sales_corrected == 1
    after = current(platform.tables, SALES).filter(pl.col("date") == date(2026, 3, 3)).collect()
    assert after.equals(before)
    assert sales(platform) == [("A", "S", date(2026, 3, 2), 0.0), ("A", "S", date(2026, 3, 3), 1.0)]


def test_a_void_that_comes_before_its_line_waits_for_it(platform):
    send(platform, event("v", 0, "void", refers_to="1", occurred_at="2026-03-04T10:00:00Z"))
    assert ingest_events(platform).waiting == 1
    assert sales(platform) == []
    send(platform, event(1, 3), event(2, 1))
    assert ingest_events(platform).waiting == 0
    assert sales(platform) == [("A", "S", date(2026, 3, 2), 1.0)]


def test_an_event_sent_again_with_another_day_leaves_the_day_it_had(platform):
    send(platform, event(1, 3))
    ingest_events(platform)
    later(platform, hours=1)
    send(platform, event(1, 3, occurred_at="2026-03-05T10:00:00Z"))
    ingest_events(platform)
    assert sales(platform) == [("A", "S", date(2026, 3, 2), 0.0), ("A", "S", date(2026, 3, 5), 3.0)]


def test_the_business_date_is_the_shops_own_day(platform):
    shops = pl.DataFrame(
        {"location_id": ["B", "N"], "time_zone": ["Europe/Berlin", "America/New_York"], "day_start": ["04:00", "00:00"]}
    )
    merge(platform.tables, LOCATIONS, shops, received_at=NOW)
    send(
        platform,
        event(1, location_id="B", occurred_at="2026-03-03T02:30:00Z"),  # 03:30 in Berlin: still the day before
        event(2, location_id="B", occurred_at="2026-03-03T03:30:00Z"),
        event(3, location_id="N", occurred_at="2026-03-03T04:30:00Z"),  # 23:30 in New York
    )
    ingest_events(platform)
    assert sales(platform) == [
        ("A", "B", date(2026, 3, 2), 1.0), ("A", "B", date(2026, 3, 3), 1.0), ("A", "N", date(2026, 3, 2), 1.0),
    ]  # fmt: skip


def file_says(platform: Platform, units: float, item: str = "A") -> None:
    row = {"item_id": [item], "location_id": ["S"], "date": [date(2026, 3, 2)], "units": [units], "origin": ["file"]}
    merge(platform.tables, SALES, pl.DataFrame(row), received_at=platform.clock.now())


@pytest.mark.parametrize("file_first", [True, False])
@pytest.mark.parametrize("units", [5.0, 3.0])
def test_a_files_row_stands_whichever_came_first(platform, file_first, units):
    if file_first:
        file_says(platform, units)
    send(platform, event(1, 3), event(2, 1, item_id="B"))
    report = ingest_events(platform)
    if not file_first:
        later(platform, hours=1)
        file_says(platform, units)
    later(platform, hours=1)
    send(platform, event(3, 4))
    late = ingest_events(platform)
    assert sales(platform) == [("A", "S", date(2026, 3, 2), units), ("B", "S", date(2026, 3, 2), 1.0)]
    assert (late.from_files, late.differing) == (1, 1)
    assert report.differing == int(file_first and units != 3)


def test_a_late_event_is_known_from_when_it_came(platform):
    send(platform, event(1, 3, known_at="2026-03-02T10:00:00Z"))
    ingest_events(platform)
    later(platform, hours=1)
    send(platform, event(2, 4))
    ingest_events(platform)
    then = as_of(platform.tables, SALES, end_of(date(2026, 3, 5))).select("units").collect()
    now = as_of(platform.tables, SALES, end_of(date(2026, 3, 10))).select("units").collect()
    assert (then["units"].to_list(), now["units"].to_list()) == ([3.0], [7.0])


def test_history_replayed_in_pieces_keeps_an_honest_past(platform):
    for number in range(4):
        send(platform, event(number, 1, known_at="2026-03-02T10:00:00Z"))
        ingest_events(platform)
        later(platform, minutes=1)
    assert as_of(platform.tables, SALES, end_of(date(2026, 3, 2))).select("units").collect().item() == 4.0
    assert platform.tables.state(SALES).rows == 1


def test_todays_sales_are_no_cutoff_yet_but_can_be_seen(platform):
    send(platform, event(1, 3), event(2, 2, unit_price=1.5, occurred_at="2026-03-10T11:59:00Z"))
    ingest_events(platform)
    assert last_sales_date(platform) == date(2026, 3, 2)
    (row,) = sales_today(platform).rows
    assert (row["location_id"], row["units"], row["revenue"], row["lines"]) == ("S", 2.0, 3.0, 1)
    (row,) = sales_today(platform, locations=["S"], by_item=True).rows
    assert (row["item_id"], row["last_event_at"]) == ("A", datetime(2026, 3, 10, 11, 59, tzinfo=UTC))
    assert sales_today(platform, locations=["nowhere"]).rows == []
    assert sales_today(platform, items=["B"]).rows == []


def test_todays_sales_stand_beside_what_was_expected_of_the_day(platform):
    send(platform, event(1, 2, occurred_at="2026-03-10T11:59:00Z"))
    ingest_events(platform)
    assert sales_today(platform).rows[0]["expected_units"] is None
    days = [date(2026, 3, 10), date(2026, 3, 10), date(2026, 3, 11)]
    forecasts = pl.DataFrame({"item_id": ["A", "B", "A"], "date": days, "mean": [3.5, 4.0, 9.0]}).with_columns(
        pl.lit(date(2026, 3, 9)).alias("cutoff"), pl.lit("base").alias("scenario"), pl.lit("final").alias("stage"),
        pl.lit("S").alias("location_id"), pl.lit("run").alias("run_id"),
    )  # fmt: skip
    replace_rows(platform.tables, FORECASTS, FORECASTS.conform(forecasts), Slice.of(run_id="run"))
    (row,) = sales_today(platform).rows
    assert (row["units"], row["expected_units"]) == (2.0, 7.5)
    (row,) = sales_today(platform, items=["A"], by_item=True).rows
    assert (row["item_id"], row["expected_units"]) == ("A", 3.5)
    send(platform, event(2, 1, occurred_at="2026-03-10T11:59:30Z"))
    ingest_events(platform)
    assert sales_today(platform).rows[0]["units"] == 3.0


def test_in_a_weekly_lake_todays_sales_are_the_days_own(platform):
    send(platform, event(1, 3, occurred_at="2026-03-09T10:00:00Z"), event(2, 2, occurred_at="2026-03-10T10:00:00Z"))
    send(platform, event(3, 1, occurred_at="2026-03-10T10:30:00Z", item_id="B"), event(4, 1, "void", refers_to="3"))
    ingest_events(platform, frequency="W")
    assert [row["units"] for row in sales_today(platform).rows] == [2.0]
    rows = sales_today(platform, by_item=True).rows
    assert [(row["item_id"], row["units"]) for row in rows] == [("A", 2.0), ("B", 0.0)]


def test_a_weekly_lake_gets_weeks(platform):
    send(platform, event(1, 3), event(2, 2, occurred_at="2026-03-08T10:00:00Z"))
    ingest_events(platform, frequency="W")
    send(platform, event(3, 1, occurred_at="2026-03-05T10:00:00Z"))
    ingest_events(platform, frequency="W")
    assert sales(platform) == [("A", "S", date(2026, 3, 2), 6.0)]


def test_till_lines_that_came_by_file_are_added_up_once(platform, tmp_path):
    file = tmp_path / "pos_events.csv"
    line = "1,2026-03-02T10:00:00Z,A,S,3,sale\n2,2026-03-02T11:00:00Z,B,S,1,sale\n"
    file.write_text("event_id,occurred_at,item_id,location_id,units,event_kind\n" + line)
    file_says(platform, 5.0, "B")
    ingest_files(platform, [file])
    report = ingest_events(platform)
    assert (report.sales_inserted, report.from_files, report.differing) == (1, 1, 1)
    assert sales(platform) == [("A", "S", date(2026, 3, 2), 3.0), ("B", "S", date(2026, 3, 2), 5.0)]
    assert ingest_events(platform) == EventReport()
    assert (
        as_of(platform.tables, SALES, end_of(date(2026, 3, 2))).filter(pl.col("item_id") == "A").collect().height == 1
    )


# Poison


def test_a_damaged_batch_goes_to_the_dead_letters_and_holds_up_nothing(platform):
    platform.blobs.put("raw/events/2026-03-10T12/0-damaged.ndjson", b"{half a li")
    send(platform, event(1, 3))
    report = ingest_events(platform)
    assert (report.damaged, report.inserted) == (1, 1)
    (letter,) = list_dead_letters(platform)
    assert letter["rule"] == "damaged_batch" and letter["event"] == "{half a li"
    assert ingest_events(platform) == EventReport()


def test_events_of_a_shop_with_an_unknown_clock_wait_as_dead_letters_and_are_taken_when_it_is_mended(platform):
    merge(
        platform.tables, LOCATIONS, pl.DataFrame({"location_id": ["S"], "time_zone": ["Mars/Olympus"]}), received_at=NOW
    )
    send(platform, event(1, 3), event(2, 1, location_id="T"))
    report = ingest_events(platform)
    assert (report.events, report.inserted, report.dead) == (2, 1, 1)
    assert "Mars/Olympus" in list_dead_letters(platform)[0]["reason"]
    merge(platform.tables, LOCATIONS, pl.DataFrame({"location_id": ["S"], "time_zone": ["UTC"]}), received_at=NOW)
    later(platform, minutes=1)
    assert retry_dead_letters(platform) == {"tried": 1, "accepted": 1, "still dead": 0}
    ingest_events(platform)
    assert ("A", "S", date(2026, 3, 2), 3.0) in sales(platform)
    assert list_dead_letters(platform) == []


def test_dead_letters_are_tried_again_and_what_is_still_wrong_stays(platform):
    send(platform, event(1, occurred_at="2026-03-11T10:00:00Z"), event(2, units="x"), event(3))
    assert len(list_dead_letters(platform)) == 2
    later(platform, days=2)
    assert retry_dead_letters(platform) == {"tried": 2, "accepted": 1, "still dead": 1}
    assert [one["event"]["event_id"] for one in list_dead_letters(platform)] == ["2"]
    assert retry_dead_letters(platform) == {"tried": 1, "accepted": 0, "still dead": 1}
    ingest_events(platform)
    assert [row[2] for row in sales(platform)] == [date(2026, 3, 2), date(2026, 3, 11)]


def test_many_dead_letters_of_one_cause_are_all_tried_again_though_no_request_could_hold_them(platform):
    clock = {"location_id": ["S"], "time_zone": ["Mars/Olympus"]}
    merge(platform.tables, LOCATIONS, pl.DataFrame(clock), received_at=NOW)
    for start in (0, 7_000):
        send(platform, *(event(number) for number in range(start, start + 7_000)))
    assert ingest_events(platform).dead == 14_000
    merge(platform.tables, LOCATIONS, pl.DataFrame(clock | {"time_zone": ["UTC"]}), received_at=NOW)
    later(platform, minutes=1)
    assert retry_dead_letters(platform) == {"tried": 14_000, "accepted": 14_000, "still dead": 0}
    assert ingest_events(platform).inserted == 14_000


def test_a_letter_too_large_to_be_sent_again_holds_up_no_other(platform):
    platform.blobs.put("raw/events/2026-03-10T11/0-damaged.ndjson", b"{" + b"x" * (9 << 20))
    send(platform, event(1, occurred_at="2026-03-11T10:00:00Z"))
    ingest_events(platform)
    later(platform, days=2)
    assert retry_dead_letters(platform) == {"tried": 2, "accepted": 1, "still dead": 1}
    assert [one["rule"] for one in list_dead_letters(platform)] == ["damaged_batch"]


def test_a_damaged_request_costs_its_batch_no_other(platform):
    send(platform, event(1, 3))
    (good,) = platform.blobs.list("raw/events/")
    whole = platform.blobs.get(good)
    platform.blobs.delete(good)
    platform.blobs.put(good, b"{half a li\n" + whole)
    report = ingest_events(platform)
    assert (report.damaged, report.inserted) == (1, 1)
    assert [one["event"] for one in list_dead_letters(platform)] == ["{half a li"]


def test_an_event_known_only_in_the_future_does_not_hide_its_neighbours(platform):
    send(platform, event(1, 3), event(2, 4, known_at="2999-01-01T00:00:00Z"))
    assert [one["rule"] for one in list_dead_letters(platform)] == ["in_future"]
    ingest_events(platform)
    seen = as_of(platform.tables, SALES, NOW + timedelta(minutes=1)).collect()
    assert seen["units"].to_list() == [3.0]


# Exactly once


def history(seed: int) -> list[dict[str, Any]]:
    """Events of two shops and three days, a third of them about earlier ones, some sent with other values later."""
    luck = random.Random(seed)
    made: list[dict[str, Any]] = []
    for number in range(60):
        kind = luck.choice(["sale", "sale", "sale", "return", "void", "correction"])
        refers = (
            {"refers_to": str(luck.randrange(60))} if kind in ("void", "correction") and luck.random() < 0.8 else {}
        )
        if refers.get("refers_to") == str(number):
            refers = {}
        at = f"2026-03-0{luck.randint(2, 4)}T1{luck.randrange(10)}:{luck.randint(10, 59)}:00Z"
        where = {"item_id": luck.choice("AB"), "location_id": luck.choice("ST"), "occurred_at": at, "unit_price": 2.0}
        made.append(event(number, luck.randint(1, 4), kind, **where, **refers))
    return made


def ingested(batches: Sequence[Sequence[dict[str, Any]]]) -> list[tuple]:
    platform = in_memory()
    platform.clock.moment = NOW  # type: ignore[attr-defined]
    for batch in batches:
        send(platform, *batch)
        ingest_events(platform)
        later(platform, minutes=1)
    return sales(platform)


@pytest.mark.parametrize("seed", range(4))
def test_order_and_repetition_change_nothing(seed):
    events, luck = history(seed), random.Random(seed)
    expected = [row for row in ingested([events]) if row[3]]
    shuffled = luck.sample(events, len(events)) + luck.choices(events, k=30)
    pieces = [shuffled[start : start + 17] for start in range(0, len(shuffled), 17)]
    assert [row for row in ingested(pieces) if row[3]] == expected


class Crash(BaseException):
    """The machine goes away."""


class Failing:
    """A port right after whose n-th write the process goes away (which is also right before the next one)."""

    def __init__(self, port: Any, countdown: list[int]) -> None:
        self._port, self._countdown = port, countdown

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if name not in ("put", "replace", "delete"):
            return found

        def write(*arguments: Any, **more: Any) -> Any:
            done = found(*arguments, **more)
            self._countdown[0] -= 1
            if self._countdown[0] == 0:
                raise Crash
            return done

        return write


def test_a_crash_at_any_write_loses_nothing_and_counts_nothing_twice():
    batches = [history(3)[:25], [*history(3)[20:], {"poison": 1}]]
    expected = ingested([batches[0], batches[1]])
    crashes = 0
    for at in range(1, 60):
        platform = in_memory()
        platform.clock.moment = NOW  # type: ignore[attr-defined]
        countdown = [at]
        failing = replace(
            platform,
            tables=Failing(platform.tables, countdown),
            blobs=Failing(platform.blobs, countdown),
            records=Failing(platform.records, countdown),
        )
        for batch in batches:
            try:
                send(failing, *batch)
            except Crash:
                crashes += 1
                send(platform, *batch)  # no answer came, so the till sends again
            try:
                ingest_events(failing)
            except Crash:
                crashes += 1
                ingest_events(platform)
            later(platform, minutes=1)
        assert sales(platform) == expected, at
        standing = current(platform.tables, POS_EVENTS).collect()
        assert standing["event_id"].n_unique() == standing.height == 60
        assert ingest_events(platform) == EventReport()
        if countdown[0] > 0:
            break
    assert crashes >= 12


class Meddling:
    """Tables before whose first write of sales another consumer does all its work."""

    def __init__(self, tables: Any, other: Any) -> None:
        self._tables, self._other = tables, other

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tables, name)

    def replace(self, table: Table, rows: pl.DataFrame | Iterable[pl.DataFrame], *arguments: Any, **more: Any) -> Any:
        if table.name == SALES.name and self._other is not None:
            other, self._other = self._other, None
            other()
        return self._tables.replace(table, rows, *arguments, **more)


def test_two_consumers_at_once_end_as_one(platform):
    send(platform, *history(1)[:30])

    def second_consumer() -> None:
        send(platform, *history(1)[30:])
        ingest_events(platform)

    ingest_events(replace(platform, tables=Meddling(platform.tables, second_consumer)))
    ingest_events(platform)
    assert [row for row in sales(platform) if row[3]] == [row for row in ingested([history(1)]) if row[3]]


def test_many_consumers_and_tills_at_once(platform):
    events = history(2)
    errors: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for start in range(0, 60, 15):
                send(platform, *events[start : start + 15])
                ingest_events(platform)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    ingest_events(platform)
    assert errors == []
    assert [row for row in sales(platform) if row[3]] == [row for row in ingested([events]) if row[3]]


# The way in


def test_a_delivery_of_a_stream_that_comes_twice_makes_one_batch(platform):
    log = event_log(platform)
    records = [
        ("100", json.dumps(event(1, 3)).encode()),
        ("101", b"\xff poison"),
        ("102", json.dumps([event(2), 7]).encode()),
    ]
    for minutes in (0, 50):
        done = receive_records(log, "shard-0", records, arrived_at=NOW, now=NOW + timedelta(minutes=minutes))
        assert (done.accepted, len(done.dead)) == (2, 2)
    assert len(log.pending(NOW)) == 1
    ingest_events(platform)
    assert sales(platform) == [("A", "S", date(2026, 3, 2), 4.0)]


class SlowLog:
    """A log whose disk is slow: the first append waits until it is let go."""

    def __init__(self, log: Any) -> None:
        self._log, self.go, self.waits, self.batches = log, threading.Event(), threading.Event(), 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)

    def append(self, data: bytes, **more: Any) -> str:
        self.batches += 1
        self.waits.set()
        self.go.wait(10)
        return str(self._log.append(data, **more))


def test_requests_that_come_while_a_batch_is_written_are_written_together_and_too_many_are_turned_away(platform):
    log = SlowLog(event_log(platform))
    intake = EventIntake(log, platform.clock, max_waiting_events=5)
    done: list[int] = []

    def one(number: int) -> None:
        done.append(intake.receive(json.dumps([event(number)]).encode(), "till").accepted)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(5)]
    threads[0].start()
    assert log.waits.wait(10)
    for thread in threads[1:]:
        thread.start()
    while intake._waiting_events < 5:
        threading.Event().wait(0.001)
    with pytest.raises(Overloaded, match="Send the same request again in 2 s") as refused:
        intake.receive(json.dumps([event(9)]).encode(), "till")
    assert refused.value.retry_after_seconds == 2
    log.go.set()
    for thread in threads:
        thread.join()
    assert (done, log.batches) == ([1] * 5, 2)
    assert ingest_events(platform).events == 5


def test_events_are_not_answered_for_when_they_can_not_be_kept(platform):
    class Full:
        def append(self, data: bytes, **more: Any) -> str:
            raise SourceDown("the disk is full")

    with pytest.raises(SourceDown, match="full"):
        EventIntake(Full(), platform.clock).receive(json.dumps([event(1)]).encode(), "till")  # type: ignore[arg-type]


def test_hours_that_are_over_are_not_looked_through_again_unless_asked_for(platform):
    send(platform, event(1))
    ingest_events(platform)
    later(platform, hours=30)
    send(platform, event(2))
    ingest_events(platform)
    platform.blobs.put(
        "raw/events/2026-03-10T12/late.ndjson", platform.blobs.get(platform.blobs.list("raw/events/")[-1])
    )
    assert ingest_events(platform).batches == 0
    assert ingest_events(platform, everything=True).batches == 1
    assert ingest_events(platform, everything=True).batches == 0


def test_a_batch_that_comes_into_an_hour_long_over_is_taken_all_the_same(platform):
    log = event_log(platform)
    send(platform, event(1))
    ingest_events(platform)
    later(platform, hours=30)
    send(platform, event(2))
    ingest_events(platform)
    # The stream's reader was down: what arrived there 20 hours ago is read now.
    arrived = platform.clock.now() - timedelta(hours=20)
    receive_records(
        log, "shard-0", [("1", json.dumps(event(3)).encode())], arrived_at=arrived, now=platform.clock.now()
    )
    assert ingest_events(platform).inserted == 1
    assert ingest_events(platform) == EventReport() and platform.records.query("events_late") == []
    receive_records(
        log, "shard-0", [("2", json.dumps(event(4)).encode())], arrived_at=arrived, now=platform.clock.now()
    )
    assert ingest_events(platform).inserted == 1


def test_a_batch_that_comes_while_its_hour_is_sealed_is_not_lost(platform):
    log = event_log(platform)
    send(platform, event(1))
    ingest_events(platform)
    later(platform, hours=30)
    arrived = platform.clock.now() - timedelta(hours=20)

    class Sealing:
        """Right before the hours are sealed, a batch comes into one of them."""

        def __getattr__(self, name: str) -> Any:
            return getattr(platform.records, name)

        def put(self, kind: str, *arguments: Any, **more: Any) -> Any:
            if kind == "events_sealed":
                receive_records(
                    log, "shard-0", [("1", json.dumps(event(3)).encode())], arrived_at=arrived, now=platform.clock.now()
                )
            return platform.records.put(kind, *arguments, **more)

    send(platform, event(2))
    ingest_events(replace(platform, records=Sealing()))
    assert ingest_events(platform).inserted == 1
