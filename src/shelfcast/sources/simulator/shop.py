"""Makes a whole shop, store by store, so that memory does not grow with the number of stores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from shelfcast.sources.simulator import frames, terms_frames, truth
from shelfcast.sources.simulator.files import ShopFiles
from shelfcast.sources.simulator.pos import till_lines
from shelfcast.sources.simulator.spec import ShopSpec
from shelfcast.sources.simulator.store_run import (
    CentreRun,
    StoreRun,
    run_centre,
    run_store,
    set_up_centre,
    set_up_store,
)
from shelfcast.sources.simulator.supply import dc_of
from shelfcast.sources.simulator.world import World, build_world

GENERATOR = 2
"""Grows when the same spec gives another shop than before."""
SMALL_MONTH = 20_000
"""Item-days a month up to which every sales file is CSV; above, closed months are Parquet and the last one CSV."""
LARGE_MONTH = 300_000
"""Item-days a month above which the last month is Parquet too."""
LONG_AGO = 10**6
SHEET_SERIES = 5_000
"""Series up to which prices and terms are CSV."""


@dataclass(frozen=True)
class ShopSummary:
    """What was made."""

    rows: dict[str, int]
    """By table."""
    planted: int
    item_days: int
    mean_units: float
    zero_share: float
    out_of_stock_share: float
    """Item-days on which stock ran out."""
    censored_share: float
    """Item-days on which customers were sent away."""
    promotion_share: float
    waste_share: float
    """Of units received of goods that spoil."""


def shop_notes(spec: ShopSpec) -> dict[str, object]:
    """What the bytes of a shop depend on: the spec and the version of this generator."""
    return {"generator": GENERATOR, **spec.as_dict()}


def write_shop(spec: ShopSpec, root: Path, advance: Callable[[float], None] | None = None) -> ShopSummary:
    """Generate a shop and write it below `root` (which must exist). `advance` is called with 1 for each store done."""
    world = build_world(spec)
    month_rows = spec.stores * spec.items * 30
    tally = _Tally()
    with ShopFiles(root, spec.seed, spec.dirty_share) as files:
        _write_chain(world, files)
        outflow: dict[str, np.ndarray] = {}
        events: list[list[pl.DataFrame]] = [[] for _ in range(spec.first_event_day, spec.days)]
        values: list[tuple[str, str, float]] = []
        for store in world.stores:
            run = run_store(world, set_up_store(world, store))
            tally.count(run)
            _write_store(world, run, files, month_rows)
            for at, parts in enumerate(events):
                parts.append(till_lines(world, run, spec.first_event_day + at))
            _count_outflow(world, run, outflow)
            values.extend(_order_values(world, run))
            if advance is not None:
                advance(1)
        for country, ordered in outflow.items():
            _write_centre(world, run_centre(world, set_up_centre(world, country, ordered), ordered), files)
        for at, parts in enumerate(events):
            day = world.dates[spec.first_event_day + at]
            files.add("pos_events", f"pos_events/pos_events-{day}.csv", pl.concat(parts))
        files.add("limits", "limits.csv", terms_frames.limits(world, values))
        files.write_truth({**shop_notes(spec), **truth.shop(world)})
        return tally.summary(files)


def _write_chain(world: World, files: ShopFiles) -> None:
    """What is the same for all stores."""
    files.add("locations", "locations.csv", frames.locations(world))
    files.add("items", "items.csv", frames.items(world))
    files.add("attributes", "attributes.csv", frames.attributes(world))
    files.add("calendar_events", "calendar_events.csv", frames.calendar_events(world))
    files.add("promotions", "promotions.csv", frames.promotions(world, -LONG_AGO, world.spec.days))
    files.add("rules", "rules.csv", terms_frames.rules(world))
    for name in ("items", "promotions", "festivals"):
        files.add("truth", f"truth/{name}.csv", getattr(truth, name)(world), clean=True)


def _write_store(world: World, run: StoreRun, files: ShopFiles, month_rows: int) -> None:
    spec = world.spec
    sheet = "csv" if spec.stores * spec.items <= SHEET_SERIES else "parquet"
    last = world.spec.last_day.isoformat()[:7]
    for month, first, after in frames.months(world):
        as_csv = month_rows <= SMALL_MONTH or (month == last and month_rows <= LARGE_MONTH)
        kind = "csv" if as_csv else "parquet"
        files.add("sales", f"sales/sales-{month}.{kind}", frames.sales(world, run, first, after))
        files.add(
            "availability", f"availability/availability-{month}.parquet", frames.availability(world, run, first, after)
        )
        files.add("truth", f"truth/days/days-{month}.parquet", truth.days(world, run, first, after), clean=True)
    files.add("truth", "truth/future_demand.parquet", truth.future_demand(world, run), clean=True)
    files.add("truth", "truth/weekdays.csv", truth.weekdays(run), clean=True)
    files.add("truth", "truth/seasons.csv", truth.seasons(run), clean=True)
    files.add("openings", "openings.csv", frames.openings(world, run))
    files.add("weather", "weather.csv", frames.weather(world, run, 0, spec.days))
    files.add("prices", f"prices.{sheet}", frames.prices(world, run, -LONG_AGO, spec.days))
    files.add("stock", "stock.parquet", frames.stock(world, run, spec.first_stock_day, spec.days))
    files.add("stock_lots", "stock_lots.csv", frames.stock_lots(world, run))
    files.add("item_locations", f"item_locations.{sheet}", terms_frames.item_locations(world, run))
    _write_orders(world, run, files, sheet)


def _write_centre(world: World, run: CentreRun, files: ShopFiles) -> None:
    sheet = "csv" if world.spec.stores * world.spec.items <= SHEET_SERIES else "parquet"
    spec = world.spec
    files.add("stock", "stock.parquet", frames.stock(world, run, spec.first_stock_day, spec.days))
    files.add("truth", "truth/centre_days.parquet", truth.centre_days(world, run), clean=True)
    _write_orders(world, run, files, sheet)


def _write_orders(world: World, run: StoreRun | CentreRun, files: ShopFiles, sheet: str) -> None:
    spec = world.spec
    open_orders, deliveries = frames.orders(world, run, max(0, spec.days - spec.delivery_days), spec.days)
    files.add("open_orders", "open_orders.csv", open_orders)
    files.add("deliveries", "deliveries.parquet", deliveries)
    files.add("sourcing", f"sourcing.{sheet}", terms_frames.sourcing(world, run))
    files.add("order_calendar", "order_calendar.csv", terms_frames.order_calendar(run))


def _count_outflow(world: World, run: StoreRun, outflow: dict[str, np.ndarray]) -> None:
    """Add what the store ordered from its distribution centre: it leaves there on the next day."""
    country = run.setup.store.city.country
    if not dc_of(world, country):
        return
    total = outflow.setdefault(country, np.zeros((world.items.count, world.spec.span), dtype=np.int32))
    from_centre = run.setup.supply.from_centre
    days = world.spec.days
    total[from_centre, 1 : days + 1] += run.stock.ordered[from_centre]


def _order_values(world: World, run: StoreRun) -> list[tuple[str, str, float]]:
    """(source, destination, usual value of an order) of a store's routes."""
    supply = run.setup.supply
    cost = run.stock.ordered[:, -90:] / run.setup.terms.steps[:, None] * world.items.unit_cost[:, None]
    found = []
    for r, route in enumerate(supply.routes):
        by_day = cost[supply.route == r].sum(axis=0)
        usual = float(by_day[by_day > 0].mean()) if (by_day > 0).any() else 0.0
        found.append((route.source_id, route.destination_id, usual))
    return found


