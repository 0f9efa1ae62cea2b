"""What needs attention: found anew each time from results, jobs and data, each with its cause and next step.

An alert's id names what it is about (its kind, cutoff and subject), so that an acknowledgement finds it again tomorrow as
long as it is the same matter.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Literal

import polars as pl
from pydantic import Field

from shelfcast.domain.errors import NotFound, NotReady
from shelfcast.domain.tables import curated, results
from shelfcast.lake.as_of import current
from shelfcast.pipeline import model_records, queue_jobs
from shelfcast.pipeline.acknowledge_alerts import acknowledged
from shelfcast.pipeline.newest import cutoffs
from shelfcast.ports.platform import Platform
from shelfcast.serve import orders, quality
from shelfcast.serve.view import View

AlertKind = Literal[
    "stockout_risk", "overstock", "exception", "orders", "data", "quarantine", "job", "freshness", "model"
]
Severity = Literal["high", "medium", "low"]
SEVERITY = {"high": 0, "medium": 1, "low": 2}
JOB_DAYS = 3
MODEL_DAYS = 35
RISK = 0.5
"""Probability of a stock-out in the window, without tonight's order, from which a series is at risk."""


class AlertView(View):
    """Something a person should look at."""

    alert_id: str
    kind: AlertKind
    severity: Severity
    title: str
    detail: str
    next_step: str
    link: str = Field(examples=["/orders?state=proposed&status=review"])
    """Page of the app that shows the cause."""
    count: int = 1
    value_at_risk: float | None = None
    """Money at stake, where known."""
    since: date | datetime | None = None
    acknowledged_by: str = ""
    acknowledged_at: datetime | None = None
    note: str = ""


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


def alerts(platform: Platform, *, with_acknowledged: bool = False) -> list[AlertView]:
    """Alerts, the gravest first."""
    known = acknowledged(platform)
    found = []
    for alert in _all(platform):
        mine = known.get(alert.alert_id)
        if mine is not None:
            if not with_acknowledged:
                continue
            alert = alert.model_copy(
                update={
                    "acknowledged_by": mine["by"],
                    "acknowledged_at": datetime.fromisoformat(mine["at"]),
                    "note": mine["note"],
                }
            )
        found.append(alert)
    return sorted(
        found, key=lambda one: (SEVERITY[one.severity], -(one.value_at_risk or 0.0), -one.count, one.alert_id)
    )


def today(platform: Platform) -> TodayView:
    every = alerts(platform, with_acknowledged=True)
    open_ones = [one for one in every if not one.acknowledged_by]
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
        kind: sum(one.count for one in every if one.kind == kind) for kind in ("stockout_risk", "overstock", "data")
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
    yield Tile(name="stockout_risks", value=counts["stockout_risk"], link="/orders?sort=-risk")
    yield Tile(name="overstock_series", value=counts["overstock"], link="/orders?nothing_too=true")
    yield Tile(name="data_problems", value=counts["data"], link="/data/quality")
    rows = platform.tables.state(curated.QUARANTINE).rows
    yield Tile(name="quarantined_rows", value=rows, link="/data/quarantine")
    busy = [one for one in queue_jobs.open_jobs(platform) if one.state == queue_jobs.RUNNING]
    yield Tile(name="jobs_running", value=len(busy), link="/data/jobs")


def _all(platform: Platform) -> Iterator[AlertView]:
    yield from _orders(platform)
    yield from _exceptions(platform)
    yield from _data(platform)
    yield from _jobs(platform)
    yield from _model(platform)


