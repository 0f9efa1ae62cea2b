"""The one list of steps. The CLI, the server, Step Functions, Glue and SageMaker all run a step by its name, here.

A step is repeatable: its run id is a hash of what decides its result, so running it again on the same inputs finds the
finished run and does nothing, and running it after a kill writes the same rows as an undisturbed run would have.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any

import polars as pl

from shelfcast.domain.errors import BadParameter, NotFound
from shelfcast.domain.tables import Table, curated, monitoring, results, supply
from shelfcast.lake.fingerprint import table_fingerprint
from shelfcast.pipeline import log_events, run_record
from shelfcast.ports.platform import Platform


@dataclass(frozen=True)
class Asked:
    """Who wants a new model, and why. Decides nothing of the model itself."""

    cause: str = "schedule"
    """schedule, drift, accuracy or hand."""
    reason: str = ""
    by: str = "cycle"
    promote: bool = True
    """Make it the champion if it wins; otherwise it stays the challenger whatever the comparison says."""


@dataclass(frozen=True)
class Parameters:
    """What a cycle is run with. `partition_rows` bounds memory and never changes a result."""

    cutoff: date
    frequency: str = "D"
    horizon: int = 28
    scenario: str = "base"
    seed: int = 0
    retrain: bool = False
    asked: Asked = Asked()
    """Of the train step."""
    terms: str = ""
    """Terms of supply to assume where the retailer gave none: canonical JSON (`assumed_terms.read_terms`)."""
    currency: str = ""
    partition_rows: int = 3_000_000


@dataclass(frozen=True)
class Outcome:
    """What a step did: rows by name (in, out, quarantined...) and what a person should read of it."""

    rows: Mapping[str, int]
    summary: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Step:
    """One step: the tables that decide its result, those it writes, and the parameters that matter to it."""

    name: str
    title: str
    function: str
    """module:function under `shelfcast.pipeline`, imported when the step runs."""
    reads: tuple[Table, ...]
    writes: tuple[Table, ...]
    uses: tuple[str, ...]
    also: str = ""
    """module:function giving what else decides the result, by name (the champion model of a forecast)."""

    def decisive(self, platform: Platform, parameters: Parameters) -> dict[str, Any]:
        """Parameters, and whatever else, that decide the result."""
        values = {key: value for key, value in asdict(parameters).items() if key in self.uses}
        return values | (_load(self.also)(platform, parameters) if self.also else {})

    def load(self) -> Callable[[Platform, Parameters, str], Outcome]:
        return _load(self.function)


def _load(path: str) -> Callable[..., Any]:
    module, name = path.split(":")
    return getattr(importlib.import_module(f"shelfcast.pipeline.{module}"), name)


@dataclass(frozen=True)
class StepResult:
    run_id: str
    step: str
    state: str
    """done, or unchanged where the same run had been finished before."""
    rows: Mapping[str, int]
    summary: Mapping[str, Any]
    seconds: float
    peak_mb: float


SALES_SIDE = (
    curated.SALES, curated.AVAILABILITY, curated.OPENINGS, curated.ITEMS, curated.LOCATIONS, supply.ITEM_LOCATIONS,
)  # fmt: skip
COVARIATES = (
    curated.PRICES, curated.PROMOTIONS, curated.CALENDAR_EVENTS, curated.WEATHER, curated.OBSERVATIONS, curated.ATTRIBUTES,
)  # fmt: skip
SUPPLY_SIDE = (
    supply.STOCK, supply.STOCK_LOTS, supply.OPEN_ORDERS, supply.SOURCING, supply.ORDER_CALENDAR, supply.ORDER_DATES,
    supply.LIMITS, supply.RULES, supply.OVERRIDES, supply.DELIVERIES,
)  # fmt: skip

_STEPS = (
    Step(
        "quality", "Checking the data", "check_quality:run",
        reads=(*SALES_SIDE, *COVARIATES, *SUPPLY_SIDE, curated.POS_EVENTS, curated.QUARANTINE),
        writes=(results.QUALITY_RESULTS, results.ANOMALIES),
        uses=("cutoff", "frequency", "currency"),
    ),
    Step(
        "features", "Building demand history", "build_features:run",
        reads=SALES_SIDE,
        writes=(results.DEMAND,),
        uses=("cutoff", "frequency", "seed"),
    ),
    Step(
        "train", "Training models", "train_model:run",
        reads=(results.DEMAND, *SALES_SIDE, *COVARIATES),
        writes=(results.BACKTEST_SCORES,),
        uses=("cutoff", "frequency", "horizon", "seed"),
    ),
    Step(
        "forecast", "Forecasting", "forecast_demand:run",
        reads=(results.DEMAND, *SALES_SIDE, *COVARIATES, *SUPPLY_SIDE),
        writes=(results.FORECASTS, results.WINDOW_DEMAND, results.EXPLANATIONS),
        uses=("cutoff", "frequency", "horizon", "scenario", "seed", "terms"),
        also="train_model:champion_of",
    ),
    Step(
        "replenish", "Proposing orders", "plan_orders:run",
        reads=(results.FORECASTS, results.WINDOW_DEMAND, results.DEMAND, curated.PRICES, *SALES_SIDE, *SUPPLY_SIDE, curated.PROMOTIONS),
        writes=(results.ORDER_LINES, results.EXCEPTIONS),
        uses=("cutoff", "frequency", "scenario", "horizon", "terms"),
        also="plan_orders:decisive",
    ),
    Step(
        "monitor", "Watching", "monitor:run",
        reads=(
            results.FORECASTS, results.DEMAND, results.ORDER_LINES, curated.SALES, curated.AVAILABILITY, supply.STOCK, curated.PRICES,
            curated.PROMOTIONS, curated.WEATHER, curated.OPENINGS, supply.OPEN_ORDERS, supply.DELIVERIES, curated.POS_EVENTS,
            curated.QUARANTINE, curated.ITEMS,
        ),
        writes=(monitoring.MONITOR_MEASURES, monitoring.SYSTEM_MEASURES, monitoring.FORECAST_SUMS),
        uses=("cutoff", "frequency"),
        also="monitor:decisive",
    ),
)  # fmt: skip

STEPS: dict[str, Step] = {step.name: step for step in _STEPS}
CYCLE: tuple[str, ...] = tuple(STEPS)


def run_step(
    platform: Platform,
    name: str,
    parameters: Parameters,
) -> StepResult:
    """Run one step, or find that the same run is finished already.

    Raises:
        BadParameter: no such step.
    """
    if name not in STEPS:
        raise BadParameter.unknown("step", name, STEPS)
    step = STEPS[name]
    inputs = {table.name: table_fingerprint(platform.tables, table) for table in step.reads}
    decisive = step.decisive(platform, parameters)
    run_id = run_record.run_id_of(name, decisive, inputs, run_record.code_version())
    earlier = _earlier(platform, run_id)
    platform.progress.start(step.title)
    if earlier.get("state") == "done" and not parameters.retrain and _still_there(platform, step, run_id, earlier):
        platform.progress.done(step.title, "unchanged since the last run")
        return StepResult(
            run_id, name, "unchanged", earlier["rows"], earlier["summary"], earlier["seconds"], earlier["peak_mb"]
        )
    record: dict[str, Any] = {
        "run_id": run_id, "step": name, "state": "running", "attempt": earlier.get("attempt", 0) + 1,
        "cutoff": parameters.cutoff.isoformat(), "parameters": {k: str(v) for k, v in decisive.items()}, "inputs": inputs,
        "code": run_record.code_version(), "versions": run_record.package_versions(), "host": run_record.host(),
        "started_at": platform.clock.now().isoformat(),
    }  # fmt: skip
    platform.records.put(run_record.KIND, run_id, record)
    try:
        with log_events.about(run_id=run_id, step=name), run_record.Measured() as measured:
            log_events.info("step started", attempt=record["attempt"], cutoff=record["cutoff"])
            outcome = step.load()(platform, parameters, run_id)
    except BaseException as error:
        record |= {
            "state": "failed",
            "error": f"{type(error).__name__}: {error}",
            "ended_at": platform.clock.now().isoformat(),
        }
        platform.records.put(run_record.KIND, run_id, record)
        raise
    record |= {
        "state": "done", "rows": dict(outcome.rows), "summary": dict(outcome.summary), "seconds": round(measured.seconds, 3),
        "peak_mb": round(measured.peak_mb, 1), "written": _written(platform, step, run_id),
        "ended_at": platform.clock.now().isoformat(),
    }  # fmt: skip
    platform.records.put(run_record.KIND, run_id, record)
    log_events.info("step done", run_id=run_id, step=name, seconds=record["seconds"], rows=record["rows"])
    platform.progress.done(step.title, ", ".join(f"{count:,} {what}" for what, count in outcome.rows.items()))
    return StepResult(run_id, name, "done", outcome.rows, outcome.summary, measured.seconds, measured.peak_mb)


def _earlier(platform: Platform, run_id: str) -> dict[str, Any]:
    try:
        return dict(platform.records.get(run_record.KIND, run_id).body)
    except NotFound:
        return {}


def _written(platform: Platform, step: Step, run_id: str) -> dict[str, int]:
    """Rows of this run in each table the step writes."""
    counts = {}
    for table in step.writes:
        mine = platform.tables.scan(table).filter(pl.col("run_id") == run_id)
        counts[table.name] = int(mine.select(pl.len()).collect().item())
    return counts


def _still_there(platform: Platform, step: Step, run_id: str, earlier: Mapping[str, Any]) -> bool:
    return _written(platform, step, run_id) == earlier.get("written")
