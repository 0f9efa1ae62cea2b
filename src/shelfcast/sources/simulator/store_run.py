"""One location's whole history: demand, stock, availability."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numba import njit
from numpy.typing import NDArray

from shelfcast.sources.simulator.assortment import Items, Store
from shelfcast.sources.simulator.categories import CATEGORIES
from shelfcast.sources.simulator.demand import StoreDemand, steps_per_unit, store_demand
from shelfcast.sources.simulator.geography import HOURS_PROFILE
from shelfcast.sources.simulator.prices import StorePrices, store_prices
from shelfcast.sources.simulator.stock_run import StockDays, StockState, Terms, simulate_days, start_state
from shelfcast.sources.simulator.supply import Supply, dc_of, dc_supply, store_supply
from shelfcast.sources.simulator.world import StoreWorld, World, build_store

STORE_SAFETY = 1.15
"""Standard deviations of window demand the shops keep; chosen so that they run out about as often as shops do."""
FRESH_SAFETY = 1.1
DC_SAFETY = 1.9
DC_KEY = 900_000_000


@dataclass(frozen=True)
class StoreSetup:
    """A store's days to come, before any stock moves: what an outside policy is run against."""

    store: Store
    days: StoreWorld
    prices: StorePrices
    demand: StoreDemand
    supply: Supply
    terms: Terms
    start: StockState
    portion: NDArray[np.int64]
    """Steps a customer takes, about."""


@dataclass(frozen=True)
class StoreRun:
    """A store's history under the shop's own ordering."""

    setup: StoreSetup
    stock: StockDays
    end: StockState
    in_stock_share: NDArray[np.float32]
    """True share of the selling day in stock: shape (items, days)."""
    out_hour: NDArray[np.float32]
    """Local hour of day when stock ran out; NaN where it did not."""


@dataclass(frozen=True)
class CentreSetup:
    """A distribution centre before any stock moves; arrays have a row per item it keeps."""

    location_id: str
    country: str
    items: NDArray[np.int64]
    """Items it keeps."""
    supply: Supply
    terms: Terms
    start: StockState


@dataclass(frozen=True)
class CentreRun:
    """A distribution centre's history."""

    setup: CentreSetup
    stock: StockDays
    end: StockState
    rushed: NDArray[np.int32]
    """Steps bought in at once, because the stores had ordered more than there was: shape (items kept, days)."""


def set_up_store(world: World, store: Store) -> StoreSetup:
    """Everything of a store that its orders do not change."""
    days = build_store(world, store)
    prices = store_prices(store, world.regular, world.promotions)
    demand = store_demand(world, days, prices)
    supply = store_supply(world, store, days.open)
    items = world.items
    level = items.level * store.size * np.exp(days.affinity)
    terms = store_terms(items, level, store)
    # The shop's first idea of an item's level is a little wrong, of a new item more so.
    wrong = np.where(items.launch > 0, 0.3, 0.1) * np.sin(1 + 7.7 * np.arange(items.count) + store.index)
    start = start_state(terms, supply, level * np.exp(wrong) * terms.steps)
    not_yet = items.launch > 0
    start.lots[not_yet] = 0
    portion = np.array([c.portion for c in CATEGORIES])[items.category] * terms.steps
    return StoreSetup(store, days, prices, demand, supply, terms, start, portion.astype(np.int64))


def store_terms(items: Items, level: NDArray[np.float64], store: Store) -> Terms:
    """Life, packs, presentation stock and safety of each item in a store whose usual day sells `level`."""
    steps = steps_per_unit(items)
    life = np.array([c.life_days for c in CATEGORIES])[items.category]
    presentation = np.where(life > 0, np.maximum(1, np.round(0.25 * level)), np.maximum(1, np.round(1.0 * level)))
    return Terms(
        series_key=store.index * 1_000_003 + np.arange(items.count),
        life_days=life.astype(np.int64),
        pack=items.pack * steps,
        smallest_order=items.pack * steps,
        presentation=(presentation * steps).astype(np.int64),
        safety=np.where(life > 0, FRESH_SAFETY, STORE_SAFETY),
        steps=steps,
        return_rate=np.array([c.return_rate for c in CATEGORIES])[items.category],
    )


