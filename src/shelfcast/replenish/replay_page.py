"""The page of a replay, as Markdown, from its document; and the plot of its frontier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from shelfcast.replenish.replay_kpis import KPIS, plot_frontier

SHARES = frozenset(
    {
        "fill_rate", "cycle_service_level", "stockout_days", "empty_days", "waste_rate", "review_share", "capacity_use",
        "budget_use", "promised_service", "changed_by_a_day", "group_service",
    }
)  # fmt: skip
USES = {
    "order_headers_per_week": "orders (source and destination) a week",
    "order_lines_per_week": "order lines a week",
    "held_lines_per_week": "lines a week that waited for a supplier's minimum",
    "review_share": "share of order lines a person would look at",
    "capacity_use": "share used of trucks and docks that were used at all",
    "budget_use": "share used of budgets",
    "fair_share_gap_days": "days between best and worst cover of stores when a centre was short",
    "group_service": "share of the demand for items of a substitute group that something in the group could have met",
    "promised_service": "mean target of the lines, as the chance of no shortage in a cycle",
    "changed_by_a_day": "share of lines that change by more than 20 % when the stock picture is a day older",
}
DIFFERENCES = ("total_cost", "lost_margin", "holding_cost", "waste_cost", "fill_rate", "average_stock")
NOT_MEASURED = "-"


def page(document: Mapping[str, Any], plot: str = "") -> str:
    """The whole page. `plot`: file name of the frontier's picture, if there is one."""
    task = document["task"]
    lines = [
        f"# Replay of {task['first']} to {task['last']}",
        "",
        f"{task['item_locations']:,} item-locations at {task['locations']:,} locations, {task['days']} days, of which the first "
        f"{task['warm_up_days']} warm up and aren't counted. Every policy goes through the code of the nightly run and meets the same "
        "demand, terms and late deliveries. Forecasts: made anew every "
        f"{task['forecasts_every_days']} days with what was known then, by {task['forecasts']}.",
        "",
        "## What the data can't tell",
        "",
        *(f"- {note}" for note in document["notes"]),
        "",
        "## Figures",
        "",
        *_figures(document["kpis"]),
        "",
        f"Money in {task['currency'] or 'the currency of the lake'}, per item-location and day unless said. A dash: nothing to measure.",
    ]
    for name, others in document["compared"].items():
        lines += ["", f"## {name} against the others", "", *_differences(name, others)]
    if document["frontier"]:
        lines += ["", "## Stock against service", ""]
        lines += [f"![Stock against fill rate]({plot})", ""] if plot else []
        lines += _frontier(document["frontier"])
    return "\n".join(lines) + "\n"


def _figures(kpis: Mapping[str, Mapping[str, Any]]) -> list[str]:
    meanings = {**{name: kpi.meaning for name, kpi in KPIS.items()}, **USES}
    names = list(kpis)
    lines = ["| figure | " + " | ".join(names) + " | meaning |", "|---" + "|---:" * len(names) + "|---|"]
    for figure in next(iter(kpis.values())):
        values = " | ".join(show(figure, kpis[name][figure]) for name in names)
        lines.append(f"| {figure.replace('_', ' ')} | {values} | {meanings.get(figure, '')} |")
    return lines


def _differences(name: str, others: Mapping[str, Mapping[str, Any]]) -> list[str]:
    lines = [
        f"{name} less the other, with 95 % intervals (paired bootstrap over item-locations). An interval that holds 0 says that "
        "the difference may be luck.",
        "",
        "| figure | against | difference | interval | share of the other |",
        "|---|---|---:|---|---|",
    ]
    for figure in DIFFERENCES:
        for other, rows in others.items():
            row = rows[figure]
            share = (
                NOT_MEASURED
                if row["relative"] is None or row["relative_low"] is None
                else f"{row['relative']:+.1%} ({row['relative_low']:+.1%} to {row['relative_high']:+.1%})"
            )
            lines.append(
                f"| {figure.replace('_', ' ')} | {other} | {show(figure, row['difference'], sign=True)} | "
                f"{show(figure, row['low'], sign=True)} to {show(figure, row['high'], sign=True)} | {share} |"
            )
    return lines


def _frontier(frontier: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[str]:
    lines = [
        "Each policy over a range of its setting: chance of no shortage (nightly, normal) or days (cover, min_max). The higher at "
        "the same stock the better.",
        "",
        "| policy | setting | average stock | stock value | days of cover | fill rate | waste rate | total cost |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    shown = ("average_stock", "average_stock_value", "days_of_cover", "fill_rate", "waste_rate", "total_cost")
    for name, rows in frontier.items():
        for row in rows:
            values = " | ".join(show(figure, row[figure]) for figure in shown)
            lines.append(f"| {name} | {row['setting']:g} | {values} |")
    return lines


def show(figure: str, value: float | None, *, sign: bool = False) -> str:
    """A figure as a person reads it: shares in per cent, the rest with three digits after the point at most.

    >>> show("fill_rate", 0.9726), show("total_cost", -0.25, sign=True), show("budget_use", None)
    ('97.3 %', '-0.250', '-')
    """
    if value is None or value != value:
        return NOT_MEASURED
    plus = "+" if sign else ""
    if figure in SHARES:
        return f"{100.0 * value:{plus}.1f} %"
    return f"{value:{plus},.1f}" if abs(value) >= 100.0 else f"{value:{plus}.3f}"


def draw(document: Mapping[str, Any], path: Path) -> None:
    """The frontier as an image file.

    Raises:
        MissingExtra: no plotting library is installed.
    """
    frames = {name: pl.DataFrame(rows) for name, rows in document["frontier"].items()}
    task = document["task"]
    plot_frontier(frames, path, title=f"Stock against fill rate, {task['first']} to {task['last']}")


def terminal_tables(document: Mapping[str, Any]) -> list[tuple[str, tuple[str, ...], list[tuple[str, ...]]]]:
    """(title, columns, rows) of what a terminal shows: figures, differences of total cost, frontier."""
    kpis = document["kpis"]
    names = tuple(kpis)
    figures = [
        (figure.replace("_", " "), *(show(figure, kpis[name][figure]) for name in names))
        for figure in next(iter(kpis.values()))
    ]
    differences = []
    for name, others in document["compared"].items():
        for other, rows in others.items():
            row = rows["total_cost"]
            share = NOT_MEASURED if row["relative"] is None else f"{row['relative']:+.1%}"
            differences.append(
                (
                    f"{name} against {other}", show("total_cost", row["difference"], sign=True),
                    f"{show('total_cost', row['low'], sign=True)} to {show('total_cost', row['high'], sign=True)}", share,
                )
            )  # fmt: skip
    tables = [
        ("Figures; money per item-location and day", ("figure", *names), figures),
        ("Total cost, difference with 95 % interval", ("policy", "difference", "interval", "share"), differences),
    ]
    if document["frontier"]:
        shown = ("average_stock", "days_of_cover", "fill_rate", "waste_rate", "total_cost")
        points = [
            (f"{name} {row['setting']:g}", *(show(figure, row[figure]) for figure in shown))
            for name, rows in document["frontier"].items()
            for row in rows
        ]
        tables.append(("Frontier", ("policy", *(figure.replace("_", " ") for figure in shown)), points))
    return tables
