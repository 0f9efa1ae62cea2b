"""Rossmann: turnover of 1,115 drug stores a day, with promotions, holidays and, in the tidy copy, weather and search trend.

One item, `all`: the set has turnover by store, which is taken as its units. A closed day is a day of zero sales and
a row in `openings`. 180 stores have no rows at all from July to December 2014 (refurbishment): these days are missing,
not closed.
"""

from __future__ import annotations

from datetime import date
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
    whole,
)

GAP = (date(2014, 7, 1), date(2014, 12, 31))
HOLIDAYS = {"a": "public holiday", "b": "Easter holiday", "c": "Christmas holiday"}
MONTHS = {
    name: number
    for number, name in enumerate(
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"], start=1
    )
} | {"Sept": 9}
PUBLISHED_FILES = ["train.csv", "store.csv", "test.csv", "store_states.csv"]
TIDY_FILES = [
    "sales.parquet", "stores.parquet", "store_states.parquet", "future_calendar.parquet", "weather.parquet",
    "google_trends.parquet",
]  # fmt: skip
TEXT, NUMBER, REAL = pl.String, pl.Int64, pl.Float64
FLAGS = {"promo": NUMBER, "state_holiday": TEXT, "school_holiday": NUMBER}


def files(path: Path) -> list[Path]:
    published = find_files(path, PUBLISHED_FILES)
    if any(p.name.startswith("train.csv") for p in published) and any(
        p.name.startswith("store.csv") for p in published
    ):
        return published
    tidy = find_files(path, TIDY_FILES)
    return tidy if {"sales.parquet", "stores.parquet"} <= {p.name for p in tidy} else []


def batches(paths: list[Path]) -> Batches:
    states = _states(paths)
    yield from _stores(paths, states)
    yield batch(
        "items", pl.DataFrame({"item_id": ["all"], "name": ["All articles"], "unit": ["EUR"], "unit_step": [0.01]})
    )
    past, future = _days(paths)
    days = pl.concat([past, future], how="diagonal")
    open_days = past.filter(pl.col("units").is_not_null())
    yield batch(
        "sales",
        open_days.select(
            pl.lit("all").alias("item_id"),
            "location_id",
            "date",
            "units",
            pl.col("units").alias("revenue"),
            SOURCE_LINE,
        ),
    )
    yield batch(
        "openings",
        days.drop_nulls("open").select(
            "location_id", "date", pl.col("open").cast(pl.Boolean), known_ahead("date"), SOURCE_LINE
        ),
    )
    yield batch(
        "observations",
        past.drop_nulls("customers").select(
            "location_id",
            "date",
            SOURCE_LINE,
            name=pl.lit("customers"),
            item_id=pl.lit("*"),
            value="customers",
            role=pl.lit("observed"),
        ),
    )
    yield _promotions(days)
    yield _holidays(days, states)
    if (weather := named(paths, "weather.parquet")) is not None:
        yield _weather(
            whole(
                weather,
                {
                    "german_state": TEXT,
                    "date": pl.Date,
                    "tmean_c": REAL,
                    "tmax_c": REAL,
                    "precip_mm": REAL,
                    "mean_humidity": REAL,
                    "mean_wind_speedkm_h": REAL,
                    "cloudcover": REAL,
                },
            ),
            states,
        )
    if (trend := named(paths, "google_trends.parquet")) is not None:
        yield _trend(whole(trend, {"region": TEXT, "week_start": pl.Date, "search_index": REAL}), states)


def _states(paths: list[Path]) -> pl.DataFrame:
    file = named(paths, "store_states.csv", "store_states.parquet")
    if file is None:
        return pl.DataFrame(schema={"location_id": TEXT, "state": TEXT})
    column = "german_state" if "german_state" in file.columns else "State"
    name = "store_id" if "store_id" in file.columns else "Store"
    return whole(file, {name: TEXT, column: TEXT}).select(location_id=name, state=column)


