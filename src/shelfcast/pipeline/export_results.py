"""Write forecasts, orders or any table to one CSV or Parquet file, streamed."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from shelfcast.domain.errors import BadParameter, NotReady
from shelfcast.domain.tables import TABLES, Kind, Table, results, supply
from shelfcast.lake.as_of import current
from shelfcast.pipeline import run_record
from shelfcast.pipeline.plan_orders import read_inputs
from shelfcast.ports.platform import Platform
from shelfcast.replenish.order_sheets import allocations, order_headers
from shelfcast.replenish.projection import project

FORMATS = ("csv", "parquet")
NAMES: dict[str, Table] = {"forecasts": results.FORECASTS, "orders": results.ORDER_LINES}


SHEETS = ("order_headers", "allocations", "projection")
"""Not stored: worked out from the order lines when they are asked for."""


@dataclass(frozen=True)
class Exported:
    what: str
    path: Path
    rows: int


def newest_cutoff(platform: Platform, table: Table) -> date | None:
    return platform.tables.scan(table).select(pl.col("cutoff").max()).collect().item()


def rows_to_export(
    platform: Platform, what: str, *, cutoff: date | None = None, all_stages: bool = False
) -> tuple[pl.LazyFrame, str]:
    """The rows, sorted by key, and the name of the file without its ending.

    `order_headers`, `allocations` and `projection` are worked out from the order lines. Forecasts are stage `final` and
    orders the lines with something to order, of the newest cutoff unless told otherwise.

    Raises:
        BadParameter: no such table.
        NotReady: nothing there to export.
    """
    if what in SHEETS:
        return _sheet(platform, what, cutoff)
    table = NAMES.get(what) or TABLES.get(what)
    if table is None:
        raise BadParameter.unknown("export", what, sorted({*NAMES, *TABLES, *SHEETS}))
    if "cutoff" not in table.names:
        rows = current(platform.tables, table) if table.kind is not Kind.RESULT else platform.tables.scan(table)
        return rows.sort(table.key), what
    chosen = cutoff or newest_cutoff(platform, table)
    if chosen is None:
        raise NotReady(f"there are no {what} yet. Run the cycle first: `shelfcast run`.")
    if cutoff is not None and not _was_run(platform, table, cutoff):
        there = platform.tables.scan(table).select(pl.col("cutoff").unique().sort(descending=True)).collect()["cutoff"]
        days = ", ".join(str(one) for one in there.head(8)) or "none yet"
        raise NotReady(
            f"there are no {what} of cutoff {cutoff}: no cycle was run on it. Cutoffs with {what}, the newest first: {days}. "
            f"Run it with `shelfcast run --cutoff {cutoff}`."
        )
    rows = platform.tables.scan(table).filter(pl.col("cutoff") == chosen)
    if what == "forecasts" and not all_stages:
        rows = rows.filter((pl.col("stage") == "final") & (pl.col("scenario") == "base"))
    if what == "orders":
        rows = rows.filter((pl.col("qty") > 0) & (pl.col("scenario") == "base"))
    return rows.sort(table.key), f"{what}-{chosen.isoformat()}"


def _was_run(platform: Platform, table: Table, cutoff: date) -> bool:
    """Whether a cutoff has rows, or a finished run that wrote none."""
    if platform.tables.scan(table).filter(pl.col("cutoff") == cutoff).head(1).collect().height:
        return True
    return any(
        table.name in (run.body.get("written") or {})
        for run in platform.records.query(run_record.KIND, where={"state": "done"})
        if run.body.get("cutoff") == cutoff.isoformat()
    )


def _sheet(platform: Platform, what: str, cutoff: date | None) -> tuple[pl.LazyFrame, str]:
    """Order headers, how short centres shared out, or the stock of the coming days, of the newest cutoff or the one named."""
    chosen = cutoff or newest_cutoff(platform, results.ORDER_LINES)
    if chosen is None:
        raise NotReady("there are no orders yet. Run the cycle first: `shelfcast run`.")
    found = platform.tables.scan(results.ORDER_LINES).filter(
        (pl.col("cutoff") == chosen) & (pl.col("scenario") == "base")
    )
    lines = results.ORDER_LINES.conform(found.collect())
    if what == "projection":
        rows = project(read_inputs(platform, chosen), lines, chosen)
    elif what == "order_headers":
        rows = order_headers(lines, current(platform.tables, supply.ORDER_CALENDAR).collect())
    else:
        rows = allocations(lines)
    return rows.lazy(), f"{what}-{chosen.isoformat()}"


def export_file(
    platform: Platform,
    what: str,
    *,
    format: str = "csv",
    output: Path | None = None,
    cutoff: date | None = None,
    all_stages: bool = False,
) -> Exported:
    """Write to a temporary name, then rename: a reader never sees half a file.

    Raises:
        BadParameter: no such format or table.
        NotReady: nothing there to export.
    """
    if format not in FORMATS:
        raise BadParameter.unknown("format", format, FORMATS)
    rows, name = rows_to_export(platform, what, cutoff=cutoff, all_stages=all_stages)
    path = output or Path(f"{name}.{format}")
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if format == "csv":
            rows.sink_csv(partial)
        else:
            rows.sink_parquet(partial, compression="zstd")
        count = rows.select(pl.len()).collect().item()
        partial.replace(path)
    except OSError as error:
        raise BadParameter(
            f"{path} can't be written: {error.strerror or error}. Name a file in a folder you may write to."
        ) from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
    return Exported(what, path, count)
