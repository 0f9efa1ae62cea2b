"""Checked rows -> tables, with as few commits as can be.

A commit costs a good tenth of a second whatever its size, so the months of a history that come as a file each are
merged together when nothing of theirs can meet: different days, and none of them in the lake yet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

import polars as pl

from shelfcast.domain.tables import TABLES, Table
from shelfcast.lake.merge import merge
from shelfcast.lake.raw import Manifest
from shelfcast.pipeline.load_dimensions import add_unknown
from shelfcast.pipeline.load_report import Tally
from shelfcast.pipeline.spill import GROUP_ROWS, Spill, day_column
from shelfcast.ports.table_store import TableStore
from shelfcast.sources.batches import SOURCE_LINE

Range = tuple[date, date]


@dataclass(frozen=True)
class Checked:
    """A load whose rows may be merged, by table."""

    manifest: Manifest
    rows: Mapping[str, Spill]
    tallies: Mapping[str, Tally]


def merge_together(tables: TableStore, loads: Sequence[Checked], frequency: str = "D") -> None:
    """Merge all loads, descriptions first, so that facts find their items and locations; counts go to the tallies.

    `frequency` is the length of the lake's period (D, W), by which it is known when a row without `known_at` was known.
    """
    names = dict.fromkeys(name for load in loads for name in load.rows)
    referred = _Referred()
    for name in sorted(names, key=lambda one: bool(TABLES[one].references)):
        table = TABLES[name]
        waiting: list[tuple[Checked, pl.DataFrame]] = []
        for load in (one for one in loads if name in one.rows):
            for key in list(load.rows[name]):
                rows = load.rows[name].take([key])
                referred.note(table, rows, load)
                rows = rows.drop(SOURCE_LINE).with_columns(pl.lit(load.tallies[name].load_id).alias("load_id"))
                if "origin" in table.names:
                    # What a file says of a day stands over what the till's events add up to.
                    rows = rows.with_columns(pl.lit("file").alias("origin"))
                if waiting and not _may_join(tables, table, waiting, load, rows):
                    _merge(tables, table, waiting, frequency)
                    waiting = []
                waiting.append((load, rows))
        if waiting:
            _merge(tables, table, waiting, frequency)
    referred.add_unknown(tables)


def _merge(tables: TableStore, table: Table, parts: Sequence[tuple[Checked, pl.DataFrame]], frequency: str) -> None:
    """Merge the parts in one go. More than one part means all rows are new, so each part's count is known."""
    first = parts[0][0].manifest
    notes = {
        "source": ", ".join(dict.fromkeys(load.manifest.source for load, _ in parts))[:500],
        "load_id": first.load_id,
    }
    rows = pl.concat([frame for _, frame in parts]) if len(parts) > 1 else parts[0][1]
    done = merge(tables, table, rows, received_at=first.received_at, notes=notes, frequency=frequency)
    known = done.rows - done.inserted
    for load, frame in parts:
        tally = load.tallies[table.name]
        new = frame.height
        if known:
            # One part alone, or another writer was there in the meantime: the last parts bear the difference.
            new = min(frame.height, done.inserted)
            corrected = min(frame.height - new, done.corrected)
            tally.corrected += corrected
            tally.unchanged += frame.height - new - corrected
            done = type(done)(done.inserted - new, done.corrected - corrected, done.unchanged, done.repeated)
        tally.inserted += new


def _may_join(
    tables: TableStore, table: Table, waiting: Sequence[tuple[Checked, pl.DataFrame]], load: Checked, rows: pl.DataFrame
) -> bool:
    """Whether `rows` can be merged with those that wait, so that the outcome is that of one after the other."""
    day = day_column(table)
    first, frame = waiting[0]
    if day is None or day not in table.key or first.manifest.received_at != load.manifest.received_at:
        return False
    if frame.columns != rows.columns or sum(part.height for _, part in waiting) + rows.height > GROUP_ROWS:
        return False
    ranges = [_days(part[day]) for _, part in waiting] + [_days(rows[day])]
    if any(one is None for one in ranges):
        return False
    spans = sorted(one for one in ranges if one is not None)
    if any(after[0] <= before[1] for before, after in pairwise(spans)):
        return False
    if not tables.state(table).rows:
        return True
    low, high = spans[0][0], spans[-1][1]
    stored = tables.scan(table).filter(pl.col(day).is_between(low, high)).select(day).head(1).collect()
    return stored.is_empty()


def _days(days: pl.Series) -> Range | None:
    low, high = days.min(), days.max()
    return (low, high) if isinstance(low, date) and isinstance(high, date) and not days.null_count() else None


class _Referred:
    """Items and locations that facts speak of, and the load that first did."""

    def __init__(self) -> None:
        self._ids: dict[str, dict[str, tuple[str, Checked]]] = {}

    def note(self, table: Table, rows: pl.DataFrame, load: Checked) -> None:
        for column, dimension in table.references:
            known = self._ids.setdefault(dimension, {})
            for one in rows[column].unique().drop_nulls().to_list():
                known.setdefault(one, (table.name, load))

    def add_unknown(self, tables: TableStore) -> None:
        """Add those nobody described; the load that first named one says so in its report."""
        for dimension, ids in self._ids.items():
            if not ids:
                continue
            received_at = min(load.manifest.received_at for _, load in ids.values())
            unknown = add_unknown(tables, TABLES[dimension], set(ids), received_at=received_at)
            by_tally: dict[int, tuple[Tally, list[str]]] = {}
            for one in unknown:
                name, load = ids[one]
                tally = load.tallies[name]
                by_tally.setdefault(id(tally), (tally, []))[1].append(one)
            for tally, named in by_tally.values():
                shown = ", ".join(named[:5]) + ("..." if len(named) > 5 else "")
                tally.remark(
                    f"unknown {dimension.removesuffix('s')}",
                    len(named),
                    f"{len(named):,} of {dimension} had no description and were added by their id ({shown}). "
                    f"Load `{dimension}` to describe them.",
                )
