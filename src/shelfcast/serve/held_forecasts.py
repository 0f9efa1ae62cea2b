"""Forecasts of a cutoff kept ready to read: a memory-mapped file sorted by series, and an index of where each series begins.

A page, a series or a search is then a slice, whatever the size of the lake; the operating system keeps the pages that are
used in memory and drops the rest. Made at the first read after the table has changed, remembered until it changes again.
"""

from __future__ import annotations

import os
import tempfile
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from threading import Lock
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.ipc

from shelfcast.domain.tables import results
from shelfcast.ports.platform import Platform

KEY = ("item_id", "location_id", "date")
KEPT = 4
"""Stages and cutoffs held at a time."""
_HELD: OrderedDict[tuple[object, ...], Held] = OrderedDict()
_LOCK = Lock()


@dataclass(frozen=True)
class Held:
    """Rows sorted by key, and item_id, location_id, start, length of each series, sorted alike."""

    frame: pl.DataFrame
    series: pl.DataFrame

    def of(self, series: pl.DataFrame) -> pl.DataFrame:
        """Rows of some series of the index, in its order."""
        if series.height == self.series.height:
            return self.frame
        parts = [self.frame.slice(start, length) for start, length in series.select("start", "length").iter_rows()]
        return pl.concat(parts) if parts else self.frame.head(0)


def held(platform: Platform, cutoff: date, stage: str) -> Held:
    """The base forecasts of a cutoff and stage."""
    current = platform.tables.state(results.FORECASTS).current
    key = (id(platform.tables), current.snapshot_id if current else 0, cutoff, stage)
    with _LOCK:
        found = _HELD.get(key)
        if found is None:
            for stale in [one for one in _HELD if one[0] == key[0] and one[1] != key[1]]:
                del _HELD[stale]
            found = _HELD[key] = _make(platform, cutoff, stage)
            while len(_HELD) > KEPT:
                _HELD.popitem(last=False)
        _HELD.move_to_end(key)
        return found


def _make(platform: Platform, cutoff: date, stage: str) -> Held:
    rows = platform.tables.scan(results.FORECASTS).filter(
        (pl.col("cutoff") == cutoff) & (pl.col("scenario") == "base") & (pl.col("stage") == stage)
    )
    handle, name = tempfile.mkstemp(prefix="shelfcast-held-")
    os.close(handle)
    path = Path(name)
    try:
        rows.sort(KEY).sink_ipc(path, compression="uncompressed")
        mapped = pl.from_arrow(pa.ipc.open_file(pa.memory_map(str(path))).read_all())
    finally:
        path.unlink()  # the mapping lives on without a name; nothing is left behind however the server ends
    assert isinstance(mapped, pl.DataFrame)
    frame = mapped
    index = (
        frame.lazy()
        .select("item_id", "location_id")
        .with_row_index("start")
        .group_by("item_id", "location_id", maintain_order=True)
        .agg(pl.col("start").first(), pl.len().alias("length"))
        .collect()
    )
    return Held(frame, index)


def page_of(
    found: Held, series: pl.DataFrame, limit: int, after: Sequence[Any] | None, days: pl.Expr | None
) -> pl.DataFrame:
    """At most `limit` rows of some series (a part of the index) after a key, with only the days wanted."""
    if after is not None:
        item, place = after[0], after[1]
        series = series.filter(
            (pl.col("item_id") > item) | ((pl.col("item_id") == item) & (pl.col("location_id") >= place))
        )
    parts: list[pl.DataFrame] = []
    got = 0
    for start in range(0, series.height, 64):
        rows = found.of(series[start : start + 64]) if series.height > 64 or start else found.of(series)
        if after is not None and not start:
            past = (pl.col("item_id") != after[0]) | (pl.col("location_id") != after[1]) | (pl.col("date") > after[2])
            rows = rows.filter(past)
        if days is not None:
            rows = rows.filter(days)
        parts.append(rows)
        got += rows.height
        if got >= limit:
            break
    return pl.concat(parts).head(limit) if parts else found.frame.head(0)
