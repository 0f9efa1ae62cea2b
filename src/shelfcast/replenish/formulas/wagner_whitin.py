"""Known needs over some periods, a fixed cost per order and a holding cost: the cheapest plan of orders.

An order of a period is there before its need; a unit bought in period t for period i costs holding for i - t periods.
Source: Wagner & Whitin 1958; Snyder & Shen, 2nd ed., equation 3.39.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from shelfcast.domain.errors import BadParameter
from shelfcast.replenish.formulas.checks import FloatArray, not_negative


class OrderPlan(NamedTuple):
    """Units to order in each period and the cost of the plan."""

    order_quantities: FloatArray
    cost: float


def wagner_whitin(
    holding_cost: ArrayLike, fixed_cost: ArrayLike, demand: ArrayLike, purchase_cost: ArrayLike = 0.0
) -> OrderPlan:
    """Cheapest plan; costs are one number or one per period. A period with nothing to buy costs no fixed cost.

    The holding rate is that of the period the unit was bought in. Where several plans cost the same, the one that
    orders earliest again is given.

    >>> plan = wagner_whitin(2, 500, [90, 120, 80, 70])
    >>> plan.order_quantities.tolist(), plan.cost
    ([210.0, 0.0, 150.0, 0.0], 1380.0)
    """
    need = not_negative("demand", demand)
    if need.ndim != 1 or need.size == 0:
        raise BadParameter(f"demand is {demand!r}; give a list with the need of each period.")
    periods = need.size
    h, k, c = (
        _per_period(name, value, periods)
        for name, value in (
            ("holding_cost", holding_cost),
            ("fixed_cost", fixed_cost),
            ("purchase_cost", purchase_cost),
        )
    )
    cost_from = np.zeros(periods + 1)
    next_order = np.zeros(periods, dtype=np.int64)
    for t in range(periods - 1, -1, -1):
        later = np.arange(periods - t)
        bought = np.cumsum(need[t:])
        plans = (bought > 0) * k[t] + c[t] * bought + h[t] * np.cumsum(later * need[t:]) + cost_from[t + 1 :]
        best = int(np.argmin(plans))
        cost_from[t], next_order[t] = plans[best], t + 1 + best
    quantities = np.zeros(periods)
    t = 0
    while t < periods:
        quantities[t] = need[t : next_order[t]].sum()
        t = int(next_order[t])
    return OrderPlan(quantities, float(cost_from[0]))


def _per_period(name: str, value: ArrayLike, periods: int) -> FloatArray:
    array = not_negative(name, value)
    if array.ndim and array.shape != (periods,):
        raise BadParameter(f"{name} has {array.size} values for {periods} periods; give one number or one per period.")
    return np.broadcast_to(array, (periods,))
