"""Festivals: public holidays by country and region (from the `holidays` package, offline, moving festivals included),
and the retailer's own calendars with lead and lag days."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl

from shelfcast.domain.errors import BadParameter

SCHEMA: Mapping[str, Any] = {
    "event": pl.String, "event_type": pl.String, "scope": pl.String, "scope_value": pl.String, "date": pl.Date,
    "known_at": pl.Datetime("us", "UTC"),
}  # fmt: skip
KNOWN_DAYS_AHEAD = 365
"""The calendar of a year is known a year ahead. (Days set by the moon or by decree can be off by one until the end.)"""


def public_holidays(countries: Mapping[str, Sequence[str]], years: Sequence[int]) -> tuple[pl.DataFrame, list[str]]:
    """Rows of `calendar_events`, and sentences about countries and regions nobody knows.

    Args:
        countries: ISO 3166 country -> its regions as the retailer writes them (codes such as BY, CA).
    """
    import holidays

    known = holidays.list_supported_countries(include_aliases=True)
    rows: list[dict[str, Any]] = []
    notes: list[str] = []
    for country, regions in sorted(countries.items()):
        if country not in known:
            notes.append(f"Country {country!r} is unknown; use ISO 3166 codes such as DE, US, IN.")
            continue
        national = _named(holidays.country_holidays(country, years=years))
        rows += [_row(name, "country", country, day) for day, name in national]
        for region in sorted(set(regions)):
            if region not in known[country]:
                notes.append(
                    f"{country} has no region {region!r} with holidays of its own; known: {', '.join(known[country][:20])}."
                )
                continue
            own = set(_named(holidays.country_holidays(country, subdiv=region, years=years))) - set(national)
            rows += [_row(name, "region", region, day) for day, name in sorted(own)]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row"), notes


def _named(found: Any) -> list[tuple[date, str]]:
    """(day, name); a day may have several names, and an observed day is a day of its own."""
    return sorted(
        {(day, name.strip()) for day, names in found.items() for name in str(names).split(";") if name.strip()}
    )


def _row(name: str, scope: str, value: str, day: date) -> dict[str, Any]:
    known_at = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(days=KNOWN_DAYS_AHEAD)
    kind = "public_holiday"
    return {"event": name, "event_type": kind, "scope": scope, "scope_value": value, "date": day, "known_at": known_at}


OWN_COLUMNS = (
    "event",
    "first_date",
    "last_date",
    "lead_days",
    "lag_days",
    "event_type",
    "scope",
    "scope_value",
    "known_at",
)
MOST_LEAD_DAYS = 90
EARLIEST, LATEST = date(1990, 1, 1), date(2100, 12, 31)
OTHER_NAMES = {
    "event": ("name", "holiday", "event_name", "title"), "first_date": ("date", "start", "start_date", "from"),
    "last_date": ("end", "end_date", "to", "until"),
}  # fmt: skip
"""What lists of holidays call their columns."""


def own_calendar(raw: pl.DataFrame, source: str, event_type: str = "festival") -> tuple[pl.DataFrame, pl.DataFrame]:
    """A retailer's calendar spread into days: the event's own days, its lead days and its lag days.

    Lead and lag days become events of their own (`Diwali, before`, `Diwali, after`), so that the build-up and the
    aftermath are learned apart from the festival.

    Args:
        raw: text columns: event and first_date (or date); last_date, lead_days, lag_days, event_type, scope, scope_value
            and known_at if there are any. A file of school holidays is one with event_type school_holiday.
        event_type: of lines that have none.

    Returns:
        Rows of `calendar_events`, and the rows that can't be used with a `reason`, both with `source_line`.

    Raises:
        BadParameter: a column that must be there isn't.
    """
    raw = raw.rename({name: name.strip().lower() for name in raw.columns})
    for name, others in OTHER_NAMES.items():
        if name not in raw.columns and (found := next((one for one in others if one in raw.columns), None)):
            raw = raw.rename({found: name})
    if missing := [name for name in ("event", "first_date") if name not in raw.columns]:
        raise BadParameter(
            f"{source} has no column {', '.join(missing)}; it has: {', '.join(raw.columns)}. A calendar needs event and "
            f"first_date; it may have {', '.join(OWN_COLUMNS[2:])}."
        )
    rows: list[dict[str, Any]] = []
    bad: list[dict[str, Any]] = []
    for number, one in enumerate(raw.iter_rows(named=True), start=1):
        line = one.pop("source_line", number)
        try:
            rows += [row | {"source_line": line} for row in _spread(one, event_type)]
        except ValueError as error:
            bad.append(
                {"source_line": line, "reason": f"{error}. Correct the line and load the file again.", "row": str(one)}
            )
    schema = {**SCHEMA, "source_line": pl.Int64}
    faults = {"source_line": pl.Int64, "reason": pl.String, "row": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row"), pl.DataFrame(bad, schema=faults, orient="row")


def _spread(one: Mapping[str, Any], event_type: str) -> list[dict[str, Any]]:
    event = (one["event"] or "").strip()
    if not event:
        raise ValueError("event is empty")
    first = _date(one["first_date"], "first_date")
    last = _date(one["last_date"], "last_date") if one.get("last_date") else first
    lead, lag = _days(one.get("lead_days"), "lead_days"), _days(one.get("lag_days"), "lag_days")
    if not EARLIEST <= first <= LATEST:
        raise ValueError(f"first_date is {first}; {EARLIEST} to {LATEST} are allowed")
    if not first <= last <= first + timedelta(days=366):
        raise ValueError(f"last_date {last} must be from first_date {first} to a year later")
    if one.get("known_at"):
        known = datetime.combine(_date(one["known_at"], "known_at"), datetime.min.time(), UTC)
    else:
        known = datetime(first.year, first.month, first.day, tzinfo=UTC) - timedelta(days=KNOWN_DAYS_AHEAD)
    base = {
        "event_type": one.get("event_type") or event_type, "scope": one.get("scope") or "all",
        "scope_value": one.get("scope_value") or "*", "known_at": known,
    }  # fmt: skip
    spans = (
        (f"{event}, before", first - timedelta(days=lead), lead),
        (event, first, (last - first).days + 1),
        (f"{event}, after", last + timedelta(days=1), lag),
    )
    return [
        base | {"event": name, "date": start + timedelta(days=n)} for name, start, count in spans for n in range(count)
    ]


def _date(text: Any, name: str) -> date:
    given = str(text).strip()
    try:
        if "W" in given.upper():  # a week is no day
            raise ValueError
        return date.fromisoformat(given)
    except ValueError:
        raise ValueError(f"{name} is {text!r}, no date such as 2026-11-08") from None


def _days(text: Any, name: str) -> int:
    if text is None or str(text).strip() == "":
        return 0
    try:
        days = int(str(text).strip())
    except ValueError:
        raise ValueError(f"{name} is {text!r}, no whole number") from None
    if not 0 <= days <= MOST_LEAD_DAYS:
        raise ValueError(f"{name} is {days}; 0 to {MOST_LEAD_DAYS} are allowed")
    return days
