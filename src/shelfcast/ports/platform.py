"""The ports a use case may need, held together. `bootstrap` builds it; nothing else chooses adapters."""

from __future__ import annotations

from dataclasses import dataclass, field

from shelfcast.ports.blob_store import BlobStore
from shelfcast.ports.clock import Clock
from shelfcast.ports.doors import Closed, Doors
from shelfcast.ports.engine import Engine
from shelfcast.ports.model_registry import ModelRegistry
from shelfcast.ports.progress import Progress, Silent
from shelfcast.ports.record_store import RecordStore
from shelfcast.ports.source_reader import SourceReader
from shelfcast.ports.table_store import TableStore


@dataclass(frozen=True)
class Platform:
    """Where tables, blobs, records and models live, what time it is, what runs kernels, who is told of progress."""

    tables: TableStore
    blobs: BlobStore
    records: RecordStore
    clock: Clock
    engine: Engine
    reader: SourceReader
    models: ModelRegistry
    progress: Progress = field(default_factory=Silent)
    doors: Doors = field(default_factory=Closed)
