"""The one place that chooses adapters."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from shelfcast.domain.errors import Conflict
from shelfcast.ports.platform import Platform
from shelfcast.ports.progress import Progress, Silent
from shelfcast.settings import FILE_NAME, Settings

if TYPE_CHECKING:
    from shelfcast.ports.http_client import HttpClient


def local(settings: Settings, progress: Progress | None = None) -> Platform:
    """Everything in one folder: Iceberg tables with a SQLite catalog, blobs as files, records in SQLite."""
    from shelfcast.adapters.iceberg import IcebergTables
    from shelfcast.adapters.local.clock import SystemClock
    from shelfcast.adapters.local.databases import Databases
    from shelfcast.adapters.local.engine import LocalEngine
    from shelfcast.adapters.local.records import SqliteRecords
    from shelfcast.adapters.objects import Objects

    root = settings.lake.resolve()
    return Platform(
        tables=IcebergTables.local(root / "lake"),
        blobs=Objects.local(root / "blobs"),
        records=SqliteRecords(root / "records.db"),
        clock=SystemClock(),
        engine=LocalEngine(settings.workers),
        reader=Databases(),
        progress=progress or Silent(),
    )


def in_memory() -> Platform:
    """Everything in memory, for tests."""
    from shelfcast.adapters.memory import (
        FixedClock,
        InlineEngine,
        MemoryBlobs,
        MemoryRecords,
        MemoryTables,
        NoDatabases,
    )

    return Platform(MemoryTables(), MemoryBlobs(), MemoryRecords(), FixedClock(), InlineEngine(), NoDatabases())


def open_lake(folder: Path, progress: Progress | None = None, **arguments: object) -> tuple[Settings, Platform]:
    """The settings and the platform of the lake in a folder; `arguments` win over the lake's own settings.

    Raises:
        NotFound: the folder isn't a lake.
    """
    settings = Settings.read(folder, os.environ, **arguments)
    return settings, local(settings, progress)


def open_platform(lake: Path, progress: Progress | None = None) -> Platform:
    """The platform alone, for commands that need no settings."""
    return open_lake(lake, progress)[1]


def init_lake(folder: Path, **values: object) -> Path:
    """Make a folder a lake: its settings file, and nothing else until data come.

    Raises:
        Conflict: it is one already.
        BadParameter: a value that isn't allowed.
    """
    path = folder / FILE_NAME
    if path.exists():
        raise Conflict(f"{folder} is a Shelfcast lake already; its settings are in {path}.")
    Settings.checked({name: value for name, value in values.items() if value is not None})
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(Settings.template(**values), "utf-8")
    return path


def http_client(*, allow_plain: bool = False) -> HttpClient:
    """Speaks to servers outside; `allow_plain` lets it use http beyond this machine."""
    from shelfcast.adapters.http import StandardHttp

    return StandardHttp(allow_plain=allow_plain)
