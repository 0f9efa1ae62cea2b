"""The day simulator: its identity, a slow oracle in plain Python, recorded runs of another simulator, repeatability."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shelfcast.domain.errors import BadParameter
from shelfcast.replenish import simulation_policies as policies
from shelfcast.replenish.formulas.rounding import order_after_rules
from shelfcast.replenish.simulation import (
    ItemTerms,
    arrival_days,
    lead_times_from_samples,
    protection_days,
    review_days,
    simulate,
    uniforms,
    weekday_mask,
)

DAYS = 40
SHOPS = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 10_000),
        "policy": st.sampled_from(["up_to", "s_S", "min_max", "packs", "lots"]),
        "lead_time": st.integers(1, 6),
        "lead_sd": st.sampled_from([0.0, 1.5]),
        "review": st.integers(1, 5),
        "pack": st.sampled_from([0, 1, 6]),
        "moq": st.sampled_from([0, 10]),
        "max_stock": st.sampled_from([1e300, 25]),
        "life": st.sampled_from([0, 1, 3, 9]),
        "fifo": st.sampled_from([0.0, 0.5, 1.0]),
        "backorders": st.booleans(),
        "waste_window": st.sampled_from([0, 4]),
        "delivered": st.sampled_from([1.0, 0.7]),
    }
)


def played(shop, *, items: int = 3, keep_ledger: bool = True, workers: int = 1):  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(shop["seed"])
    demand = rng.poisson(4, (items, DAYS)).astype(float)
    policy: policies.Policy = {
        "up_to": policies.OrderUpTo(20.0),
        "s_S": policies.ReorderPointOrderUpTo(12.0, 24.0),
        "min_max": policies.MinMax(12.0, 24.0),
        "packs": policies.ReorderLevelPacks(16.0),
        "lots": policies.ReorderPointQuantity(12.0, 10.0),
    }[shop["policy"]]
    terms = ItemTerms(
        moq=shop["moq"], pack_size=shop["pack"], max_stock=shop["max_stock"], shelf_life_days=shop["life"],
        fifo_share=shop["fifo"], backorders=shop["backorders"], waste_window_days=shop["waste_window"],
    )  # fmt: skip
    ordering = review_days(DAYS, shop["review"])
    due = arrival_days(
        items, DAYS, shop["lead_time"], lead_time_sd_days=shop["lead_sd"], seed=shop["seed"], order_days=ordering
    )
    return simulate(
        demand, policy, terms, arrivals=due, order_days=ordering, start_stock=15.0, expected_demand=4.0,
        delivered_share=shop["delivered"], warm_up_days=5, keep_ledger=keep_ledger, workers=workers,
    )  # fmt: skip


@settings(max_examples=150)
@given(SHOPS)
def test_start_plus_received_is_sold_plus_waste_plus_end_on_every_item_day(shop) -> None:  # type: ignore[no-untyped-def]
    ledger = played(shop).ledger
    left = ledger["start"] + ledger["received"]
    assert np.array_equal(left, ledger["sold"] + ledger["waste"] + ledger["end"])
    assert np.array_equal(ledger["start"][:, 1:], ledger["end"][:, :-1])
    assert np.all(ledger["end"] >= 0)
    if shop["backorders"]:
        owed = ledger["backorders"]
        assert np.array_equal(owed[:, 1:], owed[:, :-1] + ledger["demand"][:, 1:] - ledger["sold"][:, 1:])
    else:
        assert np.array_equal(ledger["demand"], ledger["sold"] + ledger["unmet"])


@settings(max_examples=60)
@given(SHOPS)
def test_totals_are_the_sums_of_the_ledger_after_the_warm_up(shop) -> None:  # type: ignore[no-untyped-def]
    run = played(shop)
    for name, column in (("demand", "demand"), ("sold", "sold"), ("waste", "waste"), ("stock_days", "end")):
        assert np.allclose(run.totals[name], run.ledger[column][:, 5:].sum(axis=1))
    total = run.totals
    assert np.allclose(total["start_stock"] + total["received"], total["sold"] + total["waste"] + total["end_stock"])


@settings(max_examples=20)
@given(SHOPS)
def test_one_and_two_workers_give_the_same(shop) -> None:  # type: ignore[no-untyped-def]
    one, two = played(shop, items=5), played(shop, items=5, workers=2)
    assert all(np.array_equal(one.totals[name], two.totals[name]) for name in one.totals)
    assert all(np.array_equal(one.ledger[name], two.ledger[name], equal_nan=True) for name in one.ledger)


@settings(max_examples=120)
@given(SHOPS.filter(lambda shop: shop["policy"] == "up_to" and shop["waste_window"] == 0))
def test_it_equals_a_slow_shop_of_single_units(shop) -> None:  # type: ignore[no-untyped-def]
    """One item kept as a list of units with their last selling day; orders by the rounding rules themselves."""
    shop = {**shop, "pack": max(shop["pack"], 1), "delivered": 1.0, "fifo": round(shop["fifo"])}
    run = played(shop, items=1)
    ordering = review_days(DAYS, shop["review"])
    due = arrival_days(
        1, DAYS, shop["lead_time"], lead_time_sd_days=shop["lead_sd"], seed=shop["seed"], order_days=ordering
    )[0]
    life = shop["life"] or 10**6
    shelf, owed, coming = [life - 1] * 15, 0, []
    for day in range(DAYS):
        shelf += [day + life - 1 for arrives, units in coming if arrives == day for _ in range(units)]
        coming = [(arrives, units) for arrives, units in coming if arrives != day]
        shelf.sort(reverse=not shop["fifo"])
        asked = owed + int(run.ledger["demand"][0, day])
        sold = min(asked, len(shelf))
        shelf = shelf[sold:]
        waste = sum(last <= day for last in shelf)
        shelf = [last for last in shelf if last > day]
        owed = asked - sold if shop["backorders"] else 0
        ordered = 0
        if ordering[day]:
            ordered = int(
                order_after_rules(
                    20, len(shelf), sum(units for _, units in coming), owed, moq=shop["moq"], pack_size=shop["pack"],
                    max_stock=shop["max_stock"],
                ).order_qty
            )  # fmt: skip
            coming.append((int(due[day]), ordered))
        seen = tuple(run.ledger[name][0, day] for name in ("sold", "waste", "end", "backorders", "ordered"))
        assert seen == (sold, waste, len(shelf), owed, ordered)


# Recorded from stockpyl 1.0.2's simulator with shipment_lead_time = lead_time_days: holding 0.02, backorder 0.5.
RECORDED_DEMAND = [3, 10, 3, 1, 2, 9, 3, 9, 7, 5, 2, 5, 12, 2, 9, 17, 8, 15, 11, 11]


@pytest.mark.parametrize(
    ("policy", "lead_time", "start", "cost", "ending"),
    [
        (policies.OrderUpTo(34.0), 3, 34.0, 10.3, -3.0),
        (policies.OrderUpTo(20.0), 1, 5.0, 4.82, 9.0),
        (policies.ReorderPointOrderUpTo(14.0, 30.0), 2, 30.0, 12.5, 8.0),
        (policies.ReorderPointOrderUpTo(20.0, 38.0), 4, 12.0, 39.38, -7.0),
    ],
)
def test_recorded_runs_of_another_simulator(policy, lead_time: int, start: float, cost: float, ending: float) -> None:  # type: ignore[no-untyped-def]
    terms = ItemTerms(pack_size=0, backorders=True)
    run = simulate([RECORDED_DEMAND], policy, terms, lead_time_days=lead_time, start_stock=start, keep_ledger=True)
    assert 0.02 * run.totals["stock_days"][0] + 0.5 * run.totals["backorder_days"][0] == pytest.approx(cost)
    assert run.ledger["end"][0, -1] - run.ledger["backorders"][0, -1] == ending


def test_an_order_arrives_before_the_demand_of_the_day_lead_time_later() -> None:
    run = simulate(np.zeros((1, 6)), policies.OrderUpTo(5.0), lead_time_days=2, start_stock=0.0, keep_ledger=True)
    assert run.ledger["ordered"][0].tolist() == [5, 0, 0, 0, 0, 0]
    assert run.ledger["received"][0].tolist() == [0, 0, 5, 0, 0, 0]


def test_units_live_their_days_from_receipt_on() -> None:
    run = simulate(
        np.zeros((1, 6)), policies.OrderUpTo(4.0), ItemTerms(shelf_life_days=2), start_stock=4.0, keep_ledger=True,
        order_days=[True, False, False, False, False, False],
    )  # fmt: skip
    assert run.ledger["waste"][0].tolist() == [0, 4, 0, 0, 0, 0]


def test_expected_waste_is_ordered_in_advance() -> None:
    terms = {"shelf_life_days": 3, "fifo_share": 1.0}
    demand = np.full((1, 30), 2.0)
    blind = simulate(demand, policies.OrderUpTo(9.0), ItemTerms(**terms), lead_time_days=2)
    aware = simulate(
        demand, policies.OrderUpTo(9.0), ItemTerms(**terms, waste_window_days=3), lead_time_days=2, expected_demand=2.0
    )
    assert aware.totals["ordered"][0] >= blind.totals["ordered"][0]


def test_a_day_without_a_level_is_a_day_without_an_order() -> None:
    levels = np.full((1, 5), np.nan)
    levels[0, 3] = 7.0
    run = simulate(np.zeros((1, 5)), policies.OrderUpTo(levels), start_stock=0.0, keep_ledger=True)
    assert run.ledger["ordered"][0].tolist() == [0, 0, 0, 7, 0]


def test_days_whose_demand_is_not_known_are_left_out_of_the_fill_rate_only() -> None:
    run = simulate([[5.0, 5.0]], policies.OrderUpTo(0.0), start_stock=5.0, counted=[[True, False]])
    assert (run.totals["counted_unmet"][0], run.totals["unmet"][0]) == (0, 5)


def test_cycles_run_from_delivery_to_delivery() -> None:
    demand = [[0, 0, 0, 9, 0, 0, 0, 0, 0.0]]
    run = simulate(demand, policies.OrderUpTo(5.0), order_days=review_days(9, 2), start_stock=5.0)
    assert (run.totals["cycles"][0], run.totals["short_cycles"][0]) == (4, 1)


def test_random_lead_times_are_the_same_for_any_subset_and_never_overtake() -> None:
    keys = np.array([3, 900, 41])
    together = arrival_days(3, 200, 5, lead_time_sd_days=2, seed=9, item_keys=keys)
    alone = arrival_days(1, 200, 5, lead_time_sd_days=2, seed=9, item_keys=keys[1:2])
    assert np.array_equal(together[1:2], alone)
    assert np.all(np.diff(together, axis=1) >= 0)
    assert not np.array_equal(together[0], together[1])
    assert not np.array_equal(alone, arrival_days(1, 200, 5, lead_time_sd_days=2, seed=10, item_keys=keys[1:2]))


def test_draws_are_even_and_unrelated_from_day_to_day() -> None:
    draws = uniforms(1, np.arange(2000, dtype=np.uint64), 50)
    assert np.abs(draws.mean() - 0.5) < 0.005
    assert np.abs(draws.var() - 1 / 12) < 0.001
    assert abs(np.corrcoef(draws[:, :-1].ravel(), draws[:, 1:].ravel())[0, 1]) < 0.01
    assert draws.min() > 0
    assert draws.max() < 1


def test_lead_times_are_drawn_from_what_was_seen() -> None:
    draws = (np.arange(1000) + 0.5) / 1000
    found = lead_times_from_samples([2, 2, 3, 7], draws)
    assert {int(days): int((found == days).sum()) for days in np.unique(found)} == {2: 500, 3: 250, 7: 250}


def test_goods_wait_for_an_open_day_and_an_order_lasts_until_the_next_delivery() -> None:
    is_open = weekday_mask(21, 0, range(5))
    ordering = weekday_mask(21, 0, [0, 3])
    due = arrival_days(1, 21, 3, order_days=ordering, delivery_open=is_open)
    assert due[0, [0, 3]].tolist() == [3, 7]
    assert protection_days(ordering, due, 1, 21)[0, [0, 3]].tolist() == [6, 6]


def test_every_day_with_a_lead_time_of_l_days_protects_l_days() -> None:
    assert set(protection_days(True, arrival_days(1, 30, 4), 1, 30)[0, :29].tolist()) == {4}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"demand": [[-1.0]]}, "demand"),
        ({"demand": [[1.0, 2.0]], "warm_up_days": 2}, "leave at least one day"),
        ({"demand": [[1.0, 2.0]], "arrivals": np.array([[0, 2]])}, "later day"),
        ({"demand": [[1.0, 2.0]], "terms": ItemTerms(moq=[1, 2, 3])}, "moq has 3 values for 1 items"),
        ({"demand": [[1.0, 2.0]], "terms": ItemTerms(fifo_share=2)}, "shares"),
        ({"demand": [[1.0, 2.0]], "order_days": [True] * 3}, "order_days has the shape"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(arguments, words: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(BadParameter, match=words):
        simulate(policy=policies.OrderUpTo(1.0), **arguments)


def test_levels_of_a_wrong_shape_are_refused() -> None:
    with pytest.raises(BadParameter, match="order_up_to_level has the shape"):
        simulate([[1.0, 2.0]], policies.OrderUpTo(np.zeros((3, 2))))
    with pytest.raises(BadParameter, match="order_quantity must be above 0"):
        simulate([[1.0, 2.0]], policies.ReorderPointQuantity(1.0, 0.0))


def test_terms_are_read_in_the_order_the_kernel_expects() -> None:
    assert [field.name for field in fields(ItemTerms)] == [
        "moq", "pack_size", "pack_round_threshold", "max_stock", "max_order_qty", "shelf_life_days", "fifo_share",
        "backorders", "waste_window_days",
    ]  # fmt: skip
