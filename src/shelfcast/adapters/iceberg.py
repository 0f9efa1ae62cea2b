"""Canonical tables as Apache Iceberg tables: a folder and a SQLite catalog, or S3 and Glue - one class, other settings."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

import polars as pl

from shelfcast.adapters.iceberg_commit import commit, snapshot_of, summary_of
from shelfcast.adapters.iceberg_files import Removal, discard, write_files
from shelfcast.adapters.iceberg_metadata import MetadataCache
from shelfcast.adapters.iceberg_schema import grow, partition_of, properties_of, schema_of, sort_order_of
from shelfcast.domain.errors import BadParameter, Conflict, NotFound
from shelfcast.domain.slices import Slice
from shelfcast.domain.tables import Table
from shelfcast.ports.table_store import Maintenance, Notes, Snapshot, TableState, spell

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog
    from pyiceberg.table import Table as IcebergTable

PATIENCE_SECONDS = 120.0
"""How long a writer without `expected` tries to get its commit in."""

T = TypeVar("T")


class IcebergTables:
    """`TableStore` on PyIceberg.

    A write puts its data files down first and then commits them in one snapshot, by compare-and-swap in the catalog.
    So a writer that dies leaves files nobody refers to (the vacuum of `maintain` deletes them), never half a table.

    Args:
        catalog_name: name of the catalog; other engines must use the same (in a SQL catalog it is a key column).
        catalog_properties: what `pyiceberg.catalog.load_catalog` takes: `{"type": "sql", "uri": "sqlite:///..."}`,
            `{"type": "glue", "glue.region": ...}`.
        warehouse: URI of the folder tables live under: `file:///...` or `s3://bucket/prefix`.
        namespace_prefix: put before the zone in a namespace, for catalogs shared with others (Glue databases).
    """

    def __init__(
        self,
        catalog_name: str,
        catalog_properties: Mapping[str, str],
        warehouse: str,
        *,
        namespace_prefix: str = "",
        storage_options: Mapping[str, str] | None = None,
    ) -> None:
        self.catalog_name = catalog_name
        self.catalog_properties = dict(catalog_properties)
        self.warehouse = warehouse.rstrip("/")
        self.namespace_prefix = namespace_prefix
        self.storage_options = dict(storage_options) if storage_options else None
        self._catalog: Catalog | None = None
        self._metadata = MetadataCache()
        self._lock = Lock()

    @classmethod
    def local(cls, root: Path) -> IcebergTables:
        """Tables under `root/tables`, the catalog in `root/catalog.db`."""
        root = root.resolve()
        if set("#?") & set(str(root)):
            raise BadParameter(
                f"the lake can't live in {root}: Iceberg locations hold no '#' or '?'. Choose another folder."
            )
        return cls(
            "shelfcast",
            {"type": "sql", "uri": f"sqlite:///{root}/catalog.db?timeout=60"},
            f"file://{root}/tables",
        )

    def __getstate__(self) -> dict[str, Any]:
        # Worker processes get the settings and open the catalog themselves.
        return {**self.__dict__, "_catalog": None, "_lock": None, "_metadata": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._metadata = MetadataCache()
        self._lock = Lock()

    # -- the port ---------------------------------------------------------------------------------------------------

    def scan(self, table: Table, snapshot_id: int | None = None) -> pl.LazyFrame:
        """See the port. The snapshot is fixed now, however late the frame is collected."""
        stored = self._load(table)
        if stored is None or (snapshot_id is None and stored.current_snapshot() is None):
            if snapshot_id is not None:
                raise _no_snapshot(table, snapshot_id, [])
            return table.empty().lazy()
        if snapshot_id is None:
            snapshot_id = _head(stored)
        elif stored.snapshot_by_id(snapshot_id) is None:
            raise _no_snapshot(table, snapshot_id, [one.snapshot_id for one in stored.snapshots()])
        frame = pl.scan_iceberg(stored, snapshot_id=snapshot_id, storage_options=self.storage_options)
        there = set(frame.collect_schema().names())
        return frame.select(
            pl.col(column.name) if column.name in there else pl.lit(None, column.type.polars).alias(column.name)
            for column in table.columns
        )

    def replace(
        self,
        table: Table,
        rows: pl.DataFrame | Iterable[pl.DataFrame],
        where: Slice | None,
        *,
        expected: int | None = None,
        notes: Notes | None = None,
    ) -> Snapshot:
        """See the port. An iterable is written as it comes: memory holds one buffer (`iceberg_files.BUFFER_BYTES`)."""
        stored = self._open(table)
        _check(table, stored, expected)
        added = write_files(stored, table, rows)
        removal = Removal(table, where) if where is not None else None

        def attempt() -> Snapshot:
            fresh = self._open(table)
            _check(table, fresh, expected)
            removed, kept = removal.plan(fresh) if removal else ([], [])
            parent = fresh.current_snapshot()
            words = spell(notes, snapshot_of(parent) if parent is not None else None)
            snapshot = commit(fresh, removed, [*added, *kept], words)
            if removal:
                removal.discard(fresh, kept)
            return snapshot

        try:
            return self._persist(table, attempt, patient=expected is None)
        except Conflict:
            discard(stored, added)
            if removal:
                removal.discard(stored)
            raise

    def state(self, table: Table) -> TableState:
        """See the port."""
        stored = self._load(table)
        if stored is None or (current := stored.current_snapshot()) is None:
            return TableState(0, 0, 0, ())
        snapshots = sorted(stored.snapshots(), key=lambda one: one.sequence_number or 0)
        total = summary_of(current)
        return TableState(
            rows=int(total.get("total-records", 0)),
            files=int(total.get("total-data-files", 0)),
            bytes=int(total.get("total-files-size", 0)),
            snapshots=tuple(snapshot_of(one) for one in snapshots),
        )

    def maintain(self, table: Table, *, keep: int, grace: timedelta) -> Maintenance:
        """See the port. `grace` must be longer than the longest write under way: its files aren't referred to yet.

        Files and bytes of the answer are those on disk, metadata included.
        """
        from shelfcast.adapters.iceberg_upkeep import compact, disk_files, expire, vacuum

        if keep < 1:
            raise BadParameter(f"keep {keep} snapshots: at least 1 must stay, the current one.")
        stored = self._load(table)
        if stored is None:
            return Maintenance(0, 0, 0, 0, 0)
        before = disk_files(stored)
        compact(table, lambda: self._open(table), lambda attempt: self._persist(table, attempt, patient=True))
        expired = self._persist(table, lambda: expire(self._open(table), keep), patient=True)
        vacuum(lambda: self._open(table), datetime.now(UTC) - grace)
        after = disk_files(stored)
        return Maintenance(
            files_before=len(before),
            files_after=len(after),
            bytes_before=sum(file.bytes for file in before),
            bytes_after=sum(file.bytes for file in after),
            snapshots_expired=expired,
        )

    # -- inside -----------------------------------------------------------------------------------------------------

    def iceberg_table(self, table: Table) -> IcebergTable:
        """The PyIceberg table, for readers of other engines.

        Raises:
            NotFound: never written.
        """
        stored = self._load(table)
        if stored is None:
            raise NotFound(f"table {table.name} has never been written. Load it first.")
        return stored

    def _namespace(self, table: Table) -> str:
        return self.namespace_prefix + table.zone.value

    def _load(self, table: Table) -> IcebergTable | None:
        from pyiceberg.exceptions import NoSuchNamespaceError, NoSuchTableError

        if self._catalog is None and self._is_untouched():
            return None
        try:
            return self._metadata.load(self._connect(), self._namespace(table), table.name)
        except (NoSuchTableError, NoSuchNamespaceError):
            return None

    def _open(self, table: Table) -> IcebergTable:
        """The table, made or grown to its declaration."""
        from pyiceberg.exceptions import CommitFailedException, NamespaceAlreadyExistsError, TableAlreadyExistsError
        from sqlalchemy.exc import IntegrityError

        for attempt in range(20):
            stored = self._load(table)
            try:
                if stored is None:
                    namespace, catalog = self._namespace(table), self._connect()
                    # Two writers that both saw it missing: the SQL catalog lets its constraint tell the second.
                    # Looked for first: on AWS the template makes it, and functions have no right to.
                    with suppress(NamespaceAlreadyExistsError, IntegrityError):
                        if not catalog.namespace_exists(namespace):
                            catalog.create_namespace(namespace)
                    stored = catalog.create_table(
                        (namespace, table.name),
                        schema_of(table),
                        location=f"{self.warehouse}/{namespace}/{table.name}",
                        partition_spec=partition_of(table),
                        sort_order=sort_order_of(table),
                        properties=properties_of(table),
                    )
                elif grow(stored, table):
                    stored = self._load(table)
                    assert stored is not None
                return stored
            except (TableAlreadyExistsError, CommitFailedException):
                _wait(attempt)
        raise Conflict(f"table {table.name}: its schema kept changing under us. Try again.")

    def _persist(self, table: Table, attempt: Callable[[], T], *, patient: bool) -> T:
        """Try to commit until it goes in; at once give up with Conflict if not `patient`."""
        from pyiceberg.exceptions import CommitFailedException, ValidationException

        start, count = time.monotonic(), 0
        while True:
            try:
                return attempt()
            except (CommitFailedException, ValidationException) as error:
                if not patient or time.monotonic() - start > PATIENCE_SECONDS:
                    raise Conflict(
                        f"table {table.name}: somebody else committed first. Read it again and retry."
                    ) from error
                _wait(count)
                count += 1

    def _is_untouched(self) -> bool:
        """True if there is no local catalog file, so that reading an empty lake doesn't make one."""
        uri = self.catalog_properties.get("uri", "")
        return uri.startswith("sqlite:///") and not Path(_sqlite_path(uri)).exists()

    def _connect(self) -> Catalog:
        from pyiceberg.catalog import load_catalog
        from sqlalchemy.exc import OperationalError

        with self._lock:
            if self._catalog is None:
                uri = self.catalog_properties.get("uri", "")
                if uri.startswith("sqlite:///"):
                    Path(_sqlite_path(uri)).parent.mkdir(parents=True, exist_ok=True)
                properties = {"py-io-impl": "pyiceberg.io.pyarrow.PyArrowFileIO", **self.catalog_properties}
                for attempt in range(10):
                    try:
                        self._catalog = load_catalog(self.catalog_name, **properties, warehouse=self.warehouse)
                        break
                    except OperationalError:
                        # Two processes made the catalog's own tables at the same moment.
                        if attempt == 9:
                            raise
                        _wait(attempt)
            assert self._catalog is not None
            return self._catalog


def _head(stored: IcebergTable) -> int:
    current = stored.current_snapshot()
    return current.snapshot_id if current is not None else 0


def _check(table: Table, stored: IcebergTable, expected: int | None) -> None:
    if expected is not None and _head(stored) != expected:
        raise Conflict(
            f"table {table.name} is at snapshot {_head(stored)}, not at {expected} as read before: somebody else wrote. "
            "Read it again and retry."
        )


def _no_snapshot(table: Table, snapshot_id: int, known: list[int]) -> NotFound:
    return NotFound(
        f"table {table.name} has no snapshot {snapshot_id}; it has: {', '.join(map(str, known)) or 'none'}. "
        "Snapshots beyond those kept are deleted by maintenance."
    )


def _sqlite_path(uri: str) -> str:
    return uri.removeprefix("sqlite:///").partition("?")[0]


def _wait(attempt: int) -> None:
    """Back off with jitter, so that two writers don't meet again."""
    time.sleep(random.uniform(0.01, min(1.0, 0.05 * 2**attempt)))
