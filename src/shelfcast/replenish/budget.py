"""Step 12: money that is not there. Packs are taken by falling score until the budget is spent."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shelfcast.replenish import reasons
from shelfcast.replenish.constraints import EPSILON
from shelfcast.replenish.limits import Names, budget_limits
from shelfcast.replenish.pack_choice import cut_to_limit
from shelfcast.replenish.terms import Columns
from shelfcast.replenish.window_distribution import WindowDistribution


def keep_budgets(
    lines: Columns, distribution: WindowDistribution, limits: pl.DataFrame, names: Names
) -> NDArray[np.float64]:
    """Units cut from each line (0 or negative) so that tonight's orders stay within every budget. Lines without a cost
    take nothing of a budget."""
    before = lines["quantity"].copy()
    for limit in budget_limits(limits, lines, names):
        places = limit.lines[lines["quantity"][limit.lines] > 0.0]
        cost = np.nan_to_num(lines["unit_cost"][places])
        if float(np.sort(cost * lines["quantity"][places]).sum()) > limit.value + EPSILON:
            lines["quantity"][places] = cut_to_limit(lines, places, cost, limit.value, distribution)
    cut = lines["quantity"] - before
    reasons.add(lines["reasons"], "budget_cut", cut < -EPSILON)
    lines["quantity"] = before
    return cut
