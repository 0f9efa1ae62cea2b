"""Work on a lake in a process of its own that kills itself (SIGKILL) right after its n-th write: python -m tests.functional.killed."""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from shelfcast.bootstrap import open_platform
from shelfcast.ports.platform import Platform


class Deadly:
    """A port right after whose n-th write the process is gone: nothing is tidied up, no answer is given."""

    def __init__(self, port: Any, countdown: list[int]) -> None:
        self._port, self._countdown = port, countdown

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if name not in ("put", "replace", "delete"):
            return found

        def write(*arguments: Any, **more: Any) -> Any:
            done = found(*arguments, **more)
            self._countdown[0] -= 1
            if self._countdown[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return done

        return write


def work(platform: Platform, edge: str, folder: Path) -> None:
    """One run of an edge on what waits for it in a folder."""
    if edge == "events":
        from shelfcast.pipeline.ingest_events import ingest_events
        from shelfcast.pipeline.receive_events import EventIntake, event_log

        for body in sorted(folder.glob("*.json")):
            EventIntake(event_log(platform), platform.clock).receive(body.read_bytes(), "till")
        ingest_events(platform)
    elif edge == "changes":
        from shelfcast.pipeline.ingest_cdc import ingest_cdc

        ingest_cdc(platform, folder)
    elif edge == "database":
        from shelfcast.pipeline.ingest_database import ingest_database
        from shelfcast.ports.source_reader import Query

        query = Query(table="sales", watermark_column="line")
        ingest_database(platform, f"sqlite:///{folder}/shop.db", query, part_rows=40)
    else:
        from shelfcast.adapters.local.folder_delivery import FolderDelivery
        from shelfcast.pipeline.push_orders import Channel, collect, push

        channel = Channel("erp", FolderDelivery(folder))
        push(platform, channel, currency="EUR", wait=lambda _: None)
        collect(platform, channel)


if __name__ == "__main__":
    edge, lake, folder, writes = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), [int(sys.argv[4])]
    opened = open_platform(lake)
    failing = replace(
        opened,
        tables=Deadly(opened.tables, writes),
        blobs=Deadly(opened.blobs, writes),
        records=Deadly(opened.records, writes),
    )
    work(failing, edge, folder)
