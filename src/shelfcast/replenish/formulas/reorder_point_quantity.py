"""(r,Q): continuous review, order Q when the inventory position falls to r. Backorders.

One unit of time for demand rate, lead time and costs: `holding_cost` h per unit and time, `stockout_cost` p per unit
short and time, `fixed_cost` K per order. g(y) is the newsvendor cost of the demand during the lead time (no `+ 1`).
Source: Hadley & Whitin 1963; Federgruen & Zheng 1992; Snyder & Shen, 2nd ed., chapter 5.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import ArrayLike
from scipy import special

from shelfcast.domain.errors import BadParameter
from shelfcast.replenish.formulas import distributions
from shelfcast.replenish.formulas.checks import FloatArray, IntArray, Numbers, not_negative, numbers, positive
from shelfcast.replenish.formulas.unit_costs import best_level, cost_at, level_costs, poisson_table


class ReorderPointQuantity(NamedTuple):
    """Reorder point (units; order when the position is at or below it), units per order, cost per unit of time."""

    reorder_point: Numbers
    order_quantity: Numbers
    cost: Numbers


def reorder_point_for_quantity(
    order_quantity: ArrayLike,
    holding_cost: ArrayLike,
    stockout_cost: ArrayLike,
    demand_mean: ArrayLike,
    demand_sd: ArrayLike,
    lead_time: ArrayLike,
) -> Numbers:
    """Best r for a given Q under normal demand: g(r) = g(r + Q) (equation 5.9).

    g is convex, so g(r) - g(r + Q) falls in r and its root lies between S - Q and S, S the newsvendor level.

    >>> round(float(reorder_point_for_quantity(300, 0.225, 7.5, 1300, 150, 1 / 12)), 3)
    129.427
    """
    quantity = positive("order_quantity", order_quantity)
    h, p = positive("holding_cost", holding_cost), positive("stockout_cost", stockout_cost)
    mean, sd = _lead_time_demand(demand_mean, demand_sd, lead_time)
    best = mean + special.ndtri(p / (p + h)) * sd
    low, high = np.broadcast_arrays(best - quantity, best)
    for _ in range(200):
        middle = 0.5 * (low + high)
        dearer_below = _newsvendor_cost(middle, mean, sd, h, p) > _newsvendor_cost(middle + quantity, mean, sd, h, p)
        low, high = np.where(dearer_below, middle, low), np.where(dearer_below, high, middle)
    return (0.5 * (low + high))[()]


def reorder_point_quantity_normal_cost(
    reorder_point: ArrayLike,
    order_quantity: ArrayLike,
    holding_cost: ArrayLike,
    stockout_cost: ArrayLike,
    fixed_cost: ArrayLike,
    demand_mean: ArrayLike,
    demand_sd: ArrayLike,
    lead_time: ArrayLike,
) -> Numbers:
    """Exact cost of (r,Q) under normal demand: [K rate + integral of g from r to r + Q] / Q (equation 5.7).

    The integral is closed: the integral of n1 over (r, r + Q) is n2(r) - n2(r + Q).
    """
    r, quantity = numbers("reorder_point", reorder_point), positive("order_quantity", order_quantity)
    h, p = positive("holding_cost", holding_cost), positive("stockout_cost", stockout_cost)
    k, rate = not_negative("fixed_cost", fixed_cost), numbers("demand_mean", demand_mean)
    mean, sd = _lead_time_demand(demand_mean, demand_sd, lead_time)
    short = distributions.normal_second_loss(r, mean, sd) - distributions.normal_second_loss(r + quantity, mean, sd)
    left = quantity * (r + 0.5 * quantity - mean) + short
    return ((k * rate + h * left + p * short) / quantity)[()]


def reorder_point_quantity_loss_approximation(
    holding_cost: ArrayLike,
    stockout_cost: ArrayLike,
    fixed_cost: ArrayLike,
    demand_mean: ArrayLike,
    demand_sd: ArrayLike,
    lead_time: ArrayLike,
) -> ReorderPointQuantity:
    """(r,Q) under normal demand by the loss-function approximation (equations 5.28, 5.29), to the fixed point.

    n1(r) = h Q / (h + p) and Q = sqrt(2 [K rate + (h + p) n2(r)] / h). The cost is the exact one of that (r,Q).

    >>> [round(float(value), 2) for value in
    ...  reorder_point_quantity_loss_approximation(0.225, 7.5, 8, 1300, 150, 1 / 12)[:2]]
    [126.87, 328.45]
    """
    h, p = positive("holding_cost", holding_cost), positive("stockout_cost", stockout_cost)
    k, rate = positive("fixed_cost", fixed_cost), positive("demand_mean", demand_mean)
    mean, sd = _lead_time_demand(demand_mean, positive("demand_sd", demand_sd), positive("lead_time", lead_time))
    quantity = np.sqrt(2.0 * k * rate / h)
    for _ in range(10_000):
        r = mean + sd * inverse_standard_normal_loss(h * quantity / ((h + p) * sd))
        step = np.sqrt(2.0 * (k * rate + (h + p) * distributions.normal_second_loss(r, mean, sd)) / h)
        moved = np.abs(step - quantity)
        quantity = step
        if np.all(moved <= 1e-11 * quantity):
            break
    else:
        raise BadParameter("the loss-function approximation doesn't settle for these costs; use the exact method.")
    r = mean + sd * inverse_standard_normal_loss(h * quantity / ((h + p) * sd))
    cost = reorder_point_quantity_normal_cost(r, quantity, h, p, k, rate, demand_sd, lead_time)
    return ReorderPointQuantity(np.asarray(r)[()], np.asarray(quantity)[()], cost)


def inverse_standard_normal_loss(loss: ArrayLike) -> Numbers:
    """z with E[(Z - z)+] = loss, by Newton's method kept inside a bracket.

    >>> round(float(inverse_standard_normal_loss(0.398942280401)), 6)
    0.0
    """
    wanted = positive("loss", loss)
    low, high = -wanted - 1.0, np.full(wanted.shape, 40.0)
    z = np.where(wanted > 0.4, -wanted, 0.0)
    for _ in range(200):
        value = distributions.standard_normal_loss(z) - wanted
        low, high = np.where(value > 0, z, low), np.where(value > 0, high, z)
        newton = z + value / np.maximum(special.ndtr(-z), 1e-300)
        step = np.where((newton > low) & (newton < high), newton, 0.5 * (low + high))
        if np.all(np.abs(step - z) <= 1e-14 * (1.0 + np.abs(z))):
            break
        z = step
    return z[()]


def reorder_point_quantity_poisson_exact(
    holding_cost: ArrayLike,
    stockout_cost: ArrayLike,
    fixed_cost: ArrayLike,
    demand_mean: ArrayLike,
    lead_time: ArrayLike,
) -> ReorderPointQuantity:
    """Best whole (r,Q) under Poisson demand: least [K rate + sum of g(r+1..r+Q)] / Q (Federgruen & Zheng 1992).

    The best Q + 1 levels are the best Q and the cheaper of their two neighbours; Q grows while that lowers the average.

    >>> r, q, cost = reorder_point_quantity_poisson_exact(20, 150, 100, 1.5, 2)
    >>> int(r), int(q), round(float(cost), 4)
    (3, 5, 107.9236)
    """
    h, p, k, rate, lead = np.broadcast_arrays(
        positive("holding_cost", holding_cost),
        positive("stockout_cost", stockout_cost),
        positive("fixed_cost", fixed_cost),
        positive("demand_mean", demand_mean),
        not_negative("lead_time", lead_time),
    )
    points, quantities, costs = _poisson_exact(*(np.ascontiguousarray(one).ravel() for one in (h, p, k, rate, lead)))
    shape = h.shape
    return ReorderPointQuantity(points.reshape(shape)[()], quantities.reshape(shape)[()], costs.reshape(shape)[()])


def reorder_point_quantity_poisson_cost(
    reorder_point: int,
    order_quantity: int,
    holding_cost: float,
    stockout_cost: float,
    fixed_cost: float,
    demand_mean: float,
    lead_time: float,
) -> float:
    """Cost of a given whole (r,Q) under Poisson demand (equation 5.48).

    >>> round(reorder_point_quantity_poisson_cost(3, 5, 20, 150, 100, 1.5, 2), 4)
    107.9236
    """
    h, p = float(positive("holding_cost", holding_cost)), float(positive("stockout_cost", stockout_cost))
    mean = float(not_negative("demand_mean", demand_mean) * not_negative("lead_time", lead_time))
    first, table = poisson_table(mean)
    costs = level_costs(first, table, mean, h, p)
    levels = range(reorder_point + 1, reorder_point + order_quantity + 1)
    total = fixed_cost * demand_mean + sum(cost_at(level, first, costs, mean, h, p) for level in levels)
    return float(total / positive("order_quantity", order_quantity))


@njit(cache=True, nogil=True)
def _poisson_exact(
    h: FloatArray, p: FloatArray, k: FloatArray, rate: FloatArray, lead: FloatArray
) -> tuple[IntArray, IntArray, FloatArray]:  # pragma: no cover - compiled
    points = np.empty(h.size, np.int64)
    quantities = np.empty(h.size, np.int64)
    averages = np.empty(h.size)
    for item in range(h.size):
        hold, short, mean = h[item], p[item], rate[item] * lead[item]
        first, table = poisson_table(mean)
        costs = level_costs(first, table, mean, hold, short)
        r = best_level(first, costs) - 1
        q = 1
        total = k[item] * rate[item] + cost_at(r + 1, first, costs, mean, hold, short)
        while True:
            below = cost_at(r, first, costs, mean, hold, short)
            above = cost_at(r + q + 1, first, costs, mean, hold, short)
            nearest = min(below, above)
            if (total + nearest) / (q + 1) > total / q:
                break
            total += nearest
            q += 1
            if below < above:
                r -= 1
        points[item], quantities[item], averages[item] = r, q, total / q
    return points, quantities, averages


def _lead_time_demand(demand_mean: ArrayLike, demand_sd: ArrayLike, lead_time: ArrayLike) -> tuple[Numbers, Numbers]:
    lead = not_negative("lead_time", lead_time)
    return not_negative("demand_mean", demand_mean) * lead, not_negative("demand_sd", demand_sd) * np.sqrt(lead)


def _newsvendor_cost(level: Numbers, mean: Numbers, sd: Numbers, h: Numbers, p: Numbers) -> Numbers:
    short = distributions.normal_loss(level, mean, sd)
    return h * (level - mean + short) + p * short
