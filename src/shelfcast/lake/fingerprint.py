"""Fingerprint of a table's content: the sum of its rows' hashes, so it doesn't depend on order or on how rows came.

Because a sum can be added to and taken from, a write needs to hash only the rows it adds and removes. The fingerprint
stands in the notes of each snapshot, and run ids are made from it without reading the tables again.

A row's hash is the mixed sum of its columns' hashes, each from the column's name and value; null counts nothing, so a
table that gains a column keeps its fingerprint. Volatile columns are left out. The hash is our own (FNV-1a for text,
splitmix64 for numbers) because Polars' may change with its version, and the ids of finished runs with it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shelfcast.domain.slices import Slice
from shelfcast.domain.tables import Table, Type
from shelfcast.ports.table_store import Notes, Snapshot, TableStore, spell

Hashes = NDArray[np.uint64]

NOTE = "fingerprint"
BATCH_ROWS = 1_000_000
_MODULUS = 2**64


@dataclass(frozen=True)
class Fingerprint:
    """Rows and the sum of their hashes modulo 2^64. Adds and subtracts as its rows do."""

    rows: int = 0
    total: int = 0

    def __add__(self, other: Fingerprint) -> Fingerprint:
        return Fingerprint(self.rows + other.rows, (self.total + other.total) % _MODULUS)

    def __sub__(self, other: Fingerprint) -> Fingerprint:
        return Fingerprint(self.rows - other.rows, (self.total - other.total) % _MODULUS)

    def __str__(self) -> str:
        return f"{self.rows}-{self.total:016x}"

    @classmethod
    def parse(cls, text: str) -> Fingerprint:
        rows, total = text.split("-")
        return cls(int(rows), int(total, 16))


def of_frame(table: Table, frame: pl.DataFrame) -> Fingerprint:
    """Fingerprint of rows in hand.

    >>> from shelfcast.domain.tables.curated import ITEMS
    >>> items = ITEMS.conform(pl.DataFrame({"item_id": ["a", "b"]}))
    >>> of_frame(ITEMS, items) == of_frame(ITEMS, items[1:]) + of_frame(ITEMS, items[:1])
    True
    """
    return Fingerprint(frame.height, int(row_hashes(table, frame).sum(dtype=np.uint64)))


def row_hashes(table: Table, frame: pl.DataFrame) -> Hashes:
    """A hash a row over the table's stable columns, shape (rows,)."""
    from shelfcast.lake.row_hash import add_column, mixed

    sums: Hashes = np.zeros(frame.height, np.uint64)
    for name in table.stable:
        if name in frame.columns:
            add_column(sums, _values(frame[name], table.column(name).type), _seed(name), _valid(frame[name]))
    return mixed(sums)


def table_fingerprint(tables: TableStore, table: Table) -> str:
    """Fingerprint of a table's present content: from its last snapshot's notes, or by reading it all."""
    return str(_of_snapshot(tables, table, tables.state(table).current))


def tracked(
    tables: TableStore, table: Table, added: Fingerprint | Tally, where: Slice | None, notes: Notes | None = None
) -> Notes:
    """Notes with the fingerprint the table will have once the slice is deleted and rows are added."""

    def words(parent: Snapshot | None) -> dict[str, str]:
        before = _of_snapshot(tables, table, parent)
        if where is not None and parent is not None:
            before = before - _removed(tables, table, parent, where, before)
        total = before + (added.fingerprint if isinstance(added, Tally) else added)
        return spell(notes, parent) | {NOTE: f"{total} {_columns_id(table)}"}

    return words


@dataclass
class Tally:
    """Fingerprints frames as they pass by."""

    table: Table
    fingerprint: Fingerprint = Fingerprint()

    def watch(self, frames: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
        for frame in frames:
            declared = self.table.conform(frame)
            self.fingerprint = self.fingerprint + of_frame(self.table, declared)
            yield declared


def of_rows(table: Table, rows: pl.LazyFrame) -> Fingerprint:
    """Fingerprint of rows read in batches."""
    total = Fingerprint()
    for batch in rows.select(table.stable).collect_batches(chunk_size=BATCH_ROWS, maintain_order=False):
        total = total + of_frame(table, batch)
    return total


def _of_snapshot(tables: TableStore, table: Table, snapshot: Snapshot | None) -> Fingerprint:
    if snapshot is None:
        return Fingerprint()
    noted, _, columns = snapshot.notes.get(NOTE, "").partition(" ")
    if noted and columns == _columns_id(table):
        return Fingerprint.parse(noted)
    return of_rows(table, tables.scan(table, snapshot.snapshot_id))


def _removed(tables: TableStore, table: Table, parent: Snapshot, where: Slice, before: Fingerprint) -> Fingerprint:
    if not where.conditions or before.rows == 0:
        return before
    return of_rows(table, tables.scan(table, parent.snapshot_id).filter(where.to_polars()))


def _columns_id(table: Table) -> str:
    """A noted fingerprint holds only for the columns it was made over."""
    return hashlib.sha256(",".join(sorted(table.stable)).encode()).hexdigest()[:8]


def _seed(name: str) -> np.uint64:
    return np.uint64(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little"))


def _valid(column: pl.Series) -> NDArray[np.bool_]:
    return column.is_not_null().to_numpy()


def _values(column: pl.Series, kind: Type) -> Hashes:
    """64 bits a value; whatever stands where it is null."""
    match kind:
        case Type.TEXT:
            return _text_hashes(column)
        case Type.REAL:
            # -0.0 equals 0.0, and every NaN is the same NaN.
            numbers = column.fill_null(0.0).to_numpy() + 0.0
            return np.where(np.isnan(numbers), np.nan, numbers).view(np.uint64)
        case _:
            return column.to_physical().cast(pl.Int64).fill_null(0).to_numpy().view(np.uint64)


def _text_hashes(column: pl.Series) -> Hashes:
    from shelfcast.lake.row_hash import fnv

    array = column.rechunk().to_arrow()
    if array.offset:
        array = array.take(np.arange(len(array)))
    _, offsets, data = array.buffers()
    if data is None or len(array) == 0:
        return np.full(len(array), 14695981039346656037, np.uint64)
    places = np.frombuffer(offsets, np.int64)[: len(array) + 1]
    return fnv(places, np.frombuffer(data, np.uint8))
