"""What the server remembers between requests: made once for a state of the lake, kept until a table it came from changes.

Nothing here can be stale: what is remembered carries the snapshots it was made from, and is made anew when one of them
isn't the newest any more. Two requests for the same thing make it once.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from datetime import date
from threading import Lock
from typing import Any, TypeVar, cast
from weakref import WeakKeyDictionary

import polars as pl

from shelfcast.domain.tables import Kind, Table
from shelfcast.lake.as_of import current
from shelfcast.ports.platform import Platform
from shelfcast.ports.table_store import TableStore

SMALL_ROWS = 500_000
"""A table of at most so many rows is held whole; of a larger one only the rows asked for are read."""
MOST_BYTES = 400_000_000
"""Frames held together; those not used for the longest time go first."""
MOST_ENTRIES = 500

T = TypeVar("T")


class Memory:
    """Least recently used entries of one lake."""

    def __init__(self) -> None:
        self._entries: OrderedDict[Hashable, tuple[tuple[int, ...], Any, int]] = OrderedDict()
        self._making: dict[Hashable, Lock] = {}
        self._lock = Lock()

    def get(self, key: Hashable, snapshots: tuple[int, ...], make: Callable[[], T]) -> T:
        found = self._found(key, snapshots)
        if found is not None:
            return cast(T, found[1])
        with self._lock:
            making = self._making.setdefault(key, Lock())
        with making:
            found = self._found(key, snapshots)
            if found is None:
                made = make()
                size = int(made.estimated_size()) if isinstance(made, pl.DataFrame) else 0
                found = (snapshots, made, size)
                self._keep(key, found)
        return cast(T, found[1])

    def _found(self, key: Hashable, snapshots: tuple[int, ...]) -> tuple[tuple[int, ...], Any, int] | None:
        with self._lock:
            found = self._entries.get(key)
            if found is None or found[0] != snapshots:
                return None
            self._entries.move_to_end(key)
            return found

    def _keep(self, key: Hashable, entry: tuple[tuple[int, ...], Any, int]) -> None:
        with self._lock:
            self._entries[key] = entry
            self._entries.move_to_end(key)
            self._making.pop(key, None)
            while len(self._entries) > 1 and (
                len(self._entries) > MOST_ENTRIES or sum(one[2] for one in self._entries.values()) > MOST_BYTES
            ):
                self._entries.popitem(last=False)


_MEMORIES: WeakKeyDictionary[TableStore, Memory] = WeakKeyDictionary()
_LOCK = Lock()


def remembered(platform: Platform, what: str, tables: Sequence[Table], make: Callable[[], T], *of: Hashable) -> T:
    """`make()`, or what it gave before if none of the tables it reads has changed since.

    Args:
        what: names the thing; `of` are its arguments.
        tables: everything `make` reads. What it reads besides (records, the clock) must be in `of`.
    """
    with _LOCK:
        memory = _MEMORIES.setdefault(platform.tables, Memory())
    return memory.get((what, *of), tuple(_snapshot(platform, table) for table in tables), make)


def standing(platform: Platform, table: Table, where: pl.Expr | None = None) -> pl.LazyFrame:
    """Rows of a table as they stand now: out of memory where the table is small.

    `where` looks at key columns only; of a large table, nothing else is read.
    """
    if platform.tables.state(table).rows > SMALL_ROWS:
        return current(platform.tables, table, where)
    whole = remembered(
        platform, "standing", [table], lambda: current(platform.tables, table).sort(table.key).collect(), table.name
    )
    return whole.lazy() if where is None else whole.lazy().filter(where)


def of_cutoff(platform: Platform, table: Table, cutoff: date) -> pl.LazyFrame:
    """A result table's base rows of a cutoff, sorted by key: out of memory where they are few."""
    assert table.kind is Kind.RESULT
    rows = platform.tables.scan(table).filter((pl.col("cutoff") == cutoff) & (pl.col("scenario") == "base"))

    def few() -> pl.DataFrame | None:
        count = rows.select(pl.len()).collect().item()
        return rows.sort([one for one in table.key if one in table.names]).collect() if count <= SMALL_ROWS else None

    held = remembered(platform, "of cutoff", [table], few, table.name, cutoff)
    return rows if held is None else held.lazy()


def _snapshot(platform: Platform, table: Table) -> int:
    head = platform.tables.state(table).current
    return head.snapshot_id if head is not None else 0
