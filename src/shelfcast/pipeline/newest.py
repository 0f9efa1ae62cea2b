"""The newest cutoff of a result table, remembered for as long as the table stays as it is."""

from __future__ import annotations

from datetime import date

import polars as pl

from shelfcast.domain.errors import NotReady
from shelfcast.domain.tables import Table
from shelfcast.ports.platform import Platform

_KNOWN: dict[tuple[int, str], tuple[int, list[date]]] = {}


def cutoffs(platform: Platform, table: Table, *, scenario: str = "base") -> list[date]:
    """Cutoffs the table has results of, the newest first."""
    current = platform.tables.state(table).current
    if current is None:
        return []
    key = (id(platform.tables), f"{table.name}/{scenario}")
    known = _KNOWN.get(key)
    if known is None or known[0] != current.snapshot_id:
        rows = platform.tables.scan(table).filter(pl.col("scenario") == scenario).select(pl.col("cutoff").unique())
        found = sorted(rows.collect(engine="streaming")["cutoff"].to_list(), reverse=True)
        _KNOWN[key] = known = (current.snapshot_id, found)
    return list(known[1])


def newest_cutoff(platform: Platform, table: Table) -> date:
    """
    Raises:
        NotReady: the table is empty.
    """
    found = cutoffs(platform, table)
    if not found:
        raise NotReady(f"there are no {table.name.replace('_', ' ')} yet. Run the cycle first: `shelfcast run`.")
    return found[0]
