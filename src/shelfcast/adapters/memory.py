"""Every port in memory, for tests and dry runs: same behaviour as the real adapters, nothing left behind."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import RLock
from typing import Any, TypeVar

import polars as pl

from shelfcast.adapters.blob_keys import check_key
from shelfcast.adapters.exchanges import folder_exchange
from shelfcast.adapters.record_bodies import encode, matches
from shelfcast.domain.errors import BadParameter, Conflict, NotFound, ShelfcastError, SourceDown
from shelfcast.domain.slices import Slice
from shelfcast.domain.tables import Table
from shelfcast.ports.engine import Exchange
from shelfcast.ports.notifier import Notice
from shelfcast.ports.record_store import Record
from shelfcast.ports.source_reader import Query
from shelfcast.ports.table_store import Maintenance, Notes, Snapshot, TableState, spell

T = TypeVar("T")
R = TypeVar("R")


class MemoryTables:
    """`TableStore` of frames. Snapshots are numbered 1, 2, 3... over all tables."""

    def __init__(self) -> None:
        self._states: dict[str, list[tuple[Snapshot, pl.DataFrame]]] = {}
        self._commits = 0
        self._lock = RLock()

    def scan(self, table: Table, snapshot_id: int | None = None) -> pl.LazyFrame:
        states = self._states.get(table.name, [])
        if snapshot_id is None:
            return (_declared(table, states[-1][1]) if states else table.empty()).lazy()
        for snapshot, frame in states:
            if snapshot.snapshot_id == snapshot_id:
                return _declared(table, frame).lazy()
        known = ", ".join(str(snapshot.snapshot_id) for snapshot, _ in states) or "none"
        raise NotFound(f"table {table.name} has no snapshot {snapshot_id}; it has: {known}.")

    def replace(
        self,
        table: Table,
        rows: pl.DataFrame | Iterable[pl.DataFrame],
        where: Slice | None,
        *,
        expected: int | None = None,
        notes: Notes | None = None,
    ) -> Snapshot:
        frames = [rows] if isinstance(rows, pl.DataFrame) else list(rows)
        added = [table.conform(frame) for frame in frames if frame.height]
        with self._lock:
            states = self._states.setdefault(table.name, [])
            head = states[-1][0].snapshot_id if states else 0
            if expected is not None and expected != head:
                raise Conflict(
                    f"table {table.name} is at snapshot {head}, not at {expected} as read before: somebody else wrote. "
                    "Read it again and retry."
                )
            old = _declared(table, states[-1][1]) if states else table.empty()
            if where is not None:
                old = old.filter(~where.to_polars().fill_null(False))
            new = pl.concat([old, *added]).sort(*table.stored_key)
            words = spell(notes, states[-1][0] if states else None)
            self._commits += 1
            operation = "append" if where is None else "overwrite"
            snapshot = Snapshot(self._commits, datetime.now(UTC), operation, new.height, words)
            states.append((snapshot, new))
            return snapshot

    def state(self, table: Table) -> TableState:
        states = self._states.get(table.name, [])
        if not states:
            return TableState(0, 0, 0, ())
        frame = states[-1][1]
        snapshots = tuple(snapshot for snapshot, _ in states)
        return TableState(frame.height, int(frame.height > 0), int(frame.estimated_size()), snapshots)

    def maintain(self, table: Table, *, keep: int, grace: timedelta) -> Maintenance:  # noqa: ARG002 - no files
        if keep < 1:
            raise BadParameter(f"keep {keep} snapshots: at least 1 must stay, the current one.")
        with self._lock:
            states = self._states.get(table.name, [])
            before = sum(int(frame.estimated_size()) for _, frame in states)
            kept = states[-keep:]
            if table.name in self._states:
                self._states[table.name] = kept
            after = sum(int(frame.estimated_size()) for _, frame in kept)
            return Maintenance(len(states), len(kept), before, after, len(states) - len(kept))


def _declared(table: Table, frame: pl.DataFrame) -> pl.DataFrame:
    """Exactly the declared columns; null where a row was written before the column existed."""
    return frame.select(
        pl.col(column.name) if column.name in frame.columns else pl.lit(None, column.type.polars).alias(column.name)
        for column in table.columns
    )


class MemoryBlobs:
    """`BlobStore` of bytes. Their `uri` can't be read by other libraries: read them with `get`."""

    def __init__(self) -> None:
        self._blobs: dict[str, bytes] = {}
        self._lock = RLock()

    def put(self, key: str, data: bytes | Path, *, create: bool = False, durable: bool = False) -> None:  # noqa: ARG002
        check_key(key)
        content = data.read_bytes() if isinstance(data, Path) else bytes(data)
        with self._lock:
            if create and key in self._blobs:
                raise Conflict(f"blob {key} exists already; it was to be created.")
            self._blobs[key] = content

    def get(self, key: str) -> bytes:
        check_key(key)
        if key not in self._blobs:
            raise NotFound(f"there is no blob {key}.")
        return self._blobs[key]

    def list(self, prefix: str) -> list[str]:
        return sorted(key for key in self._blobs if key.startswith(prefix))

    def delete(self, key: str) -> None:
        check_key(key)
        self._blobs.pop(key, None)

    def uri(self, key: str) -> str:
        check_key(key)
        return f"memory://{key}"


