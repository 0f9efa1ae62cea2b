"""The compiled day loop of the simulator. What it does is written in `simulation`; names and order of columns are here."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from shelfcast.replenish.formulas.checks import FloatArray, IntArray
from shelfcast.replenish.formulas.rounding import below_room, whole_packs
from shelfcast.replenish.simulation_policies import AT_OR_BELOW, BELOW, LOTS_ABOVE, PACKS_TO

TOTALS = (
    "days", "demand", "unmet", "counted_demand", "counted_unmet", "sold", "received", "waste", "ordered", "orders",
    "stock_days", "backorder_days", "stockout_days", "empty_days", "cycles", "short_cycles", "demand_squares",
    "order_squares", "start_stock", "end_stock", "undelivered",
)  # fmt: skip
"""Columns of the totals of an item, over the days after the warm-up."""
LEDGER = ("start", "received", "demand", "sold", "unmet", "waste", "end", "backorders", "ordered", "position")
"""Columns of the daily ledger; `position` is what the policy saw, NaN on days without an order chance."""


@njit(cache=True, nogil=True)
def _issue(lots: FloatArray, day: int, units: float, oldest: bool) -> None:  # pragma: no cover - compiled
    """Take units from the lots, oldest or newest first. Slot `d % life` holds what may be sold up to day d."""
    life = lots.size
    for step in range(life):
        if units <= 0.0:
            return
        slot = (day + step) % life if oldest else (day + life - 1 - step) % life
        taken = min(lots[slot], units)
        lots[slot] -= taken
        units -= taken


@njit(cache=True, nogil=True)
def _strides(shape: tuple[int, int]) -> tuple[int, int]:  # pragma: no cover - compiled
    """(1 or 0, 1 or 0): whether the row and the column move with item and day."""
    return (1 if shape[0] > 1 else 0), (1 if shape[1] > 1 else 0)


@njit(cache=True, nogil=True)
def _expected_waste(
    lots: FloatArray, left: float, day: int, rate: float, window: int
) -> float:  # pragma: no cover - compiled
    """Units on hand that expire unsold within the window if `rate` units a day leave oldest first."""
    life = lots.size
    consumed, wasted, expiring = 0.0, 0.0, 0.0
    for ahead in range(1, min(window, life - 1) + 1):
        consumed += min(rate, left - consumed - wasted)
        expiring += lots[(day + ahead) % life]
        if expiring > consumed + wasted:
            wasted = expiring - consumed
    return wasted


@njit(cache=True, nogil=True)
def _need(rule: int, low: float, high: float, position: float) -> float:  # pragma: no cover - compiled
    """Units the rule asks for; 0 for none."""
    if math.isnan(low) or math.isnan(high):
        return 0.0
    if rule == AT_OR_BELOW:
        return high - position if position <= low else 0.0
    if rule == BELOW:
        return high - position if position < low else 0.0
    if rule == PACKS_TO:
        return low - position
    if rule == LOTS_ABOVE:
        return (math.floor((low - position) / high) + 1.0) * high if position <= low else 0.0
    return high - position


@njit(cache=True, nogil=True)
def run_items(
    begin: int,
    end: int,
    rule: int,
    low: FloatArray,
    high: FloatArray,
    demand: FloatArray,
    counted: NDArray[np.bool_],
    order_day: NDArray[np.bool_],
    arrival: IntArray,
    delivered_share: FloatArray,
    book_error: FloatArray,
    expected_demand: FloatArray,
    terms: FloatArray,
    start_stock: FloatArray,
    warm_up: int,
    totals: FloatArray,
    ledger: FloatArray,
) -> None:  # pragma: no cover - compiled
    """Play items begin..end-1. Tables are (n or 1, T or 1). `terms` columns: moq, pack, threshold, max stock, max order,
    life (0 = does not expire), oldest-first share, backorders (0/1), window days for expected waste."""
    days = demand.shape[1]
    write = ledger.shape[1] > 0
    pending = np.zeros(days)
    pending_good = np.zeros(days)
    boundary = np.zeros(days, np.bool_)
    # A table with one row or one column stands for all items or days: its index stays at 0.
    low_row, low_day = _strides(low.shape)
    high_row, high_day = _strides(high.shape)
    counted_row, counted_day = _strides(counted.shape)
    order_row, order_step = _strides(order_day.shape)
    share_row, share_day = _strides(delivered_share.shape)
    error_row, error_day = _strides(book_error.shape)
    expected_row, expected_day = _strides(expected_demand.shape)
    arrival_row, _ = _strides(arrival.shape)
    for item in range(begin, end):
        moq, pack, threshold = terms[item, 0], terms[item, 1], terms[item, 2]
        max_stock, max_order = terms[item, 3], terms[item, 4]
        life, oldest_share = int(terms[item, 5]), terms[item, 6]
        waits, window = terms[item, 7] > 0.5, int(terms[item, 8])
        if rule == PACKS_TO:
            threshold = 0.0
        pending[:] = 0.0
        pending_good[:] = 0.0
        boundary[:] = False
        lots = np.zeros(max(life, 1))
        stock = start_stock[item]
        if life > 0:
            lots[life - 1] = stock  # fresh on day 0
        owed, on_order, undelivered, carried = 0.0, 0.0, 0.0, 0.0
        in_cycle, short_in_cycle = False, False
        row = totals[item]
        row[:] = 0.0
        for day in range(days):
            after = day >= warm_up
            begin_stock = stock
            if day == warm_up:
                row[18] = stock
            # 1 receive
            received = pending_good[day]
            if pending[day] > 0.0:
                on_order -= pending[day]
                stock += received
                if life > 0:
                    lots[(day + life - 1) % life] += received
            if boundary[day]:
                if in_cycle:
                    row[14] += 1.0
                    row[15] += 1.0 if short_in_cycle else 0.0
                in_cycle, short_in_cycle = after, False
            # 2 demand
            wanted = demand[item, day]
            asked = owed + wanted
            sold = min(asked, stock)
            unmet = min(wanted, asked - sold)
            if life > 0 and sold > 0.0:
                if oldest_share >= 1.0:
                    _issue(lots, day, sold, True)
                elif oldest_share <= 0.0:
                    _issue(lots, day, sold, False)
                else:
                    carried += sold * oldest_share
                    old = min(math.floor(carried + 1e-9), sold) if sold == math.floor(sold) else min(carried, sold)
                    carried -= old
                    _issue(lots, day, old, True)
                    _issue(lots, day, sold - old, False)
            stock -= sold
            owed = asked - sold if waits else 0.0
            if unmet > 0.0:
                short_in_cycle = True
            # 3 expire
            waste = 0.0
            if life > 0:
                slot = day % life
                waste = lots[slot]
                lots[slot] = 0.0
                stock = lots.sum() if waste > 0.0 and stock != waste else stock - waste
            # 4 record, 5 order
            ordered, position = 0.0, math.nan
            if order_day[item * order_row, day * order_step]:
                position = stock + on_order - owed + book_error[item * error_row, day * error_day]
                if window > 0 and life > 0:
                    rate = expected_demand[item * expected_row, day * expected_day]
                    position -= _expected_waste(lots, stock, day, rate, window)
                need = _need(rule, low[item * low_row, day * low_day], high[item * high_row, day * high_day], position)
                if need > 1e-9:
                    room = min(max_stock - position, max_order)
                    if pack > 0.0:
                        ordered = below_room(whole_packs(need, moq, pack, threshold), room, moq, pack)
                    else:
                        ordered = max(need, moq)
                        if ordered > room:
                            ordered = room if room >= moq and room > 0.0 else 0.0
                due = arrival[item * arrival_row, day]
                if due < days:
                    boundary[due] = True
                if ordered > 0.0:
                    share = delivered_share[item * share_row, day * share_day]
                    good = ordered * share
                    if share < 1.0 and ordered == math.floor(ordered):
                        good = math.floor(good + 1e-9)
                    on_order += ordered
                    if due < days:
                        pending[due] += ordered
                        pending_good[due] += good
                        undelivered += ordered - good
            if after:
                row[0] += 1.0
                row[1] += wanted
                row[2] += unmet
                if counted[item * counted_row, day * counted_day]:
                    row[3] += wanted
                    row[4] += unmet
                row[5] += sold
                row[6] += received
                row[7] += waste
                row[8] += ordered
                row[9] += 1.0 if ordered > 0.0 else 0.0
                row[10] += stock
                row[11] += owed
                row[12] += 1.0 if unmet > 0.0 else 0.0
                row[13] += 1.0 if stock <= 0.0 else 0.0
                row[16] += wanted * wanted
                row[17] += ordered * ordered
            if write:
                ledger[0, item, day] = begin_stock
                ledger[1, item, day] = received
                ledger[2, item, day] = wanted
                ledger[3, item, day] = sold
                ledger[4, item, day] = unmet
                ledger[5, item, day] = waste
                ledger[6, item, day] = stock
                ledger[7, item, day] = owed
                ledger[8, item, day] = ordered
                ledger[9, item, day] = position
        if in_cycle:
            row[14] += 1.0
            row[15] += 1.0 if short_in_cycle else 0.0
        row[19] = stock
        row[20] = undelivered
