"""What was received is kept once, exactly, with its manifest."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shelfcast.adapters.memory import MemoryBlobs, MemoryRecords
from shelfcast.adapters.objects import Objects
from shelfcast.domain.errors import BadFile, NotFound
from shelfcast.lake.raw import LoadState, find, load_id_of, manifests, receive, settle
from shelfcast.ports.blob_store import BlobStore

NOW = datetime(2026, 1, 5, tzinfo=UTC)


@pytest.fixture(params=["memory", "folder"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    return MemoryBlobs() if request.param == "memory" else Objects.local(tmp_path / "blobs")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "Sales März.CSV.gz"
    path.write_bytes(b"item,units\n1,2\n")
    return path


def test_a_file_is_kept_under_its_checksum_as_it_came(blobs: BlobStore, file: Path) -> None:
    manifest = receive(blobs, MemoryRecords(), file.name, file, received_at=NOW, table="sales", mapping_hash="m1")
    assert manifest.checksum == hashlib.sha256(file.read_bytes()).hexdigest()
    assert manifest.key == f"raw/{manifest.checksum[:2]}/{manifest.checksum}.csv.gz"
    assert blobs.get(manifest.key) == file.read_bytes()
    assert (manifest.bytes, manifest.received_at, manifest.state) == (15, NOW, LoadState.RECEIVED)


def test_the_same_content_twice_is_the_same_manifest(blobs: BlobStore, file: Path) -> None:
    records = MemoryRecords()
    first = receive(blobs, records, file.name, file, received_at=NOW)
    settled = settle(records, first, LoadState.LOADED, {"in": 1, "inserted": 1})
    again = receive(blobs, records, "other.csv.gz", file.read_bytes(), received_at=NOW + timedelta(days=1))
    assert again == settled and again.received_at == NOW
    assert len(blobs.list("")) == 1 and manifests(records) == [settled]


def test_another_mapping_is_another_load_of_the_same_blob(blobs: BlobStore, file: Path) -> None:
    records = MemoryRecords()
    one = receive(blobs, records, file.name, file, received_at=NOW, table="sales", mapping_hash="m1")
    two = receive(blobs, records, file.name, file, received_at=NOW, table="sales", mapping_hash="m2")
    assert one.load_id != two.load_id and one.key == two.key
    assert len(blobs.list("")) == 1
    assert len(manifests(records, "sales")) == 2 and manifests(records, "items") == []


def test_a_manifest_is_found_by_its_load(blobs: BlobStore, file: Path) -> None:
    records = MemoryRecords()
    manifest = receive(blobs, records, file.name, file, received_at=NOW)
    failed = settle(records, manifest, LoadState.FAILED, {}, error="no header")
    assert find(records, load_id_of(manifest.checksum)) == failed
    with pytest.raises(NotFound):
        find(records, "nothing")


def test_what_cannot_be_read_is_a_bad_file(blobs: BlobStore, tmp_path: Path) -> None:
    for path in (tmp_path / "missing.csv", tmp_path):
        with pytest.raises(BadFile, match="can't be read"):
            receive(blobs, MemoryRecords(), path.name, path, received_at=NOW)


def test_a_file_that_grows_while_it_is_read_is_refused_and_not_kept(file: Path) -> None:
    class Slow(MemoryBlobs):
        def put(self, key: str, data: bytes | Path, *, create: bool = False, durable: bool = False) -> None:
            file.write_bytes(file.read_bytes() + b"3,4\n")
            super().put(key, data, create=create)

    blobs, records = Slow(), MemoryRecords()
    with pytest.raises(BadFile, match="changed while"):
        receive(blobs, records, file.name, file, received_at=NOW)
    assert blobs.list("") == [] and manifests(records) == []
