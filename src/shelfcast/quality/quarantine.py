"""Rows that can't be used, kept with their reason: nothing is dropped in silence."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from shelfcast.domain.tables.curated import QUARANTINE

SOURCE_LINE = "source_line"


def quarantine_rows(
    rows: pl.DataFrame, *, table: str, source: str, load_id: str, loaded_at: datetime | None = None
) -> pl.DataFrame:
    """Rows of the `quarantine` table.

    Args:
        rows: `source_line`, `rule`, `column`, `value`, `reason` and `row` (the row as JSON).
        loaded_at: the moment of the load; UTC.
    """
    stamped = rows.with_columns(
        load_id=pl.lit(load_id),
        table=pl.lit(table),
        source=pl.lit(source),
        loaded_at=pl.lit(loaded_at, QUARANTINE.column("loaded_at").type.polars),
    )
    return QUARANTINE.conform(stamped)


def as_json(columns: list[str]) -> pl.Expr:
    """The row as a JSON object of these columns."""
    return pl.struct(columns).struct.json_encode()
