"""The files agree with each other, with the declarations and with the truth."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from shelfcast.domain.tables import TABLES
from shelfcast.pipeline.simulate_shop import SimulatedShop

KEYS = ["item_id", "location_id", "date"]


def read(path: Path) -> pl.DataFrame:
    if path.suffix == ".parquet":
        return pl.read_parquet(path)
    return pl.read_csv(path, infer_schema=False)


def table(shop: SimulatedShop, name: str) -> pl.DataFrame:
    """A table's files together, with the declared types."""
    paths = sorted(p for p in shop.files if p.stem == name or p.parent.name == name)
    declared = TABLES[name]
    frames = []
    for path in paths:
        frame = read(path)
        assert set(frame.columns) <= set(declared.names), (name, set(frame.columns) - set(declared.names))
        frames.append(frame.select(_typed(frame, column, declared) for column in frame.columns))
    return pl.concat(frames)


def _typed(frame: pl.DataFrame, column: str, declared) -> pl.Expr:
    kind = declared.column(column).type.polars
    if frame.schema[column] == pl.String and kind == pl.Date:
        return pl.col(column).str.to_date()
    if frame.schema[column] == pl.String and isinstance(kind, pl.Datetime):
        return pl.col(column).str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_unit="us").dt.replace_time_zone("UTC")
    if frame.schema[column] == pl.String and kind == pl.Boolean:
        return pl.col(column) == "true"
    return pl.col(column).cast(kind)


def truth_days(shop: SimulatedShop) -> pl.DataFrame:
    return pl.concat([pl.read_parquet(p) for p in sorted((shop.directory / "truth" / "days").glob("*.parquet"))])


EXPECTED = (
    "locations", "items", "attributes", "sales", "availability", "openings", "prices", "promotions", "calendar_events", "weather",
    "stock", "stock_lots", "open_orders", "deliveries", "sourcing", "order_calendar", "item_locations", "limits", "rules",
    "pos_events",
)  # fmt: skip


@pytest.mark.parametrize("name", EXPECTED)
def test_every_table_has_declared_columns_unique_keys_and_allowed_values(clean_shop: SimulatedShop, name: str) -> None:
    frame, declared = table(clean_shop, name), TABLES[name]
    assert frame.height > 0
    key = [column for column in declared.stored_key if column in frame.columns]
    assert frame.select(key).is_duplicated().sum() == 0
    for column in declared.columns:
        if column.name not in frame.columns:
            assert not column.required, column.name
            continue
        values = frame[column.name].drop_nulls()
        if column.required:
            assert frame[column.name].null_count() == 0, column.name
        if column.minimum is not None:
            assert values.min() >= column.minimum, column.name
        if column.maximum is not None:
            assert values.max() <= column.maximum, column.name
        if column.allowed:
            assert set(values) <= set(column.allowed), column.name


def test_references_exist(clean_shop: SimulatedShop) -> None:
    items, locations = set(table(clean_shop, "items")["item_id"]), set(table(clean_shop, "locations")["location_id"])
    for name in EXPECTED:
        frame = table(clean_shop, name)
        if "item_id" in frame.columns:
            assert set(frame["item_id"]) - {"*"} <= items, name
        for column in ("location_id", "destination_id"):
            if column in frame.columns:
                assert set(frame[column]) - {"*"} <= locations, name


def test_till_lines_add_up_exactly_to_daily_sales(clean_shop: SimulatedShop) -> None:
    lines = table(clean_shop, "pos_events")
    where = table(clean_shop, "locations").select("location_id", "time_zone", "day_start")
    parts = []
    for location, zone, day_start in where.iter_rows():
        here = lines.filter(pl.col("location_id") == location)
        shift = timedelta(hours=int(day_start[:2]))
        parts.append(here.with_columns(date=(pl.col("occurred_at").dt.convert_time_zone(zone) - shift).dt.date()))
    steps = pl.concat(parts).group_by(KEYS).agg((pl.col("units") * 1000).round().cast(pl.Int64).sum().alias("grams"))
    days = lines["event_id"].str.split("-").list.get(1).unique().str.to_date("%Y%m%d")
    sales = table(clean_shop, "sales").filter(pl.col("date").is_in(days.to_list()))
    assert len(days) == 10
    both = sales.join(steps, on=KEYS, how="full", coalesce=True)
    assert both["units"].null_count() == 0, "a till line of an item that had no sales row"
    assert ((both["units"] * 1000).round().cast(pl.Int64) == both["grams"].fill_null(0)).all()


def test_voids_and_returns_are_what_they_say(clean_shop: SimulatedShop) -> None:
    lines = table(clean_shop, "pos_events")
    voids = lines.filter(pl.col("event_kind") == "void")
    undone = voids.join(lines, left_on="refers_to", right_on="event_id", suffix="_of")
    assert undone.height == voids.height > 0
    assert (undone["units"] == -undone["units_of"]).all() and (undone["item_id"] == undone["item_id_of"]).all()
    assert (lines.filter(pl.col("event_kind") == "sale")["units"] > 0).all()
    assert (lines.filter(pl.col("event_kind") == "return")["units"] < 0).all()


