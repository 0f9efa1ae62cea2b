"""Regular prices by zone, promotions past and planned, and the price list that follows from both."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
from numba import njit
from numpy.typing import NDArray

from shelfcast.sources.simulator.assortment import Items, Store, psychological
from shelfcast.sources.simulator.categories import CATEGORIES
from shelfcast.sources.simulator.festivals import FESTIVALS, festival_days
from shelfcast.sources.simulator.spec import ShopSpec

ZONES = 3
ZONE_LEVELS = (1.0, 1.04, 0.96)
PRICE_NOTICE_DAYS = 14
"""A regular price is announced this many days before it holds."""
RHYTHM = 0.45
"""Share of a category's promotion gap that is drawn; the rest is the quiet time and promotions that could not run."""
QUIET_DAYS = 14
"""Least days between two promotions of an item."""

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Promotions:
    """All promotions of the chain, past, planned and (with `known` after the last day) not yet planned; by item, start."""

    item: Integers
    first: Integers
    """Day number of the first day."""
    last: Integers
    known: Integers
    """Day number on which the plan became known."""
    discount: Floats
    display: Floats
    country: NDArray[np.str_]
    """Country it runs in; "*" = everywhere."""
    festival: NDArray[np.str_]
    """Festival it is for; empty = none."""

    @property
    def count(self) -> int:
        return len(self.item)

    def id_of(self, index: int) -> str:
        return f"P{index + 1:06d}"


def make_regular_prices(items: Items, spec: ShopSpec, generator: np.random.Generator) -> NDArray[np.float32]:
    """Regular price of each zone, item and day: shape (zones, items, span).

    A price changes about once in ten months, mostly upwards by 2 to 8 %, sometimes down; zones change apart in one case
    of three.
    """
    prices = np.empty((ZONES, items.count, spec.span), dtype=np.float32)
    base = np.stack([psychological(items.price * level) for level in ZONE_LEVELS])
    for i in range(items.count):
        events = np.flatnonzero(generator.random(spec.span) < 1 / 300)
        current = base[:, i].copy()
        start = 0
        for day in events.tolist():
            if day < 1:
                continue
            up = generator.random() < 0.72
            factor = 1 + generator.uniform(0.02, 0.08) if up else 1 - generator.uniform(0.03, 0.12)
            zones = np.ones(ZONES, bool) if generator.random() < 0.67 else np.arange(ZONES) == generator.integers(ZONES)
            prices[:, i, start:day] = current[:, None]
            current = np.where(zones, psychological(current * factor), current)
            start = day
        prices[:, i, start:] = current[:, None]
    return prices


def make_promotions(
    items: Items, stores: list[Store], regular: NDArray[np.float32], spec: ShopSpec, generator: np.random.Generator
) -> Promotions:
    """Promotions of one or two weeks from a Thursday, by each category's rhythm, and for the festivals it lives on.

    A promotion is planned two to five weeks ahead. None is planned across a change of the regular price, so that the
    price at its end is known when it is planned.
    """
    countries = sorted({store.city.country for store in stores})
    seasons = _festival_seasons(countries, spec)
    lived_on = {c.name: {f.name for f in FESTIVALS if f.lifts.get(c.name, 0) >= 0.4} for c in CATEGORIES}
    weekday_0 = spec.first_day.weekday()
    rows: list[tuple[int, int, int, int, float, float, str, str]] = []
    for i in range(items.count):
        kind = CATEGORIES[items.category[i]]
        changes = np.flatnonzero((np.diff(regular[:, i, :], axis=1) != 0).any(axis=0)) + 1
        taken = np.zeros(spec.span, dtype=bool)
        planned: list[tuple[int, int, str, str]] = []
        for name, day, lead, where in seasons:
            if name in lived_on[kind.name] and generator.random() < 0.45:
                planned.append((day - lead, day, where, name))
        start = int(generator.exponential(RHYTHM * kind.promotion_gap))
        while start < spec.span:
            thursday = start + (3 - (weekday_0 + start)) % 7
            days = int(generator.choice([7, 7, 14]))
            where = "*" if generator.random() < 0.75 else str(generator.choice(countries))
            planned.append((thursday, thursday + days - 1, where, ""))
            start = thursday + days + QUIET_DAYS + int(generator.exponential(RHYTHM * kind.promotion_gap))
        for first, last, where, name in planned:
            notice = int(generator.integers(14, 36))
            discount = float(
                generator.choice([0.10, 0.15, 0.20, 0.25, 0.30, 0.40], p=[0.18, 0.22, 0.25, 0.17, 0.12, 0.06])
            )
            display = float(generator.choice([0.0, 0.5, 1.0], p=[0.45, 0.30, 0.25]))
            on_sale = items.launch[i] + 28 <= first and last < items.end[i] - 14
            clear = not ((changes >= first - notice) & (changes <= last + 1)).any()
            if first < 1 or last >= spec.span - 1 or not on_sale or not clear:
                continue
            if taken[max(0, first - QUIET_DAYS) : last + QUIET_DAYS].any():
                continue
            taken[first : last + 1] = True
            rows.append((i, first, last, first - notice, discount, display, where, name))
    rows.sort()
    columns = list(zip(*rows, strict=True)) if rows else [()] * 8
    return Promotions(
        item=np.array(columns[0], dtype=np.int64),
        first=np.array(columns[1], dtype=np.int64),
        last=np.array(columns[2], dtype=np.int64),
        known=np.array(columns[3], dtype=np.int64),
        discount=np.array(columns[4], dtype=np.float64),
        display=np.array(columns[5], dtype=np.float64),
        country=np.array(columns[6], dtype=np.str_),
        festival=np.array(columns[7], dtype=np.str_),
    )


