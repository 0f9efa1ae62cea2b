"""The shelves of a replay, day by day: what is there, how old it is, what is on its way.

Sequence of events, as in `simulation`: receive in the morning, sell, throw away what expires, record; orders are placed after
the close. start + received = sold + waste + shipped + end on every item-day (`shipped`: units a location of ours sends on).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from shelfcast.replenish.perishables import LONGEST_LIFE_DAYS
from shelfcast.replenish.simulation import Simulation
from shelfcast.replenish.simulation_kernel import TOTALS

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class ShelfTerms:
    """What holds for each item-location, (n,): `life_days` a unit may be sold, the day of receipt included (0: keeps),
    share of customers who take the oldest unit, whether unmet demand waits, smallest sellable amount."""

    life_days: Integers
    fifo_share: Floats
    waits: Flags
    unit_step: Floats


@dataclass
class Orders:
    """Orders on their way, a value each: the item-location's row, units ordered and units that will arrive, day it
    arrives, day it is planned for, day it was placed, code of its source."""

    row: Integers = field(default_factory=lambda: np.zeros(0, np.int64))
    ordered: Floats = field(default_factory=lambda: np.zeros(0))
    good: Floats = field(default_factory=lambda: np.zeros(0))
    arrives: Integers = field(default_factory=lambda: np.zeros(0, np.int64))
    planned: Integers = field(default_factory=lambda: np.zeros(0, np.int64))
    placed: Integers = field(default_factory=lambda: np.zeros(0, np.int64))
    source: Integers = field(default_factory=lambda: np.zeros(0, np.int64))

    def keep(self, where: Flags) -> Orders:
        return Orders(**{name: values[where] for name, values in vars(self).items()})

    def join(self, more: Orders) -> Orders:
        return Orders(**{name: np.concatenate([values, vars(more)[name]]) for name, values in vars(self).items()})


class PlayedShop:
    """The state of a replay. Days are numbers from 0, the first day played."""

    def __init__(self, terms: ShelfTerms, stock: Floats, warm_up_days: int, *, keep_ledger: bool = False) -> None:
        count = len(stock)
        self.terms = terms
        self.expires = terms.life_days > 0
        self.warm_up_days = warm_up_days
        width = int(np.clip(terms.life_days.max(initial=1), 1, LONGEST_LIFE_DAYS + 1))
        self.lots = np.zeros((count, width))
        """Units of goods that expire by the days they may still be sold after today."""
        self.kept = np.where(self.expires, 0.0, stock)
        """Units of goods that keep."""
        fresh = np.flatnonzero(self.expires)
        self.lots[fresh, np.maximum(terms.life_days[fresh] - 1, 0)] = stock[fresh]
        self.owed = np.zeros(count)
        self.orders = Orders()
        self.totals = {name: np.zeros(count) for name in TOTALS}
        self.ledger: list[dict[str, Floats]] | None = [] if keep_ledger else None
        self._boundary: dict[int, list[Integers]] = {}
        self._in_cycle, self._short = np.zeros(count, np.bool_), np.zeros(count, np.bool_)
        self.unmet = np.zeros(count)
        """Units wanted and not there on the last day played."""

    @property
    def on_hand(self) -> Floats:
        return np.where(self.expires, self.lots.sum(axis=1), self.kept)

    def live(self, day: int, demand: Floats, counted: Flags) -> Orders:
        """A day from opening to close; gives back the orders received.

        Args:
            demand: units customers want, (n,).
            counted: False where the demand isn't known for sure: left out of the fill rate.
        """
        after = day >= self.warm_up_days
        start = self.on_hand
        if day == self.warm_up_days:
            self.totals["start_stock"] = start.copy()
        arrived = self._receive(day)
        received = np.bincount(arrived.row, arrived.good, len(start)).astype(np.float64)
        self._close_cycles(day, after)
        asked = self.owed + demand
        sold = np.minimum(asked, self.on_hand)
        unmet = np.minimum(demand, asked - sold)
        self.unmet = unmet
        self._take(sold)
        self.owed = np.where(self.terms.waits, asked - sold, 0.0)
        self._short |= unmet > 0.0
        waste = np.where(self.expires, self.lots[:, 0], 0.0)
        self.lots[:, :-1] = self.lots[:, 1:]
        self.lots[:, -1] = 0.0
        end = self.on_hand
        if after:
            facts: dict[str, Floats | Flags | float] = {
                "days": 1.0, "demand": demand, "unmet": unmet, "counted_demand": np.where(counted, demand, 0.0),
                "counted_unmet": np.where(counted, unmet, 0.0), "sold": sold, "received": received, "waste": waste,
                "stock_days": end, "backorder_days": self.owed, "stockout_days": unmet > 0.0, "empty_days": end <= 1e-9,
                "demand_squares": demand**2,
            }  # fmt: skip
            self._add(facts)
        if self.ledger is not None:
            self.ledger.append(
                {"start": start, "received": received, "demand": demand, "sold": sold, "unmet": unmet, "waste": waste, "end": end}
            )  # fmt: skip
        return arrived

    def place(self, day: int, orders: Orders, at_source: Integers) -> None:
        """Orders of the night after `day`. What a location of ours sends on leaves it tonight (`at_source`: its row, -1
        for outside sources)."""
        orders = replace(orders, good=self._sent(orders, at_source))
        inside = at_source >= 0
        sent = np.bincount(at_source[inside], orders.good[inside], len(self.owed)).astype(np.float64)
        self._take(sent)
        self.orders = self.orders.join(orders)
        ordered = np.bincount(orders.row, orders.ordered, len(self.owed)).astype(np.float64)
        lines = np.bincount(orders.row, minlength=len(self.owed)).astype(np.float64)
        missing = np.bincount(orders.row, orders.ordered - orders.good, len(self.owed)).astype(np.float64)
        if day >= self.warm_up_days:
            self._add({"ordered": ordered, "orders": lines, "order_squares": ordered**2, "undelivered": missing})
        if self.ledger is not None:
            self.ledger[-1] |= {"ordered": ordered, "shipped": sent}

    def _sent(self, orders: Orders, at_source: Integers) -> Floats:
        """Units that will arrive of each order; one of our own locations sends no more than it has, first come first served."""
        good = orders.good.copy()
        on_hand = self.on_hand
        for source in np.unique(at_source[at_source >= 0]):
            mine = np.flatnonzero(at_source == source)
            before = np.cumsum(good[mine]) - good[mine]
            good[mine] = np.clip(on_hand[source] - before, 0.0, good[mine])
        return good

    def chance(self, rows: Integers, delivery_day: Integers) -> None:
        """These item-locations could order tonight, for that day: a delivery cycle begins there, whatever was ordered."""
        for day in np.unique(delivery_day):
            self._boundary.setdefault(int(day), []).append(rows[delivery_day == day])

    def result(self) -> Simulation:
        """Totals after the warm-up, as the simulator gives them."""
        totals = {name: values.copy() for name, values in self.totals.items()}
        totals["cycles"] += self._in_cycle
        totals["short_cycles"] += self._in_cycle & self._short
        totals["end_stock"] = self.on_hand
        return Simulation(totals, None, self.warm_up_days)

    def _receive(self, day: int) -> Orders:
        due = self.orders.arrives <= day
        arrived, self.orders = self.orders.keep(due), self.orders.keep(~due)
        expires = self.expires[arrived.row]
        np.add.at(self.kept, arrived.row[~expires], arrived.good[~expires])
        rows = arrived.row[expires]
        np.add.at(self.lots, (rows, self.terms.life_days[rows] - 1), arrived.good[expires])
        return arrived

    def _close_cycles(self, day: int, after: bool) -> None:
        for rows in self._boundary.pop(day, []):
            ended = rows[self._in_cycle[rows]]
            self.totals["cycles"][ended] += 1.0
            self.totals["short_cycles"][ended] += self._short[ended]
            self._in_cycle[rows], self._short[rows] = after, False

    def _take(self, units: Floats) -> None:
        """Take units off the shelf: the oldest first for the share of customers who do so, the newest for the others."""
        self.kept = np.where(self.expires, self.kept, self.kept - units)
        rows = np.flatnonzero(self.expires & (units > 0.0))
        if not len(rows):
            return
        step = self.terms.unit_step[rows]
        oldest = units[rows] * self.terms.fifo_share[rows]
        oldest = np.minimum(np.ceil(oldest / step - 1e-9) * step, units[rows])
        lots = self.lots[rows]
        lots = _issue(lots, oldest)
        self.lots[rows] = _issue(lots[:, ::-1], units[rows] - oldest)[:, ::-1]

    def _add(self, facts: Mapping[str, Floats | Flags | float]) -> None:
        for name, values in facts.items():
            self.totals[name] += values


def _issue(lots: Floats, units: Floats) -> Floats:
    """Lots (n, k) less `units` (n,), taken from the first column on.

    >>> _issue(np.array([[2.0, 3.0, 1.0]]), np.array([4.0])).tolist()
    [[0.0, 1.0, 1.0]]
    """
    before = np.cumsum(lots, axis=1) - lots
    return lots - np.clip(units[:, None] - before, 0.0, lots)
