"""Open-Meteo: forecasts as issued, measured history (archive), and what was forecast some days before (previous runs).

Answers are objects with `daily` (or `hourly`): a list of times and a list of values for each variable, and the units of
each; for several places a list of such objects. Documented at open-meteo.com/en/docs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import polars as pl

from shelfcast.sources.connectors import Ask, Marks, Page, Place, Wanted, as_json, changed, number

DAILY: Mapping[str, tuple[str, str, float]] = {
    "temperature_2m_mean": ("temperature_c", "°C", 1.0),
    "temperature_2m_max": ("temperature_max_c", "°C", 1.0),
    "precipitation_sum": ("precipitation_mm", "mm", 1.0),
    "relative_humidity_2m_mean": ("humidity_pct", "%", 1.0),
    "wind_speed_10m_mean": ("wind_kmh", "km/h", 1.0),
    "cloud_cover_mean": ("cloud_share", "%", 0.01),
}
"""Variable -> our column, the unit it must come in, and what it is multiplied by."""
HOURLY: Mapping[str, tuple[str, str]] = {
    "temperature_2m": ("temperature_c", "°C"),
    "precipitation": ("precipitation_mm", "mm"),
}
PLACES_A_REQUEST = 50
SCHEMA: Mapping[str, Any] = {
    "location_id": pl.String, "date": pl.Date, **{column: pl.Float64 for column, _, _ in DAILY.values()},
    "is_forecast": pl.Boolean, "known_at": pl.Datetime("us", "UTC"),
}  # fmt: skip
OVERLAP_DAYS = 3
"""Measured days are asked for again this long: sources mend their last days."""


def _groups(places: Sequence[Place]) -> list[Sequence[Place]]:
    return [places[start : start + PLACES_A_REQUEST] for start in range(0, len(places), PLACES_A_REQUEST)]


def _from(places: Sequence[Place], first: Callable[[str], date]) -> list[tuple[date, Sequence[Place]]]:
    """Places that are asked for from the same day on, as many as go into a request together."""
    by_day: dict[date, list[Place]] = {}
    for one in places:
        by_day.setdefault(first(one.location_id), []).append(one)
    return [(day, group) for day, mine in sorted(by_day.items()) for group in _groups(mine)]


def _ids(places: Sequence[Place]) -> tuple[str, ...]:
    return tuple(one.location_id for one in places)


def _url(base: str, path: str, places: Sequence[Place], more: Mapping[str, Any]) -> str:
    where = {
        "latitude": ",".join(f"{one.latitude:g}" for one in places),
        "longitude": ",".join(f"{one.longitude:g}" for one in places),
        "timezone": ",".join(one.time_zone for one in places),
    }
    return f"{base.rstrip('/')}{path}?{urlencode({**where, **more}, safe=',')}"


def _answers(body: bytes, ask: Ask, source: str) -> list[tuple[Place, Mapping[str, Any]]]:
    found = as_json(body, source)
    places: Sequence[Place] = ask.context["places"]
    listed = found if isinstance(found, list) else [found]
    if len(listed) != len(places) or not all(isinstance(one, dict) for one in listed):
        raise changed(source, f"{len(listed)} answers for {len(places)} places")
    return list(zip(places, listed))


def _block(answer: Mapping[str, Any], name: str, variables: Mapping[str, str], source: str) -> Mapping[str, list[Any]]:
    """The lists of a `daily` or `hourly` block, all of one length and in the units we know."""
    block, units = answer.get(name), answer.get(f"{name}_units")
    if not isinstance(block, dict) or not isinstance(units, dict) or not isinstance(block.get("time"), list):
        raise changed(source, f"there is no {name!r} with times and units; it has: {', '.join(map(str, answer))}")
    for variable, unit in variables.items():
        values = block.get(variable)
        if not isinstance(values, list) or len(values) != len(block["time"]):
            raise changed(source, f"{variable} is not there for each time")
        if units.get(variable) != unit:
            raise changed(source, f"{variable} comes in {units.get(variable)!r} instead of {unit!r}")
    return block


def _day(text: Any, source: str) -> date:
    try:
        return date.fromisoformat(str(text)[:10])
    except ValueError as error:
        raise changed(source, f"time {text!r} is no date") from error


def _daily(body: bytes, ask: Ask, source: str, *, forecast: bool, known_at: datetime | None) -> pl.DataFrame:
    rows: list[dict[str, Any]] = []
    for place, answer in _answers(body, ask, source):
        block = _block(answer, "daily", {name: unit for name, (_, unit, _) in DAILY.items()}, source)
        for place_in_list, text in enumerate(block["time"]):
            row: dict[str, Any] = {
                "location_id": place.location_id,
                "date": _day(text, source),
                "is_forecast": forecast,
            }
            for variable, (column, _, factor) in DAILY.items():
                value = number(block[variable][place_in_list], source, variable)
                row[column] = None if value is None else round(value * factor, 6)
            rows.append(row | {"known_at": known_at})
    frame = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    measured = [column for column, _, _ in DAILY.values()]
    return frame.filter(pl.any_horizontal(pl.col(measured).is_not_null()))


@dataclass(frozen=True)
class ForecastWeather:
    """The forecast as it stands now, kept as issued: `known_at` is when it was fetched."""

    base_url: str = "https://api.open-meteo.com"
    days: int = 16
    name: str = "weather-forecast"
    table: str = "weather"
    requests_per_minute: float = 60

    def asks(self, wanted: Wanted, marks: Marks, now: datetime) -> Sequence[Ask]:  # noqa: ARG002
        more = {"daily": ",".join(DAILY), "forecast_days": self.days}
        return [
            Ask(_url(self.base_url, "/v1/forecast", group, more), {"places": group}, fresh_for=timedelta(hours=1), subjects=_ids(group))
            for group in _groups(wanted.places)
        ]  # fmt: skip

    def read(self, ask: Ask, body: bytes, now: datetime) -> Page:
        """Days that are over already by the place's clock are left out: they are no forecast any more."""
        rows = _daily(body, ask, self.name, forecast=True, known_at=now)
        local = {one.location_id: now.astimezone(ZoneInfo(one.time_zone)).date() for one in ask.context["places"]}
        today = pl.col("location_id").replace_strict(list(local), list(local.values()), return_dtype=pl.Date)
        rows = rows.filter(pl.col("date") >= today)
        return Page(rows, through=now.date())


