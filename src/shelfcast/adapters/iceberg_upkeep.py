"""Upkeep of an Iceberg table: join small files, forget old snapshots, delete what nothing refers to.

PyIceberg expires snapshots in metadata only; compaction and deletion of files are ours. On AWS the same code runs, or
Glue's own optimizers do it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from shelfcast.adapters.iceberg_commit import commit, notes_of
from shelfcast.adapters.iceberg_files import discard, read_files, write_files
from shelfcast.domain.tables import Table
from shelfcast.ports.table_store import Snapshot

if TYPE_CHECKING:
    from pyiceberg.manifest import DataFile
    from pyiceberg.table import FileScanTask
    from pyiceberg.table import Table as IcebergTable

SMALL_BYTES = 64 * 2**20
"""Files under this size are joined with others of their partition..."""
GROUP_ROWS = 4_000_000
"""...up to this many rows at a time, which bounds memory."""


@dataclass(frozen=True)
class DiskFile:
    path: str
    bytes: int
    modified_at: datetime


def compact(
    table: Table,
    open_table: Callable[[], IcebergTable],
    persist: Callable[[Callable[[], Snapshot | None]], Snapshot | None],
) -> Snapshot | None:
    """Join small files of a partition into one sorted file. Rows and notes (the fingerprint) stay the same."""
    stored = open_table()
    if stored.current_snapshot() is None:
        return None
    joined: list[tuple[list[DataFile], list[DataFile]]] = []
    for tasks in _groups(stored):
        joined.append(([task.file for task in tasks], write_files(stored, table, read_files(stored, table, tasks))))
    if not joined:
        return None

    def attempt() -> Snapshot | None:
        # Whoever wrote meanwhile wins: groups whose files are no longer all there are given up.
        fresh = open_table()
        live = {task.file.file_path for task in fresh.scan().plan_files()}
        removed: list[DataFile] = []
        added: list[DataFile] = []
        for old, new in joined:
            if all(file.file_path in live for file in old):
                removed.extend(old)
                added.extend(new)
            else:
                discard(fresh, new)
        if not removed:
            return None
        current = fresh.current_snapshot()
        notes = notes_of(current) if current is not None else {}
        return commit(fresh, removed, added, {**notes, "maintenance": "compaction"})

    return persist(attempt)


def _groups(stored: IcebergTable) -> Iterator[list[FileScanTask]]:
    """Files to be joined: at least two small ones of a partition, or any with delete files beside it."""
    partitions: dict[Any, list[FileScanTask]] = defaultdict(list)
    for task in stored.scan().plan_files():
        if task.file.file_size_in_bytes < SMALL_BYTES or task.delete_files:
            partitions[(task.file.spec_id, repr(task.file.partition))].append(task)
    for tasks in partitions.values():
        group: list[FileScanTask] = []
        rows = 0
        for task in sorted(tasks, key=lambda one: (one.file.record_count, one.file.file_path)):
            if group and rows + task.file.record_count > GROUP_ROWS:
                if _worth_it(group):
                    yield group
                group, rows = [], 0
            group.append(task)
            rows += task.file.record_count
        if _worth_it(group):
            yield group


def _worth_it(group: list[FileScanTask]) -> bool:
    return len(group) > 1 or any(task.delete_files for task in group)


def expire(stored: IcebergTable, keep: int) -> int:
    """Forget all but the last `keep` snapshots (tagged ones stay); how many went."""
    protected = {ref.snapshot_id for ref in stored.refs().values()}
    ordered = sorted(stored.snapshots(), key=lambda one: one.sequence_number or 0)
    old = [one.snapshot_id for one in ordered[:-keep] if one.snapshot_id not in protected]
    if old:
        stored.maintenance.expire_snapshots().by_ids(old).commit()
    return len(old)


def vacuum(open_table: Callable[[], IcebergTable], older_than: datetime) -> None:
    """Delete files of the table's folder that no kept snapshot refers to and that are older than a moment.

    The folder is listed before the metadata is read: a file committed in between is then seen as referred to.
    """
    candidates = disk_files(open_table())
    stored = open_table()
    used = _used(stored)
    filesystem, _ = _folder(stored)
    for file in candidates:
        if file.path not in used and file.modified_at < older_than:
            filesystem.delete_file(file.path)


def disk_files(stored: IcebergTable) -> list[DiskFile]:
    """Every file in the table's folder."""
    from pyarrow.fs import FileSelector, FileType

    filesystem, path = _folder(stored)
    return [
        DiskFile(info.path, info.size, info.mtime)
        for info in filesystem.get_file_info(FileSelector(path, recursive=True, allow_not_found=True))
        if info.type == FileType.File
    ]


def _folder(stored: IcebergTable) -> tuple[Any, str]:
    """The file system and the table's path in it."""
    from pyiceberg.io.pyarrow import PyArrowFileIO

    scheme, netloc, path = PyArrowFileIO.parse_location(stored.location())
    io: Any = stored.io
    return io.fs_by_scheme(scheme, netloc), path


def _used(stored: IcebergTable) -> set[str]:
    """Paths of every file a kept snapshot or the metadata refers to."""
    from pyiceberg.io.pyarrow import PyArrowFileIO

    locations: set[str] = {stored.metadata_location, *(entry.metadata_file for entry in stored.metadata.metadata_log)}
    locations.update(one.statistics_path for one in stored.metadata.statistics)
    locations.update(one.statistics_path for one in stored.metadata.partition_statistics)
    manifests: dict[str, Any] = {}
    for snapshot in stored.snapshots():
        locations.add(snapshot.manifest_list)
        manifests.update({manifest.manifest_path: manifest for manifest in snapshot.manifests(stored.io)})
    for path, manifest in manifests.items():
        locations.add(path)
        locations.update(entry.data_file.file_path for entry in manifest.fetch_manifest_entry(stored.io))
    return {PyArrowFileIO.parse_location(location)[2] for location in locations}
