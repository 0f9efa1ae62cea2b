"""A shop that goes on after its history, day by day, with orders from outside: the ERP, the tills and the lorries of a
rehearsal.

    spec = ShopSpec(stores=2, items=30, days=400, future_days=120)
    write_shop(spec, folder)                     # the history, as files
    live = LiveShop(spec)                        # the same shop at the close of the same day
    day = live.next_day(orders)                  # orders of that evening; None = by the shop's own rule
    day.sales, day.stock, day.deliveries ...     # what the retailer's systems would send the evening after
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from shelfcast.domain.errors import BadInput, BadParameter
from shelfcast.sources.simulator import frames, truth
from shelfcast.sources.simulator.pos import till_lines
from shelfcast.sources.simulator.prices import day_of
from shelfcast.sources.simulator.spec import ShopSpec
from shelfcast.sources.simulator.stock_run import (
    Matrix,
    StockDays,
    StockState,
    Terms,
    own_orders,
    place_orders,
    simulate_days,
)
from shelfcast.sources.simulator.store_run import (
    CentreRun,
    CentreSetup,
    StoreRun,
    StoreSetup,
    availability,
    set_up_centre,
    set_up_store,
)
from shelfcast.sources.simulator.supply import Supply, dc_of
from shelfcast.sources.simulator.world import World, build_world


@dataclass(frozen=True)
class ShopDay:
    """What a day's exports hold, all locations together; canonical columns."""

    day: date
    sales: pl.DataFrame
    availability: pl.DataFrame
    stock: pl.DataFrame
    open_orders: pl.DataFrame
    deliveries: pl.DataFrame
    pos_events: pl.DataFrame
    weather: pl.DataFrame
    prices: pl.DataFrame
    """Price list rows announced that day."""
    promotions: pl.DataFrame
    """Promotions planned that day."""
    truth: pl.DataFrame
    """Columns of the truth's days."""


class LiveShop:
    """Stores and distribution centres of one spec, run to the end of the history and then a day at a time.

    Orders of a night: columns item_id, destination_id, qty (stock units). They are placed at the close of the last day
    run, with the destination's usual source. Orders on a day the source takes none are refused.
    """

    def __init__(self, spec: ShopSpec) -> None:
        self.world = build_world(spec)
        self.stores = [_LiveStore(set_up_store(self.world, store), self.world) for store in self.world.stores]
        self.centres: list[_LiveCentre] = []
        for store in self.stores:
            store.run(spec.days)
        for country in self.world.countries:
            if dc_of(self.world, country):
                outflow = self._outflow(country)
                centre = _LiveCentre(set_up_centre(self.world, country, outflow), self.world)
                centre.ship(outflow)
                centre.run(spec.days)
                self.centres.append(centre)

    @property
    def last_day(self) -> date:
        """The last day that has been run."""
        return day_of(self.world.spec, self.stores[0].state.day - 1)

    @property
    def days_left(self) -> int:
        """Days that can still be run."""
        return self.world.spec.span - self.stores[0].state.day

    def next_day(self, orders: pl.DataFrame | None = None) -> ShopDay:
        """Place last night's orders and run one day.

        `orders` None lets every location order by its own rule. With a frame, every location orders what is in it and
        nothing else.

        Raises:
            BadParameter: no day is left.
            BadInput: an unknown item or destination, a negative or fractional quantity, or a day without ordering.
        """
        if not self.days_left:
            raise BadParameter(f"the world ends on {self.last_day}. Make the shop with more future_days.")
        self._place(orders)
        t = self.stores[0].state.day
        for store in self.stores:
            store.run(1)
        for centre in self.centres:
            centre.ship(self._outflow(centre.setup.country))
            centre.run(1)
        return self._exports(t)

    def _place(self, orders: pl.DataFrame | None) -> None:
        """Place orders at the close of the last day run; None = by every location's own rule."""
        places: dict[str, _Place] = {place.location_id: place for place in (*self.stores, *self.centres)}
        if orders is None:
            for place in places.values():
                place.order(place.own_orders())
            return
        t = self.stores[0].state.day - 1
        wanted = {name: np.zeros(len(place.terms.pack), dtype=np.int32) for name, place in places.items()}
        for item_id, destination, qty in orders.select("item_id", "destination_id", "qty").iter_rows():
            if destination not in places:
                raise BadInput(f"destination {destination!r} is unknown; known: {', '.join(sorted(places))}.")
            place = places[destination]
            if item_id not in place.row:
                raise BadInput(f"{destination} does not keep item {item_id!r}. Order items of its assortment.")
            row = place.row[item_id]
            steps = float(qty) * int(place.terms.steps[row])
            if steps < 0 or abs(steps - round(steps)) > 1e-6:
                raise BadInput(
                    f"an order of {qty} of {item_id} for {destination} came; allowed: whole units (weighed goods: whole "
                    "grams), none negative."
                )
            route = place.supply.routes[place.supply.route[row]]
            if steps and not place.supply.can_order[place.supply.route[row], t]:
                raise BadInput(
                    f"{route.source_id} takes no orders for {destination} on {self.last_day}; its days are "
                    f"{route.order_days_text}. Order on one of them."
                )
            wanted[destination][row] += round(steps)
        for name, place in places.items():
            place.order(wanted[name])

    def _outflow(self, country: str) -> Matrix:
        """What the country's stores ordered from its centre: it leaves there on the next day. Shape (items, span)."""
        total = np.zeros((self.world.items.count, self.world.spec.span), dtype=np.int32)
        for store in self.stores:
            if store.setup.store.city.country == country:
                from_centre = store.supply.from_centre
                total[from_centre, 1:] += store.stock.ordered[from_centre, :-1]
        return total

    def _exports(self, t: int) -> ShopDay:
        world = self.world
        runs = [store.as_run() for store in self.stores]
        places: list[StoreRun | CentreRun] = [*runs, *(centre.as_run() for centre in self.centres)]
        ordered = [frames.orders(world, run, t, t + 1) for run in places]
        return ShopDay(
            day=day_of(world.spec, t),
            sales=pl.concat([frames.sales(world, run, t, t + 1) for run in runs]),
            availability=pl.concat([frames.availability(world, run, t, t + 1) for run in runs]),
            stock=pl.concat([frames.stock(world, run, t, t + 1) for run in places]),
            open_orders=pl.concat([waiting for waiting, _ in ordered]),
            deliveries=pl.concat([came for _, came in ordered]),
            pos_events=pl.concat([till_lines(world, run, t) for run in runs]),
            weather=pl.concat([frames.weather(world, run, t, t + 1) for run in runs]),
            prices=pl.concat([frames.prices(world, run, t, t + 1) for run in runs]),
            promotions=frames.promotions(world, t, t + 1),
            truth=pl.concat([truth.days(world, run, t, t + 1) for run in runs]),
        )


