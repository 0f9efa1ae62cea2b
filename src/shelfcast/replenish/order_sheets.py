"""What leaves the engine beside the lines, read from them: order headers, and how a short centre shared out."""

from __future__ import annotations

import polars as pl

from shelfcast.replenish.keys import ALL

HEADERS = (
    "order_id", "order_type", "source_id", "location_id", "order_date", "first_delivery_date", "last_delivery_date",
    "lines", "units", "packs", "value", "held", "to_review",
)  # fmt: skip


def order_headers(lines: pl.DataFrame, calendar: pl.DataFrame | None = None) -> pl.DataFrame:
    """One row per order: the lines of a night with one source and destination. `held` and `to_review` count lines.

    With the order calendar `cut_off` says until when, local time, the source takes the order; null where it doesn't say.

    >>> row = {"order_id": "o1", "order_type": "purchase", "source_id": "SUP", "location_id": "S1", "item_id": "a", "qty": 6.0}
    >>> row |= {"order_date": None, "delivery_date": None, "packs": 1.0, "value": 12.0, "status": "auto"}
    >>> order_headers(pl.DataFrame([row]))["value"].to_list()
    [12.0]
    """
    found = (
        lines.filter(pl.col("qty") > 0.0)
        .sort("order_id", "item_id")
        .group_by("order_id", "order_type", "source_id", "location_id", maintain_order=True)
        .agg(
            pl.col("order_date").min(),
            pl.col("delivery_date").min().alias("first_delivery_date"),
            pl.col("delivery_date").max().alias("last_delivery_date"),
            pl.len().cast(pl.Int64).alias("lines"),
            pl.col("qty").sum().alias("units"),
            pl.col("packs").sum(),
            pl.col("value").sum(),
            (pl.col("status") == "held").sum().cast(pl.Int64).alias("held"),
            (pl.col("status") == "review").sum().cast(pl.Int64).alias("to_review"),
        )
        .select(HEADERS)
        .sort("order_id")
    )
    if calendar is None:
        return found
    times = calendar.select("source_id", "destination_id", "cut_off").unique(
        ["source_id", "destination_id"], keep="last", maintain_order=True
    )
    own = times.filter(pl.col("destination_id") != ALL).rename({"destination_id": "location_id"})
    wide = times.filter(pl.col("destination_id") == ALL).select("source_id", pl.col("cut_off").alias("wide"))
    joined = found.join(own, on=["source_id", "location_id"], how="left").join(wide, on="source_id", how="left")
    return joined.with_columns(pl.coalesce("cut_off", "wide").alias("cut_off")).drop("wide").sort("order_id")


def allocations(lines: pl.DataFrame) -> pl.DataFrame:
    """How each source that was short shared out: item, source, destination, asked (what the line wanted of it), given, cut
    (0 or more), days of cover afterwards. Every line of an item at a short source is shown, also those that lost nothing."""
    short = (pl.col("step_fair_share") < 0.0).any().over("item_id", "source_id")
    return (
        lines.filter(short & ((pl.col("qty") > 0.0) | (pl.col("step_fair_share") < 0.0)))
        .select(
            "item_id",
            "source_id",
            "location_id",
            "line_id",
            (
                pl.sum_horizontal(
                    "need", "step_unit", "step_moq", "step_pack", "step_cap", "step_truck", "step_capacity"
                )
            ).alias("asked"),
            (-pl.col("step_fair_share")).clip(0.0).alias("cut"),
            "cover_days_after",
        )
        .with_columns((pl.col("asked") - pl.col("cut")).alias("given"))
        .select("item_id", "source_id", "location_id", "line_id", "asked", "given", "cut", "cover_days_after")
        .sort("item_id", "source_id", "location_id")
    )
