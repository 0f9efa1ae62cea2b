"""The step `monitor`: after a night's work, is all as it should be? Measures, states, findings, and who is told.

sales that came + forecasts made before -> forecast_sums -> measures of forecasts ┐
feeds, prices, promotions, stock        -> measures of the data                   ├-> monitor_measures -> findings -> alerts
availability, order lines, overrides    -> measures of decisions                  ┘                              -> retraining
run records, jobs                       -> measures of the system -> system_measures
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta

import polars as pl

from shelfcast.domain.findings import Finding
from shelfcast.domain.measures import CAUSES, KINDS, Measure
from shelfcast.domain.slices import Slice
from shelfcast.domain.tables import Table, monitoring
from shelfcast.forecast.drift_sums import NEAR
from shelfcast.lake.replace import replace
from shelfcast.pipeline import monitor_causes, monitor_data, monitor_decisions, monitor_forecasts, monitor_system
from shelfcast.pipeline.raise_alerts import report
from shelfcast.pipeline.steps import Outcome, Parameters
from shelfcast.pipeline.train_model import champion_of
from shelfcast.ports.platform import Platform
from shelfcast.quality import hysteresis
from shelfcast.quality.data_measures import shifted_days

TITLE = "Watching"
BY = "monitor"
SAME_MATTER = {"pinball": "wape", "stock_out_days": "fill_rate", "wasserstein": "psi"}
"""Two measures of one matter: the first is told only where the second has nothing to say of the same subject."""


def decisive(platform: Platform, parameters: Parameters) -> dict[str, str]:
    """What decides a night's measures beside its tables: the champion, and how late the sales are by the calendar."""
    late = 0
    if parameters.frequency != "W":
        late = monitor_data.days_late(platform.tables, parameters.cutoff, platform.clock.now().date())
    return {**champion_of(platform, parameters), "late": str(late)}


def run(platform: Platform, parameters: Parameters, run_id: str) -> Outcome:
    """Measure, decide what is a finding, report it, ask for a new model where forecasts drift."""
    cutoff, step_days = parameters.cutoff, 7 if parameters.frequency == "W" else 1
    platform.progress.start(TITLE, 4)
    scored = monitor_forecasts.score_new_days(platform, cutoff, step_days, run_id)
    platform.progress.advance(TITLE)
    sums = monitor_forecasts.sums_until(platform, cutoff, step_days)
    weekly = step_days > 1
    late = int(decisive(platform, parameters)["late"])
    data = monitor_data.data_measures_of(platform.tables, cutoff, weekly, late)
    shifted = None if weekly else shifted_days(_all_series(sums), cutoff)
    platform.progress.advance(TITLE)
    measures = [
        *data, *([shifted] if shifted else []), *monitor_forecasts.measures_of(platform, sums, cutoff, step_days),
        *monitor_decisions.decision_measures_of(platform.tables, sums, cutoff, weekly),
    ]  # fmt: skip
    rows = _rows(platform, monitoring.MONITOR_MEASURES, measures, cutoff, run_id)
    rows = _with_causes(platform, rows, cutoff)
    system = monitor_system.system_measures_of(platform, cutoff)
    system_rows = _rows(platform, monitoring.SYSTEM_MEASURES, system, cutoff, run_id)
    for table, made in ((monitoring.MONITOR_MEASURES, rows), (monitoring.SYSTEM_MEASURES, system_rows)):
        replace(platform.tables, table, made, Slice.of(date=cutoff), notes={"run_id": run_id})
    platform.progress.advance(TITLE)
    found = findings(pl.concat([rows, system_rows]))
    report(platform, found, causes=CAUSES)
    asked = ask_for_model(platform, rows, cutoff)
    states = Counter(rows["state"].to_list())
    return Outcome(
        {"measures": rows.height + system_rows.height, "days scored": scored, "findings": len(found)},
        {
            "watch": states["watch"], "open": states["open"], "retraining": asked, "findings": [one.says for one in found],
            "drift": sum(one.cause.startswith(("data.", "forecast.")) for one in found),
        },
    )  # fmt: skip