def test_a_store_open_past_midnight_rings_up_after_it(clean_shop: SimulatedShop) -> None:
    late = table(clean_shop, "locations").filter(pl.col("day_start") != "00:00").row(0, named=True)
    lines = table(clean_shop, "pos_events").filter(pl.col("location_id") == late["location_id"])
    hours = lines["occurred_at"].dt.convert_time_zone(late["time_zone"]).dt.hour()
    assert (hours == 0).any() and not hours.is_between(1, 9).any()


def test_sales_are_truth_net_of_returns(clean_shop: SimulatedShop) -> None:
    true = truth_days(clean_shop)
    both = table(clean_shop, "sales").join(true, on=KEYS, how="left")
    assert both["sold"].null_count() == 0
    assert (both["units"] - (both["sold"] - both["returned"])).abs().max() < 1e-9
    assert (both["sold"] <= both["demand"] + 1e-9).all()


def test_stock_files_follow_from_sales_and_deliveries(clean_shop: SimulatedShop) -> None:
    """Snapshots of two days differ by what came in, went out and was thrown away."""
    stock = table(clean_shop, "stock").sort("location_id", "item_id", "date")
    stores = table(clean_shop, "locations").filter(pl.col("location_type") == "store")["location_id"]
    steps = stock.with_columns(
        pl.col("on_hand").shift(1).over("location_id", "item_id").alias("before"),
        pl.col("date").shift(1).over("location_id", "item_id").alias("eve"),
    ).filter((pl.col("date") - pl.col("eve") == timedelta(days=1)) & pl.col("location_id").is_in(stores.to_list()))
    came = (
        table(clean_shop, "deliveries")
        .group_by("item_id", pl.col("destination_id").alias("location_id"), pl.col("received_on").alias("date"))
        .agg(pl.col("units").sum().alias("came"))
    )
    joined = (
        steps.join(came, on=KEYS, how="left")
        .join(table(clean_shop, "sales").select(*KEYS, "units"), on=KEYS, how="left")
        .join(truth_days(clean_shop).select(*KEYS, "wasted"), on=KEYS, how="left")
        .with_columns(pl.col("came", "units", "wasted").fill_null(0.0))
    )
    assert joined.height > 1_000
    left = joined["before"] + joined["came"] - joined["units"] - joined["wasted"] - joined["on_hand"]
    assert left.abs().max() < 1e-6


def test_the_stock_of_the_last_day_is_there_for_every_listed_series(clean_shop: SimulatedShop) -> None:
    last = table(clean_shop, "sales").filter(pl.col("date") == pl.col("date").max()).select("item_id", "location_id")
    stock = table(clean_shop, "stock")
    at_close = stock.filter(pl.col("date") == stock["date"].max())
    assert last.join(at_close, on=["item_id", "location_id"], how="anti").is_empty()
    lots = table(clean_shop, "stock_lots").group_by("item_id", "location_id").agg(pl.col("units").sum())
    both = lots.join(at_close, on=["item_id", "location_id"], how="left")
    assert (both["units"] - both["on_hand"]).abs().max() < 1e-9


def test_plans_reach_beyond_the_last_day_and_nothing_known_later_is_told(clean_shop: SimulatedShop) -> None:
    last = table(clean_shop, "sales")["date"].max()
    for name in ("promotions", "prices", "openings", "calendar_events"):
        frame = table(clean_shop, name)
        assert frame["known_at"].max() <= datetime(last.year, last.month, last.day, 23, tzinfo=UTC), name
    assert table(clean_shop, "promotions")["first_date"].max() > last
    events = table(clean_shop, "calendar_events")
    assert events["date"].max().year == last.year + 1
    assert (events["known_at"].dt.date() < events["date"]).all()
    forecasts = table(clean_shop, "weather").filter(pl.col("is_forecast"))
    assert (forecasts["known_at"].dt.date() < forecasts["date"]).all()
    assert forecasts["date"].max() == last + timedelta(days=10)
    assert table(clean_shop, "weather").filter(~pl.col("is_forecast"))["date"].max() == last


def test_lead_times_of_deliveries_are_the_declared_ones_or_late(clean_shop: SimulatedShop) -> None:
    came = table(clean_shop, "deliveries").filter(~pl.col("order_id").str.starts_with("RUSH"))
    terms = table(clean_shop, "sourcing").select("item_id", "destination_id", "lead_time_days")
    both = came.join(terms, on=["item_id", "destination_id"])
    days = (both["received_on"] - both["ordered_on"]).dt.total_days()
    assert (days >= both["lead_time_days"]).all() and (days - both["lead_time_days"]).mean() < 1.0
    assert (both["units"] <= both["units_ordered"] + 1e-9).all()
    waiting = table(clean_shop, "open_orders")
    assert (waiting["ordered_on"] < waiting["date"]).all(), "nothing is ordered on the last evening"


