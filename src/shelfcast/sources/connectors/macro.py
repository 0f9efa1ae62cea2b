"""Macro indicators: FRED (with the vintages it keeps) and the World Bank, as rows of `observations`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

import polars as pl

from shelfcast.domain.errors import BadParameter
from shelfcast.sources.connectors import Ask, Marks, Page, Wanted, as_json, changed, number

SCHEMA: Mapping[str, Any] = {
    "name": pl.String, "date": pl.Date, "value": pl.Float64, "role": pl.String, "frequency": pl.String,
    "known_at": pl.Datetime("us", "UTC"),
}  # fmt: skip
MONTHS = {"M": 1, "Q": 3, "A": 12}
"""Months a value holds; quarters and years become a row a month, since the table knows D, W, M."""
EARLIEST, LATEST = "1776-07-04", "9999-12-31"
"""FRED's words for all vintages."""
MOST_PAGES = 1000
FIRST = date(2000, 1, 1)
"""How far back the first fetch goes."""


def _rows(name: str, first: date, value: float, frequency: str, known_at: datetime) -> list[dict[str, Any]]:
    row = {"name": name, "value": value, "role": "observed", "known_at": known_at}
    if frequency in ("D", "W"):
        return [row | {"date": first, "frequency": frequency}]
    months = [first.replace(day=1)]
    while len(months) < MONTHS[frequency]:
        months.append((months[-1] + timedelta(days=31)).replace(day=1))
    return [row | {"date": month, "frequency": "M"} for month in months]


def _checked_frequency(frequency: str) -> str:
    if frequency not in ("D", "W", *MONTHS):
        raise BadParameter.unknown("frequency", frequency, ("D", "W", *MONTHS))
    return frequency


@dataclass(frozen=True)
class Fred:
    """Series of FRED. Every release of a value is a row: `known_at` is the day it was published.

    Args of `series`: series id -> frequency (D, W, M, Q, A).
    """

    series: Mapping[str, str]
    api_key: str
    base_url: str = "https://api.stlouisfed.org"
    name: str = "macro-fred"
    table: str = "observations"
    requests_per_minute: float = 100

    def asks(self, wanted: Wanted, marks: Marks, now: datetime) -> Sequence[Ask]:  # noqa: ARG002
        found = []
        for one, frequency in self.series.items():
            mark = marks.of(one)
            first = wanted.since or (mark - timedelta(days=400) if mark else FIRST)
            asked = {
                "series_id": one, "api_key": self.api_key, "file_type": "json", "realtime_start": EARLIEST,
                "realtime_end": LATEST, "observation_start": first,
            }  # fmt: skip
            context = {"series": one, "frequency": _checked_frequency(frequency)}
            url = f"{self.base_url.rstrip('/')}/fred/series/observations?{urlencode(asked)}"
            found.append(Ask(url, context, fresh_for=timedelta(hours=6), secret=self.api_key, subjects=(one,)))
        return found

    def read(self, ask: Ask, body: bytes, now: datetime) -> Page:  # noqa: ARG002
        found = as_json(body, self.name)
        listed = found.get("observations") if isinstance(found, dict) else None
        if not isinstance(listed, list):
            raise changed(self.name, "there are no 'observations'")
        rows: list[dict[str, Any]] = []
        newest: date | None = None
        for one in listed:
            try:
                first, issued, text = (
                    date.fromisoformat(one["date"]),
                    date.fromisoformat(one["realtime_start"]),
                    one["value"],
                )
                value = None if text == "." else float(text)
            except (KeyError, TypeError, ValueError) as error:
                raise changed(self.name, f"an observation is {str(one)[:100]}") from error
            if value is None:
                continue
            known_at = datetime.combine(issued, time(23, 59), UTC)
            rows += _rows(ask.context["series"], first, value, ask.context["frequency"], known_at)
            newest = max(newest, first) if newest else first
        return Page(pl.DataFrame(rows, schema=SCHEMA, orient="row"), through=newest)


@dataclass(frozen=True)
class WorldBank:
    """Indicators of the World Bank, by country (ISO 3166), a value a year.

    It keeps no vintages: a value counts as known half a year after its year, and not before the source's last update
    where that is earlier still.
    """

    indicators: Sequence[str]
    countries: Sequence[str]
    base_url: str = "https://api.worldbank.org"
    name: str = "macro-world-bank"
    table: str = "observations"
    requests_per_minute: float = 60

    def asks(self, wanted: Wanted, marks: Marks, now: datetime) -> Sequence[Ask]:
        return [self._ask(one, self._first(one, wanted, marks, now), now.year, 1) for one in self.indicators]

    def _subjects(self, indicator: str) -> tuple[str, ...]:
        return tuple(f"{indicator}:{country}" for country in self.countries)

    def _first(self, indicator: str, wanted: Wanted, marks: Marks, now: datetime) -> int:
        if wanted.since:
            return wanted.since.year
        years = [mark.year - 3 if (mark := marks.of(one)) else now.year - 20 for one in self._subjects(indicator)]
        return min(years, default=now.year - 20)

    def _ask(self, indicator: str, first: int, last: int, page: int) -> Ask:
        path = f"/v2/country/{';'.join(self.countries)}/indicator/{indicator}"
        query = urlencode({"format": "json", "per_page": 1000, "date": f"{first}:{last}", "page": page})
        context = {"indicator": indicator, "first": first, "last": last, "page": page}
        url = f"{self.base_url.rstrip('/')}{path}?{query}"
        return Ask(url, context, fresh_for=timedelta(days=1), subjects=self._subjects(indicator))

    def read(self, ask: Ask, body: bytes, now: datetime) -> Page:  # noqa: ARG002
        found = as_json(body, self.name)
        if isinstance(found, list) and found and isinstance(found[0], dict) and "message" in found[0]:
            said = "; ".join(str(one.get("value", one)) for one in found[0]["message"] if isinstance(one, dict))
            raise BadParameter(
                f"the World Bank refuses {ask.context['indicator']}: {said}. Check indicator and countries."
            )
        if not isinstance(found, list) or len(found) != 2 or not isinstance(found[0], dict) or "pages" not in found[0]:
            raise changed(self.name, "the answer is no pair of header and values")
        head, listed = found[0], found[1] or []
        try:
            updated = datetime.combine(date.fromisoformat(head["lastupdated"]), time(23, 59), UTC)
            pages = int(head["pages"])
        except (KeyError, TypeError, ValueError) as error:
            raise changed(self.name, f"the header is {str(head)[:100]}") from error
        rows: list[dict[str, Any]] = []
        newest: date | None = None
        for one in listed:
            try:
                year, country = date(int(one["date"]), 1, 1), one["countryiso3code"] or one["country"]["id"]
            except (KeyError, TypeError, ValueError) as error:
                raise changed(self.name, f"a value is {str(one)[:100]}") from error
            value = number(one.get("value"), self.name, "value")
            if value is None:
                continue
            known_at = min(updated, datetime(year.year + 1, 7, 1, tzinfo=UTC))
            rows += _rows(f"{ask.context['indicator']}:{country}", year, value, "A", known_at)
            newest = max(newest, year) if newest else year
        page = ask.context["page"]
        if pages > MOST_PAGES:
            raise changed(self.name, f"it speaks of {pages:,} pages")
        more = (
            [self._ask(ask.context["indicator"], ask.context["first"], ask.context["last"], page + 1)]
            if page < pages
            else []
        )
        return Page(pl.DataFrame(rows, schema=SCHEMA, orient="row"), more, newest)
