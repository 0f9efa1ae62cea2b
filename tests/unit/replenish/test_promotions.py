"""What promotions ask of the stock: displays, the first morning, the end; what of the demand they bring."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest
from replenish_shop import day, line, propose, rule, source, stock

from shelfcast.replenish.explanation import explain
from shelfcast.replenish.inputs import PROMO_DEMAND_SCHEMA


def promotion(first: int, last: int, **more: Any) -> dict[str, Any]:
    plan = {"promotion_id": "p", "item_id": "a", "location_id": "*", "first_date": day(first), "last_date": day(last)}
    return {**plan, **more}


def promoted(first: int, last: int, rules: tuple[dict[str, Any], ...] = (), **more: Any) -> dict[str, Any]:
    return line(propose(promotions=[promotion(first, last, **more)], rules=list(rules)))


PLAIN = line(propose())
"""Delivered on day 2, next chance on day 3: the window is days 1 and 2."""


@pytest.mark.parametrize(("days", "units"), [(3, 0.0), (5, 30.0)])
def test_displays_build_up_from_so_many_days_before_the_first(days: int, units: float) -> None:
    found = promoted(6, 12, (rule("build_up_days", days),), display_qty=30.0)
    assert found["promo_units"] == units
    assert found["order_up_to"] == PLAIN["order_up_to"] + units
    assert ("promotion_build_up" in found["reasons"]) == (units > 0)


def test_the_promotions_own_build_up_day_wins_over_the_rule() -> None:
    assert promoted(9, 12, display_qty=30.0, build_up_from=day(2))["promo_units"] == 30.0
    assert promoted(4, 12, display_qty=30.0, build_up_from=day(4))["promo_units"] == 0.0


def test_nothing_is_built_up_once_the_window_reaches_beyond_the_end() -> None:
    assert promoted(-5, 1, display_qty=30.0)["promo_units"] == 0.0
    assert promoted(-5, 2, display_qty=30.0)["promo_units"] == 30.0


def test_allocated_units_are_there_on_the_first_morning_whatever_sells_before() -> None:
    found = promoted(3, 9, pre_allocation_qty=80.0)
    assert found["order_up_to"] == pytest.approx(80.0 + 2 * 4.0)  # two days sell 4 each before it begins
    assert "pre_allocation" in found["reasons"] and "allocated to a promotion's first day" in explain(found)
    assert promoted(3, 9, pre_allocation_qty=1.0)["order_up_to"] == PLAIN["order_up_to"]
    assert promoted(1, 9, pre_allocation_qty=80.0)["order_up_to"] == PLAIN["order_up_to"]  # nothing can come in time


def test_little_is_left_at_the_end_where_that_is_asked() -> None:
    found = promoted(-5, 2, sell_down_to=1.0)
    assert found["order_up_to"] == pytest.approx(PLAIN["window_mean"] + 1.0)
    assert "sell_down" in found["reasons"] and "a promotion ends" in explain(found)
    assert promoted(-5, 6, sell_down_to=1.0)["order_up_to"] == PLAIN["order_up_to"]  # it ends after the window
    assert promoted(-9, -2, sell_down_to=1.0)["order_up_to"] == PLAIN["order_up_to"]  # it is over


def test_the_narrowest_row_of_a_promotion_wins() -> None:
    rows = [promotion(2, 9, display_qty=30.0), promotion(2, 9, display_qty=5.0, location_id="S1")]
    assert line(propose(promotions=rows))["promo_units"] == 5.0


def test_what_is_left_of_an_ended_promotion_is_told() -> None:
    told = propose(stock=[stock(500.0)], promotions=[promotion(-9, -1, display_qty=30.0)]).exceptions
    assert "promotion_left_over" in told["code"].to_list()


def test_promotion_demand_of_the_window_is_told_apart_from_the_rest() -> None:
    days: list[date] = [day(1), day(2), day(3)]
    brought = pl.DataFrame(
        {"item_id": ["a"] * 3, "location_id": ["S1"] * 3, "date": days, "promo_qty": [1.5, 2.0, 9.0]},
        schema=PROMO_DEMAND_SCHEMA,
    )
    found = line(propose(promo_demand=brought))
    assert found["promo_demand"] == 3.5  # the third day lies beyond the window
    assert found["order_up_to"] == PLAIN["order_up_to"]  # it is part of the forecast already
    assert "3.5 of promotion demand" in explain(found)
    assert "promotion demand" not in explain({**found, "promo_demand": -3.5})
    assert PLAIN["promo_demand"] == 0.0


def test_terms_of_the_source_do_not_change_what_a_promotion_asks() -> None:
    found = line(propose(sourcing=[source(moq=12.0, pack_size=12.0)], promotions=[promotion(2, 9, display_qty=30.0)]))
    assert found["need"] == found["order_up_to"]
    assert found["qty"] % 12.0 == 0.0
