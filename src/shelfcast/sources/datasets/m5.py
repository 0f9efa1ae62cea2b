"""M5 (Walmart): item x store, daily units in a wide file, weekly prices, events and SNAP days."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl

from shelfcast.domain.errors import BadFile
from shelfcast.sources.batches import CanonicalBatch
from shelfcast.sources.convert import convert_target
from shelfcast.sources.datasets.reading import Batches, Dataset, batch, find_files, known_ahead, named, typed, whole
from shelfcast.sources.mapping import Target, Wide
from shelfcast.sources.numbers import NumberStyle

WIDE_FILES = ["sales_train_evaluation.csv", "sales_train_validation.csv"]
TIDY_FILES = ["calendar.parquet", "items.parquet", "stores.parquet", "prices.parquet", "sales_daily_last28.parquet"]
STATES = ("CA", "TX", "WI")
TIME_ZONES = {"CA": "America/Los_Angeles", "TX": "America/Chicago", "WI": "America/Chicago"}
EVENT_TYPES = {"Religious": "festival", "National": "public_holiday", "Cultural": "festival", "Sporting": "sport"}


def files(path: Path) -> list[Path]:
    wide = find_files(path, WIDE_FILES)[:1]
    calendar = find_files(path, ["calendar.csv"])
    if wide and calendar:
        return [*calendar, *find_files(path, ["sell_prices.csv"]), *wide]
    tidy = find_files(path, TIDY_FILES)
    return tidy if any(p.name == "calendar.parquet" for p in tidy) and len(tidy) >= 2 else []


def batches(paths: list[Path]) -> Batches:
    calendar = _calendar(paths)
    yield _events(calendar)
    wide = named(paths, *WIDE_FILES)
    yield from _dimensions(paths)
    prices = named(paths, "sell_prices.csv", "prices.parquet")
    if prices is not None:
        week, price = ("wm_yr_wk", "sell_price") if "wm_yr_wk" in prices.columns else ("walmart_week", "sell_price_usd")
        weekly = whole(prices, {"store_id": pl.String, "item_id": pl.String, week: pl.Int64, price: pl.Float64})
        yield from _prices(weekly.rename({"store_id": "location_id", week: "week", price: "price"}), calendar)
    if wide is not None:
        first: date = calendar["date"].min()  # type: ignore[assignment]
        target = Target(
            "sales", {"item_id": "item_id", "location_id": "store_id"}, wide=Wide("units", prefix="d_", first_day=first)
        )
        for raw in wide.batches():
            yield convert_target(raw.frame, target, NumberStyle())
    elif (daily := named(paths, "sales_daily_last28.parquet")) is not None:
        columns = {"item_id": pl.String, "store_id": pl.String, "date": pl.Date, "units": pl.Float64}
        for raw in daily.batches():
            yield batch("sales", typed(raw.frame, columns, daily.name).rename({"store_id": "location_id"}))


def _calendar(paths: list[Path]) -> pl.DataFrame:
    file = named(paths, "calendar.csv", "calendar.parquet")
    if file is None:
        raise BadFile("M5 needs its calendar.csv: periods are numbered and prices are weekly.")
    week = "wm_yr_wk" if "wm_yr_wk" in file.columns else "walmart_week"
    events = dict.fromkeys(["event_name_1", "event_type_1", "event_name_2", "event_type_2"], pl.String)
    snap = dict.fromkeys([f"snap_{state}" for state in STATES], pl.Int64)
    return whole(file, {"date": pl.Date, week: pl.Int64, **events, **snap}).rename({week: "week"})


def _events(calendar: pl.DataFrame) -> CanonicalBatch:
    """Events of the whole country, and SNAP days (food aid is paid out) by state."""
    named_days = [
        calendar.select(
            "date",
            event=f"event_name_{n}",
            event_type=pl.col(f"event_type_{n}").replace_strict(EVENT_TYPES, default="other", return_dtype=pl.String),
            scope=pl.lit("all"),
            scope_value=pl.lit("*"),
        )
        for n in (1, 2)
    ]
    snap_days = [
        calendar.filter(pl.col(f"snap_{state}") == 1).select(
            "date", event=pl.lit("SNAP"), event_type=pl.lit("pay"), scope=pl.lit("region"), scope_value=pl.lit(state)
        )
        for state in STATES
    ]
    days = pl.concat([*named_days, *snap_days]).filter(pl.col("event").is_not_null() & (pl.col("event") != ""))
    return batch("calendar_events", days.with_columns(known_ahead("date")))


def _dimensions(paths: list[Path]) -> Batches:
    keys = {
        "item_id": pl.String,
        "dept_id": pl.String,
        "cat_id": pl.String,
        "store_id": pl.String,
        "state_id": pl.String,
    }
    wide = named(paths, *WIDE_FILES)
    items, stores = named(paths, "items.parquet"), named(paths, "stores.parquet")
    if wide is not None:
        rows = pl.concat(typed(raw.frame, keys, wide.name).drop("source_line").unique() for raw in wide.batches())
        item_rows, store_rows = rows.select("item_id", "dept_id", "cat_id"), rows.select("store_id", "state_id")
    elif items is not None and stores is not None:
        item_rows = whole(items, {name: keys[name] for name in ("item_id", "dept_id", "cat_id")}).drop("source_line")
        store_rows = whole(stores, {name: keys[name] for name in ("store_id", "state_id")}).drop("source_line")
    else:
        return
    yield batch("items", item_rows.unique().sort("item_id").select("item_id", department="cat_id", category="dept_id"))
    yield batch(
        "locations",
        store_rows.unique()
        .sort("store_id")
        .select(
            location_id="store_id",
            region="state_id",
            country=pl.lit("US"),
            time_zone=pl.col("state_id").replace_strict(TIME_ZONES, default="UTC", return_dtype=pl.String),
        ),
    )


def _prices(weekly: pl.DataFrame, calendar: pl.DataFrame) -> Batches:
    """A row where the price changes; `valid_to` where the item is off sale in the weeks after.

    No price in a week means the item was not sold in that store then, so the first price is the first selling day.
    """
    weeks = (
        calendar.group_by("week")
        .agg(pl.col("date").min().alias("week_start"), pl.col("date").max().alias("last"))
        .sort("week")
    )
    weeks = weeks.with_row_index("number")
    rows = weekly.join(weeks, on="week", how="left").sort("item_id", "location_id", "number")
    series = ["item_id", "location_id"]
    first = pl.any_horizontal(*(pl.col(name) != pl.col(name).shift(1) for name in series)).fill_null(True)
    number = pl.col("number").cast(pl.Int64)
    after_gap = first | (number != number.shift(1) + 1)
    changed = after_gap | (pl.col("price") != pl.col("price").shift(1))
    before_gap = after_gap.shift(-1, fill_value=True) & (number < weeks.height - 1)
    run = changed.cum_sum().alias("run")
    found = (
        rows.with_columns(run, pl.when(before_gap).then(pl.col("last")).alias("valid_to"))
        .group_by("run", maintain_order=True)
        .agg(
            *(pl.col(n).first() for n in series),
            pl.col("week_start").first().alias("valid_from"),
            pl.col("valid_to").last(),
            pl.col("price").first(),
            pl.col("source_line").first(),
        )
    )
    folded = rows.height - found.height
    made = batch("prices", found.drop("run").with_columns(known_ahead("valid_from")))
    yield CanonicalBatch(made.table, made.frame, made.faults, 0, folded)
    starts = found.group_by(series, maintain_order=True).agg(pl.col("valid_from").min().alias("start_date"))
    yield batch("item_locations", starts)


M5 = Dataset(
    "m5", "M5 (Walmart)", files, batches,
    "calendar.csv with sales_train_evaluation.csv or sales_train_validation.csv (and sell_prices.csv) of the publisher, "
    "or the tidy calendar, items, stores, prices .parquet",
)  # fmt: skip