def _orders(platform: Platform) -> Iterator[AlertView]:
    known = cutoffs(platform, results.ORDER_LINES)
    if not known:
        return
    cutoff = known[0]
    found, _ = orders.rows(platform, orders.OrderFilters(nothing_too=True), cutoff)
    lines = found.select(
        "item_id", "location_id", "status", "state", "decided_qty", "unit_cost", "p_stockout_without", "p_stockout_with",
        "expected_lost_with", "cover_days_after", "protection_days", "value",
    ).collect()  # fmt: skip
    money = pl.col("unit_cost").fill_null(0.0)
    waiting = lines.filter((pl.col("state") == "proposed") & (pl.col("decided_qty") > 0))
    review = waiting.filter(pl.col("status") == "review")
    if waiting.height:
        worth = float(waiting.select((pl.col("decided_qty") * money).sum()).item())
        yield AlertView(
            alert_id=_id("orders", cutoff), kind="orders", severity="high" if review.height else "medium", count=waiting.height,
            title=f"{waiting.height:,} order lines wait for a decision",
            detail=f"Worth {worth:,.2f}; {review.height:,} of them need a look, {waiting.height - review.height:,} don't.",
            next_step="Look at those to review, then approve.", link="/orders?state=proposed", value_at_risk=worth, since=cutoff,
        )  # fmt: skip
    risky = lines.filter(pl.col("p_stockout_with") >= RISK)
    if risky.height:
        lost = float(risky.select((pl.col("expected_lost_with") * money).sum()).item() or 0.0)
        worst = risky.sort("expected_lost_with", descending=True, nulls_last=True).head(3)
        named = ", ".join(f"{item} at {place}" for item, place in worst.select("item_id", "location_id").iter_rows())
        yield AlertView(
            alert_id=_id("stockout_risk", cutoff), kind="stockout_risk", severity="high", count=risky.height,
            title=f"{risky.height:,} series will probably run out even with tonight's order",
            detail=f"The chance is {RISK:.0%} or more before the next delivery; most at stake: {named}.",
            next_step="See what holds them back: no source, a cap, an order day too late.", link="/orders?sort=-risk&nothing_too=true",
            value_at_risk=lost, since=cutoff,
        )  # fmt: skip
    long = lines.filter(
        (pl.col("cover_days_after") > 8 * pl.col("protection_days").clip(7)) & (pl.col("cover_days_after") > 60)
    )
    if long.height:
        yield AlertView(
            alert_id=_id("overstock", cutoff), kind="overstock", severity="low", count=long.height,
            title=f"{long.height:,} series have stock for more than two months",
            detail="Their cover is more than eight times what their order must reach.",
            next_step="Move, mark down, or check the pack size and the listing.", link="/orders?nothing_too=true", since=cutoff,
        )  # fmt: skip


def _exceptions(platform: Platform) -> Iterator[AlertView]:
    known = cutoffs(platform, results.EXCEPTIONS)
    if not known:
        return
    groups = (
        platform.tables.scan(results.EXCEPTIONS)
        .filter((pl.col("cutoff") == known[0]) & (pl.col("scenario") == "base"))
        .group_by("code", "severity")
        .agg(pl.len().alias("count"), pl.col("value_at_risk").sum(), pl.col("message").sort().first())
        .sort("code", "severity")
        .collect()
    )
    for one in groups.iter_rows(named=True):
        severity: Severity = one["severity"] if one["severity"] in SEVERITY else "low"
        yield AlertView(
            alert_id=_id("exception", known[0], one["code"], severity), kind="exception", severity=severity, count=one["count"],
            title=f"{one['code'].replace('_', ' ').capitalize()}: {one['count']:,} series", detail=one["message"] or "",
            next_step="Look at the lines that carry this reason.", link=f"/orders?reason={one['code']}&nothing_too=true",
            value_at_risk=one["value_at_risk"], since=known[0],
        )  # fmt: skip


def _data(platform: Platform) -> Iterator[AlertView]:
    try:
        report = quality.newest(platform)
    except NotFound:
        return
    for one in report.checks:
        if not one.failed or one.severity == "info":
            continue
        fresh = "fresh" in one.rule or "late" in one.rule or "silent" in one.rule
        yield AlertView(
            alert_id=_id("data", report.cutoff, one.table, one.rule, one.column), kind="freshness" if fresh else "data",
            severity="high" if one.severity == "error" else "medium", count=one.failed,
            title=f"{one.table}: {one.rule.replace('_', ' ')}", detail=one.message or one.meaning, next_step=one.cure or "Look at the report.",
            link=f"/data/quality?table={one.table}&rule={one.rule}", since=report.checked_at,
        )  # fmt: skip


def _jobs(platform: Platform) -> Iterator[AlertView]:
    since = platform.clock.now() - timedelta(days=JOB_DAYS)
    jobs, _ = queue_jobs.newest(platform, 200, state=queue_jobs.FAILED)
    retried = {one.retry_of for one in queue_jobs.newest(platform, 500)[0] if one.retry_of}
    for one in jobs:
        if one.ended_at is None or one.ended_at < since or one.job_id in retried:
            continue
        yield AlertView(
            alert_id=_id("job", one.job_id), kind="job", severity="high", title=f"{one.title} failed", detail=one.error,
            next_step="Read its log, mend the cause, try again.", link=f"/data/jobs/{one.job_id}", since=one.ended_at,
        )  # fmt: skip


def _model(platform: Platform) -> Iterator[AlertView]:
    champion = model_records.champion(platform)
    known = cutoffs(platform, results.FORECASTS)
    if champion is None or not known:
        return
    age = model_records.age_days(champion, known[0])
    if age > MODEL_DAYS:
        yield AlertView(
            alert_id=_id("model", champion["model_id"]), kind="model", severity="medium", title=f"The model is {age} days old",
            detail=f"It learnt from data up to {champion['cutoff']}.", next_step="Train anew on the Models page.", link="/models",
            since=known[0],
        )  # fmt: skip


def _id(*parts: object) -> str:
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()[:16]
