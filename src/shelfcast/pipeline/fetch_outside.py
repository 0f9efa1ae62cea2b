"""Outside data -> vintages in the lake: ask, retry, keep what came, load it, remember how the source is.

A source that is down costs nothing but time: what it said last stays in the lake with its own age, its state says since
when it doesn't answer, and the next fetch goes on where the last good one ended. Every answer is kept in the raw zone.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
from polars.exceptions import PolarsError

from shelfcast.domain.errors import BadFile, BadInput, BadParameter, NotFound, NotReady, ShelfcastError, SourceDown
from shelfcast.domain.tables import TABLES
from shelfcast.domain.tables.curated import ATTRIBUTES, LOCATIONS, SALES
from shelfcast.lake.raw import receive
from shelfcast.pipeline.load_batches import Incoming, load_together
from shelfcast.ports.http_client import Answer, HttpClient
from shelfcast.ports.platform import Platform
from shelfcast.sources.batches import SOURCE_LINE, CanonicalBatch
from shelfcast.sources.connectors import Ask, Connector, Marks, Page, Place, Wanted, changed

STATE = "connectors"
CACHE = "connector_cache"
LETTERS = "dead_letters/connectors/"
TRIES = 5
LONGEST_WAIT_SECONDS = 60.0
SKEW = timedelta(minutes=5)
"""A server's clock further from ours than this is told."""
STATION = "weather_station"


@dataclass(frozen=True)
class FetchReport:
    """What a fetch did. state: ok, down (try again later), changed (the source's form) or refused (what was asked)."""

    connector: str
    state: str
    requests: int = 0
    from_cache: int = 0
    retries: int = 0
    rows_in: int = 0
    kept: int = 0
    quarantined: int = 0
    inserted: int = 0
    error: str = ""
    notes: tuple[str, ...] = ()
    watermark: str = ""


class Outside:
    """Asks servers: waits between requests, tries again with jitter, does as `Retry-After` says, keeps answers a while.

    Args:
        wait: sleeps some seconds.
        luck: draws the jitter, so that many lakes don't ask at the same moment.
    """

    def __init__(
        self,
        platform: Platform,
        client: HttpClient,
        *,
        wait: Callable[[float], None],
        luck: random.Random,
        tries: int = TRIES,
    ) -> None:
        self._platform, self._client, self._wait, self._luck, self._tries = platform, client, wait, luck, tries
        self._last: dict[str, datetime] = {}
        self.requests = self.from_cache = self.retries = 0
        self.notes: list[str] = []

    def answer(self, connector: Connector, ask: Ask) -> bytes:
        """The body of an answer, from the cache while it is fresh.

        Raises:
            SourceDown: no good answer after all tries.
            BadParameter: the source refuses what was asked (4xx), in its own words.
        """
        cached = self._cached(ask)
        if cached is not None:
            self.from_cache += 1
            return cached
        said = ""
        for number in range(self._tries):
            if number:
                self.retries += 1
            self._keep_pace(connector)
            self.requests += 1
            pause = self._luck.uniform(0, min(2.0**number, LONGEST_WAIT_SECONDS))
            try:
                found = self._client.request("GET", ask.url, headers=ask.headers)
            except SourceDown as error:
                said = str(error)
            else:
                self._compare_clocks(connector, found)
                if 200 <= found.status < 300 and _whole(found):
                    return found.body
                said = f"{found.status} {_first_words(found.body)}" if found.status >= 300 else "half an answer"
                if found.status not in (408, 425, 429) and 300 <= found.status < 500:
                    raise BadParameter(
                        f"{connector.name} refuses {ask.shown}: {said}. Check what is asked for, and the key."
                    )
                pause = max(pause, _retry_after(found, self._platform.clock.now()))
            if number + 1 < self._tries:
                self._wait(min(pause, LONGEST_WAIT_SECONDS))
        raise SourceDown(
            f"{connector.name} gave no good answer in {self._tries} tries: {said}".replace(ask.secret or "\0", "***")
        )

    def keep(self, ask: Ask, key: str) -> None:
        """Remember where the answer is kept, for as long as it is fresh."""
        now = self._platform.clock.now()
        self._platform.records.put(CACHE, _name(ask), {"fetched_at": now.isoformat(), "key": key})

    def _cached(self, ask: Ask) -> bytes | None:
        with suppress(NotFound):
            body = self._platform.records.get(CACHE, _name(ask)).body
            if self._platform.clock.now() - datetime.fromisoformat(body["fetched_at"]) < ask.fresh_for:
                return self._platform.blobs.get(body["key"])
        return None

    def _keep_pace(self, connector: Connector) -> None:
        now, last = self._platform.clock.now(), self._last.get(connector.name)
        if last is not None:
            left = 60 / connector.requests_per_minute - (now - last).total_seconds()
            if left > 0:
                self._wait(left)
        self._last[connector.name] = self._platform.clock.now()

    def _compare_clocks(self, connector: Connector, found: Answer) -> None:
        with suppress(KeyError, TypeError, ValueError):
            theirs = parsedate_to_datetime(found.headers["date"])
            off = theirs.astimezone(UTC) - self._platform.clock.now()
            if abs(off) > SKEW:
                note = f"The clock of {connector.name} is {off.total_seconds() / 3600:+.1f} h off ours; ours is used."
                if note not in self.notes:
                    self.notes.append(note)


