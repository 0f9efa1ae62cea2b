"""Days and locations that are missing, thin or swollen against what that weekday usually brings."""

from __future__ import annotations

import math
from datetime import date, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shelfcast.quality.anomaly_context import LEAST_USUAL_ROWS, Calendar
from shelfcast.quality.findings import Finding, counting, days_listed, listed
from shelfcast.quality.rule_book import RULES

THIN, SWOLLEN = 0.5, 2.0
"""Share of the usual rows of the weekday under (over) which a day is thin (swollen)."""
LEAST_DAYS = 21
"""Less history than this says nothing about what is usual."""
LATE_DAYS = 3.0
VOLUME_CHANGE = math.log(1.35)
"""Smallest change of four weeks' units that is reported."""


def check_completeness(
    totals: pl.DataFrame, calendar: Calendar, recent: int, openings: pl.DataFrame | None = None
) -> list[Finding]:
    """Findings about `sales` from its day totals (`anomaly_context.day_totals`).

    Days that a row of `openings` calls closed are not missing. Days of the recent window make warnings, older ones are
    for information: nobody will load last year's again.
    """
    if totals.is_empty():
        return []
    first: date = totals["date"].min()  # type: ignore[assignment]
    span = max(1, (calendar.cutoff - first).days // calendar.step + 1)
    if span < max(3, LEAST_DAYS // calendar.step):
        return []
    grid = _Grid(totals, calendar, min(span, calendar.length), openings)
    found = [*_whole_days(grid, recent), *_location_days(grid, recent), *_late_days(grid, recent)]
    if volume := _volume(grid, calendar):
        found.append(volume)
    return found


class _Grid:
    """Rows, units and delay by location (rows) and period (columns), from the first day of the data."""

    def __init__(self, totals: pl.DataFrame, calendar: Calendar, length: int, openings: pl.DataFrame | None) -> None:
        self.step, self.length = calendar.step, length
        self.season = 7 if calendar.step == 1 else 1
        self.first = calendar.cutoff - timedelta(days=calendar.step * (length - 1))
        places = totals.select("location_id").unique().sort("location_id").with_row_index("place")
        self.names: list[str] = places["location_id"].to_list()
        t = ((pl.col("date") - pl.lit(self.first)).dt.total_days() // calendar.step).alias("t")
        cells = totals.join(places, on="location_id").with_columns(t).filter(pl.col("t").is_between(0, length - 1))
        place, period = cells["place"].to_numpy(), cells["t"].to_numpy()
        shape = (places.height, length)
        self.rows, self.units, delay = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        np.add.at(self.rows, (place, period), cells["rows"].to_numpy())
        np.add.at(self.units, (place, period), cells["units"].to_numpy())
        np.add.at(delay, (place, period), (cells["delay"] * cells["rows"]).fill_null(math.nan).to_numpy())
        with np.errstate(invalid="ignore"):
            self.delay = np.where(self.rows > 0, delay / np.maximum(self.rows, 1), np.nan)
        self.closed = np.zeros(shape, dtype=np.bool_)
        if openings is not None and openings.height:
            shut = openings.filter(~pl.col("open")).join(places, on="location_id").with_columns(t)
            shut = shut.filter(pl.col("t").is_between(0, length - 1))
            self.closed[shut["place"].to_numpy(), shut["t"].to_numpy()] = True
        # A location counts from its first to its last row, so that new and closed ones are not called missing.
        any_rows = self.rows > 0
        begin = any_rows.argmax(axis=1)
        end = length - 1 - any_rows[:, ::-1].argmax(axis=1)
        t_axis = np.arange(length)
        self.trading = (t_axis >= begin[:, None]) & (t_axis <= end[:, None]) & ~self.closed

    def day(self, t: int) -> date:
        return self.first + timedelta(days=self.step * int(t))

    def usual(self, values: NDArray[np.float64], counted: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Median of the same weekday over the last half year, shape of `values`; NaN where fewer than 3 are there."""
        usual = np.full(values.shape, np.nan)
        for weekday in range(self.season):
            mine = np.where(counted[:, weekday :: self.season], values[:, weekday :: self.season], np.nan)[:, -26:]
            enough = (~np.isnan(mine)).sum(axis=1) >= 3
            if enough.any():
                usual[enough, weekday :: self.season] = np.nanmedian(mine[enough], axis=1)[:, None]
        return usual

    def open_share(self) -> NDArray[np.float64]:
        """Share of a day's usual rows that locations bring which are open on it, shape (1, T): a holiday of half of the
        chain makes no thin day."""
        usual = np.nan_to_num(self.usual(self.rows, self.trading))
        every, shut = usual.sum(axis=0), (usual * self.closed).sum(axis=0)
        return np.asarray(1.0 - np.divide(shut, every, out=np.zeros_like(every), where=every > 0))[None, :]

    def severity(self, days: list[date], recent: int) -> str:
        """Empty (the rule's own) if some day is recent."""
        return "" if any(day > self.day(self.length - 1 - recent) for day in days) else "info"


def _whole_days(grid: _Grid, recent: int) -> list[Finding]:
    rows = grid.rows.sum(axis=0, keepdims=True)
    some_open = grid.trading.any(axis=0, keepdims=True)
    usual = grid.usual(rows, some_open) * grid.open_share()
    judged = some_open & (usual >= LEAST_USUAL_ROWS)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = rows / usual
    kinds = {
        "missing_days": (rows == 0, "no row at all on", "No day is missing altogether"),
        "thin_days": ((share < THIN) & (rows > 0), "less than half of the usual rows on", "No day is thin"),
        "swollen_days": (share > SWOLLEN, "more than twice the usual rows on", "No day is swollen"),
    }
    found, looked_at = [], int(judged.sum())
    for rule, (broken, said, fine) in kinds.items():
        days = [grid.day(t) for t in np.flatnonzero((broken & judged)[0]).tolist()]
        message = (
            f"There is {said} {counting(len(days), 'day')}: {days_listed(days)}. {RULES[rule].cure}"
            if days
            else f"{fine} out of {looked_at:,}."
        )
        found.append(Finding("sales", rule, "date", looked_at, len(days), message, grid.severity(days, recent)))
    return found


def _location_days(grid: _Grid, recent: int) -> list[Finding]:
    """Days a single location is missing, where others are there."""
    usual = grid.usual(grid.rows, grid.trading)
    judged = grid.trading & (usual >= LEAST_USUAL_ROWS) & (grid.rows.sum(axis=0) > 0)
    missing = judged & (grid.rows == 0)
    places, periods = np.nonzero(missing)
    days = [grid.day(t) for t in periods.tolist()]
    newest = np.argsort(periods, kind="stable")[::-1]
    names = [f"{grid.names[places[k]]} on {days[k]:%a %d %b %Y}" for k in newest]
    message = (
        f"{counting(len(names), 'day')} of single locations have no row: {listed(names)}."
        f" {RULES['missing_location_days'].cure}"
        if names
        else "Every location has rows on every day it usually has."
    )
    return [
        Finding(
            "sales",
            "missing_location_days",
            "location_id",
            int(judged.sum()),
            len(names),
            message,
            grid.severity(days, recent),
        )
    ]


def _late_days(grid: _Grid, recent: int) -> list[Finding]:
    delay = grid.delay[:, -recent:]
    there = ~np.isnan(delay)
    if not there.any():
        return []
    usual = float(np.median(delay[there]))
    places, periods = np.nonzero(there & (delay > usual + LATE_DAYS))
    newest = np.argsort(periods, kind="stable")[::-1]
    start = grid.length - delay.shape[1]
    names = [
        f"{grid.names[places[k]]} on {grid.day(start + periods[k]):%a %d %b} ({delay[places[k], periods[k]]:.0f} days)"
        for k in newest
    ]
    message = (
        f"{counting(len(names), 'day')} of single locations became known more than {LATE_DAYS:g} days later than usual:"
        f" {listed(names)}. {RULES['late_location_days'].cure}"
        if names
        else "No location's sales came later than usual."
    )
    return [Finding("sales", "late_location_days", "known_at", int(there.sum()), len(names), message)]


def _volume(grid: _Grid, calendar: Calendar) -> Finding | None:
    """Units of the last four weeks against the four before, beside how much that usually changes."""
    block = 28 // calendar.step
    blocks = grid.length // block
    if blocks < 4:
        return None
    units = grid.units[:, grid.length - blocks * block :].sum(axis=0).reshape(blocks, block).sum(axis=1)
    if (units <= 0).any():
        units = np.maximum(units, 1.0)
    changes = np.diff(np.log(units))
    usual = changes[:-1]
    spread = 1.4826 * float(np.median(np.abs(usual - np.median(usual))))
    last = float(changes[-1])
    strange = abs(last) > max(VOLUME_CHANGE, 4 * spread)
    change = math.expm1(last)
    seen = (
        f"Units of the last four weeks are {abs(change):.0%} {'above' if change > 0 else 'below'} the four weeks before"
    )
    message = (
        f"{seen}; changes of up to {math.expm1(max(VOLUME_CHANGE, 4 * spread)):.0%} would be usual. {RULES['volume_change'].cure}"
        if strange
        else f"{seen}, within what is usual."
    )
    return Finding("sales", "volume_change", "units", blocks, int(strange), message)
