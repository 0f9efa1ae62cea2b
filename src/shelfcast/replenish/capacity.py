"""Step 10: a full truck or dock. Packs of the lowest score are cut; what can arrive another day is moved there."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shelfcast.replenish import reasons
from shelfcast.replenish.calendar import HORIZON_DAYS, RouteDays
from shelfcast.replenish.constraints import EPSILON
from shelfcast.replenish.limits import Limit, Names, dock_limits, order_limits
from shelfcast.replenish.order_minimum import unit_weight
from shelfcast.replenish.pack_choice import cut_to_limit, ranked_packs
from shelfcast.replenish.position import Incoming
from shelfcast.replenish.terms import Columns
from shelfcast.replenish.window_distribution import WindowDistribution

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

TRUCKS = ("truck_volume", "truck_weight", "truck_pallets")


def fit_capacity(
    lines: Columns,
    distribution: WindowDistribution,
    limits: pl.DataFrame,
    names: Names,
    supply: Incoming,
    days: RouteDays,
) -> Floats:
    """Units cut from each line (0 or negative). Delivery days of lines that are moved, and reasons, change in place.

    Per limit and delivery day, if more comes than fits: lines are moved, the lowest score first, to the next open
    delivery day with room before the delivery of the next order; what still doesn't fit is cut by pack.
    """
    before = lines["quantity"].copy()
    for limit in order_limits(limits, TRUCKS, lines, names):
        _fit(limit, np.zeros(HORIZON_DAYS + 1), lines, distribution, days)
    for limit in dock_limits(limits, lines, names):
        _fit(limit, _coming(limit, supply, names), lines, distribution, days)
    cut = lines["quantity"] - before
    reasons.add(lines["reasons"], "truck_cut", cut < -EPSILON)
    lines["quantity"] = before
    return cut


def _coming(limit: Limit, supply: Incoming, names: Names) -> Floats:
    """Units already due at a receiving dock, by day."""
    coming = np.zeros(HORIZON_DAYS + 1)
    if limit.kind == "receiving":
        at = names.keys.locations.gather(names.keys.location_codes[supply.row]) == limit.scope
        mine = at.to_numpy() & (supply.due_day <= HORIZON_DAYS)
        np.add.at(coming, supply.due_day[mine], supply.units[mine])
    return coming


def _fit(limit: Limit, coming: Floats, lines: Columns, distribution: WindowDistribution, days: RouteDays) -> None:
    clock = "order_day" if limit.kind == "picking" else "delivery_day"
    places = limit.lines[lines["quantity"][limit.lines] > 0.0]
    weight = unit_weight(lines, places, limit.kind)
    used = coming.copy()
    day_of = np.minimum(lines[clock][places], HORIZON_DAYS)
    np.add.at(used, day_of, lines["quantity"][places] * weight)
    for day in np.unique(day_of):
        if used[day] <= limit.value + EPSILON:
            continue
        today = np.flatnonzero(day_of == day)
        if clock == "delivery_day":
            _move(limit, today, places, weight, day_of, used, lines, distribution, days)
            today = np.flatnonzero(day_of == day)
        if used[day] > limit.value + EPSILON and len(today):
            room = max(limit.value - coming[day], 0.0)
            quantity = cut_to_limit(lines, places[today], weight[today], room, distribution)
            used[day] -= float(((lines["quantity"][places[today]] - quantity) * weight[today]).sum())
            lines["quantity"][places[today]] = quantity


def _move(
    limit: Limit,
    today: Integers,
    places: Integers,
    weight: Floats,
    day_of: Integers,
    used: Floats,
    lines: Columns,
    distribution: WindowDistribution,
    days: RouteDays,
) -> None:
    """Move whole lines of the lowest score to a later open day with room, until the day fits."""
    chosen = places[today]
    packs = ranked_packs(lines, chosen, np.zeros(len(chosen)), lines["quantity"][chosen], distribution)
    lowest = np.full(len(lines["quantity"]), np.inf)
    np.minimum.at(lowest, packs.line, packs.score)
    day = int(day_of[today[0]])
    for local in today[np.lexsort((chosen, lowest[chosen]))]:
        if used[day] <= limit.value + EPSILON:
            return
        line = places[local]
        load = float(lines["quantity"][line] * weight[local])
        last = int(min(lines["next_delivery_day"][line], HORIZON_DAYS))
        open_days = days.delivery_open[lines["route"][line]]
        for later in range(day + 1, last):
            if open_days[later] and used[later] + load <= limit.value + EPSILON:
                used[day] -= load
                used[later] += load
                day_of[local] = later
                lines["delivery_day"][line] = later
                lines["reasons"][line] |= reasons.BIT["moved_later"]
                break
