"""Data files of an Iceberg table: rows sorted and written as they stream by, and rows of a slice taken out of old files.

Inner parts of PyIceberg used here (0.12): `write_file` and what it takes, because its append and overwrite make two or
three snapshots of one replacement and can't stream into a partitioned table; and `_StrictMetricsEvaluator`.
"""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import polars as pl

from shelfcast.adapters.iceberg_schema import expression_of
from shelfcast.domain.slices import Slice
from shelfcast.domain.tables import Table, Type

if TYPE_CHECKING:
    from pyiceberg.manifest import DataFile
    from pyiceberg.table import FileScanTask, WriteTask
    from pyiceberg.table import Table as IcebergTable

BUFFER_BYTES = 256 * 2**20
BUFFER_ROWS = 4_000_000
"""Rows of a stream held back before they are sorted and written: bounds memory, and gives few files a partition. Both are
needed: a column that is one value repeated claims to take no memory until it is joined to others."""

_PARTITION = "__partition"


def gather(rows: pl.DataFrame | Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """Frames as large as the buffer, joined from smaller ones; one frame given whole stays whole."""
    if isinstance(rows, pl.DataFrame):
        yield rows
        return
    held: list[pl.DataFrame] = []
    held_bytes = held_rows = 0
    for frame in rows:
        if frame.height == 0:
            continue
        held.append(frame)
        held_bytes += int(frame.estimated_size())
        held_rows += frame.height
        if held_bytes >= BUFFER_BYTES or held_rows >= BUFFER_ROWS:
            yield pl.concat(held, how="vertical_relaxed")
            held, held_bytes, held_rows = [], 0, 0
    if held:
        yield pl.concat(held, how="vertical_relaxed")


def by_partition(table: Table, frame: pl.DataFrame) -> list[tuple[int | str | None, pl.DataFrame]]:
    """The frame with the declared columns, sorted by stored key (halves the files): value and rows of each partition.

    The value of a month is its number from January 1970 on, as Iceberg counts.
    """
    frame = table.conform(frame)
    if frame.height == 0:
        return []
    if table.partition is None:
        return [(None, frame.sort(*table.stored_key))]
    column = pl.col(table.partition)
    if table.column(table.partition).type is Type.DAY:
        column = (column.dt.year().cast(pl.Int32) - 1970) * 12 + column.dt.month() - 1
    frame = frame.with_columns(column.alias(_PARTITION)).sort(_PARTITION, *table.stored_key)
    pieces = frame.partition_by(_PARTITION, maintain_order=True, include_key=False, as_dict=True)
    return [(value, piece) for (value,), piece in pieces.items()]


def write_files(stored: IcebergTable, table: Table, rows: pl.DataFrame | Iterable[pl.DataFrame]) -> list[DataFile]:
    """Write rows as Parquet files of the table, not yet part of it."""
    from pyiceberg.io.pyarrow import write_file

    written: list[DataFile] = []
    write_id, counter = uuid.uuid4(), itertools.count(0)
    try:
        for frame in gather(rows):
            tasks = _write_tasks(stored, by_partition(table, frame), write_id, counter)
            written.extend(write_file(stored.io, stored.metadata, tasks))
    except BaseException:
        discard(stored, written)
        raise
    return written


def _write_tasks(
    stored: IcebergTable,
    pieces: list[tuple[int | str | None, pl.DataFrame]],
    write_id: uuid.UUID,
    counter: Iterator[int],
) -> Iterator[WriteTask]:
    from pyiceberg.io.pyarrow import bin_pack_arrow_table, pyarrow_to_schema
    from pyiceberg.partitioning import PartitionFieldValue, PartitionKey
    from pyiceberg.table import TableProperties, WriteTask

    schema, spec = stored.schema(), stored.spec()
    for value, piece in pieces:
        key = None
        if spec.fields:
            key = PartitionKey([PartitionFieldValue(spec.fields[0], value)], spec, schema)
        rows = piece.to_arrow()
        file_schema = pyarrow_to_schema(rows.schema, name_mapping=schema.name_mapping)
        for batches in bin_pack_arrow_table(rows, TableProperties.WRITE_TARGET_FILE_SIZE_BYTES_DEFAULT):
            yield WriteTask(write_id, next(counter), file_schema, batches, partition_key=key)


def discard(stored: IcebergTable, files: Iterable[DataFile]) -> None:
    """Delete files that didn't become part of the table; one that can't be deleted is left to the vacuum."""
    for file in files:
        try:
            stored.io.delete(file.file_path)
        except OSError:
            continue


def read_files(stored: IcebergTable, table: Table, tasks: Iterable[FileScanTask]) -> pl.DataFrame:
    """All columns of some files, delete files applied."""
    from pyiceberg.expressions import AlwaysTrue
    from pyiceberg.io.pyarrow import ArrowScan

    scan = ArrowScan(stored.metadata, stored.io, stored.schema(), AlwaysTrue())
    frame = pl.from_arrow(scan.to_table(tasks))
    assert isinstance(frame, pl.DataFrame)
    return table.conform(frame)


@dataclass
class Removal:
    """What deleting a slice means for files. Rewritten files are remembered by the file they replace, so that a second
    attempt after somebody else's commit doesn't write them again."""

    table: Table
    where: Slice
    rewritten: dict[str, list[DataFile] | None] = field(default_factory=dict)
    """Old path -> files with its remaining rows; None if no row of it is in the slice."""

    def plan(self, stored: IcebergTable) -> tuple[list[DataFile], list[DataFile]]:
        """(files to take out, files with the rows to keep) against the table's current snapshot."""
        from pyiceberg.expressions.visitors import _StrictMetricsEvaluator

        if stored.current_snapshot() is None:
            return [], []
        expression = expression_of(self.where)
        all_rows_match = _StrictMetricsEvaluator(stored.schema(), expression).eval
        removed: list[DataFile] = []
        kept: list[DataFile] = []
        for task in stored.scan(row_filter=expression).plan_files():
            file = task.file
            if not self.where.conditions or all_rows_match(file):
                removed.append(file)
                continue
            if file.file_path not in self.rewritten:
                self.rewritten[file.file_path] = self._rewrite(stored, task)
            rest = self.rewritten[file.file_path]
            if rest is not None:
                removed.append(file)
                kept.extend(rest)
        return removed, kept

    def _rewrite(self, stored: IcebergTable, task: FileScanTask) -> list[DataFile] | None:
        rows = read_files(stored, self.table, [task])
        rest = rows.filter(~self.where.to_polars().fill_null(False))
        return None if rest.height == rows.height else write_files(stored, self.table, rest)

    def discard(self, stored: IcebergTable, used: Iterable[DataFile] = ()) -> None:
        """Delete rewritten files, except those that went into the table."""
        paths = {file.file_path for file in used}
        for files in self.rewritten.values():
            discard(stored, (file for file in files or () if file.file_path not in paths))
