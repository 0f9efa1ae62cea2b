"""Everything the engine is given, as canonical tables."""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from shelfcast.domain.tables import curated, results, supply

PROMO_DEMAND_SCHEMA = pl.Schema(
    {"item_id": pl.String, "location_id": pl.String, "date": pl.Date, "promo_qty": pl.Float64}
)
"""Part of the forecast's mean that promotions bring, where it is known."""

APPROVED_SCHEMA = pl.Schema(
    {
        "line_id": pl.String, "item_id": pl.String, "location_id": pl.String, "source_id": pl.String,
        "qty": pl.Float64, "delivery_date": pl.Date, "state": pl.String, "order_date": pl.Date,
    }
)  # fmt: skip
ON_ORDER_STATES = ("approved", "sent", "acknowledged", "in_transit")
"""States of our own lines that count as on order until the ERP's row takes their place."""

PATHS_SCHEMA = pl.Schema(
    {"item_id": pl.String, "location_id": pl.String, "path": pl.Int64, "date": pl.Date, "qty": pl.Float64}
)


def _empty(schema: pl.Schema) -> pl.DataFrame:
    return pl.DataFrame(schema=schema)


@dataclass(frozen=True)
class Inputs:
    """Tables as known at the cutoff. Only stock and a forecast are needed; the rest refine the answer.

    `forecasts` may be lazy (a scan of Parquet files): it is read in batches. Dimensions follow their declarations in
    `domain.tables`.
    """

    stock: pl.DataFrame
    """Latest snapshot of each item-location."""
    forecasts: pl.LazyFrame | pl.DataFrame
    """Stage `final` of the scenario at the cutoff: item_id, location_id, date, quantiles, mean."""
    window_demand: pl.DataFrame = field(default_factory=results.WINDOW_DEMAND.empty)
    paths: pl.DataFrame = field(default_factory=lambda: _empty(PATHS_SCHEMA))
    """Sample paths: the same path number is the same joint future."""
    sourcing: pl.DataFrame = field(default_factory=supply.SOURCING.empty)
    item_locations: pl.DataFrame = field(default_factory=supply.ITEM_LOCATIONS.empty)
    items: pl.DataFrame = field(default_factory=curated.ITEMS.empty)
    locations: pl.DataFrame = field(default_factory=curated.LOCATIONS.empty)
    stock_lots: pl.DataFrame = field(default_factory=supply.STOCK_LOTS.empty)
    open_orders: pl.DataFrame = field(default_factory=supply.OPEN_ORDERS.empty)
    """Latest snapshot of the ERP's open orders."""
    approved: pl.DataFrame = field(default_factory=lambda: _empty(APPROVED_SCHEMA))
    """Our own approved lines, with their state; `order_date` may be left out."""
    acknowledged: pl.DataFrame = field(default_factory=lambda: _empty(pl.Schema({"order_ref": pl.String})))
    """Every order_ref the ERP has ever shown: those orders are the ERP's to report, open or received."""
    order_calendar: pl.DataFrame = field(default_factory=supply.ORDER_CALENDAR.empty)
    order_dates: pl.DataFrame = field(default_factory=supply.ORDER_DATES.empty)
    openings: pl.DataFrame = field(default_factory=curated.OPENINGS.empty)
    deliveries: pl.DataFrame = field(default_factory=supply.DELIVERIES.empty)
    promotions: pl.DataFrame = field(default_factory=curated.PROMOTIONS.empty)
    promo_demand: pl.DataFrame = field(default_factory=lambda: _empty(PROMO_DEMAND_SCHEMA))
    prices: pl.DataFrame = field(default_factory=curated.PRICES.empty)
    limits: pl.DataFrame = field(default_factory=supply.LIMITS.empty)
    rules: pl.DataFrame = field(default_factory=supply.RULES.empty)
    order_overrides: pl.DataFrame = field(default_factory=supply.OVERRIDES.empty)
    history: pl.DataFrame = field(default_factory=results.DEMAND.empty)
    """Demand of the last four weeks or more: stands in where a forecast is missing."""


@dataclass(frozen=True)
class EngineSettings:
    """How a run is made; what the business decides is in the rules."""

    scenario: str = "base"
    run_id: str = ""
    policy_version: str = ""
    """Version of the code that decides; the lines add a hash of the rules in force."""
    forecast_id: str = ""
    """Run that made the forecast; empty: the run_id of the forecasts given."""
    period_days: int = 1
    """Days of a forecast period: 1, or 7 for weekly forecasts."""
    horizon_days: int = 56
    """Most days of demand read from the forecasts; beyond, their last week repeats."""
    needs_forecast: bool = True
    """Refuse a run in which no forecast matches any stock."""
    max_bad_share: float = 0.05
    """Share of broken rows of a table above which the run is refused."""
    max_duplicate_share: float = 0.001
    """Share of doubled keys in stock or item_locations above which the run is refused."""