class _Place:
    """A location's state, and its days so far in arrays as long as the world."""

    def __init__(
        self, location_id: str, items: list[str], supply: Supply, terms: Terms, start: StockState, spec: ShopSpec
    ) -> None:
        self.location_id = location_id
        self.row = {item: row for row, item in enumerate(items)}
        self.supply = supply
        self.terms = terms
        self.seed = spec.seed
        self.state = start
        self.demand: Matrix = np.zeros((len(items), spec.span), dtype=np.int32)
        self.plan = np.ones(self.demand.shape, dtype=np.float32)
        self.open = np.ones(spec.span, dtype=bool)
        self.stock = StockDays(0, *(np.zeros_like(self.demand) for _ in range(7)))

    def run(self, days: int) -> None:
        """Go on; the last evening's orders are left to `order`."""
        self.state, out = simulate_days(
            self.state,
            days,
            self.demand,
            self.plan,
            self.open,
            self.terms,
            self.supply,
            self.seed,
            last_evening=False,
        )
        span = slice(out.first, out.first + days)
        for name in ("sold", "returned", "received", "wasted", "on_hand", "ordered", "shipped"):
            getattr(self.stock, name)[:, span] = getattr(out, name)

    def own_orders(self) -> Matrix:
        return own_orders(self.state, self.plan, self.terms, self.supply)

    def order(self, orders: Matrix) -> None:
        t = self.state.day - 1
        self.state, shipped = place_orders(self.state, orders, self.terms, self.supply, self.seed)
        self.stock.ordered[:, t] = orders
        self.stock.shipped[:, t] = shipped


class _LiveStore(_Place):
    def __init__(self, setup: StoreSetup, world: World) -> None:
        super().__init__(
            setup.store.location_id, world.items.item_id, setup.supply, setup.terms, setup.start, world.spec
        )
        self.setup = setup
        self.demand, self.plan, self.open = setup.demand.demand, setup.demand.plan, setup.days.open

    def as_run(self) -> StoreRun:
        share, hour = availability(self.setup, self.stock)
        return StoreRun(self.setup, self.stock, self.state, share, hour)


class _LiveCentre(_Place):
    def __init__(self, setup: CentreSetup, world: World) -> None:
        items = [world.items.item_id[i] for i in setup.items]
        super().__init__(setup.location_id, items, setup.supply, setup.terms, setup.start, world.spec)
        self.setup = setup

    def ship(self, outflow: Matrix) -> None:
        """What its stores have ordered up to now."""
        self.demand = np.ascontiguousarray(outflow[self.setup.items])

    def as_run(self) -> CentreRun:
        return CentreRun(self.setup, self.stock, self.state, self.demand - self.stock.sold)
