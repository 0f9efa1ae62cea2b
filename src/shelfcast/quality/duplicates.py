"""Rows of a load that have the same key."""

from __future__ import annotations

import polars as pl

from shelfcast.domain.tables import Table

ROW = "__row"
"""Position of a row in the load; lines of the source can't serve, a wide line becomes many rows."""


def key_of(table: Table, present: list[str]) -> list[str]:
    """The columns that must tell two rows of a load apart: the stored key, as far as the load has it.

    `known_at` belongs to it for facts and vintages: two vintages of one plan, or a value and its later correction, are
    not duplicates.
    """
    return [name for name in table.stored_key if name in present]


def suspects_of(frame: pl.DataFrame, key: list[str]) -> pl.DataFrame:
    """The rows whose key another row may have: none is missed, and next to none is there by chance."""
    # Hashing column by column and adding up is several times faster than grouping by the strings themselves, and
    # nearly every load has no duplicate at all. Equal rows always get equal hashes.
    mixed = pl.sum_horizontal(pl.col(name).hash(seed=position) for position, name in enumerate(key, start=1))
    hashes = frame.select(mixed.alias("hash"))["hash"]
    return frame.head(0) if hashes.n_unique() == frame.height else frame.filter(hashes.is_duplicated())


def mark_duplicates(frame: pl.DataFrame, table: Table) -> pl.DataFrame:
    """The rows that can't stay because another row has their key: `__row`, `rule`, `first_line`.

    - All rows of the key say the same: the first stays, the others are `duplicate_row`.
    - They differ: none stays, all are `duplicate_key_conflict`, since nobody can tell which is right.

    `first_line` is the source line of the first row with the key.

    Args:
        frame: rows of the table with `__row` (ascending) and `source_line`.
    """
    key = key_of(table, frame.columns)
    nothing = pl.DataFrame(schema={ROW: pl.UInt32, "rule": pl.String, "first_line": pl.Int64})
    if frame.height < 2 or not key:
        return nothing
    said = [c.name for c in table.columns if c.name in frame.columns and not c.volatile and c.name not in key]
    suspects = suspects_of(frame, key).select(*key, *said, ROW, "source_line")
    suspects = suspects.filter(pl.struct(key).is_duplicated())
    if suspects.is_empty():
        return nothing
    versions = pl.struct(said).n_unique().over(key) if said else pl.lit(1)
    is_first = pl.col(ROW) == pl.col(ROW).min().over(key)
    conflict = pl.col("versions") > 1
    return (
        suspects.with_columns(versions.alias("versions"), is_first.alias("is_first"))
        .with_columns(pl.col("source_line").filter("is_first").first().over(key).alias("first_line"))
        .filter(conflict | ~pl.col("is_first"))
        .select(
            ROW,
            pl.when(conflict).then(pl.lit("duplicate_key_conflict")).otherwise(pl.lit("duplicate_row")).alias("rule"),
            "first_line",
        )
    )
