"""Every outside source under broken answers: told, kept, never a crash, and rows in = rows kept + rows quarantined."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shelfcast.bootstrap import in_memory
from shelfcast.domain.tables.curated import QUARANTINE
from shelfcast.pipeline.fetch_outside import FetchReport, Outside, fetch
from shelfcast.ports.http_client import Answer
from shelfcast.ports.platform import Platform
from shelfcast.sources.connectors import Connector, Place, Wanted
from shelfcast.sources.connectors.macro import Fred, WorldBank
from shelfcast.sources.connectors.open_meteo import ForecastWeather, MeasuredWeather, PreviousForecasts
from shelfcast.sources.connectors.stations import StationFiles
from tests.functional.test_connectors import NOW, STATION, TODAY, daily, fred, hourly, world_bank

ONE_DAY = TODAY - timedelta(days=1)
PLACE = Place("B", 52.5, 13.4, "Europe/Berlin", "10384")


def first_of(body: bytes) -> bytes:
    """The answer for one place instead of two."""
    return json.dumps(json.loads(body)[0]).encode()


GOOD: dict[str, tuple[Connector, bytes]] = {
    "weather-forecast": (ForecastWeather(), json.dumps(daily(TODAY, 3)).encode()),
    "weather-archive": (MeasuredWeather(), json.dumps(daily(TODAY - timedelta(days=4), 3)).encode()),
    "weather-previous": (PreviousForecasts(), first_of(hourly(ONE_DAY, 1))),
    "weather-stations": (StationFiles(), STATION.encode()),
    "macro-fred": (Fred({"X": "M"}, "key"), fred(("2026-02-11", "2026-01-01", "310.1"), ("2026-03-09", "2026-02-01", "310.5"))),
    "macro-world-bank": (WorldBank(("X",), ("DE",)), world_bank(1, 1, ("2024", 2.3), ("2023", 5.9))),
}  # fmt: skip
NOT_AT_ALL = {
    "nothing": b"",
    "blank": b"  \n ",
    "null": b"null",
    "a number": b"7",
    "true": b"true",
    "text": b'"sorry"',
    "a word": b"sorry",
    "an empty list": b"[]",
    "an empty object": b"{}",
    "numbers": b"[1, 2, 3]",
    "nulls": b"[null, null]",
    "empty objects": b"[{}, {}]",
    "a page of HTML": b"<!doctype html><html><body>Please log in</body></html>",
    "not text": b"\xff\x00\xfe\x01",
    "JSON of another kind": b"{'daily': 1}",
    "an error in an object": b'{"error": true}',
    "another service": b'{"data": {"items": [1]}}',
    "a binary file": b"PK\x03\x04" + bytes(60),
    "half a gzip": gzip.compress(b"x" * 5000, mtime=0)[:30],
    "an empty gzip": gzip.compress(b"", mtime=0),
    "deep": b"[" * 50_000 + b"]" * 50_000,
    "endless numbers": b'{"observations": [' + b"9" * 5000 + b"]}",
    "a line": b"date,tavg\n",
    "other columns": b"a;b\n1;2\n",
}
"""Not one of these is an answer of any source."""


class Client:
    def __init__(self, *bodies: bytes) -> None:
        self.bodies = list(bodies)

    def request(self, *_: Any, **__: Any) -> Answer:
        return Answer(200, self.bodies.pop(0) if len(self.bodies) > 1 else self.bodies[0])


def ask(platform: Platform, connector: Connector, *bodies: bytes) -> FetchReport:
    outside = Outside(platform, Client(*bodies), wait=lambda _: None, luck=random.Random(1), tries=2)
    report = fetch(platform, outside, connector, Wanted([PLACE], date(2026, 3, 1)))
    assert report.rows_in == report.kept + report.quarantined
    assert (report.state == "ok") == (not report.error)
    return report


@pytest.fixture
def platform() -> Platform:
    made = in_memory()
    made.clock.moment = NOW  # type: ignore[attr-defined]
    return made


@pytest.mark.parametrize("source", GOOD)
def test_what_is_no_answer_at_all_stops_the_source_and_keeps_its_last_good_values(platform, source):
    connector, good = GOOD[source]
    kept = ask(platform, connector, good).kept
    assert kept > 0
    for name, body in NOT_AT_ALL.items():
        platform.clock.advance(timedelta(days=2))  # type: ignore[attr-defined]
        report = ask(platform, connector, body)
        assert report.state in ("down", "changed", "refused") or report.rows_in == 0, name
        assert report.kept == 0, name
        if report.state == "changed":
            letters = platform.blobs.list(f"dead_letters/connectors/{connector.name}/")
            assert any(platform.blobs.get(one) == body for one in letters), name


def paths(found: Any, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a JSON document."""
    yield here
    if isinstance(found, dict):
        for name in found:
            yield from paths(found[name], (*here, name))
    elif isinstance(found, list):
        for number in range(min(len(found), 3)):
            yield from paths(found[number], (*here, number))


