"""Stock adds up on every item and day, whoever orders."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shelfcast.domain.errors import BadParameter
from shelfcast.sources.simulator.spec import ShopSpec
from shelfcast.sources.simulator.stock_run import StockDays, own_orders, place_orders, simulate_days
from shelfcast.sources.simulator.store_run import (
    StoreRun,
    StoreSetup,
    run_centre,
    run_store,
    set_up_centre,
    set_up_store,
)
from shelfcast.sources.simulator.world import World, build_world


def balances(start: np.ndarray, days: StockDays) -> bool:
    """start + received - sold + returned - wasted = end on every item and day, and nothing is negative."""
    opening = np.column_stack([start, days.on_hand[:, :-1]])
    closing = opening + days.received - days.sold + days.returned - days.wasted
    parts = (days.sold, days.returned, days.received, days.wasted, days.on_hand, days.ordered, days.shipped)
    return bool(np.array_equal(closing, days.on_hand) and all((part >= 0).all() for part in parts))


def test_stock_adds_up_and_sales_are_the_smaller_of_demand_and_stock(world: World, runs: list[StoreRun]) -> None:
    for run in runs:
        days = run.stock
        start = run.setup.start.on_hand
        assert balances(start, days)
        there = np.column_stack([start, days.on_hand[:, :-1]]) + days.received
        assert np.array_equal(days.sold, np.minimum(run.setup.demand.demand[:, : world.spec.days], there))
        assert np.array_equal(run.end.on_hand, days.on_hand[:, -1])


def test_shops_run_out_as_often_as_shops_do(world: World, runs: list[StoreRun]) -> None:
    days = world.spec.days
    listed = [run.setup.demand.listed[:, :days] for run in runs]
    lost = [run.setup.demand.demand[:, :days] > run.stock.sold for run in runs]
    share = sum((a & b).sum() for a, b in zip(listed, lost, strict=True)) / sum(a.sum() for a in listed)
    assert 0.02 < share < 0.06
    fresh = runs[0].setup.terms.life_days > 0
    wasted = sum(run.stock.wasted[fresh].sum() for run in runs) / sum(run.stock.received[fresh].sum() for run in runs)
    assert 0.005 < wasted < 0.10
    assert not any(run.stock.wasted[~fresh].any() for run in runs)


def test_availability_is_less_than_one_exactly_where_the_shelf_was_empty_before_closing(runs: list[StoreRun]) -> None:
    for run in runs:
        listed = run.setup.demand.listed[:, : run.stock.sold.shape[1]]
        empty = listed & (run.stock.on_hand + run.stock.wasted - run.stock.returned == 0)
        assert np.array_equal(run.in_stock_share < 1, empty)
        lost = listed & (run.setup.demand.demand[:, : listed.shape[1]] > run.stock.sold)
        assert (run.in_stock_share[lost] < 1).all()
        hours = run.out_hour[empty]
        assert (hours >= run.setup.store.opens).all() and (hours <= run.setup.store.closes).all()


def test_nothing_moves_on_closed_days(runs: list[StoreRun]) -> None:
    for run in runs:
        closed = ~run.setup.days.open[: run.stock.sold.shape[1]]
        assert closed.any()
        assert not run.stock.sold[:, closed].any() and not run.stock.returned[:, closed].any()


def test_every_order_arrives_or_is_on_its_way(runs: list[StoreRun]) -> None:
    for run in runs:
        shipped = run.stock.shipped.sum(axis=1, dtype=np.int64)
        received = run.stock.received.sum(axis=1, dtype=np.int64)
        assert np.array_equal(shipped, received + run.end.on_order)
        assert (run.stock.shipped <= run.stock.ordered).all()
        assert (run.stock.ordered % run.setup.terms.pack[:, None] == 0).all()


def test_orders_are_placed_on_order_days_only_and_none_on_the_last_evening(runs: list[StoreRun]) -> None:
    for run in runs:
        may = run.setup.supply.can_order[run.setup.supply.route][:, : run.stock.ordered.shape[1]]
        assert not run.stock.ordered[~may].any()
        assert run.stock.ordered.any() and not run.stock.ordered[:, -1].any()


def test_the_centre_ships_what_its_stores_ordered(world: World, runs: list[StoreRun]) -> None:
    outflow = np.zeros((world.items.count, world.spec.span), dtype=np.int32)
    for run in runs:
        if run.setup.store.city.country == "IN":
            from_centre = run.setup.supply.from_centre
            outflow[from_centre, 1 : world.spec.days + 1] += run.stock.ordered[from_centre]
    setup = set_up_centre(world, "IN", outflow)
    centre = run_centre(world, setup, outflow)
    assert balances(setup.start.on_hand, centre.stock)
    assert np.array_equal(centre.stock.sold + centre.rushed, outflow[setup.items, : world.spec.days])
    assert centre.rushed.sum() < 0.1 * outflow.sum()


SMALL = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@SMALL
@given(st.integers(1, 25), st.integers(7, 90), st.integers(0, 2**31 - 1), st.data())
def test_small_shops_add_up_whatever_is_ordered_from_outside(
    items: int, days: int, seed: int, data: st.DataObject
) -> None:
    world = build_world(ShopSpec(stores=1, items=items, days=days, seed=seed, event_days=0, stock_days=1))
    setup = set_up_store(world, world.stores[0])
    most = data.draw(st.integers(0, 30))
    orders = np.random.default_rng(seed).integers(0, most + 1, (items, days)).astype(np.int32)
    end, out = go_on(world, setup, days, orders)
    assert balances(setup.start.on_hand, out)
    assert np.array_equal(out.ordered, orders)
    assert balances(setup.start.on_hand, run_store(world, setup).stock)
    assert end.day == days


@SMALL
@given(st.integers(1, 89), st.integers(0, 2**31 - 1))
def test_a_run_cut_anywhere_is_the_run_in_one_piece(cut: int, seed: int) -> None:
    world = build_world(ShopSpec(stores=1, items=12, days=90, seed=seed))
    setup = set_up_store(world, world.stores[0])
    s = setup
    whole_end, whole = go_on(world, s, 90)
    middle, first = go_on(world, s, cut)
    end, second = simulate_days(middle, 90 - cut, s.demand.demand, s.demand.plan, s.days.open, s.terms, s.supply, seed)
    for name in ("sold", "returned", "received", "wasted", "on_hand", "ordered", "shipped"):
        assert np.array_equal(np.column_stack([getattr(first, name), getattr(second, name)]), getattr(whole, name)), (
            name
        )
    assert np.array_equal(end.coming, whole_end.coming) and np.array_equal(end.lots, whole_end.lots)


def go_on(world: World, s: StoreSetup, days: int, orders: np.ndarray | None = None):
    return simulate_days(
        s.start, days, s.demand.demand, s.demand.plan, s.days.open, s.terms, s.supply, world.spec.seed, orders
    )


def test_evening_orders_placed_by_hand_are_the_same_as_in_the_run() -> None:
    world = build_world(ShopSpec(stores=1, items=30, days=60))
    s = set_up_store(world, world.stores[0])
    whole_end, whole = go_on(world, s, 60)
    state = s.start
    for t in range(60):
        state, day = simulate_days(
            state,
            1,
            s.demand.demand,
            s.demand.plan,
            s.days.open,
            s.terms,
            s.supply,
            world.spec.seed,
            last_evening=False,
        )
        orders = own_orders(state, s.demand.plan, s.terms, s.supply)
        state, shipped = place_orders(state, orders, s.terms, s.supply, world.spec.seed)
        assert np.array_equal(orders, whole.ordered[:, t]) and np.array_equal(shipped, whole.shipped[:, t])
        assert np.array_equal(day.sold[:, 0], whole.sold[:, t])
    assert np.array_equal(state.coming, whole_end.coming)


def test_more_stock_never_sells_less() -> None:
    world = build_world(ShopSpec(stores=1, items=30, days=60))
    s = set_up_store(world, world.stores[0])
    little, much = (np.where(s.supply.can_order[s.supply.route][:, :60], q, 0).astype(np.int32) for q in (1, 40))
    assert go_on(world, s, 60, much)[1].sold.sum() > go_on(world, s, 60, little)[1].sold.sum()


def test_days_beyond_the_world_and_wrong_orders_are_refused() -> None:
    world = build_world(ShopSpec(stores=1, items=5, days=30))
    s = set_up_store(world, world.stores[0])
    with pytest.raises(BadParameter, match="the world ends after day"):
        go_on(world, s, world.spec.span + 1)
    with pytest.raises(BadParameter, match="orders have shape"):
        go_on(world, s, 10, np.zeros((5, 9), dtype=np.int32))
    with pytest.raises(BadParameter, match="least value -1"):
        go_on(world, s, 10, np.full((5, 10), -1, dtype=np.int32))
