"""Behaviour every blob store has."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from shelfcast.adapters.aws import session
from shelfcast.adapters.memory import MemoryBlobs
from shelfcast.adapters.objects import Objects
from shelfcast.adapters.routed import RoutedBlobs
from shelfcast.domain.errors import BadParameter, Conflict, NotFound, SourceDown
from shelfcast.ports.blob_store import BlobStore
from tests.emulator import Emulator


@pytest.fixture(params=["memory", "folder", "object store", "s3", "routed"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BlobStore:
    match request.param:
        case "memory":
            return MemoryBlobs()
        case "folder":
            return Objects.local(tmp_path / "blobs here")
        case "object store":
            # The way of S3, on obstore's store in memory; files over 8 bytes go in parts.
            monkeypatch.setattr("shelfcast.adapters.objects.SINGLE_PUT_BYTES", 8)
            return Objects("memory:///")
        case "routed":
            return RoutedBlobs(MemoryBlobs(), {"m/": MemoryBlobs(), "a/": MemoryBlobs()})
        case _:
            monkeypatch.setattr("shelfcast.adapters.objects.SINGLE_PUT_BYTES", 8)
            name = request.getfixturevalue("bucket")()
            return Objects(f"s3://{name}", session.object_options())


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source.bin"
    path.write_bytes(b"from a file")
    return path


def test_what_was_put_comes_back(blobs: BlobStore, source: Path) -> None:
    blobs.put("a/b.bin", b"\x00bytes")
    blobs.put("a/c d=1.bin", source)
    blobs.put("a/empty", b"")
    assert blobs.get("a/b.bin") == b"\x00bytes"
    assert blobs.get("a/c d=1.bin") == b"from a file"
    assert blobs.get("a/empty") == b""


def test_putting_again_replaces(blobs: BlobStore, source: Path) -> None:
    blobs.put("a", b"1")
    blobs.put("a", source)
    assert blobs.get("a") == b"from a file"
    blobs.put("a", b"2")
    assert blobs.get("a") == b"2"


def test_create_refuses_a_taken_key(blobs: BlobStore, source: Path) -> None:
    blobs.put("a", source, create=True)
    for data in (b"other", source):
        with pytest.raises(Conflict, match="a exists"):
            blobs.put("a", data, create=True)
    assert blobs.get("a") == b"from a file"


def test_a_large_file_is_put_in_parts(blobs: BlobStore, tmp_path: Path) -> None:
    path = tmp_path / "large.bin"
    content = bytes(range(256)) * 50_000
    path.write_bytes(content)
    blobs.put("large", path, create=True)
    assert blobs.get("large") == content
    with pytest.raises(Conflict):
        blobs.put("large", path, create=True)


def test_of_many_creators_one_wins(blobs: BlobStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shelfcast.adapters.objects.SINGLE_PUT_BYTES", 64 * 2**20)

    def create(number: int) -> bool:
        path = tmp_path / f"{number}"
        path.write_bytes(b"%d" % number)
        try:
            blobs.put("race", path if number % 2 else b"%d" % number, create=True)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(create, range(16)))
    assert won.count(True) == 1
    assert blobs.get("race") == b"%d" % won.index(True)


def test_a_missing_key_is_not_found(blobs: BlobStore) -> None:
    with pytest.raises(NotFound, match="models/none"):
        blobs.get("models/none")


def test_keys_are_listed_by_prefix_sorted(blobs: BlobStore) -> None:
    for key in ("m/b", "m/a", "m/sub/c", "model", "z"):
        blobs.put(key, b"")
    assert blobs.list("") == ["m/a", "m/b", "m/sub/c", "model", "z"]
    assert blobs.list("m") == ["m/a", "m/b", "m/sub/c", "model"]
    assert blobs.list("m/s") == ["m/sub/c"]
    assert blobs.list("m/") == ["m/a", "m/b", "m/sub/c"]
    assert blobs.list("none/at/all") == []


def test_deleting_is_repeatable(blobs: BlobStore) -> None:
    blobs.put("a/b", b"")
    blobs.delete("a/b")
    blobs.delete("a/b")
    assert blobs.list("") == []


@pytest.mark.parametrize("key", ["", "/a", "a/", "a//b", "../a", "a/../b", "a/.", "a\\b", "ü", "a#b", "a?b", "x" * 201])
def test_a_key_that_would_not_work_everywhere_is_refused(blobs: BlobStore, key: str) -> None:
    with pytest.raises(BadParameter, match="blob key"):
        blobs.put(key, b"")
    with pytest.raises(BadParameter, match="blob key"):
        blobs.get(key)


def test_the_address_in_a_folder_is_a_path(tmp_path: Path) -> None:
    blobs = Objects.local(tmp_path)
    blobs.put("a/b c.txt", b"text")
    assert Path(blobs.uri("a/b c.txt")).read_bytes() == b"text"
    assert blobs.list("") == ["a/b c.txt"]


def test_a_routed_key_lies_in_its_own_store_under_its_whole_name() -> None:
    rest, raw = MemoryBlobs(), MemoryBlobs()
    blobs = RoutedBlobs(rest, {"raw/": raw})
    blobs.put("raw/a", b"1")
    blobs.put("rawer", b"2")
    assert raw.list("") == ["raw/a"] and rest.list("") == ["rawer"]
    assert blobs.list("r") == ["raw/a", "rawer"] and blobs.list("raw/") == ["raw/a"]


def test_a_bucket_that_is_not_there_is_told(emulator: Callable[[], Emulator]) -> None:
    emulator()
    blobs = Objects("s3://no-such-bucket", session.object_options())
    with pytest.raises(SourceDown, match="no-such-bucket"):
        blobs.put("a", b"")
    with pytest.raises((SourceDown, NotFound), match="no-such-bucket"):
        blobs.get("a")
    with pytest.raises(SourceDown, match="no-such-bucket"):
        blobs.list("")


def test_a_durable_put_is_like_any_other(blobs: BlobStore, source: Path) -> None:
    blobs.put("new/folder/a.bin", b"1", create=True, durable=True)
    assert blobs.get("new/folder/a.bin") == b"1"
    with pytest.raises(Conflict, match="exists already"):
        blobs.put("new/folder/a.bin", b"2", create=True, durable=True)
    blobs.put("new/folder/a.bin", source, durable=True)
    assert blobs.get("new/folder/a.bin") == b"from a file"
    assert blobs.list("new/") == ["new/folder/a.bin"]


def test_in_a_folder_a_durable_puts_content_is_on_the_disk_before_its_name(tmp_path, monkeypatch) -> None:
    blobs, target, seen = Objects.local(tmp_path), tmp_path / "raw" / "hour" / "a", []
    written_through = os.fsync

    def watched(opened: int) -> None:
        path = Path(f"/proc/self/fd/{opened}").readlink()
        seen.append((path.relative_to(tmp_path).parts[0] if path != tmp_path else "", target.exists()))
        written_through(opened)

    monkeypatch.setattr("shelfcast.adapters.objects.os.fsync", watched)
    blobs.put("raw/hour/a", b"1")
    assert seen == []
    target.unlink()
    target.parent.rmdir()
    blobs.put("raw/hour/a", b"1", create=True, durable=True)
    assert seen == [(".incoming", False), ("raw", True), ("raw", True)]
