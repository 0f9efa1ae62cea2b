"""Helpers of the data-set loaders: find a file under one of its names, read it with the types a loader needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import polars as pl

from shelfcast.domain.errors import BadFile, BadMapping
from shelfcast.domain.tables import TABLES
from shelfcast.sources.batches import SOURCE_LINE, CanonicalBatch, no_faults
from shelfcast.sources.dates import read_days
from shelfcast.sources.files import SourceFile, open_file
from shelfcast.sources.infer_mapping import bare

KNOWN_AHEAD = timedelta(days=180)
"""Public sets give holidays, opening days and promotions as known ahead, without saying since when: this far ahead."""

Batches = Iterator[CanonicalBatch]


@dataclass(frozen=True)
class Dataset:
    """A public data set: how its files are recognised, and how they become canonical batches."""

    name: str
    title: str
    files: Callable[[Path], list[Path]]
    """The files of the set at a path (a folder or a file of it); empty if they aren't there."""
    batches: Callable[[list[Path]], Batches]
    expects: str
    """What to say when the files aren't there."""

    def find(self, path: Path) -> list[Path]:
        """
        Raises:
            BadFile: none of the set's files is there.
        """
        if not path.exists():
            raise BadFile(f"{path} doesn't exist. Name the folder that holds {self.title}.")
        found = self.files(path)
        if not found:
            there = ", ".join(sorted(p.name for p in path.iterdir())[:12]) if path.is_dir() else path.name
            raise BadFile(f"{path} doesn't hold {self.title}: there is {there or 'nothing'}. Expected: {self.expects}.")
        return found


def find_files(path: Path, names: Sequence[str]) -> list[Path]:
    """Files of a folder with one of the names (case, spaces and `_` don't matter; also as .gz), in the order of `names`."""
    folder = path if path.is_dir() else path.parent
    there = {bare(p.name.removesuffix(".gz")): p for p in sorted(folder.iterdir()) if p.is_file()}
    return [there[bare(name)] for name in names if bare(name) in there]


def named(paths: Sequence[Path], *names: str) -> SourceFile | None:
    """The file with one of the names, opened."""
    for name in names:
        for path in paths:
            if bare(path.name.removesuffix(".gz")) == bare(name):
                return open_file(path)
    return None


def whole(file: SourceFile, columns: Mapping[str, pl.DataType | type[pl.DataType]]) -> pl.DataFrame:
    """All rows of a small or medium file, named columns only, as the given types, with `source_line`.

    Raises:
        BadMapping: a column isn't there.
    """
    frames = [typed(raw.frame, columns, file.name) for raw in file.batches()]
    return pl.concat(frames) if frames else pl.DataFrame(schema={**columns, SOURCE_LINE: pl.Int64()})


def typed(frame: pl.DataFrame, columns: Mapping[str, pl.DataType | type[pl.DataType]], name: str) -> pl.DataFrame:
    """The named columns (found without case and `_`) as the given types; what isn't a value becomes null."""
    there = {bare(column): column for column in frame.columns}
    missing = [column for column in columns if bare(column) not in there]
    if missing:
        raise BadMapping(f"{name} has no column {', '.join(missing)}; it has: {', '.join(frame.columns[:40])}.")
    done = [
        read_days(frame[there[bare(column)]], "%Y-%m-%d").alias(column)
        if dtype == pl.Date
        else _cast(frame[there[bare(column)]], dtype).alias(column)
        for column, dtype in columns.items()
    ]
    return pl.DataFrame(done).with_columns(frame[SOURCE_LINE])


def _cast(values: pl.Series, dtype: pl.DataType | type[pl.DataType]) -> pl.Series:
    if values.dtype == pl.String and dtype == pl.Int64:
        return values.cast(pl.Float64, strict=False).cast(pl.Int64, strict=False)
    if dtype == pl.String and values.dtype.is_float():
        return values.cast(pl.Int64, strict=False).cast(pl.String)
    return values if dtype == pl.Object else values.cast(dtype, strict=False)


def batch(
    table: str, frame: pl.DataFrame, faults: pl.DataFrame | None = None, rows_at_fault: int = 0
) -> CanonicalBatch:
    """A canonical batch; rows made from others get a line number of their own."""
    if SOURCE_LINE not in frame.columns:
        frame = frame.with_row_index(SOURCE_LINE, 1).with_columns(pl.col(SOURCE_LINE).cast(pl.Int64))
    declared = TABLES[table]
    frame = frame.select(
        *(pl.col(c.name).cast(c.type.polars) for c in declared.columns if c.name in frame.columns), SOURCE_LINE
    )
    return CanonicalBatch(declared, frame, no_faults() if faults is None else faults, rows_at_fault)


def known_ahead(day: str) -> pl.Expr:
    """`known_at` of what was known ahead, so that a backtest may use it."""
    return (pl.col(day).cast(pl.Datetime("us")) - KNOWN_AHEAD).dt.replace_time_zone("UTC").alias("known_at")


def runs(frame: pl.DataFrame, keys: Sequence[str], day: str, values: Sequence[str]) -> pl.DataFrame:
    """Days in a row with the same values as intervals: keys, values, `first_date`, `last_date`.

    >>> from datetime import date
    >>> days = [date(2024, 1, 1), date(2024, 1, 2), date(2024, 1, 4)]
    >>> runs(pl.DataFrame({"k": "a", "d": days, "v": 1}), ["k"], "d", ["v"])["last_date"].to_list()
    [datetime.date(2024, 1, 2), datetime.date(2024, 1, 4)]
    """
    ordered = frame.select(*keys, day, *values).sort(*keys, day)
    same = (pl.col(day) - pl.col(day).shift(1)).dt.total_days() == 1
    for name in (*keys, *values):
        same &= pl.col(name).eq_missing(pl.col(name).shift(1))
    run = (~same.fill_null(False)).cum_sum().alias("__run")
    return (
        ordered.with_columns(run)
        .group_by("__run", maintain_order=True)
        .agg(
            *(pl.col(name).first() for name in (*keys, *values)),
            pl.col(day).first().alias("first_date"),
            pl.col(day).last().alias("last_date"),
        )
        .drop("__run")
    )


def attributes(frame: pl.DataFrame, entity: str, key: str, names: Mapping[str, str]) -> CanonicalBatch:
    """Rows of `attributes` from columns of a frame: source column -> attribute name."""
    long = (
        frame.select(key, *(pl.col(column).cast(pl.String).alias(name) for column, name in names.items()))
        .unpivot(on=list(names.values()), index=key, variable_name="attribute", value_name="value")
        .drop_nulls("value")
    )
    return batch(
        "attributes",
        long.select(
            pl.lit(entity).alias("entity"),
            pl.col(key).alias("entity_id"),
            "attribute",
            "value",
            pl.col("value").cast(pl.Float64, strict=False).alias("number"),
        ),
    )
