"""One snapshot of an Iceberg table: committed, and read back as ours."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from shelfcast.ports.table_store import Snapshot

if TYPE_CHECKING:
    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table as IcebergTable
    from pyiceberg.table.snapshots import Snapshot as IcebergSnapshot

NOTE = "shelfcast."
"""Our notes stand in the snapshot summary under this prefix, where any Iceberg reader sees them."""


def commit(stored: IcebergTable, removed: list[DataFile], added: list[DataFile], notes: Mapping[str, str]) -> Snapshot:
    """One snapshot that takes files out and puts files in.

    Raises:
        CommitFailedException: the table has moved on; nothing was committed.
    """
    # PyIceberg's own retry would commit on top of a state we haven't looked at: ours plans anew instead.
    stored.metadata.properties["commit.retry.num-retries"] = "0"
    with stored.transaction() as transaction:
        update = transaction.update_snapshot(snapshot_properties={NOTE + key: value for key, value in notes.items()})
        with update.overwrite() if removed else update.merge_append() as producer:
            for file in removed:
                producer.delete_data_file(file)
            for file in added:
                producer.append_data_file(file)
    current = stored.current_snapshot()
    assert current is not None
    return snapshot_of(current)


def summary_of(snapshot: IcebergSnapshot) -> Mapping[str, str]:
    return snapshot.summary.additional_properties if snapshot.summary is not None else {}


def snapshot_of(one: IcebergSnapshot) -> Snapshot:
    summary = summary_of(one)
    return Snapshot(
        snapshot_id=one.snapshot_id,
        committed_at=datetime.fromtimestamp(one.timestamp_ms / 1000, UTC),
        operation=one.summary.operation.value if one.summary is not None else "",
        rows=int(summary.get("total-records", 0)),
        notes=notes_of(one),
    )


def notes_of(snapshot: IcebergSnapshot) -> dict[str, str]:
    """What our writers said of it."""
    summary = summary_of(snapshot)
    return {key.removeprefix(NOTE): value for key, value in summary.items() if key.startswith(NOTE)}
