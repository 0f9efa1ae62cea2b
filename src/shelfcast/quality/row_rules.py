"""The rules of single rows that a table's declaration implies, as Polars expressions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import polars as pl

from shelfcast.domain.tables import Column, Kind, Table, Type
from shelfcast.quality.rule_book import RULES

EARLIEST = date(1990, 1, 1)
"""Before this, a date is a system's zero or a typing error."""
LATEST = date(2100, 12, 31)
AHEAD_OF_UTC = timedelta(hours=14)
"""The furthest a local clock runs ahead of UTC: a business date may be tomorrow's in UTC."""
SPANS = (
    ("first_date", "last_date"), ("start_date", "end_date"), ("valid_from", "valid_to"), ("launch_date", "end_date"),
    ("effective_from", "effective_to"), ("open_from", "open_to"), ("ordered_on", "received_on"),
)  # fmt: skip
"""Columns that begin and end a span, in whatever table has both."""
RAW = "__raw_"
"""Prefix of a column that holds the value as it came, as text."""


@dataclass(frozen=True)
class RowRule:
    """`broken` is true (never null) on rows that break the rule; `reason` is the sentence for such a row."""

    rule: str
    column: str
    broken: pl.Expr
    reason: pl.Expr


def row_rules(table: Table, present: Sequence[str], now: datetime | None = None) -> list[RowRule]:
    """Rules that rows of the table must keep, the gravest first; `present` are the columns there are."""
    columns = [column for column in table.columns if column.name in present and not column.derived]
    rules = [rule for column in columns for rule in _missing(column, table)]
    rules += [rule for column in columns for rule in _numbers(column)]
    rules += [rule for column in columns for rule in _allowed(column)]
    rules += [rule for column in columns for rule in _dates(column, table, now)]
    if table.kind is Kind.FACT and "known_at" in present and table.partition in present and table.partition:
        rules += list(_known_before(table.partition))
    rules += [rule for pair in SPANS for rule in _spans(*pair, {column.name for column in columns})]
    return rules


def said(text: str, rule: str) -> pl.Expr:
    """A fixed sentence and the rule's cure."""
    return pl.lit(f"{text} {RULES[rule].cure}")


def said_of(column: str, text: str, rule: str) -> pl.Expr:
    """`units is '-3.0', below 0. Correct the sign...`: the value as it came in the middle."""
    return pl.concat_str(
        pl.lit(f"{column} is '"), pl.col(RAW + column).fill_null(""), pl.lit(f"', {text}. {RULES[rule].cure}")
    )


def _missing(column: Column, table: Table) -> Iterator[RowRule]:
    if not (column.required or column.name in table.key):
        return
    value = pl.col(column.name)
    absent = value.is_null()
    if column.type is Type.TEXT:
        absent = absent | (value.str.strip_chars() == "").fill_null(True)
    elif column.type is Type.REAL:
        absent = absent | value.is_nan().fill_null(True)
    sentence = f"{column.name} is empty, but every row of {table.name} needs it."
    yield RowRule("missing", column.name, absent, said(sentence, "missing"))


def _numbers(column: Column) -> Iterator[RowRule]:
    if column.type not in (Type.REAL, Type.INTEGER):
        return
    name, value = column.name, pl.col(column.name)
    unit = f" {column.unit}" if column.unit and column.unit != "money" else ""
    if column.type is Type.REAL:
        endless = value.is_infinite().fill_null(False)
        yield RowRule("not_finite", name, endless, said_of(name, "which is no finite number", "not_finite"))
        value = pl.when(value.is_finite()).then(value)
    if column.minimum is not None:
        rule = "negative" if column.minimum == 0 else "below_minimum"
        below = (value < column.minimum).fill_null(False)
        yield RowRule(rule, name, below, said_of(name, f"below the least allowed, {column.minimum:g}{unit}", rule))
    if column.maximum is not None:
        above = (value > column.maximum).fill_null(False)
        text = f"above the most allowed, {column.maximum:g}{unit}"
        yield RowRule("above_maximum", name, above, said_of(name, text, "above_maximum"))
    if column.positive:
        rule = "zero_price" if column.unit == "money" else "zero_value"
        yield RowRule(rule, name, (value == 0).fill_null(False), said(f"{name} is 0, but must be above 0.", rule))


def _allowed(column: Column) -> Iterator[RowRule]:
    if column.allowed:
        strange = ~pl.col(column.name).is_in(list(column.allowed)).fill_null(True)
        text = f"allowed: {', '.join(column.allowed)}"
        yield RowRule("not_allowed", column.name, strange, said_of(column.name, text, "not_allowed"))


def _dates(column: Column, table: Table, now: datetime | None) -> Iterator[RowRule]:
    """Dates that say when a fact or plan is; a dimension's dates (launched 1985) are left alone."""
    dates_rows = column.name in table.key or column.name == table.partition or column.required
    if table.kind not in (Kind.FACT, Kind.VINTAGE) or column.type not in (Type.DAY, Type.INSTANT) or not dates_rows:
        return
    name, value = column.name, pl.col(column.name)
    if column.name in (*table.key, table.partition) or column.type is Type.INSTANT:
        too_old = (value < _moment(EARLIEST, column)).fill_null(False)
        yield RowRule("date_too_old", name, too_old, said_of(name, f"before {EARLIEST}", "date_too_old"))
        too_late = (value > _moment(LATEST, column)).fill_null(False)
        yield RowRule("date_too_late", name, too_late, said_of(name, f"after {LATEST}", "date_too_late"))
    if table.kind is Kind.FACT and now is not None:
        latest = (now.astimezone(UTC) + AHEAD_OF_UTC).date()
        ahead = (value > _moment(latest, column)) & (value <= _moment(LATEST, column))
        text = f"which lies in the future (today is {now:%Y-%m-%d})"
        yield RowRule("date_in_future", name, ahead.fill_null(False), said_of(name, text, "date_in_future"))


def _moment(bound: date, column: Column) -> pl.Expr:
    """The day, or for an instant its last moment, in the column's type."""
    if column.type is Type.DAY:
        return pl.lit(bound)
    last = time.max if bound != EARLIEST else time.min
    return pl.lit(datetime.combine(bound, last, UTC), column.type.polars)


def _spans(begin: str, end: str, present: set[str]) -> Iterator[RowRule]:
    if {begin, end} <= present:
        backwards = (pl.col(end) < pl.col(begin)).fill_null(False)
        reason = said_of(end, f"before {begin}", "ends_before_start")
        yield RowRule("ends_before_start", end, backwards, reason)


def _known_before(day: str) -> Iterator[RowRule]:
    began = pl.col(day).cast(pl.Datetime("us", "UTC")) - AHEAD_OF_UTC
    early = (pl.col("known_at") < began).fill_null(False)
    reason = said_of("known_at", f"before the row's own {day} began", "known_before_period")
    yield RowRule("known_before_period", "known_at", early, reason)
