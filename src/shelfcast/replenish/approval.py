"""Which lines go out by themselves and which a person looks at (step 14)."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shelfcast.replenish import reasons
from shelfcast.replenish.calendar import NEVER
from shelfcast.replenish.keys import Keys
from shelfcast.replenish.rules import Resolved
from shelfcast.replenish.terms import Columns

Floats = NDArray[np.float64]

NONE, AUTO, REVIEW, HELD = 0, 1, 2, 3
STATUS_NAMES = ("none", "auto", "review", "held")

LOOK_AT = (
    "censored_forecast", "no_forecast", "pack_over_capacity", "moq_over_shelf_life", "keep_one_pack", "age_estimated",
    "absurd_tail", "supplier_min_not_reached", "stale_snapshot", "lead_time_default", "quarantined_input",
)  # fmt: skip
"""Reasons that are exceptions: a line with one of them is never approved by itself."""


def usual_order(deliveries: pl.DataFrame, keys: Keys, row: NDArray[np.int64], window_mean: Floats) -> Floats:
    """Mean units of a past delivery of each line's item-location; the demand of the window where there is none."""
    known = keys.rows(deliveries["item_id"], deliveries["destination_id"])
    units = deliveries["units"].cast(pl.Float64).fill_null(0.0).to_numpy()
    mine = np.flatnonzero(known >= 0)
    mine = mine[np.lexsort((units[mine], known[mine]))]  # sums must not depend on the order of the rows
    count = np.bincount(known[mine], minlength=keys.size)
    total = np.bincount(known[mine], units[mine], keys.size)
    mean = np.divide(total, count, out=np.zeros(keys.size), where=count > 0)[row]
    return np.where(mean > 0.0, mean, window_mean)


def approve(lines: Columns, parameters: Resolved, usual: Floats, held: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Status of each line. Reasons are added in place.

    auto if nothing about the line is an exception, its value is below the limit and its quantity below the usual
    multiple; otherwise review. `held` lines wait for the source's minimum.
    """
    quantity, mask = lines["quantity"], lines["reasons"]
    ordered = quantity > 0.0
    value = np.nan_to_num(quantity * lines["unit_cost"])
    floor = np.maximum(usual, lines["smallest_order"])
    dear = ordered & (value >= parameters.number("auto_approve_max_value"))
    unusual = ordered & (quantity >= parameters.number("auto_approve_max_multiple") * floor)
    unusual |= ordered & (quantity > parameters.number("absurd_multiple") * floor)
    unusual |= ordered & (lines["next_delivery_day"] >= NEVER)  # nobody knows how long it is to last
    reasons.add(mask, "over_value_limit", dear)
    reasons.add(mask, "unusual_quantity", unusual)
    exceptions = sum(reasons.BIT[code] for code in LOOK_AT)
    negative = lines["on_hand"] < -parameters.number("negative_stock_days") * np.maximum(lines["daily_rate"], 1e-9)
    look = dear | unusual | ((mask & exceptions) != 0) | negative
    status = np.where(ordered, np.where(look, REVIEW, AUTO), NONE)
    return np.where(ordered & held, HELD, status)
