"""Where whole files live: received files, models, exports."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol


class BlobStore(Protocol):
    """Keys are `/`-separated. A stored blob never changes unless it is put again with `create=False`."""

    def put(self, key: str, data: bytes | Path, *, create: bool = False, durable: bool = False) -> None:
        """Store bytes or a file (streamed). With `create`, refuse to replace. With `durable`, what is stored outlives a
        power cut once this returns (S3 and its like are always so; a folder is told to write through to the disk).

        Raises:
            Conflict: `create` and the key is taken.
        """
        ...

    def get(self, key: str) -> bytes:
        """
        Raises:
            NotFound: no such key.
        """
        ...

    def list(self, prefix: str) -> list[str]:
        """Keys under a prefix, sorted."""
        ...

    def delete(self, key: str) -> None:
        """Remove a blob; a missing key is no error."""
        ...

    def uri(self, key: str) -> str:
        """Address that Polars and PyArrow can read: a path or s3://..."""
        ...
