"""Tables of the lake with freshness, and their rows for browsing: suppliers, calendars, prices, anything."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

import polars as pl
from pydantic import Field

from shelfcast.domain.tables import TABLES, Kind
from shelfcast.domain.tables import table as declared
from shelfcast.lake.as_of import current
from shelfcast.ports.platform import Platform
from shelfcast.serve import catalog
from shelfcast.serve.pages import page
from shelfcast.serve.runs import newest_runs, one_run
from shelfcast.serve.view import View


class TableView(View):
    """A table that has been written."""

    table: str
    zone: Literal["curated", "features", "results"]
    kind: Literal["dimension", "fact", "vintage", "result"]
    meaning: str
    rows: int
    files: int
    bytes: int
    snapshots: int
    latest_period: date | None = None
    """The newest period it has rows of."""
    latest_known_at: datetime | None = None
    latest_commit: datetime | None = None


class ColumnView(View):
    name: str
    type: Literal["text", "integer", "real", "flag", "day", "instant"]
    meaning: str
    unit: str = ""
    key: bool = False


class TableRows(View):
    """Some rows of a table, as they stand now."""

    table: str
    columns: list[ColumnView]
    rows: list[dict[str, Any]]
    """Column -> value; which columns there are is said in `columns`."""
    next: str = ""


class RunView(View):
    """What ran: a step of the cycle, or a load."""

    run_id: str
    step: str
    state: str
    started_at: datetime | None = None
    ended_at: datetime | None = None
    seconds: float | None = None
    peak_mb: float | None = None
    cutoff: date | None = None
    rows: dict[str, int] = Field(default={})
    error: str = ""
    source: str = ""


class RunDetail(RunView):
    record: dict[str, Any] = Field(default={})
    """Everything recorded: parameters, fingerprints of inputs, versions, host, summary."""


_SEEN: dict[tuple[int, str], tuple[int, TableView]] = {}


def tables(platform: Platform) -> list[TableView]:
    """Every table that has been written. What was found of a table is remembered until it changes."""
    found = []
    for table in TABLES.values():
        current_snapshot = platform.tables.state(table).current
        if current_snapshot is None:
            continue
        key = (id(platform.tables), table.name)
        seen = _SEEN.get(key)
        if seen is None or seen[0] != current_snapshot.snapshot_id:
            brief = catalog.brief(platform, table)
            period = brief["latest_period"]
            view = TableView(**brief | {"latest_period": period[:10] if period else None})
            _SEEN[key] = seen = (current_snapshot.snapshot_id, view)
        found.append(seen[1])
    return found


def rows(platform: Platform, name: str, limit: int, cursor: str, where: dict[str, str]) -> TableRows:
    """Rows that stand now, sorted by key; `where` compares columns as text.

    Raises:
        NotFound: no such table.
        BadParameter: a column it doesn't have.
    """
    from shelfcast.domain.errors import BadParameter

    table = declared(name)
    for one in where:
        if one not in table.names:
            raise BadParameter.unknown("column", one, table.names)
    found = platform.tables.scan(table) if table.kind is Kind.RESULT else current(platform.tables, table)
    for column, value in where.items():
        found = found.filter(pl.col(column).cast(pl.String) == value)
    made = page(found, table.stored_key, limit, cursor)
    columns = [
        ColumnView(name=one.name, type=one.type.value, meaning=one.meaning, unit=one.unit, key=one.name in table.key)
        for one in table.columns
    ]
    return TableRows(table=name, columns=columns, rows=made.rows, next=made.next)


def runs(platform: Platform, limit: int) -> list[RunView]:
    return [_run(one) for one in newest_runs(platform, limit)]


def run(platform: Platform, run_id: str) -> RunDetail:
    """
    Raises:
        NotFound: no such run.
    """
    body = one_run(platform, run_id)
    return RunDetail(**_run(body).model_dump(), record=body)


def _run(body: dict[str, Any]) -> RunView:
    return RunView(**{name: body[name] for name in RunView.model_fields if body.get(name) is not None})
