"""Stock of the coming days if nothing were ordered after tonight: when would the shelf run empty?

    stock at the close of day d = usable stock + all receipts to day d - demand of days 1 ... d, never below 0

Receipts are open orders, approved lines and tonight's own lines. The demand of days 1 ... d is one distribution, from the
daily forecasts added up as the engine adds them, so p10 and p90 are those of the running sum, not of a day.
"""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shelfcast.replenish.daily_demand import DailyDemand, read_daily_demand
from shelfcast.replenish.inputs import Inputs
from shelfcast.replenish.keys import Keys, gather
from shelfcast.replenish.position import incoming
from shelfcast.replenish.window_demand import sound_moments
from shelfcast.replenish.window_distribution import WindowDistribution

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

DAYS = 28
SCHEMA = {
    "item_id": pl.String, "location_id": pl.String, "date": pl.Date, "receipts": pl.Float64, "mean": pl.Float64,
    "p10": pl.Float64, "p90": pl.Float64,
}  # fmt: skip
OVERDUE_GRACE_DAYS, OVERDUE_DEAD_DAYS = 3, 21


def project(
    inputs: Inputs, lines: pl.DataFrame, cutoff: date, *, days: int = DAYS, day_correlation: float = 0.2,
    period_days: int = 1,
) -> pl.DataFrame:  # fmt: skip
    """Columns item_id, location_id, date, receipts, mean, p10, p90, in stock units, sorted by the first three.

    Args:
        lines: tonight's order lines; held ones don't arrive.
        days: how far ahead, from the day after the cutoff.
    """
    stock = inputs.stock
    keys = Keys.of(stock.select("item_id", "location_id").drop_nulls().unique())
    if not keys.size:
        return pl.DataFrame(schema=SCHEMA)
    demand = read_daily_demand(inputs.forecasts, keys, cutoff, days, period_days=period_days).demand
    arriving = _arriving(inputs, lines, keys, cutoff, days)
    start = np.zeros(keys.size)
    rows = keys.rows(stock["item_id"], stock["location_id"])
    held = [stock[name].cast(pl.Float64).fill_null(0.0).to_numpy() for name in ("on_hand", "blocked", "backorders")]
    start[rows] = np.maximum(held[0] - held[1], 0.0) - held[2]
    available = start[:, None] + np.cumsum(arriving, axis=1)
    mean, low, high = _after_demand(available, demand, days, day_correlation)
    calendar = np.datetime64(cutoff, "D") + 1 + np.arange(days)
    every = np.repeat(np.arange(keys.size), days)
    return pl.DataFrame(
        {
            "item_id": gather(keys.items, keys.item_codes[every]),
            "location_id": gather(keys.locations, keys.location_codes[every]),
            "date": pl.Series(np.tile(calendar, keys.size), dtype=pl.Date),
            "receipts": arriving.ravel(), "mean": mean.ravel(), "p10": low.ravel(), "p90": high.ravel(),
        },
        schema=SCHEMA,
    ).sort("item_id", "location_id", "date")  # fmt: skip


def _arriving(inputs: Inputs, lines: pl.DataFrame, keys: Keys, cutoff: date, days: int) -> Floats:
    """Units that arrive on each day, (item-locations, days)."""
    own = lines["line_id"] if "line_id" in lines.columns else pl.Series([], dtype=pl.String)
    supply = incoming(
        inputs.open_orders,
        inputs.approved,
        inputs.acknowledged,
        own,
        keys,
        cutoff,
        OVERDUE_GRACE_DAYS,
        OVERDUE_DEAD_DAYS,
    )
    tonight = lines.filter((pl.col("qty") > 0.0) & (pl.col("status") != "held") & pl.col("delivery_date").is_not_null())
    row = np.concatenate([supply.row, keys.rows(tonight["item_id"], tonight["location_id"])])
    ahead = (tonight["delivery_date"] - pl.Series([cutoff])).dt.total_days().to_numpy().astype(np.int64)
    day, units = np.concatenate([supply.due_day, ahead]), np.concatenate([supply.units, tonight["qty"].to_numpy()])
    inside = (row >= 0) & (day >= 1) & (day <= days)
    order = np.flatnonzero(inside)
    order = order[np.lexsort((units[order], day[order], row[order]))]
    found = np.bincount(row[order] * days + day[order] - 1, units[order], keys.size * days)
    return found.astype(np.float64).reshape(keys.size, days)


def _after_demand(
    available: Floats, demand: DailyDemand, days: int, day_correlation: float
) -> tuple[Floats, Floats, Floats]:
    """(mean, p10, p90) of what is left of `available` at the close of each day."""
    size = available.shape[0]
    rows, correlation = np.arange(size), np.full(size, day_correlation)
    discrete = np.zeros(size, dtype=np.bool_)  # a smooth picture: no jumps of whole pieces
    mean, low, high = (np.empty_like(available) for _ in range(3))
    for day in range(days):
        until = WindowDistribution.from_moments(
            *sound_moments(demand, rows, np.full(size, day + 1, dtype=np.int64), correlation), discrete
        )
        there = available[:, day]
        # E[(A - D)+] = A - E[D] + E[(D - A)+]
        mean[:, day] = np.maximum(there - until.mean + until.at(there)[1], 0.0)
        quantiles, _ = until.quantiles(np.tile([0.1, 0.9], (size, 1)))
        high[:, day] = np.maximum(there - quantiles[:, 0], 0.0)
        low[:, day] = np.maximum(there - quantiles[:, 1], 0.0)
    return mean, low, high
