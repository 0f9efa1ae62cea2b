"""What flows from a source to the lake: raw batches as read, canonical batches as converted.

source file / query --read--> RawBatch --convert--> CanonicalBatch --check, merge--> lake
                                | broken lines         | rows that can't be parsed
                                +----------> faults <--+        (to the quarantine, counted)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from shelfcast.domain.tables import Table

SOURCE_LINE = "source_line"
"""Row number in the source, from 1, header not counted."""

FAULT_SCHEMA = pl.Schema(
    {
        SOURCE_LINE: pl.Int64(),
        "column": pl.String(),
        "value": pl.String(),
        "rule": pl.String(),
        "reason": pl.String(),
        "row": pl.String(),
    }
)
"""One row per fault: which source row, what came, which rule it broke, the sentence, the row as JSON."""


def no_faults() -> pl.DataFrame:
    """An empty frame of faults."""
    return pl.DataFrame(schema=FAULT_SCHEMA)


@dataclass(frozen=True)
class RawBatch:
    """Rows as the source has them, with `source_line`; `broken` are lines that couldn't be split into columns."""

    frame: pl.DataFrame
    broken: pl.DataFrame = field(default_factory=no_faults)

    @property
    def rows(self) -> int:
        return self.frame.height + self.broken.height


@dataclass(frozen=True)
class CanonicalBatch:
    """Rows of one canonical table: declared columns (some may be absent) and `source_line`.

    `rows_in = rows kept here + rows at fault`; a row may have several faults, so it is counted apart.
    """

    table: Table
    frame: pl.DataFrame
    faults: pl.DataFrame = field(default_factory=no_faults)
    rows_at_fault: int = 0
    folded: int = 0
    """Rows that say the same as another kept row (a price repeated every day): counted in, stored once."""

    @property
    def rows_in(self) -> int:
        return self.frame.height + self.rows_at_fault + self.folded


def faults(
    frame: pl.DataFrame, *, column: str, rule: str, reason: pl.Expr | str, value: pl.Expr | None = None
) -> pl.DataFrame:
    """Every row of `frame` as a fault. The row is kept as JSON, so nothing of it is lost."""
    if frame.is_empty():
        return no_faults()
    columns = [name for name in frame.columns if name != SOURCE_LINE]
    return frame.select(
        pl.col(SOURCE_LINE).cast(pl.Int64),
        pl.lit(column).alias("column"),
        (pl.lit(None, pl.String) if value is None else value.cast(pl.String)).alias("value"),
        pl.lit(rule).alias("rule"),
        (pl.lit(reason) if isinstance(reason, str) else reason).alias("reason"),
        as_json(columns).alias("row"),
    )


def as_json(columns: Sequence[str]) -> pl.Expr:
    """The named columns of a row as a JSON object."""
    return pl.struct(columns).struct.json_encode() if columns else pl.lit("{}")


def constant_frame(height: int, values: Mapping[str, object]) -> pl.DataFrame:
    """`height` rows that all hold the same values."""
    return pl.DataFrame({name: [value] for name, value in values.items()}).select(
        pl.all().repeat_by(height).explode(empty_as_null=False)
    )
