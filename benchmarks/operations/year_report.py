"""What the simulated year came to, as JSON and as a page."""

from __future__ import annotations

import argparse
import json
import os
import platform as machine
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
from year_faults import Planted

from shelfcast.domain.tables import monitoring
from shelfcast.pipeline import model_decisions, queue_jobs
from shelfcast.ports.platform import Platform

if TYPE_CHECKING:
    from year import State

RESULTS = Path(__file__).parent / "results"
HOLDING_SHARE = 0.20
"""What keeping stock costs a year, as a share of its value (capital, space, shrinkage)."""
WORK_LIST = ("orders.",)
"""Alerts that are the day's work and no alarm: lines to approve, series at risk."""
MONTH = 365.25 / 12


def write_report(
    platform: Platform, state: State, planted: Sequence[Planted], options: argparse.Namespace, first: date
) -> None:
    found = report(platform, state, planted, options, first)
    RESULTS.mkdir(exist_ok=True)
    name = f"year_{options.stores}x{options.items}_{options.days}" + ("" if state.done >= options.days else "_so_far")
    (RESULTS / f"{name}.json").write_text(json.dumps(found, indent=2) + "\n")
    (RESULTS / f"{name}.md").write_text(page(found))
    print(page(found))


def report(
    platform: Platform, state: State, planted: Sequence[Planted], options: argparse.Namespace, first: date
) -> dict[str, Any]:
    alarms = judged([one for one in state.alarms.values() if not one["cause"].startswith(WORK_LIST)], planted)
    due = [one for one in planted if one.alarms and one.first < state.done]
    told = {one.name: [alarm for alarm in alarms if alarm["about"] == one.name] for one in due}
    return {
        "shop": f"{options.stores} stores x {options.items} items, seed {options.seed}, {options.history} days of history",
        "days": state.done, "of": options.days, "tables": options.tables, "first_day": first.isoformat(),
        "seconds_a_day": round(state.seconds / max(state.done, 1), 2),
        "processor_seconds_a_day": round(state.processor_seconds / max(state.done, 1), 2),
        "pieces": state.pieces,
        "machine": f"{os.cpu_count()} cores, {machine.machine()}, Python {machine.python_version()}",
        "service": {
            "shelfcast": service(state.days), "own_rule": service(state.rule_days),
            "by_quarter": [
                {"from_day": at, "shelfcast": service(state.days[at : at + 91]), "own_rule": service(state.rule_days[at : at + 91])}
                for at in range(0, max(state.done - 30, 1), 91)
            ],
        },
        "accuracy": accuracy(platform, first, state.done),
        "alarms": {
            "true": sum(bool(one["about"]) for one in alarms), "false": sum(not one["about"] for one in alarms),
            "false_a_month": round(sum(not one["about"] for one in alarms) / max(state.done, 1) * MONTH, 2),
            "missed": [one.name for one in due if not told[one.name]],
            "faults": [
                {
                    "what": one.name, "from_day": one.first, "to_day": one.last,
                    "told_after_nights": min(alarm["day"] - one.first for alarm in told[one.name]) if told[one.name] else None,
                    "first": min(told[one.name], key=lambda alarm: alarm["at"])["says"] if told[one.name] else "",
                    "alarms": len(told[one.name]),
                }
                for one in due
            ],
            "false_ones": [one for one in alarms if not one["about"]],
            "true_ones": [one for one in alarms if one["about"]],
        },
        "called": dict(Counter(one["severity"] for one in state.notices)),
        "work_list": len([one for one in state.alarms.values() if one["cause"].startswith(WORK_LIST)]),
        "retrainings": retrainings(platform),
        "survived": state.survived,
        "jobs": jobs(platform),
        "counts": dict(sorted(state.retailer.counts.items())),
        "growth": growth(state.sizes),
        "sizes": state.sizes[-1] if state.sizes else {},
    }  # fmt: skip


