"""Keep the lake small: join files, expire snapshots, delete what nothing refers to."""

from __future__ import annotations

from datetime import timedelta

from shelfcast.domain.tables import TABLES
from shelfcast.ports.platform import Platform
from shelfcast.ports.table_store import Maintenance


def maintain_lake(platform: Platform, *, keep: int, grace_hours: float) -> dict[str, Maintenance]:
    """Maintain every table that has been written; what was done, by table."""
    written = [table for table in TABLES.values() if platform.tables.state(table).snapshots]
    platform.progress.start("Maintaining the lake", len(written))
    done = {}
    for table in written:
        done[table.name] = platform.tables.maintain(table, keep=keep, grace=timedelta(hours=grace_hours))
        platform.progress.advance("Maintaining the lake")
    freed = sum(one.bytes_before - one.bytes_after for one in done.values())
    platform.progress.done("Maintaining the lake", f"{freed / 1e6:,.1f} MB freed")
    return done
