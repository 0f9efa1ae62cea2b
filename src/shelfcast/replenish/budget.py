"""Step 12: money that is not there. Packs are taken by falling score until the budget is spent.

A budget with a first and a last day is for all orders of these days: what was ordered since its first day - received, on its
way, or approved by us and not yet shown by the ERP - is spent. Any other budget is for a night.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shelfcast.replenish import reasons
from shelfcast.replenish.constraints import EPSILON
from shelfcast.replenish.limits import Limit, Names, budget_limits
from shelfcast.replenish.pack_choice import cut_to_limit
from shelfcast.replenish.plan_lines import Context
from shelfcast.replenish.terms import Columns, day_numbers, floats
from shelfcast.replenish.window_distribution import WindowDistribution

Floats = NDArray[np.float64]


def keep_budgets(
    lines: Columns, distribution: WindowDistribution, limits: pl.DataFrame, names: Names, context: Context
) -> Floats:
    """Units cut from each line (0 or negative) so that the orders stay within every budget. Lines without a cost take
    nothing of a budget."""
    before = lines["quantity"].copy()
    for limit in budget_limits(limits, lines, names, context.cutoff):
        places = limit.lines[lines["quantity"][limit.lines] > 0.0]
        cost = np.nan_to_num(lines["unit_cost"][places])
        left = max(limit.value - spent(limit, lines, context), 0.0)
        if float(np.sort(cost * lines["quantity"][places]).sum()) > left + EPSILON:
            lines["quantity"][places] = cut_to_limit(lines, places, cost, left, distribution)
    cut = lines["quantity"] - before
    reasons.add(lines["reasons"], "budget_cut", cut < -EPSILON)
    lines["quantity"] = before
    return cut


def spent(limit: Limit, lines: Columns, context: Context) -> float:
    """Money ordered since the first day of a budget's period for the item-locations it is about, at tonight's cost of a
    unit; 0 for a budget of a night. An order whose day isn't known counts as placed its lead time before it is due."""
    if limit.since_day is None or not len(limit.lines):
        return 0.0
    cost_of_row = np.zeros(context.keys.size)
    lead_of_row = np.zeros(context.keys.size)
    mine = limit.lines[::-1]  # the first line of an item-location stands for it
    cost_of_row[lines["row"][mine]] = np.nan_to_num(lines["unit_cost"][mine])
    lead_of_row[lines["row"][mine]] = lines["lead"][mine]
    supply, deliveries = context.supply, context.inputs.deliveries
    placed = np.where(supply.placed_day > 0, supply.due_day - lead_of_row[supply.row], supply.placed_day)
    row = context.keys.rows(deliveries["item_id"], deliveries["destination_id"])
    units = floats(deliveries.with_columns(pl.coalesce("units_ordered", "units").alias("units")), "units", 0.0)
    day = day_numbers(deliveries["ordered_on"], context.cutoff, 1)
    received = (row >= 0) & (day >= limit.since_day) & (day <= 0)
    coming = placed >= limit.since_day
    parts = [units[received] * cost_of_row[row[received]], supply.units[coming] * cost_of_row[supply.row[coming]]]
    return float(np.sort(np.concatenate(parts)).sum())  # sorted: the sum must not depend on the order of the rows
