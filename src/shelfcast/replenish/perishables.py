"""Goods that expire: what will be thrown away, and how much can be sold within its life.

Expected waste enters the position (EWA policy, Broekmeulen & van Donselaar 2009): need = S - (position - waste).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import polars as pl
from numba import njit
from numpy.typing import NDArray

from shelfcast.replenish.constraints import Terms, smallest_order
from shelfcast.replenish.daily_demand import DailyDemand
from shelfcast.replenish.distribution_kernels import COUNT
from shelfcast.replenish.keys import Keys
from shelfcast.replenish.rules import Resolved
from shelfcast.replenish.targets import MOST_SERVICE, Costs
from shelfcast.replenish.terms import Columns
from shelfcast.replenish.window_demand import WindowDemand, sound_moments
from shelfcast.replenish.window_distribution import WindowDistribution

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

HALVINGS = 48
LONGEST_LIFE_DAYS = 120
"""Goods that keep longer than this are planned like goods that don't expire."""


@dataclass(frozen=True)
class Lots:
    """Stock by expiry, the oldest first within an item-location row: `lots start[row]:start[row + 1]`.

    `last_day` counts from the cutoff; a lot can be sold up to that day less the item's least remaining life.
    """

    start: Integers
    last_day: Integers
    units: Floats
    receipts_start: Integers
    receipts_day: Integers
    receipts_units: Floats


def find_lots(stock_lots: pl.DataFrame, deliveries: pl.DataFrame, keys: Keys, cutoff: date) -> Lots:
    """Lots of the latest snapshot and the receipts from which ages are estimated where no lots are known."""

    def sort(
        items: pl.Series, locations: pl.Series, days: pl.Series, units: pl.Series
    ) -> tuple[Integers, Integers, Floats]:
        row = keys.rows(items, locations)
        day = (days - pl.Series([cutoff])).dt.total_days().to_numpy().astype(np.int64)
        amount = units.cast(pl.Float64).to_numpy()
        order = np.flatnonzero(row >= 0)
        order = order[np.lexsort((amount[order], day[order], row[order]))]
        start = np.searchsorted(row[order], np.arange(keys.size + 1)).astype(np.int64)
        return start, day[order], amount[order]

    recent = deliveries.filter(
        ((pl.col("received_on") - pl.lit(cutoff)).dt.total_days() > -LONGEST_LIFE_DAYS)
        & (pl.col("received_on") <= cutoff)
        & (pl.col("units") > 0.0)
    )
    lots = sort(stock_lots["item_id"], stock_lots["location_id"], stock_lots["expiry_date"], stock_lots["units"])
    receipts = sort(recent["item_id"], recent["destination_id"], recent["received_on"], recent["units"])
    return Lots(*lots, *receipts)


def expires(lines: Columns) -> Flags:
    """Lines of goods that expire soon enough to matter."""
    life = lines["shelf_life_days"]
    return np.isfinite(life) & (life <= LONGEST_LIFE_DAYS)


def usable_life(lines: Columns) -> Integers:
    """Days a unit can be sold from the day it arrives."""
    life = np.where(expires(lines), lines["shelf_life_days"], LONGEST_LIFE_DAYS)
    return np.maximum(np.floor(life - lines["min_remaining_life_days"]), 0.0).astype(np.int64)


def expires_in_window(lines: Columns) -> Flags:
    """Whether a unit of tonight's order can't be sold any more after the window."""
    return np.asarray(expires(lines) & (usable_life(lines) <= lines["next_delivery_day"] - lines["delivery_day"]))


