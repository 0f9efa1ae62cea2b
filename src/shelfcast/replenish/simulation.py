"""Daily simulation of a replenishment policy over known demand, many items at once.

Sequence of events, every day of every item:

1. receive: orders due today are on the floor before opening;
2. demand: sell what is there, oldest or newest units first by the item's share of oldest-first customers; older
   backorders are served before today's demand; what is missing is lost or waits, by the item's setting;
3. expire: units whose last selling day is today are thrown away (a unit received on day d with a life of k days may be
   sold on days d ... d + k - 1);
4. record: end stock, backorders, what was sold, missed, thrown away;
5. order: on an order day the policy sees the position (on hand + on order - backorders, less expected waste where it
   asks for that) and orders; smallest order, packs and caps are the nightly rounding rules. An order of day t is on the
   floor on `arrivals[t]`, at the earliest tomorrow.

So start + received = sold + waste + end on every item-day. Text books differ in this sequence and results change with
it; ours equals stockpyl's simulator with `shipment_lead_time = lead_time_days`. Costs are no part of the simulator:
`replay_kpis` puts money on the totals. Nothing is random here: random lead times come in as arrivals, drawn per item and
day from a seed, so that every policy meets the same ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray
from scipy import special

from shelfcast.domain.errors import BadParameter
from shelfcast.replenish.formulas.checks import FloatArray, IntArray, not_negative, positive, probability, whole
from shelfcast.replenish.simulation_kernel import LEDGER, TOTALS, run_items
from shelfcast.replenish.simulation_policies import PACKS_TO, Policy, table

NEVER = 1e300


@dataclass(frozen=True)
class ItemTerms:
    """Terms of the items: each a number for all or an array with one value per item."""

    moq: ArrayLike = 0.0
    pack_size: ArrayLike = 1.0
    """Units per pack; 0: any quantity, also fractions."""
    pack_round_threshold: ArrayLike = 0.0
    max_stock: ArrayLike = NEVER
    max_order_qty: ArrayLike = NEVER
    shelf_life_days: ArrayLike = 0
    """Days a unit may be sold, the day of receipt included; 0: does not expire."""
    fifo_share: ArrayLike = 1.0
    """Share of customers who take the oldest unit."""
    backorders: ArrayLike = False
    """True: unmet demand waits; False: it is lost."""
    waste_window_days: ArrayLike = 0
    """Days over which expected waste is taken off the position; 0: not at all."""


@dataclass(frozen=True)
class Simulation:
    """Totals per item after the warm-up and, if asked for, the ledger of every item-day.

    `totals[name]` is (n,) for the names in `simulation_kernel.TOTALS`; `ledger[name]` is (n, T) for those in `LEDGER`.
    """

    totals: dict[str, FloatArray]
    ledger: dict[str, FloatArray] | None
    warm_up_days: int

    @property
    def items(self) -> int:
        return int(self.totals["days"].size)


def simulate(
    demand: ArrayLike,
    policy: Policy,
    terms: ItemTerms | None = None,
    *,
    arrivals: NDArray[np.integer] | None = None,
    lead_time_days: ArrayLike = 1,
    order_days: ArrayLike | None = None,
    counted: ArrayLike | None = None,
    start_stock: ArrayLike | None = None,
    expected_demand: ArrayLike = 0.0,
    delivered_share: ArrayLike = 1.0,
    book_error: ArrayLike = 0.0,
    warm_up_days: int = 0,
    keep_ledger: bool = False,
    workers: int = 1,
) -> Simulation:
    """Play `policy` over `demand` (n, T) units.

    arrivals: day index on which an order of each day arrives, (T,) or (n, T) (see `arrival_days`); without it,
        order day + `lead_time_days` (at least 1).
    order_days: True where an order may be placed, (T,) or (n, T); every day without it.
    counted: False on days left out of the fill rate, such as days whose true demand isn't known; (n, T).
    start_stock: units on day 0; without it the policy's level of day 0.
    expected_demand: units a day, (n,) or (n, T): for expected waste only. delivered_share: share of an order of that day
    that arrives. book_error: units by which the book differs from the shelf when the policy looks.
    The result is the same for any number of workers.
    """
    units = np.ascontiguousarray(np.atleast_2d(not_negative("demand", demand)))
    items, days = units.shape
    if days == 0 or items == 0:
        raise BadParameter("demand is empty; give at least one item and one day.")
    warm_up = whole("warm_up_days", warm_up_days)
    if warm_up >= days:
        raise BadParameter(f"warm_up_days is {warm_up} of {days} days; leave at least one day to count.")
    low, high = policy.levels(items, days)
    opening = (low if policy.rule == PACKS_TO else high)[:, 0] if start_stock is None else start_stock
    stock = np.broadcast_to(np.maximum(np.nan_to_num(np.asarray(opening, dtype=np.float64)), 0.0), (items,)).copy()
    due = arrival_days(items, days, lead_time_days) if arrivals is None else _flags("arrivals", arrivals, items, days)
    if np.any(due <= np.arange(days)[None, : due.shape[1]]) or due.shape[1] != days:
        raise BadParameter("arrivals must give a later day for every order day; the shortest lead time is 1 day.")
    totals = np.zeros((items, len(TOTALS)))
    ledger = np.zeros((len(LEDGER), items, days) if keep_ledger else (len(LEDGER), 0, 0))
    arguments: tuple[Any, ...] = (
        policy.rule,
        low,
        high,
        units,
        _flags("counted", True if counted is None else counted, items, days).astype(np.bool_),
        _flags("order_days", True if order_days is None else order_days, items, days).astype(np.bool_),
        np.ascontiguousarray(due, dtype=np.int64),
        table("delivered_share", delivered_share, items, days),
        table("book_error", book_error, items, days),
        table("expected_demand", expected_demand, items, days),
        _terms_table(terms or ItemTerms(), items),
        stock,
        warm_up,
        totals,
        ledger,
    )
    edges = np.linspace(0, items, max(1, min(whole("workers", workers, least=1), items)) + 1).astype(int)
    if edges.size == 2:
        run_items(0, items, *arguments)
    else:
        with ThreadPoolExecutor(edges.size - 1) as pool:
            for done in [pool.submit(run_items, int(a), int(b), *arguments) for a, b in pairwise(edges)]:
                done.result()
    return Simulation(
        {name: totals[:, at].copy() for at, name in enumerate(TOTALS)},
        {name: ledger[at] for at, name in enumerate(LEDGER)} if keep_ledger else None,
        warm_up,
    )


def arrival_days(
    items: int,
    days: int,
    lead_time_days: ArrayLike,
    *,
    lead_time_sd_days: ArrayLike = 0.0,
    seed: int = 0,
    item_keys: ArrayLike | None = None,
    order_days: ArrayLike | None = None,
    delivery_open: ArrayLike | None = None,
) -> IntArray:
    """Day index on which an order of each day arrives, (1 or n, T); indexes of T and above fall after the end.

    With a standard deviation, lead times are rounded normal draws of at least 1 day, one per item and day from `seed` and
    the item's key (its row number without `item_keys`), so any policy and any subset of items meets the same ones. Orders
    don't overtake each other: an order arrives no earlier than those placed before it. `delivery_open` (T,) or (n, T):
    days goods can be received; arrivals move to the next such day.
    """
    lead, sd = positive("lead_time_days", lead_time_days), not_negative("lead_time_sd_days", lead_time_sd_days)
    lead_column, sd_column = lead.reshape(-1, 1), sd.reshape(-1, 1)
    if np.any(sd > 0):
        keys = np.arange(items) if item_keys is None else np.asarray(item_keys)
        draws = uniforms(seed, keys.astype(np.uint64), days)
        lengths = np.rint(lead_column + sd_column * special.ndtri(draws))
    else:
        lengths = np.broadcast_to(np.rint(lead_column), (lead_column.shape[0], days))
    due = np.arange(days) + np.maximum(lengths, 1.0).astype(np.int64)
    if delivery_open is not None:
        due = _next_open(due, _flags("delivery_open", delivery_open, items, days).astype(np.bool_), days)
    if order_days is not None:
        ordering = _flags("order_days", order_days, items, days).astype(np.bool_)
        running = np.maximum.accumulate(np.where(ordering, due, 0), axis=1)
        return np.where(ordering, running, np.maximum(due, running)).astype(np.int64)
    return np.maximum.accumulate(due, axis=1).astype(np.int64)


def review_days(days: int, review_period_days: int, first: int = 0) -> NDArray[np.bool_]:
    """True on day `first` and every `review_period_days` after it, (T,)."""
    return (np.arange(days) - first) % whole("review_period_days", review_period_days, least=1) == 0


def weekday_mask(days: int, first_weekday: int, weekdays: Sequence[int]) -> NDArray[np.bool_]:
    """True on the given weekdays (Monday 0) when day 0 falls on `first_weekday`, (T,)."""
    return np.isin((np.arange(days) + first_weekday) % 7, list(weekdays))


def protection_days(order_days: ArrayLike, arrivals: ArrayLike, items: int, days: int) -> IntArray:
    """Days each order must last, (n or 1, T): from tomorrow to the day before the next order's delivery; 0 off order days.

    The last order of the horizon gets the length of the one before it (its successor isn't known).
    """
    ordering = np.atleast_2d(_flags("order_days", order_days, items, days).astype(np.bool_))
    due = np.atleast_2d(np.asarray(arrivals, dtype=np.int64))
    rows = max(ordering.shape[0], due.shape[0])
    ordering = np.broadcast_to(ordering, (rows, days))
    due = np.broadcast_to(due, (rows, days))
    return _protection(ordering, due)


@njit(cache=True, nogil=True)
def uniforms(seed: int, keys: NDArray[np.uint64], days: int) -> FloatArray:  # pragma: no cover - compiled
    """A repeatable number in (0, 1) for every (seed, key, day): SplitMix64 of the three, whatever is asked for beside it."""
    out = np.empty((keys.size, days))
    for row in range(keys.size):
        base = _mix(_mix(np.uint64(seed)) ^ (keys[row] * np.uint64(0x9E3779B97F4A7C15) + np.uint64(1)))
        for day in range(days):
            word = _mix(base + np.uint64(day) * np.uint64(0xD1B54A32D192ED03))
            out[row, day] = (float(word >> np.uint64(11)) + 0.5) / 9007199254740992.0
    return out


@njit(cache=True, nogil=True)
def _mix(word: np.uint64) -> np.uint64:  # pragma: no cover - compiled
    word = word + np.uint64(0x9E3779B97F4A7C15)
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return word ^ (word >> np.uint64(31))


@njit(cache=True, nogil=True)
def _protection(ordering: NDArray[np.bool_], due: IntArray) -> IntArray:  # pragma: no cover - compiled
    out = np.zeros(due.shape, np.int64)
    for row in range(due.shape[0]):
        next_due, last = -1, -1
        for day in range(due.shape[1] - 1, -1, -1):
            if not ordering[row, day]:
                continue
            if next_due >= 0:
                out[row, day] = next_due - day - 1
                if last >= 0 and out[row, last] == 0:
                    out[row, last] = out[row, day]
            next_due = due[row, day]
            if last < 0:
                last = day
        if last >= 0 and out[row, last] == 0:
            out[row, last] = max(due[row, last] - last, 1)
    return out


def _next_open(due: IntArray, is_open: NDArray[np.bool_], days: int) -> IntArray:
    """Each due day moved to the first open day at or after it; `days` where there is none."""
    at = np.where(is_open, np.arange(days), days)
    following = np.minimum.accumulate(at[:, ::-1], axis=1)[:, ::-1]
    following = np.concatenate((following, np.full((following.shape[0], 1), days)), axis=1)
    rows = max(due.shape[0], following.shape[0])
    return np.take_along_axis(
        np.broadcast_to(following, (rows, days + 1)), np.minimum(np.broadcast_to(due, (rows, days)), days), axis=1
    )


def _flags(name: str, given: ArrayLike, items: int, days: int) -> NDArray:
    """A flag or number per day (T,) or per item and day (n, T), as a 2-D table; one value stands for all."""
    values = np.asarray(given)
    values = values.reshape(1, 1) if values.ndim == 0 else values[None, :] if values.ndim == 1 else values
    if values.ndim != 2 or values.shape[0] not in (1, items) or values.shape[1] not in (1, days):
        raise BadParameter(
            f"{name} has the shape {np.shape(given)}; give one per day ({days},) or one per item and day ({items}, {days})."
        )
    return np.ascontiguousarray(values)


def _terms_table(terms: ItemTerms, items: int) -> FloatArray:
    """The terms as columns in the order the kernel reads them, checked."""
    out = np.empty((items, 9))
    for column, field in enumerate(fields(terms)):
        value = np.asarray(getattr(terms, field.name), dtype=np.float64)
        if value.ndim and value.shape != (items,):
            raise BadParameter(
                f"{field.name} has {value.size} values for {items} items; give one number or one per item."
            )
        out[:, column] = not_negative(field.name, value)
    if np.any(out[:, 6] > 1) or np.any(out[:, 2] > 1):
        raise BadParameter("fifo_share and pack_round_threshold are shares; they must lie between 0 and 1.")
    return out


def lead_times_from_samples(samples: ArrayLike, draws: FloatArray) -> IntArray:
    """Lead times (days) drawn from observed ones: the inverted cdf of `samples` at `draws` (any shape) in (0, 1)."""
    ordered = np.sort(positive("lead-time samples", samples).ravel())
    at = np.ceil(probability("draws", draws) * ordered.size).astype(np.int64) - 1
    return np.maximum(np.rint(ordered[np.clip(at, 0, ordered.size - 1)]), 1).astype(np.int64)
