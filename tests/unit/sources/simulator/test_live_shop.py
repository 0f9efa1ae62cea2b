"""A shop run on day by day after its history."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from shelfcast.domain.errors import BadInput, BadParameter
from shelfcast.sources.simulator.feed_faults import FAULTS, with_fault
from shelfcast.sources.simulator.live_shop import LiveShop, ShopDay
from shelfcast.sources.simulator.shop import write_shop
from shelfcast.sources.simulator.spec import ShopSpec

SPEC = ShopSpec(stores=4, items=20, days=60, future_days=28, dirty_share=0)


@pytest.fixture
def live() -> LiveShop:
    return LiveShop(SPEC)


def test_it_goes_on_from_the_last_day_to_the_end_of_the_world(live: LiveShop) -> None:
    assert live.last_day == date(2026, 10, 31) and live.days_left == 28
    seen = [live.next_day() for _ in range(28)]
    assert seen[0].day == date(2026, 11, 1)
    assert all((day.sales["date"] == day.day).all() for day in seen)
    assert sum(day.deliveries.height for day in seen) > 0
    with pytest.raises(BadParameter, match="future_days"):
        live.next_day()


def test_stock_moves_by_what_its_exports_say(live: LiveShop) -> None:
    before = None
    for _ in range(10):
        day = live.next_day()
        stores = day.truth.filter(pl.col("location_id").str.starts_with("S"))
        if before is not None:
            joined = stores.join(before, on=["item_id", "location_id"], suffix="_before")
            left = (
                joined["on_hand_before"] + joined["received"] - joined["sold"] + joined["returned"] - joined["wasted"]
            )
            assert (left - joined["on_hand"]).abs().max() < 1e-6
        before = stores.select("item_id", "location_id", "on_hand")
        lines = day.pos_events.group_by("item_id", "location_id").agg(pl.col("units").sum())
        both = day.sales.join(lines, on=["item_id", "location_id"], how="left")
        assert (both["units"] - both["units_right"].fill_null(0)).abs().max() < 1e-6


def test_outside_orders_arrive_and_raise_the_stock() -> None:
    plain, given = LiveShop(SPEC), LiveShop(SPEC)
    store = given.stores[0]
    t = store.state.day - 1
    row = int(np.flatnonzero(store.supply.can_order[store.supply.route, t])[0])
    order = pl.DataFrame(
        {"item_id": [given.world.items.item_id[row]], "destination_id": [store.location_id], "qty": [500.0]}
    )
    nothing = order.head(0)
    plain.next_day(nothing)
    given.next_day(order)
    for _ in range(12):
        plain.next_day(nothing)
        given.next_day(nothing)
    assert given.stores[0].stock.received[row, t:].sum() - plain.stores[0].stock.received[row, t:].sum() > 0
    assert given.stores[0].stock.ordered.sum() - plain.stores[0].stock.ordered.sum() == 500 * store.terms.steps[row]


def test_without_orders_the_shelves_run_empty(live: LiveShop) -> None:
    nothing = pl.DataFrame(schema={"item_id": pl.String, "destination_id": pl.String, "qty": pl.Float64})
    days = [live.next_day(nothing) for _ in range(28)]
    assert days[-1].sales["units"].sum() < 0.3 * days[0].sales["units"].sum()
    assert days[-1].open_orders.is_empty()


@pytest.mark.parametrize(
    ("item", "destination", "qty", "match"),
    [
        ("BAK-001", "S99", 1.0, "destination 'S99' is unknown; known:"),
        ("NONE", "S01", 1.0, "does not keep item 'NONE'"),
        ("BAK-001", "S01", 1.5, "whole units"),
        ("BAK-001", "S01", -2.0, "none negative"),
    ],
)
def test_wrong_orders_are_refused(live: LiveShop, item: str, destination: str, qty: float, match: str) -> None:
    with pytest.raises(BadInput, match=match):
        live.next_day(pl.DataFrame({"item_id": [item], "destination_id": [destination], "qty": [qty]}))
    assert live.days_left == 28, "nothing happened"


@pytest.fixture(scope="module")
def planning_day() -> ShopDay:
    """A day on which a promotion is announced."""
    live = LiveShop(ShopSpec(stores=1, items=60, days=60, future_days=28))
    while live.days_left:
        day = live.next_day()
        if day.promotions.height:
            return day
    raise AssertionError("no promotion was announced in four weeks")


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_a_fault_of_a_feed_changes_the_exports_and_not_the_truth(planning_day: ShopDay, fault: str) -> None:
    day = planning_day
    ill = with_fault(day, fault)
    tables = ("sales", "availability", "stock", "deliveries", "pos_events", "prices", "promotions")
    changed = [name for name in tables if not getattr(day, name).equals(getattr(ill, name))]
    assert changed
    assert ill.truth.equals(day.truth)
    assert all(getattr(ill, name).schema == getattr(day, name).schema for name in tables)


def test_an_unknown_fault_is_refused(live: LiveShop) -> None:
    with pytest.raises(BadParameter, match="fault 'gremlins' is unknown; known: clock_shift"):
        with_fault(live.next_day(), "gremlins")


def test_the_live_shop_starts_where_its_files_end(tmp_path: Path) -> None:
    write_shop(SPEC, tmp_path)
    live = LiveShop(SPEC)
    stock = pl.read_parquet(tmp_path / "stock.parquet").filter(pl.col("date") == SPEC.last_day)
    planted = pl.read_csv(tmp_path / "truth" / "planted_errors.csv")
    assert planted.filter(pl.col("file") == "stock.parquet").is_empty()
    for place in (*live.stores, *live.centres):
        steps = dict(zip(place.row, place.terms.steps, strict=True))
        on_hand = dict(zip(place.row, place.state.on_hand, strict=True))
        here = stock.filter(pl.col("location_id") == place.location_id)
        assert here.height > 0
        for item, units in here.select("item_id", "on_hand").iter_rows():
            assert round(units * steps[item]) == on_hand[item]
