"""Stock of an order line's item to come, with the order and without it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import polars as pl

from shelfcast.domain.tables import results, supply
from shelfcast.lake.as_of import as_of, end_of
from shelfcast.pipeline.plan_orders import newest
from shelfcast.ports.platform import Platform
from shelfcast.serve.held_forecasts import held
from shelfcast.serve.view import View


class ProjectedDay(View):
    """Expected stock at the close of a day."""

    date: date
    demand: float
    """Expected demand of the day."""
    demand_high: float | None = None
    """Its 90 % quantile."""
    arrivals: float
    """Already ordered, due that day."""
    stock_without: float
    stock_with: float


def projection(platform: Platform, line: Mapping[str, Any], qty: float) -> list[ProjectedDay]:
    """Expected stock day by day from the cutoff: book stock + arrivals - expected demand, never below zero."""
    cutoff, item, place = line["cutoff"], line["item_id"], line["location_id"]
    here = (pl.col("item_id") == item) & (pl.col("location_id") == place)
    if line["scenario"] == "base":
        ready = held(platform, cutoff, "final")
        rows = ready.of(ready.series.filter(here))
    else:
        scenario = pl.col("scenario") == line["scenario"]
        wanted = here & (pl.col("cutoff") == cutoff) & scenario & (pl.col("stage") == "final")
        rows = platform.tables.scan(results.FORECASTS).filter(wanted).sort("date").collect()
    demand = rows.select("date", "mean", "q900")
    known = as_of(platform.tables, supply.OPEN_ORDERS, end_of(cutoff)).filter(pl.col("date") <= cutoff)
    coming = (
        newest(known, [])
        .filter((pl.col("item_id") == item) & (pl.col("destination_id") == place) & (pl.col("state") != "proposed"))
        .select(pl.col("promised_date").alias("date"), pl.coalesce("confirmed_qty", "qty_open").alias("units"))
        .collect()
    )
    first = cutoff + timedelta(days=1)
    arrivals: dict[date, float] = {}
    for day, units in coming.iter_rows():
        due = max(day, first)
        arrivals[due] = arrivals.get(due, 0.0) + float(units or 0.0)
    without = with_order = max(float(line["on_hand"] or 0.0) - float(line["blocked"] or 0.0), 0.0)
    days = []
    for day, mean, high in demand.iter_rows():
        come = arrivals.get(day, 0.0)
        without = max(without + come - mean, 0.0)
        with_order = max(with_order + come + (qty if day == line["delivery_date"] else 0.0) - mean, 0.0)
        days.append(
            ProjectedDay(
                date=day, demand=mean, demand_high=high, arrivals=come, stock_without=without, stock_with=with_order
            )
        )
    return days
