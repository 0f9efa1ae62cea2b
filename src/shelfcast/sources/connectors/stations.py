"""Daily files of weather stations, in the form of Meteostat's bulk files: one CSV (mostly .gz) a station.

Columns, with or without a header: date, tavg, tmin, tmax (deg C), prcp (mm), snow, wdir, wspd (km/h), wpgt, pres, tsun.
A location says which station is its own in the table `attributes` (attribute `weather_station`).
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import polars as pl

from shelfcast.domain.errors import BadFile
from shelfcast.sources.batches import SOURCE_LINE, faults
from shelfcast.sources.connectors import Ask, Marks, Page, Place, Wanted, changed

COLUMNS = ("date", "tavg", "tmin", "tmax", "prcp", "snow", "wdir", "wspd", "wpgt", "pres", "tsun")
OURS = {"tavg": "temperature_c", "tmax": "temperature_max_c", "prcp": "precipitation_mm", "wspd": "wind_kmh"}
MAX_BYTES = 200 * 2**20


@dataclass(frozen=True)
class StationFiles:
    """Whole files are fetched; rows there already change nothing."""

    base_url: str = "https://bulk.meteostat.net/v2/daily"
    name: str = "weather-stations"
    table: str = "weather"
    requests_per_minute: float = 30

    def asks(self, wanted: Wanted, marks: Marks, now: datetime) -> Sequence[Ask]:  # noqa: ARG002
        stations: dict[str, list[Place]] = {}
        for place in wanted.places:
            if place.station:
                stations.setdefault(place.station, []).append(place)

        def first(place: Place) -> date | None:
            mark = marks.of(place.location_id)
            return wanted.since or (mark - timedelta(days=30) if mark else wanted.first)

        def earliest(places: list[Place]) -> date | None:
            days = [first(one) for one in places]
            return None if None in days else min(day for day in days if day)

        return [
            Ask(
                f"{self.base_url.rstrip('/')}/{station}.csv.gz",
                {"places": places, "first": earliest(places), "until": wanted.until},
                fresh_for=timedelta(hours=12), subjects=tuple(one.location_id for one in places),
            )
            for station, places in sorted(stations.items())
        ]  # fmt: skip

    def read(self, ask: Ask, body: bytes, now: datetime) -> Page:  # noqa: ARG002
        text = self._unpacked(body)
        header = text[:4].lower() in (b"date", b"year")
        try:
            raw = pl.read_csv(io.BytesIO(text), has_header=header, infer_schema=False)
        except pl.exceptions.PolarsError as error:
            raise changed(self.name, f"it can't be read as CSV ({str(error)[:80]})") from error
        if not header:
            if raw.width != len(COLUMNS):
                raise changed(self.name, f"{raw.width} columns instead of {len(COLUMNS)}")
            raw = raw.rename(dict(zip(raw.columns, COLUMNS)))
        if missing := {"date", *OURS} - set(raw.columns):
            raise changed(self.name, f"column {', '.join(sorted(missing))} is missing")
        raw = raw.with_row_index(SOURCE_LINE, offset=2 if header else 1)
        rows = raw.select(
            pl.col(SOURCE_LINE).cast(pl.Int64),
            pl.col("date").str.to_date("%Y-%m-%d", strict=False),
            *(
                pl.col(theirs).str.strip_chars().replace("", None).cast(pl.Float64, strict=False).alias(ours)
                for theirs, ours in OURS.items()
            ),
            pl.lit(False).alias("is_forecast"),
        )
        if rows.height and rows["date"].null_count() == rows.height:
            raise changed(self.name, f"the first column is no date ({raw['date'][0]!r})")
        broken = _unreadable(raw, rows)
        rows = rows.join(broken, on=SOURCE_LINE, how="anti", maintain_order="left").drop(SOURCE_LINE)
        measured = pl.any_horizontal(pl.col(*OURS.values()).is_not_null())
        rows = rows.filter(measured)
        if ask.context.get("first"):
            rows = rows.filter(pl.col("date") >= ask.context["first"])
        if ask.context.get("until"):
            rows = rows.filter(pl.col("date") <= ask.context["until"])
        newest = rows["date"].max()
        each = [rows.with_columns(pl.lit(place.location_id).alias("location_id")) for place in ask.context["places"]]
        return Page(pl.concat(each), through=newest if isinstance(newest, date) else None, faults=broken)

    def _unpacked(self, body: bytes) -> bytes:
        if body[:2] != b"\x1f\x8b":
            return body
        try:
            with gzip.open(io.BytesIO(body)) as packed:
                text = packed.read(MAX_BYTES + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise BadFile(f"{self.name}: the file is damaged ({error}).") from error
        if len(text) > MAX_BYTES:
            raise changed(self.name, f"a file of more than {MAX_BYTES:,} bytes")
        return text


def _unreadable(raw: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Lines whose date is none, or that hold something else than a number, as faults; a line is one fault."""
    lost = {"date": rows["date"].is_null()}
    for theirs, ours in OURS.items():
        given = raw[theirs].str.strip_chars().fill_null("") != ""
        lost[theirs] = given & rows[ours].is_null()
    bad = pl.DataFrame(lost)
    lines = raw.with_columns(
        pl.Series("bad", [", ".join(name for name, wrong in zip(bad.columns, row) if wrong) for row in bad.iter_rows()])
    ).filter(pl.col("bad") != "")
    why = pl.format("{} can't be read. The line as it came is kept here.", pl.col("bad"))
    return faults(lines.drop("bad"), column="", rule="unreadable", reason="").with_columns(
        lines.select(why.alias("reason"))["reason"]
    )
