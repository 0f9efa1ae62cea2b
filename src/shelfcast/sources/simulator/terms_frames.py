"""The supply side as files: sourcing terms, order calendars, shelf terms, limits and business rules."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl

from shelfcast.sources.simulator.assortment import NEVER
from shelfcast.sources.simulator.categories import CATEGORIES
from shelfcast.sources.simulator.prices import day_of
from shelfcast.sources.simulator.store_run import CentreRun, StoreRun
from shelfcast.sources.simulator.world import World


def sourcing(world: World, run: StoreRun | CentreRun) -> pl.DataFrame:
    """Terms of each item at a destination."""
    supply, terms = run.setup.supply, run.setup.terms
    kept = np.arange(world.items.count) if isinstance(run, StoreRun) else run.setup.items
    routes = [supply.routes[r] for r in supply.route]
    from_centre = np.array([route.source_type == "dc" for route in routes])
    pack = terms.pack / terms.steps
    return pl.DataFrame(
        {
            "item_id": np.array(world.items.item_id)[kept],
            "destination_id": [route.destination_id for route in routes],
            "source_id": [route.source_id for route in routes],
            "source_type": [route.source_type for route in routes],
            "priority": pl.repeat(1, len(kept), dtype=pl.Int64, eager=True),
            "lead_time_days": [float(route.lead_days) for route in routes],
            "lead_time_sd_days": [round(route.lead_sd, 3) for route in routes],
            "moq": terms.smallest_order / terms.steps,
            "pack_size": pack,
            "max_order_qty": pack * 60,
            "pallet_qty": pack * 48,
            "unit_cost": world.items.unit_cost[kept],
            "order_cost": np.where(from_centre, 0.15, 0.6),
            "yield_share": [round(1 - 0.65 * route.short_chance, 4) for route in routes],
        }
    )


def order_calendar(run: StoreRun | CentreRun) -> pl.DataFrame:
    supply = run.setup.supply
    return pl.DataFrame(
        {
            "source_id": [r.source_id for r in supply.routes],
            "destination_id": [r.destination_id for r in supply.routes],
            "order_weekdays": [r.order_days_text for r in supply.routes],
            "delivery_weekdays": [r.delivery_days_text for r in supply.routes],
            "cut_off": ["23:59" if r.source_type == "dc" else "22:00" for r in supply.routes],
        }
    )


def item_locations(world: World, run: StoreRun) -> pl.DataFrame:
    """Listing, shelf, life and money of each item in a store."""
    items, spec, terms = world.items, world.spec, run.setup.terms
    kinds = [CATEGORIES[c] for c in items.category]
    last = spec.days - 1
    status = np.full(items.count, "active", dtype=object)
    status[items.launch > last - 28] = "new"
    status[items.end < NEVER] = "phase_out"
    status[items.end <= last] = "discontinued"
    price = np.round(run.setup.prices.price[:, last].astype(np.float64), 2)
    room = np.maximum(terms.presentation * 20, terms.pack * 6) / terms.steps
    cost = items.unit_cost
    return pl.DataFrame(
        {
            "item_id": items.item_id,
            "location_id": pl.repeat(run.setup.store.location_id, items.count, eager=True),
            "status": pl.Series(status.tolist(), dtype=pl.String),
            "start_date": [None if d <= 0 else day_of(spec, d) for d in items.launch],
            "end_date": [None if d >= NEVER else day_of(spec, d) for d in items.end],
            "presentation_stock": terms.presentation / terms.steps,
            "max_stock": np.ceil(room),
            "shelf_life_days": [float(k.life_days) if k.life_days else None for k in kinds],
            "min_remaining_life_days": [0.0 for _ in kinds],
            "fifo_share": [1.0 for _ in kinds],
            "unit_price": price,
            "salvage": np.round([0.1 * c if k.life_days else 0.4 * c for k, c in zip(kinds, cost, strict=True)], 3),
            "disposal_cost": [0.05 if k.life_days else 0.0 for k in kinds],
            "substitute_group": items.subcategory_name,
        },
        schema_overrides={"start_date": pl.Date, "end_date": pl.Date, "shelf_life_days": pl.Float64},
    )


def limits(world: World, runs: list[tuple[str, str, float]]) -> pl.DataFrame:
    """Truck, dock and supplier limits. `runs` = (source, destination, usual value of a day's orders)."""
    rows: list[tuple[str, str, str, float]] = []
    for source, destination, value in runs:
        if source.startswith("DC-"):
            rows.append(("truck_volume", source, destination, 33.0))
            rows.append(("truck_pallets", source, destination, 33.0))
        else:
            rows.append(("supplier_min_value", source, destination, round(0.5 * value, 0)))
    rows += [("dock_qty", store.location_id, store.location_id, 30_000.0) for store in world.stores]
    return pl.DataFrame(
        rows,
        schema={"limit_type": pl.String, "scope_value": pl.String, "destination_id": pl.String, "value": pl.Float64},
        orient="row",
    ).with_columns(pl.lit(world.first_day).alias("valid_from"))


def rules(world: World) -> pl.DataFrame:
    """Business rules: chain defaults, fresh goods apart, one store, one item, and one that has run out."""
    first, item, store = world.first_day, world.items.item_id[0], world.stores[-1].location_id
    until, since = (day_of(world.spec, world.spec.days // 2 + shift) for shift in (-1, 0))
    present = {CATEGORIES[c].name for c in world.items.category}
    rows: list[tuple[str, str, str, str, str, str, date, date | None, str, str]] = [
        ("default", "*", "*", "*", "target_cycle_service", "0.96", since, None, "head office", "Chain standard"),
        ("default", "*", "*", "*", "review_period_days", "1", first, None, "head office", "Orders are looked at every night"),
        ("location", store, "*", "*", "target_cycle_service", "0.97", first, None, "area manager", "Store under review"),
        ("item", "*", item, "*", "target_cycle_service", "0.985", first, None, "category manager", "Never be without it"),
        ("default", "*", "*", "*", "target_cycle_service", "0.93", day_of(world.spec, -400), until, "head office", "Old standard"),
    ]  # fmt: skip
    for name, value in (
        ("Bakery", "0.90"),
        ("Meat and fish", "0.92"),
        ("Fruit and vegetables", "0.94"),
        ("Kitchenware", "0.90"),
    ):
        if name in present:
            rows.append(
                (
                    "category",
                    name,
                    "*",
                    "*",
                    "target_cycle_service",
                    value,
                    first,
                    None,
                    "category manager",
                    "Waste against gaps",
                )
            )
    names = [
        "scope",
        "scope_value",
        "item_id",
        "location_id",
        "parameter",
        "value",
        "valid_from",
        "valid_to",
        "changed_by",
        "reason",
    ]
    return pl.DataFrame(rows, schema=names, orient="row", schema_overrides={"valid_to": pl.Date})