def _festival_seasons(countries: list[str], spec: ShopSpec) -> list[tuple[str, int, int, str]]:
    """(festival, day number, days before it the offers begin, country) wherever the festival is kept by many."""
    first = spec.first_day
    years = range(first.year, spec.last_day.year + 2)
    seasons = []
    for festival in FESTIVALS:
        for country in countries:
            if festival.strength.get(country, 0) >= 0.25:
                for day in festival_days(festival, country, years):
                    seasons.append((festival.name, (day - first).days, min(10, festival.lead_days), country))
    return seasons


def promotions_of(promotions: Promotions, store: Store) -> NDArray[np.bool_]:
    """Which promotions run in a store."""
    return np.asarray((promotions.country == "*") | (promotions.country == store.city.country))


@dataclass(frozen=True)
class StorePrices:
    """What one store charges: arrays of shape (items, span)."""

    price: NDArray[np.float32]
    regular: NDArray[np.float32]
    promotion: NDArray[np.int32]
    """Index of the promotion running, -1 = none."""


def store_prices(store: Store, regular: NDArray[np.float32], promotions: Promotions) -> StorePrices:
    """Regular prices of the store's zone with its promotions laid over them."""
    running = np.full(regular.shape[1:], -1, dtype=np.int32)
    chosen = np.flatnonzero(promotions_of(promotions, store)).astype(np.int64)
    price = regular[store.zone].copy()
    _lay(price, running, chosen, promotions.item, promotions.first, promotions.last, promotions.discount)
    return StorePrices(price, regular[store.zone], running)


@njit(cache=True)
def _lay(price, running, chosen, item, first, last, discount):  # type: ignore[no-untyped-def]
    for p in chosen:
        i = item[p]
        for t in range(first[p], last[p] + 1):
            price[i, t] = np.float32(round(price[i, t] * (1.0 - discount[p]), 2))
            running[i, t] = p


def price_changes(
    prices: StorePrices, promotions: Promotions, items: Items, known_from: int, known_before: int
) -> tuple[Integers, Integers, Integers]:
    """Change points of a store's price list that became known in a span: (item, day number, day number known).

    The first price of an item is known a month before. A change by a promotion's start or end is known with the promotion.
    """
    price, running = prices.price, prices.promotion
    changed = price[:, 1:] != price[:, :-1]
    changed |= prices.regular[:, 1:] != prices.regular[:, :-1]
    at_item, at_day = np.nonzero(changed)
    at_day = at_day + 1
    before, after = running[at_item, at_day - 1], running[at_item, at_day]
    plan_before = np.where(before >= 0, promotions.known[before] if promotions.count else 0, -(10**6))
    plan_after = np.where(after >= 0, promotions.known[after] if promotions.count else 0, -(10**6))
    by_promotion = before != after
    known = np.where(by_promotion, np.maximum(plan_before, plan_after), at_day - PRICE_NOTICE_DAYS)
    span = price.shape[1]
    start = np.clip(items.launch, 0, span - 1)
    listed = (at_day > start[at_item]) & (at_day <= items.end[at_item])
    firsts = np.flatnonzero(items.launch < span)
    item = np.concatenate([firsts, at_item[listed]])
    day = np.concatenate([start[firsts], at_day[listed]])
    when = np.concatenate([start[firsts] - 30, known[listed]])
    kept = (when >= known_from) & (when < known_before)
    item, day, when = item[kept], day[kept], when[kept]
    order = np.lexsort((day, item))
    return item[order].astype(np.int64), day[order].astype(np.int64), when[order].astype(np.int64)


def day_of(spec: ShopSpec, number: int) -> date:
    """Calendar day of a day number."""
    return date.fromordinal(spec.first_day.toordinal() + int(number))
