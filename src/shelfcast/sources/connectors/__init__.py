"""Outside data on one small contract: say what to ask, read what comes back. Pure: asking is done elsewhere.

    connector.asks(wanted, marks, now) -> requests
    connector.read(ask, body, now)     -> rows of a canonical table, and further requests (next page)

What came is rows of a curated table with `known_at`, so that a forecast is kept as it was issued and a backtest uses
what was known then. A body that isn't what the source used to send raises `BadFile`: the source's state says so until
somebody looks, and the last good values stay.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Protocol

import polars as pl

from shelfcast.domain.errors import BadFile
from shelfcast.sources.batches import no_faults


@dataclass(frozen=True)
class Ask:
    """One request. `fresh_for`: how long an answer is good enough not to be asked for again."""

    url: str
    context: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    fresh_for: timedelta = timedelta(minutes=30)
    secret: str = ""
    """Part of the URL that must not be shown or stored."""
    subjects: tuple[str, ...] = ()
    """What it is about: locations, series, indicators. Each goes on where it ended itself."""

    @property
    def shown(self) -> str:
        return self.url.replace(self.secret, "***") if self.secret else self.url


@dataclass(frozen=True)
class Page:
    """What an answer held: rows in canonical columns, further requests, and the newest period it covers."""

    rows: pl.DataFrame
    more: Sequence[Ask] = ()
    through: date | None = None
    faults: pl.DataFrame = field(default_factory=no_faults)
    """Rows of the answer that can't be read, a fault each (`batches.FAULT_SCHEMA`), beside those in `rows`."""


@dataclass(frozen=True)
class Place:
    """A location weather is wanted for."""

    location_id: str
    latitude: float
    longitude: float
    time_zone: str = "UTC"
    station: str = ""


@dataclass(frozen=True)
class Wanted:
    """What a fetch is for."""

    places: Sequence[Place] = ()
    since: date | None = None
    """First day that is wanted; None: what the source has anew."""
    until: date | None = None
    first: date | None = None
    """First day worth having of what was never fetched; None: the source's own choice."""


@dataclass(frozen=True)
class Marks:
    """Through which day each subject (a location, a series) is in the lake."""

    through: Mapping[str, date] = field(default_factory=dict)
    others: date | None = None
    """Of subjects not named: states written before they were kept apart."""

    def of(self, subject: str) -> date | None:
        """None: never fetched."""
        return self.through.get(subject, self.others)


class Connector(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def table(self) -> str:
        """Canonical table the rows are for."""
        ...

    @property
    def requests_per_minute(self) -> float: ...

    def asks(self, wanted: Wanted, marks: Marks, now: datetime) -> Sequence[Ask]:
        """The requests of a fetch: of each subject what lies past its own mark, and all of one never fetched."""
        ...

    def read(self, ask: Ask, body: bytes, now: datetime) -> Page:
        """
        Raises:
            BadFile: the body isn't what this source sends.
        """
        ...


def as_json(body: bytes, source: str) -> Any:
    """The body as JSON.

    Raises:
        BadFile: it isn't.
    """
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadFile(f"{source} sent no JSON: {body[:80].decode('utf-8', 'replace')!r}.") from error


def changed(source: str, what: str) -> BadFile:
    """The source's form has changed."""
    return BadFile(
        f"{source} sends another form than it used to: {what}. Nothing of this answer was used and the last good values "
        "stay; the answer is kept as a dead letter. See whether there is a newer version of Shelfcast."
    )


def number(value: Any, source: str, name: str) -> float | None:
    """A number or nothing.

    Raises:
        BadFile: something else.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise changed(source, f"{name} is {value!r}, no number")
    return float(value)
