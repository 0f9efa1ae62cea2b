"""How far ahead each item-location's next order must reach: the windows the forecast states whole."""

from __future__ import annotations

from datetime import date

import polars as pl

from shelfcast.domain.tables import Table, curated, results, supply
from shelfcast.lake.as_of import as_of, end_of
from shelfcast.pipeline.assumed_terms import section
from shelfcast.ports.platform import Platform
from shelfcast.replenish.inputs import Inputs
from shelfcast.replenish.windows import protection_windows


def protection_days(platform: Platform, cutoff: date, frequency: str, terms: str = "") -> pl.DataFrame:
    """item_id, location_id, periods: length of the protection window in whole periods; empty without stock or sourcing.

    `terms`: assumed terms of supply, see `assumed_terms`; they stand in for stock only where orders are made of them.
    """
    tables, moment = platform.tables, end_of(cutoff)

    def known(table: Table) -> pl.DataFrame:
        return as_of(tables, table, moment).collect()

    empty = pl.DataFrame(schema={"item_id": pl.String, "location_id": pl.String, "periods": pl.Int64})
    sourcing = known(supply.SOURCING)
    if terms and not sourcing.height:
        sourcing = section(terms, "sourcing")
    if not sourcing.height or frequency != "D":
        return empty
    stock = as_of(tables, supply.STOCK, moment).filter(pl.col("date") <= cutoff)
    latest = stock.sort("date").unique(["item_id", "location_id"], keep="last").collect()
    if terms and not latest.height:
        sold = as_of(tables, curated.SALES, moment).filter(pl.col("date") <= cutoff)
        series = sold.select("item_id", "location_id").unique().sort("item_id", "location_id").collect()
        latest = series.with_columns(date=pl.lit(cutoff), on_hand=pl.lit(0.0))
    inputs = Inputs(
        stock=supply.STOCK.conform(latest),
        forecasts=results.FORECASTS.empty(),
        sourcing=sourcing,
        item_locations=known(supply.ITEM_LOCATIONS),
        items=known(curated.ITEMS),
        locations=known(curated.LOCATIONS),
        order_calendar=known(supply.ORDER_CALENDAR),
        order_dates=known(supply.ORDER_DATES),
        openings=as_of(tables, curated.OPENINGS, moment).filter((pl.col("date") > cutoff) & ~pl.col("open")).collect(),
        rules=known(supply.RULES),
    )
    windows = protection_windows(inputs, cutoff)
    return windows.select("item_id", "location_id", pl.col("days").alias("periods")) if windows.height else empty
