"""A price that is repeated day after day says one thing; it is stored once, from the day it began."""

from __future__ import annotations

import polars as pl

SERIES = ("item_id", "location_id")
AMOUNTS = ("price", "regular_price")


def fold_prices(frame: pl.DataFrame, *, adjacent_only: bool = False) -> tuple[pl.DataFrame, int]:
    """Leave out rows that repeat the price of the row before in their series; the rows and how many were left out.

    `adjacent_only` folds only a day right after another: safe on a part of the data, where days between two rows may
    still come. Rows with their own `known_at` or `valid_to`, and prices that aren't above zero, are never folded.

    >>> from datetime import date
    >>> days = [date(2024, 1, 1), date(2024, 1, 2), date(2024, 1, 3)]
    >>> fold_prices(pl.DataFrame({"item_id": "a", "location_id": "s", "valid_from": days, "price": [2.0, 2.0, 3.0]}))[1]
    1
    """
    own_time = [
        name for name in ("known_at", "valid_to") if name in frame.columns and frame[name].null_count() < frame.height
    ]
    if frame.is_empty() or own_time or not {*SERIES, "valid_from", "price"} <= set(frame.columns):
        return frame, 0
    ordered = frame.sort(*SERIES, "valid_from", maintain_order=True)
    same = pl.lit(True)
    for name in (*SERIES, *(one for one in AMOUNTS if one in frame.columns)):
        same &= pl.col(name).eq_missing(pl.col(name).shift(1))
    gap = (pl.col("valid_from") - pl.col("valid_from").shift(1)).dt.total_days()
    same &= (gap == 1) if adjacent_only else (gap >= 1)
    kept = ordered.filter(~(same & (pl.col("price") > 0)).fill_null(False))
    return kept, frame.height - kept.height
