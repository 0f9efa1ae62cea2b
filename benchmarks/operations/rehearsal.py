"""A simulated shop whose days are gone through one by one with the real steps, for `false_alarms.py` and `detection.py`.

The whole history is loaded once, with the moment each row became known; every step reads the lake as it was known at its
cutoff, so going through the days afterwards is the same as having been there. Forecasts are made every seventh night (in
life: every night) and the model is trained anew every 28 days; the monitor runs every night.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl

from shelfcast.adapters.memory import FixedClock, MemoryTables
from shelfcast.bootstrap import in_memory
from shelfcast.domain.findings import Finding
from shelfcast.domain.tables import Table, monitoring
from shelfcast.pipeline.ingest_files import ingest_files
from shelfcast.pipeline.monitor import findings
from shelfcast.pipeline.steps import Parameters, run_step
from shelfcast.ports.platform import Platform
from shelfcast.sources.folders import data_files
from shelfcast.sources.simulator.shop import write_shop
from shelfcast.sources.simulator.spec import ShopSpec

EVERY = 7
RETRAIN_DAYS = 28


@dataclass
class Alarm:
    day: date
    finding: Finding


@dataclass
class Played:
    """What the monitor said, day by day."""

    alarms: list[Alarm] = field(default_factory=list)
    """A finding that wasn't there the day before."""
    open_keys: dict[date, set[str]] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    """Of each run of the monitor."""


def spec_of(stores: int, items: int, history_days: int, days: int, seed: int = 7, **more: object) -> ShopSpec:
    """A shop with so much history before the days to go through. Tills are recorded for the last part of them."""
    return ShopSpec(
        stores=stores,
        items=items,
        days=history_days + days,
        seed=seed,
        stock_days=days + 60,
        delivery_days=days + 60,
        **more,
    )  # type: ignore[arg-type]


def loaded(spec: ShopSpec) -> Platform:
    """The shop's files in a lake in memory, whose clock stands at the morning after its last day."""
    platform = replace(
        in_memory(),
        clock=FixedClock(datetime.combine(spec.last_day, datetime.min.time(), UTC) + timedelta(days=1, hours=6)),
    )
    with tempfile.TemporaryDirectory() as folder:
        write_shop(spec, Path(folder))
        ingest_files(platform, data_files([Path(folder)])[0])
    return platform


def copied(platform: Platform, change: Callable[[Table, pl.DataFrame], pl.DataFrame] | None = None) -> Platform:
    """The same curated tables in another lake, changed on the way; no results, models or records."""
    from shelfcast.domain.tables import TABLES, Zone

    other = in_memory()
    tables = MemoryTables()
    for table in TABLES.values():
        rows = platform.tables.scan(table).collect()
        if rows.height and table.zone is Zone.CURATED:
            tables.replace(table, change(table, rows) if change else rows, None)
    return replace(other, tables=tables, clock=platform.clock)


def play(
    platform: Platform,
    first: date,
    days: int,
    *,
    forecasts_until: date | None = None,
    quiet: bool = False,
    seed: int = 0,
) -> Played:
    """Go through the days: forecast and order every seventh night, monitor every night."""
    last = first + timedelta(days=days)
    base = Parameters(cutoff=last, seed=seed)
    run_step(platform, "features", base)
    played = Played()
    before: set[str] = set()
    for number in range(days + 1):
        today = first + timedelta(days=number)
        night = replace(base, cutoff=today)
        if number % EVERY == 0 and today < (forecasts_until or last):
            if number % RETRAIN_DAYS == 0:
                run_step(platform, "train", night)
            run_step(platform, "forecast", night)
            run_step(platform, "replenish", night)
        started = time.perf_counter()
        run_step(platform, "monitor", night)
        played.seconds.append(time.perf_counter() - started)
        found = today_findings(platform, today)
        played.alarms += [Alarm(today, one) for one in found if one.key not in before]
        before = {one.key for one in found}
        played.open_keys[today] = before
        trim(platform)
        if not quiet and number % 28 == 0:
            print(f"{today}: {len(played.alarms)} alarms so far", file=sys.stderr, flush=True)
    return played


def today_findings(platform: Platform, today: date) -> list[Finding]:
    rows = [
        platform.tables.scan(table).filter(pl.col("date") == today).collect()
        for table in (monitoring.MONITOR_MEASURES, monitoring.SYSTEM_MEASURES)
    ]
    return findings(pl.concat(rows))


def trim(platform: Platform) -> None:
    """Forget old snapshots: a lake in memory keeps each whole."""
    from shelfcast.domain.tables import TABLES

    for table in TABLES.values():
        if platform.tables.state(table).rows:
            platform.tables.maintain(table, keep=1, grace=timedelta())


def counted(alarms: Sequence[Alarm]) -> dict[str, int]:
    found: dict[str, int] = {}
    for one in alarms:
        found[one.finding.cause] = found.get(one.finding.cause, 0) + 1
    return dict(sorted(found.items()))
