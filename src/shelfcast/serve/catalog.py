"""What `tables` shows: schema, rows, size, snapshots, freshness, time travel."""

from __future__ import annotations

from typing import Any

from shelfcast.domain.tables import TABLES
from shelfcast.ports.platform import Platform


def overview(platform: Platform) -> list[dict[str, Any]]:
    """Every table that has been written, with rows, size and when."""
    found = []
    for table in TABLES.values():
        state = platform.tables.state(table)
        if state.current is not None:
            found.append(
                {
                    "table": table.name, "zone": table.zone.value, "kind": table.kind.value, "rows": state.rows, "files": state.files,
                    "bytes": state.bytes, "snapshots": len(state.snapshots), "committed_at": state.current.committed_at.isoformat(),
                }
            )  # fmt: skip
    return found
