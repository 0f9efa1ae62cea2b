"""What was loaded and what is in quarantine, counted for a person."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import polars as pl

from shelfcast.domain.tables import curated
from shelfcast.ports.platform import Platform


class Part(Protocol):
    """One table's part of a load."""

    @property
    def table(self) -> str: ...
    @property
    def rows_in(self) -> int: ...
    @property
    def kept(self) -> int: ...
    @property
    def quarantined(self) -> int: ...


class Loaded(Protocol):
    """What a load reports."""

    @property
    def tables(self) -> Sequence[Part]: ...


@dataclass
class TableLoads:
    table: str
    files: int = 0
    rows_in: int = 0
    kept: int = 0
    quarantined: int = 0


def loads_by_table(reports: Iterable[Loaded]) -> list[TableLoads]:
    """Loads added up by table, most rows first."""
    found: dict[str, TableLoads] = {}
    for report in (part for load in reports for part in load.tables):
        one = found.setdefault(report.table, TableLoads(report.table))
        one.files += 1
        one.rows_in += report.rows_in
        one.kept += report.kept
        one.quarantined += report.quarantined
    return sorted(found.values(), key=lambda one: (-one.rows_in, one.table))


def quarantine_by_rule(platform: Platform) -> list[dict[str, Any]]:
    """Quarantined rows by table and rule, most first, each with its first reason."""
    return (
        platform.tables.scan(curated.QUARANTINE)
        .sort("source", "source_line")
        .group_by("table", "rule")
        .agg(pl.len().alias("rows"), pl.col("reason").first().alias("example"))
        .sort(["rows", "table", "rule"], descending=[True, False, False])
        .collect()
        .to_dicts()
    )
