"""Every kind of long work the server does: its parameters, its lane, and the use case it calls."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shelfcast.domain.errors import BadParameter
from shelfcast.pipeline import queue_jobs
from shelfcast.pipeline.lake_settings import LakeSettings
from shelfcast.pipeline.queue_jobs import LAKE, QUICK, Job
from shelfcast.ports.platform import Platform

RetrainCause = Literal["schedule", "drift", "accuracy", "hand"]
StepName = Literal["quality", "features", "train", "forecast", "replenish", "monitor"]


class Parameters(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class CycleParameters(Parameters):
    """The daily cycle: quality, features, models, forecasts, overrides, orders."""

    cutoff: date | None = None
    """Last business date whose data may be used; the newest sales date when left out."""
    steps: list[StepName] = Field(default=[], max_length=6)
    """Only these steps; empty = all."""
    horizon: int | None = Field(default=None, ge=1, le=730)
    """Periods to forecast; the lake's setting when left out."""
    retrain: bool = False
    """Train anew even if the model is still fresh."""
    approve_auto: bool = False
    """Approve the order lines nothing speaks against (status auto) when the cycle is done."""


class RetrainParameters(Parameters):
    """Train a challenger on the history up to the cutoff, compare it with the champion, promote it if it is better."""

    cutoff: date | None = None
    """Last business date whose data may be used; the newest sales date when left out."""
    promote: bool = True
    """Make it the champion if it is better; otherwise it stays a challenger whatever the comparison says."""
    reason: str = Field(default="", max_length=500)
    """Why a new model is wanted; kept with the decision."""
    cause: RetrainCause | None = None
    """What asked for it; left out: the schedule that started the job, else a person."""


class LoadParameters(Parameters):
    """Load uploaded files, descriptions before facts."""

    uploads: list[str] = Field(min_length=1, max_length=1000)
    """Ids of complete uploads."""
    again: bool = False
    """Load even if the same content was loaded before."""
    max_bad_share: float | None = Field(default=None, ge=0, le=1)
    """Share of a file's rows that may be quarantined before it is refused; the lake's setting when left out."""


class ExportParameters(Parameters):
    """Write forecasts, orders or any table to one file that can be downloaded."""

    what: str = Field(min_length=1, max_length=64)
    """forecasts, orders, or a table's name."""
    format: Literal["csv", "parquet"] = "csv"
    cutoff: date | None = None
    all_stages: bool = False
    """Forecasts: also the stages baseline, model and planner."""


class ScenarioParameters(Parameters):
    """Work a saved scenario out."""

    scenario_id: str = Field(min_length=1, max_length=64)


class OverrideParameters(Parameters):
    """Bring the planners' overrides into the forecasts of a cutoff."""

    cutoff: date | None = None
    """The newest when left out."""
    plan_orders: bool = True
    """Propose orders anew afterwards."""


class ConnectParameters(Parameters):
    """Fetch what is new from an outside source."""

    source: Literal[
        "weather-forecast", "weather-archive", "weather-previous", "weather-stations", "holidays", "fred", "world-bank"
    ]
    locations: list[str] = Field(default=[], max_length=10_000)
    """Weather: only these; empty = all with coordinates."""
    series: list[str] = Field(default=[], max_length=200)
    """FRED: SERIES=FREQUENCY, such as CPIAUCSL=M. Its key is the variable SHELFCAST_FRED_KEY."""
    indicators: list[str] = Field(default=[], max_length=200)
    """World Bank: such as FP.CPI.TOTL.ZG."""
    countries: list[str] = Field(default=[], max_length=300)
    """World Bank and holidays: ISO 3166."""
    base_url: str = Field(default="", max_length=500, pattern=r"^(https?://.*)?$")
    """Address of another server with the same form (a mirror, a proxy)."""


class PushParameters(Parameters):
    """Send approved order lines to the ERP's door, and fetch its acknowledgements.

    The door is named by the variables SHELFCAST_ERP_SFTP, _HOST_KEY, _KEY_FILE, _PASSPHRASE, _PASSWORD, or _WEBHOOK, _SECRET."""

    format: Literal["csv", "json", "x12", "edifact"] = "csv"
    source: str = Field(default="", max_length=64)
    """Only orders to this supplier."""
    sender: str = Field(default="SHELFCAST", max_length=35)
    recipient: str = Field(default="ERP", max_length=35)
    channel: str = Field(default="erp", pattern=r"^[a-z0-9][a-z0-9-]{0,30}$")
    """Name of the door, for its numbering."""
    collect: bool = True
    """Fetch acknowledgements too."""


