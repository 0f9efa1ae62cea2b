"""Anomaly flags: quiet on calm series, and what is planted is found."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from calm_shop import CUTOFF, CalmShop, calm_shop

from shelfcast.domain.tables.results import ANOMALIES
from shelfcast.quality.anomalies import Windows, anomalies_of
from shelfcast.quality.anomaly_context import Calendar, build_context, day_totals, no_events, no_listing

T = 500


def flags(shop: CalmShop, *, write_zeros: bool = True, sales: pl.DataFrame | None = None, **more: Any) -> pl.DataFrame:
    frame = shop.sales(write_zeros=write_zeros) if sales is None else sales
    calendar = Calendar(CUTOFF, "D", 728)
    totals = day_totals(frame.lazy(), shop.item_table, calendar)
    given = {name: more.pop(name) for name in ("openings", "events", "listing") if name in more}
    return anomalies_of(frame, build_context(totals, shop.item_table, calendar, **given), **more)


def fast_series(shop: CalmShop, least: float = 8.0, most: float = 40.0) -> list[int]:
    recent = shop.means[:, -60:].mean(axis=1)
    return [int(s) for s in np.flatnonzero((recent >= least) & (recent <= most))]


def found(frame: pl.DataFrame, shop: CalmShop, series: int, kind: str, t: int, within: int = 3) -> bool:
    item, location = shop.name(series)
    day = shop.days[t]
    rows = frame.filter((pl.col("item_id") == item) & (pl.col("location_id") == location) & (pl.col("kind") == kind))
    return any(abs((one - day).days) <= within for one in rows["date"])


@pytest.mark.parametrize("write_zeros", [True, False])
@pytest.mark.parametrize("dispersion", [0.05, 0.3])
def test_calm_series_raise_hardly_a_flag(dispersion: float, write_zeros: bool) -> None:
    # 500 series x 56 days, festivals, weather, season and slow movers included: at most 2 series in 1,000.
    total = sum(flags(calm_shop(seed, dispersion=dispersion), write_zeros=write_zeros).height for seed in (21, 22))
    assert total <= 2


def plant_spike(shop: CalmShop, series: int, t: int) -> None:
    shop.units[series, t] = np.round(shop.means[series, t] * 12)


def plant_zeros(shop: CalmShop, series: int, t: int) -> None:
    shop.units[series, t : t + 6] = 0


def plant_shift(shop: CalmShop, series: int, t: int) -> None:
    shop.units[series, t:] = np.round(shop.units[series, t:] * 3)


def plant_gap(shop: CalmShop, series: int, t: int) -> None:
    shop.units[series, t : t + 2] = np.nan


def plant_returns(shop: CalmShop, series: int, t: int) -> None:
    shop.units[series, t] = -10_000


@pytest.mark.parametrize(
    ("kind", "plant", "share", "within"),
    [
        ("spike", plant_spike, 0.95, 0),
        ("spike", plant_returns, 1.0, 0),
        ("likely_stockout", plant_zeros, 0.95, 1),
        ("level_shift", plant_shift, 0.85, 7),
        ("missing_day", plant_gap, 1.0, 0),
    ],
)
def test_what_is_planted_in_faster_series_is_found(
    kind: str, plant: Callable[[CalmShop, int, int], None], share: float, within: int
) -> None:
    shop = calm_shop(31, dispersion=0.1)
    rng = np.random.default_rng(4)
    chosen = rng.choice(fast_series(shop), 40, replace=False)
    days = rng.integers(T - 50, T - 21, 40)
    for series, t in zip(chosen, days):
        plant(shop, int(series), int(t))
    frame = flags(shop)
    hits = sum(found(frame, shop, int(s), kind, int(t), within) for s, t in zip(chosen, days))
    assert hits >= share * 40
    names = {shop.name(int(s)) for s in chosen}
    strangers = [row for row in frame.iter_rows(named=True) if (row["item_id"], row["location_id"]) not in names]
    assert len(strangers) <= 2


def test_small_counts_of_slow_movers_are_no_spikes() -> None:
    shop = calm_shop(5, slow_share=1.0)
    slow = np.flatnonzero(shop.means[:, -60:].mean(axis=1) < 0.5)[:50]
    shop.units[slow, T - 10] = 4
    assert flags(shop).filter(pl.col("kind") == "spike").is_empty()


def test_a_festival_that_moves_the_whole_category_is_no_anomaly() -> None:
    shop = calm_shop(6, festivals=False)
    category = np.arange(shop.units.shape[0]) % shop.items % 5 == 2
    shop.units[category, T - 12 : T - 9] = np.round(shop.units[category, T - 12 : T - 9] * 5)
    assert flags(shop).height <= 1


def test_a_promotion_explains_a_spike() -> None:
    shop = calm_shop(7)
    series = fast_series(shop)[0]
    plant_spike(shop, series, T - 20)
    assert found(flags(shop), shop, series, "spike", T - 20)
    item, _ = shop.name(series)
    day = shop.days[T - 20]
    promotion = pl.DataFrame([{"item_id": item, "location_id": "*", "first_date": day, "last_date": day}])
    assert not found(flags(shop, events=promotion.cast(no_events().schema)), shop, series, "spike", T - 20)


@pytest.mark.parametrize("why", ["a promotion", "no stock"])
def test_neither_a_promotion_nor_an_empty_shelf_explains_a_million(why: str) -> None:
    shop = calm_shop(7)
    series = fast_series(shop)[0]
    shop.units[series, T - 20] = 1_000_000
    item, location = shop.name(series)
    day = shop.days[T - 20]
    said = pl.DataFrame([{"item_id": item, "location_id": location, "first_date": day, "last_date": day}])
    out = pl.DataFrame([{"item_id": item, "location_id": location, "date": day, "in_stock_share": 0.0}])
    more = {"events": said.cast(no_events().schema)} if why == "a promotion" else {"availability": out}
    flagged = flags(shop, **more)
    assert found(flagged, shop, series, "spike", T - 20, within=0)
    assert flagged.filter(pl.col("kind") == "spike").height == 1
    assert "1,000,000" in flagged.filter(pl.col("kind") == "spike")["reason"].item()


def test_zeros_are_explained_by_recorded_availability() -> None:
    shop = calm_shop(8)
    series = fast_series(shop)[0]
    plant_zeros(shop, series, T - 20)
    item, location = shop.name(series)
    out = pl.DataFrame(
        {
            "item_id": [item] * 6, "location_id": [location] * 6,
            "date": shop.days[T - 20 : T - 14], "in_stock_share": [0.0] * 6,
        }
    )  # fmt: skip
    assert found(flags(shop), shop, series, "likely_stockout", T - 20)
    assert not found(flags(shop, availability=out), shop, series, "likely_stockout", T - 20)


def test_a_closed_location_is_no_stock_out() -> None:
    shop = calm_shop(9)
    shop.units[: shop.items, T - 20 : T - 15] = 0
    opened = pl.DataFrame({"location_id": ["S00"] * 5, "date": shop.days[T - 20 : T - 15], "open": [False] * 5})
    assert flags(shop, openings=opened).is_empty()


def test_a_silent_location_is_not_flagged_series_by_series() -> None:
    shop = calm_shop(10)
    shop.units[: shop.items, T - 20] = np.nan
    assert flags(shop).is_empty()


def test_an_item_that_left_the_range_is_no_stock_out() -> None:
    shop = calm_shop(11)
    series = fast_series(shop)[0]
    shop.units[series, T - 20 :] = 0
    item, location = shop.name(series)
    last = shop.days[T - 21]
    gone = pl.DataFrame([{"item_id": item, "location_id": location, "from_date": None, "to_date": last}])
    assert found(flags(shop), shop, series, "likely_stockout", T - 20)
    assert flags(shop, listing=gone.cast(no_listing().schema)).is_empty()


def test_the_order_of_rows_and_the_partition_change_nothing() -> None:
    shop = calm_shop(12)
    for number, series in enumerate(fast_series(shop)[:10]):
        plant_spike(shop, series, T - 20 - number)
    sales = shop.sales()
    whole = flags(shop)
    assert whole.height >= 9
    shuffled = flags(shop, sales=sales.sample(fraction=1.0, shuffle=True, seed=1))
    assert shuffled.equals(whole)
    calendar = Calendar(CUTOFF, "D", 728)
    context = build_context(day_totals(sales.lazy(), shop.item_table, calendar), shop.item_table, calendar)
    parts = [anomalies_of(one, context) for (_,), one in sales.group_by("location_id", maintain_order=True)]
    assert pl.concat(parts).sort("kind", "item_id", "location_id", "date").equals(whole)


def test_rows_fit_the_table_and_read_as_sentences() -> None:
    shop = calm_shop(13)
    series = fast_series(shop)[0]
    plant_spike(shop, series, T - 20)
    frame = flags(shop)
    assert ANOMALIES.conform(frame.with_columns(run_id=pl.lit("r"))).columns == ANOMALIES.names
    reason = frame["reason"][0]
    assert reason.startswith(f"Sold {shop.units[series, T - 20]:,.0f} on {shop.days[T - 20]:%a %d %b %Y}; about ")


def test_weeks_are_looked_at_as_weeks() -> None:
    shop = calm_shop(14, days=728, festivals=False)
    weekly = shop.units.reshape(shop.units.shape[0], 104, 7).sum(axis=2)
    weeks = CalmShop(weekly, shop.means, shop.locations, shop.items, frequency_days=7)
    strange = int(np.flatnonzero((weekly[:, -20:].mean(axis=1) > 20) & (weekly[:, -20:].mean(axis=1) < 200))[0])
    weeks.units[strange, 100] = weekly[strange].mean() * 12
    frame = weeks.sales()
    calendar = Calendar(CUTOFF, "W", Windows.of("W").history)
    context = build_context(
        day_totals(frame.lazy(), weeks.item_table, calendar), weeks.item_table, calendar, half_window=8
    )
    found_flags = anomalies_of(frame, context)
    item, location = weeks.name(strange)
    assert found_flags.filter((pl.col("item_id") == item) & (pl.col("location_id") == location)).height >= 1
    assert found_flags.height <= 3


def test_late_rows_are_flagged_once_a_series() -> None:
    shop = calm_shop(15, items=20)
    sales = shop.sales().with_columns(
        known_at=pl.col("date").cast(pl.Datetime("us", "UTC")) + timedelta(days=1, hours=5)
    )
    late = (
        (pl.col("item_id") == "I0003")
        & (pl.col("location_id") == "S01")
        & (pl.col("date") > CUTOFF - timedelta(days=9))
    )
    sales = sales.with_columns(
        known_at=pl.when(late & (pl.col("date") < CUTOFF - timedelta(days=5)))
        .then(datetime(2025, 7, 10, tzinfo=UTC))
        .otherwise("known_at")
    )
    frame = flags(shop, sales=sales).filter(pl.col("kind") == "late_data")
    assert frame.height == 1
    assert frame["reason"][0].startswith("3 row(s) from")


def test_no_rows_no_flags() -> None:
    shop = calm_shop(16, items=5, locations=1)
    sales = shop.sales()
    calendar = Calendar(CUTOFF, "D", 728)
    context = build_context(day_totals(sales.lazy(), shop.item_table, calendar), shop.item_table, calendar)
    assert anomalies_of(sales.head(0), context).is_empty()
