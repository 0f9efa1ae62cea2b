"""Where a forecast is missing, short, zero or doubtful: what stands in, and what is said about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shelfcast.replenish.daily_demand import DailyDemand
from shelfcast.replenish.keys import Integers, Keys
from shelfcast.replenish.terms import Columns

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
    known = history.filter(
        (pl.col("date") <= cutoff) & pl.col("units").is_not_null() & pl.col("open").fill_null(True)
    ).sort("item_id", "location_id", "date")
    in_stock = pl.col("in_stock_share").fill_null(1.0) > 0.0
    recent = pl.col("date") > cutoff - timedelta(days=RECENT_DAYS)
    lost = pl.col("censored").fill_null(False) & (pl.col("evidence").fill_null("") == "")
    found = (
        known.group_by("item_id", "location_id", maintain_order=True)
        .agg(
            pl.col("units").filter(in_stock).tail(STAND_IN_DAYS).mean().alias("mean"),
            pl.col("units").filter(recent).sum().alias("sold"),
            lost.mean().alias("censored"),
        )
    )  # fmt: skip
    row = keys.rows(found["item_id"], found["location_id"])
    mine = row >= 0
    columns = []
    for name in ("mean", "sold", "censored"):
        values = np.full(keys.size, np.nan)
        values[row[mine]] = found[name].cast(pl.Float64).fill_null(np.nan).to_numpy()[mine]
        columns.append(values)
    return History(*columns)


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


def short_forecasts(demand: DailyDemand, row: Integers, window_days: Integers) -> tuple[Flags, Flags]:
    """(forecast ends before the window, less than half of the window is given) of each line."""
    given = demand.days_given[row]
    repeated = (given > 0) & (given < window_days)
    return repeated, repeated & (2 * given < window_days)
