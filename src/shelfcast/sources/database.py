"""A query's rows as a source: kept as a Parquet file, so that a database load is a file load with a watermark."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from shelfcast.domain.errors import BadParameter
from shelfcast.ports.source_reader import Query
from shelfcast.sources.files import plain

if TYPE_CHECKING:
    from pyarrow import parquet

Watermark = str | int | float


@dataclass(frozen=True)
class Extract:
    """What was read: how many rows, and the highest watermark among them (None where there were no rows)."""

    rows: int
    watermark: Watermark | None


def source_name(url: str, query: Query) -> str:
    """A name for screens and records, without the password: `postgresql://host/db sales`."""
    address = re.sub(r"//[^/@]*@", "//", url.split("?")[0])
    what = query.table or "query " + hashlib.sha256(" ".join(query.sql.split()).encode()).hexdigest()[:8]
    return f"{address} {what}"


def write_extract(batches: Iterable[pl.DataFrame], path: Path, watermark_column: str = "") -> Extract:
    """Write batches to a Parquet file as they come.

    Raises:
        BadParameter: the watermark column isn't in the result.
    """
    from pyarrow import parquet

    writer: parquet.ParquetWriter | None = None
    rows, highest = 0, None
    try:
        for batch in batches:
            frame = plain(batch)
            if watermark_column and watermark_column not in frame.columns:
                raise BadParameter(
                    f"watermark column {watermark_column!r} isn't in the result; it has: {', '.join(frame.columns)}."
                )
            arrow = frame.to_arrow()
            if writer is None:
                writer = parquet.ParquetWriter(path, arrow.schema, compression="zstd")
            if frame.height:
                writer.write_table(arrow)
                rows += frame.height
                if watermark_column:
                    top = frame[watermark_column].max()
                    highest = top if highest is None or (top is not None and top > highest) else highest  # type: ignore[operator]
    finally:
        if writer is not None:
            writer.close()
    return Extract(rows, as_watermark(highest))


def as_watermark(value: object) -> Watermark | None:
    """A value that can be kept as JSON and written into SQL."""
    if value is None or isinstance(value, int | float | str):
        return value
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, date):
        return value.isoformat()
    raise BadParameter(f"a watermark must be a number, a text or a time, not {type(value).__name__}.")
