"""How a policy turns position and level into a need. Every policy works on all its lines at once.

| code | rule |
|---|---|
| base_stock | each review order up to the level S |
| R_s_S | order up to S when the position is at or below s |
| R_s_nQ | when the position is below s order the least number of packs that brings it to s |
| r_Q | order whole lots of Q when the position is at or below r |
| min_max | order up to the maximum when the position is below the minimum |
| reorder_level | at or below the level order max(order quantity, level - position) |
| cover | level = mean demand of the window + n days |
| economic | add packs while the next one is worth more than it costs |
| newsvendor_once | one order for the rest of the season |
| time_phased | the first lot of the cheapest plan for the known needs (Wagner & Whitin) |
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shelfcast.replenish.formulas.eoq import economic_order_quantity
from shelfcast.replenish.parameters import POLICIES
from shelfcast.replenish.window_distribution import WindowDistribution

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

CODE = {name: position for position, name in enumerate(POLICIES)}
MOST_PACKS = 2000
GRAIN = 2.0**20
"""Needs are kept to this fraction of a unit: a power of two, so that sums of needs and steps are exact."""


@dataclass(frozen=True)
class Need:
    """What each line needs before any rule. `reorder_point` is NaN for policies without one; `above` marks lines whose
    position is above it."""

    order_up_to: Floats
    reorder_point: Floats
    need: Floats
    above: Flags


def grain(values: Floats) -> Floats:
    """Values to the nearest millionth of a unit that sums exactly."""
    return np.round(values * GRAIN) / GRAIN


def lot_size(order_cost: Floats, holding_per_day: Floats, daily_rate: Floats) -> Floats:
    """Economic order quantity sqrt(2 K lambda / h); 0 where it isn't defined (Snyder & Shen 3.4).

    >>> float(lot_size(np.array([8.0]), np.array([0.225]), np.array([1300.0]))[0].round(2))
    304.05
    """
    result = np.zeros(len(order_cost))
    usable = np.flatnonzero((order_cost > 0.0) & (holding_per_day > 0.0) & (daily_rate > 0.0))
    if len(usable):
        found = economic_order_quantity(order_cost[usable], holding_per_day[usable], daily_rate[usable])
        result[usable] = found.order_quantity
    return result


def needs(
    policy: Integers,
    level: Floats,
    floor: Floats,
    position: Floats,
    pack: Floats,
    cycle_mean: Floats,
    lot: Floats,
    by_hand: dict[str, Floats],
    economic_need: Floats,
    planned_need: Floats,
) -> Need:
    """Need of every line by its policy.

    Args:
        level: order-up-to level S, floors included.
        floor: the level that presentation, promotions and stock by hand ask for, whatever the demand.
        lot: economic lot of an order with a fixed cost, 0 where there is none.
        by_hand: levels set by rules, NaN where not set: reorder_point, order_up_to, order_quantity, min_level, max_level.
        economic_need: units worth ordering, for the economic policy.
        planned_need: first lot of the plan, for the time-phased policy.
    """
    point = np.full(len(level), np.nan)
    target = level.copy()
    need = np.maximum(0.0, level - position)
    above = np.zeros(len(level), dtype=np.bool_)
    set_point = np.where(np.isnan(by_hand["reorder_point"]), level, np.maximum(by_hand["reorder_point"], floor))

    mine = policy == CODE["R_s_S"]
    top = np.where(np.isnan(by_hand["order_up_to"]), set_point + lot, np.maximum(by_hand["order_up_to"], floor))
    top = np.maximum(top, set_point)
    due = position <= set_point
    point, target = np.where(mine, set_point, point), np.where(mine, top, target)
    need, above = np.where(mine, np.where(due, top - position, 0.0), need), above | (mine & ~due)

    mine = policy == CODE["R_s_nQ"]
    due = position < set_point
    point, target = np.where(mine, set_point, point), np.where(mine, set_point, target)
    need, above = np.where(mine, np.where(due, set_point - position, 0.0), need), above | (mine & ~due)

    mine = policy == CODE["r_Q"]
    quantity = np.where(np.isnan(by_hand["order_quantity"]), np.maximum(lot, pack), by_hand["order_quantity"])
    quantity = np.where(quantity > 0.0, quantity, np.maximum(pack, 1.0))
    due = position <= set_point
    lots = np.floor((set_point - position) / quantity + 1e-9) + 1.0
    point, target = np.where(mine, set_point, point), np.where(mine, set_point + quantity, target)
    need, above = np.where(mine, np.where(due, lots * quantity, 0.0), need), above | (mine & ~due)

    mine = policy == CODE["min_max"]
    least = np.where(np.isnan(by_hand["min_level"]), level, np.maximum(by_hand["min_level"], floor))
    most = np.where(np.isnan(by_hand["max_level"]), least + cycle_mean, by_hand["max_level"])
    most = np.maximum(most, least)
    due = position < least
    point, target = np.where(mine, least, point), np.where(mine, most, target)
    need, above = np.where(mine, np.where(due, most - position, 0.0), need), above | (mine & ~due)

    mine = policy == CODE["reorder_level"]
    due = position <= set_point
    wanted = np.maximum(np.nan_to_num(by_hand["order_quantity"]), set_point - position)
    point, target = np.where(mine, set_point, point), np.where(mine, set_point, target)
    need, above = np.where(mine, np.where(due, wanted, 0.0), need), above | (mine & ~due)

    mine = policy == CODE["economic"]
    need = np.where(mine, np.maximum(economic_need, np.maximum(0.0, floor - position)), need)
    mine = policy == CODE["time_phased"]
    need = np.where(mine, planned_need, need)
    return Need(target, point, np.maximum(need, 0.0), above & (need <= 0.0))


def pack_value(
    distribution: WindowDistribution, position: Floats, pack: Floats, underage: Floats, overage: Floats
) -> Floats:
    """Value of one more pack on top of a position: units of it expected to sell x cu - units left over x co.

    >>> d = WindowDistribution.from_moments(np.array([10.0]), np.array([10.0]), np.array([True]))
    >>> bool(pack_value(d, np.array([0.0]), np.array([6.0]), np.array([2.0]), np.array([0.1]))[0] > 11.0)
    True
    """
    sold = distribution.at(position)[1] - distribution.at(position + pack)[1]
    return sold * underage - (pack - sold) * overage


def economic_need(
    distribution: WindowDistribution,
    position: Floats,
    first: Floats,
    pack: Floats,
    underage: Floats,
    overage: Floats,
) -> Floats:
    """Units worth ordering: packs are added while the next is worth more than it costs. The first step is the smallest
    order (`first`), taken if it pays as a whole."""
    total = np.zeros(len(position))
    active = np.flatnonzero((underage > 0.0) & np.isfinite(overage))
    size = first.copy()
    for _ in range(MOST_PACKS):
        if not len(active):
            break
        value = pack_value(
            distribution.take(active), (position + total)[active], size[active], underage[active], overage[active]
        )
        active = active[value > 0.0]
        total[active] += size[active]
        size[active] = pack[active]
    return total
