"""Replay a replenishment policy over history: what would it have cost, and what would it have served.

A `World` is made once - the demand, the order and arrival days, the terms, the start stock - and every policy is played in
it, so that comparisons are paired: same demand, same lead times, same start. Levels may come from anywhere as long as they
use nothing of the future: `levels_by_day` hands a target source, day by day, only what was known at the close of that day.
The nightly target code plugs in as `from_window_demand(forecast, to_target)`: the forecast of window demand made with data
up to that day, and the very function that turns window demand into a target at night.

The demand is the truth of the simulation: recorded sales on days in stock; on days of a stock-out (`censored`) an
unconstrained estimate where there is one, and those days are left out of the fill rate. A source sees `sales`, never more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from shelfcast.domain.errors import BadParameter
from shelfcast.replenish.formulas.checks import FloatArray, IntArray, not_negative
from shelfcast.replenish.simulation import (
    ItemTerms,
    Simulation,
    arrival_days,
    protection_days,
    review_days,
    simulate,
)
from shelfcast.replenish.simulation_policies import Policy

LEAST_WARM_UP_DAYS = 28


@dataclass(frozen=True)
class World:
    """All that is the same for every policy. Tables are (n, T) or have one row for all items.

    demand: units wanted, the truth. sales: units a source may learn from, on each day at its close. censored: True where
    the truth isn't known for sure. order_days, arrivals, windows: chances to order, day index of arrival, days each order
    must last. warm_up_days are played and not counted.
    """

    demand: FloatArray
    sales: FloatArray
    censored: NDArray[np.bool_]
    order_days: NDArray[np.bool_]
    arrivals: IntArray
    windows: IntArray
    terms: ItemTerms
    start_stock: FloatArray
    warm_up_days: int
    item_names: tuple[str, ...]

    @property
    def items(self) -> int:
        return int(self.demand.shape[0])

    @property
    def days(self) -> int:
        return int(self.demand.shape[1])


@dataclass(frozen=True)
class Known:
    """What was known at the close of `day`: nothing later can be reached from here.

    sales and censored are (n, day + 1); window_days (n,) is what an order of today must last, from tomorrow on, and
    cycle_days (n,) the days between its delivery and the next one's. Items that can't order today have 0 for both.
    """

    day: int
    sales: FloatArray
    censored: NDArray[np.bool_]
    window_days: IntArray
    cycle_days: IntArray


TargetSource = Callable[[Known], FloatArray]
"""Levels to order up to (n,), for the day of `Known`; NaN: no order today."""
W = TypeVar("W")


def world(
    demand: ArrayLike,
    *,
    lead_time_days: ArrayLike = 1,
    lead_time_sd_days: ArrayLike = 0.0,
    review_period_days: int = 1,
    order_days: ArrayLike | None = None,
    delivery_open: ArrayLike | None = None,
    terms: ItemTerms | None = None,
    sales: ArrayLike | None = None,
    censored: ArrayLike | None = None,
    start_stock: ArrayLike | None = None,
    warm_up_days: int | None = None,
    seed: int = 0,
    item_names: Sequence[str] | None = None,
) -> World:
    """Prepare a replay.

    `order_days` (T,) or (n, T) stands above `review_period_days`; `delivery_open` are the days goods can be received.
    Start stock is by default the mean demand of the first 28 days over the first window, for every policy alike; the
    warm-up, max(28, 2 x the longest window) unless given, keeps it out of the figures.
    """
    truth = np.ascontiguousarray(np.atleast_2d(not_negative("demand", demand)))
    items, days = truth.shape
    seen = truth if sales is None else np.ascontiguousarray(np.atleast_2d(not_negative("sales", sales)))
    hidden = np.zeros((items, days), np.bool_) if censored is None else np.atleast_2d(np.asarray(censored, np.bool_))
    if seen.shape != truth.shape or hidden.shape != truth.shape:
        raise BadParameter(f"demand is {truth.shape}, sales {seen.shape}, censored {hidden.shape}; they must agree.")
    ordering = np.atleast_2d(
        review_days(days, review_period_days) if order_days is None else np.asarray(order_days, np.bool_)
    )
    due = arrival_days(
        items,
        days,
        lead_time_days,
        lead_time_sd_days=lead_time_sd_days,
        seed=seed,
        order_days=ordering,
        delivery_open=delivery_open,
    )
    # The plan knows the usual lead time, not the one that will be drawn.
    planned = arrival_days(items, days, lead_time_days, order_days=ordering, delivery_open=delivery_open)
    windows = protection_days(ordering, planned, items, days)
    warm_up = max(LEAST_WARM_UP_DAYS, 2 * int(windows.max())) if warm_up_days is None else warm_up_days
    if warm_up >= days:
        raise BadParameter(f"{days} days of history leave nothing after a warm-up of {warm_up}; give more days.")
    if start_stock is None:
        first_window = np.broadcast_to(windows.max(axis=1), (items,))
        stock = np.ceil(truth[:, :LEAST_WARM_UP_DAYS].mean(axis=1) * (first_window + 1))
    else:
        stock = np.broadcast_to(not_negative("start_stock", start_stock), (items,)).astype(np.float64)
    names = tuple(item_names) if item_names is not None else tuple(str(number) for number in range(items))
    if len(names) != items:
        raise BadParameter(f"{len(names)} item_names for {items} items; give one per item.")
    return World(truth, seen, hidden, ordering, due, windows, terms or ItemTerms(), stock, warm_up, names)


def replay(
    setting: World,
    policy: Policy,
    *,
    expected_demand: ArrayLike = 0.0,
    keep_ledger: bool = False,
    workers: int = 1,
) -> Simulation:
    """Play one policy in the world. Same world, same policy: same result, with any number of workers."""
    return simulate(
        setting.demand,
        policy,
        setting.terms,
        arrivals=setting.arrivals,
        order_days=setting.order_days,
        counted=~setting.censored,
        start_stock=setting.start_stock,
        expected_demand=expected_demand,
        warm_up_days=setting.warm_up_days,
        keep_ledger=keep_ledger,
        workers=workers,
    )


def levels_by_day(setting: World, source: TargetSource) -> FloatArray:
    """Ask the source on every day somebody can order; (n, T) levels, NaN where nobody asked.

    The source gets copies cut at the close of the day, so it can't look ahead.
    """
    levels = np.full((setting.items, setting.days), np.nan)
    ordering = np.broadcast_to(setting.order_days, (setting.items, setting.days))
    windows = np.broadcast_to(setting.windows, (setting.items, setting.days))
    cycles = np.broadcast_to(_cycle_days(setting), (setting.items, setting.days))
    for day in np.flatnonzero(ordering.any(axis=0)):
        at = int(day)
        known = Known(
            at,
            _closed(setting.sales[:, : at + 1]),
            _closed(setting.censored[:, : at + 1]),
            np.where(ordering[:, at], windows[:, at], 0),
            np.where(ordering[:, at], cycles[:, at], 0),
        )
        answer = np.asarray(source(known), dtype=np.float64)
        if answer.shape != (setting.items,):
            raise BadParameter(f"the target source gave {answer.shape} levels for {setting.items} items on day {at}.")
        levels[:, at] = np.where(ordering[:, at], answer, np.nan)
    return levels


def from_window_demand(forecast: Callable[[Known], W], to_target: Callable[[W], FloatArray]) -> TargetSource:
    """A target source out of two parts: the forecast of window demand as of a day, and the code that makes it a target."""
    return lambda known: to_target(forecast(known))


def _cycle_days(setting: World) -> IntArray:
    """Days between the delivery of an order and the next one's: window - (planned delivery - today) + 1; 0 off order days."""
    ordering = setting.order_days
    rows = max(ordering.shape[0], setting.windows.shape[0])
    windows = np.broadcast_to(setting.windows, (rows, setting.days))
    ordering = np.broadcast_to(ordering, (rows, setting.days))
    ends = np.where(ordering, np.arange(setting.days) + windows + 1, 0)  # the next order's delivery
    before = np.maximum.accumulate(np.concatenate((np.zeros((rows, 1), np.int64), ends[:, :-1]), axis=1), axis=1)
    cycle = np.where(ordering & (before > 0), np.maximum(ends - before, 1), 0)
    first = np.argmax(ordering, axis=1)
    typical = np.where((cycle > 0).any(axis=1), np.max(cycle, axis=1), 1)
    cycle[np.arange(rows), first] = np.where(ordering.any(axis=1), typical, 0)
    return cycle


def _closed(view: NDArray) -> NDArray:
    """A read-only copy, so that what comes later can't be reached through the view's base."""
    copy = view.copy()
    copy.flags.writeable = False
    return copy
