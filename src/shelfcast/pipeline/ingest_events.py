"""Event log -> curated events -> daily sales: the `ingest` step's share of the till.

    pending batches -> read -> business date -> declared rules -> merge by event_id -> add up the days touched -> mark taken

A batch is marked as taken last, and everything before it can be done twice without a change. So a run killed anywhere is
simply run again, two at once end as one, and an event counts once however often and in whatever order it came.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, time
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from shelfcast.domain.errors import BadFile
from shelfcast.domain.tables.curated import LOCATIONS, POS_EVENTS
from shelfcast.lake.merge import merge
from shelfcast.pipeline.load_dimensions import business_dates
from shelfcast.pipeline.receive_events import bury, event_log
from shelfcast.pipeline.sum_events import DailySales, days_of, sum_days
from shelfcast.ports.event_log import EventLog
from shelfcast.ports.platform import Platform
from shelfcast.quality.rules import check_rows
from shelfcast.sources.pos_events import DeadLetter, read_lines, read_what_can_be

CHUNK_EVENTS = 1_000_000
"""Events merged at a time."""
KIND = "event_runs"
SUMMED = "event_loads_summed"
PREFIX = "events-"
"""Begins the `load_id` of events that came through the log."""
TASK = "till events"
CAME = ("event_id", "occurred_at", "item_id", "location_id", "units", "unit_price", "event_kind", "receipt_id", "refers_to", "known_at")  # fmt: skip


@dataclass(frozen=True)
class EventReport:
    """What a run did. events = inserted + corrected + unchanged + dead, for every run."""

    batches: int = 0
    events: int = 0
    inserted: int = 0
    corrected: int = 0
    unchanged: int = 0
    """Events that came before, in this run or an earlier one, with the same values."""
    dead: int = 0
    damaged: int = 0
    """Batches of which something could not be read; that lies in the dead-letter folder, the rest was taken."""
    days: int = 0
    """(location, business date) added up anew."""
    sales_inserted: int = 0
    sales_corrected: int = 0
    from_files: int = 0
    """Rows of sales left alone because a file's row stands."""
    differing: int = 0
    """Of those, rows that differ from what the events add up to."""
    waiting: int = 0
    """Voids and corrections whose line has not come yet."""

    def __add__(self, other: EventReport) -> EventReport:
        return EventReport(*(mine + more for mine, more in zip(asdict(self).values(), asdict(other).values())))

    def as_record(self) -> dict[str, Any]:
        return asdict(self)


def ingest_events(platform: Platform, *, frequency: str = "D", everything: bool = False) -> EventReport:
    """Take every pending batch of the event log into the lake.

    Args:
        frequency: the lake's period (D, W).
        everything: look for batches in hours that are sealed too.

    Raises:
        Conflict: other writers came first every time; what is done is done, run it again.
    """
    log, total = event_log(platform), EventReport()
    names = log.pending(platform.clock.now(), everything=everything)
    platform.progress.start(TASK, len(names))
    for part in _chunks(log, names):
        total += _take(platform, log, part, frequency)
        log.mark_taken(part.names, platform.clock.now())
        platform.progress.advance(TASK, len(part.names))
    total += _from_files(platform, frequency)
    if total != EventReport():
        now = platform.clock.now()
        platform.records.put(KIND, f"{now:%Y%m%dT%H%M%S%f}", {"at": now.isoformat(), **total.as_record()})
    platform.progress.done(TASK, f"{total.events:,} events, {total.days:,} days added up")
    return total


def _from_files(platform: Platform, frequency: str) -> EventReport:
    """Add up till lines that came by file or database: loads (by their id and number of lines) not added up yet."""
    if not platform.tables.state(POS_EVENTS).rows:
        return EventReport()
    stored = platform.tables.scan(POS_EVENTS)
    loads = stored.filter(~pl.col("load_id").fill_null("").str.starts_with(PREFIX)).group_by("load_id").len().collect()
    done = {(one.record_id, one.body["lines"]) for one in platform.records.query(SUMMED)}
    total = EventReport()
    for load_id, lines in sorted(loads.iter_rows(), key=str):
        if (record_id := load_id or "unnamed", lines) in done:
            continue
        rows = stored.filter(pl.col("load_id").eq_missing(pl.lit(load_id)))
        events = rows.select("event_id", "location_id", "business_date", "refers_to", "known_at").collect()
        newest = events["known_at"].max()
        assert isinstance(newest, datetime)
        sales = sum_days(platform, days_of(platform, events), known_at=newest, frequency=frequency)
        platform.records.put(SUMMED, record_id, {"lines": lines, "at": platform.clock.now().isoformat()})
        total += _of_sales(sales)
    return total


def _of_sales(sales: DailySales, **more: int) -> EventReport:
    return EventReport(
        days=sales.days, sales_inserted=sales.inserted, sales_corrected=sales.corrected, from_files=sales.from_files,
        differing=sales.differing, waiting=sales.waiting, **more,
    )  # fmt: skip


@dataclass(frozen=True)
class _Chunk:
    """Batches that are taken together."""

    names: Sequence[str]
    frames: Sequence[pl.DataFrame]
    damaged: Sequence[tuple[str, str, str]]
    """(batch, text of a request that can't be read, reason)."""


