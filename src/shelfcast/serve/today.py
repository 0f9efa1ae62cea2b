"""The first page in the morning: numbers, what needs attention, what to do first."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from typing import Literal

import polars as pl

from shelfcast.domain.errors import NotReady
from shelfcast.domain.tables import curated, results
from shelfcast.lake.as_of import current
from shelfcast.pipeline import queue_jobs
from shelfcast.pipeline.newest import cutoffs
from shelfcast.ports.platform import Platform
from shelfcast.serve import orders
from shelfcast.serve.alerts import AlertView, alerts
from shelfcast.serve.view import View


class Tile(View):
    """A number on top of the page."""

    name: Literal[
        "forecast_units", "orders_value", "orders_to_approve", "stockout_risks", "overstock_series", "data_problems",
        "quarantined_rows", "jobs_running",
    ]  # fmt: skip
    value: float
    link: str


class TodayView(View):
    """The first page in the morning."""

    cutoff: date | None = None
    last_sales: date | None = None
    forecast_at: datetime | None = None
    tiles: list[Tile]
    alerts: list[AlertView]
    """Open ones, the gravest first."""
    acknowledged: int
    next_steps: list[str]
    """What to do first where nothing is there yet."""


def today(platform: Platform) -> TodayView:
    every = alerts(platform, states=("open", "acknowledged"))
    open_ones = [one for one in every if one.state == "open"]
    known = cutoffs(platform, results.FORECASTS)
    sales = platform.tables.state(curated.SALES)
    last_sales = None
    if sales.rows:
        last_sales = current(platform.tables, curated.SALES).select(pl.col("date").max()).collect().item()
    steps = []
    if not sales.rows:
        steps.append("Load your sales history on the Data page.")
    elif not known:
        steps.append("Run the daily cycle: it checks the data, trains a model, forecasts and proposes orders.")
    runs = platform.records.query("runs", where={"step": "forecast", "state": "done"})
    ended = max((str(one.body.get("ended_at", "")) for one in runs), default="")
    return TodayView(
        cutoff=known[0] if known else None, last_sales=last_sales,
        forecast_at=datetime.fromisoformat(ended) if ended else None, tiles=list(_tiles(platform, every)), alerts=open_ones,
        acknowledged=len(every) - len(open_ones), next_steps=steps,
    )  # fmt: skip


def _tiles(platform: Platform, every: list[AlertView]) -> Iterator[Tile]:
    counts = {
        cause: sum(one.count for one in every if one.cause == cause)
        for cause in ("orders.stockout_risk", "orders.overstock", "quality.check")
    }
    known = cutoffs(platform, results.FORECASTS)
    if known:
        mine = platform.tables.scan(results.FORECASTS).filter(
            (pl.col("cutoff") == known[0])
            & (pl.col("scenario") == "base")
            & (pl.col("stage") == "final")
            & (pl.col("step") <= 7)
        )
        week = mine.select(pl.col("mean").sum()).collect().item() or 0.0
        yield Tile(name="forecast_units", value=round(float(week), 3), link="/forecasts")
    try:
        made = orders.summary(platform, orders.OrderFilters())
        yield Tile(name="orders_value", value=made.value, link="/orders")
        yield Tile(name="orders_to_approve", value=made.to_approve, link="/orders?state=proposed")
    except NotReady:
        pass
    yield Tile(name="stockout_risks", value=counts["orders.stockout_risk"], link="/orders?sort=-risk")
    yield Tile(name="overstock_series", value=counts["orders.overstock"], link="/orders?nothing_too=true")
    yield Tile(name="data_problems", value=counts["quality.check"], link="/data/quality")
    rows = platform.tables.state(curated.QUARANTINE).rows
    yield Tile(name="quarantined_rows", value=rows, link="/data/quarantine")
    busy = [one for one in queue_jobs.open_jobs(platform) if one.state == queue_jobs.RUNNING]
    yield Tile(name="jobs_running", value=len(busy), link="/data/jobs")
