from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from shelfcast.domain.errors import BadParameter
from shelfcast.domain.tables import curated, supply
from shelfcast.features.demand import build_history, series_of
from shelfcast.features.from_tables import Tables, build_panel, learn_scheme
from shelfcast.features.grid import Grid, fill_forward

FIRST = date(2026, 1, 5)  # a Monday
KNOWN = datetime(2026, 1, 1, tzinfo=UTC)


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


def rows(table, *records) -> pl.DataFrame:
    return table.conform(pl.DataFrame(list(records), infer_schema_length=None)) if records else table.empty()


def tables(**given) -> Tables:
    declared = {
        "sales": curated.SALES, "availability": curated.AVAILABILITY, "openings": curated.OPENINGS, "items": curated.ITEMS,
        "locations": curated.LOCATIONS, "item_locations": supply.ITEM_LOCATIONS, "prices": curated.PRICES,
        "promotions": curated.PROMOTIONS, "calendar_events": curated.CALENDAR_EVENTS, "weather": curated.WEATHER,
        "observations": curated.OBSERVATIONS, "attributes": curated.ATTRIBUTES,
    }  # fmt: skip
    return Tables(**{name: rows(table, *given.get(name, ())) for name, table in declared.items()})


def sold(number: int, units: float, item: str = "a", location: str = "s") -> dict:
    return {"item_id": item, "location_id": location, "date": day(number), "units": units}


def history_of(grid: Grid, made: Tables):
    keys = series_of(made.sales, made.item_locations)
    return build_history(grid, keys, made.sales, made.availability, made.openings, made.items, made.item_locations)


def panel_of(grid: Grid, made: Tables):
    return build_panel(grid, learn_scheme(made), made)


def covariate(panel, name: str):
    return next(one for one in panel.covariates if one.name == name)


def test_a_gap_is_zero_where_open_and_missing_before_the_first_sale():
    history = history_of(Grid(FIRST, day(4), 2), tables(sales=[sold(1, 3), sold(3, 2)]))
    assert np.array_equal(history.units[0], [np.nan, 3, 0, 2, 0], equal_nan=True)


def test_a_closed_day_is_missing_in_the_history_and_zero_with_a_flag_in_the_panel():
    made = tables(
        sales=[sold(0, 3), sold(2, 2)],
        openings=[
            {"location_id": "s", "date": day(1), "open": False},
            {"location_id": "s", "date": day(3), "open": False},
        ],
    )
    grid = Grid(FIRST, day(2), 2)
    assert np.isnan(history_of(grid, made).units[0, 1])
    panel = panel_of(grid, made)
    assert panel.target[0].tolist() == [3, 0, 2]
    assert covariate(panel, "open").of_series()[0].tolist() == [1, 0, 1, 0, 1]


def test_a_day_on_which_a_busy_location_sent_nothing_is_missing_not_zero():
    sales = [sold(number, 1, item) for number in (0, 1, 3) for item in "abcdefg"]
    history = history_of(Grid(FIRST, day(3), 1), tables(sales=sales))
    assert np.isnan(history.units[:, 2]).all()


def test_a_quiet_location_without_sales_on_a_day_sold_zero():
    history = history_of(Grid(FIRST, day(3), 1), tables(sales=[sold(0, 1), sold(3, 1)]))
    assert history.units[0].tolist() == [1, 0, 0, 1]


def test_an_ended_item_is_missing_after_its_end():
    terms = [{"item_id": "a", "location_id": "s", "end_date": day(1)}]
    history = history_of(Grid(FIRST, day(3), 1), tables(sales=[sold(0, 1)], item_locations=terms))
    assert np.array_equal(history.units[0], [1, 0, np.nan, np.nan], equal_nan=True)


def test_a_listed_item_without_sales_is_a_series_of_its_own():
    terms = [
        {"item_id": "new", "location_id": "s", "status": "new", "start_date": day(5)},
        {"item_id": "gone", "location_id": "s", "status": "discontinued"},
    ]
    history = history_of(Grid(FIRST, day(3), 1), tables(sales=[sold(0, 1)], item_locations=terms))
    assert history.keys["item_id"].to_list() == ["a", "new"]
    assert np.isnan(history.units[1]).all()


def test_a_day_out_of_stock_is_censored():
    out = [{"item_id": "a", "location_id": "s", "date": day(1), "in_stock_share": 0.4}]
    history = history_of(Grid(FIRST, day(2), 1), tables(sales=[sold(0, 5), sold(1, 2), sold(2, 5)], availability=out))
    assert history.censored[0].tolist() == [False, True, False]