def _chunks(log: EventLog, names: Sequence[str]) -> Iterator[_Chunk]:
    taken: list[str] = []
    frames: list[pl.DataFrame] = []
    damaged: list[tuple[str, str, str]] = []
    rows = 0
    for name in names:
        taken.append(name)
        data = log.read(name)
        try:
            found = [read_lines(data, name)]
        except BadFile:
            found, broken = read_what_can_be(data, name)
            damaged += [(name, text, reason) for text, reason in broken]
        frames += found
        rows += sum(frame.height for frame in found)
        if rows >= CHUNK_EVENTS:
            yield _Chunk(taken, frames, damaged)
            taken, frames, damaged, rows = [], [], [], 0
    if taken:
        yield _Chunk(taken, frames, damaged)


def _take(platform: Platform, log: EventLog, part: _Chunk, frequency: str) -> EventReport:
    now = platform.clock.now()
    for name, text, reason in part.damaged:
        bury(log, [DeadLetter(1, "damaged_batch", reason, text)], name, now)
    damaged = len({name for name, _, _ in part.damaged})
    if not part.frames:
        return EventReport(batches=len(part.names), damaged=damaged)
    came = pl.concat(part.frames).sort("received_at", maintain_order=True)
    came = came.with_columns(pl.int_range(1, came.height + 1, dtype=pl.Int64).alias("source_line"))
    load_id = PREFIX + hashlib.sha256("\n".join(part.names).encode()).hexdigest()[:16]
    good, dead = _usable(platform, came, load_id, now)
    for sender, letters in dead.items():
        bury(log, letters, sender, now)
    count = sum(map(len, dead.values()))
    report = EventReport(len(part.names), came.height, dead=count, damaged=damaged)
    if good.is_empty():
        return report
    return report + _merged(platform, good, load_id, frequency)


def _usable(
    platform: Platform, came: pl.DataFrame, load_id: str, now: datetime
) -> tuple[pl.DataFrame, dict[str, list[DeadLetter]]]:
    """Events with their business date, and dead letters by sender; an event that came twice is no dead letter."""
    places = platform.tables.scan(LOCATIONS).select("location_id", "time_zone", "day_start").collect()
    dead: dict[str, list[DeadLetter]] = {}
    unknown = places.filter(~pl.struct("time_zone", "day_start").map_elements(_usable_clock, return_dtype=pl.Boolean))
    lost = came.join(unknown, on="location_id", how="semi", maintain_order="left")
    if lost.height:
        came = came.join(unknown, on="location_id", how="anti", maintain_order="left")
        clocks = {row[0]: row[1:] for row in unknown.iter_rows()}
        for row in lost.iter_rows(named=True):
            zone, start = clocks[row["location_id"]]
            reason = (
                f"location {row['location_id']} has time zone {zone!r} and day start {start!r}, so its business date can't "
                "be told. Give it an IANA zone (Europe/Berlin) and a time (04:00), then send the dead letters again."
            )
            dead.setdefault(row["sender"], []).append(
                DeadLetter(row["source_line"], "unknown_clock", reason, _event(row))
            )
    dated = business_dates(came, places)
    # The last of events with one id counts; only after the rules, so that a broken twin doesn't cost a good one.
    columns = [*CAME, "business_date", "received_at", "source_line"]
    checked = check_rows(
        dated.select(columns).with_columns(pl.col("event_id") + "\x1f" + pl.col("source_line").cast(pl.String)),
        POS_EVENTS, source="event log", load_id=load_id, now=now,
    )  # fmt: skip
    good = checked.kept.with_columns(pl.col("event_id").str.split("\x1f").list.first())
    if checked.quarantined.height:
        broken = checked.quarantined.select("source_line", "rule", "reason")
        for row in came.join(broken, on="source_line", how="inner").iter_rows(named=True):
            letter = DeadLetter(row["source_line"], row["rule"], row["reason"], _event(row))
            dead.setdefault(row["sender"], []).append(letter)
    return good, dead


def _event(row: dict[str, Any]) -> dict[str, Any]:
    """The event as it would be sent again."""
    values = ((name, row[name]) for name in CAME)
    return {
        name: value.isoformat() if isinstance(value, datetime) else value for name, value in values if value is not None
    }


def _usable_clock(place: dict[str, Any]) -> bool:
    return _known_zone(place["time_zone"] or "UTC") and _known_time(place["day_start"] or "00:00")


@cache
def _known_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


@cache
def _known_time(text: str) -> bool:
    try:
        time.fromisoformat(text)
    except ValueError:
        return False
    return len(text) == 5


def _merged(platform: Platform, good: pl.DataFrame, load_id: str, frequency: str) -> EventReport:
    instant = POS_EVENTS.column("loaded_at").type.polars
    # What is known of the day's total is known when the newest event is: when the source says, else when it came.
    known_at = good.select(pl.coalesce("known_at", "received_at").max()).item()
    received_at = good["received_at"].max()
    assert isinstance(known_at, datetime) and isinstance(received_at, datetime)
    rows = good.drop("source_line", "received_at").with_columns(
        load_id=pl.lit(load_id), loaded_at=pl.lit(platform.clock.now(), instant)
    )
    once = rows.unique("event_id", keep="last", maintain_order=True)
    done = merge(platform.tables, POS_EVENTS, once, received_at=received_at, notes={"load_id": load_id})
    days = days_of(platform, once)
    sales = sum_days(platform, days, known_at=known_at, frequency=frequency)
    again = done.unchanged + done.outdated + done.repeated + rows.height - once.height
    return _of_sales(sales, inserted=done.inserted, corrected=done.corrected, unchanged=again)
