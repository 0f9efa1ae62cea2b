"""What lifts or lowers the level beside demand: shelf presentation, promotions, new and ending items, stock by hand."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shelfcast.replenish.keys import Keys
from shelfcast.replenish.terms import Columns, Floats, Integers, narrowest_rows

Flags = NDArray[np.bool_]


def with_presentation(level: Floats, window_mean: Floats, presentation: Floats) -> Floats:
    """max(S, M + presentation): the shelf's own stock serves as safety stock, the two are not added.

    >>> with_presentation(np.array([20.0]), np.array([11.5]), np.array([12.0]))
    array([23.5])
    """
    return np.where(presentation > 0.0, np.maximum(level, window_mean + presentation), level)


def display_units(
    promotions: pl.DataFrame, keys: Keys, cutoff: date, lines: Columns, build_up_days: Floats
) -> tuple[Floats, Flags]:
    """(units to dress the displays, whether a promotion has just ended) of each line.

    Display stock may arrive from `build_up_days` before the first day; once the promotion ends inside the protection
    window, none is ordered any more. The demand of the promotion itself is part of the forecast.
    """
    units = np.zeros(len(lines["row"]))
    ended = np.zeros(len(units), dtype=np.bool_)
    relevant = promotions.filter(
        (pl.col("display_qty").fill_null(0.0) > 0.0)
        & ((pl.col("last_date") - pl.lit(cutoff)).dt.total_days() > -7)
        & ((pl.col("first_date") - pl.lit(cutoff)).dt.total_days() < 120)
    ).sort("promotion_id", "item_id", "location_id", "first_date")
    for promotion in relevant.partition_by("promotion_id", "first_date", "last_date", maintain_order=True):
        first = (promotion["first_date"][0] - cutoff).days
        last = (promotion["last_date"][0] - cutoff).days
        quantity = promotion["display_qty"].to_numpy()
        mine = np.zeros(keys.size)
        for place in narrowest_rows(promotion, keys, "item_id", "location_id"):
            mine = np.where(place >= 0, quantity[np.maximum(place, 0)], mine)
        of_line = mine[lines["row"]]
        in_time = lines["delivery_day"] >= first - build_up_days
        wanted = in_time & (lines["next_delivery_day"] - 1 <= last)
        units += np.where(wanted, of_line, 0.0)
        ended |= (last <= 0) & (of_line > 0.0)
    return units, ended


def days_on_sale(lines: Columns) -> Integers:
    """Selling days so far; a large number where the start isn't known."""
    start = np.maximum(lines["start_date"], lines["launch"])
    return np.asarray(1 - start)


def demand_until_end(window_mean: Floats, daily_rate: Floats, window_days: Integers, end_day: Integers) -> Floats:
    """Mean demand from tomorrow to the last selling day, as far as the window reaches or beyond it at the daily rate."""
    days = np.clip(end_day, 0, None)
    inside = window_mean * np.minimum(days, window_days) / np.maximum(window_days, 1)
    return np.asarray(inside + daily_rate * np.maximum(days - window_days, 0))
