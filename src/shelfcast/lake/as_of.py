"""What stands now, and what was known at a moment: by `known_at` of each row, never by a table's snapshot."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import polars as pl

from shelfcast.domain.errors import BadParameter
from shelfcast.domain.tables import Kind, Table
from shelfcast.ports.table_store import TableStore


def end_of(cutoff: date) -> datetime:
    """The moment a cutoff stands for: midnight (UTC) after that day.

    >>> end_of(date(2024, 2, 29))
    datetime.datetime(2024, 3, 1, 0, 0, tzinfo=datetime.timezone.utc)
    """
    return datetime.combine(cutoff + timedelta(days=1), time(), UTC)


def current(tables: TableStore, table: Table, where: pl.Expr | None = None) -> pl.LazyFrame:
    """Rows that stand now: one a key (results: every row).

    `where` narrows by key columns before anything is read; on facts a later `.filter` does as well.
    """
    rows = _narrowed(tables, table, where)
    match table.kind:
        case Kind.FACT:
            return rows.filter(pl.col("superseded_at").is_null())
        case Kind.VINTAGE:
            return _latest(table, rows)
        case _:
            return rows


def as_of(tables: TableStore, table: Table, moment: datetime, where: pl.Expr | None = None) -> pl.LazyFrame:
    """Rows as they were known at a moment, one a key. Dimensions have no history: they come as they stand now.

    Args:
        moment: with zone; `end_of(cutoff)` for a cutoff.
        where: narrows by key columns before anything is read (vintages: before the latest is picked).

    Raises:
        BadParameter: the table holds results (they carry their own cutoff), the moment has no zone, or `where` looks
            at columns outside the key.
    """
    if moment.tzinfo is None:
        raise BadParameter(f"moment {moment} has no time zone; give one, such as UTC.")
    known = pl.col("known_at") <= moment
    match table.kind:
        case Kind.FACT:
            stands = pl.col("superseded_at").is_null() | (pl.col("superseded_at") > moment)
            return _narrowed(tables, table, where).filter(known & stands)
        case Kind.VINTAGE:
            return _latest(table, _narrowed(tables, table, where).filter(known))
        case Kind.DIMENSION:
            return _narrowed(tables, table, where)
        case Kind.RESULT:
            raise BadParameter(
                f"table {table.name} holds results, which carry their own cutoff: select by that instead."
            )


def _narrowed(tables: TableStore, table: Table, where: pl.Expr | None) -> pl.LazyFrame:
    rows = tables.scan(table)
    if where is None:
        return rows
    outside = sorted(set(where.meta.root_names()) - set(table.key))
    if outside and table.kind is not Kind.RESULT:
        raise BadParameter(
            f"table {table.name} can't be narrowed by {', '.join(outside)} before the standing row of a key is picked; "
            f"allowed: {', '.join(table.key)}. Filter the rows that come back instead."
        )
    return rows.filter(where)


def _latest(table: Table, rows: pl.LazyFrame) -> pl.LazyFrame:
    """The row known last of each key. Stored rows are unique by key and `known_at`."""
    newest = rows.group_by(table.key).agg(pl.col("known_at").max())
    return rows.join(newest, on=list(table.stored_key), how="semi", nulls_equal=True)