def test_recorded_availability_is_truth_to_the_hour(clean_shop: SimulatedShop) -> None:
    seen = table(clean_shop, "availability")
    both = seen.join(truth_days(clean_shop).select(*KEYS, pl.col("in_stock_share").alias("true")), on=KEYS, how="left")
    assert (both["in_stock_share"] - both["true"]).abs().max() < 1 / 12
    assert ((both["in_stock_share"] < 1) == both["first_out_hour"].is_not_null()).all()
    assert 0.98 < seen.height / table(clean_shop, "sales").height < 1


def test_sales_files_are_sorted_by_location_item_and_date_and_split_by_month(clean_shop: SimulatedShop) -> None:
    for path in sorted((clean_shop.directory / "sales").iterdir()):
        frame = read(path).with_columns(pl.col("date").cast(pl.String))
        assert_frame_equal(frame, frame.sort("location_id", "item_id", "date", maintain_order=True))
        assert frame["date"].str.slice(0, 7).unique().to_list() == [path.stem.removeprefix("sales-")]


def test_planted_errors_are_where_truth_says(dirty_shop: SimulatedShop) -> None:
    planted = pl.read_csv(dirty_shop.directory / "truth" / "planted_errors.csv", infer_schema=False)
    assert planted.height == dirty_shop.planted > 200
    assert planted["kind"].n_unique() >= 14
    for (file,), errors in planted.group_by("file"):
        frame = read(dirty_shop.directory / str(file))
        for error in errors.iter_rows(named=True):
            value = frame[int(error["line"]) - 1, error["column"]]
            assert (error["written"] or "") == ("" if value is None else str(value)), error


def test_without_the_extra_rows_and_with_the_true_values_the_files_are_clean(dirty_shop: SimulatedShop) -> None:
    """Sales, repaired by the record of errors, are the truth again."""
    planted = pl.read_csv(dirty_shop.directory / "truth" / "planted_errors.csv", infer_schema=False)
    true = truth_days(dirty_shop)
    rows = 0
    for path in sorted((dirty_shop.directory / "sales").iterdir()):
        frame = read(path).with_columns(pl.col("units").cast(pl.String), pl.col("date").cast(pl.String))
        errors = planted.filter(pl.col("file") == str(path.relative_to(dirty_shop.directory)))
        lines = errors["line"].cast(pl.Int64) - 1
        extra = set(lines.filter(errors["extra_row"] == "true"))
        fixed = {n: true_value for n, true_value in zip(lines, errors["truth"], strict=True) if n not in extra}
        units = [fixed.get(n, value) for n, value in enumerate(frame["units"])]
        kept = pl.Series([n not in extra for n in range(frame.height)])
        repaired = (
            frame.with_columns(pl.Series("units", units)).filter(kept).with_columns(pl.col("units").cast(pl.Float64))
        )
        both = repaired.with_columns(pl.col("date").str.to_date()).join(true, on=KEYS, how="left")
        assert (both["units"] - (both["sold"] - both["returned"])).abs().max() < 1e-9
        rows += both.height
    assert rows == dirty_shop.item_days


def test_till_lines_without_repeats_and_unknown_items_add_up_in_a_dirty_shop_too(dirty_shop: SimulatedShop) -> None:
    lines = pl.concat([read(p) for p in sorted((dirty_shop.directory / "pos_events").iterdir())])
    assert lines["event_id"].is_duplicated().any()
    kept = lines.filter(~pl.col("item_id").str.starts_with("XXX")).unique("event_id")
    key = pl.col("event_id").str.split("-").list.get(1).str.to_date("%Y%m%d")
    total = kept.with_columns(date=key).group_by(KEYS).agg(pl.col("units").cast(pl.Float64).sum().alias("till"))
    both = total.join(truth_days(dirty_shop), on=KEYS, how="left")
    assert (both["till"] - (both["sold"] - both["returned"])).abs().max() < 1e-6


def test_future_truth_covers_the_days_after_the_last(clean_shop: SimulatedShop) -> None:
    future = pl.read_parquet(clean_shop.directory / "truth" / "future_demand.parquet")
    last = table(clean_shop, "sales")["date"].max()
    assert future["date"].min() == last + timedelta(days=1) and future["date"].max() == last + timedelta(days=56)
    assert np.isclose(future["demand"].mean(), future["expected_demand"].mean(), rtol=0.03)


def test_the_truth_says_what_shop_it_is(clean_shop: SimulatedShop) -> None:
    notes = json.loads((clean_shop.directory / "truth" / "shop.json").read_text())
    assert notes["stores"] == 5 and notes["seed"] == 3 and notes["last_day"] == "2026-10-31"