@dataclass(frozen=True)
class MeasuredWeather:
    """Measured days, past the last fetch (and its last days again)."""

    base_url: str = "https://archive-api.open-meteo.com"
    name: str = "weather-archive"
    table: str = "weather"
    requests_per_minute: float = 30

    def asks(self, wanted: Wanted, marks: Marks, now: datetime) -> Sequence[Ask]:
        last = wanted.until or now.date() - timedelta(days=1)

        def first(place: str) -> date:
            mark = marks.of(place)
            begun = mark - timedelta(days=OVERLAP_DAYS) if mark else wanted.first or last - timedelta(days=730)
            return wanted.since or begun

        return [
            Ask(
                _url(self.base_url, "/v1/archive", group, {"daily": ",".join(DAILY), "start_date": day, "end_date": last}),
                {"places": group}, fresh_for=timedelta(hours=6), subjects=_ids(group),
            )
            for day, group in _from(wanted.places, first)
            if day <= last
        ]  # fmt: skip

    def read(self, ask: Ask, body: bytes, now: datetime) -> Page:  # noqa: ARG002
        rows = _daily(body, ask, self.name, forecast=False, known_at=None).drop("known_at")
        newest = rows["date"].max()
        return Page(rows, through=newest if isinstance(newest, date) else None)


@dataclass(frozen=True)
class PreviousForecasts:
    """What was forecast `days_before` days ahead, hour by hour, put together to days.

    The value of an hour under `..._previous_day2` was forecast two days before that hour. A day put together from its
    hours was known whole when its last hour was: at the end of the day `days_before` earlier, by the place's clock.
    """

    base_url: str = "https://previous-runs-api.open-meteo.com"
    days_before: tuple[int, ...] = (1, 2, 3, 5, 7)
    name: str = "weather-previous"
    table: str = "weather"
    requests_per_minute: float = 30

    def asks(self, wanted: Wanted, marks: Marks, now: datetime) -> Sequence[Ask]:
        last = wanted.until or now.date() - timedelta(days=1)

        def first(place: str) -> date:
            mark = marks.of(place)
            return wanted.since or (mark + timedelta(days=1) if mark else last - timedelta(days=90))

        hourly = ",".join(f"{name}_previous_day{ahead}" for name in HOURLY for ahead in self.days_before)
        return [
            Ask(
                _url(self.base_url, "/v1/forecast", group, {"hourly": hourly, "start_date": day, "end_date": last}),
                {"places": group}, fresh_for=timedelta(days=1), subjects=_ids(group),
            )
            for day, group in _from(wanted.places, first)
            if day <= last
        ]  # fmt: skip

    def read(self, ask: Ask, body: bytes, now: datetime) -> Page:  # noqa: ARG002
        frames: list[pl.DataFrame] = []
        for place, answer in _answers(body, ask, self.name):
            variables = {
                f"{name}_previous_day{ahead}": unit for name, (_, unit) in HOURLY.items() for ahead in self.days_before
            }
            block = _block(answer, "hourly", variables, self.name)
            days = [_day(text, self.name) for text in block["time"]]
            for ahead in self.days_before:
                values = {
                    column: [number(one, self.name, name) for one in block[f"{name}_previous_day{ahead}"]]
                    for name, (column, _) in HOURLY.items()
                }
                frames.append(_put_together(place, days, values, ahead))
        rows = pl.concat(frames) if frames else pl.DataFrame(schema=SCHEMA)
        newest = rows["date"].max()
        return Page(rows, through=newest if isinstance(newest, date) else None)


def _put_together(
    place: Place, days: Sequence[date], values: Mapping[str, Sequence[float | None]], ahead: int
) -> pl.DataFrame:
    """Days of which every hour was forecast (23 to 25 of them, where clocks change)."""
    hours = pl.DataFrame({"date": days, **values}, schema={"date": pl.Date, **dict.fromkeys(values, pl.Float64)})
    whole = hours.group_by("date", maintain_order=True).agg(
        pl.col("temperature_c").mean().round(3),
        pl.col("temperature_c").max().alias("temperature_max_c"),
        pl.col("precipitation_mm").sum().round(3),
        pl.min_horizontal(pl.col(name).count() for name in values).alias("hours"),
        pl.any_horizontal(pl.col(name).has_nulls() for name in values).alias("gaps"),
    )
    whole = whole.filter(pl.col("hours") >= 23, ~pl.col("gaps"))
    zone = ZoneInfo(place.time_zone)
    known = [datetime.combine(day - timedelta(days=ahead - 1), time(), zone).astimezone(UTC) for day in whole["date"]]
    made = whole.with_columns(
        pl.lit(place.location_id).alias("location_id"),
        pl.lit(True).alias("is_forecast"),
        pl.Series("known_at", known, dtype=pl.Datetime("us", "UTC")),
    )
    return made.select(
        (pl.col(name) if name in made.columns else pl.lit(None)).cast(kind).alias(name) for name, kind in SCHEMA.items()
    )
