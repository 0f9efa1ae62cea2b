"""The stock of a location run day by day: receive, sell what is there, throw away what is past its life, order.

The run can be cut anywhere: state in, days out. Orders come from the shop's own rule, or from outside, so any policy can
be driven against the same customers, the same late lorries and the same short deliveries.

    day: 1 receive   2 demand, sales = min(demand, stock), oldest first   3 returns   4 expire   5 record   6 order
    start + received - (sold - returned) - wasted = end, in whole steps, on every item and day
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numba import njit
from numpy.typing import NDArray

from shelfcast.domain.errors import BadParameter
from shelfcast.sources.simulator.draws import RETURN, SHORTAGE, stream_key, uniform
from shelfcast.sources.simulator.supply import Supply

Matrix = NDArray[np.int32]
SMOOTHING = 0.06
"""Weight of a day in the shop's own smoothed level."""


@dataclass(frozen=True)
class Terms:
    """What the run must know of each item at the location; quantities in steps."""

    series_key: NDArray[np.int64]
    """Number that the shortages and returns of a series are drawn by."""
    life_days: NDArray[np.int64]
    """0 = does not expire."""
    pack: NDArray[np.int64]
    smallest_order: NDArray[np.int64]
    presentation: NDArray[np.int64]
    safety: NDArray[np.float64]
    """Standard deviations of window demand the shop's own rule keeps in reserve."""
    steps: NDArray[np.int64]
    return_rate: NDArray[np.float64]


@dataclass(frozen=True)
class StockState:
    """Stock at the close of the day before `day`; arrays have a row per item."""

    day: int
    """Day number the run goes on with."""
    lots: Matrix
    """Steps by life left: column k may be sold on k + 1 more days; column 0 of items that do not expire holds all."""
    coming: Matrix
    """Steps on their way: column k arrives k days after `day`."""
    level: NDArray[np.float64]
    """The shop's own smoothed level in steps a middling day."""
    error: NDArray[np.float64]
    """Its smoothed absolute error in steps."""

    @property
    def on_hand(self) -> NDArray[np.int64]:
        return self.lots.sum(axis=1, dtype=np.int64)

    @property
    def on_order(self) -> NDArray[np.int64]:
        return self.coming.sum(axis=1, dtype=np.int64)


@dataclass(frozen=True)
class StockDays:
    """What happened on the days of a run: arrays of shape (items, days), in steps."""

    first: int
    sold: Matrix
    returned: Matrix
    received: Matrix
    wasted: Matrix
    on_hand: Matrix
    """At the close."""
    ordered: Matrix
    shipped: Matrix
    """Of the order of that day, what will arrive."""


def start_state(terms: Terms, supply: Supply, level: NDArray[np.float64], day: int = 0) -> StockState:
    """A shop that opens with stock for its first windows. `level` in steps a day is the shop's idea of demand.

    The first lots are fresh; nothing is on its way.
    """
    n = len(terms.pack)
    window = supply.window[supply.route, min(day, supply.window.shape[1] - 1)] + supply.promised_in[supply.route, 0]
    life = np.where(terms.life_days > 0, terms.life_days, 10**6)
    cover = np.minimum(window + 2, life)
    stock = np.ceil((level * cover + terms.presentation) / terms.pack) * terms.pack
    lots = np.zeros((n, max(1, int(terms.life_days.max(initial=0)))), dtype=np.int32)
    lots[np.arange(n), np.maximum(terms.life_days - 1, 0)] = stock.astype(np.int32)
    reach = int(max(supply.arrives_in.max(), supply.promised_in.max())) + 1
    coming = np.zeros((n, reach + 1), dtype=np.int32)
    return StockState(day, lots, coming, level.astype(np.float64), np.sqrt(level * terms.steps) + 0.25 * level)


