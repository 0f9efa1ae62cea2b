"""Prices that can hardly be meant: a moved decimal point, a price per pack, a test price left behind."""

from __future__ import annotations

import math

import polars as pl

from shelfcast.quality.anomaly_context import KEY, Calendar
from shelfcast.quality.rule_book import RULES

HIGH, LOW = 3.5, 1 / 6
"""Times the usual price from which a price is impossible. Clearances reach a fifth of the price, so low is stricter."""
CATEGORY_TIMES = 20.0
"""The same against the category, for an item with no price of its own to compare with."""
LEAST_SPREAD = 0.10
"""Least scatter of log prices that is assumed (10 %)."""
LEAST_SCORE = 6.0


def usual_prices(prices: pl.LazyFrame, items: pl.DataFrame) -> pl.DataFrame:
    """Usual price of each item over locations and time, and of its category: item_id, usual, places, rows, of_category."""
    by_item = (
        prices.group_by("item_id")
        .agg(
            pl.col("price").median().alias("usual"),
            pl.col("location_id").n_unique().alias("places"),
            pl.len().alias("rows"),
        )
        .collect(engine="streaming")
    )
    category = items.select("item_id", "category").unique("item_id", keep="first")
    with_category = by_item.join(category, on="item_id", how="left")
    of_category = pl.when(pl.len().over("category") >= 5).then(pl.col("usual").median().over("category"))
    return with_category.with_columns(of_category.alias("of_category")).drop("category").sort("item_id")


def impossible_prices(prices: pl.DataFrame, usual: pl.DataFrame, calendar: Calendar, recent: int) -> pl.DataFrame:
    """Prices that hold on some day of the recent window (or are planned after it) and are out of any proportion.

    A price is held against, in this order: the other prices of its own series (at least 4), the item's prices at other
    locations, the category's.
    """
    rows = prices.select(*KEY, "valid_from", "price").filter(pl.col("price") > 0).sort(*KEY, "valid_from")
    until = pl.col("valid_from").shift(-1).over(KEY)
    logs = pl.col("price").log()
    rows = rows.with_columns(until.alias("until"), logs.alias("logs"), pl.len().over(KEY).alias("own_rows"))
    own = pl.col("logs").median().over(KEY)
    spread = (pl.col("logs") - own).abs().median().over(KEY)
    rows = rows.with_columns(own.alias("own"), (1.4826 * spread).alias("spread"))
    if usual.width:
        rows = rows.join(usual, on="item_id", how="left", maintain_order="left")
    else:
        rows = rows.with_columns(
            pl.lit(None, pl.Float64).alias("usual"),
            pl.lit(0).alias("places"),
            pl.lit(None, pl.Float64).alias("of_category"),
        )
    by_own, by_places = pl.col("own_rows") >= 4, (pl.col("places") >= 3).fill_null(False)
    reference = (
        pl.when(by_own)
        .then(pl.col("own"))
        .when(by_places)
        .then(pl.col("usual").log())
        .otherwise(pl.col("of_category").log())
    )
    scatter = pl.when(by_own).then(pl.max_horizontal("spread", pl.lit(LEAST_SPREAD))).otherwise(pl.lit(LEAST_SPREAD))
    high = pl.when(by_own | by_places).then(math.log(HIGH)).otherwise(math.log(CATEGORY_TIMES))
    low = pl.when(by_own | by_places).then(math.log(LOW)).otherwise(-math.log(CATEGORY_TIMES))
    rows = rows.with_columns(
        reference.alias("reference"),
        ((pl.col("logs") - reference) / scatter).alias("score"),
        high.alias("high"),
        low.alias("low"),
    )
    times = pl.col("logs") - pl.col("reference")
    strange = ((times >= pl.col("high")) | (times <= pl.col("low"))) & (pl.col("score").abs() >= LEAST_SCORE)
    first = calendar.length - recent
    holds = (calendar.period("until") > first).fill_null(True)
    against = (
        pl.when(by_own).then(pl.lit("usual for this item here")).when(by_places).then(pl.lit("usual for this item elsewhere"))
        .otherwise(pl.lit("usual in its category"))
    )  # fmt: skip
    return rows.filter(strange & holds).select(
        pl.lit("impossible_price").alias("kind"), *KEY, pl.col("valid_from").alias("date"), pl.col("price").alias("value"),
        pl.col("reference").exp().round(4).alias("expected"), pl.col("score").round(2),
        pl.format(
            "A price of {} from {}; {} is {}. " + RULES["impossible_price"].cure,
            pl.col("price").round(2), pl.col("valid_from").dt.to_string("%a %d %b %Y"), pl.col("reference").exp().round(2), against,
        ).alias("reason"),
    )  # fmt: skip
