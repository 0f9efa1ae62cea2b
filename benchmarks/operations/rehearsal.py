"""A simulated shop whose nights are gone through one by one with the production step `monitor`.

The whole history is loaded once, with the moment each row became known; the step reads the lake as it was known at its
cutoff, so going through the nights afterwards is the same as having been there. Forecasts are stored every seventh night (in
life: every night). With `model="trained"` they come from the real models; with `model="stand-in"` from the simulator's own
expected demand with the errors of a fair model laid over it: the same monitor for a hundredth of the processor time.
"""

from __future__ import annotations

import pickle
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from shelfcast.adapters.memory import FixedClock, MemoryTables
from shelfcast.bootstrap import in_memory
from shelfcast.domain.findings import Finding
from shelfcast.domain.quantiles import COLUMNS, GRID
from shelfcast.domain.tables import TABLES, Table, Zone, monitoring, results
from shelfcast.lake.replace import replace as replace_rows
from shelfcast.pipeline.ingest_files import ingest_files
from shelfcast.pipeline.monitor import findings
from shelfcast.pipeline.steps import Parameters, run_step
from shelfcast.ports.platform import Platform
from shelfcast.sources.folders import data_files
from shelfcast.sources.simulator import truth
from shelfcast.sources.simulator.categories import CATEGORIES
from shelfcast.sources.simulator.shop import write_shop
from shelfcast.sources.simulator.spec import ShopSpec
from shelfcast.sources.simulator.store_run import set_up_store
from shelfcast.sources.simulator.world import build_world

EVERY = 7
HORIZON = 28
RETRAIN_DAYS = 91
CATEGORY_ERROR, SERIES_ERROR = 0.04, 0.10
"""Standard deviation of the stand-in's lasting errors (log scale): of a category at a location for a cutoff, of a series."""


@dataclass
class Alarm:
    day: date
    finding: Finding


@dataclass
class Played:
    """What the monitor said, night by night."""

    alarms: list[Alarm] = field(default_factory=list)
    """A finding that wasn't there the night before."""
    nights: int = 0
    seconds: float = 0.0
    """Of all runs of the monitor."""
    processor_seconds: float = 0.0
    standing: frozenset[str] = frozenset()
    """Findings of the newest night."""


MADE = (results.FORECASTS, monitoring.MONITOR_MEASURES, monitoring.SYSTEM_MEASURES, monitoring.FORECAST_SUMS)
"""Tables the nights write: kept between two pieces of a long run."""


def put_away(platform: Platform, played: Played, folder: Path) -> None:
    """Keep how far the nights are. What was loaded is made anew: it is the same every time."""
    folder.mkdir(parents=True, exist_ok=True)
    for table in MADE:
        platform.tables.scan(table).collect().write_parquet(folder / f"{table.name}.parquet")
    (folder / "played.pickle").write_bytes(pickle.dumps(played))


def taken_up(platform: Platform, folder: Path) -> Played | None:
    """Go on where an earlier piece ended; None where there was none."""
    if not (folder / "played.pickle").exists():
        return None
    for table in MADE:
        replace_rows(platform.tables, table, pl.read_parquet(folder / f"{table.name}.parquet"), None)
    return pickle.loads((folder / "played.pickle").read_bytes())  # type: ignore[no-any-return]


def spec_of(stores: int, items: int, history_days: int, days: int, seed: int = 7, event_days: int = 0) -> ShopSpec:
    """A shop with so much history before the days to go through."""
    return ShopSpec(
        stores=stores,
        items=items,
        days=history_days + days,
        seed=seed,
        stock_days=days + 60,
        delivery_days=days + 60,
        event_days=event_days,
    )


def loaded(spec: ShopSpec) -> Platform:
    """The shop's files in a lake in memory, whose clock stands at the morning after its last day; demand history is built."""
    morning = datetime.combine(spec.last_day, datetime.min.time(), UTC) + timedelta(days=1, hours=6)
    platform = replace(in_memory(), clock=FixedClock(morning))
    with tempfile.TemporaryDirectory() as folder:
        write_shop(spec, Path(folder))
        ingest_files(platform, data_files([Path(folder)])[0])
    run_step(platform, "features", Parameters(cutoff=spec.last_day))
    return platform


def copied(platform: Platform, change: Callable[[Table, pl.DataFrame], pl.DataFrame] | None = None) -> Platform:
    """What was loaded, the demand history, forecasts and how they did, in another lake, changed on the way; no records."""
    tables = MemoryTables()
    for table in TABLES.values():
        rows = platform.tables.scan(table).collect()
        kept = table.zone is not Zone.RESULTS or table in (results.FORECASTS, monitoring.FORECAST_SUMS)
        if rows.height and kept:
            replace_rows(tables, table, change(table, rows) if change else rows, None)
    return replace(in_memory(), tables=tables, clock=platform.clock)