def simulate_days(
    state: StockState,
    days: int,
    demand: Matrix,
    plan: NDArray[np.float32],
    open_days: NDArray[np.bool_],
    terms: Terms,
    supply: Supply,
    seed: int,
    orders: Matrix | None = None,
    *,
    last_evening: bool = True,
) -> tuple[StockState, StockDays]:
    """Run a location for some days from a state.

    Args:
        demand: what customers want, steps, shape (items, span): all days of the world, read from `state.day` on.
        plan: the shop's own idea of each day (see `StoreDemand.plan`), same shape.
        open_days: days customers come, length span.
        orders: steps ordered at the close of each day, shape (items, days); None = the shop's own rule.
            They arrive when the world's lorries come, short where the world ships short.
        last_evening: False leaves the ordering at the close of the last day to `place_orders`.

    Returns:
        The state after the last day, and the days. The state given is left as it was, so runs can branch.

    Raises:
        BadParameter: the days reach beyond the world, or orders have another shape or are negative.
    """
    items, span = demand.shape
    if not 1 <= days <= span - state.day:
        raise BadParameter(
            f"{days} days from day {state.day} were asked for; the world ends after day {span - 1}. "
            "Ask for at least one day and none beyond the end, or build a longer world."
        )
    given = np.zeros((items, 0), dtype=np.int32) if orders is None else np.asarray(orders, dtype=np.int32)
    if orders is not None and (given.shape != (items, days) or given.min(initial=0) < 0):
        raise BadParameter(
            f"orders have shape {given.shape} and least value {given.min(initial=0)}; allowed: shape {(items, days)}, no "
            "negative value. Give a row per item and a column per day."
        )
    after = replace(
        state,
        day=state.day + days,
        lots=state.lots.copy(),
        coming=state.coming.copy(),
        level=state.level.copy(),
        error=state.error.copy(),
    )
    out = [np.zeros((items, days), dtype=np.int32) for _ in range(7)]
    short_chance = _short_chance(supply)
    _run(
        *out, after.lots, after.coming, after.level, after.error, state.day, days, demand, plan, open_days,
        terms.series_key, terms.life_days, terms.pack, terms.smallest_order, terms.presentation, terms.safety,
        terms.steps, terms.return_rate, supply.route, supply.can_order, supply.arrives_in, supply.window,
        short_chance, seed, orders is not None, given, last_evening,
    )  # fmt: skip
    return after, StockDays(state.day, *out)


@njit(cache=True)
def _run(  # type: ignore[no-untyped-def]
    sold, returned, received, wasted, on_hand, ordered, shipped, lots, coming, level, error, first, days, demand, plan,
    open_days, series_key, life_days, pack, smallest_order, presentation, safety, steps, return_rate, route, can_order,
    arrives_in, window, short_chance, seed, outside, given, last_evening,
):  # fmt: skip
    items, span = demand.shape
    reach = coming.shape[1]
    for i in range(items):
        r, life = route[i], life_days[i]
        fresh = max(life - 1, 0)
        short_key = stream_key(seed, SHORTAGE, series_key[i])
        return_key = stream_key(seed, RETURN, series_key[i])
        stock, on_order = 0, 0
        for k in range(lots.shape[1]):
            stock += lots[i, k]
        for k in range(reach):
            on_order += coming[i, k]
        for d in range(days):
            t = first + d
            # 1 receive
            arrived = coming[i, 0]
            for k in range(reach - 1):
                coming[i, k] = coming[i, k + 1]
            coming[i, reach - 1] = 0
            lots[i, fresh] += arrived
            received[i, d] = arrived
            on_order -= arrived
            stock += arrived
            # 2 demand, oldest first
            had = stock
            take = min(demand[i, t], stock)
            sold[i, d] = take
            stock -= take
            for k in range(lots.shape[1]):
                if take <= 0:
                    break
                part = min(take, lots[i, k])
                lots[i, k] -= part
                take -= part
            # 3 returns: one unit a day at most, of goods that keep
            chance = min(0.5, return_rate[i] * level[i] / steps[i])
            if chance > 0.0 and open_days[t] and uniform(return_key, t) < chance:
                returned[i, d] = steps[i]
                lots[i, 0] += steps[i]
                stock += steps[i]
            # 4 expire
            if life > 0:
                wasted[i, d] = lots[i, 0]
                stock -= lots[i, 0]
                for k in range(lots.shape[1] - 1):
                    lots[i, k] = lots[i, k + 1]
                lots[i, lots.shape[1] - 1] = 0
            # 5 record, and learn from days that were not cut short
            on_hand[i, d] = stock
            if plan[i, t] > 0.0 and had > 0:
                seen = sold[i, d]
                guess = level[i] * plan[i, t]
                if seen < had or seen > guess:
                    level[i] += SMOOTHING * (min(seen / plan[i, t], 6.0 * level[i] + 3.0 * steps[i]) - level[i])
                    error[i] += SMOOTHING * (min(abs(seen - guess), 8.0 * error[i] + steps[i]) - error[i])
            # 6 order
            if d == days - 1 and not last_evening:
                wanted = 0
            elif outside:
                wanted = given[i, d]
            else:
                wanted = 0
                if can_order[r, t]:
                    wanted = _own_rule(
                        stock + on_order, i, t, span, window[r, t], plan, level[i], error[i], pack[i],
                        smallest_order[i], presentation[i], safety[i], steps[i], life,
                    )  # fmt: skip
            if wanted > 0:
                sent = _sent(wanted, pack[i], short_chance[r], uniform(short_key, t))
                ordered[i, d] = wanted
                shipped[i, d] = sent
                coming[i, min(arrives_in[r, t], reach) - 1] += sent
                on_order += sent


