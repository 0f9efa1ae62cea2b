"""Outside sources on loopback, in the shapes the real ones send, with every fault a source can have."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shelfcast.bootstrap import http_client, in_memory
from shelfcast.domain.errors import BadFile, BadParameter, NotReady, SourceDown
from shelfcast.domain.tables.curated import ATTRIBUTES, LOCATIONS, OBSERVATIONS, QUARANTINE, WEATHER
from shelfcast.lake.as_of import as_of
from shelfcast.lake.merge import merge
from shelfcast.pipeline.fetch_outside import FetchReport, Outside, fetch, places_of, states
from shelfcast.pipeline.outside_sources import fred_series
from shelfcast.ports.platform import Platform
from shelfcast.sources.connectors import Ask, Connector, Marks, Place, Wanted
from shelfcast.sources.connectors.macro import Fred, WorldBank
from shelfcast.sources.connectors.open_meteo import DAILY, ForecastWeather, MeasuredWeather, PreviousForecasts
from shelfcast.sources.connectors.stations import StationFiles
from tests.functional.loopback import Loopback, Reply, loopback

NOW = datetime(2026, 3, 10, 6, tzinfo=UTC)
UNITS = {name: unit for name, (_, unit, _) in DAILY.items()}


@pytest.fixture
def server() -> Iterator[Loopback]:
    with loopback() as made:
        yield made


@pytest.fixture
def platform() -> Platform:
    made = in_memory()
    made.clock.moment = NOW  # type: ignore[attr-defined]
    shops = pl.DataFrame(
        {
            "location_id": ["B", "N"],
            "latitude": [52.5, 40.7],
            "longitude": [13.4, -74.0],
            "time_zone": ["Europe/Berlin", "America/New_York"],
        }
    )
    merge(made.tables, LOCATIONS, shops, received_at=NOW)
    return made


def later(platform: Platform, **by: float) -> None:
    platform.clock.advance(timedelta(**by))  # type: ignore[attr-defined]


def daily(first: date, days: int, warmth: float = 10.0) -> dict[str, Any]:
    """One place's answer in Open-Meteo's form."""
    times = [(first + timedelta(days=n)).isoformat() for n in range(days)]
    values = {name: [warmth] * days for name in DAILY}
    return {
        "latitude": 52.5, "longitude": 13.4, "generationtime_ms": 0.1, "utc_offset_seconds": 3600, "timezone": "Europe/Berlin",
        "daily_units": {"time": "iso8601", **UNITS}, "daily": {"time": times, **values},
    }  # fmt: skip


TODAY = NOW.date()


def both(first: date = TODAY, days: int = 3, warmth: float = 10.0) -> bytes:
    return json.dumps([daily(first, days, warmth)] * 2).encode()


class Waits(list):
    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def run(
    platform: Platform, connector: Connector, wanted: Wanted | None = None, waits: Waits | None = None
) -> FetchReport:
    outside = Outside(platform, http_client(), wait=waits if waits is not None else Waits(), luck=random.Random(1))
    return fetch(platform, outside, connector, wanted or Wanted(places_of(platform)))


def test_forecasts_are_kept_as_they_were_issued(server, platform):
    connector = ForecastWeather(server.url)
    server.replies = [Reply(body=both(warmth=10.0)), Reply(body=both(warmth=14.0))]
    first = run(platform, connector)
    assert (first.state, first.rows_in, first.kept, first.inserted) == ("ok", 6, 6, 6)
    assert (
        "latitude=52.5,40.7" in server.asked[0][1]
        and "timezone=Europe%2FBerlin,America%2FNew_York" in server.asked[0][1]
    )
    later(platform, hours=12)
    run(platform, connector)

    def known(moment: datetime) -> list[float]:
        rows = as_of(platform.tables, WEATHER, moment).filter(
            pl.col("location_id") == "B", pl.col("date") == date(2026, 3, 11)
        )
        return rows.collect()["temperature_c"].to_list()

    assert (known(NOW - timedelta(hours=1)), known(NOW + timedelta(hours=6)), known(NOW + timedelta(hours=13))) == (
        [],
        [10.0],
        [14.0],
    )
    assert platform.tables.scan(WEATHER).select(pl.col("is_forecast").all(), pl.col("cloud_share").max()).collect().row(
        0
    ) == (True, 0.14)


def test_a_fresh_answer_is_not_asked_for_again(server, platform):
    server.replies = [Reply(body=both())]
    run(platform, ForecastWeather(server.url))
    later(platform, minutes=20)
    again = run(platform, ForecastWeather(server.url))
    assert (again.requests, again.from_cache, again.state, len(server.asked)) == (0, 1, "ok", 1)


FAULTS = {
    "busy, with a time to come back": Reply(429, b"slow down", {"Retry-After": "17"}),
    "busy, with a date to come back": Reply(429, b"", {"Retry-After": "Tue, 10 Mar 2026 06:00:17 GMT"}),
    "broken": Reply(500, b"<html>oops</html>"),
    "gateway": Reply(502),
    "no service": Reply(503),
    "half a body with its length": Reply(body=both()[:200], length=len(both())),
    "half a body without a length": Reply(body=both()[:200], length=None),
    "nothing": Reply(body=b""),
    "no answer": Reply(200, b"", {}, 50),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_tried_again_with_a_pause(server, platform, name):
    server.replies = [FAULTS[name], FAULTS[name], Reply(body=both())]
    waits = Waits()
    done = run(platform, ForecastWeather(server.url), waits=waits)
    assert (done.state, done.retries, done.kept) == ("ok", 2, 6)
    if "come back" in name:
        assert [round(one) for one in waits if one > 10] == [17, 17]


def test_pauses_are_drawn_so_that_not_everybody_asks_at_once(server, platform):
    server.usual = lambda *_: Reply(503)
    seen = set()
    for seed in range(3):
        waits = Waits()
        outside = Outside(platform, http_client(), wait=waits, luck=random.Random(seed))
        with pytest.raises(SourceDown, match="5 tries: 503"):
            outside.answer(ForecastWeather(server.url, requests_per_minute=1e9), Ask(server.url + "/x"))
        drawn = [pause for pause in waits if pause > 1e-6]
        assert len(drawn) == 4 and all(pause <= 2**n for n, pause in enumerate(drawn))
        seen.add(tuple(drawn))
    assert len(seen) == 3


def test_requests_keep_the_pace_a_source_asks_for(server, platform):
    server.usual = lambda *_: Reply(body=b'{"ok": true}')
    waits = Waits()
    outside = Outside(platform, http_client(), wait=waits, luck=random.Random(0))
    for number in range(3):
        outside.answer(ForecastWeather(server.url, requests_per_minute=30), Ask(f"{server.url}/{number}"))
    assert waits == [2.0, 2.0]


def test_a_source_that_is_down_keeps_its_last_good_values_and_says_since_when(server, platform):
    server.replies = [Reply(body=both())]
    run(platform, ForecastWeather(server.url))
    server.usual = lambda *_: Reply(503, b"maintenance")
    for _ in range(2):
        later(platform, hours=3)
        assert run(platform, ForecastWeather(server.url)).state == "down"
    (state,) = states(platform)
    assert (state.state, state.age_hours, state.failing_since) == ("down", 6.0, "2026-03-10T09:00:00+00:00")
    assert "503 maintenance" in state.error
    assert platform.tables.state(WEATHER).rows == 6
    server.replies = [Reply(body=both())]
    assert run(platform, ForecastWeather(server.url)).state == "ok"
    (state,) = states(platform)
    assert (state.age_hours, state.failing_since, state.error) == (0.0, "", "")


def test_nothing_listening_is_down_too(platform):
    assert run(platform, ForecastWeather("http://127.0.0.1:9")).state == "down"


def test_a_refusal_is_not_tried_again_and_told_in_the_sources_words(server, platform):
    server.usual = lambda *_: Reply(400, b'{"error": true, "reason": "Latitude must be in range of -90 to 90"}')
    done = run(platform, ForecastWeather(server.url))
    assert (done.state, done.requests) == ("refused", 1)
    assert "Latitude must be in range" in done.error


def test_a_clock_that_is_off_is_told_and_ours_is_used(server, platform):
    server.replies = [Reply(body=both(), headers={"Date": "Tue, 10 Mar 2026 09:00:00 GMT"})]
    done = run(platform, ForecastWeather(server.url))
    assert done.notes == ("The clock of weather-forecast is +3.0 h off ours; ours is used.",)
    assert platform.tables.scan(WEATHER).select("known_at").unique().collect().item() == NOW


def one_changed(**changes: Any) -> bytes:
    good = daily(NOW.date(), 3)
    good["daily"] |= changes.pop("daily", {})
    good["daily_units"] |= changes.pop("units", {})
    return json.dumps([good | changes, good]).encode()


def without(name: str) -> bytes:
    good = daily(NOW.date(), 3)
    del good["daily"][name]
    return json.dumps([good, good]).encode()


BROKEN = {
    "a variable is gone": without("temperature_2m_mean"),
    "times are gone": without("time"),
    "the block is gone": json.dumps([{"hourly": {}}] * 2).encode(),
    "the block is a list": one_changed(daily_units=[]),
    "other units": one_changed(units={"temperature_2m_mean": "°F"}),
    "wind in knots": one_changed(units={"wind_speed_10m_mean": "kn"}),
    "units are gone": json.dumps([{"daily": daily(NOW.date(), 1)["daily"]}] * 2).encode(),
    "a list is shorter": one_changed(daily={"temperature_2m_mean": [1.0]}),
    "values are words": one_changed(daily={"temperature_2m_mean": ["warm"] * 3}),
    "values are true": one_changed(daily={"precipitation_sum": [True] * 3}),
    "values are objects": one_changed(daily={"precipitation_sum": [{}] * 3}),
    "times are words": one_changed(daily={"time": ["today", "tomorrow", "then"]}),
    "times are numbers": one_changed(daily={"time": [1, 2, 3]}),
    "fewer places": json.dumps(daily(NOW.date(), 3)).encode(),
    "more places": json.dumps([daily(NOW.date(), 3)] * 3).encode(),
    "places are words": b'["a", "b"]',
    "a number": b"7",
    "null": b"null",
    "text": b'"sorry"',
    "a page of HTML": b"<html><body>Please log in</body></html>",
    "an empty list": b"[]",
    "an empty object": b"{}",
    "not text at all": b"\xff\x00\xfe",
    "JSON that is none": b"{'daily': 1}",
}


@pytest.mark.parametrize("name", BROKEN)
def test_an_answer_in_another_form_stops_that_source_only_and_is_kept(server, platform, name):
    server.replies = [Reply(body=both())]
    run(platform, ForecastWeather(server.url))
    later(platform, hours=2)
    server.usual = lambda *_: Reply(body=BROKEN[name])
    done = run(platform, ForecastWeather(server.url))
    assert (done.state, done.rows_in) == ("changed", 0) and done.error
    assert platform.tables.state(WEATHER).rows == 6
    (letter,) = platform.blobs.list("dead_letters/connectors/weather-forecast/")
    assert platform.blobs.get(letter) == BROKEN[name]


def test_one_absurd_value_costs_its_row_and_is_in_the_quarantine(server, platform):
    server.replies = [Reply(body=one_changed(daily={"temperature_2m_mean": [10.0, 999.0, None]}))]
    done = run(platform, ForecastWeather(server.url))
    assert (done.rows_in, done.kept, done.quarantined) == (6, 4, 2)
    assert (
        platform.tables.scan(QUARANTINE).select("rule", "column").collect().rows()
        == [("above_maximum", "temperature_c")] * 2
    )


values = st.one_of(
    st.none(), st.floats(allow_nan=False, allow_infinity=False), st.integers(-200, 200), st.text(max_size=3)
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.dictionaries(st.sampled_from(list(DAILY)), st.lists(values, min_size=3, max_size=3), max_size=3))
def test_rows_in_are_rows_kept_plus_rows_quarantined_or_the_form_has_changed(changes):
    platform = in_memory()
    body = json.dumps(daily(NOW.date(), 3) | {"daily": daily(NOW.date(), 3)["daily"] | changes}).encode()
    connector, ask = ForecastWeather(), Ask("x", {"places": [Place("B", 1, 1)]})
    try:
        rows = connector.read(ask, body, NOW).rows
    except BadFile:
        return

    class Client:
        def request(self, *_: Any, **__: Any) -> Any:
            from shelfcast.ports.http_client import Answer

            return Answer(200, body)

    platform.clock.moment = NOW  # type: ignore[attr-defined]
    outside = Outside(platform, Client(), wait=Waits(), luck=random.Random(0))
    done = fetch(platform, outside, connector, Wanted([Place("B", 1, 1)]))
    assert done.rows_in == rows.height == done.kept + done.quarantined


def test_measured_days_go_on_where_they_ended_and_take_in_what_was_mended(server, platform):
    connector = MeasuredWeather(server.url)
    server.replies = [Reply(body=both(date(2026, 3, 1), 9, 5.0))]
    run(platform, connector, Wanted(places_of(platform), since=date(2026, 3, 1)))
    later(platform, days=2)
    server.replies = [Reply(body=both(date(2026, 3, 6), 6, 6.0))]
    done = run(platform, connector)
    assert "start_date=2026-03-06&end_date=2026-03-11" in server.asked[1][1]
    assert done.watermark == "2026-03-11"
    rows = (
        as_of(platform.tables, WEATHER, NOW + timedelta(days=3))
        .filter(pl.col("location_id") == "B")
        .sort("date")
        .collect()
    )
    assert rows["temperature_c"].to_list() == [5.0] * 5 + [6.0] * 6
    assert rows["known_at"][0] == datetime(2026, 3, 2, tzinfo=UTC)


def test_each_location_goes_on_where_it_ended_itself(server, platform):
    connector = MeasuredWeather(server.url)

    one = [place for place in places_of(platform) if place.location_id == "B"]
    server.usual = lambda *_: Reply(body=json.dumps(daily(date(2026, 3, 1), 9, 5.0)).encode())
    run(platform, connector, Wanted(one, since=date(2026, 3, 1)))
    later(platform, days=2)
    # N was never fetched: it gets its past, B what is new; then both go on together.
    run(platform, connector, Wanted(places_of(platform), first=date(2026, 2, 1)))
    asked = sorted(
        one[1].split("latitude=")[1].split("&")[0] + " " + one[1].split("start_date=")[1] for one in server.asked
    )
    assert asked == [
        "40.7 2026-02-01&end_date=2026-03-11", "52.5 2026-03-01&end_date=2026-03-09", "52.5 2026-03-06&end_date=2026-03-11",
    ]  # fmt: skip


def test_a_group_of_locations_that_broke_off_does_not_take_back_what_others_reached(server, platform):
    connector = MeasuredWeather(server.url)
    replies = [Reply(body=json.dumps(daily(date(2026, 3, 1), 9, 5.0)).encode()), *[Reply(503)] * 5]
    server.replies = replies
    places = places_of(platform)
    first = fetch(
        platform, Outside(platform, http_client(), wait=Waits(), luck=random.Random(1)), connector,
        Wanted(places[:1], since=date(2026, 3, 1)),
    )  # fmt: skip
    broken = run(platform, connector, Wanted(places[1:], since=date(2026, 2, 1)))
    assert (first.state, broken.state) == ("ok", "down")
    server.usual = lambda *_: Reply(body=json.dumps(daily(date(2026, 2, 1), 9, 5.0)).encode())
    later(platform, days=1)
    run(platform, connector, Wanted(places, first=date(2026, 2, 2)))
    starts = [one[1].split("start_date=")[1][:10] for one in server.asked[-2:]]
    assert sorted(starts) == ["2026-02-02", "2026-03-06"]


def test_a_series_added_later_gets_its_whole_past(server, platform):
    server.usual = lambda *_: Reply(body=fred(("2026-02-11", "2026-01-01", "310.1")))
    run(platform, Fred({"CPI": "M"}, "k", server.url))
    later(platform, days=1)
    run(platform, Fred({"CPI": "M", "UNRATE": "M"}, "k", server.url))
    starts = {
        one[1].split("series_id=")[1].split("&")[0]: one[1].split("observation_start=")[1] for one in server.asked
    }
    assert starts == {"CPI": "2024-11-27", "UNRATE": "2000-01-01"}


def test_the_watermark_stays_where_a_fetch_broke_off(server, platform):
    server.usual = lambda *_: Reply(503)
    assert (
        run(platform, MeasuredWeather(server.url), Wanted(places_of(platform), since=date(2026, 3, 1))).watermark == ""
    )


def hourly(first: date, days: int) -> bytes:
    times = [f"{first + timedelta(days=d)}T{h:02}:00" for d in range(days) for h in range(24)]
    block: dict[str, Any] = {"time": times}
    units: dict[str, str] = {"time": "iso8601"}
    for ahead in (1, 2, 3, 5, 7):
        block[f"temperature_2m_previous_day{ahead}"] = [float(ahead + n % 24) for n in range(len(times))]
        block[f"precipitation_previous_day{ahead}"] = [0.5] * len(times)
        units |= {f"temperature_2m_previous_day{ahead}": "°C", f"precipitation_previous_day{ahead}": "mm"}
    block["precipitation_previous_day7"] = [None, *block["precipitation_previous_day7"][1:]]
    one = {"hourly_units": units, "hourly": block}
    return json.dumps([one, one]).encode()


def test_past_forecasts_are_known_from_when_they_were_made(server, platform):
    server.replies = [Reply(body=hourly(date(2026, 3, 1), 2))]
    done = run(platform, PreviousForecasts(server.url), Wanted(places_of(platform), date(2026, 3, 1), date(2026, 3, 2)))
    assert (done.state, done.kept) == ("ok", 2 * (2 * 5 - 1))  # an hour is missing in one of ten days
    rows = (
        platform.tables.scan(WEATHER)
        .filter(pl.col("location_id") == "B", pl.col("date") == date(2026, 3, 2))
        .sort("known_at")
        .collect()
    )
    assert rows["temperature_c"].to_list() == [18.5, 16.5, 14.5, 13.5, 12.5]
    assert rows["known_at"].to_list() == [datetime(2026, 2, d, 23, tzinfo=UTC) for d in (23, 25, 27, 28)] + [
        datetime(2026, 3, 1, 23, tzinfo=UTC)
    ]
    assert rows["precipitation_mm"].unique().to_list() == [12.0]
    at_cutoff = (
        as_of(platform.tables, WEATHER, datetime(2026, 2, 28, tzinfo=UTC))
        .filter(pl.col("location_id") == "B")
        .collect()
    )
    assert at_cutoff.sort("date")["temperature_c"].to_list() == [13.5, 14.5]


STATION = "2026-03-01,5.2,1.0,9.1,0.4,,270,12.6,30.2,1013.2,\n2026-03-02,,,,,,,,,,\n2026-03-03,6.1,,10.0,,,,,,,\n"


@pytest.mark.parametrize("header", [False, True])
@pytest.mark.parametrize("packed", [False, True])
def test_station_files_become_weather_of_the_locations_that_name_the_station(server, platform, header, packed):
    merge(
        platform.tables, ATTRIBUTES,
        pl.DataFrame({"entity": ["location"], "entity_id": ["B"], "attribute": ["weather_station"], "value": ["10384"]}),
        received_at=NOW,
    )  # fmt: skip
    text = ("date,tavg,tmin,tmax,prcp,snow,wdir,wspd,wpgt,pres,tsun\n" if header else "") + STATION
    server.usual = lambda *_: Reply(body=gzip.compress(text.encode()) if packed else text.encode())
    done = run(platform, StationFiles(server.url))
    assert (done.state, done.kept, done.watermark) == ("ok", 2, "2026-03-03")
    assert server.asked[0][1] == "/10384.csv.gz"
    rows = (
        platform.tables.scan(WEATHER).sort("date").select("location_id", "temperature_c", "wind_kmh").collect().rows()
    )
    assert rows == [("B", 5.2, 12.6), ("B", 6.1, None)]


@pytest.mark.parametrize(
    "body",
    [gzip.compress(STATION.encode(), mtime=0)[:30], b"a;b\n1;2\n", b"<html></html>", b"x," * 10 + b"x\n"],
    ids=["half a gzip", "other columns", "a web page", "no header"],
)
def test_a_station_file_in_another_form_is_not_used(body):
    with pytest.raises(BadFile):
        StationFiles().read(Ask("x", {"places": [Place("B", 1, 1)]}), body, NOW)


def fred(*observations: tuple[str, str, str]) -> bytes:
    listed = [
        {"realtime_start": issued, "realtime_end": "9999-12-31", "date": day, "value": value}
        for issued, day, value in observations
    ]
    return json.dumps({"realtime_start": "1776-07-04", "count": len(listed), "observations": listed}).encode()


def test_every_release_of_a_macro_value_is_kept_with_its_day(server, platform):
    server.replies = [
        Reply(
            body=fred(
                ("2026-02-11", "2026-01-01", "310.1"),
                ("2026-03-09", "2026-01-01", "310.5"),
                ("2026-03-09", "2026-02-01", "."),
            )
        )
    ]
    done = run(platform, Fred({"CPI": "M"}, "secret-key", server.url))
    assert (done.state, done.kept) == ("ok", 2)

    def known(day: int) -> list[float]:
        return (
            as_of(platform.tables, OBSERVATIONS, datetime(2026, 3, day, 23, 59, 59, tzinfo=UTC))
            .collect()["value"]
            .to_list()
        )

    assert (known(8), known(9)) == ([310.1], [310.5])
    kept = json.dumps(
        [dict(one.body) for kind in ("connectors", "connector_cache") for one in platform.records.query(kind)]
    )
    assert "secret-key" not in kept
    server.usual = lambda *_: Reply(
        400, b'{"error_code": 400, "error_message": "Bad Request. The value for api_key is not registered."}'
    )
    later(platform, days=1)
    refused = run(platform, Fred({"CPI": "M"}, "secret-key", server.url))
    assert refused.state == "refused" and "not registered" in refused.error and "secret-key" not in refused.error


def world_bank(page: int, pages: int, *values: tuple[str, float | None]) -> bytes:
    listed = [
        {"indicator": {"id": "X"}, "country": {"id": "DE"}, "countryiso3code": "DEU", "date": year, "value": value}
        for year, value in values
    ]
    return json.dumps(
        [{"page": page, "pages": pages, "per_page": 1, "total": 2, "lastupdated": "2026-02-24"}, listed]
    ).encode()


def test_yearly_values_come_page_by_page_and_hold_for_their_months(server, platform):
    server.replies = [
        Reply(body=world_bank(1, 2, ("2024", 2.3), ("2025", None))),
        Reply(body=world_bank(2, 2, ("2023", 5.9))),
    ]
    done = run(platform, WorldBank(("X",), ("DE",), server.url))
    assert (done.requests, done.kept, done.watermark) == (2, 24, "2024-01-01")
    rows = platform.tables.scan(OBSERVATIONS).filter(pl.col("date").dt.year() == 2024).collect()
    assert rows["name"].unique().to_list() == ["X:DEU"] and rows["known_at"].unique().to_list() == [
        datetime(2025, 7, 1, tzinfo=UTC)
    ]
    server.replies = [Reply(body=b'[{"message": [{"id": "120", "value": "Invalid indicator"}]}]')]
    later(platform, days=2)
    assert "Invalid indicator" in run(platform, WorldBank(("X",), ("DE",), server.url)).error


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"{}",
        b"[1, 2]",
        b'[{"pages": 1}, []]',
        b'[{"pages": 1, "lastupdated": "x"}, []]',
        b'[{"pages": 1, "lastupdated": "2026-01-01"}, [{"date": "x"}]]',
    ],
)
def test_a_world_bank_answer_in_another_form_is_not_used(body):
    with pytest.raises(BadFile):
        WorldBank(("X",), ("DE",)).read(Ask("x", {"indicator": "X", "first": 1, "last": 2, "page": 1}), body, NOW)


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"[]",
        b'{"observations": 3}',
        b'{"observations": [{}]}',
        b'{"observations": [{"date": "2026-01-01", "realtime_start": "2026-01-02", "value": "x"}]}',
    ],
)
def test_a_fred_answer_in_another_form_is_not_used(body):
    with pytest.raises(BadFile):
        Fred({"X": "M"}, "k").read(Ask("x", {"series": "X", "frequency": "M"}), body, NOW)


def test_what_can_not_be_asked_is_said_before_asking(platform):
    with pytest.raises(BadParameter, match="CPI=M"):
        fred_series(["CPI"], "k")
    with pytest.raises(BadParameter, match="known: A, D, M, Q, W"):
        Fred({"X": "Y"}, "k").asks(Wanted(), Marks(), NOW)
    with pytest.raises(NotReady, match="latitude and longitude"):
        places_of(in_memory())
    with pytest.raises(BadParameter, match="not https"):
        http_client().request("GET", "http://192.0.2.1/x")
