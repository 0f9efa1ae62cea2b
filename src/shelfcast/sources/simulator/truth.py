"""What is true of the shop and no retailer would know: written beside its files, for tests and scores."""

from __future__ import annotations

import numpy as np
import polars as pl

from shelfcast.sources.simulator.assortment import NEVER
from shelfcast.sources.simulator.categories import CATEGORIES
from shelfcast.sources.simulator.demand import ANTICIPATION, DIP_DAYS
from shelfcast.sources.simulator.festivals import FESTIVALS
from shelfcast.sources.simulator.prices import day_of
from shelfcast.sources.simulator.store_run import CentreRun, StoreRun
from shelfcast.sources.simulator.supply import WEEKDAYS
from shelfcast.sources.simulator.world import World


def days(world: World, run: StoreRun, first: int, after: int) -> pl.DataFrame:
    """Each item-day: expected and unconstrained demand, what was lost, the stock balance, true availability.

    on_hand of the day before + received - sold + returned - wasted = on_hand, exactly.
    """
    demand, stock = run.setup.demand, run.stock
    steps = run.setup.terms.steps
    at_item, at_day = np.nonzero(
        demand.listed[:, first:after] | (stock.received[:, first:after] > 0) | (stock.wasted[:, first:after] > 0)
    )
    at_day = at_day + first
    ids = pl.Series(world.items.item_id, dtype=pl.String)

    def units(values: np.ndarray) -> np.ndarray:
        return values[at_item, at_day] / steps[at_item]

    return pl.DataFrame(
        {
            "item_id": ids.gather(pl.Series(at_item)),
            "location_id": pl.repeat(run.setup.store.location_id, len(at_item), eager=True),
            "date": world.dates[at_day],
            "expected_demand": np.round(demand.expected[at_item, at_day].astype(np.float64), 4),
            "demand": units(demand.demand),
            "sold": units(stock.sold),
            "returned": units(stock.returned),
            "received": units(stock.received),
            "wasted": units(stock.wasted),
            "on_hand": units(stock.on_hand),
            "in_stock_share": np.round(run.in_stock_share[at_item, at_day].astype(np.float64), 4),
        }
    )  # fmt: skip


def future_demand(world: World, run: StoreRun) -> pl.DataFrame:
    """Expected and drawn demand of the days after the last one, at the prices and promotions that will be."""
    demand, setup = run.setup.demand, run.setup
    start = world.spec.days
    at_item, at_day = np.nonzero(demand.listed[:, start:])
    at_day = at_day + start
    ids = pl.Series(world.items.item_id, dtype=pl.String)
    running = setup.prices.promotion[at_item, at_day]
    planned = np.zeros(len(running), dtype=bool)
    if world.promotions.count:
        planned = (running >= 0) & (world.promotions.known[running] < start)
    return pl.DataFrame(
        {
            "item_id": ids.gather(pl.Series(at_item)),
            "location_id": pl.repeat(setup.store.location_id, len(at_item), eager=True),
            "date": world.dates[at_day],
            "expected_demand": np.round(demand.expected[at_item, at_day].astype(np.float64), 4),
            "demand": demand.demand[at_item, at_day] / setup.terms.steps[at_item],
            "price": np.round(setup.prices.price[at_item, at_day].astype(np.float64), 2),
            "promotion": running >= 0,
            "promotion_known": planned,
        }
    )


def items(world: World) -> pl.DataFrame:
    """True parameters of each item; effects are on the natural logarithm of demand."""
    it = world.items
    kinds = [CATEGORIES[c] for c in it.category]
    return pl.DataFrame(
        {
            "item_id": it.item_id,
            "category": [k.name for k in kinds],
            "level_units_per_day": np.round(it.level, 5),
            "elasticity": np.round(it.elasticity, 5),
            "display_effect": np.round(it.display, 5),
            "pull_forward_share": np.round(it.pull_forward, 5),
            "festival_sense": np.round(it.festival_sense, 5),
            "trend_per_year": np.round(it.trend_per_year, 5),
            "dispersion_size": [k.dispersion for k in kinds],
            "warmth_per_10_degrees": [k.warmth for k in kinds],
            "rain_per_10_mm": [k.rain for k in kinds],
            "cannibalisation": [k.cannibalisation for k in kinds],
            "unit_cost": it.unit_cost,
            "launch_date": [None if d <= 0 else day_of(world.spec, d) for d in it.launch],
            "end_date": [None if d >= NEVER else day_of(world.spec, d) for d in it.end],
        },
        schema_overrides={"launch_date": pl.Date, "end_date": pl.Date},
    )


