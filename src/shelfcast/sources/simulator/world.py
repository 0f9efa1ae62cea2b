"""The world a shop lives in: everything that does not depend on stock, drawn once from the seed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from shelfcast.sources.simulator.assortment import Items, Store, make_items, make_stores
from shelfcast.sources.simulator.categories import CATEGORIES
from shelfcast.sources.simulator.festivals import closed_days, festival_effects
from shelfcast.sources.simulator.geography import WEEKDAY_PROFILES
from shelfcast.sources.simulator.prices import Promotions, make_promotions, make_regular_prices
from shelfcast.sources.simulator.spec import ShopSpec
from shelfcast.sources.simulator.weather import Weather, make_weather

# Purposes of the seeded generators: each part of the world has its own, so that changing one leaves the others alone.
STORES, ITEMS, PRICES, PROMOTIONS, NOISE, WEATHER, STORE, FORECAST, DIRT = range(1, 10)

ITEM_NOISE = 0.10
"""Spread of an item's slow ups and downs shared by all stores (standard deviation of the logarithm)."""
WEEK_MEMORY = 0.88


def generator_for(seed: int, purpose: int, *index: int) -> np.random.Generator:
    """The seeded generator of one part of the world."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(purpose, *index)))


@dataclass(frozen=True)
class World:
    """Stores, items, calendar, prices and promotions of a chain, from the first day to the end of the future."""

    spec: ShopSpec
    stores: list[Store]
    items: Items
    dates: NDArray[np.datetime64]
    weekday: NDArray[np.int64]
    """0 = Monday."""
    regular: NDArray[np.float32]
    """Regular price, shape (zones, items, span)."""
    promotions: Promotions
    item_noise: NDArray[np.float32]
    """Slow ups and downs of an item in all stores, a value a week: shape (items, weeks)."""

    @property
    def countries(self) -> list[str]:
        return sorted({store.city.country for store in self.stores})

    @property
    def first_day(self) -> date:
        return self.spec.first_day


def build_world(spec: ShopSpec) -> World:
    """The world of a spec."""
    stores = make_stores(spec, generator_for(spec.seed, STORES))
    items = make_items(spec, generator_for(spec.seed, ITEMS))
    regular = make_regular_prices(items, spec, generator_for(spec.seed, PRICES))
    promotions = make_promotions(items, stores, regular, spec, generator_for(spec.seed, PROMOTIONS))
    first = np.datetime64(spec.first_day, "D")
    return World(
        spec=spec,
        stores=stores,
        items=items,
        dates=first + np.arange(spec.span),
        weekday=(spec.first_day.weekday() + np.arange(spec.span)) % 7,
        regular=regular,
        promotions=promotions,
        item_noise=weekly_noise(items.count, spec.span, ITEM_NOISE, generator_for(spec.seed, NOISE)),
    )


def weekly_noise(rows: int, days: int, spread: float, generator: np.random.Generator) -> NDArray[np.float32]:
    """Stationary AR(1) values, one a week and one beyond the end: shape (rows, weeks)."""
    weeks = days // 7 + 2
    shocks = generator.standard_normal((rows, weeks), dtype=np.float32)
    noise = np.empty_like(shocks)
    noise[:, 0] = spread * shocks[:, 0]
    innovation = np.float32(spread * np.sqrt(1 - WEEK_MEMORY**2))
    for week in range(1, weeks):
        noise[:, week] = np.float32(WEEK_MEMORY) * noise[:, week - 1] + innovation * shocks[:, week]
    return noise


@dataclass(frozen=True)
class StoreWorld:
    """One store's days: what is open, its weather, and the effects on the logarithm of demand by category."""

    store: Store
    open: NDArray[np.bool_]
    unplanned: NDArray[np.bool_]
    """Closed without warning (a storm, a burst pipe)."""
    weather: Weather
    week: NDArray[np.float64]
    """Shape (categories, 7)."""
    season: NDArray[np.float64]
    """Shape (categories, span)."""
    festival: NDArray[np.float64]
    """Shape (categories, span); an item follows it by its own `festival_sense`."""
    weather_effect: NDArray[np.float64]
    change: NDArray[np.float64]
    """Planted lasting changes: shape (categories, span)."""
    noise: NDArray[np.float64]
    """The store's own ups and downs, a value a day."""
    affinity: NDArray[np.float64]
    """Liking of each item here, on the logarithm."""


def build_store(world: World, store: Store) -> StoreWorld:
    """The days of one store."""
    spec = world.spec
    generator = generator_for(spec.seed, STORE, store.index)
    first, span = spec.first_day, spec.span
    closed = np.zeros(span, dtype=bool)
    for day in closed_days(store.city.country, first, date.fromordinal(first.toordinal() + span - 1)):
        closed[(day - first).days] = True
    unplanned = np.zeros(span, dtype=bool)
    unplanned[: spec.days] = generator.random(spec.days) < 1 / 900
    unplanned &= ~closed
    weather = make_weather(store.city, first, span, generator_for(spec.seed, WEATHER, store.index))
    profile = np.array(WEEKDAY_PROFILES[store.kind]) + generator.normal(0, 0.02, 7)
    profile -= profile.mean()
    day_of_year = (np.arange(span) + first.timetuple().tm_yday - 1) % 365.25
    season = np.stack(
        [
            c.season * store.city.seasonality * np.cos(2 * np.pi * (day_of_year - c.season_peak) / 365.25)
            for c in CATEGORIES
        ]
    )
    anomaly = (weather.temperature_c - weather.normal_c) / 10
    rain = np.minimum(weather.precipitation_mm, 30) / 10
    local = generator.normal(0, 0.22, len(CATEGORIES))
    shocks = generator.normal(0, 0.045, span)
    noise = np.empty(span)
    for t in range(span):
        noise[t] = (0.55 * noise[t - 1] if t else 0.0) + shocks[t]
    return StoreWorld(
        store=store,
        open=~(closed | unplanned),
        unplanned=unplanned,
        weather=weather,
        week=np.array([c.weekend for c in CATEGORIES])[:, None] * profile[None, :],
        season=season,
        festival=festival_effects(store.city.country, first, span, closed),
        weather_effect=np.stack([c.warmth * anomaly + c.rain * rain for c in CATEGORIES]),
        change=_planted(world, store),
        noise=noise,
        affinity=local[world.items.category] + generator.normal(0, 0.28, world.items.count),
    )


def _planted(world: World, store: Store) -> NDArray[np.float64]:
    effect = np.zeros((len(CATEGORIES), world.spec.span))
    for change in world.spec.demand_changes:
        if change.location_id in ("*", store.location_id):
            at = max(0, (change.first_day - world.first_day).days)
            chosen = [change.category in ("*", c.name) for c in CATEGORIES]
            effect[chosen, at:] += np.log(change.factor)
    return effect
