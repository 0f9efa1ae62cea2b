"""Writes the shop's files: plain CSV for what people keep in sheets, Parquet for what tills and archives export."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from shelfcast.sources.simulator.dirt import Planted, as_frame, plant
from shelfcast.sources.simulator.world import DIRT, generator_for

ROW_GROUP_ROWS = 1_000_000


@dataclass
class _File:
    path: Path
    rows: int = 0
    parquet: pq.ParquetWriter | None = None
    text: IO[bytes] | None = None


@dataclass
class ShopFiles:
    """Open files of a shop. Frames are appended as the stores come; errors are planted on the way.

    `rows` and `planted` say what was written.
    """

    root: Path
    seed: int
    dirty_share: float
    rows: dict[str, int] = field(default_factory=dict)
    planted: list[Planted] = field(default_factory=list)
    _open: dict[str, _File] = field(default_factory=dict)

    def __enter__(self) -> ShopFiles:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in self._open.values():
            if file.parquet is not None:
                file.parquet.close()
            if file.text is not None:
                file.text.close()

    def add(self, table: str, name: str, frame: pl.DataFrame, *, clean: bool = False) -> None:
        """Append rows to a file; `name` is its path below the root, ending in .csv or .parquet.

        No rows, no file (an export without rows tells nobody its columns' types); truth (`clean`) is always written.
        """
        if frame.is_empty() and not clean:
            return
        file = self._open.get(name)
        if file is None:
            file = self._open[name] = self._create(name)
        number = len(self.planted)
        as_text = name.endswith(".csv")
        if not clean and self.dirty_share:
            generator = generator_for(self.seed, DIRT, *name.encode(), file.rows)
            frame, planted = plant(table, name, frame, self.dirty_share, as_text, file.rows, generator)
            self.planted[number:] = planted
        if as_text:
            assert file.text is not None
            frame.write_csv(
                file.text, include_header=file.rows == 0 and file.text.tell() == 0, datetime_format="%Y-%m-%dT%H:%M:%SZ"
            )
        else:
            self._append(file, frame)
        file.rows += frame.height
        self.rows[table] = self.rows.get(table, 0) + frame.height

    def write_truth(self, notes: dict[str, object]) -> None:
        """The record of planted errors, and what shop this is."""
        self.add("truth", "truth/planted_errors.csv", as_frame(self.planted), clean=True)
        path = self.root / "truth" / "shop.json"
        path.write_text(json.dumps(notes, indent=2, sort_keys=True) + "\n", encoding="utf-8")

    def _create(self, name: str) -> _File:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return _File(path, text=path.open("wb") if name.endswith(".csv") else None)

    def _append(self, file: _File, frame: pl.DataFrame) -> None:
        table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
        if file.parquet is None:
            # Plain text columns for the reader, dictionary pages on disk; no trace of the writer's own types.
            schema = pa.schema([field.remove_metadata() for field in table.schema])
            file.parquet = pq.ParquetWriter(
                file.path, schema, compression="zstd", use_dictionary=True, store_schema=False, write_statistics=True
            )
        file.parquet.write_table(table.cast(file.parquet.schema), row_group_size=ROW_GROUP_ROWS)