def with_value(found: Any, where: tuple[Any, ...], value: Any) -> Any:
    """The document with another value at a place; `...` takes the place away."""
    if not where:
        return value
    copied = dict(found) if isinstance(found, dict) else list(found)
    if len(where) == 1 and value is ...:
        del copied[where[0]]
    else:
        copied[where[0]] = with_value(found[where[0]], where[1:], value)
    return copied


odd = st.one_of(
    st.just(...), st.none(), st.booleans(), st.integers(-(10**18), 10**18), st.floats(allow_nan=True), st.text(max_size=4),
    st.sampled_from(["9999-12-31", "0001-01-01", "2026-02-30", "NaN", "1e999", ".", "-", [], {}, [[]], [None], ["x"], {"a": 1}]),
)  # fmt: skip
JSON_SOURCES = [name for name in GOOD if name != "weather-stations"]


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(JSON_SOURCES), st.data())
def test_one_thing_changed_in_an_answer_is_read_quarantined_or_told(source, data):
    connector, good = GOOD[source]
    document = json.loads(good)
    for _ in range(data.draw(st.integers(1, 2))):
        places = list(paths(document))
        try:
            document = with_value(document, data.draw(st.sampled_from(places)), data.draw(odd))
        except (TypeError, KeyError):
            return  # the document as a whole was taken away
    platform = in_memory()
    platform.clock.moment = NOW  # type: ignore[attr-defined]
    ask(platform, connector, b"" if document is ... else json.dumps(document).encode())


cell = st.one_of(
    st.floats(-60, 60).map(str), st.sampled_from(["", " ", "x", "1,5", "NaN", "inf", "1e999", "-", "9" * 400])
)
line = st.tuples(
    st.sampled_from(["2026-03-01", "2026-03-02", "2026-03-32", "", "yesterday", "03/04/2026"]), *[cell] * 10
).map(",".join)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(line, min_size=1, max_size=6))
def test_a_line_of_a_station_file_is_kept_quarantined_or_says_nothing(lines):
    platform = in_memory()
    platform.clock.moment = NOW  # type: ignore[attr-defined]
    report = ask(platform, StationFiles(), ("\n".join(lines) + "\n").encode())
    if report.state == "ok":
        quarantined = platform.tables.scan(QUARANTINE).collect()
        assert quarantined["row"].null_count() == 0
        assert quarantined["source_line"].n_unique() == report.quarantined


def test_a_broken_line_of_a_station_file_costs_itself_only(platform):
    lines = STATION + "2026-03-04,warm,,,0.4,,,12.6,,,\n2026-03-99,5.0,,,,,,,,,\n2026-03-05,7.5,,,,,,,,,\n"
    report = ask(platform, StationFiles(), lines.encode())
    assert (report.state, report.rows_in, report.kept, report.quarantined) == ("ok", 5, 3, 2)
    reasons = platform.tables.scan(QUARANTINE).select("rule", "reason").sort("reason").collect().rows()
    assert reasons == [
        ("unreadable", "date can't be read. The line as it came is kept here."),
        ("unreadable", "tavg can't be read. The line as it came is kept here."),
    ]


def test_a_source_that_speaks_of_endless_pages_is_not_followed(platform):
    report = ask(platform, GOOD["macro-world-bank"][0], world_bank(1, 10**9, ("2024", 2.3)))
    assert (report.state, report.requests) == ("changed", 1) and "1,000,000,000 pages" in report.error


def test_a_reader_that_stumbles_is_a_changed_form_and_not_a_crash(platform):
    class Stumbling:
        name, table, requests_per_minute = "x", "weather", 1e9
        asks: Callable[..., Any] = ForecastWeather().asks

        def read(self, *_: Any) -> Any:
            raise OverflowError("date value out of range")

    report = ask(platform, Stumbling(), b"{}")  # type: ignore[arg-type]
    assert report.state == "changed" and "OverflowError date value out of range" in report.error
