"""Recovered demand of a history: what the `demand` table holds on days the stock ran out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from shelfcast.features.availability import AT_LEAST_USUAL, FULL, evidence_texts, recover_demand
from shelfcast.features.demand import History
from shelfcast.features.grid import lookup
from shelfcast.features.panel import Floats, Panel

SEASONS = {"D": 7, "W": 1, "M": 1}


def recovered_demand(
    history: History, frequency: str = "D", *, method: str = FULL
) -> tuple[Floats, NDArray[np.object_]]:
    """(demand, evidence), each (series, T): sales, or recovered demand with what it rests on; NaN where missing.

    Evidence holds Python strings (a fixed-width array would take a few hundred bytes for every empty cell).

    Series of one location have their good and bad days together. A history without a stock-out comes back as it is.
    """
    length = history.units.shape[1]
    censored = history.censored
    if not censored.any():
        return history.units.astype(np.float64), np.full(history.units.shape, "", dtype=object)
    share = np.where(censored, np.clip(history.in_stock_share, 0.0, 1.0), 1.0).astype(np.float64)
    shut = ~history.open[:, :length] & ~(history.units > 0)
    units = np.where(shut, np.nan, history.units).astype(np.float64)
    places = lookup(history.keys["location_id"], history.keys["location_id"].unique().sort())
    recovered = recover_demand(units, share, SEASONS.get(frequency, 1), groups=[places], method=method)
    demand = np.where(np.isfinite(recovered.demand), recovered.demand, history.units)
    return demand, evidence_texts(recovered, units).to_numpy().reshape(units.shape)


def recovered_panel(panel: Panel, method: str = AT_LEAST_USUAL) -> Panel:
    """A panel of sales with its share in stock as one of demand: sales only where nothing ran out or nobody noted it.

    `at_least_usual` suits forecasts that are scored on periods in stock; `full` is what all customers wanted.
    """
    if panel.in_stock_share is None:
        return panel
    share = np.clip(np.asarray(panel.in_stock_share, dtype=np.float64), 0.0, 1.0)
    sales = panel.target.astype(np.float64)
    if not (share < 1.0).any():
        return panel
    made = recover_demand(sales, share, SEASONS.get(panel.frequency, 1), method=method).demand
    return replace(panel, target=np.where(np.isfinite(made), made, sales).astype(panel.target.dtype))
