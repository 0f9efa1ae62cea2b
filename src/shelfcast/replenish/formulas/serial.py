"""A line of stocking points in series, the last one serving customers: best echelon base-stock levels.

Node 1 is the store (downstream), the last node is supplied without limit. Every period: each node orders up to its
echelon level (its own stock and everything below it, less backorders), goods arrive `lead_time` periods later, demand.
The order follows the demand of the period, so a node is protected over `lead_time` periods, not `lead_time + 1`.
Costs per period: echelon holding cost h_j per unit at node j or below (the extra of node j over its supplier's local
cost), p per unit backordered at the store.

Recursion (Clark & Scarf 1960; Chen & Zheng 1994; Snyder & Shen, 2nd ed., section 6.2), H the sum of all h:

    low_0(x) = (p + H) x-                     cost of being x short at the store
    up_j(x)  = h_j x + low_{j-1}(x)
    g_j(y)   = E[up_j(y - D_j)]               D_j the demand of lead_time_j periods
    S_j      = the y of least g_j(y)
    low_j(x) = g_j(min(S_j, x))               the supplier may be short

Demand is never negative (a normal's part below 0 counts as 0), so every function is a straight line for x <= 0 and the
grid only has to cover 0 up to the largest total demand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy import special

from shelfcast.domain.errors import BadParameter
from shelfcast.replenish.formulas.checks import FloatArray, not_negative, positive

STEPS = 4000
"""Grid steps over the largest total demand."""
TAIL = 1e-12
"""Probability above the largest demand considered."""


class EchelonBaseStock(NamedTuple):
    """Echelon level of each node (node number -> units) and the cost per period of the whole line."""

    echelon_base_stock: dict[int, float]
    cost: float


def echelon_base_stock(
    echelon_holding_cost: Sequence[float],
    lead_time: Sequence[float],
    stockout_cost: float,
    demand_mean: float,
    demand_sd: float | None = None,
    levels: Mapping[int, float] | None = None,
) -> EchelonBaseStock:
    """Best echelon levels, or with `levels` the cost of those. Lists are by node 1, 2, ...

    Demand per period is normal with `demand_sd`, or Poisson without it (levels are whole units then).

    >>> answer = echelon_base_stock([3, 2, 2], [1, 1, 2], 37.12, 5, 1)
    >>> {node: round(level, 1) for node, level in answer.echelon_base_stock.items()}, round(answer.cost, 1)
    ({1: 6.5, 2: 12.0, 3: 22.7}, 47.7)
    """
    holding, leads, p, mean = _terms(echelon_holding_cost, lead_time, stockout_cost, demand_mean)
    if demand_sd is None:
        step, size = 1.0, int(special.pdtrik(1.0 - TAIL, mean * leads.sum())) + 2
    else:
        sd = float(positive("demand_sd", demand_sd))
        reach = mean * leads.sum() + special.ndtri(1.0 - TAIL) * sd * np.sqrt(leads.sum())
        step, size = float(reach) / STEPS, STEPS + 1
    if levels is not None:
        size = max(size, int(np.ceil(max(levels.values()) / step)) + 2)
    grid = step * np.arange(size)
    slope = -(p + holding.sum())
    below = np.zeros(size)  # low_{j-1} on the grid; below 0 it goes on as below[0] + slope x
    best: dict[int, float] = {}
    cost = 0.0
    for node, (h, lead) in enumerate(zip(holding, leads), start=1):
        slope += h
        masses = _demand_masses(mean * lead, None if demand_sd is None else float(demand_sd) * np.sqrt(lead), step)
        values = h * grid + below
        before = values[0] - slope * step * np.arange(masses.size - 1, 0, -1)
        costs = np.convolve(np.concatenate((before, values)), masses, mode="valid")
        if levels is None:
            at = int(np.argmin(costs))
            best[node] = float(grid[at])
        else:
            best[node] = float(levels[node])
        cost = float(np.interp(best[node], grid, costs))
        below = np.where(grid < best[node], costs, cost)
    return EchelonBaseStock(best, cost)


def newsvendor_heuristic(
    echelon_holding_cost: Sequence[float],
    lead_time: Sequence[float],
    stockout_cost: float,
    demand_mean: float,
    demand_sd: float,
    weight: float = 0.5,
) -> dict[int, float]:
    """Echelon levels between the newsvendor bounds of Shang & Song 2003: `weight` on the lower bound.

    >>> {node: round(level, 2) for node, level in newsvendor_heuristic([3, 2, 2], [1, 1, 2], 37.12, 5, 1).items()}
    {1: 6.49, 2: 12.03, 3: 22.63}
    """
    holding, leads, p, mean = _terms(echelon_holding_cost, lead_time, stockout_cost, demand_mean)
    sd = float(positive("demand_sd", demand_sd))
    answer = {}
    for node in range(1, holding.size + 1):
        short = p + holding[node:].sum()
        window, spread = mean * leads[:node].sum(), sd * np.sqrt(leads[:node].sum())
        upper = window + spread * special.ndtri(short / (short + holding[node - 1]))
        lower = window + spread * special.ndtri(short / (short + holding[:node].sum()))
        answer[node] = float(weight * lower + (1.0 - weight) * upper)
    return answer


def _terms(
    echelon_holding_cost: Sequence[float], lead_time: Sequence[float], stockout_cost: float, demand_mean: float
) -> tuple[FloatArray, FloatArray, float, float]:
    holding = positive("echelon_holding_cost", list(echelon_holding_cost))
    leads = not_negative("lead_time", list(lead_time))
    if holding.shape != leads.shape or holding.size == 0:
        raise BadParameter(
            f"echelon_holding_cost has {holding.size} values and lead_time {leads.size}; give one of each per node."
        )
    positive("sum of lead_time", leads.sum())
    return holding, leads, float(positive("stockout_cost", stockout_cost)), float(positive("demand_mean", demand_mean))


def _demand_masses(mean: float, sd: float | None, step: float) -> FloatArray:
    """Probabilities of demand 0, step, 2 step, ...; a normal's are those of the interval around each point."""
    if mean == 0.0:
        return np.ones(1)
    if sd is None:
        counts = np.arange(int(special.pdtrik(1.0 - TAIL, mean)) + 2)
        masses = np.diff(np.concatenate(([0.0], special.pdtr(counts, mean))))
    else:
        reach = mean + special.ndtri(1.0 - TAIL) * sd
        edges = (np.arange(int(np.ceil(reach / step)) + 1) + 0.5) * step
        masses = np.diff(np.concatenate(([0.0], special.ndtr((edges - mean) / sd))))
    masses[-1] += 1.0 - masses.sum()
    return masses