def _stores(paths: list[Path], states: pl.DataFrame) -> Batches:
    tidy = named(paths, "stores.parquet")
    names = {
        "location_id": ("store_id", "Store"),
        "store_type": ("store_type", "StoreType"),
        "assortment": ("assortment", "Assortment"),
        "competition_distance_m": ("competition_distance_m", "CompetitionDistance"),
        "competition_open_since_month": ("competition_open_since_month", "CompetitionOpenSinceMonth"),
        "competition_open_since_year": ("competition_open_since_year", "CompetitionOpenSinceYear"),
        "promo2": ("promo2", "Promo2"),
        "promo2_since_week": ("promo2_since_week", "Promo2SinceWeek"),
        "promo2_since_year": ("promo2_since_year", "Promo2SinceYear"),
        "promo2_interval": ("promo2_interval_months", "PromoInterval"),
    }
    file = tidy or named(paths, "store.csv")
    if file is None:
        return
    chosen = {ours: theirs[0] if tidy else theirs[1] for ours, theirs in names.items()}
    texts = ("location_id", "store_type", "assortment", "promo2_interval")
    stores = whole(file, {theirs: TEXT if ours in texts else REAL for ours, theirs in chosen.items()})
    stores = stores.rename({theirs: ours for ours, theirs in chosen.items()})
    stores = stores.join(states, on="location_id", how="left", maintain_order="left")
    yield batch(
        "locations",
        stores.select("location_id", region="state", country=pl.lit("DE"), time_zone=pl.lit("Europe/Berlin")),
    )
    yield attributes(stores, "location", "location_id", {name: name for name in names if name != "location_id"})
    yield _mailings(stores)


def _mailings(stores: pl.DataFrame) -> CanonicalBatch:
    """The second promotion: coupons mailed in certain months of each quarter, from the week a store joined."""
    joined = stores.filter(pl.col("promo2") == 1).drop_nulls("promo2_interval")
    rows = [
        {"location_id": store, "first_date": first, "last_date": _month_end(first)}
        for store, interval, week, year in joined.select(
            "location_id", "promo2_interval", "promo2_since_week", "promo2_since_year"
        ).iter_rows()
        for first in (date(y, MONTHS[month.strip()], 1) for y in range(2013, 2016) for month in interval.split(","))
        if first >= date.fromisocalendar(int(year), min(int(week), 52), 1)
    ]
    frame = pl.DataFrame(rows, schema={"location_id": TEXT, "first_date": pl.Date, "last_date": pl.Date})
    return batch(
        "promotions",
        frame.select(
            "location_id",
            "first_date",
            "last_date",
            known_ahead("first_date"),
            promotion_id=pl.lit("promo2"),
            item_id=pl.lit("*"),
            promotion_type=pl.lit("mailer"),
        ),
    )


