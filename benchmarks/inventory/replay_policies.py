"""What policies cost in money, replayed over the same demand: simulated, or FreshRetailNet's recorded sales.

    python benchmarks/inventory/replay_policies.py [--items 2000] [--data FOLDER] [--out benchmarks/inventory/results]

`--data` is a folder with FreshRetailNet's `sales.parquet` (store_id, product_id, date, sale_amount, stockout_hours_6_22).
Played are the targets of the nightly code in the fast simulator, with a plain forecast; `shelfcast replay` plays whole nights -
real forecasts, all rules, all limits - and its records lie beside these.

FreshRetailNet has no stock levels, prices or terms: lead time, review, shelf life, price and costs here are assumptions, the same
for every policy, and say so in the record. Days with a stock-out hour don't show their demand: they are estimated (largest
of the sales and the item's mean of that weekday in stock), not learned from, and left out of the fill rate.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shelfcast.replenish import replay_baselines as baselines
from shelfcast.replenish.replay import World, levels_by_day, replay, world
from shelfcast.replenish.replay_kpis import Money, compare, frontier, item_kpis, plot_frontier, roll_up
from shelfcast.replenish.replay_targets import nightly_targets, trailing_weekday_forecast
from shelfcast.replenish.simulation import ItemTerms
from shelfcast.replenish.simulation_policies import OrderUpTo, Policy

SHOWN = ("fill_rate", "average_stock", "waste_rate", "holding_cost", "lost_margin", "waste_cost", "total_cost")


def simulated(items: int, days: int, seed: int) -> NDArray[np.float64]:
    """Negative binomial demand with weekdays, a slow season and shocks that last a week."""
    rng = np.random.default_rng(seed)
    mean = rng.gamma(1.0, 3.0, items) + 0.2
    day = np.arange(days)
    weekday = np.array([0.8, 0.8, 0.9, 1.0, 1.2, 1.5, 1.1])[day % 7]
    season = 1 + 0.2 * np.sin(2 * np.pi * (day / 365 + rng.random((items, 1))))
    shock = np.exp(rng.normal(0, 0.15, (items, days // 7 + 1)))[:, day // 7]
    level = mean[:, None] * weekday * season * shock
    return rng.poisson(level * rng.gamma(4.0, 0.25, level.shape)).astype(float)


def recorded(folder: Path, items: int) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_], list[str]]:
    """(demand, sales, censored, stores) of the first series by store and product id; sales in hundredths of the unit."""
    frame = (
        pl.scan_parquet(folder / "sales.parquet")
        .select("store_id", "product_id", "date", "sale_amount", "stockout_hours_6_22")
        .sort("store_id", "product_id", "date")
        .collect()
    )
    days = frame["date"].n_unique()
    take = min(items, frame.height // days)
    frame = frame.head(take * days)
    sales = frame["sale_amount"].to_numpy().reshape(take, days).astype(float)
    censored = (frame["stockout_hours_6_22"].to_numpy() > 0).reshape(take, days)
    demand = sales.copy()
    for start in range(7):
        part, out = sales[:, start::7], censored[:, start::7]
        usual = np.where(out, 0.0, part).sum(axis=1) / np.maximum((~out).sum(axis=1), 1)
        demand[:, start::7] = np.where(out, np.maximum(part, usual[:, None]), part)
    stores = frame["store_id"].cast(pl.String).to_numpy().reshape(take, days)[:, 0].tolist()
    return demand, sales, censored, stores


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=2000)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--data", type=Path, help="folder of FreshRetailNet; without it demand is simulated")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    began = time.perf_counter()
    if options.data:
        demand, sales, censored, clusters = recorded(options.data, options.items)
        terms = ItemTerms(pack_size=0.0, shelf_life_days=4)
        setting = world(demand, sales=sales, censored=censored, lead_time_days=1, terms=terms)
        review, name, discrete = 1, "freshretailnet", False
        money = Money(unit_cost=2.0, unit_price=3.0, holding_cost_per_day=0.01)
        overage = 0.05 + 0.01  # part of the stock of a day expires: a small share of its cost beside the holding
    else:
        demand = simulated(options.items, options.days, options.seed)
        review, name, discrete, clusters = 3, "simulated", True, None
        terms = ItemTerms(pack_size=1.0)
        setting = world(demand, lead_time_days=2, review_period_days=review, terms=terms)
        money = Money(unit_cost=2.0, unit_price=3.0, holding_cost_per_day=0.02)
        overage = 0.02 * review
    ratio = 1.0 / (1.0 + overage)
    source = nightly_targets(trailing_weekday_forecast(), "economic", ratio, discrete=discrete)
    policies: dict[str, Policy] = {
        "nightly": OrderUpTo(levels_by_day(setting, source)),
        "normal": baselines.normal_base_stock_policy(setting, ratio),
        "cover": baselines.cover_policy(setting, 2.0),
        "min_max": baselines.min_max_policy(setting, 2.0, 2.0),
        "perfect": baselines.perfect_information_policy(setting),
    }
    results = {label: item_kpis(replay(setting, policy), money, setting) for label, policy in policies.items()}
    tuned = best_tuned(setting, money)
    results["cover, tuned by hindsight"] = item_kpis(replay(setting, tuned), money, setting)
    frontiers = {
        "nightly code": frontier(setting, money, lambda value: nightly_at(setting, value, discrete), SERVICES),
        "normal base stock": frontier(
            setting, money, lambda value: baselines.normal_base_stock_policy(setting, value), SERVICES
        ),
        "cover": frontier(
            setting, money, lambda value: baselines.cover_policy(setting, value), [-1.0, 0.0, 1.0, 2.0, 3.0, 5.0, 8.0]
        ),
    }
    kpis = {label: roll_up(frame).to_dicts()[0] for label, frame in results.items()}
    compared = {
        label: [row._asdict() for row in compare(results["nightly"], frame, kpis=SHOWN, clusters=clusters)]
        for label, frame in results.items()
        if label != "nightly"
    }
    record: dict[str, Any] = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": {"cores": os.cpu_count(), "system": platform.system(), "python": platform.python_version()},
        "versions": {package: version(package) for package in ("numpy", "numba", "polars")},
        "task": {
            "demand": name, "items": setting.items, "days": setting.days, "warm_up_days": setting.warm_up_days,
            "review_days": review, "critical_ratio": ratio, "censored_share": float(setting.censored.mean()),
            "terms": "assumed; the data give none" if options.data else "set by the script",
            "forecast": "trailing weekday profile, the same for every run of the nightly code",
        },
        "seconds": time.perf_counter() - began,
        "kpis": kpis,
        "nightly_minus": compared,
        "frontiers": {label: frame.select("setting", *SHOWN).to_dicts() for label, frame in frontiers.items()},
    }  # fmt: skip
    text = report(record)
    print(text)
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        stem = options.out / f"replay_{name}"
        stem.with_suffix(".json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        stem.with_suffix(".md").write_text(text + "\n", encoding="utf-8")
        plot_frontier(frontiers, stem.with_suffix(".png"), title=f"Stock against fill rate, {name}")


NOT_WHOLE = (
    "These are the targets of the nightly code alone, in the fast simulator with a plain forecast. `shelfcast replay` plays whole "
    "nights; its records are in `replay_nights_*`."
)
SERVICES = [0.5, 0.7, 0.8, 0.9, 0.95, 0.98]


def nightly_at(setting: World, service: float, discrete: bool) -> Policy:
    source = nightly_targets(trailing_weekday_forecast(), "cycle_service", service, discrete=discrete)
    return OrderUpTo(levels_by_day(setting, source))


def best_tuned(setting: World, money: Money) -> Policy:
    """The cover policy whose days were best by hindsight on this very demand: a hard opponent, nobody has it in life."""
    figures = frontier(
        setting, money, lambda days: baselines.cover_policy(setting, days), np.arange(-1, 8, 0.5).tolist()
    )
    return baselines.cover_policy(setting, figures.sort("total_cost")["setting"][0])


def report(record: dict[str, Any]) -> str:
    task = record["task"]
    lines = [
        f"# Policies replayed in money: {task['demand']}",
        "",
        f"{record['date']}, {record['machine']['cores']} cores, Python {record['machine']['python']}; {task['items']} items x "
        f"{task['days']} days, {task['warm_up_days']} of them warm-up, reviewed every {task['review_days']} days; critical ratio "
        f"{task['critical_ratio']:.3f}; censored days {task['censored_share']:.0%}; terms: {task['terms']}. "
        f"Forecast of the nightly code here: {task['forecast']}. {record['seconds']:.0f} s in all.",
        "",
        NOT_WHOLE,
        "",
        "| policy | " + " | ".join(SHOWN) + " |",
        "|---" * (len(SHOWN) + 1) + "|",
    ]
    for label, row in record["kpis"].items():
        lines.append(f"| {label} | " + " | ".join(f"{row[kpi]:.4f}" for kpi in SHOWN) + " |")
    lines += [
        "",
        "Difference of total cost, nightly code minus the other, with 95 % interval (paired bootstrap"
        + (" over stores):" if task["demand"] == "freshretailnet" else " over items):"),
        "",
        "| against | difference | interval | relative |",
        "|---|---|---|---|",
    ]
    for label, rows in record["nightly_minus"].items():
        row = next(one for one in rows if one["kpi"] == "total_cost")
        lines.append(
            f"| {label} | {row['difference']:.4f} | {row['low']:.4f} to {row['high']:.4f} | {row['relative']:.1%} "
            f"({row['relative_low']:.1%} to {row['relative_high']:.1%}) |"
        )
    for label, rows in record["frontiers"].items():
        lines += [
            "",
            f"Frontier, {label}:",
            "",
            "| setting | average stock | fill rate | total cost |",
            "|---|---|---|---|",
        ]
        lines += [
            f"| {row['setting']:g} | {row['average_stock']:.2f} | {row['fill_rate']:.4f} | {row['total_cost']:.4f} |"
            for row in rows
        ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
