"""Where goods come from: suppliers, distribution centres, lead times, order days, packs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shelfcast.sources.simulator.assortment import Items, Store
from shelfcast.sources.simulator.categories import BRANDS, CATEGORIES
from shelfcast.sources.simulator.world import World, generator_for

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
LATE_DIRECT = ((0, 0.92), (1, 0.065), (2, 0.015))
LATE_DC = ((0, 0.95), (1, 0.05))
LATE_SUPPLIER = ((0, 0.72), (1, 0.14), (2, 0.09), (4, 0.05))
SUPPLY = 20
"""Purpose of the seeded generator of late deliveries."""


@dataclass(frozen=True)
class Route:
    """A source of a destination, its rhythm and its lateness."""

    source_id: str
    destination_id: str
    source_type: str
    lead_days: int
    """Promised: an order of day t is on the floor before the demand of day t + lead_days."""
    order_weekdays: tuple[int, ...]
    late: tuple[tuple[int, float], ...]
    """(days late, chance)."""
    short_chance: float
    """Chance that a line arrives short."""

    @property
    def lead_sd(self) -> float:
        mean = sum(days * chance for days, chance in self.late)
        return float(np.sqrt(sum((days - mean) ** 2 * chance for days, chance in self.late)))

    @property
    def order_days_text(self) -> str:
        return ",".join(WEEKDAYS[day] for day in self.order_weekdays)

    @property
    def delivery_days_text(self) -> str:
        """Weekdays on which goods ordered on the order days are promised."""
        return ",".join(WEEKDAYS[day] for day in sorted({(d + self.lead_days) % 7 for d in self.order_weekdays}))


@dataclass(frozen=True)
class Supply:
    """How one destination is supplied."""

    routes: list[Route]
    route: NDArray[np.int64]
    """Route of each item."""
    can_order: NDArray[np.bool_]
    """Shape (routes, span)."""
    arrives_in: NDArray[np.int64]
    """Days from an order of the day to the goods on the floor, as it will turn out: shape (routes, span)."""
    promised_in: NDArray[np.int64]
    window: NDArray[np.int64]
    """Days an order of the day must cover: up to the eve of the delivery of the next one."""

    @property
    def from_centre(self) -> NDArray[np.bool_]:
        """Which items come from a distribution centre."""
        return np.array([route.source_type == "dc" for route in self.routes], dtype=bool)[self.route]


def dc_of(world: World, country: str) -> str:
    """The country's distribution centre; empty where it has a single store."""
    return f"DC-{country}" if sum(store.city.country == country for store in world.stores) > 1 else ""


def supplier_of(items: Items, i: int) -> str:
    """Supplier of an item: two for each category, by brand."""
    return f"SUP-{CATEGORIES[items.category[i]].code}-{1 + BRANDS.index(items.brand[i]) % 2}"


def store_supply(world: World, store: Store, open_days: NDArray[np.bool_]) -> Supply:
    """Fresh goods come from the supplier in a day or two; the rest from the country's distribution centre or, without
    one, from the supplier in five days."""
    items, country = world.items, store.city.country
    centre = dc_of(world, country)
    routes: dict[str, Route] = {}
    chosen: list[str] = []
    weekdays = (0, 2, 4) if store.index % 2 == 0 else (1, 3, 5)
    for i in range(items.count):
        kind = CATEGORIES[items.category[i]]
        if kind.direct:
            lead, days = {"BAK": (1, (0, 1, 2, 3, 4, 5, 6)), "DAI": (2, (0, 2, 4, 5))}.get(
                kind.code, (1, (0, 1, 2, 3, 4, 5))
            )
            source = f"SUP-{kind.code}-{country}"
            route = Route(source, store.location_id, "supplier", lead, days, LATE_DIRECT, 0.015)
        elif centre:
            source = centre
            route = Route(source, store.location_id, "dc", 2, weekdays, LATE_DC, 0.0)
        else:
            source = supplier_of(items, i)
            route = Route(source, store.location_id, "supplier", 5, (1, 4), LATE_SUPPLIER, 0.01)
        routes.setdefault(source, route)
        chosen.append(source)
    return _timed(world, routes, chosen, open_days, store.index)


def dc_supply(world: World, country: str) -> Supply:
    """The distribution centre buys every supplier's goods once a week, lead time one to two weeks."""
    items, centre = world.items, dc_of(world, country)
    routes: dict[str, Route] = {}
    chosen: list[str] = []
    for i in range(items.count):
        source = supplier_of(items, i)
        number = int(items.category[i]) * 2 + int(source[-1])
        lead = 6 + number % 7
        chosen.append(source)
        routes.setdefault(source, Route(source, centre, "supplier", lead, (number % 5,), LATE_SUPPLIER, 0.01))
    always = np.ones(world.spec.span, dtype=bool)
    return _timed(world, routes, chosen, always, 100_000 + world.countries.index(country))


def _timed(
    world: World, routes: dict[str, Route], chosen: list[str], open_days: NDArray[np.bool_], index: int
) -> Supply:
    names = list(routes)
    span = world.spec.span
    generator = generator_for(world.spec.seed, SUPPLY, index)
    can_order = np.zeros((len(names), span), dtype=bool)
    arrives = np.zeros((len(names), span), dtype=np.int64)
    promised = np.zeros((len(names), span), dtype=np.int64)
    window = np.zeros((len(names), span), dtype=np.int64)
    next_open = _days_to_next(open_days)
    for r, name in enumerate(names):
        route = routes[name]
        can_order[r] = np.isin(world.weekday, route.order_weekdays)
        days, chances = zip(*route.late, strict=True)
        due = np.arange(span) + route.lead_days
        late = generator.choice(days, span, p=chances)
        promised[r] = _bumped(due, next_open) - np.arange(span)
        arrival = _bumped(due + late, next_open)
        # Deliveries of a route do not overtake each other.
        arrives[r] = np.maximum.accumulate(np.where(can_order[r], arrival, 0)) - np.arange(span)
        arrives[r] = np.where(can_order[r], arrives[r], arrival - np.arange(span))
        wait = _days_to_next(np.append(can_order[r][1:], True)) + 1
        window[r] = np.maximum(1, wait + route.lead_days - 1)
    return Supply(
        routes=[routes[name] for name in names],
        route=np.array([names.index(name) for name in chosen], dtype=np.int64),
        can_order=can_order,
        arrives_in=arrives,
        promised_in=promised,
        window=window,
    )


def _days_to_next(marked: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Days from each day to the next marked one, itself included."""
    days = np.zeros(len(marked), dtype=np.int64)
    gap = 0
    for t in range(len(marked) - 1, -1, -1):
        gap = 0 if marked[t] else gap + 1
        days[t] = gap
    return days


def _bumped(day: NDArray[np.int64], next_open: NDArray[np.int64]) -> NDArray[np.int64]:
    """The next open day from each day on; days beyond the span stay."""
    inside = np.minimum(day, len(next_open) - 1)
    return np.where(day < len(next_open), day + next_open[inside], day)
