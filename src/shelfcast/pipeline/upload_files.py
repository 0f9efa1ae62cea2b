"""Files sent over the network: in pieces, resumable, recognised by their content.

    open(name, bytes, sha256) -> upload, its `received` says where to go on
    add(piece at offset)      -> ... until received = bytes; then the pieces are joined and the hash is checked
    complete                  -> preview, load

An upload's id comes of its content's hash and its name, so the same file opened again is found, with all its pieces.
Every piece is a create-only blob of its own: a connection that breaks, or a server killed, costs the piece under way.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from shelfcast.domain.errors import BadFile, BadParameter, Conflict, NotFound
from shelfcast.pipeline import audit_changes
from shelfcast.ports.platform import Platform
from shelfcast.ports.record_store import Record

KIND = "uploads"
MOST_PIECE_BYTES = 64 * 2**20
RECEIVING, COMPLETE = "receiving", "complete"


@dataclass(frozen=True)
class Upload:
    """A file on its way, or here."""

    upload_id: str
    name: str
    bytes: int
    sha256: str
    received: int
    state: str
    by: str
    opened_at: datetime
    table: str = ""
    """Table it is meant for, where the uploader said so."""
    fixes: str = ""
    """The load whose quarantined rows it brings again, mended."""
    load_job: str = ""
    version: int = 0

    @property
    def key(self) -> str:
        """Where the whole file is among the blobs."""
        return f"uploads/{self.upload_id}/file/{self.name}"

    @property
    def mapping_key(self) -> str:
        """Where its mapping is, if a person edited it."""
        return f"uploads/{self.upload_id}/mapping.yaml"


def open_upload(
    platform: Platform, who: str, name: str, size: int, sha256: str, *, table: str = "", fixes: str = ""
) -> Upload:
    """Begin an upload, or find the one begun before.

    Raises:
        BadParameter: the hash is none, or the size isn't positive.
        NotFound: the load it fixes isn't there.
    """
    if not re.fullmatch(r"[0-9a-f]{64}", sha256):
        raise BadParameter(f"sha256 {sha256[:80]!r} came; 64 hexadecimal digits in lower case are needed.")
    if size <= 0:
        raise BadParameter(f"the file has {size} bytes; an empty file can't be loaded.")
    if fixes:
        platform.records.get("loads", fixes)
    safe = safe_name(name)
    upload_id = hashlib.sha256(f"{sha256}\n{safe}\n{table}\n{fixes}".encode()).hexdigest()[:24]
    body = {
        "name": safe, "bytes": size, "sha256": sha256, "state": RECEIVING, "by": who, "table": table, "fixes": fixes,
        "opened_at": platform.clock.now().isoformat(),
    }  # fmt: skip
    with suppress(Conflict):
        platform.records.put(KIND, upload_id, body, expected=0)
        audit_changes.note(platform, who, "upload.open", upload_id, name=safe, bytes=size)
    return get(platform, upload_id)


def get(platform: Platform, upload_id: str) -> Upload:
    """
    Raises:
        NotFound: no such upload.
    """
    try:
        return _of(platform, platform.records.get(KIND, upload_id))
    except NotFound as error:
        raise NotFound(f"there is no upload {upload_id!r}. Open one with POST /v1/uploads.") from error


def every(platform: Platform) -> list[Upload]:
    """Uploads, the newest first."""
    found = [_of(platform, one) for one in platform.records.query(KIND)]
    return sorted(found, key=lambda one: (one.opened_at, one.upload_id), reverse=True)


def add(platform: Platform, upload_id: str, offset: int, piece: Path) -> Upload:
    """Take the piece that begins at `offset`; with the last one the file is joined and checked.

    A piece that is here already changes nothing, so it may be sent again.

    Raises:
        Conflict: the piece doesn't begin where the upload stands; the message says where that is.
        BadFile: more bytes than announced, or the whole hasn't the announced hash (the upload begins anew).
    """
    upload = get(platform, upload_id)
    if upload.state == COMPLETE:
        return upload
    size = piece.stat().st_size
    if offset < upload.received and offset + size <= upload.received:
        return upload
    if offset != upload.received:
        raise Conflict(
            f"upload {upload_id} stands at byte {upload.received}; a piece at {offset} came. Go on from there."
        )
    if offset + size > upload.bytes:
        raise BadFile(
            f"{upload.name} was announced with {upload.bytes} bytes; this piece would make it {offset + size}. "
            "The file has changed: begin a new upload."
        )
    if size:
        with suppress(Conflict):
            platform.blobs.put(_piece_key(upload_id, offset, size), piece, create=True)
    if offset + size == upload.bytes:
        _join(platform, upload)
    return get(platform, upload_id)


def _join(platform: Platform, upload: Upload) -> None:
    keys = _pieces(platform, upload.upload_id)
    digest = hashlib.sha256()
    with tempfile.TemporaryDirectory(prefix="shelfcast-upload-") as folder:
        path = Path(folder) / "whole"
        with path.open("wb") as whole:
            for key in keys:
                data = platform.blobs.get(key)
                digest.update(data)
                whole.write(data)
        if digest.hexdigest() != upload.sha256:
            for key in keys:
                platform.blobs.delete(key)
            raise BadFile(
                f"{upload.name} came with another content than announced (SHA-256 {digest.hexdigest()[:12]}..., not "
                f"{upload.sha256[:12]}...): damaged on the way, or changed meanwhile. Send it again."
            )
        platform.blobs.put(upload.key, path)
    record = platform.records.get(KIND, upload.upload_id)
    platform.records.put(KIND, upload.upload_id, {**record.body, "state": COMPLETE})
    for key in keys:
        platform.blobs.delete(key)


def note_job(platform: Platform, upload_id: str, job_id: str) -> None:
    """Remember the job that loads an upload."""
    record = platform.records.get(KIND, upload_id)
    platform.records.put(KIND, upload_id, {**record.body, "load_job": job_id})


def delete(platform: Platform, who: str, upload_id: str) -> None:
    """Forget an upload. What was loaded from it stays in the lake, and in its raw zone.

    Raises:
        NotFound: no such upload.
    """
    upload = get(platform, upload_id)
    for key in platform.blobs.list(f"uploads/{upload_id}/"):
        platform.blobs.delete(key)
    platform.records.delete(KIND, upload_id)
    audit_changes.note(platform, who, "upload.delete", upload_id, name=upload.name)


@contextmanager
def local_file(platform: Platform, key: str, name: str) -> Iterator[Path]:
    """A blob as a file under its own name: where it lies, if that is a folder of this machine, else a copy."""
    path = Path(platform.blobs.uri(key))
    if path.is_file() and path.name == name:
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="shelfcast-file-") as folder:
        copy = Path(folder) / name
        if path.is_file():
            copy.symlink_to(path)
        else:
            copy.write_bytes(platform.blobs.get(key))
        yield copy


def whole(upload: Upload) -> Upload:
    """
    Raises:
        Conflict: it isn't complete.
    """
    if upload.state != COMPLETE:
        raise Conflict(
            f"upload {upload.upload_id} ({upload.name}) has {upload.received:,} of {upload.bytes:,} bytes. Send the rest first."
        )
    return upload


def safe_name(name: str) -> str:
    """A file's name without folders, as a blob's key may hold it.

    >>> safe_name("../../Verkäufe 2024.csv")
    'Verk_ufe 2024.csv'
    """
    bare = re.sub(r"[^A-Za-z0-9_.=+@ -]", "_", re.split(r"[\\\\/]", name)[-1]).strip(" .")[-120:]
    return bare or "file"


def _pieces(platform: Platform, upload_id: str) -> list[str]:
    """Keys of the pieces that follow one another from the beginning."""
    found, at = [], 0
    for key in platform.blobs.list(f"uploads/{upload_id}/piece/"):
        offset, _, size = key.rpartition("/")[2].partition("-")
        if int(offset) == at:
            found.append(key)
            at += int(size)
    return found


def _piece_key(upload_id: str, offset: int, size: int) -> str:
    return f"uploads/{upload_id}/piece/{offset:015d}-{size:012d}"


def _of(platform: Platform, record: Record) -> Upload:
    body: dict[str, Any] = dict(record.body)
    if body["state"] == COMPLETE:
        received = int(body["bytes"])
    else:
        pieces = _pieces(platform, record.record_id)
        last = pieces[-1].rpartition("/")[2].partition("-") if pieces else ("0", "", "0")
        received = int(last[0]) + int(last[2])
    return Upload(
        record.record_id, body["name"], int(body["bytes"]), body["sha256"], received, body["state"], body["by"],
        datetime.fromisoformat(body["opened_at"]), body.get("table", ""), body.get("fixes", ""), body.get("load_job", ""),
        record.version,
    )  # fmt: skip