def judged(alarms: Sequence[Mapping[str, Any]], planted: Sequence[Planted]) -> list[dict[str, Any]]:
    """Each alarm with the fault it is about: the newest that explains it; empty for a false one."""
    found = []
    for one in sorted(alarms, key=lambda it: str(it["at"])):
        about = [fault for fault in planted if fault.explains(str(one["cause"]), int(one["day"]))]
        found.append({**one, "about": max(about, key=lambda it: it.first).name if about else ""})
    return found


def service(days: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Fill rate, stock, waste and money of a span, from the truth of the stores."""
    if not days:
        return {}
    total = {name: float(sum(one[name] for one in days)) for name in days[0] if name not in ("day",)}
    stock = total["stock_value"] / len(days)
    holding = stock * HOLDING_SHARE * len(days) / 365.25
    return {
        "fill_rate": round(total["sold"] / max(total["demand"], 1e-9), 5),
        "stock_out_days": round(total["cells_out"] / max(total["cells"], 1), 5),
        "stock_value": round(stock, 0),
        "days_of_stock": round(stock / max(total["sold_value"] / len(days), 1e-9), 2),
        "wasted_share": round(total["wasted_value"] / max(total["received_value"], 1e-9), 5),
        "wasted": round(total["wasted_value"], 0),
        "lost_margin": round(total["lost_margin"], 0),
        "holding": round(holding, 0),
        "cost": round(holding + total["wasted_value"] + total["lost_margin"], 0),
    }


def accuracy(platform: Platform, first: date, days: int) -> list[dict[str, Any]]:
    """Error of the forecasts one to seven days ahead, by quarter, beside the baseline on the same cells."""
    sums = (
        platform.tables.scan(monitoring.FORECAST_SUMS)
        .filter((pl.col("segment") == "all") & (pl.col("band") == "1-7") & (pl.col("date") >= first))
        .collect()
    )
    found = []
    for at in range(0, max(days - 30, 1), 91):
        part = sums.filter(pl.col("date").is_between(first + timedelta(days=at), first + timedelta(days=at + 90)))
        units = float(part["units"].sum())
        if units:
            found.append(
                {
                    "from_day": at, "days": part.height, "wape": round(float(part["absolute_error"].sum()) / units, 4),
                    "baseline_wape": round(float(part["baseline_error"].sum()) / units, 4),
                    "promised_wape": round(float(part["promised_error"].sum()) / units, 4),
                    "bias": round(float((part["mean"] - part["units"]).sum()) / units, 4),
                    "inside_80": round(float(part["inside_80"].sum()) / float(part["cells"].sum()), 4),
                }
            )  # fmt: skip
    return found


def retrainings(platform: Platform) -> dict[str, Any]:
    every = list(reversed(model_decisions.every(platform)))
    return {
        "trained": len(every),
        "won": sum(one["verdict"] in model_decisions.TAKES_OVER for one in every),
        "lost": sum(one["verdict"] == model_decisions.KEPT for one in every),
        "not_judged": sum(one["verdict"] in (model_decisions.NOT_JUDGED, model_decisions.SAME) for one in every),
        "each": [
            {"cutoff": one["cutoff"], "cause": one["cause"], "verdict": one["verdict"], "sentence": one["sentence"]} for one in every
        ],
    }  # fmt: skip


def jobs(platform: Platform) -> dict[str, Any]:
    every = queue_jobs.newest(platform, 10_000)[0]
    return {
        "by_state": dict(Counter(one.state for one in every)),
        "taken_up_again": sum(one.attempt > 1 for one in every),
        "postponed": sum(one.failures > 0 for one in every),
        "failed": [{"job": one.title, "at": one.created_at.isoformat(), "error": one.error[:200]} for one in every if one.state == "failed"],
    }  # fmt: skip


def growth(sizes: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Files, megabytes and snapshots every four weeks."""
    return [
        {
            "day": one["day"], "files_on_disk": one["files_on_disk"], "megabytes_on_disk": one["megabytes_on_disk"],
            "blobs": one["blobs"], "blob_megabytes": one["blob_megabytes"], "records_megabytes": one["records_megabytes"],
            "snapshots": sum(table["snapshots"] for table in one["tables"].values()),
            "rows": sum(table["rows"] for table in one["tables"].values()),
            "forecast_rows": one["tables"].get("forecasts", {}).get("rows", 0),
        }
        for one in sizes
    ]  # fmt: skip


def page(found: Mapping[str, Any]) -> str:
    """The result as a page for people."""
    lines = [
        "# The simulated year", "",
        f"{found['shop']}; {found['days']} of {found['of']} days from {found['first_day']}, tables"
        f" {'on disk' if found['tables'] == 'disk' else 'in memory'}. {found['processor_seconds_a_day']} processor seconds a day"
        f" ({found['machine']}).", "",
        "| | Shelfcast | the shop's own rule |", "| --- | --- | --- |",
    ]  # fmt: skip
    ours, theirs = found["service"]["shelfcast"], found["service"]["own_rule"]
    for name, title, form in (
        ("fill_rate", "demand met from the shelf", "{:.2%}"), ("stock_out_days", "series-days with a gap", "{:.2%}"),
        ("stock_value", "stock in the stores, at cost", "{:,.0f}"), ("days_of_stock", "days of stock", "{:.1f}"),
        ("wasted_share", "wasted, of goods received", "{:.2%}"), ("wasted", "wasted, at cost", "{:,.0f}"),
        ("lost_margin", "margin lost to gaps", "{:,.0f}"), ("holding", "keeping stock, 20 % a year", "{:,.0f}"),
        ("cost", "waste + lost margin + keeping", "{:,.0f}"),
    ):  # fmt: skip
        lines.append(f"| {title} | {form.format(ours[name])} | {form.format(theirs[name])} |")
    lines += [
        "",
        "| from day | error (WAPE) | promised | baseline | bias | in the 80 % band |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {one['from_day']} | {one['wape']:.1%} | {one['promised_wape']:.1%} | {one['baseline_wape']:.1%} | {one['bias']:+.1%} |"
        f" {one['inside_80']:.1%} |"
        for one in found["accuracy"]
    ]
    alarms = found["alarms"]
    lines += [
        "", f"Alarms: {alarms['true']} true, {alarms['false']} false ({alarms['false_a_month']} a month), missed:"
        f" {', '.join(alarms['missed']) or 'none'}.", "",
        "| planted | days | told after nights | first said |", "| --- | --- | --- | --- |",
    ]  # fmt: skip
    lines += [
        f"| {one['what']} | {one['from_day']}-{one['to_day']} |"
        f" {'never' if one['told_after_nights'] is None else one['told_after_nights']} | {one['first'].replace('|', '/')} |"
        for one in alarms["faults"]
    ]
    models, jobs_ = found["retrainings"], found["jobs"]
    lines += [
        "", f"Retrainings: {models['trained']}, of which {models['won']} won, {models['lost']} lost, {models['not_judged']} not judged.",
        f"Jobs: {', '.join(f'{count} {state}' for state, count in sorted(jobs_['by_state'].items()))};"
        f" {jobs_['taken_up_again']} taken up again after their worker died, {jobs_['postponed']} postponed.", "", "Survived:", "",
    ]  # fmt: skip
    lines += [
        f"- day {one['day']}: {one['what']}" + (f" ({'; '.join(one['then'])})" if "then" in one else "")
        for one in found["survived"]
    ]
    lines += [
        "",
        "| day | files on disk | MB | snapshots | rows | of forecasts | records MB |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {one['day']} | {one['files_on_disk']:,} | {one['megabytes_on_disk']:,.0f} | {one['snapshots']} | {one['rows']:,} |"
        f" {one['forecast_rows']:,} | {one['records_megabytes']:,.1f} |"
        for one in found["growth"]
    ]
    return "\n".join(lines) + "\n"
