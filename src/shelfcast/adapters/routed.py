"""Blobs in several stores by the beginning of their key: received files, exports and the rest in buckets of their own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from shelfcast.ports.blob_store import BlobStore


class RoutedBlobs:
    """`BlobStore` over others. A key keeps its whole name in the store it lies in.

    Args:
        rest: for keys no route fits.
        routes: store by the beginning of a key, ending in `/`; no beginning contains another.
    """

    def __init__(self, rest: BlobStore, routes: Mapping[str, BlobStore]) -> None:
        self._rest, self._routes = rest, dict(routes)

    def put(self, key: str, data: bytes | Path, *, create: bool = False, durable: bool = False) -> None:
        self._store(key).put(key, data, create=create, durable=durable)

    def get(self, key: str) -> bytes:
        return self._store(key).get(key)

    def list(self, prefix: str) -> list[str]:
        """See the port. A prefix shorter than a route asks every store it may lie in."""
        for beginning, store in self._routes.items():
            if prefix.startswith(beginning):
                return store.list(prefix)
        found = [key for key in self._rest.list(prefix) if self._store(key) is self._rest]
        for beginning, store in self._routes.items():
            if beginning.startswith(prefix):
                found += store.list(beginning)
        return sorted(found)

    def delete(self, key: str) -> None:
        self._store(key).delete(key)

    def uri(self, key: str) -> str:
        return self._store(key).uri(key)

    def _store(self, key: str) -> BlobStore:
        return next((store for beginning, store in self._routes.items() if key.startswith(beginning)), self._rest)
