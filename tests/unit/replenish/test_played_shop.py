"""The shelves of a replay: nothing appears or vanishes, and they are those of the simulator."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from shelfcast.replenish.played_shop import Orders, PlayedShop, ShelfTerms
from shelfcast.replenish.simulation import ItemTerms, simulate
from shelfcast.replenish.simulation_policies import OrderUpTo

NOWHERE = np.full(1, -1)


def shop(
    stock: float = 10.0, life: int = 0, fifo: float = 1.0, waits: bool = False, warm_up: int = 0, step: float = 1.0
) -> PlayedShop:
    terms = ShelfTerms(np.array([life]), np.array([fifo]), np.array([waits]), np.array([step]))
    return PlayedShop(terms, np.array([stock]), warm_up, keep_ledger=True)


def one_order(day: int, units: float, arrives: int, good: float | None = None) -> Orders:
    row = np.zeros(1, np.int64)
    sent = np.array([units if good is None else good])
    return Orders(row, np.array([units]), sent, row + arrives, row + arrives, row + day, row)


def played(
    on: PlayedShop, demand: list[float], level: float, lead: int
) -> tuple[PlayedShop, dict[str, NDArray[np.float64]]]:
    """Order up to the level every night."""
    everything = np.ones(1, np.bool_)
    for day, wanted in enumerate(demand):
        on.live(day, np.array([wanted]), everything)
        position = on.on_hand[0] + on.orders.ordered.sum() - on.owed[0]
        if position < level:
            on.place(day, one_order(day, level - position, day + lead), NOWHERE)
        on.chance(np.zeros(1, np.int64), np.array([day + lead]))
    return on, on.result().totals


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 12), min_size=5, max_size=30),
    st.integers(0, 6),
    st.integers(1, 4),
    st.integers(0, 40),
    st.sampled_from([0.0, 0.5, 1.0]),
    st.booleans(),
)
def test_what_begins_and_comes_is_sold_wasted_or_still_there(
    demand: list[int], life: int, lead: int, level: int, fifo: float, waits: bool
) -> None:
    on, _ = played(shop(8.0, life, fifo, waits), [float(d) for d in demand], float(level), lead)
    for row in on.ledger or []:
        begin, end = row["start"] + row["received"], row["sold"] + row["waste"] + row["end"]
        assert begin == pytest.approx(end)
        assert row["end"].min() >= 0.0 and row["waste"].min() >= 0.0 and row["unmet"].min() >= 0.0


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 12), min_size=5, max_size=30),
    st.integers(0, 6),
    st.integers(1, 4),
    st.integers(1, 40),
    st.sampled_from([0.0, 1.0]),
    st.booleans(),
    st.integers(0, 3),
)
def test_days_go_as_in_the_simulator(
    demand: list[int], life: int, lead: int, level: int, fifo: float, waits: bool, warm_up: int
) -> None:
    wanted = [float(d) for d in demand]
    _, totals = played(shop(8.0, life, fifo, waits, warm_up), wanted, float(level), lead)
    known = simulate(
        np.array([wanted]),
        OrderUpTo(float(level)),
        ItemTerms(pack_size=0.0, shelf_life_days=life, fifo_share=fifo, backorders=waits),
        lead_time_days=lead,
        start_stock=8.0,
        warm_up_days=warm_up,
    ).totals
    for name in sorted(set(known) - {"undelivered"}):
        assert totals[name][0] == pytest.approx(known[name][0]), name


def test_a_short_delivery_is_ordered_in_full_and_received_in_part() -> None:
    on = shop(0.0)
    on.live(0, np.zeros(1), np.ones(1, np.bool_))
    on.place(0, one_order(0, 10.0, 1, good=7.0), NOWHERE)
    on.live(1, np.array([9.0]), np.ones(1, np.bool_))
    totals = on.result().totals
    assert (totals["ordered"][0], totals["received"][0], totals["undelivered"][0], totals["sold"][0]) == (10, 7, 3, 7)


def test_what_a_centre_sends_leaves_it_the_same_night() -> None:
    terms = ShelfTerms(np.zeros(2, np.int64), np.ones(2), np.zeros(2, np.bool_), np.ones(2))
    on = PlayedShop(terms, np.array([50.0, 0.0]), 0)
    everything = np.ones(2, np.bool_)
    on.live(0, np.zeros(2), everything)
    row = np.array([1])
    on.place(0, Orders(row, np.array([30.0]), np.array([30.0]), row, row, row - 1, row - 1), np.array([0]))
    assert on.on_hand.tolist() == [20.0, 0.0]
    on.live(1, np.array([0.0, 5.0]), everything)
    assert on.on_hand.tolist() == [20.0, 25.0]


def test_days_that_are_not_counted_stay_out_of_the_fill_rate_only() -> None:
    on = shop(3.0)
    on.live(0, np.array([5.0]), np.zeros(1, np.bool_))
    totals = on.result().totals
    assert totals["demand"][0] == 5 and totals["unmet"][0] == 2
    assert totals["counted_demand"][0] == 0 and totals["counted_unmet"][0] == 0


def test_a_centre_sends_no_more_than_it_has() -> None:
    terms = ShelfTerms(np.zeros(3, np.int64), np.ones(3), np.zeros(3, np.bool_), np.ones(3))
    on = PlayedShop(terms, np.array([10.0, 0.0, 0.0]), 0)
    everything = np.ones(3, np.bool_)
    on.live(0, np.zeros(3), everything)
    rows, units, tomorrow = np.array([1, 2]), np.array([7.0, 7.0]), np.array([1, 1])
    on.place(0, Orders(rows, units, units, tomorrow, tomorrow, tomorrow - 1, tomorrow - 1), np.array([0, 0]))
    on.live(1, np.zeros(3), everything)
    assert on.on_hand.tolist() == [0.0, 7.0, 3.0]
