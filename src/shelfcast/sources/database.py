"""A query's rows as a source: kept as a Parquet file, so that a database load is a file load with a watermark."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import ceil
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
    """What was read: how many rows, the highest watermark among them (None where there were no rows), and how many had none."""

    rows: int
    watermark: Watermark | None
    without_watermark: int = 0


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
    rows, highest, without = 0, None, 0
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
                    without += frame[watermark_column].null_count()
                    top = frame[watermark_column].max()
                    highest = top if highest is None or (top is not None and top > highest) else highest  # type: ignore[operator]
    finally:
        if writer is not None:
            writer.close()
    return Extract(rows, as_watermark(highest), without)


def in_parts(batches: Iterable[pl.DataFrame], watermark_column: str, part_rows: int) -> Iterator[list[pl.DataFrame]]:
    """Batches in groups of about `part_rows` rows, never cut between rows of one watermark: what comes after a part has a
    higher one, so a load can go on there. Without a watermark all is one part, since there is nothing to go on from.
    """
    waiting: list[pl.DataFrame] = []
    rows = 0
    for batch in batches:
        waiting.append(batch)
        rows += batch.height
        if not watermark_column or watermark_column not in batch.columns or rows < part_rows or batch.is_empty():
            continue
        last = pl.col(watermark_column).eq_missing(pl.lit(batch[watermark_column][-1]))
        whole = [part for one in waiting if (part := one.filter(~last)).height]
        if whole:
            yield whole
            waiting = [part for one in waiting if (part := one.filter(last)).height]
            rows = sum(one.height for one in waiting)
    if waiting:
        yield waiting


MOST_MARKS = 10_000


def marks_at(rows: pl.DataFrame, watermark_column: str) -> list[str]:
    """What tells the rows at the highest watermark apart, to leave them out when they are read again; empty where they
    are too many (reading them again changes nothing)."""
    at = rows.filter(pl.col(watermark_column) == pl.col(watermark_column).max())
    return at.hash_rows(seed=1).cast(pl.String).to_list() if at.height <= MOST_MARKS else []


def without_known(batches: Iterable[pl.DataFrame], marks: Sequence[str]) -> Iterator[pl.DataFrame]:
    """Batches without the rows told apart by `marks`."""
    known = pl.Series(marks, dtype=pl.String)
    for batch in batches:
        seen = batch.hash_rows(seed=1).cast(pl.String).is_in(known.implode()) if marks and batch.height else None
        yield batch if seen is None else batch.filter(~seen)


def before(mark: Watermark, overlap: float) -> Watermark:
    """A watermark so much earlier: seconds of a time, whole days of a date, else the number itself.

    >>> before(1200, 200), before("2026-03-10 06:00:00", 90), before("2026-03-10", 86_400)
    (1000, '2026-03-10 05:58:30', '2026-03-09')

    Raises:
        BadParameter: the watermark is another text, which nothing can be taken from.
    """
    if isinstance(mark, int | float):
        return mark - (int(overlap) if isinstance(mark, int) else overlap)
    try:
        if len(mark) == len("2026-03-10"):
            return (date.fromisoformat(mark) - timedelta(days=ceil(overlap / 86_400))).isoformat()
        return (datetime.fromisoformat(mark) - timedelta(seconds=overlap)).isoformat(sep=" ")
    except (ValueError, OverflowError) as error:
        raise BadParameter(f"--overlap needs a watermark column of numbers or times; it holds {mark!r}.") from error


def as_watermark(value: object) -> Watermark | None:
    """A value that can be kept as JSON and written into SQL."""
    if value is None or isinstance(value, int | float | str):
        return value
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, date):
        return value.isoformat()
    raise BadParameter(f"a watermark must be a number, a text or a time, not {type(value).__name__}.")