def own_orders(state: StockState, plan: NDArray[np.float32], terms: Terms, supply: Supply) -> Matrix:
    """What the shop's own rule would order at the close of the last day run, in steps."""
    return np.asarray(
        _own_orders(
            state.day - 1, state.on_hand, state.on_order, plan, state.level, state.error, terms.pack,
            terms.smallest_order, terms.presentation, terms.safety, terms.steps, terms.life_days, supply.route,
            supply.can_order, supply.window,
        )
    )  # fmt: skip


def place_orders(
    state: StockState, orders: Matrix, terms: Terms, supply: Supply, seed: int
) -> tuple[StockState, Matrix]:
    """Place orders (steps) at the close of the last day run.

    Returns the state with the goods on their way, and what of each order will arrive.
    """
    day = state.day - 1
    coming = state.coming.copy()
    shipped = np.asarray(
        _place(
            orders,
            day,
            coming,
            terms.series_key,
            terms.pack,
            supply.route,
            supply.arrives_in,
            _short_chance(supply),
            seed,
        )
    )
    return replace(state, coming=coming), shipped


def _short_chance(supply: Supply) -> NDArray[np.float64]:
    return np.array([route.short_chance for route in supply.routes])


@njit(cache=True)
def _own_orders(  # type: ignore[no-untyped-def]
    t, on_hand, on_order, plan, level, error, pack, smallest_order, presentation, safety, steps, life_days, route,
    can_order, window,
):  # fmt: skip
    orders = np.zeros(len(pack), dtype=np.int32)
    for i in range(len(pack)):
        r = route[i]
        if can_order[r, t]:
            orders[i] = _own_rule(
                on_hand[i] + on_order[i], i, t, plan.shape[1], window[r, t], plan, level[i], error[i], pack[i],
                smallest_order[i], presentation[i], safety[i], steps[i], life_days[i],
            )  # fmt: skip
    return orders


@njit(cache=True)
def _place(orders, t, coming, series_key, pack, route, arrives_in, short_chance, seed):  # type: ignore[no-untyped-def]
    shipped = np.zeros(len(pack), dtype=np.int32)
    for i in range(len(pack)):
        if orders[i] > 0:
            r = route[i]
            key = stream_key(seed, SHORTAGE, series_key[i])
            shipped[i] = _sent(orders[i], pack[i], short_chance[r], uniform(key, t))
            coming[i, min(arrives_in[r, t], coming.shape[1]) - 1] += shipped[i]
    return shipped


@njit(cache=True)
def _sent(wanted, pack, short_chance, luck):  # type: ignore[no-untyped-def]
    """What of an order will arrive: all of it, half of its packs, or nothing."""
    if luck >= short_chance:
        return wanted
    return 0 if luck < 0.3 * short_chance else (wanted // pack // 2) * pack


@njit(cache=True)
def _own_rule(  # type: ignore[no-untyped-def]
    position, i, t, span, window, plan, level, error, pack, smallest_order, presentation, safety, steps, life
):  # fmt: skip
    """(R, s, nQ): below the reorder point, the fewest packs that lift the position to it."""
    index = 0.0
    last = min(span - 1, t + window)
    for u in range(t + 1, last + 1):
        index += plan[i, u]
    if index <= 0.0:
        return 0
    mean = level * index
    deviation = max(1.25 * error, math.sqrt(level * steps)) * math.sqrt(max(1.0, index))
    target = mean + safety * deviation
    floor = mean + presentation
    if target < floor:
        target = floor
    if life > 0 and life < window + 60:
        # What cannot be sold within its life is not worth buying.
        reach = 0.0
        for u in range(t + 1, min(span - 1, t + window + life - 1) + 1):
            reach += plan[i, u]
        target = min(target, max(level * reach, presentation * 1.0))
    if position >= target:
        return 0
    packs = math.ceil((target - position) / pack)
    return max(int(packs) * pack, smallest_order)