def promotions(world: World) -> pl.DataFrame:
    """Uplift of each promotion: demand is multiplied by `uplift` on its days, and dips by up to `dip` after them."""
    p, it = world.promotions, world.items
    price_effect = it.elasticity[p.item] * np.log1p(-p.discount)
    display_effect = it.display[p.item] * p.display
    total = price_effect + display_effect
    return pl.DataFrame(
        {
            "promotion_id": [p.id_of(n) for n in range(p.count)],
            "item_id": np.array(it.item_id)[p.item] if p.count else pl.Series([], dtype=pl.String),
            "country": pl.Series(p.country.tolist(), dtype=pl.String),
            "festival": pl.Series(p.festival.tolist(), dtype=pl.String),
            "first_date": world.dates[p.first],
            "last_date": world.dates[p.last],
            "known_on": np.datetime64(world.first_day, "D") + p.known,
            "price_effect": np.round(price_effect, 5),
            "display_effect": np.round(display_effect, 5),
            "uplift": np.round(np.exp(total), 5),
            "dip": np.round(np.exp(-it.pull_forward[p.item] * total * (DIP_DAYS - 1) / DIP_DAYS), 5),
            "dip_days": np.full(p.count, DIP_DAYS),
        }
    )


def festivals(world: World) -> pl.DataFrame:
    """Peak effect of each festival by country and category, for an item of middling festival sense."""
    rows = [
        (f.name, country, category, lift * f.strength[country], f.lead_days, f.lag_days, f.day_itself, f.dip)
        for f in FESTIVALS
        for country in world.countries
        if country in f.strength
        for category, lift in f.lifts.items()
    ]
    names = ["festival", "country", "category", "peak_effect", "lead_days", "lag_days", "share_on_the_day", "dip_share"]
    return pl.DataFrame(rows, schema=names, orient="row")


def weekdays(run: StoreRun) -> pl.DataFrame:
    """Weekday effect of a store, by category."""
    week = run.setup.days.week
    rows = [
        (run.setup.store.location_id, c.name, WEEKDAYS[d], round(float(week[k, d]), 5))
        for k, c in enumerate(CATEGORIES)
        for d in range(7)
    ]
    return pl.DataFrame(rows, schema=["location_id", "category", "weekday", "effect"], orient="row")


def seasons(run: StoreRun) -> pl.DataFrame:
    """Half the yearly swing at a location, by category."""
    store = run.setup.store
    rows = [(store.location_id, c.name, round(c.season * store.city.seasonality, 5), c.season_peak) for c in CATEGORIES]
    return pl.DataFrame(rows, schema=["location_id", "category", "amplitude", "peak_day_of_year"], orient="row")


def centre_days(world: World, run: CentreRun) -> pl.DataFrame:
    """Stock balance of a distribution centre: shipped = sold to stores + rushed through."""
    stock, steps = run.stock, run.setup.terms.steps
    at_item, at_day = np.nonzero((stock.sold > 0) | (stock.received > 0) | (run.rushed > 0))
    ids = np.array(world.items.item_id)[run.setup.items]

    def units(values: np.ndarray) -> np.ndarray:
        return values[at_item, at_day] / steps[at_item]

    return pl.DataFrame(
        {
            "item_id": ids[at_item],
            "location_id": pl.repeat(run.setup.location_id, len(at_item), eager=True),
            "date": world.dates[at_day],
            "shipped": units(stock.sold + run.rushed),
            "received": units(stock.received + run.rushed),
            "rushed": units(run.rushed),
            "on_hand": units(stock.on_hand),
        }
    )


def shop(world: World) -> dict[str, object]:
    """The spec and what the words mean, for `shop.json`."""
    return {
        "locations": [store.location_id for store in world.stores],
        "promotions": world.promotions.count,
        "anticipation": ANTICIPATION,
        "meaning": {
            "expected_demand": "mean of the distribution demand was drawn from",
            "demand": "what customers wanted, gross of returns; sold = min(demand, stock)",
            "effects": "on the natural logarithm of expected demand",
        },
    }
