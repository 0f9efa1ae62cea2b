"""How much of its limits a night's orders use: trucks, docks, budgets."""

from __future__ import annotations

import numpy as np
import polars as pl

from shelfcast.replenish.inputs import Inputs
from shelfcast.replenish.keys import ALL
from shelfcast.replenish.limits import valid_limits

LOADS = {
    "truck_volume": pl.col("qty") * pl.col("volume"),
    "truck_weight": pl.col("qty") * pl.col("weight"),
    "truck_pallets": pl.col("qty") / pl.col("pallet_qty"),
    "dock_qty": pl.col("qty"),
    "budget_value": pl.col("value"),
}
"""What a line puts on each kind of limit."""


def capacity_uses(ordered: pl.DataFrame, inputs: Inputs) -> dict[str, list[float]]:
    """Share used of every limit tonight's orders touch, by kind of limit: `capacity` (trucks, docks) and `budget`.

    Args:
        ordered: order lines that are placed tonight.
    """
    if not ordered.height or not inputs.limits.height:
        return {}
    limits = valid_limits(inputs.limits, ordered["cutoff"][0])
    limits = limits.filter(pl.col("limit_type").is_in(list(LOADS)) & (pl.col("value") > 0.0))
    if not limits.height:
        return {}
    items = inputs.items.select("item_id", "category", "volume", "weight").unique("item_id")
    pallets = inputs.sourcing.select("item_id", "source_id", "pallet_qty").unique(["item_id", "source_id"])
    lines = ordered.join(items, on="item_id", how="left").join(pallets, on=["item_id", "source_id"], how="left")
    found: dict[str, list[float]] = {}
    for kind, scope, destination, value in limits.select(
        "limit_type", "scope_value", "destination_id", "value"
    ).iter_rows():
        mine = lines.filter(_concerned(kind, scope, destination))
        if not mine.height:
            continue
        load = LOADS[kind].fill_null(0.0).sum().alias("load")
        if kind == "budget_value":
            used, name = mine.select(load), "budget"
        else:
            used, name = mine.group_by("location_id", "delivery_date").agg(load), "capacity"
        found.setdefault(name, []).extend((np.sort(used["load"].to_numpy()) / value).tolist())
    return found


def _concerned(kind: str, scope: str, destination: str) -> pl.Expr:
    """Lines a limit is about, as `limits` reads it."""
    here = pl.col("source_id") == scope
    if kind == "budget_value":
        here = here | (pl.col("category") == scope) | pl.lit(scope == ALL)
    elif kind == "dock_qty":
        here = here | (pl.col("location_id") == scope)
    return here if destination == ALL else here & (pl.col("location_id") == destination)