class EventsParameters(Parameters):
    """Take the till's events that came in into the curated events and the daily sales."""

    everything: bool = False
    """Look through all hours ever, not only the open ones."""


class MaintainParameters(Parameters):
    """Join small files, expire snapshots, delete what nothing refers to, forget old nights and jobs."""

    grace_hours: float = Field(default=24.0, ge=1, le=24 * 365)
    """Unreferenced files younger than this stay: a write may be under way."""
    forget_jobs_after_days: int = Field(default=90, ge=1, le=3650)
    keep_nights: int = Field(default=400, ge=100, le=3650)
    """Nights of forecasts, orders and measures that are kept; of explanations and window demand 62."""


@dataclass(frozen=True)
class JobKind:
    """One kind of job. `function` is module:function under `shelfcast.pipeline`, imported when a job runs."""

    name: str
    title: str
    lane: str
    parameters: type[Parameters]
    function: str = "job_kinds:"
    tries: int = 2
    """How often it is tried when something outside fails (a source, the disk, another writer)."""

    def run(self, platform: Platform, settings: LakeSettings, job: Job) -> Mapping[str, Any]:
        module, name = self.function.split(":")
        call: Callable[..., Mapping[str, Any]] = getattr(importlib.import_module(f"shelfcast.pipeline.{module}"), name)
        return call(platform, settings, read(self.name, job.parameters), job)


def read(kind: str, parameters: Mapping[str, Any]) -> Parameters:
    """
    Raises:
        BadParameter: an unknown kind, or parameters it doesn't know.
    """
    if kind not in KINDS:
        raise BadParameter.unknown("job kind", kind, KINDS)
    try:
        return KINDS[kind].parameters.model_validate(dict(parameters))
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise BadParameter(f"a {kind} job can't be started like this: {problems}.") from error


def start(
    platform: Platform, kind: str, parameters: Mapping[str, Any], by: str, *, title: str = "", schedule: str = ""
) -> Job:
    """Check the parameters and queue the job.

    Raises:
        BadParameter: see `read`.
    """
    checked = read(kind, parameters).model_dump(mode="json", exclude_defaults=True)
    named = title or KINDS[kind].title
    return queue_jobs.submit(platform, kind, named, KINDS[kind].lane, checked, by, schedule=schedule)


def run_cycle(
    platform: Platform, settings: LakeSettings, parameters: CycleParameters, job: Job
) -> Mapping[str, Any]:  # fmt: skip
    from shelfcast.pipeline import decide_orders, override_forecasts
    from shelfcast.pipeline.begin_cycle import begin_cycle
    from shelfcast.pipeline.run_cycle import run_cycle
    from shelfcast.pipeline.steps import CYCLE

    steps = tuple(parameters.steps) or CYCLE
    chosen = begin_cycle(
        platform, settings, steps=parameters.steps, cutoff=parameters.cutoff, horizon=parameters.horizon, retrain=parameters.retrain
    )  # fmt: skip
    # Overrides come between forecast and orders; the monitor looks back on both.
    last = tuple(one for one in steps if one in ("replenish", "monitor"))
    done = list(run_cycle(platform, chosen, steps=tuple(one for one in steps if one not in last)).steps)
    overridden = 0
    if "forecast" in steps:
        overridden = override_forecasts.apply(platform, chosen.cutoff).series
    done += run_cycle(platform, chosen, steps=last).steps
    held = orders_held(platform) if parameters.approve_auto else ""
    approved = decide_orders.approve_auto(platform, job.created_by) if parameters.approve_auto and not held else 0
    if held:
        platform.progress.done("Approving", held)
    return {
        "cutoff": chosen.cutoff.isoformat(),
        "steps": [asdict(one) | {"rows": dict(one.rows), "summary": _plain(one.summary)} for one in done],
        "overridden_series": overridden, "approved_lines": approved, "orders_held": held,
    }  # fmt: skip


NO_ORDERS = ("data.freshness:sales", "data.freshness:stock", "data.freshness:open_orders", "data.zero_stock:stock")
"""Alerts (cause:subject) under which nobody should order unseen: the quantities rest on the very numbers that are wrong. Days booked
a day late are not among them: they bend a forecast, and an alert that stands for weeks would empty the shelves instead."""


def orders_held(platform: Platform) -> str:
    """Of a cycle that approves by itself: why no order goes out without a person tonight; empty when nothing speaks against it."""
    from shelfcast.pipeline import raise_alerts

    for one in raise_alerts.standing(platform):
        if one.finding.key in NO_ORDERS:
            return (
                f"No line was approved by itself: {one.finding.says} Look at the orders, approve by hand what is right."
            )
    return ""


