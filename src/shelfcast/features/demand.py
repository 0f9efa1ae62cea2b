"""Demand history on the grid: what was sold, what a gap means, what customers wanted.

Between a series' first sale (or its start date) and its end, a day without a row is a true zero where the location was
open; where it was closed, or where the whole location sent nothing, it's missing. The two are never mixed up.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shelfcast.features.grid import Grid, lookup, scatter_mean, scatter_sum, series_rows
from shelfcast.features.panel import Floats

Flags = NDArray[np.bool_]
BUSY_LOCATION = 5.0
"""A location that usually reports this many series a day and reports none on an open day has sent nothing: missing."""
CENSORED_BELOW = 0.999
"""Share of the day in stock below which sales may understate demand."""


@dataclass(frozen=True)
class History:
    """Demand history of a partition, one row a series, one column a period of the history."""

    keys: pl.DataFrame
    """item_id, location_id; sorted."""
    units: Floats
    """Observed sales: zero is a true zero, NaN is missing."""
    in_stock_share: Floats
    """Share of the period in stock; NaN = not recorded."""
    open: Flags
    """Location open, (series, T + H): the future by the opening plan."""
    listed: Flags
    """The item was on sale there: from first sale or start date to its end date, (series, T + H)."""

    @property
    def censored(self) -> Flags:
        """Stock ran out: sales understate demand."""
        with np.errstate(invalid="ignore"):
            return (self.in_stock_share < CENSORED_BELOW) & np.isfinite(self.units)


def series_of(sales: pl.DataFrame, item_locations: pl.DataFrame) -> pl.DataFrame:
    """Every series: those with sales, and those listed by name in the terms (a new item before its first sale)."""
    listed = item_locations.filter(
        (pl.col("item_id") != "*")
        & (pl.col("location_id") != "*")
        & ~pl.col("status").is_in(["discontinued", "blocked"])
    )
    keys = [sales.select("item_id", "location_id"), listed.select("item_id", "location_id")]
    return pl.concat(keys).unique().sort("item_id", "location_id")


def build_history(
    grid: Grid,
    keys: pl.DataFrame,
    sales: pl.DataFrame,
    availability: pl.DataFrame,
    openings: pl.DataFrame,
    items: pl.DataFrame,
    item_locations: pl.DataFrame,
) -> History:
    """Lay a partition's rows on the grid. Frames hold what was known at the cutoff, one row a key.

    A series that sold nothing yet is NaN throughout.
    """
    count, length = keys.height, grid.history_length
    total, seen = scatter_sum(
        (count, length),
        series_rows(sales, keys),
        grid.index(sales["date"]),
        sales["units"].to_numpy().astype(np.float64),
    )
    stock = scatter_mean(
        (count, length),
        series_rows(availability, keys),
        grid.index(availability["date"]),
        availability["in_stock_share"].to_numpy().astype(np.float64),
    )
    names = keys["location_id"].unique().sort()
    place = lookup(keys["location_id"], names)
    open_place, told = open_days(grid, names, openings)
    first, last = _life(grid, keys, seen, items, item_locations)
    at = np.arange(grid.length)[None, :]
    listed = (at >= first[:, None]) & (at <= last[:, None])
    silent = _silent(seen, place, len(names), first) & ~told[:, :length]
    open_ = open_place[place]
    zero = listed[:, :length] & open_[:, :length] & ~silent[place] & ~seen
    units = np.where(seen, total, np.where(zero, 0.0, np.nan))
    return History(keys, units.astype(np.float32), stock, open_, listed)


def open_days(grid: Grid, locations: pl.Series, openings: pl.DataFrame) -> tuple[Flags, Flags]:
    """(location, T + H): open or not (a day nobody spoke of is open), and whether anybody spoke of it."""
    share = scatter_mean(
        (len(locations), grid.length),
        lookup(openings["location_id"], locations),
        grid.index(openings["date"]),
        openings["open"].cast(pl.Float64).to_numpy(),
    )
    told = np.isfinite(share)
    return ~told | (share > 0), told


def _life(
    grid: Grid, keys: pl.DataFrame, seen: Flags, items: pl.DataFrame, item_locations: pl.DataFrame
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First and last period each series is on sale. Terms win over the first sale; without an end it goes on."""
    never = grid.length + 1
    first_sale = np.where(seen.any(axis=1), seen.argmax(axis=1), never)
    last_sale = np.where(seen.any(axis=1), seen.shape[1] - 1 - seen[:, ::-1].argmax(axis=1), -1)
    dates = keys.join(
        item_locations.select("item_id", "location_id", "start_date", "end_date"),
        on=["item_id", "location_id"],
        how="left",
        maintain_order="left",
    ).join(
        items.select("item_id", "launch_date", pl.col("end_date").alias("item_end")),
        on="item_id",
        how="left",
        maintain_order="left",
    )
    start = grid.index(dates.select(pl.coalesce("start_date", "launch_date"))["start_date"])
    end = grid.index(dates.select(pl.coalesce("end_date", "item_end"))["end_date"])
    first = np.minimum(first_sale, np.where(start > 0, start, never))
    last = np.maximum(np.where(end > -(10**8), end, grid.length), last_sale)
    return first, last


def _silent(seen: Flags, place: NDArray[np.int64], places: int, first: NDArray[np.int64]) -> Flags:
    """(location, T): nothing at all came from a location that usually reports many series a period."""
    length = seen.shape[1]
    reports = np.zeros((places, length))
    np.add.at(reports, place, seen.astype(np.float64))
    begun = np.full(places, length)
    np.minimum.at(begun, place, np.minimum(first, length))
    at = np.arange(length)[None, :]
    running = at >= begun[:, None]
    usual = reports.sum(axis=1) / np.maximum((running & (reports > 0)).sum(axis=1), 1)
    return running & (reports == 0) & (usual >= BUSY_LOCATION)[:, None]
