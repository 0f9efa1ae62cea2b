"""The raw zone: what was received, exactly as received, named by its content, with a manifest of what became of it.

A file is stored once however often it comes (`raw/<first two of its SHA-256>/<SHA-256><ending>`). A manifest belongs to a
content read in one way (table and mapping): its id is the `load_id` that rows carry. So the same file loaded again finds
its manifest, and the same file with a mended mapping is a new load.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from shelfcast.domain.errors import BadFile, Conflict, NotFound
from shelfcast.ports.blob_store import BlobStore
from shelfcast.ports.record_store import RecordStore

KIND = "manifest"


class LoadState(StrEnum):
    """Where a load is. A load found `received` or `failed` may be run again; its merge is repeatable."""

    RECEIVED = "received"
    LOADED = "loaded"
    FAILED = "failed"


@dataclass(frozen=True)
class Manifest:
    """What was received and what became of it."""

    load_id: str
    source: str
    """File name, or database and query, as a person knows it."""
    checksum: str
    """SHA-256 of the content."""
    bytes: int
    received_at: datetime
    """When this content first came; repeated loads use it again."""
    key: str
    """Where the content is kept among the blobs."""
    table: str = ""
    """Table it is loaded into; empty until that is decided."""
    mapping_hash: str = ""
    state: LoadState = LoadState.RECEIVED
    rows: Mapping[str, int] = field(default_factory=dict)
    """Rows by what became of them: in, inserted, corrected, unchanged, quarantined..."""
    error: str = ""


def load_id_of(checksum: str, table: str = "", mapping_hash: str = "") -> str:
    """Name of a load: the content and how it is read.

    >>> load_id_of("ab" * 32, "sales") == load_id_of("ab" * 32, "sales")
    True
    """
    return hashlib.sha256("\n".join((checksum, table, mapping_hash)).encode()).hexdigest()[:24]


def receive(
    blobs: BlobStore,
    records: RecordStore,
    source: str,
    data: bytes | Path,
    *,
    received_at: datetime,
    table: str = "",
    mapping_hash: str = "",
) -> Manifest:
    """Keep what was received and open its manifest; the same again finds the manifest there is.

    A file is read twice in small pieces (hashed, then copied), whatever its size.

    Raises:
        BadFile: there is no such file, or it changed while it was read.
    """
    checksum, size, state = _digest(source, data)
    load_id = load_id_of(checksum, table, mapping_hash)
    with suppress(NotFound):
        return find(records, load_id)
    key = _key(checksum, source)
    if key not in blobs.list(key):
        with suppress(Conflict):
            blobs.put(key, data, create=True)
        if isinstance(data, Path) and _state(data) != state:
            blobs.delete(key)
            raise BadFile(
                f"{source} changed while it was being read. Wait until it is written to its end, then load it again."
            )
    manifest = Manifest(load_id, source, checksum, size, received_at, key, table, mapping_hash)
    with suppress(Conflict):
        records.put(KIND, load_id, _body(manifest), expected=0)
        return manifest
    return find(records, load_id)


def find(records: RecordStore, load_id: str) -> Manifest:
    """
    Raises:
        NotFound: no such load.
    """
    return _manifest(records.get(KIND, load_id).body)


def settle(
    records: RecordStore, manifest: Manifest, state: LoadState, rows: Mapping[str, int], error: str = ""
) -> Manifest:
    """Note what became of a load."""
    settled = replace(manifest, state=state, rows=dict(rows), error=error)
    records.put(KIND, manifest.load_id, _body(settled))
    return settled


def manifests(records: RecordStore, table: str | None = None) -> list[Manifest]:
    """Every load (of a table), the oldest first."""
    where = {"table": table} if table is not None else None
    found = [_manifest(record.body) for record in records.query(KIND, where=where)]
    return sorted(found, key=lambda one: (one.received_at, one.load_id))


def _digest(source: str, data: bytes | Path) -> tuple[str, int, tuple[int, int]]:
    """SHA-256, bytes, and for a file what tells whether it changes afterwards."""
    if isinstance(data, bytes):
        return hashlib.sha256(data).hexdigest(), len(data), (len(data), 0)
    try:
        before = _state(data)
        with data.open("rb") as file:
            checksum = hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError) as error:
        raise BadFile(f"{source} can't be read: {error}. Check the path, and that it is a file we may read.") from error
    return checksum, before[0], before


def _state(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns


def _key(checksum: str, source: str) -> str:
    """Two letters of folder, so that none gets too full; the ending, so that readers know the format."""
    ending = re.search(r"(\.[A-Za-z0-9]{1,10}){1,2}$", source)
    return f"raw/{checksum[:2]}/{checksum}{ending.group().lower() if ending else ''}"


def _body(manifest: Manifest) -> dict[str, Any]:
    return asdict(manifest) | {"received_at": manifest.received_at.isoformat(), "rows": dict(manifest.rows)}


def _manifest(body: Mapping[str, Any]) -> Manifest:
    known = {one.name for one in fields(Manifest)}
    values = {name: value for name, value in body.items() if name in known}
    values |= {"received_at": datetime.fromisoformat(body["received_at"]), "state": LoadState(body["state"])}
    return Manifest(**values)
