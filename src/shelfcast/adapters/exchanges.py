"""Where kernels leave frames: a folder all of them see, or files beside the lake's blobs."""

from __future__ import annotations

import io
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from shelfcast.domain.errors import NotFound
from shelfcast.ports.blob_store import BlobStore

PREFIX = "scratch/"


class FolderExchange:
    """`Exchange` in a folder of this machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, name: str, frame: pl.DataFrame) -> None:
        frame.write_parquet(self._path(name), compression="lz4")

    def read(self, name: str) -> pl.DataFrame:
        if not self.has(name):
            raise NotFound(f"no frame {name!r} was left by a kernel.")
        return pl.read_parquet(self._path(name))

    def has(self, name: str) -> bool:
        return self._path(name).exists()

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.parquet"


class BlobExchange:
    """`Exchange` in a blob store that every machine reaches."""

    def __init__(self, blobs: BlobStore, prefix: str) -> None:
        self.blobs = blobs
        self.prefix = prefix

    def write(self, name: str, frame: pl.DataFrame) -> None:
        buffer = io.BytesIO()
        frame.write_parquet(buffer, compression="lz4")
        self.blobs.put(self._key(name), buffer.getvalue())

    def read(self, name: str) -> pl.DataFrame:
        return pl.read_parquet(self.blobs.get(self._key(name)))

    def has(self, name: str) -> bool:
        return self._key(name) in set(self.blobs.list(self._key(name)))

    def _key(self, name: str) -> str:
        return f"{self.prefix}{name}.parquet"


@contextmanager
def folder_exchange() -> Iterator[FolderExchange]:
    """In a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="shelfcast-") as folder:
        yield FolderExchange(Path(folder))


@contextmanager
def blob_exchange(blobs: BlobStore) -> Iterator[BlobExchange]:
    """Under a prefix of its own. What a killed step left there, the bucket's lifecycle rule for `scratch/` removes."""
    prefix = f"{PREFIX}{uuid.uuid4().hex}/"
    try:
        yield BlobExchange(blobs, prefix)
    finally:
        for key in list(blobs.list(prefix)):
            blobs.delete(key)
