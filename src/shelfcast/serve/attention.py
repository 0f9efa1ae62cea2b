"""What needs attention, read from results, jobs and data as they stand: findings for the list of alerts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import polars as pl

from shelfcast.domain.errors import NotFound
from shelfcast.domain.findings import Finding, Severity
from shelfcast.domain.tables import results
from shelfcast.pipeline import (
    border_troubles,
    fetch_outside,
    model_records,
    push_orders,
    queue_jobs,
    schedule_jobs,
    send_notices,
)
from shelfcast.pipeline.newest import cutoffs
from shelfcast.ports.platform import Platform
from shelfcast.serve import orders, quality

CAUSES = (
    "orders.waiting", "orders.stockout_risk", "orders.overstock", "orders.exception", "quality.check", "quality.freshness",
    "load.refused", "job.failed", "model.age", "source.down", "erp.delivery", "schedule.missed", "notice.failed",
)  # fmt: skip
"""Every cause `find` looks at."""
JOB_DAYS = 3
LOAD_DAYS = 7
MODEL_DAYS = 35
RISK = 0.5
"""Probability of a stock-out in the window, without tonight's order, from which a series is at risk."""
SOURCE_HOURS = 72
"""A source that has given nothing for so long is a grave matter."""


def find(platform: Platform) -> list[Finding]:
    """Everything that needs attention now."""
    found: list[Finding] = []
    for part in (_orders, _exceptions, _data, _jobs, _loads, _model, _sources, _erp, _schedules):
        found += part(platform)
    return found + send_notices.stuck(platform)


def _orders(platform: Platform) -> Iterator[Finding]:
    known = cutoffs(platform, results.ORDER_LINES)
    if not known:
        return
    cutoff = known[0]
    rows, _ = orders.rows(platform, orders.OrderFilters(nothing_too=True), cutoff)
    lines = rows.select(
        "item_id", "location_id", "status", "state", "decided_qty", "unit_cost", "p_stockout_with", "expected_lost_with",
        "cover_days_after", "protection_days",
    ).collect()  # fmt: skip
    money = pl.col("unit_cost").fill_null(0.0)
    waiting = lines.filter((pl.col("state") == "proposed") & (pl.col("decided_qty") > 0))
    review = waiting.filter(pl.col("status") == "review").height
    if waiting.height:
        worth = float(waiting.select((pl.col("decided_qty") * money).sum()).item())
        yield Finding(
            "orders.waiting", f"{cutoff}", "warning" if review else "note", f"{waiting.height:,} order lines wait for a decision",
            "Look at those to review, then approve.", "/orders?state=proposed", count=waiting.height, value_at_risk=worth,
            detail=f"Worth {worth:,.2f}; {review:,} of them need a look, {waiting.height - review:,} don't.",
        )  # fmt: skip
    risky = lines.filter(pl.col("p_stockout_with") >= RISK)
    if risky.height:
        lost = float(risky.select((pl.col("expected_lost_with") * money).sum()).item() or 0.0)
        worst = risky.sort("expected_lost_with", descending=True, nulls_last=True).head(3)
        named = ", ".join(f"{item} at {place}" for item, place in worst.select("item_id", "location_id").iter_rows())
        yield Finding(
            "orders.stockout_risk", f"{cutoff}", "warning", f"{risky.height:,} series will probably run out even with tonight's order",
            "See what holds them back: no source, a cap, an order day too late.", "/orders?sort=-risk&nothing_too=true",
            threshold=RISK, count=risky.height, value_at_risk=lost,
            detail=f"The chance is {RISK:.0%} or more before the next delivery; most at stake: {named}.",
        )  # fmt: skip
    long = lines.filter(
        (pl.col("cover_days_after") > 8 * pl.col("protection_days").clip(7)) & (pl.col("cover_days_after") > 60)
    )
    if long.height:
        yield Finding(
            "orders.overstock", f"{cutoff}", "note", f"{long.height:,} series have stock for more than two months",
            "Move, mark down, or check the pack size and the listing.", "/orders?nothing_too=true", count=long.height,
            detail="Their cover is more than eight times what their order must reach.",
        )  # fmt: skip


def _exceptions(platform: Platform) -> Iterator[Finding]:
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
        yield Finding(
            "orders.exception", f"{known[0]} {one['code']} {one['severity']}", "warning" if one["severity"] == "high" else "note",
            f"{one['code'].replace('_', ' ').capitalize()}: {one['count']:,} series", "Look at the lines that carry this reason.",
            f"/orders?reason={one['code']}&nothing_too=true", count=one["count"], value_at_risk=one["value_at_risk"],
            detail=one["message"] or "",
        )  # fmt: skip


def _data(platform: Platform) -> Iterator[Finding]:
    try:
        report = quality.newest(platform)
    except NotFound:
        return
    for one in report.checks:
        if not one.failed or one.severity == "info":
            continue
        fresh = any(word in one.rule for word in ("fresh", "late", "silent"))
        grave = one.severity == "error"
        severity: Severity = "critical" if grave and fresh else "warning"
        yield Finding(
            "quality.freshness" if fresh else "quality.check", f"{one.table} {one.rule} {one.column or ''}".strip(), severity,
            f"{one.table}: {one.rule.replace('_', ' ')}", one.cure or "Look at the report.",
            f"/data/quality?table={one.table}&rule={one.rule}", count=one.failed, detail=one.message or one.meaning,
        )  # fmt: skip