def _month_end(first: date) -> date:
    return date.fromordinal(date(first.year + first.month // 12, first.month % 12 + 1, 1).toordinal() - 1)


def _days(paths: list[Path]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Days of the history (with units, 0 where closed) and of the published future, one row a store and day."""
    train, test = named(paths, "train.csv"), named(paths, "test.csv")
    if train is not None:
        flags = {"Promo": NUMBER, "StateHoliday": TEXT, "SchoolHoliday": NUMBER}
        names = {
            "Store": "location_id",
            "Date": "date",
            "Sales": "units",
            "Customers": "customers",
            "Open": "open",
            "Promo": "promo",
            "StateHoliday": "state_holiday",
            "SchoolHoliday": "school_holiday",
        }
        keys = {"Store": TEXT, "Date": pl.Date, "Open": NUMBER}
        past = whole(train, {**keys, "Sales": REAL, "Customers": REAL, **flags}).rename(names)
        future = whole(test, {**keys, **flags}).rename(names, strict=False) if test is not None else past.clear()
        return past, future
    sales, ahead = named(paths, "sales.parquet"), named(paths, "future_calendar.parquet")
    assert sales is not None
    columns = {"store_id": TEXT, "date": pl.Date, "sales_eur": REAL, "customers": REAL, **FLAGS}
    past = _with_closed_days(whole(sales, columns).rename({"store_id": "location_id", "sales_eur": "units"}))
    future = past.clear()
    if ahead is not None:
        future = whole(ahead, {"store_id": TEXT, "date": pl.Date, "open": NUMBER, **FLAGS}).rename(
            {"store_id": "location_id"}
        )
    return past, future


def _with_closed_days(open_days: pl.DataFrame) -> pl.DataFrame:
    """The tidy copy leaves closed days out: a missing day is closed, except in the gap of the stores that were rebuilt."""
    every = (
        open_days.select("location_id")
        .unique(maintain_order=True)
        .join(open_days.select(pl.date_range(pl.col("date").min(), pl.col("date").max()).alias("date")), how="cross")
    )
    in_gap = pl.col("date").is_between(*GAP)
    rebuilt = open_days.group_by("location_id").agg(in_gap.sum().alias("n")).filter(pl.col("n") == 0)["location_id"]
    every = every.filter(~(in_gap & pl.col("location_id").is_in(rebuilt.implode())))
    days = every.join(open_days, on=["location_id", "date"], how="left", maintain_order="left")
    # Promotions run in all stores at once, so a closed store's flag is that of the others on the day.
    promo = open_days.group_by("date").agg(pl.col("promo").max().alias("promo_of_day"))
    return (
        days.join(promo, on="date", how="left", maintain_order="left")
        .with_columns(
            open=pl.col("units").is_not_null().cast(pl.Int64),
            units=pl.col("units").fill_null(0.0),
            customers=pl.col("customers").fill_null(0.0),
            promo=pl.coalesce("promo", "promo_of_day").fill_null(0),
        )
        .drop("promo_of_day")
        .with_row_index("row", 1)
        .with_columns(pl.coalesce(SOURCE_LINE, pl.col("row").cast(pl.Int64)).alias(SOURCE_LINE))
        .drop("row")
    )


def _promotions(days: pl.DataFrame) -> CanonicalBatch:
    """Days in a row with promotion; for all stores at once where they all have the same days."""
    on = days.filter(pl.col("promo") == 1)
    by_day = days.group_by("date").agg(pl.col("promo").n_unique().alias("kinds"))
    if by_day["kinds"].max() == 1:
        on = on.unique("date", maintain_order=True).with_columns(location_id=pl.lit("*"))
    found = runs(on, ["location_id"], "date", ["promo"])
    return batch(
        "promotions",
        found.select(
            "location_id",
            "first_date",
            "last_date",
            known_ahead("first_date"),
            promotion_id=pl.lit("promo"),
            item_id=pl.lit("*"),
            promotion_type=pl.lit("price"),
        ),
    )


def _holidays(days: pl.DataFrame, states: pl.DataFrame) -> CanonicalBatch:
    """State and school holidays; by state where the stores' states are known, else by store.

    A store that is closed on a holiday may have no flag, so the state's flag is that of any of its stores.
    """
    marked = days.select("location_id", "date", "state_holiday", "school_holiday").join(
        states, on="location_id", how="left", maintain_order="left"
    )
    by_state = pl.col("state").is_not_null()
    marked = marked.with_columns(
        scope=pl.when(by_state).then(pl.lit("region")).otherwise(pl.lit("location")),
        scope_value=pl.when(by_state).then("state").otherwise("location_id"),
    )
    public = marked.filter(pl.col("state_holiday").is_in(list(HOLIDAYS))).select(
        "date",
        "scope",
        "scope_value",
        event=pl.col("state_holiday").replace_strict(HOLIDAYS, return_dtype=TEXT),
        event_type=pl.lit("public_holiday"),
    )
    school = marked.group_by("scope", "scope_value", "date").agg(
        pl.col("school_holiday").cast(REAL).mean().alias("share")
    )
    school = school.filter(pl.col("share") >= 0.5).select(
        "date", "scope", "scope_value", event=pl.lit("school holiday"), event_type=pl.lit("school_holiday")
    )
    found = pl.concat([public, school]).unique().sort("event", "scope_value", "date")
    return batch("calendar_events", found.with_columns(known_ahead("date")))


def _weather(weather: pl.DataFrame, states: pl.DataFrame) -> CanonicalBatch:
    """Weather of the state for each of its stores. Bremen's stores belong to the class `HB,NI`, whose weather is Lower Saxony's."""
    named_states = weather.select(
        "date",
        state="german_state",
        temperature_c="tmean_c",
        temperature_max_c="tmax_c",
        precipitation_mm="precip_mm",
        humidity_pct="mean_humidity",
        wind_kmh="mean_wind_speedkm_h",
        cloud_share=pl.col("cloudcover") / 8,
    )
    return batch("weather", states.join(named_states, on="state", how="inner", maintain_order="left"))


def _trend(trend: pl.DataFrame, states: pl.DataFrame) -> CanonicalBatch:
    """Search interest for the brand: the country's for all stores."""
    country = trend.filter(pl.col("region") == "DE").select(
        date="week_start",
        value="search_index",
        name=pl.lit("search_trend"),
        item_id=pl.lit("*"),
        location_id=pl.lit("*"),
        role=pl.lit("observed"),
        frequency=pl.lit("W"),
    )
    by_state = trend.with_columns(state=pl.col("region").str.strip_prefix("DE_")).filter(pl.col("region") != "DE")
    by_state = by_state.with_columns(pl.col("state").replace({"NI": "HB,NI"}))
    stores = states.join(by_state, on="state", how="inner", maintain_order="left").select(
        date="week_start",
        value="search_index",
        name=pl.lit("search_trend_state"),
        item_id=pl.lit("*"),
        location_id="location_id",
        role=pl.lit("observed"),
        frequency=pl.lit("W"),
    )
    return batch("observations", pl.concat([country, stores], how="diagonal"))


ROSSMANN = Dataset(
    "rossmann", "Rossmann store sales", files, batches,
    "train.csv and store.csv (and test.csv, store_states.csv) of the publisher, or the tidy sales and stores .parquet",
)  # fmt: skip
