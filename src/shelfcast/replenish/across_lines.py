"""Steps 9 to 13: what lines of one order, one truck, one centre or one budget do to each other."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shelfcast.replenish.allocation import share_centre_stock
from shelfcast.replenish.budget import keep_budgets
from shelfcast.replenish.capacity import fit_capacity
from shelfcast.replenish.limits import Names
from shelfcast.replenish.locks import apply_locks
from shelfcast.replenish.order_minimum import reach_minimums
from shelfcast.replenish.plan_lines import Context, Planned
from shelfcast.replenish.terms import Columns


def decide_across_lines(
    planned: Planned, context: Context, names: Names, positions: Columns, limits: pl.DataFrame
) -> NDArray[np.bool_]:
    """Change the quantities of the planned lines in the order of the rules, each change kept as a signed step.

    Returns:
        Lines whose order waits for its source's minimum.
    """
    lines, parameters, demand = planned.columns, planned.parameters, planned.demand.window

    def step(name: str, change: NDArray[np.float64]) -> None:
        lines[name] = change
        lines["quantity"] = np.round(lines["quantity"] + change, 6)

    added, held = reach_minimums(lines, parameters, demand, limits, names)
    step("step_truck", added)
    step("step_capacity", fit_capacity(lines, demand, limits, names, context.supply, context.route_days))
    step("step_fair_share", share_centre_stock(lines, parameters, demand, positions, limits, names))
    step("step_budget", keep_budgets(lines, demand, limits, names, context))
    step("step_lock", apply_locks(lines, context.inputs.order_overrides, context.keys, context.cutoff))
    return held
