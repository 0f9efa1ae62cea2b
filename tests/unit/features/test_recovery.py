"""A history's censored days get demand with evidence; the rest stays as sold."""

from __future__ import annotations

import numpy as np
import polars as pl

from shelfcast.features.demand import History
from shelfcast.features.recovery import recovered_demand


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
