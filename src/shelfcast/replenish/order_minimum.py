"""Step 9: supplier minimum, free freight and truck fill. Top up with what sells soonest, else hold or send."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shelfcast.replenish import reasons
from shelfcast.replenish.constraints import EPSILON, down_to_packs
from shelfcast.replenish.limits import Limit, Names, order_limits
from shelfcast.replenish.pack_choice import ranked_packs, take_until
from shelfcast.replenish.rules import Resolved
from shelfcast.replenish.terms import Columns
from shelfcast.replenish.window_distribution import WindowDistribution

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

MINIMUMS = ("supplier_min_value", "supplier_min_qty")
"""An order below these is held or flagged."""
WISHES = ("free_freight_value", "truck_volume", "truck_weight", "truck_pallets")
"""Reached if a top-up can; otherwise the order goes as it is."""


def unit_weight(lines: Columns, places: Integers, kind: str) -> Floats:
    """What a unit of each line counts towards a limit: money, volume, weight, pallets or units."""
    if kind.endswith("_value"):
        return np.nan_to_num(lines["unit_cost"][places])
    if kind == "truck_volume":
        return np.nan_to_num(lines["volume"][places])
    if kind == "truck_weight":
        return np.nan_to_num(lines["weight"][places])
    if kind == "truck_pallets":
        pallet = lines["pallet_qty"][places]
        return np.where(pallet > 0.0, 1.0 / np.where(pallet > 0.0, pallet, 1.0), 0.0)
    return np.ones(len(places))


def reach_minimums(
    lines: Columns, parameters: Resolved, distribution: WindowDistribution, limits: pl.DataFrame, names: Names
) -> tuple[Floats, Flags]:
    """(units added to each line, lines whose order is held). Reasons are added in place.

    An order under its minimum is topped up by the best packs among the lines of the same source and destination that may
    order today and whose cover stays below `max_topup_cover_days`. If the minimum can't be reached so, nothing is added:
    the order waits if no line's chance of a stock-out rises by more than `hold_risk`, else it goes and is flagged.
    """
    added = np.zeros(len(lines["quantity"]))
    held = np.zeros(len(added), dtype=np.bool_)
    for limit in order_limits(limits, (*MINIMUMS, *WISHES), lines, names):
        _reach(limit, lines, parameters, distribution, added, held)
    reasons.add(lines["reasons"], "truck_top_up", added > 0.0)
    return added, held


def _reach(
    limit: Limit,
    lines: Columns,
    parameters: Resolved,
    distribution: WindowDistribution,
    added: Floats,
    held: Flags,
) -> None:
    places = limit.lines
    quantity = lines["quantity"][places] + added[places]
    weight = unit_weight(lines, places, limit.kind)
    wanted = limit.value
    if limit.kind.startswith("truck_"):
        wanted *= float(parameters.number("truck_fill_share")[places].max(initial=0.0))
    reached = float(np.sort(quantity * weight).sum())
    if not (quantity > 0.0).any() or reached >= wanted - EPSILON:
        return
    gained = _top_up(places, quantity, weight, wanted - reached, lines, parameters, distribution)
    if gained is not None:
        added[places] += gained
        return
    if limit.kind not in MINIMUMS:
        return
    ordered = places[quantity > 0.0]
    rise = _rise_of_risk(lines, ordered, distribution.take(ordered))
    if (rise < parameters.number("hold_risk")[ordered]).all():
        held[ordered] = True
        code = "supplier_min_hold"
    else:
        code = "supplier_min_not_reached"
    lines["reasons"][ordered] |= reasons.BIT[code]


def _top_up(
    places: Integers,
    quantity: Floats,
    weight: Floats,
    missing: float,
    lines: Columns,
    parameters: Resolved,
    distribution: WindowDistribution,
) -> Floats | None:
    """Units to add to each line so that the missing amount is reached; None if that can't be."""
    rate, position = lines["daily_rate"][places], lines["inventory_position"][places]
    may_order = (lines["reasons"][places] & reasons.STOPS & ~reasons.WELL_STOCKED) == 0
    cover = parameters.number("max_topup_cover_days")[places] * rate - position
    most = np.minimum(cover, np.where(np.isnan(lines["room"][places]), np.inf, lines["room"][places]))
    stop = np.where(may_order & (rate > 0.0), down_to_packs(most, lines["pack_size"][places]), 0.0)
    stop = np.where(stop >= lines["smallest_order"][places] - EPSILON, np.maximum(stop, quantity), quantity)
    packs = ranked_packs(lines, places, quantity, stop, distribution)
    size = len(lines["quantity"])
    per_unit = np.zeros(size)
    per_unit[places] = weight
    gained, total = take_until(packs.line, packs.units, per_unit[packs.line], missing, size)
    return gained[places] if total >= missing - EPSILON else None


def _rise_of_risk(lines: Columns, places: Integers, distribution: WindowDistribution) -> Floats:
    """How much likelier a stock-out becomes if the lines wait for the next order day."""
    position = lines["inventory_position"][places]
    without = 1.0 - distribution.at(position)[0]
    with_order = 1.0 - distribution.at(position + lines["quantity"][places])[0]
    return without - with_order
