"""Whole files in a folder or in S3 through obstore: one adapter, two settings."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from shelfcast.adapters.blob_keys import check_key
from shelfcast.domain.errors import Conflict, NotFound, SourceDown

SINGLE_PUT_BYTES = 64 * 2**20
"""Files up to this size go to S3 in one request, which can be create-only; larger ones in parts."""


class Objects:
    """`BlobStore` on obstore.

    Args:
        url: `file:///folder` or `s3://bucket/prefix`.
        options: what obstore's S3 store takes (region, endpoint, keys...); empty for a folder.
    """

    def __init__(self, url: str, options: Mapping[str, Any] | None = None) -> None:
        self.url = url.rstrip("/")
        self.options = dict(options or {})
        self._root = Path(self.url.removeprefix("file://")) if self.url.startswith("file://") else None
        self._opened: Any = None

    @classmethod
    def local(cls, root: Path) -> Objects:
        return cls(f"file://{root.resolve()}")

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_opened": None}

    @property
    def _store(self) -> Any:
        if self._opened is None:
            from obstore.store import LocalStore, from_url

            if self._root is not None:
                self._opened = LocalStore(self._root, mkdir=True)
            else:
                self._opened = from_url(self.url, **self.options)
        return self._opened

    def put(self, key: str, data: bytes | Path, *, create: bool = False, durable: bool = False) -> None:
        """See the port. A file is streamed, whatever its size. In S3 a file over `SINGLE_PUT_BYTES` can't be created
        race-safe (parts know no create-only): there the key is looked up first, which is enough for keys named by their
        content."""
        check_key(key)
        if self._root is not None and (durable or isinstance(data, Path)):
            _write_into(self._root, key, data, create, durable)
            return
        import obstore
        from obstore.exceptions import AlreadyExistsError, BaseError, NotFoundError

        mode = "create" if create else "overwrite"
        try:
            if isinstance(data, Path) and data.stat().st_size > SINGLE_PUT_BYTES:
                if create and self._exists(key):
                    raise _taken(key)
                obstore.put(self._store, key, data, use_multipart=True)
            else:
                content = data.read_bytes() if isinstance(data, Path) else data
                obstore.put(self._store, key, content, mode=mode, use_multipart=False)
        except AlreadyExistsError as error:
            raise _taken(key) from error
        except (NotFoundError, FileNotFoundError) as error:
            if isinstance(data, Path) and not data.exists():
                raise
            raise self._down(key, error) from error  # the bucket isn't there
        except BaseError as error:
            raise self._down(key, error) from error

    def get(self, key: str) -> bytes:
        check_key(key)
        import obstore
        from obstore.exceptions import BaseError, NotFoundError

        try:
            return bytes(obstore.get(self._store, key).bytes())
        except (NotFoundError, FileNotFoundError) as error:
            raise NotFound(f"there is no blob {key} in {self.url}.") from error
        except BaseError as error:
            raise self._down(key, error) from error

    def list(self, prefix: str) -> list[str]:
        """See the port. obstore lists by whole folders: asked for the prefix's folder, then narrowed."""
        import obstore
        from obstore.exceptions import BaseError, NotFoundError

        folder = prefix.rpartition("/")[0]
        try:
            found = obstore.list(self._store, prefix=folder or None)
            return sorted(one["path"] for batch in found for one in batch if one["path"].startswith(prefix))
        except (NotFoundError, FileNotFoundError, BaseError) as error:
            raise self._down(f"listing {prefix or 'it'}", error) from error

    def delete(self, key: str) -> None:
        check_key(key)
        import obstore
        from obstore.exceptions import BaseError, NotFoundError

        try:
            obstore.delete(self._store, key)
        except (NotFoundError, FileNotFoundError):
            return
        except BaseError as error:
            raise self._down(key, error) from error

    def uri(self, key: str) -> str:
        check_key(key)
        return str(self._root / key) if self._root is not None else f"{self.url}/{key}"

    def _exists(self, key: str) -> bool:
        import obstore
        from obstore.exceptions import NotFoundError

        try:
            obstore.head(self._store, key)
        except (NotFoundError, FileNotFoundError):
            return False
        return True

    def _down(self, key: str, error: Exception) -> SourceDown:
        return SourceDown(
            f"{self.url} failed on {key}: {str(error).partition(chr(10))[0]}. Check that it is there and that we may use it, then retry."
        )


def _write_into(root: Path, key: str, data: bytes | Path, create: bool, durable: bool) -> None:
    """Write under a key: seen whole or not at all, and create-only by a hard link, which never replaces.

    `durable`: content first, then its name, are on the disk; a name seen after a power cut has its whole content.
    """
    target = root / key
    incoming = root / ".incoming" / uuid.uuid4().hex
    incoming.parent.mkdir(parents=True, exist_ok=True)
    new_folders = [one for one in target.parents if not one.exists()]
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        if isinstance(data, Path):
            shutil.copyfile(data, incoming)
        else:
            incoming.write_bytes(data)
        if durable:
            _to_disk(incoming)
        if create:
            try:
                os.link(incoming, target)
            except FileExistsError as error:
                raise _taken(key) from error
        else:
            incoming.replace(target)
        if durable:
            # A folder's entries are its own content: each new folder is an entry of the one above.
            for folder in (target.parent, *(one.parent for one in new_folders)):
                _to_disk(folder)
    finally:
        incoming.unlink(missing_ok=True)


def _to_disk(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _taken(key: str) -> Conflict:
    return Conflict(f"blob {key} exists already; it was to be created.")