def fetch(
    platform: Platform, outside: Outside, connector: Connector, wanted: Wanted, *, frequency: str = "D"
) -> FetchReport:
    """Fetch what is new, load it, and remember the source's state. Never raises for what the source does wrong."""
    now = platform.clock.now()
    before = state_of(platform, connector.name)
    marks = _marks(before)
    platform.progress.start(connector.name)
    total: dict[str, int] = {"rows_in": 0, "kept": 0, "quarantined": 0, "inserted": 0}
    waiting, error, state = list(connector.asks(wanted, marks, now)), "", "ok"
    reached: dict[str, date] = {}
    missed: set[str] = set()
    newest = date.fromisoformat(before["watermark"]) if before.get("watermark") else None
    while waiting:
        ask = waiting.pop(0)
        try:
            body = outside.answer(connector, ask)
            page = _read(platform, connector, ask, body, now)
            loaded = _load(platform, outside, connector, ask, body, page, now, frequency)
        except ShelfcastError as problem:
            missed |= set(ask.subjects)
            down = isinstance(problem, SourceDown)
            if not error:
                state = "down" if down else "changed" if isinstance(problem, BadFile) else "refused"
            error = error or str(problem)
            if down:
                missed |= {subject for one in waiting for subject in one.subjects}
                break
            continue
        for name, count in loaded.items():
            total[name] += count
        waiting += page.more
        if page.through:
            reached |= {subject: max(page.through, reached.get(subject, page.through)) for subject in ask.subjects}
            newest = max(page.through, newest or page.through)
    # A subject's mark moves only when everything that was asked of it is in the lake.
    through = dict(marks.through)
    for subject in reached.keys() - missed:
        through[subject] = max(reached[subject], marks.of(subject) or reached[subject])
    watermark = newest.isoformat() if newest and not error else before.get("watermark", "")
    report = FetchReport(
        connector.name, state, outside.requests, outside.from_cache, outside.retries, **total, error=error,
        notes=tuple(outside.notes), watermark=watermark,
    )  # fmt: skip
    _remember(platform, connector, before, report, Marks(through, marks.others), now)
    platform.progress.done(connector.name, f"{state}, {total['kept']:,} rows")
    return report


def _read(platform: Platform, connector: Connector, ask: Ask, body: bytes, now: datetime) -> Page:
    try:
        try:
            return connector.read(ask, body, now)
        except (
            ArithmeticError,
            LookupError,
            TypeError,
            ValueError,
            AttributeError,
            RecursionError,
            PolarsError,
        ) as error:
            # A form no reader foresaw is a changed form, not a crash.
            raise changed(connector.name, f"{type(error).__name__} {str(error)[:120]}") from error
    except BadFile:
        with suppress(ShelfcastError):
            platform.blobs.put(f"{LETTERS}{connector.name}/{hashlib.sha256(body).hexdigest()[:16]}", body, create=True)
        raise


def _load(
    platform: Platform,
    outside: Outside,
    connector: Connector,
    ask: Ask,
    body: bytes,
    page: Page,
    now: datetime,
    frequency: str,
) -> dict[str, int]:
    """Keep the answer, load its rows; the counts, in which rows_in = kept + quarantined."""
    manifest = receive(
        platform.blobs, platform.records, f"{connector.name}.json", body, received_at=now, table=connector.table,
        mapping_hash=connector.name + _context(ask),
    )  # fmt: skip
    outside.keep(ask, manifest.key)
    if page.rows.is_empty() and page.faults.is_empty():
        return {"rows_in": 0, "kept": 0, "quarantined": 0, "inserted": 0}
    rows = page.rows.with_columns(pl.int_range(1, page.rows.height + 1, dtype=pl.Int64).alias(SOURCE_LINE))
    # What couldn't be read is numbered after what could.
    broken = page.faults.with_columns(pl.col(SOURCE_LINE) + page.rows.height)
    batch = CanonicalBatch(TABLES[connector.table], rows, broken, page.faults.height)
    # What is wrong in one row costs that row: a source can't be asked to mend its answer.
    (report,) = load_together(platform, [Incoming(manifest, [batch])], max_bad_share=1.0, frequency=frequency)
    if report.error:
        raise BadInput(report.error)
    return {
        "rows_in": report.rows_in,
        "kept": report.kept,
        "quarantined": report.quarantined,
        "inserted": report.inserted,
    }


