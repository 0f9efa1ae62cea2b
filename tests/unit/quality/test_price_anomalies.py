"""Prices that can hardly be meant."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest

from shelfcast.quality.anomaly_context import Calendar, price_cuts
from shelfcast.quality.price_anomalies import impossible_prices, usual_prices

CUTOFF = date(2025, 6, 29)
CALENDAR = Calendar(CUTOFF, "D", 728)
ITEMS = pl.DataFrame({"item_id": [f"I{i}" for i in range(10)], "category": ["c"] * 10})


def history(item: str, location: str, *values: float, every: int = 14) -> pl.DataFrame:
    """Prices that each hold for two weeks, the last from a week before the cutoff."""
    n = len(values)
    days = [CUTOFF - timedelta(days=7 + every * (n - 1 - k)) for k in range(n)]
    return pl.DataFrame({"item_id": item, "location_id": location, "valid_from": days, "price": list(values)})


def strange(prices: pl.DataFrame) -> pl.DataFrame:
    return impossible_prices(prices, usual_prices(prices.lazy(), ITEMS), CALENDAR, 56)


@pytest.mark.parametrize("price", [29.9, 0.299, 17.94])
def test_a_moved_decimal_point_and_a_price_per_pack_are_flagged(price: float) -> None:
    frame = strange(history("I0", "S1", 2.99, 2.79, 2.99, 3.09, 2.99, price))
    assert frame["value"].to_list() == [price]
    assert "usual for this item here" in frame["reason"][0]


@pytest.mark.parametrize("price", [1.49, 0.99, 4.49, 0.79])
def test_promotions_clearances_and_rises_are_not(price: float) -> None:
    assert strange(history("I0", "S1", 2.99, 2.79, 2.99, 3.09, 2.99, price)).is_empty()


def test_an_item_without_history_is_held_against_other_locations() -> None:
    others = pl.concat([history("I0", f"S{n}", 5.0, 5.2) for n in range(6)])
    frame = strange(pl.concat([others, history("I0", "S9", 52.0)]))
    assert frame.select("location_id", "value").rows() == [("S9", 52.0)]
    assert "elsewhere" in frame["reason"][0]


def test_a_price_long_gone_is_no_news() -> None:
    assert strange(history("I0", "S1", 2.99, 29.9, 2.99, 2.99, 2.99, 2.99, 2.99, 2.99, every=21)).is_empty()


def test_cut_prices_are_spans_that_explain_sales() -> None:
    prices = history("I0", "S1", 3.0, 3.0, 2.0, 3.0, 3.0).with_columns(
        pl.lit(None, pl.Date).alias("valid_to"), pl.lit(None, pl.Float64).alias("regular_price")
    )
    cuts = price_cuts(prices, CALENDAR)
    assert cuts.height == 1
    assert (cuts["last_date"][0] - cuts["first_date"][0]).days == 13
