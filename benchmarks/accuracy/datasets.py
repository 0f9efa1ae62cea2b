"""The data sets of the scoreboard in long format, each with its task. Nothing is imputed.

Every function takes the folder of the tidy Parquet files and gives a `Prepared`: history and covariates as they would
be handed to `shelfcast backtest`, the task, and, where sales aren't all that customers wanted, what is scored.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import rossmann


@dataclass(frozen=True)
class Prepared:
    """A data set with its task. Columns: unique_id, ds, y; covariate tables share unique_id and / or ds."""

    history: pl.DataFrame
    frequency: str
    horizon: int
    windows: int
    season: int
    known_future: pl.DataFrame | None = None
    static: pl.DataFrame | None = None
    observed: pl.DataFrame | None = None
    truth: pl.DataFrame | None = None
    """unique_id, ds, y to be scored instead of the history's; missing rows aren't scored."""
    in_stock_share: pl.DataFrame | None = None
    """unique_id, ds, in_stock_share: sales are a lower bound of demand where it is below 1."""
    notes: dict[str, str] = field(default_factory=dict)


def _rossmann(data: Path, task: str, windows: int) -> Prepared:
    full = rossmann.daily(data / "rossmann")
    frame = (full if task == "1D" else rossmann.weekly(full)).rename({"store_id": "unique_id", "date": "ds"})
    frame = frame.with_columns(pl.col("unique_id").cast(pl.String))
    static = pl.read_parquet(data / "rossmann" / "stores.parquet").rename({"store_id": "unique_id"})
    asked = rossmann.TASKS[task]
    return Prepared(
        frame.select("unique_id", "ds", y="sales"),
        asked["frequency"],
        int(asked["horizon"]),
        windows,
        int(asked["seasonality"]),
        frame.select("unique_id", "ds", "open", "promo", "state_holiday", "school_holiday"),
        static.with_columns(pl.col("unique_id").cast(pl.String)),
        frame.select("unique_id", "ds", "customers"),
        notes={"what": f"drug stores, rossmann_{task}; the last {windows} windows of the published task"},
    )


def freshretailnet(data: Path, every: int = 1) -> Prepared:
    """Fresh grocery, seven days. Scored on days in stock: on the others sales aren't demand."""
    folder = data / "freshretailnet"
    rows = (
        pl.read_parquet(folder / "sales.parquet")
        .filter(pl.col("store_id") % every == 0)
        .with_columns(pl.format("{}_{}", "store_id", "product_id").alias("unique_id"), ds="date")
        .sort("unique_id", "ds")
    )
    weather = pl.read_parquet(folder / "weather.parquet")
    calendar = pl.read_parquet(folder / "calendar.parquet")
    known = rows.join(calendar, on="date", how="left").join(weather, on=["store_id", "date"], how="left")
    static = (
        rows.select("unique_id", "store_id", "product_id")
        .unique()
        .join(pl.read_parquet(folder / "stores.parquet"), on="store_id")
        .join(pl.read_parquet(folder / "products.parquet"), on="product_id")
        .drop("store_id")
        .with_columns(pl.exclude("unique_id").cast(pl.String))
        .sort("unique_id")
    )
    share = (1.0 - pl.col("stockout_hours_6_22") / 16.0).cast(pl.Float64)
    return Prepared(
        rows.select("unique_id", "ds", y=pl.col("sale_amount").cast(pl.Float64)),
        "D",
        7,
        1,
        7,
        known.select("unique_id", "ds", "discount", "activity_flag", "holiday_flag", "precipitation", "temperature_c"),
        static,
        truth=rows.filter(pl.col("stockout_hours_6_22") == 0).select(
            "unique_id", "ds", y=pl.col("sale_amount").cast(pl.Float64)
        ),
        in_stock_share=rows.select("unique_id", "ds", in_stock_share=share),
        notes={"what": "fresh grocery; scored on days in stock; weather as it came"},
    )


def online_retail(data: Path, least_days: int = 30) -> Prepared:
    """UK web retailer, net units of goods sold on 30 days or more; a day without a line is a day without sales."""
    lines = pl.read_parquet(data / "online_retail" / "transactions.parquet").with_columns(
        pl.col("item_id").cast(pl.String).str.to_uppercase().alias("unique_id"), pl.col("ts").dt.date().alias("ds")
    )
    # codes that begin with five digits are goods; POST, D, M, BANK CHARGES aren't
    days = (
        lines.filter(pl.col("unique_id").str.contains(r"^\d{5}"))
        .group_by("unique_id", "ds")
        .agg(y=pl.col("units").sum().cast(pl.Float64))
    )
    chosen = days.group_by("unique_id").len().filter(pl.col("len") >= least_days).sort("unique_id")["unique_id"]
    grid = _whole_grid(days.filter(pl.col("unique_id").is_in(chosen.implode())), lines["ds"].max())
    return Prepared(grid, "D", 14, 2, 7, notes={"what": "web shop, net units (returns are negative)"})


def pharmacy_pos(data: Path) -> Prepared:
    rows = pl.read_parquet(data / "pharmacy_pos" / "sales.parquet")
    history = rows.select(unique_id="atc_group", ds=pl.col("date").dt.date(), y="units").sort("unique_id", "ds")
    return Prepared(history, "D", 28, 5, 7, notes={"what": "one pharmacy, 8 groups of drugs"})