def _context(ask: Ask) -> str:
    """What the answer is about: the same body for other places is another load."""
    return hashlib.sha256(repr(sorted(ask.context.items(), key=lambda one: one[0])).encode()).hexdigest()[:8]


def _marks(before: Mapping[str, Any]) -> Marks:
    if "through" not in before:
        return Marks({}, date.fromisoformat(before["watermark"]) if before.get("watermark") else None)
    through = {subject: date.fromisoformat(day) for subject, day in before["through"].items()}
    return Marks(through, date.fromisoformat(before["others"]) if before.get("others") else None)


def _remember(
    platform: Platform, connector: Connector, before: dict[str, Any], report: FetchReport, marks: Marks, now: datetime
) -> None:
    good = report.state == "ok"
    failing_since = "" if good else before.get("failing_since") or now.isoformat()
    body = {
        "table": connector.table, "tried_at": now.isoformat(), "failing_since": failing_since,
        "good_at": now.isoformat() if good else before.get("good_at", ""), **asdict(report), "notes": list(report.notes),
        "through": {subject: day.isoformat() for subject, day in sorted(marks.through.items())},
        "others": marks.others.isoformat() if marks.others else "",
    }  # fmt: skip
    platform.records.put(STATE, connector.name, body)


def state_of(platform: Platform, name: str) -> dict[str, Any]:
    """What is remembered of a source; empty before the first fetch."""
    with suppress(NotFound):
        return dict(platform.records.get(STATE, name).body)
    return {}


@dataclass(frozen=True)
class SourceState:
    """How a source is. `age_hours`: since the last good fetch, None if there never was one."""

    connector: str
    state: str
    age_hours: float | None
    failing_since: str
    error: str
    watermark: str


def states(platform: Platform) -> list[SourceState]:
    """Every source that was ever asked."""
    now, found = platform.clock.now(), []
    for record in platform.records.query(STATE):
        body = record.body
        good = datetime.fromisoformat(body["good_at"]) if body.get("good_at") else None
        age = round((now - good).total_seconds() / 3600, 1) if good else None
        found.append(
            SourceState(record.record_id, body["state"], age, body["failing_since"], body["error"], body["watermark"])
        )
    return found


def places_of(platform: Platform, locations: Sequence[str] = ()) -> list[Place]:
    """Locations that have coordinates, with the weather station named for them.

    Raises:
        NotReady: none has.
    """
    known = platform.tables.scan(LOCATIONS).collect()
    stations = dict(
        platform.tables.scan(ATTRIBUTES)
        .filter(pl.col("entity") == "location", pl.col("attribute") == STATION)
        .select("entity_id", "value")
        .collect()
        .iter_rows()
    )
    chosen = known.filter(pl.col("location_id").is_in(list(locations))) if locations else known
    found = [
        Place(
            one["location_id"],
            one["latitude"] or 0.0,
            one["longitude"] or 0.0,
            _zone(one["time_zone"]),
            stations.get(one["location_id"]) or "",
        )
        for one in chosen.sort("location_id").iter_rows(named=True)
        if (one["latitude"] is not None and one["longitude"] is not None) or one["location_id"] in stations
    ]
    if not found:
        raise NotReady(
            "no location has latitude and longitude (or a weather_station in `attributes`). Load `locations` with them: "
            "shelfcast template locations."
        )
    return found


def _zone(name: str | None) -> str:
    try:
        return ZoneInfo(name or "UTC").key
    except (KeyError, ValueError, OSError):
        return "UTC"


def first_sales_day(platform: Platform) -> date | None:
    """The first day weather is worth having for."""
    return platform.tables.scan(SALES).select(pl.col("date").min()).collect().item()


def _name(ask: Ask) -> str:
    return hashlib.sha256(ask.url.encode()).hexdigest()[:24]


def _whole(found: Answer) -> bool:
    """JSON that ends in the middle is half an answer, whatever the server said of its length."""
    text = found.body.strip()
    if text[:1] not in (b"{", b"["):
        return bool(text)
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return text[-1:] in (b"}", b"]")
    return True


def _first_words(body: bytes) -> str:
    text = body[:300].decode("utf-8", "replace")
    with suppress(ValueError, RecursionError):
        found = json.loads(body)
        if isinstance(found, dict):
            text = str(found.get("reason") or found.get("error_message") or found.get("message") or text)
    return " ".join(text.split())[:200]


def _retry_after(found: Answer, now: datetime) -> float:
    """Seconds the server asks to wait: a number, or a date."""
    text = found.headers.get("retry-after", "")
    if text.isdigit():
        return float(text)
    with suppress(TypeError, ValueError):
        return max((parsedate_to_datetime(text) - now).total_seconds(), 0.0)
    return 0.0
