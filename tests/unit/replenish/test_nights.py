"""Nights played through the nightly code: nobody looks ahead, policies differ by rules alone, limits and steadiness count."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
import replenish_shop as shop

from shelfcast.domain.errors import BadParameter
from shelfcast.replenish.inputs import Inputs
from shelfcast.replenish.night_policies import Hindsight, NightPolicy, at_service, levels_of, parse_policy, rules_of
from shelfcast.replenish.nights import Night, Played, Stage, centre_rows, play
from shelfcast.replenish.played_shop import ShelfTerms
from shelfcast.replenish.replay_terms import groups_of

DAYS = 10
KEYS = pl.DataFrame({"item_id": ["a", "b"], "location_id": ["S1", "S1"]})


def night(day: int, keys: pl.DataFrame, window: int = 2, **tables: Any) -> Night:
    cutoff = shop.day(day)
    dates = [cutoff + timedelta(days=d) for d in range(1, 15)]
    forecasts = pl.concat(
        [
            pl.DataFrame(
                {
                    "item_id": [item] * 14, "location_id": [place] * 14, "date": dates, "mean": [4.0] * 14,
                    "q100": [2.0] * 14, "q500": [4.0] * 14, "q900": [7.0] * 14,
                }
            )
            for item, place in keys.iter_rows()
        ]
    )  # fmt: skip
    given: Inputs = replace(shop.inputs(**tables), forecasts=forecasts)
    count = keys.height
    known = Hindsight(
        np.full(count, window), np.full(count, 0.95), np.full(count, 4.0), np.full(count, 4.0), np.full(count, 2.0),
        np.full(count, 9.0),
    )  # fmt: skip
    return Night(cutoff, given, known)


def stage(
    keys: pl.DataFrame = KEYS,
    *,
    days: int = DAYS,
    life: int = 0,
    late: int = 0,
    centres: tuple[bool, ...] = (),
    warm_up: int = 2,
    seed: int = 1,
    **tables: Any,
) -> Stage:
    count = keys.height
    tables.setdefault("sourcing", [shop.source(pack_size=6.0)])
    return Stage(
        keys,
        [night(day, keys, **tables) for day in range(days)],
        np.random.default_rng(seed).poisson(4.0, (count, days)).astype(np.float64),
        np.ones((count, days), np.bool_),
        np.full((count, days), late),
        np.ones(count),
        ShelfTerms(np.full(count, life), np.ones(count), np.zeros(count, np.bool_), np.ones(count)),
        np.full(count, 12.0),
        True,
        np.zeros(count),
        np.array(centres or (False,) * count),
        warm_up,
    )


def totals(one: Played) -> dict[str, float]:
    return {name: float(values.sum()) for name, values in one.result.totals.items()}


@pytest.mark.parametrize(
    ("name", "life"),
    [("nightly", 0), ("nightly", 5), ("min_max", 5), ("cover", 0), ("normal", 5), ("perfect", 0), ("time_phased", 0)],
)
def test_on_every_day_what_begins_and_comes_is_sold_wasted_or_left(name: str, life: int) -> None:
    listing = [
        {"item_id": "*", "location_id": "*", "shelf_life_days": float(life) if life else None, "unit_price": 3.0}
    ]
    played = play(stage(life=life, item_locations=listing), parse_policy(name), keep_ledger=True)
    assert played.ledger and len(played.ledger) == DAYS
    for row in played.ledger:
        assert row["start"] + row["received"] == pytest.approx(row["sold"] + row["waste"] + row["end"])
    ordered = sum(row.get("ordered", np.zeros(2)) for row in played.ledger)
    assert (ordered > 0.0).all()


def test_orders_come_in_packs_and_take_their_lead_time() -> None:
    played = play(stage(), NightPolicy("nightly"), keep_ledger=True)
    assert played.ledger is not None
    for row in played.ledger:
        assert (row.get("ordered", np.zeros(2)) % 6.0 == 0.0).all()
    first = next(day for day, row in enumerate(played.ledger) if row.get("ordered", np.zeros(2))[0] > 0.0)
    received = next(day for day, row in enumerate(played.ledger) if row["received"][0] > 0.0)
    assert received == first + 2


def test_late_deliveries_come_late_and_cost_sales() -> None:
    on_time, late = (totals(play(stage(late=days), NightPolicy("nightly"))) for days in (0, 4))
    assert late["unmet"] > on_time["unmet"] + 5.0


def test_what_happens_later_changes_no_earlier_order() -> None:
    known = stage()
    demand = known.demand.copy()
    demand[:, 6:] = 90.0
    other = replace(
        known, demand=demand, nights=[*known.nights[:7], *(night(d, KEYS, window=9) for d in range(7, DAYS))]
    )
    for name in ("nightly", "normal"):
        one = play(known, parse_policy(name), keep_ledger=True).ledger
        two = play(other, parse_policy(name), keep_ledger=True).ledger
        assert one is not None and two is not None
        for day in range(6):
            assert one[day].keys() == two[day].keys()
            assert all(np.array_equal(one[day][column], two[day][column]) for column in one[day])


def test_a_policy_plays_the_same_whoever_plays_beside_it() -> None:
    setting = stage()
    first = play(setting, NightPolicy("nightly"))
    play(setting, parse_policy("min_max"))
    again = play(setting, NightPolicy("nightly"))
    for name, values in first.result.totals.items():
        assert np.array_equal(values, again.result.totals[name])


def test_more_service_means_more_stock_and_fewer_sales_lost() -> None:
    low, high = (totals(play(stage(), at_service(service))) for service in (0.5, 0.99))
    assert high["stock_days"] > low["stock_days"]
    assert high["unmet"] < low["unmet"]


def test_a_centre_sends_what_its_stores_order_and_stays_with_the_nightly_code() -> None:
    keys = pl.DataFrame({"item_id": ["a", "a"], "location_id": ["DC", "S1"]})
    routes = [
        shop.source("a", "S1", "DC", source_type="dc", lead_time_days=1.0),
        shop.source("a", "DC", "SUP", lead_time_days=2.0),
    ]
    sourcing = shop.table("sourcing", *routes)
    assert centre_rows(keys, sourcing).tolist() == [True, False]
    setting = stage(keys, centres=(True, False), sourcing=routes)
    setting.demand[0] = 0.0
    for policy in (NightPolicy("nightly"), parse_policy("normal")):
        played = play(setting, policy, keep_ledger=True)
        assert played.ledger is not None
        sent = sum(float(row.get("shipped", np.zeros(2))[0]) for row in played.ledger)
        came = sum(float(row["received"][1]) for row in played.ledger)
        assert sent > 0.0 and sent >= came > 0.0
        for before, after in zip(played.ledger, played.ledger[1:]):
            assert after["start"][0] == pytest.approx(before["end"][0] - before.get("shipped", np.zeros(2))[0])


def test_limits_used_and_orders_are_counted() -> None:
    limits = [
        {"limit_type": "budget_value", "scope_value": "*", "destination_id": "*", "value": 1000.0},
        {"limit_type": "dock_qty", "scope_value": "S1", "destination_id": "*", "value": 100.0},
    ]
    uses = play(stage(limits=limits), NightPolicy("nightly"), stability=True).uses
    assert uses.lines >= uses.headers > 0
    assert 0.0 < max(uses.capacity["budget"]) < 0.1
    assert 0.0 < max(uses.capacity["capacity"]) < 1.0
    assert 0 <= uses.changed <= uses.compared and uses.compared > 0


def test_held_orders_wait() -> None:
    limits = [{"limit_type": "supplier_min_value", "scope_value": "SUP", "destination_id": "*", "value": 10_000.0}]
    setting = stage(limits=limits, rules=[shop.rule("hold_risk", 1.0)])
    played = play(setting, NightPolicy("nightly"))
    assert played.uses.held > 0
    assert totals(played)["ordered"] == 0.0


def hindsight(**more: Any) -> Hindsight:
    one = {
        "window_days": np.array([3, 0]), "service": np.array([0.9, 0.9]), "mean": np.array([4.0, 4.0]),
        "long_mean": np.array([4.0, 4.0]), "long_deviation": np.array([2.0, 2.0]), "ahead": np.array([13.0, 0.0]),
    }  # fmt: skip
    return Hindsight(**{**one, **more})


def test_rules_of_thumb_set_the_levels_they_promise() -> None:
    least = levels_of(parse_policy("min_max:2"), hindsight())
    assert least["min_level"].tolist() == [20.0, 0.0] and least["max_level"].tolist() == [32.0, 0.0]
    assert levels_of(parse_policy("cover:1"), hindsight())["order_up_to"].tolist() == [16.0, 0.0]
    normal = levels_of(parse_policy("normal"), hindsight())["order_up_to"]
    assert normal[0] == pytest.approx(12.0 + 1.2816 * 2.0 * 3.0**0.5, abs=1e-3)
    assert levels_of(parse_policy("perfect"), hindsight())["reorder_point"].tolist() == [13.0, 0.0]


def test_a_policy_changes_its_parameters_and_no_others() -> None:
    rules = shop.table(
        "rules",
        shop.rule("target_fill_rate", 0.9),
        shop.rule("holding_rate_per_year", 0.3),
        shop.rule("policy", "cover"),
    )
    stores = np.array([True, True])
    night_rules = rules_of(at_service(0.97), rules, date(2026, 3, 6), KEYS, hindsight(), stores)
    assert set(night_rules["parameter"]) == {"holding_rate_per_year", "policy", "target_type", "target_cycle_service"}
    by_hand = rules_of(parse_policy("normal"), rules, date(2026, 3, 6), KEYS, hindsight(), np.array([True, False]))
    levels = by_hand.filter(pl.col("parameter") == "order_up_to")
    assert levels["item_id"].to_list() == ["a"]


@pytest.mark.parametrize("name", ["best", "cover:x", "normal:1.5", "perfect:3", "target_cycle_service=2", "colour=red"])
def test_a_policy_nobody_knows_is_refused_with_what_is_known(name: str) -> None:
    with pytest.raises(BadParameter):
        parse_policy(name)


def test_a_group_of_substitutes_is_served_by_any_of_its_items() -> None:
    setting = stage(days=6, warm_up=1)
    short = replace(setting, start_stock=np.array([0.0, 500.0]), late_days=np.full((2, 6), 9))
    alone = play(short, NightPolicy("nightly"))
    assert alone.uses.group_demand == 0.0 and totals(alone)["unmet"] > 0.0
    together = play(replace(short, groups=np.array([0, 0])), NightPolicy("nightly")).uses
    assert together.group_demand == short.demand[:, 1:].sum() and together.group_unmet == 0.0
    apart = play(replace(short, groups=np.array([0, 1])), NightPolicy("nightly")).uses
    assert apart.group_unmet == totals(alone)["unmet"]


def test_groups_are_those_of_a_location_and_the_narrowest_name_holds() -> None:
    keys = pl.DataFrame({"item_id": ["a", "a", "b", "c"], "location_id": ["S1", "S2", "S1", "S1"]})
    listing = shop.table(
        "item_locations",
        {"item_id": "a", "location_id": "*", "substitute_group": "milk"},
        {"item_id": "b", "location_id": "S1", "substitute_group": "milk"},
        {"item_id": "c", "location_id": "S1"},
    )
    one, other, same, none = groups_of(keys, listing).tolist()
    assert one == same != other and none == -1 and other >= 0
    assert groups_of(keys, listing.clear()).tolist() == [-1, -1, -1, -1]
