"""What the monitor measured: newest values with status, meaning and next step, and each measure over time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, Literal

import polars as pl
from pydantic import Field

from shelfcast.domain.errors import BadParameter
from shelfcast.domain.measures import KINDS, Area
from shelfcast.domain.tables import monitoring
from shelfcast.ports.platform import Platform
from shelfcast.serve.view import View

State = Literal["ok", "watch", "open"]
GRAVITY = {"open": 0, "watch": 1, "ok": 2}
TABLES = (monitoring.MONITOR_MEASURES, monitoring.SYSTEM_MEASURES)


class MonitoredView(View):
    """One measure of a day."""

    area: Area
    measure: str = Field(examples=["bias"])
    subject: str = Field(examples=["all", "category=CLEANING", "prices"])
    title: str
    """What is measured, in a word or two."""
    meaning: str
    unit: Literal["share", "days", "ratio", "number", "seconds", "megabytes", "money"]
    value: float | None = None
    expected: float | None = None
    """What is usual, or was promised."""
    threshold: float | None = None
    state: State
    """ok; watch: beyond the threshold, not often enough yet; open: a finding."""
    opened_on: date | None = None
    reason: str
    """Why the threshold is what it is."""
    says: str
    """The sentence a person reads."""
    moved_with: str = ""
    """Features and segments that moved at the same time."""
    next_step: str
    """What a person should do first."""
    link: str


class MonitorView(View):
    """The newest night's measures, the gravest first."""

    cutoff: date | None = None
    """Last business date looked at; nothing when the monitor hasn't run."""
    open: int = 0
    watched: int = 0
    measures: list[MonitoredView]


class MeasurePoint(View):
    date: date
    value: float | None = None
    expected: float | None = None
    threshold: float | None = None
    state: State


class MeasureHistory(View):
    """One measure over time."""

    area: Area
    measure: str
    subject: str
    title: str
    meaning: str
    unit: str
    points: list[MeasurePoint]


def newest(platform: Platform, *, area: str = "", cutoff: date | None = None) -> MonitorView:
    """Measures of the newest night (or of a given one)."""
    last = cutoff or _newest_date(platform)
    if last is None:
        return MonitorView(measures=[])
    rows = [row for table in TABLES for row in _day(platform, table, last) if not area or row["area"] == area]
    found = sorted(
        (_view(row) for row in rows), key=lambda one: (GRAVITY[one.state], one.area, one.measure, one.subject)
    )
    return MonitorView(
        cutoff=last, open=sum(one.state == "open" for one in found), watched=sum(one.state == "watch" for one in found),
        measures=found,
    )  # fmt: skip


def history(platform: Platform, area: str, measure: str, subject: str = "all", days: int = 180) -> MeasureHistory:
    """A measure over the newest days.

    Raises:
        BadParameter: no such measure.
    """
    kind = KINDS.get(f"{area}.{measure}")
    if kind is None:
        raise BadParameter.unknown("measure", f"{area}.{measure}", KINDS)
    table = monitoring.SYSTEM_MEASURES if area == "system" else monitoring.MONITOR_MEASURES
    last = _newest_date(platform)
    rows: Sequence[dict[str, Any]] = []
    if last is not None:
        wanted = (
            (pl.col("date") > last - timedelta(days=days))
            & (pl.col("area") == area)
            & (pl.col("measure") == measure)
            & (pl.col("subject") == subject)
        )
        rows = platform.tables.scan(table).filter(wanted).sort("date").collect().to_dicts()
    points = [
        MeasurePoint(
            date=row["date"], value=_finite(row["value"]), expected=_finite(row["expected"]),
            threshold=_finite(row["threshold"]), state=row["state"],
        )
        for row in rows
    ]  # fmt: skip
    return MeasureHistory(
        area=kind.area, measure=measure, subject=subject, title=kind.title, meaning=kind.meaning, unit=kind.unit,
        points=points,
    )  # fmt: skip


def _newest_date(platform: Platform) -> date | None:
    found: date | None = (
        platform.tables.scan(monitoring.MONITOR_MEASURES)
        .select(pl.col("date").max())
        .collect(engine="streaming")
        .item()
    )
    return found


def _day(platform: Platform, table: Any, day: date) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = platform.tables.scan(table).filter(pl.col("date") == day).collect().to_dicts()
    return rows


def _view(row: dict[str, Any]) -> MonitoredView:
    kind = KINDS[f"{row['area']}.{row['measure']}"]
    return MonitoredView(
        area=row["area"], measure=row["measure"], subject=row["subject"], title=kind.title, meaning=kind.meaning,
        unit=kind.unit, value=_finite(row["value"]), expected=_finite(row["expected"]), threshold=_finite(row["threshold"]),
        state=row["state"], opened_on=row["opened_on"], reason=row["reason"] or "", says=row["says"] or "",
        moved_with=row["moved_with"] or "", next_step=kind.next_step, link=kind.link,
    )  # fmt: skip


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
