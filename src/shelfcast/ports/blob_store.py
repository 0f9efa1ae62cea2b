"""Where whole files live: received files, models, exports."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol


class BlobStore(Protocol):
    """Keys are `/`-separated. A stored blob never changes unless it is put again with `create=False`."""

    def put(self, key: str, data: bytes | Path, *, create: bool = False) -> None:
        """Store bytes or a file (streamed). With `create`, refuse to replace.

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