class MemoryRecords:
    """`RecordStore` in a dictionary. Bodies are kept as JSON text, so nothing outside can change them."""

    def __init__(self) -> None:
        self._records: dict[tuple[str, str], tuple[int, str]] = {}
        self._lock = RLock()

    def put(self, kind: str, record_id: str, body: Mapping[str, Any], *, expected: int | None = None) -> Record:
        text = encode(kind, record_id, body)
        with self._lock:
            version = self._records.get((kind, record_id), (0, ""))[0]
            if expected is not None and expected != version:
                raise Conflict(
                    f"record {kind}/{record_id} is at version {version}, not {expected}. Read it again and retry."
                )
            self._records[kind, record_id] = (version + 1, text)
        return Record(kind, record_id, version + 1, json.loads(text))

    def get(self, kind: str, record_id: str) -> Record:
        if (kind, record_id) not in self._records:
            raise NotFound(f"there is no record {kind}/{record_id}.")
        version, text = self._records[kind, record_id]
        return Record(kind, record_id, version, json.loads(text))

    def query(self, kind: str, *, where: Mapping[str, Any] | None = None, prefix: str = "") -> list[Record]:
        with self._lock:
            found = sorted(key for key in self._records if key[0] == kind and key[1].startswith(prefix))
            records = [self.get(*key) for key in found]
        return [record for record in records if matches(record.body, where)]

    def delete(self, kind: str, record_id: str) -> None:
        with self._lock:
            self._records.pop((kind, record_id), None)


class FixedClock:
    """Stands still until moved."""

    def __init__(self, moment: datetime = datetime(2026, 1, 5, 6, tzinfo=UTC)) -> None:
        self.moment = moment

    def now(self) -> datetime:
        return self.moment

    def advance(self, by: timedelta) -> datetime:
        self.moment += by
        return self.moment


class InlineEngine:
    """Runs each partition right here, one after the other."""

    workers = 1

    def map(self, kernel: Callable[[T], R], partitions: Sequence[T]) -> Iterator[R]:
        return map(kernel, partitions)

    def exchange(self) -> AbstractContextManager[Exchange]:
        return folder_exchange()


class NoDatabases:
    """`SourceReader` that reaches nothing."""

    def read(self, url: str, query: Query, *, batch_rows: int = 500_000) -> Iterator[pl.DataFrame]:  # noqa: ARG002
        raise SourceDown("there are no databases here: this platform lives in memory.")


class MemoryNotifier:
    """Keeps what it was told to tell; `fails` is raised instead where it is set."""

    def __init__(self) -> None:
        self.sent: list[Notice] = []
        self.fails: ShelfcastError | None = None

    def send(self, notice: Notice) -> str:
        if self.fails is not None:
            raise self.fails
        self.sent.append(notice)
        return ""
