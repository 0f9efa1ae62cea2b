"""Own price, against what the series usually costs."""

from __future__ import annotations

import numpy as np
import polars as pl

from shelfcast.features.grid import Grid, fill_forward, series_rows
from shelfcast.features.panel import Floats


def price_paths(grid: Grid, keys: pl.DataFrame, prices: pl.DataFrame) -> Floats:
    """Price of each series in each period, history and plan, (series, T + H); NaN before the first price and off sale.

    A price holds until the series' next row, or to `valid_to`. A row from before the grid's start holds into it.
    """
    rows = prices.with_columns(series=pl.Series(series_rows(prices, keys))).filter(pl.col("series") >= 0)
    rows = rows.sort("series", "valid_from")
    at = grid.index(rows["valid_from"])
    paths = np.full((keys.height, grid.length), np.nan)
    begun = np.maximum(at, 0)
    inside = (begun < grid.length) & (at > -(10**8))
    series = rows["series"].to_numpy()
    paths[series[inside], begun[inside]] = rows["price"].to_numpy()[inside]
    ends = (
        rows.select("series", "valid_to")
        .with_columns(following=pl.col("series").shift(-1) == pl.col("series"))
        .with_columns(at=pl.Series(at))
    )
    ends = ends.with_columns(next_at=pl.when(pl.col("following")).then(pl.col("at").shift(-1)).otherwise(10**8)).filter(
        pl.col("valid_to").is_not_null()
    )
    off = grid.index(ends["valid_to"]) + 1
    stops = (off < ends["next_at"].to_numpy()) & (off >= 0) & (off < grid.length)
    marker = -1.0  # an off-sale stretch is filled forward like a price, then made NaN
    stop_series, stop_at = ends["series"].to_numpy()[stops], off[stops]
    free = np.isnan(paths[stop_series, stop_at])
    paths[stop_series[free], stop_at[free]] = marker
    filled = fill_forward(paths)
    return np.where(filled < 0, np.nan, filled)


def price_against_usual(grid: Grid, keys: pl.DataFrame, prices: pl.DataFrame) -> Floats:
    """Price over the series' median price of the year before the cutoff (of whatever there is, in a shorter history).

    1.0 = the usual price; 0.8 = a fifth cheaper. A series without prices is 1.0 throughout.
    """
    paths = price_paths(grid, keys, prices)
    year = 365 // grid.step_days
    known = paths[:, max(0, grid.history_length - year) : grid.history_length]
    usual = np.full(len(paths), np.nan)
    some = np.isfinite(known).any(axis=1)
    if some.any():
        usual[some] = np.nanmedian(known[some], axis=1)
    later = ~some & np.isfinite(paths).any(axis=1)
    if later.any():
        usual[later] = np.nanmedian(paths[later], axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = paths / np.where(usual > 0, usual, np.nan)[:, None]
    return np.nan_to_num(ratio, nan=1.0).clip(0.05, 20.0).astype(np.float32)