def _jobs(platform: Platform) -> Iterator[Finding]:
    """The newest failure of each kind of work, until the same work was done (or is tried again)."""
    since = platform.clock.now() - timedelta(days=JOB_DAYS)
    newest = queue_jobs.newest(platform, 500)[0]
    retried = {one.retry_of for one in newest if one.retry_of}
    done: set[str] = set()
    for one in newest:  # the newest first
        about = one.schedule or one.kind
        if one.state == queue_jobs.DONE and one.kind != "load":
            done.add(about)
        if one.state != queue_jobs.FAILED or one.ended_at is None or one.ended_at < since or one.job_id in retried:
            continue
        subject = one.job_id if one.kind == "load" else about
        if subject in done:
            continue
        done.add(subject)
        yield Finding(
            "job.failed", subject, "critical" if one.kind == "cycle" else "warning", f"{one.title} failed",
            "Read its log, mend the cause, try again.", f"/data/jobs/{one.job_id}", run_id=one.job_id, detail=one.error,
        )  # fmt: skip


def _loads(platform: Platform) -> Iterator[Finding]:
    """Sources whose newest load was refused or broke off."""
    since = (platform.clock.now() - timedelta(days=LOAD_DAYS)).isoformat()
    bad = [
        one.body for state in ("refused", "failed") for one in platform.records.query("loads", where={"state": state})
    ]
    for source in sorted({str(one["source"]) for one in bad if str(one["received_at"]) >= since}):
        newest = max(
            (one.body for one in platform.records.query("loads", where={"source": source})),
            key=lambda it: str(it["received_at"]),
        )
        if newest["state"] in ("refused", "failed"):
            yield Finding(
                "load.refused", source, "warning", f"{source} was not loaded", "Mend the file or its mapping, and load it again.",
                "/data/upload", run_id=str(newest["load_id"]), detail=str(newest.get("error") or ""),
            )  # fmt: skip


def _model(platform: Platform) -> Iterator[Finding]:
    champion = model_records.champion(platform)
    known = cutoffs(platform, results.FORECASTS)
    if champion is None or not known:
        return
    age = model_records.age_days(champion, known[0])
    if age > MODEL_DAYS:
        yield Finding(
            "model.age", str(champion["model_id"]), "warning", f"The model is {age} days old", "Train anew on the Models page.",
            "/models", age, MODEL_DAYS, detail=f"It learnt from data up to {champion['cutoff']}.",
        )  # fmt: skip


def _sources(platform: Platform) -> Iterator[Finding]:
    for one in fetch_outside.states(platform):
        if one.state == "ok":
            continue
        since = datetime.fromisoformat(one.failing_since) if one.failing_since else platform.clock.now()
        hours = (platform.clock.now() - since).total_seconds() / 3600
        what = {"down": "doesn't answer", "changed": "answers in another form than it used to"}.get(
            one.state, "refuses us"
        )
        yield Finding(
            "source.down", one.connector, "critical" if hours >= SOURCE_HOURS else "warning", f"{one.connector} {what}",
            "What it said last is used meanwhile. Look at the error; then `shelfcast connect status`.", "/admin/schedules",
            round(hours, 1), SOURCE_HOURS, detail=f"For {hours:,.1f} hours. {one.error}",
        )  # fmt: skip
    for trouble in border_troubles.troubles(platform):
        hours = (platform.clock.now() - datetime.fromisoformat(trouble.since)).total_seconds() / 3600
        yield Finding(
            "source.down", trouble.source, "critical" if hours >= SOURCE_HOURS else "warning",
            f"{trouble.source} ({trouble.border}) does not come in", "What came before stays. Mend what the error names, then load it again.",
            "/data", round(hours, 1), SOURCE_HOURS, detail=f"For {hours:,.1f} hours. {trouble.error}",
        )  # fmt: skip


def _erp(platform: Platform) -> Iterator[Finding]:
    for one in push_orders.deliveries(platform):
        if one["state"] == push_orders.OPEN and one.get("error"):
            yield Finding(
                "erp.delivery", str(one["delivery"]), "critical", f"{one.get('lines', 0):,} approved order lines do not reach the ERP",
                "They wait in their delivery and nothing overtakes it. Mend what the error names; the next push finishes it.",
                "/orders", detail=str(one["error"]),
            )  # fmt: skip


def _schedules(platform: Platform) -> Iterator[Finding]:
    for one in schedule_jobs.schedules(platform):
        if one.schedule.enabled and one.last_outcome == schedule_jobs.MISSED and one.last is not None:
            yield Finding(
                "schedule.missed", one.schedule.name, "warning", f"{one.schedule.name} did not run on {one.last:%d %B at %H:%M} UTC",
                "See that a worker runs (`shelfcast serve` or `shelfcast worker`); start it by hand if it can't wait.",
                "/admin/schedules", detail=one.last_why,
            )  # fmt: skip