@njit(cache=True, nogil=True)
def _estimate(on_hand, first, last, day, units, life, out_day, out_units):  # type: ignore[no-untyped-def]
    """Lots of unknown age: the newest receipts make up the stock (FIFO sales); the rest is as old as the oldest."""
    left = on_hand
    count = 0
    for k in range(last - 1, first - 1, -1):
        if left <= 0.0 or count >= out_day.shape[0] - 1:
            break
        taken = min(left, units[k])
        out_day[count] = day[k] + life - 1
        out_units[count] = taken
        left -= taken
        count += 1
    if left > 0.0:
        # No receipt accounts for it: half its life is taken to be left where nothing is known, else it is the oldest.
        out_day[count] = max(1, life // 2) if count == 0 else out_day[count - 1]
        out_units[count] = left
        count += 1
    return count


@njit(cache=True, nogil=True)
def _lots_of_lines(row, usable, life, start, last_day, units, receipts_start, receipts_day, receipts_units, known, line, day, amount):  # type: ignore[no-untyped-def]  # fmt: skip
    """Flatten lots per line, oldest first; returns how many."""
    total = 0
    out_day = np.empty(64, dtype=np.int64)
    out_units = np.empty(64)
    for i in range(row.shape[0]):
        r = row[i]
        if known[i]:
            left = usable[i]
            for k in range(start[r], start[r + 1]):
                taken = min(left, units[k])
                if taken > 0.0:
                    line[total], day[total], amount[total] = i, last_day[k], taken
                    total += 1
                    left -= taken
        else:
            count = _estimate(
                usable[i], receipts_start[r], receipts_start[r + 1], receipts_day, receipts_units, life[i], out_day,
                out_units,
            )  # fmt: skip
            for k in range(count - 1, -1, -1):
                line[total], day[total], amount[total] = i, out_day[k], out_units[k]
                total += 1
    return total


def expected_waste(lines: Columns, lots: Lots, daily: DailyDemand, parameters: Resolved) -> tuple[Floats, Flags]:
    """(units of today's stock expected to expire unsold within the window, whether ages were estimated) of each line.

    Oldest first (FIFO): of the U units that expire by day e, E[(U - demand to e)+] are left; the waste is the largest
    of these over the lots. Newest first (LIFO): a lot only sells what is left of demand after the newer ones. The two
    are mixed by the share of customers who take the oldest.
    """
    waste = np.zeros(len(lines["row"]))
    mine = np.flatnonzero(expires(lines) & (lines["on_hand"] - lines["blocked"] > 0.0))
    estimated = np.zeros(len(waste), dtype=np.bool_)
    if not len(mine):
        return waste, estimated
    row = lines["row"][mine]
    usable = (lines["on_hand"] - lines["blocked"])[mine]
    least = np.ceil(lines["min_remaining_life_days"][mine]).astype(np.int64)
    life = np.maximum(np.floor(lines["shelf_life_days"][mine]), 1.0).astype(np.int64)
    known = lots.start[row + 1] > lots.start[row]
    estimated[mine] = ~known
    size = int((lots.start[row + 1] - lots.start[row]).sum() + 64 * (~known).sum())
    line, day, amount = np.empty(size, np.int64), np.empty(size, np.int64), np.empty(size)
    count = _lots_of_lines(
        row, usable, life, lots.start, lots.last_day, lots.units, lots.receipts_start, lots.receipts_day,
        lots.receipts_units, known, line, day, amount,
    )  # fmt: skip
    line, day, amount = line[:count], day[:count], amount[:count]
    last = day - least[line]  # last day the lot can be sold
    window = lines["next_delivery_day"][mine] - 1
    inside = last <= window[line]  # later lots outlive the window
    correlation = np.ascontiguousarray(parameters.number("day_correlation")[mine])
    discrete = lines["unit_step"][mine] == 1.0
    cumulative = _running(amount, line)
    total = np.bincount(line, amount, len(mine))
    newer = total[line] - cumulative
    places = np.flatnonzero(inside)
    line, last, amount = line[places], np.maximum(last[places], 0), amount[places]
    mean, variance = sound_moments(daily, row[line], last, correlation[line])
    until = WindowDistribution.from_moments(mean, variance, discrete[line])
    held = cumulative[places]
    left = held - mean + until.at(held)[1]
    oldest_first = np.zeros(len(mine))
    np.maximum.at(oldest_first, line, np.maximum(left, 0.0))
    above = until.at(newer[places])[1] - until.at(newer[places] + amount)[1]
    newest_first = np.bincount(line, np.maximum(amount - above, 0.0), len(mine))
    share = lines["fifo_share"][mine]
    waste[mine] = np.clip(share * oldest_first + (1.0 - share) * newest_first, 0.0, usable)
    return waste, estimated


def _running(amount: Floats, line: Integers) -> Floats:
    """Units of a line up to and including each of its lots."""
    if not len(amount):
        return amount
    total = np.cumsum(amount)
    first = np.searchsorted(line, line)
    return total - (total[first] - amount[first])


def with_outdating(
    lines: Columns, money: Costs, demand: WindowDemand, daily: DailyDemand, parameters: Resolved
) -> Costs:
    """Costs in which a unit too many of goods that outlive the window also carries its chance of being thrown away.

    Holding alone would make such goods look nearly free to overstock. The last unit of a level S is thrown away if demand
    doesn't reach it within its life. Had the level been one lower, that unit would have come a cycle later; so what it
    adds to the waste is G(S) = (F(S) - F(S - Q)) / (1 - F(S - Q)), F being the distribution of the demand that reaches it
    within its life and Q a cycle's demand (the derivative of Chiu's (1995) expected outdating of an order of Q units,
    EO = E(S - D)+ - E(S - Q - D)+, with Q = demand + EO in the long run). Customers who take the newest unit leave the
    older ones: beyond the window only the share who take the oldest counts. The level solves

        cu (1 - F_w(S)) = h R F_w(S) + (cost - salvage + disposal) G(S)

    and the returned overage is the one whose critical ratio leads to it. Goods that expire inside the window keep the
    overage of `costs`.
    """
    places = np.flatnonzero(
        expires(lines) & ~expires_in_window(lines) & money.known & (money.underage > 0.0) & (demand.window.mean > 0.0)
    )
    thrown = (lines["unit_cost"] - lines["salvage"] + lines["disposal_cost"])[places]
    places, thrown = places[thrown > 0.0], thrown[thrown > 0.0]
    if not len(places):
        return money
    window, cycle = demand.window.take(places), demand.cycle_mean[places]
    reached = _demand_that_reaches(lines, places, demand, daily, parameters)
    under, kept = money.underage[places], money.overage[places]

    def outdating(level: Floats) -> Floats:
        below = reached.at(level - cycle)[0]
        return np.clip((reached.at(level)[0] - below) / np.maximum(1.0 - below, 1e-12), 0.0, 1.0)

    counted = window.kind == COUNT
    low = np.full(len(places), -1.0)
    high = np.maximum(np.ceil(window.quantile(np.full(len(places), MOST_SERVICE))[0]), 1.0)
    for _ in range(HALVINGS):
        if ((high - low) <= np.where(counted, 1.0, 1e-6 * (1.0 + high))).all():
            break
        middle = 0.5 * (low + high)
        middle = np.where(counted, np.floor(middle), middle)
        covered = window.at(middle)[0]
        enough = under * (1.0 - covered) <= kept * covered + thrown * outdating(middle)
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    covered, before = window.at(high)[0], window.at(high - 1.0)[0]
    ratio = under / (under + kept + thrown * outdating(high) / np.maximum(covered, 1e-12))
    # Unit demand jumps: the ratio is kept between the steps on both sides of the level.
    ratio = np.where(counted, np.clip(ratio, np.minimum(before + 1e-9, covered), covered), ratio)
    overage = money.overage.copy()
    overage[places] = np.maximum(under * (1.0 - ratio) / np.maximum(ratio, 1e-12), kept)
    return replace(money, overage=overage)


def _demand_that_reaches(
    lines: Columns, places: Integers, demand: WindowDemand, daily: DailyDemand, parameters: Resolved
) -> WindowDistribution:
    """Demand that may take tonight's last unit within its life: all of the window, afterwards that of customers who take
    the oldest unit."""
    correlation = np.ascontiguousarray(parameters.number("day_correlation")[places])
    row, window_days = lines["row"][places], lines["next_delivery_day"][places] - 1
    life_days = lines["delivery_day"][places] - 1 + usable_life(lines)[places]
    mean, variance = sound_moments(daily, row, window_days, correlation)
    life_mean, life_variance = sound_moments(daily, row, life_days, correlation)
    share = lines["fifo_share"][places]
    more, spread = np.maximum(life_mean - mean, 0.0), np.maximum(life_variance - variance, 0.0)
    pieces = lines["unit_step"][places] == 1.0
    spread = share**2 * spread + np.where(pieces, share * (1.0 - share) * more, 0.0)
    return WindowDistribution.from_moments(
        demand.window.mean[places] + share * more, demand.window.variance[places] + spread, pieces
    )


@dataclass(frozen=True)
class Room:
    """Units an order may have before more is likely to expire than to sell; NaN where goods keep."""

    room: Floats
    smallest_order_pays: Flags


def life_demand(lines: Columns, places: Integers, daily: DailyDemand, parameters: Resolved) -> WindowDistribution:
    """Demand from tomorrow to the last day tonight's units can be sold, for some lines."""
    days = lines["delivery_day"][places] - 1 + usable_life(lines)[places]
    correlation = np.ascontiguousarray(parameters.number("day_correlation")[places])
    mean, variance = sound_moments(daily, lines["row"][places], days, correlation)
    return WindowDistribution.from_moments(mean, variance, lines["unit_step"][places] == 1.0)


def _own_days(
    lines: Columns, places: Integers, sells: WindowDistribution, daily: DailyDemand, parameters: Resolved
) -> WindowDistribution:
    """Demand from the delivery of tonight's units to the last day they can be sold."""
    before = lines["delivery_day"][places] - 1
    correlation = np.ascontiguousarray(parameters.number("day_correlation")[places])
    mean, variance = sound_moments(daily, lines["row"][places], before, correlation)
    left, spread = np.maximum(sells.mean - mean, 0.0), np.maximum(sells.variance - variance, 0.0)
    left = np.where(usable_life(lines)[places] > 0, left, 0.0)
    return WindowDistribution.from_moments(left, np.where(left > 0.0, spread, 0.0), lines["unit_step"][places] == 1.0)


def shelf_life_room(
    lines: Columns,
    daily: DailyDemand,
    parameters: Resolved,
    position: Floats,
    money: Costs,
    terms: Terms,
) -> Room:
    """position + order <= quantile of the demand over the life of the goods at `max_waste_prob`.

    Where the smallest order is more than that, it still pays if what it sells earns more than what is thrown away.
    """
    room = np.full(len(position), np.nan)
    pays = np.zeros(len(position), dtype=np.bool_)
    places = np.flatnonzero(expires(lines) & (lines["delivery_day"] <= 2 * LONGEST_LIFE_DAYS))
    if not len(places):
        return Room(room, pays)
    sells = life_demand(lines, places, daily, parameters)
    waste_prob = np.ascontiguousarray(parameters.number("max_waste_prob")[places])
    most = sells.quantile(waste_prob)[0]
    # What is sold before the delivery isn't sold from it: alone, an order sells no more than the demand of its own days.
    own = _own_days(lines, places, sells, daily, parameters).quantile(waste_prob)[0]
    room[places] = np.clip(most - position[places], 0.0, own)
    order = smallest_order(terms)[places]
    start = position[places]
    sold = sells.at(start)[1] - sells.at(start + order)[1]
    thrown = lines["unit_cost"][places] - lines["salvage"][places] + lines["disposal_cost"][places]
    worth = sold * money.underage[places] - (order - sold) * thrown
    pays[places] = np.nan_to_num(worth) > 0.0
    return Room(room, pays)