def bakery(data: Path) -> Prepared:
    """Bakery till, pieces a day of items sold on 30 days or more."""
    lines = pl.read_parquet(data / "bakery_edinburgh" / "transactions.parquet").filter(pl.col("item") != "NONE")
    days = (
        lines.with_columns(unique_id="item", ds=pl.col("ts").dt.date())
        .group_by("unique_id", "ds")
        .agg(y=pl.len().cast(pl.Float64))
    )
    chosen = days.group_by("unique_id").len().filter(pl.col("len") >= 30)["unique_id"]
    grid = _whole_grid(days.filter(pl.col("unique_id").is_in(chosen.implode())), days["ds"].max())
    return Prepared(grid, "D", 14, 3, 7, notes={"what": "bakery, five months"})


def carparts(data: Path) -> Prepared:
    rows = pl.read_parquet(data / "carparts" / "sales.parquet")
    history = rows.select(unique_id="item_id", ds=pl.col("month").dt.date(), y=pl.col("units").cast(pl.Float64))
    history = history.filter(pl.col("y").is_not_null()).sort("unique_id", "ds")
    return Prepared(history, "M", 6, 2, 12, notes={"what": "spare parts, 71 % zeros"})


def aus_retail(data: Path) -> Prepared:
    rows = pl.read_parquet(data / "aus_retail" / "sales.parquet")
    history = rows.select(unique_id="abs_series_id", ds=pl.col("month").dt.date(), y="turnover_aud_million")
    static = rows.select("state", "industry", unique_id="abs_series_id").unique().sort("unique_id")
    return Prepared(
        history.sort("unique_id", "ds"), "M", 12, 2, 12, static=static, notes={"what": "turnover by state and industry"}
    )


def simulated(shop: Path) -> Prepared:
    """A simulated shop (`shelfcast simulate FOLDER`): sales are what was known, true demand is scored."""
    days = pl.concat([pl.read_parquet(path) for path in sorted((shop / "truth" / "days").glob("*.parquet"))])
    days = days.with_columns(pl.format("{}_{}", "item_id", "location_id").alias("unique_id"), ds="date")
    days = days.unique(["unique_id", "ds"]).sort("unique_id", "ds")
    truth = days.select("unique_id", "ds", y="demand")
    prices = pl.read_csv(shop / "prices.csv", try_parse_dates=True).select(
        "item_id", "location_id", ds="valid_from", price=pl.col("price") / pl.col("regular_price")
    )
    prices = prices.with_columns(pl.col("ds").cast(pl.Date)).unique(["item_id", "location_id", "ds"]).sort("ds")
    openings = pl.read_csv(shop / "openings.csv", try_parse_dates=True).select("location_id", "open", ds="date")
    events = pl.read_csv(shop / "calendar_events.csv", try_parse_dates=True)
    country = pl.read_csv(shop / "locations.csv").select("location_id", scope_value="country")
    festival = (
        events.filter((pl.col("scope") == "country") & (pl.col("event_type") == "festival"))
        .unique(["scope_value", "date"])
        .sort("date")
        .select("scope_value", "event", ds="date")
    )
    known = (
        days.sort("ds")
        .join_asof(prices, on="ds", by=["item_id", "location_id"], check_sortedness=False)
        .join(openings.unique(["location_id", "ds"]), on=["location_id", "ds"], how="left")
        .join(country, on="location_id", how="left")
        .join(festival, on=["scope_value", "ds"], how="left")
        .with_columns(
            pl.col("price").fill_null(1.0),
            pl.col("open").fill_null(True).cast(pl.Int8),
            pl.col("event").fill_null("none"),
        )
        .sort("unique_id", "ds")
    )
    items = pl.read_csv(shop / "items.csv", infer_schema_length=None).select("item_id", "category", "subcategory")
    static = days.select("unique_id", "item_id", "location_id").unique().join(items, on="item_id", how="left")
    return Prepared(
        days.select("unique_id", "ds", y=pl.col("sold").cast(pl.Float64)),
        "D",
        28,
        1,
        7,
        known.select("unique_id", "ds", "price", "open", "event"),
        static.drop("item_id").sort("unique_id"),
        truth=truth.with_columns(pl.col("y").cast(pl.Float64)),
        in_stock_share=days.select("unique_id", "ds", "in_stock_share"),
        notes={"what": "simulated shop; true demand is scored, sales are what models see"},
    )


def _whole_grid(days: pl.DataFrame, last: object) -> pl.DataFrame:
    """Every day from a series' first sale to the end of the file; a day without a row is a true zero."""
    first = days.group_by("unique_id").agg(pl.col("ds").min().alias("first"))
    return (
        first.with_columns(pl.date_ranges("first", pl.lit(last)).alias("ds"))
        .explode("ds")
        .drop("first")
        .join(days, on=["unique_id", "ds"], how="left")
        .with_columns(pl.col("y").fill_null(0.0))
        .sort("unique_id", "ds")
    )


SETS: dict[str, Callable[[Path], Prepared]] = {
    "rossmann_1D": lambda data: _rossmann(data, "1D", 1),
    "rossmann_1W": lambda data: _rossmann(data, "1W", 3),
    "freshretailnet": freshretailnet,
    "online_retail": online_retail,
    "pharmacy_pos": pharmacy_pos,
    "bakery": bakery,
    "carparts": carparts,
    "aus_retail": aus_retail,
}
"""By name; `simulated` takes the shop's own folder."""
