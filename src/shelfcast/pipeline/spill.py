"""Sorts a stream of batches by month in bounded memory, so that each month of the lake is merged once.

A file ordered by item touches every month in every batch; merged batch by batch it would rewrite the lake over and
over. Frames wait in memory until there are too many rows, then on disk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import polars as pl

from shelfcast.domain.tables import Table, Type

MEMORY_ROWS = 4_000_000
GROUP_ROWS = 3_000_000
WHOLE_ROWS = 12_000_000
LARGE_ROWS = 4_000_000
"""A month of more rows is cut into parts of whole series, so that memory doesn't grow with the month."""
NO_DAY = ""


class Spill:
    """Frames by key, in memory up to `memory_rows` rows in all, the rest as files in `folder`."""

    def __init__(self, folder: Path, memory_rows: int = MEMORY_ROWS) -> None:
        self._folder = folder
        self._limit = memory_rows
        self._waiting: dict[str, list[pl.DataFrame]] = {}
        self._files: dict[str, list[Path]] = {}
        self._rows: dict[str, int] = {}
        self._in_memory = 0
        self._written = 0

    def add(self, key: str, frame: pl.DataFrame) -> None:
        if frame.is_empty():
            return
        self._waiting.setdefault(key, []).append(frame)
        self._rows[key] = self._rows.get(key, 0) + frame.height
        self._in_memory += frame.height
        if self._in_memory > self._limit:
            self._write()

    def __iter__(self) -> Iterator[str]:
        """Keys, sorted."""
        return iter(sorted(self._rows))

    def __contains__(self, key: str) -> bool:
        return key in self._rows

    def rows(self, key: str) -> int:
        return self._rows[key]

    @property
    def on_disk(self) -> bool:
        return bool(self._files)

    def parts(self, key: str) -> Iterator[pl.DataFrame]:
        """Frames of a key in the order they came. They stay; `take` also forgets them."""
        for path in self._files.get(key, []):
            yield pl.read_ipc(path)
        yield from self._waiting.get(key, [])

    def take(self, keys: list[str]) -> pl.DataFrame:
        """All rows of some keys as one frame, in the order they came; they are gone from here afterwards."""
        frames = [frame for key in keys for frame in self.parts(key)]
        for key in keys:
            for path in self._files.pop(key, []):
                path.unlink()
            self._in_memory -= sum(frame.height for frame in self._waiting.pop(key, []))
            self._rows.pop(key, None)
        return pl.concat(frames, how="diagonal") if frames else pl.DataFrame()

    def cut(self, key: str, into: Callable[[pl.DataFrame], dict[str, pl.DataFrame]]) -> None:
        """Put the rows of a key under other keys, a frame at a time."""
        files, waiting = self._files.pop(key, []), self._waiting.pop(key, [])
        self._in_memory -= sum(frame.height for frame in waiting)
        self._rows.pop(key, None)
        for path in files:
            for other, part in into(pl.read_ipc(path)).items():
                self.add(other, part)
            path.unlink()
        for frame in waiting:
            for other, part in into(frame).items():
                self.add(other, part)

    def _write(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        for key, frames in self._waiting.items():
            path = self._folder / f"{self._written:06}.arrow"
            pl.concat(frames, how="diagonal").write_ipc(path, compression="lz4")
            self._files.setdefault(key, []).append(path)
            self._written += 1
        self._waiting.clear()
        self._in_memory = 0


def day_column(table: Table) -> str | None:
    """The day by which rows of a table are sorted into months."""
    if table.partition and table.column(table.partition).type is Type.DAY:
        return table.partition
    return next((name for name in table.key if table.column(name).type is Type.DAY), None)


def by_month(frame: pl.DataFrame, table: Table) -> dict[str, pl.DataFrame]:
    """The frame by month (`2024-05`), rows in their order; rows without a day under the empty name."""
    column = day_column(table)
    if column is None or column not in frame.columns or frame.is_empty():
        return {NO_DAY: frame}
    days = frame[column]
    low, high = days.min(), days.max()
    if (
        isinstance(low, date)
        and isinstance(high, date)
        and not days.null_count()
        and (low.year, low.month) == (high.year, high.month)
    ):
        return {low.strftime("%Y-%m"): frame}
    months = days.dt.year().cast(pl.Int32) * 100 + days.dt.month()
    parts = frame.with_columns(months.alias("__month")).partition_by(
        "__month", as_dict=True, maintain_order=True, include_key=False
    )
    return {f"{month // 100:04}-{month % 100:02}" if month else NO_DAY: part for (month,), part in parts.items()}


def cut_large_months(spill: Spill, table: Table) -> None:
    """Months of more than `LARGE_ROWS` rows into parts of about `GROUP_ROWS`; all rows of a series (the table's key without
    its day) stay together, so that rows that say the same, or contradict each other, still meet."""
    day = day_column(table)
    if day is None or not table.partition:
        return
    for month in [one for one in spill if spill.rows(one) > LARGE_ROWS]:
        count = -(-spill.rows(month) // GROUP_ROWS)

        def parts(frame: pl.DataFrame, month: str = month, count: int = count) -> dict[str, pl.DataFrame]:
            series = [name for name in table.key if name != day and name in frame.columns]
            numbered = frame.with_columns((frame.select(series).hash_rows(seed=7) % count).alias("__part"))
            found = numbered.partition_by("__part", as_dict=True, maintain_order=True, include_key=False)
            return {f"{month}#{part:04}": rows for (part,), rows in found.items()}

        spill.cut(month, parts)


def groups(spill: Spill, table: Table) -> list[list[str]]:
    """Months that are checked and merged together: as many as make a good size, in order of time.

    A table without month partitions is rewritten by each merge, so it gets as few as memory allows.
    """
    limit = GROUP_ROWS if table.partition else WHOLE_ROWS
    found: list[list[str]] = []
    size = 0
    for key in spill:
        if not found or size + spill.rows(key) > limit:
            found.append([])
            size = 0
        found[-1].append(key)
        size += spill.rows(key)
    return found