def run_store(world: World, setup: StoreSetup) -> StoreRun:
    """The store's history under its own ordering rule. The last evening's orders are left to whoever plans them."""
    spec = world.spec
    end, stock = simulate_days(
        setup.start,
        spec.days,
        setup.demand.demand,
        setup.demand.plan,
        setup.days.open,
        setup.terms,
        setup.supply,
        spec.seed,
        last_evening=False,
    )
    share, hour = availability(setup, stock)
    return StoreRun(setup, stock, end, share, hour)


def set_up_centre(world: World, country: str, outflow: NDArray[np.int32]) -> CentreSetup:
    """A country's distribution centre. `outflow` (steps, items x span) gives the size of its stores' orders."""
    kept = np.flatnonzero([not CATEGORIES[c].direct for c in world.items.category])
    supply = dc_supply(world, country)
    steps = steps_per_unit(world.items)[kept]
    key = DC_KEY + world.countries.index(country) * 1_000_003
    level = np.maximum(outflow[kept, : min(world.spec.days, 180)].mean(axis=1), 0.05)
    pack = world.items.pack[kept] * steps
    case = pack * np.clip(np.round(level * 5 / pack), 1, 40).astype(np.int64)
    # Stores order in packs, so a centre's needs are lumpy: it keeps a pack for each of its stores.
    stores = sum(store.city.country == country for store in world.stores)
    terms = Terms(
        series_key=key + kept,
        life_days=np.zeros(len(kept), dtype=np.int64),
        pack=case,
        smallest_order=case * (1 + kept % 3),
        presentation=pack * stores,
        safety=np.full(len(kept), DC_SAFETY),
        steps=steps,
        return_rate=np.zeros(len(kept)),
    )
    supply = replace(supply, route=supply.route[kept])
    start = start_state(terms, supply, level)
    return CentreSetup(dc_of(world, country), country, kept, supply, terms, start)


def run_centre(world: World, setup: CentreSetup, outflow: NDArray[np.int32]) -> CentreRun:
    """A distribution centre's history; it ships what its stores ordered the day before (`outflow`, as above).

    What it has not got is bought in at once, so a store never waits for it.
    """
    demand = np.ascontiguousarray(outflow[setup.items])
    plan = np.ones(demand.shape, dtype=np.float32)
    always = np.ones(demand.shape[1], dtype=bool)
    end, stock = simulate_days(
        setup.start,
        world.spec.days,
        demand,
        plan,
        always,
        setup.terms,
        setup.supply,
        world.spec.seed,
        last_evening=False,
    )
    return CentreRun(setup, stock, end, demand[:, : world.spec.days] - stock.sold)


def availability(setup: StoreSetup, stock: StockDays) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """True share of the selling day in stock, and the hour stock ran out.

    Customers come by the hours profile. If D were wanted and S sold, stock ran out when about S / (D + 1) of the day's
    customers had come.
    """
    store = setup.store
    days = stock.sold.shape[1]
    portion = setup.portion
    share = np.ones((len(portion), days), dtype=np.float32)
    hour = np.full((len(portion), days), np.nan, dtype=np.float32)
    profile = np.cumsum(HOURS_PROFILE) / np.sum(HOURS_PROFILE)
    _availability(
        share, hour, stock.sold, stock.returned, stock.wasted, stock.on_hand, setup.demand.demand, setup.demand.listed,
        portion, profile, store.opens, store.closes,
    )  # fmt: skip
    return share, hour


@njit(cache=True)
def day_share(customers, profile):  # type: ignore[no-untyped-def]
    """Share of the selling day gone when a share of its customers has come; `profile` is their running sum."""
    before = 0.0
    for part in range(len(profile)):
        if customers <= profile[part] or part == len(profile) - 1:
            inside = (customers - before) / (profile[part] - before)
            return min(1.0, (part + inside) / len(profile))
        before = profile[part]
    return 1.0


@njit(cache=True)
def _availability(  # type: ignore[no-untyped-def]
    share, hour, sold, returned, wasted, on_hand, demand, listed, portion, profile, opens, closes
):  # fmt: skip
    for i in range(share.shape[0]):
        for t in range(share.shape[1]):
            left = on_hand[i, t] + wasted[i, t] - returned[i, t]
            if listed[i, t] and left <= 0:
                gone = 0.0
                if sold[i, t] > 0:
                    gone = day_share(sold[i, t] / (demand[i, t] + portion[i]), profile)
                share[i, t] = gone
                hour[i, t] = opens + gone * (closes - opens)
