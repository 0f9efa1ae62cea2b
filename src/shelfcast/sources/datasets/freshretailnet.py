"""FreshRetailNet-50K: fresh grocery, 50,000 series x 90 days with stock-out hours, weather and discounts.

The publisher's `train.parquet` (and `eval.parquet`) has lists of 24 hours; the tidy copy has them counted already.
Amounts are normalised by the publisher; they are taken as units.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from shelfcast.sources.batches import SOURCE_LINE, CanonicalBatch
from shelfcast.sources.datasets.reading import (
    Batches,
    Dataset,
    attributes,
    batch,
    find_files,
    known_ahead,
    named,
    runs,
    typed,
    whole,
)
from shelfcast.sources.files import SourceFile

SELLING_HOURS = (6, 22)
"""Hours of the day in which stock-outs count: 06:00 to 21:59."""
PUBLISHED = {
    "city_id": pl.String, "store_id": pl.String, "management_group_id": pl.String, "first_category_id": pl.String,
    "second_category_id": pl.String, "third_category_id": pl.String, "product_id": pl.String, "dt": pl.Date,
    "sale_amount": pl.Float64, "stock_hour6_22_cnt": pl.Int64, "hours_stock_status": pl.Object, "discount": pl.Float64,
    "holiday_flag": pl.Int64, "activity_flag": pl.Int64, "precpt": pl.Float64, "avg_temperature": pl.Float64,
    "avg_humidity": pl.Float64, "avg_wind_level": pl.Float64,
}  # fmt: skip
TIDY = {
    "store_id": pl.String, "product_id": pl.String, "date": pl.Date, "sale_amount": pl.Float64,
    "stockout_hours_6_22": pl.Int64, "discount": pl.Float64, "activity_flag": pl.Int64,
}  # fmt: skip
KEYS = ["item_id", "location_id"]


def files(path: Path) -> list[Path]:
    published = find_files(path, ["train.parquet", "eval.parquet"])
    tidy = find_files(
        path, ["products.parquet", "stores.parquet", "calendar.parquet", "weather.parquet", "sales.parquet"]
    )
    if any(p.name == "train.parquet" for p in published):
        return published
    return tidy if len(tidy) == 5 else []


def batches(paths: list[Path]) -> Batches:
    published = [file for name in ("train.parquet", "eval.parquet") if (file := named(paths, name))]
    return _published(published) if published else _tidy(paths)


def _tidy(paths: list[Path]) -> Batches:
    products, stores, calendar, weather, sales = (
        file
        for name in ("products", "stores", "calendar", "weather", "sales")
        if (file := named(paths, f"{name}.parquet"))
    )
    groups = ["management_group_id", "first_category_id", "second_category_id", "third_category_id"]
    yield from _items(whole(products, dict.fromkeys(["product_id", *groups], pl.String)))
    yield _locations(whole(stores, {"store_id": pl.String, "city_id": pl.String}))
    yield _holidays(whole(calendar, {"date": pl.Date, "holiday_flag": pl.Int64}))
    seen = {
        "store_id": pl.String,
        "date": pl.Date,
        "precipitation": pl.Float64,
        "temperature_c": pl.Float64,
        "humidity_pct": pl.Float64,
        "wind_level": pl.Float64,
    }
    yield from _weather(whole(weather, seen).rename({"store_id": "location_id", "precipitation": "precipitation_mm"}))
    offers: list[pl.DataFrame] = []
    for raw in sales.batches():
        frame = typed(raw.frame, TIDY, sales.name).rename(
            {"store_id": "location_id", "product_id": "item_id", "sale_amount": "units"}
        )
        offers.append(frame.select(*KEYS, "date", "discount", "activity_flag"))
        yield batch("sales", frame.select(*KEYS, "date", "units", SOURCE_LINE))
        hours = SELLING_HOURS[1] - SELLING_HOURS[0]
        share = 1 - pl.col("stockout_hours_6_22") / hours
        yield batch("availability", frame.select(*KEYS, "date", share.alias("in_stock_share"), SOURCE_LINE))
    yield _promotions(pl.concat(offers))


def _published(parts: list[SourceFile]) -> Batches:
    described: list[pl.DataFrame] = []
    seen: list[pl.DataFrame] = []
    offers: list[pl.DataFrame] = []
    for file in parts:
        for raw in file.batches():
            frame = typed(raw.frame, PUBLISHED, file.name).rename(
                {
                    "store_id": "location_id",
                    "product_id": "item_id",
                    "dt": "date",
                    "sale_amount": "units",
                    "precpt": "precipitation_mm",
                    "avg_temperature": "temperature_c",
                    "avg_humidity": "humidity_pct",
                    "avg_wind_level": "wind_level",
                }
            )
            described.append(
                frame.select(
                    "item_id",
                    "location_id",
                    "city_id",
                    "management_group_id",
                    "first_category_id",
                    "second_category_id",
                    "third_category_id",
                ).unique(maintain_order=True)
            )
            seen.append(
                frame.select(
                    "location_id",
                    "date",
                    "precipitation_mm",
                    "temperature_c",
                    "humidity_pct",
                    "wind_level",
                    "holiday_flag",
                ).unique(["location_id", "date"], maintain_order=True)
            )
            offers.append(frame.select(*KEYS, "date", "discount", "activity_flag"))
            yield batch("sales", frame.select(*KEYS, "date", "units", SOURCE_LINE))
            yield batch("availability", frame.select(*KEYS, "date", *_availability(), SOURCE_LINE))
    keys = pl.concat(described).unique(maintain_order=True)
    yield from _items(keys.unique("item_id", maintain_order=True).rename({"item_id": "product_id"}))
    yield _locations(keys.unique("location_id", maintain_order=True).rename({"location_id": "store_id"}))
    days = pl.concat(seen).unique(["location_id", "date"], maintain_order=True)
    yield _holidays(days.group_by("date", maintain_order=True).agg(pl.col("holiday_flag").max()))
    yield from _weather(days.drop("holiday_flag"))
    yield _promotions(pl.concat(offers))


def _availability() -> list[pl.Expr]:
    """Share of the selling hours in stock, and the first hour without, from 24 flags (1 = out of stock)."""
    first, end = SELLING_HOURS
    flags = pl.col("hours_stock_status").list.slice(first, end - first)
    out = flags.list.arg_max().cast(pl.Float64) + first
    return [
        (1 - pl.col("stock_hour6_22_cnt") / (end - first)).alias("in_stock_share"),
        pl.when(flags.list.max() > 0).then(out).alias("first_out_hour"),
    ]


def _items(frame: pl.DataFrame) -> Batches:
    items = frame.rename({"product_id": "item_id"})
    yield batch(
        "items",
        items.select(
            "item_id", department="management_group_id", category="first_category_id", subcategory="second_category_id"
        ),
    )
    yield attributes(items, "item", "item_id", {"third_category_id": "third_category"})


def _locations(frame: pl.DataFrame) -> CanonicalBatch:
    return batch(
        "locations",
        frame.select(
            location_id="store_id",
            region="city_id",
            country=pl.lit("CN"),
            time_zone=pl.lit("Asia/Shanghai"),
        ),
    )


def _holidays(frame: pl.DataFrame) -> CanonicalBatch:
    days = frame.filter(pl.col("holiday_flag") == 1)
    return batch(
        "calendar_events",
        days.select(
            "date",
            known_ahead("date"),
            event=pl.lit("day off"),
            event_type=pl.lit("public_holiday"),
            scope=pl.lit("all"),
            scope_value=pl.lit("*"),
        ),
    )


def _weather(frame: pl.DataFrame) -> Batches:
    yield batch("weather", frame.drop("wind_level"))
    # The publisher's wind is a level, not a speed, so it is no `wind_kmh`.
    wind = frame.select("location_id", "date", name=pl.lit("wind_level"), value="wind_level").drop_nulls("value")
    yield batch("observations", wind)


def _promotions(offers: pl.DataFrame) -> CanonicalBatch:
    """Days in a row with one discount and one activity flag are one promotion."""
    on = offers.filter((pl.col("discount") < 1) | (pl.col("activity_flag") == 1))
    found = runs(on, KEYS, "date", ["discount", "activity_flag"])
    return batch(
        "promotions",
        found.select(
            *KEYS,
            "first_date",
            "last_date",
            known_ahead("first_date"),
            promotion_id=pl.when(pl.col("activity_flag") == 1).then(pl.lit("activity")).otherwise(pl.lit("discount")),
            promotion_type=pl.when(pl.col("activity_flag") == 1).then(pl.lit("activity")).otherwise(pl.lit("price")),
            discount_share=(1 - pl.col("discount")).clip(0, 1),
            display_share=pl.col("activity_flag").cast(pl.Float64),
        ),
    )


FRESHRETAILNET = Dataset(
    "freshretailnet", "FreshRetailNet-50K", files, batches,
    "train.parquet (and eval.parquet) of the publisher, or sales, products, stores, calendar and weather .parquet",
)  # fmt: skip
