"""A history's censored days get demand with evidence; the rest stays as sold."""

from __future__ import annotations

import numpy as np
import polars as pl

from shelfcast.features.demand import History
from shelfcast.features.panel import Panel
from shelfcast.features.recovery import recovered_demand, recovered_panel


def a_history(share):
    units = np.tile([5.0, 6.0, 5.0, 6.0, 9.0, 9.0, 0.0], (2, 8)).astype(np.float32)
    opened = np.tile([True] * 6 + [False], (2, 9))
    keys = pl.DataFrame({"item_id": ["a", "b"], "location_id": ["s", "s"]})
    return History(keys, units, share.astype(np.float32), opened, np.ones(opened.shape, dtype=bool))


def test_a_stock_out_is_filled_with_its_evidence():
    share = np.full((2, 56), np.nan)
    share[0] = 1.0
    share[0, 18] = 0.0
    history = a_history(share)
    history.units[0, 18] = 0.0
    demand, evidence = recovered_demand(history)
    assert 7.5 < demand[0, 18] < 10.5
    assert evidence[0, 18].startswith("usual_day: out all day")
    assert (evidence != "").sum() == 1
    assert demand[0, 20] == 0.0  # closed: neither wanted nor missing
    untouched = np.ones(demand.shape, dtype=bool)
    untouched[0, 18] = False
    assert np.array_equal(demand[untouched], history.units[untouched])


def test_a_history_without_stock_outs_comes_back_as_it_is():
    history = a_history(np.ones((2, 56)))
    demand, evidence = recovered_demand(history)
    assert np.array_equal(demand, history.units)
    assert (evidence == "").all()


def test_a_panel_of_sales_becomes_one_of_demand_where_stock_ran_out():
    days = np.datetime64("2026-01-05") + np.arange(60)
    target = np.full((2, 60), 8.0, dtype=np.float32)
    share = np.ones((2, 60), dtype=np.float32)
    target[0, 30], share[0, 30] = 1.0, 0.1
    keys = pl.DataFrame({"item_id": ["a", "b"]})
    panel = Panel(keys, "D", days, target, share)
    made = recovered_panel(panel)
    assert 7.0 < made.target[0, 30] < 9.0
    rest = np.ones((2, 60), dtype=bool)
    rest[0, 30] = False
    assert np.array_equal(made.target[rest], target[rest])
    unnoted = Panel(keys, "D", days, target)
    assert recovered_panel(unnoted) is unnoted
