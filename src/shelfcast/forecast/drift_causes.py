"""What moved together with a forecast that went wrong: segments that carry more of the error than of the sales, features
whose values changed there, and feeds that were odd on the same day. It says what to look at first; it proves nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

LEAST_SHARE = 0.25
"""A segment is named when it carries at least this share of the error..."""
TIMES_ITS_SALES = 1.5
"""... and so many times its share of sales."""
MOST_NAMED = 2
FEATURE_POINTS, FEATURE_RATIO = 0.03, 0.4
"""A feature moved when its mean changed by 3 points and by 40 % of what it was."""
NEAR_ONE = ("in_stock_share",)
"""Shares near 1 never change by 40 %: twice the points are enough."""
WORDS: Mapping[str, str] = {
    "promoted": "days on promotion", "discount": "discount in the price list", "in_stock_share": "share of the day in stock",
}  # fmt: skip


def segments_moved(cells: pl.DataFrame, dimensions: Sequence[str]) -> list[str]:
    """Sentences about the values of each dimension that carry the error.

    Args:
        cells: units, mean and the dimensions as columns, one row a series and day.

    >>> cells = pl.DataFrame({"shop": ["A", "B"], "units": [10.0, 90.0], "mean": [30.0, 92.0]})
    >>> segments_moved(cells, ["shop"])
    ['91 % of it in shop A (10 % of sales)']
    """
    if cells.is_empty():
        return []
    total = float((cells["mean"] - cells["units"]).sum())
    units = float(cells["units"].sum())
    if total == 0 or units <= 0:
        return []
    found = []
    for name in dimensions:
        parts = (
            cells.filter(pl.col(name).is_not_null())
            .group_by(name)
            .agg(
                ((pl.col("mean") - pl.col("units")).sum() / total).alias("share"),
                (pl.col("units").sum() / units).alias("sales"),
            )
            # Of the parts that err to the same side: those that err to the other would make shares over 100 %.
            .with_columns(pl.col("share") / pl.col("share").clip(lower_bound=0).sum())
            .filter((pl.col("share") >= LEAST_SHARE) & (pl.col("share") >= TIMES_ITS_SALES * pl.col("sales")))
            .sort("share", name, descending=[True, False])
            .head(MOST_NAMED)
        )
        found += [
            f"{one['share'] * 100:.0f} % of it in {name} {one[name]} ({one['sales'] * 100:.0f} % of sales)"
            for one in parts.iter_rows(named=True)
        ]
    return found


def features_moved(now: Mapping[str, float], before: Mapping[str, float]) -> list[str]:
    """Sentences about features whose mean changed in the segment.

    >>> features_moved({"promoted": 0.01}, {"promoted": 0.12})
    ['days on promotion 1 % instead of 12 %']
    """
    found = []
    for name, was in before.items():
        value = now.get(name)
        if value is None:
            continue
        change = abs(value - was)
        moved = change >= FEATURE_POINTS and change >= FEATURE_RATIO * max(abs(was), 1e-9)
        if moved or (name in NEAR_ONE and change >= 2 * FEATURE_POINTS):
            found.append(f"{WORDS.get(name, name)} {value * 100:.0f} % instead of {was * 100:.0f} %")
    return found


def moved_with(segments: Sequence[str], features: Sequence[str], odd: Sequence[str]) -> str:
    """One sentence of all of it; it says so too when nothing else moved."""
    parts = [*segments, *features, *(f"{one} is odd as well" for one in odd)]
    if parts:
        return f"{'; '.join(parts)}."
    return "No feature and no part of the range moved with it: look outside (a competitor, roadworks, a changed habit)."
