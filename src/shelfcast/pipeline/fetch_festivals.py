"""Festivals -> lake: public holidays of the countries the shops are in, and the retailer's own calendars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from shelfcast.domain.errors import BadFile, NotReady
from shelfcast.domain.tables.curated import CALENDAR_EVENTS, LOCATIONS
from shelfcast.lake.raw import receive
from shelfcast.pipeline.fetch_outside import first_sales_day
from shelfcast.pipeline.load_batches import Incoming, load_together, raise_failures
from shelfcast.pipeline.load_report import LoadReport
from shelfcast.ports.platform import Platform
from shelfcast.sources.batches import SOURCE_LINE, CanonicalBatch, faults, no_faults
from shelfcast.sources.connectors.festivals import own_calendar, public_holidays
from shelfcast.sources.files import open_file

YEARS_AHEAD = 2


@dataclass(frozen=True)
class Festivals:
    """What was loaded; `notes` about countries and regions nobody knows."""

    report: LoadReport
    notes: tuple[str, ...]
    years: tuple[int, ...]


def load_holidays(platform: Platform, *, countries: Sequence[str] = (), frequency: str = "D") -> Festivals:
    """Public holidays from the first sales to two years ahead, for the countries and regions of the locations.

    Raises:
        NotReady: no location has a country and none is named.
    """
    now = platform.clock.now()
    places = platform.tables.scan(LOCATIONS).select("country", "region").drop_nulls("country").unique().collect()
    wanted: dict[str, list[str]] = {one.upper(): [] for one in countries}
    for country, region in places.iter_rows():
        if not countries or country.upper() in wanted:
            wanted.setdefault(country.upper(), []).extend([region] if region else [])
    if not wanted:
        raise NotReady("no location has a country. Load `locations` with one (DE, US, IN), or name it: --country DE.")
    years = tuple(range((first_sales_day(platform) or now.date()).year, now.year + YEARS_AHEAD + 1))
    rows, notes = public_holidays(wanted, years)
    content = rows.drop("known_at").write_csv().encode()
    report = _load(platform, "holidays.csv", content, CanonicalBatch(CALENDAR_EVENTS, _numbered(rows)), frequency)
    return Festivals(report, tuple(notes), years)


def load_calendar(platform: Platform, path: Path, *, event_type: str = "festival", frequency: str = "D") -> LoadReport:
    """The retailer's own calendar (festivals with lead and lag days, school holidays) from a CSV, Excel or Parquet file.

    Args:
        event_type: what lines are that don't say it themselves.

    Raises:
        BadFile: it can't be read.
        BadParameter: it lacks a column that must be there.
    """
    try:
        file = open_file(path)
        batches = list(file.batches())
        content = path.read_bytes()
    except (BadFile, OSError) as error:
        raise BadFile(f"{path.name} can't be read as a calendar: {str(error)[:300]}") from error
    frames = [one.frame.cast(pl.String) for one in batches]
    lines = pl.concat(
        [*frames, pl.DataFrame(schema=dict.fromkeys((*file.columns, SOURCE_LINE), pl.String))], how="diagonal"
    )
    rows, bad = own_calendar(lines.cast({SOURCE_LINE: pl.Int64}), path.name, event_type)
    broken = faults(bad.select(SOURCE_LINE, "row", "reason"), column="", rule="bad_calendar", reason=pl.col("reason"))
    split = pl.concat([no_faults(), *(one.broken for one in batches)])
    # A line makes several days, so days are what is counted: each has the number of its own place in the file.
    batch = CanonicalBatch(CALENDAR_EVENTS, rows, pl.concat([broken, split]), bad.height + split.height)
    return _load(platform, path.name, content, batch, frequency)


def _numbered(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(pl.int_range(1, rows.height + 1, dtype=pl.Int64).alias(SOURCE_LINE))


def _load(platform: Platform, source: str, content: bytes, batch: CanonicalBatch, frequency: str) -> LoadReport:
    manifest = receive(
        platform.blobs, platform.records, source, content, received_at=platform.clock.now(), table=CALENDAR_EVENTS.name
    )
    reports = load_together(platform, [Incoming(manifest, [batch])], frequency=frequency)
    raise_failures(reports)
    return reports[0]
