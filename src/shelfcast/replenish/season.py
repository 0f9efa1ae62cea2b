"""Policies that look beyond one window: one order for a season, and the cheapest plan for known needs."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
from numba import njit
from numpy.typing import NDArray

from shelfcast.replenish.daily_demand import DailyDemand
from shelfcast.replenish.formulas.min_max import min_max_power_approximation
from shelfcast.replenish.keys import Integers, Keys
from shelfcast.replenish.terms import FAR
from shelfcast.replenish.window_demand import WindowDemand, sound_moments
from shelfcast.replenish.window_distribution import WindowDistribution

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

LONGEST_SEASON_DAYS = 366
PLAN_CYCLES = 26


def season_level(
    demand: DailyDemand,
    row: Integers,
    end_day: Integers,
    window_days: Integers,
    discrete: Flags,
    correlation: Floats,
    value: Floats,
) -> Floats:
    """Quantile of the demand from tomorrow to the last selling day (the window where no end is known): the newsvendor's
    one order (Snyder & Shen 4.3)."""
    days = np.where(end_day < FAR, np.clip(end_day, 1, LONGEST_SEASON_DAYS), window_days)
    mean, variance = sound_moments(demand, row, days, correlation)
    season = WindowDistribution.from_moments(mean, variance, discrete)
    return season.quantile(np.clip(value, 0.0, 0.9999))[0]


def season_ordered(
    deliveries: pl.DataFrame, keys: Keys, row: Integers, start_day: Integers, on_order: Floats, cutoff: date
) -> Flags:
    """Whether the season's goods have come (a delivery since the start of the item, or any where none is known) or are on
    their way."""
    known = keys.rows(deliveries["item_id"], deliveries["destination_id"])
    day = (deliveries["received_on"] - pl.Series([cutoff])).dt.total_days().to_numpy()
    latest = np.full(keys.size, -FAR, dtype=np.int64)
    mine = known >= 0
    np.maximum.at(latest, known[mine], day[mine].astype(np.int64))
    return (on_order > 0.0) | ((latest[row] > -FAR) & (latest[row] >= start_day - 60))


@njit(cache=True, nogil=True)
def first_lot(needs: Floats, fixed_cost: float, holding_per_cycle: float) -> float:
    """First order of the cheapest plan for needs of coming cycles (Wagner & Whitin 1958, dynamic programme from the end).

    Units needed in cycle j and bought in cycle i cost (j - i) x holding. Nothing needed in the first cycle: 0.

    >>> first_lot(np.array([90.0, 120.0, 80.0, 70.0]), 500.0, 2.0)
    210.0
    """
    count = needs.shape[0]
    if count == 0 or needs[0] <= 0.0:
        return 0.0
    best = np.zeros(count + 1)
    lot = np.zeros(count)
    for i in range(count - 1, -1, -1):
        if needs[i] <= 0.0:
            best[i] = best[i + 1]
            continue
        best[i] = np.inf
        cost = fixed_cost
        units = 0.0
        for j in range(i, count):
            cost += (j - i) * holding_per_cycle * needs[j]
            units += needs[j]
            if cost + best[j + 1] < best[i] - 1e-12:
                best[i] = cost + best[j + 1]
                lot[i] = units
    return float(lot[0])


@njit(cache=True, nogil=True)
def _planned(mean, row, delivery, following, available, fixed_cost, holding, out):  # type: ignore[no-untyped-def]
    days = mean.shape[1]
    week = min(7, days)
    needs = np.zeros(PLAN_CYCLES)
    for i in range(row.shape[0]):
        length = max(1, following[i] - delivery[i])
        stock = available[i]
        last = min(delivery[i] - 1 + PLAN_CYCLES * length, 366)
        needs[:] = 0.0
        for d in range(last):
            place = d if d < days else days - week + (d - days) % week
            wanted = mean[row[i], place]
            used = min(wanted, max(stock, 0.0))
            stock -= wanted
            cycle = (d - (delivery[i] - 1)) // length if d >= delivery[i] - 1 else 0
            if cycle < PLAN_CYCLES:
                needs[cycle] += wanted - used
        if available[i] < 0.0:
            needs[0] += -available[i]
        out[i] = first_lot(needs, fixed_cost[i], holding[i] * length)


def planned_need(
    demand: DailyDemand,
    row: Integers,
    delivery_day: Integers,
    next_delivery_day: Integers,
    position: Floats,
    safety_stock: Floats,
    order_cost: Floats,
    holding_per_day: Floats,
) -> Floats:
    """First lot of the cheapest plan for the mean demand of the coming cycles, on top of the safety stock. Without a fixed
    cost this is lot for lot: the need of one cycle."""
    out = np.zeros(len(row))
    cost = np.nan_to_num(order_cost)
    holding = np.nan_to_num(holding_per_day)
    _planned(demand.mean, row, delivery_day, next_delivery_day, position - safety_stock, cost, holding, out)
    return out


def levels_with_order_cost(
    demand: WindowDemand,
    window_days: Integers,
    cycle_days: Floats,
    underage: Floats,
    holding_per_day: Floats,
    order_cost: Floats,
) -> tuple[Floats, Floats]:
    """(reorder point s, level S) where each order costs a fixed sum: power approximation with the authors' cap (Ehrhardt &
    Mosier 1984), a period being one cycle and the lead time the rest of the window."""
    periods = np.maximum(window_days / cycle_days, 1.0)
    mean = np.maximum(demand.window.mean / periods, 1e-6)
    deviation = np.maximum(np.sqrt(demand.window.variance / periods), 1e-6)
    found = min_max_power_approximation(
        np.maximum(holding_per_day * cycle_days, 1e-9), np.maximum(underage, 1e-9), np.maximum(order_cost, 1e-9), mean,
        deviation, periods - 1.0, capped=True,
    )  # fmt: skip
    point = np.maximum(np.asarray(found.reorder_point, dtype=np.float64), 0.0)
    return point, np.maximum(np.asarray(found.order_up_to_level, dtype=np.float64), point)