def test_weeks_add_up_their_days_and_a_cut_week_is_not_history():
    sales = [sold(number, 1) for number in range(17)]
    panel = panel_of(Grid(FIRST, day(16), 3, "W"), tables(sales=sales))
    assert panel.target[0].tolist() == [7, 7]
    assert panel.periods[2] == np.datetime64(day(14))


def test_a_price_holds_until_the_next_and_is_measured_against_the_usual():
    prices = [
        {"item_id": "a", "location_id": "s", "valid_from": day(-30), "price": 10.0},
        {"item_id": "a", "location_id": "s", "valid_from": day(4), "price": 8.0},
        {"item_id": "a", "location_id": "s", "valid_from": day(6), "price": 10.0},
    ]
    panel = panel_of(Grid(FIRST, day(5), 2), tables(sales=[sold(0, 1)], prices=prices))
    assert covariate(panel, "price").of_series()[0] == pytest.approx([1, 1, 1, 1, 0.8, 0.8, 1, 1])


def test_a_promotion_for_all_items_reaches_every_series_of_its_location_for_its_days():
    promotions = [
        {
            "promotion_id": "p",
            "item_id": "*",
            "location_id": "s",
            "first_date": day(2),
            "last_date": day(4),
            "promotion_type": "flyer",
            "discount_share": 0.2,
        }
    ]
    made = tables(sales=[sold(0, 1), sold(0, 1, "b"), sold(0, 1, "a", "t")], promotions=promotions)
    panel = panel_of(Grid(FIRST, day(3), 3), made)
    at = {
        key: flag.tolist()
        for key, flag in zip(panel.keys.rows(), covariate(panel, "promotion_flyer").of_series(), strict=True)
    }
    assert at[("a", "s")] == at[("b", "s")] == [0, 0, 1, 1, 1, 0, 0]
    assert at[("a", "t")] == [0] * 7
    assert covariate(panel, "discount").of_series()[0] == pytest.approx([0, 0, 0.2, 0.2, 0.2, 0, 0])


def test_an_event_concerns_its_country_and_the_rarer_of_two_comes_first():
    events = [
        {"event": "Diwali", "scope": "country", "scope_value": "IN", "date": day(1)},
        {"event": "Sunday market", "scope": "all", "date": day(1)},
        {"event": "Sunday market", "scope": "all", "date": day(2)},
    ]
    places = [{"location_id": "s", "country": "IN"}, {"location_id": "t", "country": "DE"}]
    made = tables(sales=[sold(0, 1), sold(0, 1, "a", "t")], calendar_events=events, locations=places)
    panel = panel_of(Grid(FIRST, day(2), 1), made)
    first, second = covariate(panel, "event_1"), covariate(panel, "event_2")
    names = [[first.categories[int(code)] for code in row] for row in first.of_series()]
    assert names[0] == ["none", "Diwali", "Sunday market", "none"]
    assert names[1] == ["none", "Sunday market", "Sunday market", "none"]
    assert second.categories[int(second.of_series()[0, 1])] == "Sunday market"


def test_weather_is_never_known_ahead():
    weather = [{"location_id": "s", "date": day(number), "temperature_c": 10.0 + number} for number in range(6)]
    panel = panel_of(
        Grid(FIRST, day(2), 3), tables(sales=[sold(0, 1)], weather=weather, locations=[{"location_id": "s"}])
    )
    assert covariate(panel, "weather_temperature_c").of_series().shape == (1, 3)


def test_every_partition_carries_the_same_covariates():
    made = tables(
        sales=[sold(0, 1), sold(0, 1, "b", "t")],
        prices=[{"item_id": "a", "location_id": "s", "valid_from": FIRST, "price": 1.0}],
        items=[{"item_id": "a", "category": "x"}, {"item_id": "b", "category": "y"}],
        attributes=[{"entity": "item", "entity_id": "a", "attribute": "size", "value": "3", "number": 3.0}],
        observations=[{"name": "trend", "date": FIRST, "value": 4.0, "frequency": "W"}],
    )
    scheme, grid = learn_scheme(made), Grid(FIRST, day(3), 2)
    from dataclasses import replace

    panels = [
        build_panel(grid, scheme, replace(made, sales=made.sales.filter(pl.col("location_id") == place)))
        for place in "st"
    ]
    shapes = [[(c.name, c.categories) for c in one.covariates] for one in panels]
    assert shapes[0] == shapes[1] and len(shapes[0]) > 3


def test_a_cutoff_before_the_history_is_refused():
    with pytest.raises(BadParameter, match="later cutoff"):
        Grid(FIRST, day(-1), 2)


def test_fill_forward_leaves_what_comes_before_the_first_value():
    assert np.array_equal(fill_forward(np.array([[np.nan, 1, np.nan, 2]])), [[np.nan, 1, 1, 2]], equal_nan=True)
