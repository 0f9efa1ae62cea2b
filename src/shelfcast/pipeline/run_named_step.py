"""One step by its name, JSON in and JSON out: what a state machine, a Glue job or a processing job calls.

ingest -> quality -> features -> train -> forecast -> replenish -> export

Each answer holds the parameters the next step is to be called with, so that a cycle keeps its cutoff from step to step.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from shelfcast.domain.errors import BadParameter
from shelfcast.pipeline.lake_settings import LakeSettings
from shelfcast.pipeline.steps import CYCLE, Parameters
from shelfcast.ports.platform import Platform

INGEST, EXPORT = "ingest", "export"
NAMES = (INGEST, *CYCLE, EXPORT)


def run_named_step(
    platform: Platform, settings: LakeSettings, step: str, given: Mapping[str, Any] | None = None, *,
    delivery: str = "", what: str = "",
) -> dict[str, Any]:  # fmt: skip
    """Run a step.

    Args:
        given: fields of `steps.Parameters`; what is left out is the lake's setting, the cutoff the newest sales date.
        delivery: of `ingest`: which to load; `incoming/dms/` takes in a database's changes, empty till events alone.
        what: of `export`: forecasts, orders, or a table.

    Returns:
        step, state (done, unchanged, skipped), run_id, parameters, rows, summary, seconds, peak_mb.

    Raises:
        BadParameter: no such step, or parameters it doesn't know.
    """
    if step not in NAMES:
        raise BadParameter.unknown("step", step, NAMES)
    if step == INGEST:
        rows = _ingest(platform, settings, delivery)
        parameters = _parameters(platform, settings, given)
        return _answer(step, "done", parameters, rows=rows)
    parameters = _parameters(platform, settings, given)
    if step == EXPORT:
        return _answer(step, "done", parameters, **_export(platform, parameters, what))
    from shelfcast.pipeline.run_cycle import run_cycle

    done = run_cycle(platform, parameters, steps=(step,)).steps
    if not done:
        return _answer(step, "skipped", parameters)
    one = done[0]
    return _answer(
        step, one.state, parameters, run_id=one.run_id, rows=dict(one.rows), summary=_sizes(one.summary),
        seconds=round(one.seconds, 3), peak_mb=round(one.peak_mb, 1),
    )  # fmt: skip


def step_metrics(answer: Mapping[str, Any]) -> list[tuple[dict[str, float], dict[str, str]]]:
    """Numbers to watch, with their dimensions, from a step's answer."""
    step, found = str(answer["step"]), []
    if answer["state"] == "done":
        spent = {"StepSeconds": answer.get("seconds"), "StepPeakMb": answer.get("peak_mb")}
        found.append(({name: float(value) for name, value in spent.items() if value is not None}, {"Step": step}))
    rows, summary = answer["rows"], answer["summary"]
    if step == INGEST:
        found.append(({"RowsIn": float(rows["in"]), "RowsQuarantined": float(rows["quarantined"])}, {}))
        found.append(({"Events": float(rows["events"]), "DeadLetters": float(rows["events_dead"])}, {}))
    if step == "quality" and "problems" in summary:
        found.append(({"QualityErrors": float(summary["problems"])}, {}))
    if step == "monitor" and "drift" in summary:
        found.append(({"DriftAlerts": float(summary["drift"])}, {}))
    return [(values, dimensions) for values, dimensions in found if values]


def _parameters(platform: Platform, settings: LakeSettings, given: Mapping[str, Any] | None) -> Parameters:
    from shelfcast.pipeline.run_cycle import last_sales_date

    said = dict(given or {})
    known = [one.name for one in fields(Parameters)]
    if strange := sorted(set(said) - set(known)):
        raise BadParameter.unknown("step parameter", strange[0], known)
    values = {name: getattr(settings, name) for name in known if hasattr(settings, name)} | said
    if not values.get("cutoff"):
        values["cutoff"] = last_sales_date(platform, str(values["frequency"]))
    try:
        return TypeAdapter(Parameters).validate_python(values)
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise BadParameter(f"the step can't be run with these parameters: {problems}.") from error


def _ingest(platform: Platform, settings: LakeSettings, delivery: str) -> dict[str, int]:
    from shelfcast.pipeline.ingest_events import ingest_events
    from shelfcast.pipeline.load_delivery import CHANGES, load_changes, load_delivery

    changes = load_changes(platform, settings) if delivery == CHANGES else []
    reports = load_delivery(platform, delivery, settings) if delivery and delivery != CHANGES else []
    events = ingest_events(platform, frequency=settings.frequency)
    return {
        "files": len(reports) + sum(one.files for one in changes),
        "in": sum(one.rows_in for one in reports) + sum(one.rows_in for one in changes),
        "kept": sum(one.kept for one in reports) + sum(one.upserted for one in changes),
        "quarantined": sum(one.quarantined for one in reports) + sum(one.quarantined for one in changes),
        "events": events.events,
        "events_dead": events.dead,
    }


def _export(platform: Platform, parameters: Parameters, what: str) -> dict[str, Any]:
    """CSV and Parquet under `exports/<cutoff>/`; a second run writes over the first."""
    from shelfcast.pipeline.export_results import FORMATS, NAMES, export_file

    files, count = [], 0
    with tempfile.TemporaryDirectory(prefix="shelfcast-export-") as folder:
        for name in [what] if what else NAMES:
            for format in FORMATS:
                path = Path(folder) / f"{name}.{format}"
                made = export_file(platform, name, format=format, output=path, cutoff=parameters.cutoff)
                key = f"exports/{parameters.cutoff.isoformat()}/{path.name}"
                platform.blobs.put(key, path)
                files.append(key)
                count += made.rows if format == FORMATS[0] else 0
    return {"rows": {"exported": count}, "summary": {"files": files}}


def _answer(step: str, state: str, parameters: Parameters, **more: Any) -> dict[str, Any]:
    known = TypeAdapter(Parameters).dump_python(parameters, mode="json")
    return {"step": step, "state": state, "parameters": known, "run_id": "", "rows": {}, "summary": {}} | more


def _sizes(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Plain values of a summary: a state machine carries 256 KB, the whole summary stands in the run's record."""
    return {key: value for key, value in summary.items() if isinstance(value, str | int | float | bool)}
