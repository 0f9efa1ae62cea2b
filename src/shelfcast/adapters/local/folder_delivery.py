"""`FileDelivery` to a folder: a share the ERP reads, laid out as over SFTP.

<folder>/<name>           by renaming: seen whole or not at all
<folder>/<name>.sha256    last: whoever sees it knows the file is complete, and can check it
<folder>/acks/*           what the other side has for us; worked on, it goes to acks/done/
"""

from __future__ import annotations

import hashlib
import os
import uuid
from pathlib import Path

from shelfcast.adapters.blob_keys import check_key
from shelfcast.domain.errors import BadParameter, Conflict, SourceDown
from shelfcast.ports.file_delivery import Receipt


class FolderDelivery:
    """`FileDelivery` to one folder, made if it isn't there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()

    def deliver(self, name: str, data: bytes) -> Receipt:
        check_key(name)
        digest = hashlib.sha256(data).hexdigest()
        final, there = self._folder / name, False
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            try:
                _create(final, data)
            except FileExistsError:
                if hashlib.sha256(final.read_bytes()).hexdigest() != digest:
                    raise Conflict(
                        f"{final} is there already with other content; nothing was written. See what put it there."
                    ) from None
                there = True
            sums = self._folder / f"{name}.sha256"
            if not sums.exists():
                _replace(sums, f"{digest}  {name}\n".encode())
        except OSError as error:
            raise self._failed(error) from error
        return Receipt(str(final), digest, len(data), already_there=there)

    def collect(self) -> list[tuple[str, bytes]]:
        acks = self._folder / "acks"
        try:
            found = sorted(acks.iterdir()) if acks.is_dir() else []
            return [
                (one.name, one.read_bytes())
                for one in found
                if one.is_file() and not one.name.startswith(".") and one.suffix != ".part"
            ]
        except OSError as error:
            raise self._failed(error) from error

    def done(self, name: str) -> None:
        check_key(name)
        acks = self._folder / "acks"
        try:
            (acks / "done").mkdir(parents=True, exist_ok=True)
            (acks / name).replace(acks / "done" / name)
        except FileNotFoundError:
            return
        except OSError as error:
            raise self._failed(error) from error

    def _failed(self, error: OSError) -> SourceDown | BadParameter:
        said = f"{self._folder}: {error.strerror or error}."
        if isinstance(error, PermissionError | NotADirectoryError | FileExistsError):
            return BadParameter(f"{said} Name a folder we may write to.")
        return SourceDown(f"{said} Is the share there? It is tried again.")


def _create(path: Path, data: bytes) -> None:
    """Under its name whole and on the disk, or FileExistsError."""
    part = _written(path, data)
    try:
        os.link(part, path)
    finally:
        part.unlink(missing_ok=True)


def _replace(path: Path, data: bytes) -> None:
    _written(path, data).replace(path)


def _written(path: Path, data: bytes) -> Path:
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
    with part.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return part
