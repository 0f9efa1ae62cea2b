"""What promotions and holidays ask of the stock: displays, units there on the first morning, little left at the end.

    build-up      display_qty is added from `build_up_from` (else `build_up_days` before the first day) until the window
                  reaches beyond the last day: then nothing more is ordered for the display
    allocation    deliveries before the first day leave `pre_allocation_qty` on the first morning, whatever sells before
    selling down  once the last day lies inside the window, the level is no more than mean demand + `sell_down_to`

The demand of a promotion is part of the forecast; `promo_demand` says how much of the window's mean it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shelfcast.replenish.daily_demand import DailyDemand
from shelfcast.replenish.keys import Keys
from shelfcast.replenish.terms import Columns, Floats, Integers, day_numbers, floats, narrowest_rows
from shelfcast.replenish.window_demand import window_moments

Flags = NDArray[np.bool_]

AHEAD_DAYS, PAST_DAYS = 120, 7
"""Promotions that begin later, or ended earlier, have no say tonight."""
UNITS = ("display_qty", "pre_allocation_qty", "sell_down_to")


@dataclass(frozen=True)
class Promoted:
    """What the promotions say of each line: units for displays, least level for the first morning (0: none), units allowed
    above mean demand at the end (infinity: no say), whether one with units of its own has just ended."""

    display: Floats
    first_morning: Floats
    left_over: Floats
    ended: Flags


def promoted_lines(
    promotions: pl.DataFrame,
    keys: Keys,
    cutoff: date,
    lines: Columns,
    build_up_days: Floats,
    demand: DailyDemand | None,
) -> Promoted:
    """Promotions that concern tonight's lines; the narrowest row of a promotion wins, several promotions add up.

    Args:
        demand: for what sells before a first morning; None leaves that away.
    """
    size = len(lines["row"])
    found = Promoted(np.zeros(size), np.zeros(size), np.full(size, np.inf), np.zeros(size, dtype=np.bool_))
    names = [name for name in UNITS if name in promotions.columns]
    relevant = promotions.filter(
        pl.any_horizontal(pl.lit(False), *(pl.col(name).is_not_null() for name in names))
        & ((pl.col("last_date") - pl.lit(cutoff)).dt.total_days() > -PAST_DAYS)
        & ((pl.col("first_date") - pl.lit(cutoff)).dt.total_days() < AHEAD_DAYS)
    ).sort("promotion_id", "item_id", "location_id", "first_date")
    for promotion in relevant.partition_by("promotion_id", "first_date", "last_date", maintain_order=True):
        first = (promotion["first_date"][0] - cutoff).days
        last = (promotion["last_date"][0] - cutoff).days
        _add(found, promotion, keys, cutoff, lines, build_up_days, demand, first, last)
    return found


def _add(
    found: Promoted,
    promotion: pl.DataFrame,
    keys: Keys,
    cutoff: date,
    lines: Columns,
    build_up_days: Floats,
    demand: DailyDemand | None,
    first: int,
    last: int,
) -> None:
    chosen = np.full(keys.size, -1, dtype=np.int64)
    for place in narrowest_rows(promotion, keys, "item_id", "location_id"):
        chosen = np.where(place >= 0, place, chosen)
    of_line = chosen[lines["row"]]
    mine, at = of_line >= 0, np.maximum(of_line, 0)

    def units(name: str) -> Floats:
        return np.where(mine, floats(promotion, name)[at], np.nan)

    display, allocated, left = (np.maximum(units(name), 0.0) for name in UNITS)
    begins = np.full(len(at), first) - build_up_days
    if "build_up_from" in promotion.columns:
        given = day_numbers(promotion["build_up_from"], cutoff, 2 * AHEAD_DAYS)[at]
        begins = np.where(mine & (given < 2 * AHEAD_DAYS), np.minimum(given, first), begins)
    in_time = lines["delivery_day"] >= begins
    window_end = lines["next_delivery_day"] - 1
    found.display[:] += np.where(in_time & (window_end <= last), np.nan_to_num(display), 0.0)
    found.ended[:] |= (last <= 0) & ((np.nan_to_num(display) > 0.0) | (np.nan_to_num(allocated) > 0.0))
    ending = (last >= 1) & (first <= window_end) & (last <= window_end) & np.isfinite(left)
    found.left_over[:] = np.where(ending, np.minimum(found.left_over, left), found.left_over)
    waiting = np.flatnonzero(in_time & (lines["delivery_day"] <= first) & (allocated > 0.0))
    if len(waiting) and demand is not None:
        before: Integers = np.full(len(waiting), max(first - 1, 0), dtype=np.int64)
        sold, _ = window_moments(demand, lines["row"][waiting], before, np.zeros(len(waiting)))
        found.first_morning[waiting] = np.maximum(found.first_morning[waiting], sold + allocated[waiting])


def promotion_demand(
    promo_demand: pl.DataFrame, keys: Keys, cutoff: date, row: Integers, window_days: Integers
) -> Floats:
    """Units of each line's window that promotions are expected to bring; columns item_id, location_id, date, promo_qty."""
    if not promo_demand.height:
        return np.zeros(len(row))
    place = keys.rows(promo_demand["item_id"], promo_demand["location_id"])
    ahead = day_numbers(promo_demand["date"], cutoff, 0)
    length = np.zeros(keys.size, dtype=np.int64)
    length[row] = window_days
    inside = (place >= 0) & (ahead >= 1) & (ahead <= length[np.maximum(place, 0)])
    order = np.flatnonzero(inside)
    values = floats(promo_demand, "promo_qty", 0.0)
    order = order[np.lexsort((values[order], ahead[order], place[order]))]
    return np.bincount(place[order], values[order], keys.size).astype(np.float64)[row]