def expected_units(spec: ShopSpec) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What the simulator expects of each series and day (item_id, location_id, date, expected, size, category), and its
    promotions with their true uplift."""
    world = build_world(spec)
    parts = []
    names = np.array(world.items.item_id)
    sizes = np.array([kind.dispersion for kind in CATEGORIES])[world.items.category]
    kinds = np.array([kind.name for kind in CATEGORIES])[world.items.category]
    for store in world.stores:
        demand = set_up_store(world, store).demand
        item, day = np.nonzero(demand.listed)
        parts.append(
            pl.DataFrame(
                {
                    "item_id": names[item],
                    "location_id": pl.repeat(store.location_id, len(item), eager=True),
                    "date": world.dates[day],
                    "expected": demand.expected[item, day].astype(np.float64),
                    "size": sizes[item].astype(np.float64),
                    "category": kinds[item],
                }
            )
        )
    return pl.concat(parts), truth.promotions(world)


def stand_in(expected: pl.DataFrame, cutoff: date, seed: int) -> pl.DataFrame:
    """Rows of `forecasts` made at a cutoff: expected demand times the errors of a model, negative binomial around it."""
    from scipy.stats import nbinom

    generator = np.random.default_rng([seed, cutoff.toordinal()])
    rows = expected.filter(pl.col("date").is_between(cutoff + timedelta(days=1), cutoff + timedelta(days=HORIZON)))
    rows = rows.sort("location_id", "item_id", "date")
    error = np.zeros(rows.height)
    for keys, sd in ((["location_id", "category"], CATEGORY_ERROR), (["location_id", "item_id"], SERIES_ERROR)):
        group = rows.select(pl.struct(keys).rank("dense").cast(pl.Int64) - 1).to_series().to_numpy()
        error += generator.normal(0.0, sd, int(group.max()) + 1)[group]
    variance = CATEGORY_ERROR**2 + SERIES_ERROR**2
    mean = rows["expected"].to_numpy() * np.exp(error - variance / 2)
    size = 1.0 / (1.0 / rows["size"].to_numpy() + variance)
    values = np.stack([nbinom.ppf(level, size, size / (size + np.maximum(mean, 1e-6))) for level in GRID], axis=1)
    # The baseline knows the level and the weekday, no promotion or festival.
    level = rows.select(pl.col("expected").median().over("item_id", "location_id"))["expected"].to_numpy()
    parts = [
        rows.select("item_id", "location_id", "date").with_columns(
            cutoff=pl.lit(cutoff),
            scenario=pl.lit("base"),
            stage=pl.lit(stage),
            step=(pl.col("date") - pl.lit(cutoff)).dt.total_days(),
            mean=pl.Series(mean * factor),
            **{name: pl.Series(values[:, n] * factor) for n, name in enumerate(COLUMNS)},
        )
        for stage, factor in (
            ("model", np.ones(len(mean))),
            ("baseline", np.maximum(level, 0.1) / np.maximum(mean, 0.1)),
        )
    ]
    return results.FORECASTS.conform(pl.concat(parts))


def play(
    platform: Platform,
    first: date,
    nights: int,
    forecast: Callable[[date], pl.DataFrame] | None = None,
    *,
    played: Played | None = None,
    until: float = float("inf"),
    seed: int = 0,
) -> Played:
    """Go through the nights up to `nights`. `forecast` gives the rows stored at a cutoff; None: train and forecast with the
    real models. `played` is an earlier piece's; `until` the monotonic second at which this one ends."""
    played = played or Played()
    base = Parameters(cutoff=first, seed=seed)
    for number in range(played.nights, nights):
        if time.monotonic() > until:
            break
        today = first + timedelta(days=number)
        night = replace(base, cutoff=today)
        began, began_processor = time.perf_counter(), time.process_time()
        run_step(platform, "monitor", night)
        played.seconds += time.perf_counter() - began
        played.processor_seconds += time.process_time() - began_processor
        played.nights += 1
        found = findings_of(platform, today)
        played.alarms += [Alarm(today, one) for one in found if one.key not in played.standing]
        played.standing = frozenset(one.key for one in found)
        if number % EVERY == 0:
            if forecast is not None:
                replace_rows(platform.tables, results.FORECASTS, forecast(today), None)
            else:
                if number % RETRAIN_DAYS == 0:
                    run_step(platform, "train", night)
                run_step(platform, "forecast", night)
                run_step(platform, "replenish", night)
        forget_snapshots(platform)
        if number % 28 == 0:
            print(f"{today}: {len(played.alarms)} alarms so far", file=sys.stderr, flush=True)
    return played


def findings_of(platform: Platform, today: date) -> list[Finding]:
    """What a planner is told of that night."""
    rows = [
        platform.tables.scan(table).filter(pl.col("date") == today).collect()
        for table in (monitoring.MONITOR_MEASURES, monitoring.SYSTEM_MEASURES)
    ]
    return findings(pl.concat(rows))


def forget_snapshots(platform: Platform) -> None:
    """A lake in memory keeps each snapshot whole."""
    for table in TABLES.values():
        if platform.tables.state(table).rows:
            platform.tables.maintain(table, keep=1, grace=timedelta())


def counted(alarms: Sequence[Alarm]) -> dict[str, int]:
    found: dict[str, int] = {}
    for one in alarms:
        found[one.finding.cause] = found.get(one.finding.cause, 0) + 1
    return dict(sorted(found.items()))
