"""Where a forecast is missing, short, zero or doubtful: what stands in, and what is said about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shelfcast.replenish.daily_demand import DailyDemand
from shelfcast.replenish.keys import Integers, Keys
from shelfcast.replenish.terms import Columns, floats

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

STAND_IN_DAYS = 28
RECENT_DAYS = 14


@dataclass(frozen=True)
class History:
    """What recent demand says of each item-location row; NaN where nothing is known."""

    mean_in_stock: Floats
    """Mean units a day of the last 28 days in stock."""
    sold_recently: Floats
    """Units sold in the last 14 days."""
    censored_share: Floats
    """Share of days cut off by stock-outs whose demand was not recovered."""


def read_history(history: pl.DataFrame, keys: Keys, cutoff: date) -> History:
    """Summaries of demand history. A day counts as in stock unless it is recorded as out; closed days don't count."""
    row = keys.rows(history["item_id"], history["location_id"])
    day = (history["date"] - pl.Series([cutoff])).dt.total_days().fill_null(1).to_numpy()
    units = floats(history, "units")
    usable = (row >= 0) & (day <= 0) & np.isfinite(units) & history["open"].fill_null(True).to_numpy()
    order = np.flatnonzero(usable)
    order = order[np.lexsort((-day[order], row[order]))]  # newest first within an item-location
    row, day, units = row[order], day[order], units[order]
    in_stock = floats(history, "in_stock_share", 1.0)[order] > 0.0
    lost = (history["censored"].fill_null(False) & (history["evidence"].fill_null("") == "")).to_numpy()[order]
    before: Integers = np.cumsum(in_stock) - in_stock
    first = np.searchsorted(row, row)
    counted = in_stock & (before - before[first] < STAND_IN_DAYS) if len(row) else in_stock
    recent = day > -RECENT_DAYS

    def total(where: Flags, values: Floats) -> Floats:
        return np.bincount(row[where], values[where], keys.size).astype(np.float64)

    ones = np.ones(len(row))
    days, days_in_stock = total(ones > 0.0, ones), total(counted, ones)
    none = np.full(keys.size, np.nan)
    return History(
        np.divide(total(counted, units), days_in_stock, out=none.copy(), where=days_in_stock > 0.0),
        np.where(days > 0.0, total(recent, units), np.nan),
        np.divide(total(lost, ones), days, out=none.copy(), where=days > 0.0),
    )


@dataclass(frozen=True)
class StandIns:
    """Rows whose demand does not come from a forecast of their own."""

    from_history: Flags
    from_reference: Flags
    none: Flags
    """Neither forecast nor history: only presentation stock is ordered."""


def fill_missing(demand: DailyDemand, history: History, positions: Columns, keys: Keys) -> StandIns:
    """Give rows without a forecast the demand of their reference item, else the mean of their last days in stock as
    Poisson demand. Changes `demand` in place."""
    missing = demand.days_given == 0
    reference = np.full(keys.size, -1, dtype=np.int64)
    wanted = np.flatnonzero(missing & (positions["reference"] >= 0))
    if len(wanted):
        number = positions["reference"][wanted] * len(keys.locations) + keys.location_codes[wanted]
        place = np.minimum(np.searchsorted(keys.pairs, number), keys.size - 1)
        found = (keys.pairs[place] == number) & (demand.days_given[place] > 0)
        reference[wanted[found]] = place[found]
    borrowed = np.flatnonzero(reference >= 0)
    scale = positions["reference_scale"][borrowed]
    demand.mean[borrowed] = demand.mean[reference[borrowed]] * scale[:, None]
    demand.variance[borrowed] = demand.variance[reference[borrowed]] * (scale**2)[:, None]
    demand.days_given[borrowed] = demand.days_given[reference[borrowed]]
    from_reference = reference >= 0
    from_history = missing & ~from_reference & np.isfinite(history.mean_in_stock)
    rows = np.flatnonzero(from_history)
    rate = np.maximum(history.mean_in_stock[rows], 0.0)
    demand.mean[rows] = rate[:, None]
    demand.variance[rows] = rate[:, None]
    return StandIns(from_history, from_reference, missing & ~from_reference & ~from_history)