def load(platform: Platform, settings: LakeSettings, parameters: LoadParameters, job: Job) -> Mapping[str, Any]:
    from shelfcast.pipeline.load_uploads import load_uploads

    share = settings.max_bad_share if parameters.max_bad_share is None else parameters.max_bad_share
    del job
    reports = load_uploads(
        platform, parameters.uploads, max_bad_share=share, again=parameters.again, currency=settings.currency,
        frequency=settings.frequency,
    )  # fmt: skip
    return {
        "loads": [one.as_record() for one in reports],
        "rows_in": sum(one.rows_in for one in reports),
        "kept": sum(one.kept for one in reports),
        "quarantined": sum(one.quarantined for one in reports),
        "refused": [one.source for one in reports if one.error],
    }


def export(platform: Platform, settings: LakeSettings, parameters: ExportParameters, job: Job) -> Mapping[str, Any]:
    import tempfile
    from pathlib import Path

    from shelfcast.pipeline.export_results import export_file

    del settings
    with tempfile.TemporaryDirectory(prefix="shelfcast-export-") as folder:
        path = Path(folder) / f"{parameters.what}.{parameters.format}"
        made = export_file(
            platform, parameters.what, format=parameters.format, output=path, cutoff=parameters.cutoff,
            all_stages=parameters.all_stages,
        )  # fmt: skip
        key = f"exports/{job.job_id}/{path.name}"
        platform.blobs.put(key, path)
        return {"rows": made.rows, "bytes": path.stat().st_size, "blob": key, "file": path.name}


def overrides(
    platform: Platform, settings: LakeSettings, parameters: OverrideParameters, job: Job
) -> Mapping[str, Any]:
    from shelfcast.pipeline import override_forecasts
    from shelfcast.pipeline.begin_cycle import parameters_of
    from shelfcast.pipeline.run_cycle import run_cycle

    del job
    made = override_forecasts.apply(platform, parameters.cutoff)
    if parameters.plan_orders:
        run_cycle(platform, parameters_of(platform, settings, cutoff=made.cutoff), steps=("replenish",))
    return {"cutoff": made.cutoff.isoformat(), "series": made.series, "rows": made.rows}


def events(platform: Platform, settings: LakeSettings, parameters: EventsParameters, job: Job) -> Mapping[str, Any]:
    from shelfcast.pipeline.ingest_events import ingest_events

    del job
    return ingest_events(platform, frequency=settings.frequency, everything=parameters.everything).as_record()


def maintain(platform: Platform, settings: LakeSettings, parameters: MaintainParameters, job: Job) -> Mapping[str, Any]:
    from datetime import timedelta

    from shelfcast.pipeline.maintain_lake import maintain_lake

    del job
    done = maintain_lake(
        platform, keep=settings.keep_snapshots, grace_hours=parameters.grace_hours, keep_nights=parameters.keep_nights
    )
    forgotten = queue_jobs.prune(platform, timedelta(days=parameters.forget_jobs_after_days))
    return {"tables": {name: asdict(one) for name, one in done.items()}, "jobs_forgotten": forgotten}


def _plain(value: Any) -> Any:
    """As JSON: a record holds text, finite numbers, lists and objects."""
    import json
    import math

    def fix(one: Any) -> Any:
        if isinstance(one, float) and not math.isfinite(one):
            return None
        if isinstance(one, Mapping):
            return {str(key): fix(item) for key, item in one.items()}
        return [fix(item) for item in one] if isinstance(one, list | tuple) else one

    return fix(json.loads(json.dumps(value, default=str)))


KINDS: dict[str, JobKind] = {
    one.name: one
    for one in (
        JobKind("cycle", "Daily cycle", LAKE, CycleParameters, "job_kinds:run_cycle"),
        JobKind("retrain", "Train a model", LAKE, RetrainParameters, "retrain:run_job"),
        JobKind("load", "Load files", LAKE, LoadParameters, "job_kinds:load"),
        JobKind("export", "Export", QUICK, ExportParameters, "job_kinds:export"),
        JobKind("scenario", "Work out a scenario", QUICK, ScenarioParameters, "run_scenario:run_job"),
        JobKind("overrides", "Apply overrides", LAKE, OverrideParameters, "job_kinds:overrides"),
        JobKind("maintain", "Maintain the lake", LAKE, MaintainParameters, "job_kinds:maintain"),
        JobKind("connect", "Fetch outside data", LAKE, ConnectParameters, "outside_jobs:connect", tries=4),
        JobKind("events", "Take in till events", LAKE, EventsParameters, "job_kinds:events", tries=4),
        JobKind("push", "Send orders to the ERP", QUICK, PushParameters, "outside_jobs:push", tries=5),
    )
}