def _all_series(sums: pl.DataFrame) -> pl.DataFrame:
    return sums.filter((pl.col("segment") == "all") & (pl.col("band") == NEAR))


def _rows(platform: Platform, table: Table, measures: Sequence[Measure], cutoff: date, run_id: str) -> pl.DataFrame:
    """Today's rows with their states, by the days before."""
    since = cutoff - timedelta(days=3 * hysteresis.LONGEST)
    past = platform.tables.scan(table).filter((pl.col("date") >= since) & (pl.col("date") < cutoff)).collect()
    return hysteresis.rows_of(table, measures, past, cutoff, run_id)


def _with_causes(platform: Platform, rows: pl.DataFrame, cutoff: date) -> pl.DataFrame:
    opened = rows.filter((pl.col("state") == "open") & (pl.col("area") == "forecast"))
    if opened.is_empty():
        return rows
    odd = rows.filter((pl.col("area") == "data") & pl.col("beyond"))
    named = [
        f"{KINDS[f'data.{name}'].title.lower()} of {subject}"
        for name, subject in odd.select("measure", "subject").iter_rows()
    ]
    subjects = [one.partition(",")[0] for one in opened["subject"].to_list()]
    moved = monitor_causes.causes_of(platform.tables, subjects, named[:4], cutoff)
    about = pl.col("subject").str.split(",").list.first().replace_strict(moved, default="", return_dtype=pl.String)
    here = (pl.col("state") == "open") & (pl.col("area") == "forecast")
    return rows.with_columns(moved_with=pl.when(here).then(about).otherwise(pl.col("moved_with")))


def findings(rows: pl.DataFrame) -> list[Finding]:
    """Open rows as findings. A part of the range is told only where the whole isn't, and one matter once."""
    opened = rows.filter(pl.col("state") == "open").sort("area", "measure", "subject")
    keys = set(opened.select("area", "measure", "subject").iter_rows())
    found = []
    for one in opened.iter_rows(named=True):
        area, name, subject = one["area"], one["measure"], one["subject"]
        same = SAME_MATTER.get(name)
        wider = subject != "all" and (area, name, "all") in keys and area in ("forecast", "decision")
        if wider or (same and ((area, same, subject) in keys or (area, same, "all") in keys)):
            continue
        kind = KINDS[f"{area}.{name}"]
        says = f"{one['says']} {one['moved_with']}".strip()
        found.append(
            Finding(
                kind.cause, subject, kind.severity, says, kind.next_step, kind.link, _number(one["value"]),
                _number(one["threshold"]), one["run_id"],
            )
        )  # fmt: skip
    return found


def _number(value: float | None) -> float | None:
    """None where a finding that stands could not be measured tonight: a week in which nothing of it was sold."""
    return value if value is not None and math.isfinite(value) else None


def ask_for_model(platform: Platform, rows: pl.DataFrame, cutoff: date) -> str:
    """Ask for a new model when a forecast finding opened today; why, or why not. Empty when nothing opened."""
    drifting = [name.partition(".")[2] for name, kind in KINDS.items() if kind.retrain]
    opened = rows.filter(
        (pl.col("area") == "forecast") & pl.col("measure").is_in(drifting) & (pl.col("opened_on") == cutoff)
    )
    if opened.is_empty():
        return ""
    broken = rows.filter((pl.col("area") == "data") & (pl.col("state") == "open"))
    grave = [row for row in broken.iter_rows(named=True) if KINDS[f"data.{row['measure']}"].severity == "critical"]
    if grave:
        return f"no: first the data must be right again ({grave[0]['says']})"
    reason = " ".join(opened.sort("measure", "subject")["says"].to_list()[:3])
    from shelfcast.pipeline import retrain

    retrain.ask(platform, reason, BY)
    return reason