class _Tally:
    """Running sums for the summary."""

    def __init__(self) -> None:
        self.cells = self.units = self.zeros = self.out = self.lost = self.promoted = self.received = self.wasted = 0.0

    def count(self, run: StoreRun) -> None:
        days = run.stock.sold.shape[1]
        listed = run.setup.demand.listed[:, :days]
        steps = run.setup.terms.steps[:, None]
        self.cells += listed.sum()
        self.units += float((run.stock.sold / steps)[listed].sum())
        self.zeros += float((run.stock.sold[listed] == 0).sum())
        self.out += float((run.in_stock_share[listed] < 1).sum())
        self.lost += float((run.setup.demand.demand[:, :days] > run.stock.sold)[listed].sum())
        self.promoted += float((run.setup.prices.promotion[:, :days][listed] >= 0).sum())
        spoils = run.setup.terms.life_days > 0
        self.received += float((run.stock.received / steps)[spoils].sum())
        self.wasted += float((run.stock.wasted / steps)[spoils].sum())

    def summary(self, files: ShopFiles) -> ShopSummary:
        cells = max(self.cells, 1)
        return ShopSummary(
            rows=dict(files.rows),
            planted=len(files.planted),
            item_days=int(self.cells),
            mean_units=round(float(self.units / cells), 4),
            zero_share=round(float(self.zeros / cells), 4),
            out_of_stock_share=round(float(self.out / cells), 4),
            censored_share=round(float(self.lost / cells), 4),
            promotion_share=round(float(self.promoted / cells), 4),
            waste_share=round(float(self.wasted / max(self.received, 1e-9)), 4),
        )
