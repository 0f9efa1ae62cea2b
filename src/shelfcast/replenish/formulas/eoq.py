"""Economic order quantity: a constant demand rate, a fixed cost per order, a holding cost per unit and time.

Rate, holding cost and cost share one unit of time. Source: Harris 1913; Snyder & Shen, 2nd ed., chapter 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from shelfcast.domain.errors import BadParameter
from shelfcast.replenish.formulas.checks import Numbers, not_negative, positive


class OrderQuantity(NamedTuple):
    """Units per order and cost per unit of time."""

    order_quantity: Numbers
    cost: Numbers


class OrderQuantityWithBackorders(NamedTuple):
    """Units per order, share of demand that waits, cost per unit of time."""

    order_quantity: Numbers
    stockout_fraction: Numbers
    cost: Numbers


class DiscountedOrderQuantity(NamedTuple):
    """Units per order, index of the price region it falls in, cost per unit of time with the purchase price."""

    order_quantity: float
    region: int
    cost: float


def economic_order_quantity(
    fixed_cost: ArrayLike, holding_cost: ArrayLike, demand_rate: ArrayLike, order_quantity: ArrayLike | None = None
) -> OrderQuantity:
    """Q = sqrt(2 K rate / h), or the cost of a given quantity (equations 3.4, 3.5).

    >>> [round(float(value), 4) for value in economic_order_quantity(8, 0.225, 1300)]
    [304.0468, 68.4105]
    """
    k, h = not_negative("fixed_cost", fixed_cost), positive("holding_cost", holding_cost)
    rate = not_negative("demand_rate", demand_rate)
    if order_quantity is None:
        return OrderQuantity(np.sqrt(2.0 * k * rate / h)[()], np.sqrt(2.0 * k * rate * h)[()])
    quantity = positive("order_quantity", order_quantity)
    return OrderQuantity(quantity[()], (k * rate / quantity + 0.5 * h * quantity)[()])


def economic_order_quantity_with_backorders(
    fixed_cost: ArrayLike,
    holding_cost: ArrayLike,
    stockout_cost: ArrayLike,
    demand_rate: ArrayLike,
    order_quantity: ArrayLike | None = None,
    stockout_fraction: ArrayLike | None = None,
) -> OrderQuantityWithBackorders:
    """Demand may wait at `stockout_cost` p per unit and time: x = h / (h + p), Q = EOQ sqrt((h + p) / p) (3.27-3.29).

    With both `order_quantity` and `stockout_fraction` given, their cost; with one, the best other.

    >>> [round(float(value), 4) for value in economic_order_quantity_with_backorders(8, 0.225, 5, 1300)]
    [310.8126, 0.0431, 66.9214]
    """
    k, h = not_negative("fixed_cost", fixed_cost), positive("holding_cost", holding_cost)
    p, rate = positive("stockout_cost", stockout_cost), not_negative("demand_rate", demand_rate)
    share = h / (h + p) if stockout_fraction is None else not_negative("stockout_fraction", stockout_fraction)
    per_unit = h * (1.0 - share) ** 2 + p * share**2
    if order_quantity is None:
        quantity = np.sqrt(2.0 * k * rate / per_unit)
    else:
        quantity = positive("order_quantity", order_quantity)
    safe = np.where(quantity > 0, quantity, 1.0)
    cost = np.where(quantity > 0, k * rate / safe, 0.0) + 0.5 * per_unit * quantity
    return OrderQuantityWithBackorders(np.asarray(quantity)[()], np.asarray(share)[()], cost[()])


def economic_order_quantity_with_all_units_discounts(
    fixed_cost: float,
    holding_cost_rate: float,
    demand_rate: float,
    breakpoints: Sequence[float],
    unit_costs: Sequence[float],
) -> DiscountedOrderQuantity:
    """Every unit of an order costs `unit_costs[j]` from `breakpoints[j]` on; holding costs `rate x unit cost`.

    The best of the EOQs that fall in their own region and of the breakpoints (equations 3.18, 3.19).

    >>> economic_order_quantity_with_all_units_discounts(200, 0.2, 1000, [0, 200, 500], [500, 475, 450])
    DiscountedOrderQuantity(order_quantity=500.0, region=2, cost=472900.0)
    """
    k, i, rate, breaks, costs = _discount_terms(fixed_cost, holding_cost_rate, demand_rate, breakpoints, unit_costs)
    best: DiscountedOrderQuantity | None = None
    for region, (start, unit_cost) in enumerate(zip(breaks, costs)):
        end = breaks[region + 1] if region + 1 < len(breaks) else np.inf
        eoq = float(np.sqrt(2.0 * k * rate / (i * unit_cost)))
        candidates = [start] if start > 0 else []
        if start <= eoq < end and eoq > 0:
            candidates.append(eoq)
        for quantity in candidates:
            cost = unit_cost * rate + k * rate / quantity + 0.5 * i * unit_cost * quantity
            if best is None or cost < best.cost:
                best = DiscountedOrderQuantity(quantity, region, cost)
    if best is None:
        raise BadParameter("no order quantity is feasible; give a fixed cost and a demand rate above 0.")
    return best


def economic_order_quantity_with_incremental_discounts(
    fixed_cost: float,
    holding_cost_rate: float,
    demand_rate: float,
    breakpoints: Sequence[float],
    unit_costs: Sequence[float],
) -> DiscountedOrderQuantity:
    """Only the units above a breakpoint get its price (equations 3.22-3.25).

    In region j an order of Q costs c_j Q plus a fixed part made of the dearer units below it, which acts like a larger
    fixed cost; the best EOQ that falls in its own region is the answer.
    """
    k, i, rate, breaks, costs = _discount_terms(fixed_cost, holding_cost_rate, demand_rate, breakpoints, unit_costs)
    best: DiscountedOrderQuantity | None = None
    dearer = 0.0
    for region, (start, unit_cost) in enumerate(zip(breaks, costs)):
        if region:
            dearer += (costs[region - 1] - unit_cost) * start
        end = breaks[region + 1] if region + 1 < len(breaks) else np.inf
        quantity = float(np.sqrt(2.0 * (k + dearer) * rate / (i * unit_cost)))
        if not (start <= quantity <= end and quantity > 0):
            continue
        cost = unit_cost * rate + 0.5 * i * dearer + (k + dearer) * rate / quantity + 0.5 * i * unit_cost * quantity
        if best is None or cost < best.cost:
            best = DiscountedOrderQuantity(quantity, region, cost)
    if best is None:
        raise BadParameter("no order quantity is feasible; give a fixed cost and a demand rate above 0.")
    return best


def economic_production_quantity(
    fixed_cost: ArrayLike, holding_cost: ArrayLike, demand_rate: ArrayLike, production_rate: ArrayLike
) -> OrderQuantity:
    """Goods arrive at a finite rate: Q = sqrt(2 K rate / (h (1 - rate / production rate))) (equation 3.31)."""
    rate, production = not_negative("demand_rate", demand_rate), positive("production_rate", production_rate)
    if np.any(rate >= production):
        raise BadParameter(f"demand_rate {demand_rate!r} must be below production_rate {production_rate!r}.")
    return economic_order_quantity(fixed_cost, positive("holding_cost", holding_cost) * (1.0 - rate / production), rate)


def _discount_terms(
    fixed_cost: float,
    holding_cost_rate: float,
    demand_rate: float,
    breakpoints: Sequence[float],
    unit_costs: Sequence[float],
) -> tuple[float, float, float, list[float], list[float]]:
    breaks = [float(value) for value in not_negative("breakpoints", list(breakpoints))]
    costs = [float(value) for value in positive("unit_costs", list(unit_costs))]
    if len(breaks) != len(costs) or not breaks or breaks[0] != 0 or any(b <= a for a, b in pairwise(breaks)):
        raise BadParameter(
            f"breakpoints {list(breakpoints)} and unit_costs {list(unit_costs)}: give as many costs as breakpoints, "
            "breakpoints rising from 0."
        )
    k, i = float(not_negative("fixed_cost", fixed_cost)), float(positive("holding_cost_rate", holding_cost_rate))
    return k, i, float(not_negative("demand_rate", demand_rate)), breaks, costs
