"""Answers that are files: tables written to a temporary file first, blobs passed on in pieces."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
from fastapi.responses import StreamingResponse

from shelfcast.ports.platform import Platform

MEDIA = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}
PIECE = 1 << 20
FILE_RESPONSE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file",
        "content": {
            kind: {"schema": {"type": "string", "format": "binary"}} for kind in ("text/csv", MEDIA["parquet"])
        },
    }
}


def table_response(rows: pl.LazyFrame, name: str, format: str) -> StreamingResponse:
    """The rows as one CSV or Parquet file; memory does not grow with their number."""
    folder = tempfile.TemporaryDirectory(prefix="shelfcast-download-")
    path = Path(folder.name) / "rows"
    try:
        if format == "csv":
            rows.sink_csv(path)
        else:
            rows.sink_parquet(path, compression="zstd")
    except BaseException:
        folder.cleanup()
        raise

    def pieces() -> Iterator[bytes]:
        with folder:
            yield from _pieces(path)

    headers = disposition(f"{name}.{format}") | {"Content-Length": str(path.stat().st_size)}
    return StreamingResponse(pieces(), media_type=MEDIA[format], headers=headers)


def blob_response(platform: Platform, key: str, name: str) -> StreamingResponse:
    """A stored file, from disk in pieces where it is on disk."""
    media = MEDIA.get(name.rpartition(".")[2], "application/octet-stream")
    path = Path(platform.blobs.uri(key))
    if path.is_file():
        headers = disposition(name) | {"Content-Length": str(path.stat().st_size)}
        return StreamingResponse(_pieces(path), media_type=media, headers=headers)
    data = platform.blobs.get(key)
    return StreamingResponse(iter((data,)), media_type=media, headers=disposition(name))


def disposition(name: str) -> dict[str, str]:
    safe = "".join(one if one.isalnum() or one in "._- " else "_" for one in name) or "file"
    return {"Content-Disposition": f'attachment; filename="{safe.encode("ascii", "replace").decode()}"'}


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            yield piece
