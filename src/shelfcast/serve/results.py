"""Read models of forecasts and order lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from shelfcast.domain.errors import NotReady
from shelfcast.domain.tables import Table, results
from shelfcast.ports.platform import Platform
from shelfcast.serve.pages import Page, page


@dataclass(frozen=True)
class Filters:
    """Rows wanted; an empty tuple means all."""

    items: Sequence[str] = ()
    locations: Sequence[str] = ()
    first: date | None = None
    last: date | None = None


def newest_cutoff(platform: Platform, table: Table) -> date:
    """
    Raises:
        NotReady: the table is empty.
    """
    newest = platform.tables.scan(table).select(pl.col("cutoff").max()).collect().item()
    if newest is None:
        raise NotReady(f"there are no {table.name.replace('_', ' ')} yet. Run the cycle first: `shelfcast run`.")
    return newest


def forecast_rows(
    platform: Platform, filters: Filters, *, cutoff: date | None = None, stage: str = "final", scenario: str = "base"
) -> pl.LazyFrame:
    """Forecast rows of a cutoff (the newest by default), filtered."""
    table = results.FORECASTS
    chosen = cutoff or newest_cutoff(platform, table)
    rows = platform.tables.scan(table).filter(
        (pl.col("cutoff") == chosen) & (pl.col("stage") == stage) & (pl.col("scenario") == scenario)
    )
    return _filtered(rows, filters, "date")


def forecasts(
    platform: Platform,
    filters: Filters,
    *,
    limit: int,
    cursor: str = "",
    cutoff: date | None = None,
    stage: str = "final",
) -> Page:
    rows = forecast_rows(platform, filters, cutoff=cutoff, stage=stage)
    return page(rows, ("item_id", "location_id", "date"), limit, cursor)


def order_rows(
    platform: Platform,
    filters: Filters,
    *,
    cutoff: date | None = None,
    status: Sequence[str] = (),
    nothing_too: bool = False,
) -> pl.LazyFrame:
    """Order lines of a cutoff; with `nothing_too` also the lines that say why nothing is ordered."""
    chosen = cutoff or newest_cutoff(platform, results.ORDER_LINES)
    rows = platform.tables.scan(results.ORDER_LINES).filter(
        (pl.col("cutoff") == chosen) & (pl.col("scenario") == "base")
    )
    if not nothing_too:
        rows = rows.filter(pl.col("qty") > 0)
    if status:
        rows = rows.filter(pl.col("status").is_in(list(status)))
    return _filtered(rows, filters, "delivery_date")


def orders(
    platform: Platform,
    filters: Filters,
    *,
    limit: int,
    cursor: str = "",
    cutoff: date | None = None,
    status: Sequence[str] = (),
    nothing_too: bool = False,
) -> Page:
    rows = order_rows(platform, filters, cutoff=cutoff, status=status, nothing_too=nothing_too)
    return page(rows, ("item_id", "location_id", "source_id"), limit, cursor)


def _filtered(rows: pl.LazyFrame, filters: Filters, day: str) -> pl.LazyFrame:
    if filters.items:
        rows = rows.filter(pl.col("item_id").is_in(list(filters.items)))
    if filters.locations:
        rows = rows.filter(pl.col("location_id").is_in(list(filters.locations)))
    if filters.first:
        rows = rows.filter(pl.col(day) >= filters.first)
    if filters.last:
        rows = rows.filter(pl.col(day) <= filters.last)
    return rows
