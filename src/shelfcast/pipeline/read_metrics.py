"""Values of the metrics that can be read from the lake without looking at rows."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from shelfcast.domain.tables import TABLES, curated, results
from shelfcast.pipeline import fetch_outside, queue_jobs, raise_alerts, run_record, schedule_jobs, send_notices
from shelfcast.pipeline.newest import cutoffs
from shelfcast.ports.platform import Platform

LARGE_TABLES = ("sales", "demand", "forecasts", "order_lines")


@dataclass(frozen=True)
class Sample:
    """A value of a metric, by the metric's name."""

    name: str
    value: float
    labels: dict[str, str] = field(default_factory=dict)


def read(platform: Platform, folder: Path | None = None) -> list[Sample]:
    """Every value as it stands. `folder`: the lake's, on whose disk it lies."""
    found = [*_jobs(platform), *_steps(platform), *_schedules(platform), *_data(platform), *_alerts(platform)]
    if folder is not None and folder.exists():
        found.append(Sample("disk_free_bytes", shutil.disk_usage(folder).free))
    return found


def _jobs(platform: Platform) -> Iterator[Sample]:
    now = platform.clock.now()
    jobs = queue_jobs.open_jobs(platform)
    for state in (queue_jobs.QUEUED, queue_jobs.RUNNING):
        for lane in queue_jobs.LANES:
            count = sum(one.state == state and one.lane == lane for one in jobs)
            yield Sample("jobs_open", count, {"state": state, "lane": lane})
    # A job put off until later doesn't wait for a worker.
    waiting = [one.created_at for one in jobs if one.state == queue_jobs.QUEUED and (one.not_before or now) <= now]
    yield Sample("oldest_waiting_job_seconds", (now - min(waiting)).total_seconds() if waiting else 0.0)
    failed, _ = queue_jobs.newest(platform, 1000, state=queue_jobs.FAILED)
    kinds = Counter(one.kind for one in failed if one.ended_at is not None and now - one.ended_at < timedelta(days=1))
    for kind, count in sorted(kinds.items()):
        yield Sample("jobs_failed_last_day", count, {"kind": kind})


def _steps(platform: Platform) -> Iterator[Sample]:
    newest: dict[str, dict[str, object]] = {}
    for record in platform.records.query(run_record.KIND, where={"state": "done"}):
        body = dict(record.body)
        step = str(body.get("step", ""))
        if "seconds" in body and str(body.get("ended_at", "")) >= str(newest.get(step, {}).get("ended_at", "")):
            newest[step] = body
    for step, body in sorted(newest.items()):
        yield Sample("step_seconds", float(str(body["seconds"])), {"step": step})
        if body.get("peak_mb") is not None:
            yield Sample("step_peak_megabytes", float(str(body["peak_mb"])), {"step": step})


def _schedules(platform: Platform) -> Iterator[Sample]:
    now = platform.clock.now()
    for one in schedule_jobs.schedules(platform):
        begun = one.last or one.since
        if one.schedule.enabled and begun is not None:
            yield Sample("schedule_age_seconds", (now - begun).total_seconds(), {"schedule": one.schedule.name})


def _data(platform: Platform) -> Iterator[Sample]:
    now = platform.clock.now()
    known = cutoffs(platform, results.FORECASTS)
    if known:
        yield Sample("forecast_age_days", (now.date() - known[0]).days)
    yield Sample("rows_quarantined", platform.tables.state(curated.QUARANTINE).rows)
    for name in LARGE_TABLES:
        yield Sample("table_rows", platform.tables.state(TABLES[name]).rows, {"table": name})
    for one in fetch_outside.states(platform):
        if one.age_hours is not None:
            yield Sample("source_age_hours", one.age_hours, {"source": one.connector})


def _alerts(platform: Platform) -> Iterator[Sample]:
    standing = Counter(
        (one.finding.severity, one.state, one.finding.cause.split(".")[0]) for one in raise_alerts.standing(platform)
    )
    for (severity, state, area), count in sorted(standing.items()):
        yield Sample("alerts_standing", count, {"severity": severity, "state": state, "area": area})
    waiting = platform.records.query(send_notices.KIND, where={"state": send_notices.SENDING})
    late = [one for one in waiting if datetime.fromisoformat(one.body["made_at"]) <= platform.clock.now()]
    yield Sample("notices_waiting", len(late))
