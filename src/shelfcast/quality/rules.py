"""Rows of a load held against the declaration of their table: kept, or quarantined with the reason.

Identity, for every input: rows in = rows kept + rows quarantined.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import polars as pl

from shelfcast.domain.errors import BadMapping
from shelfcast.domain.tables import Table, Type
from shelfcast.domain.tables.curated import QUARANTINE
from shelfcast.quality.duplicates import ROW, key_of, mark_duplicates
from shelfcast.quality.quarantine import SOURCE_LINE, as_json, quarantine_rows
from shelfcast.quality.row_rules import RAW, RowRule, row_rules, said_of
from shelfcast.quality.rule_book import RULES

WRONG = "__wrong_"
FLAGS = {"true": True, "t": True, "1": True, "yes": True, "y": True, "false": False, "f": False, "0": False, "no": False, "n": False}  # fmt: skip


@dataclass(frozen=True)
class Checked:
    """A load after the row rules. `kept` has the input's columns, typed as declared; `quarantined` is of `quarantine`."""

    kept: pl.DataFrame
    quarantined: pl.DataFrame
    filled: dict[str, int] = field(default_factory=dict)
    """Column -> rows kept or not in which an absent value got the column's default (or, for NaN, null)."""

    @property
    def counts(self) -> dict[str, int]:
        """Quarantined rows by rule, the most frequent first."""
        counted = self.quarantined["rule"].value_counts().sort(["count", "rule"], descending=[True, False])
        return dict(zip(counted["rule"], counted["count"]))


def check_rows(
    frame: pl.DataFrame,
    table: Table,
    *,
    source: str,
    load_id: str,
    now: datetime | None = None,
) -> Checked:
    """Split a load into rows that can be used and rows that can't.

    A bad row appears once in the quarantine, under the gravest rule it broke; `reason` names all of them. Duplicates
    are looked for among the rows that are good otherwise, so a broken twin does not cost its good one.

    Args:
        frame: canonical columns (optional ones may be absent) and `source_line`; columns of another type are read as
            the declared one where that is possible.
        table: the declaration that says what is allowed.
        source: file or query the rows came from, for the quarantine.
        now: the clock; facts dated after it are refused. None leaves the future unchecked.

    Raises:
        BadMapping: a required column is not there at all; names it and what is there.
    """
    _refuse_absent(frame, table, source)
    raw = frame
    frame, unreadable = _typed(frame.with_row_index(ROW), table)
    frame, filled = _filled(frame, table)
    broken = _those_broken(frame, [*unreadable, *row_rules(table, frame.columns, now)])
    good, parts = frame, []
    if broken:
        bad = frame.select(pl.any_horizontal(rule.broken for rule in broken)).to_series()
        parts.append(_described(frame.filter(bad), raw, broken))
        good = frame.filter(~bad)
    marked = mark_duplicates(good, table)
    if marked.height:
        parts.append(_duplicates_described(marked, raw, key_of(table, good.columns)))
        good = good.join(marked.select(ROW), on=ROW, how="anti", maintain_order="left")
    kept = good.select(name for name in good.columns if not name.startswith("__"))
    if not parts:
        return Checked(kept, QUARANTINE.empty(), filled)
    rows = pl.concat(parts).sort(ROW)
    return Checked(kept, quarantine_rows(rows, table=table.name, source=source, load_id=load_id, loaded_at=now), filled)


def _refuse_absent(frame: pl.DataFrame, table: Table, source: str) -> None:
    needed = [
        c.name
        for c in table.columns
        if (c.required or c.name in table.key) and not c.derived and c.default is None and c.name not in frame.columns
    ]
    if SOURCE_LINE not in frame.columns:
        needed.append(SOURCE_LINE)
    if needed:
        there = ", ".join(name for name in frame.columns if name != SOURCE_LINE) or "none"
        raise BadMapping(
            f"{source} has no column for {', '.join(needed)}, which every row of {table.name} needs; columns there are:"
            f" {there}. Map a column to each in the mapping file."
        )


def _typed(frame: pl.DataFrame, table: Table) -> tuple[pl.DataFrame, list[RowRule]]:
    """Columns in their declared types, and a rule for those whose values could not all be read."""
    off = [c for c in table.columns if c.name in frame.columns and frame.schema[c.name] != c.type.polars]
    if not off:
        return frame, []
    typed = frame.with_columns(_read(pl.col(c.name), frame.schema[c.name], c.type).alias(c.name) for c in off)
    typed = typed.with_columns(
        (typed[c.name].is_null() & frame[c.name].is_not_null() & ~_blank(frame[c.name])).alias(WRONG + c.name)
        for c in off
    )
    return typed, [
        RowRule("wrong_type", c.name, pl.col(WRONG + c.name), said_of(c.name, f"which is no {c.type}", "wrong_type"))
        for c in off
    ]


def _blank(values: pl.Series) -> pl.Series:
    if values.dtype == pl.String:
        return values.str.strip_chars() == ""
    return pl.Series([False]).new_from_index(0, len(values))


def _read(value: pl.Expr, dtype: pl.DataType, wanted: Type) -> pl.Expr:
    """The value in the wanted type; null where it can't be read."""
    if dtype == pl.String:
        text = value.str.strip_chars()
        if wanted is Type.DAY:
            return text.str.to_date("%Y-%m-%d", strict=False)
        if wanted is Type.INSTANT:
            return text.str.to_datetime(time_unit="us", time_zone="UTC", strict=False)
        if wanted is Type.FLAG:
            return text.str.to_lowercase().replace_strict(FLAGS, default=None, return_dtype=pl.Boolean)
        return text.cast(wanted.polars, strict=False)
    if wanted is Type.INSTANT and isinstance(dtype, pl.Datetime):
        utc = value.dt.replace_time_zone("UTC") if dtype.time_zone is None else value.dt.convert_time_zone("UTC")
        return utc.dt.cast_time_unit("us")
    if wanted is Type.INTEGER and dtype.is_float():
        return pl.when(value == value.round()).then(value).cast(pl.Int64, strict=False)
    return value.cast(wanted.polars, strict=False)


def _filled(frame: pl.DataFrame, table: Table) -> tuple[pl.DataFrame, dict[str, int]]:
    """Defaults where a value is absent; NaN in an optional column is an absent value (that is how pandas writes it)."""
    fills, counts = [], {}
    for column in table.columns:
        if column.name not in frame.columns:
            if column.default is not None and (column.required or column.name in table.key):
                fills.append(pl.lit(column.default, column.type.polars).alias(column.name))
                counts[column.name] = frame.height
            continue
        value, default = pl.col(column.name), pl.lit(column.default, column.type.polars)
        optional = not column.required and column.name not in table.key
        absent = value.is_null() if column.default is not None else pl.lit(False)
        if column.type is Type.REAL and optional:
            absent = absent | value.is_nan().fill_null(False)
        if WRONG + column.name in frame.columns:
            absent = absent & ~pl.col(WRONG + column.name)
        if count := int(frame.select(absent.sum()).item() or 0):
            counts[column.name] = count
            fills.append(pl.when(absent).then(default).otherwise(value).alias(column.name))
    return frame.with_columns(fills) if fills else frame, counts


def _those_broken(frame: pl.DataFrame, rules: list[RowRule]) -> list[RowRule]:
    """The rules that at least one row breaks. All are tried in one parallel pass."""
    if frame.is_empty() or not rules:
        return []
    hits = frame.select(rule.broken.any().alias(str(position)) for position, rule in enumerate(rules)).row(0)
    return [rule for rule, hit in zip(rules, hits, strict=True) if hit]


def _described(bad: pl.DataFrame, raw: pl.DataFrame, broken: list[RowRule]) -> pl.DataFrame:
    """Bad rows with the gravest rule they broke and a sentence for each of them."""
    bad = _with_raw(bad, raw, {rule.column for rule in broken})
    return bad.select(
        ROW,
        SOURCE_LINE,
        pl.coalesce(pl.when(rule.broken).then(pl.lit(rule.rule)) for rule in broken).alias("rule"),
        pl.coalesce(pl.when(rule.broken).then(pl.lit(rule.column)) for rule in broken).alias("column"),
        pl.coalesce(pl.when(rule.broken).then(pl.col(RAW + rule.column).fill_null("")) for rule in broken).alias(
            "value"
        ),
        pl.concat_str(
            (pl.when(rule.broken).then(rule.reason) for rule in broken), separator=" ", ignore_nulls=True
        ).alias("reason"),
        pl.col("row"),
    )


def _with_raw(rows: pl.DataFrame, raw: pl.DataFrame, columns: set[str]) -> pl.DataFrame:
    """The rows with what came: the JSON of the whole row, and the named values as text."""
    there = [name for name in raw.columns if name != SOURCE_LINE]
    came = raw[rows[ROW]].select(
        as_json(there).alias("row"),
        *(
            (pl.col(name).cast(pl.String, strict=False) if name in raw.columns else pl.lit(None, pl.String)).alias(
                RAW + name
            )
            for name in sorted(columns)
        ),
    )
    return rows.hstack(came)


def _duplicates_described(marked: pl.DataFrame, raw: pl.DataFrame, key: list[str]) -> pl.DataFrame:
    rows = _with_raw(marked.hstack(raw[marked[ROW]].select(SOURCE_LINE)), raw, set(key))
    shown = pl.concat_str((pl.col(RAW + name).fill_null("") for name in key), separator=" / ")
    first = pl.col("first_line").cast(pl.String)
    named = ", ".join(key)
    same = RULES["duplicate_row"].cure
    differ = RULES["duplicate_key_conflict"].cure
    return rows.select(
        ROW,
        SOURCE_LINE,
        "rule",
        pl.lit(",".join(key)).alias("column"),
        shown.alias("value"),
        pl.when(pl.col("rule") == "duplicate_row")
        .then(pl.format("The same row stands in line {} already. " + same, first))
        .otherwise(pl.format(f"Rows from line {{}} on have the same {named} with different values. {differ}", first))
        .alias("reason"),
        "row",
    )
