"""Seconds and memory of the day simulator, 10,000 items x 365 days, from plain to perishable.

python benchmarks/inventory/simulator_speed.py [--out benchmarks/inventory/results]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from shelfcast.replenish.simulation import ItemTerms, arrival_days, review_days, simulate
from shelfcast.replenish.simulation_policies import MinMax, OrderUpTo, ReorderLevelPacks

ITEMS, DAYS = 10_000, 365


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    rng = np.random.default_rng(3)
    mean = rng.gamma(1.0, 3.0, ITEMS) + 0.2
    demand = rng.poisson(mean[:, None], (ITEMS, DAYS)).astype(float)
    weekly = review_days(DAYS, 3)
    random_arrivals = arrival_days(ITEMS, DAYS, 3, lead_time_sd_days=1.0, order_days=weekly)
    levels = np.repeat((mean * 6 + 4)[:, None], DAYS, axis=1)
    cases: dict[str, dict[str, Any]] = {
        "base stock, lost sales": {"policy": OrderUpTo(mean * 4), "lead_time_days": 3},
        "base stock, backorders, a level per day": {
            "policy": OrderUpTo(levels), "terms": ItemTerms(backorders=True), "lead_time_days": 3,
        },
        "min/max, packs, smallest order, largest stock, calendar, random lead times": {
            "policy": MinMax(mean * 5, mean * 8),
            "terms": ItemTerms(pack_size=6, moq=12, max_stock=mean * 20 + 12),
            "order_days": weekly, "arrivals": random_arrivals,
        },
        "as above, shelf life 7 days, 60 % oldest first": {
            "policy": ReorderLevelPacks(mean * 5),
            "terms": ItemTerms(pack_size=6, shelf_life_days=7, fifo_share=0.6),
            "order_days": weekly, "arrivals": random_arrivals,
        },
        "as above, position less expected waste": {
            "policy": ReorderLevelPacks(mean * 5),
            "terms": ItemTerms(pack_size=6, shelf_life_days=7, fifo_share=0.6, waste_window_days=5),
            "order_days": weekly, "arrivals": random_arrivals, "expected_demand": mean,
        },
        "base stock with the ledger of every item-day": {
            "policy": OrderUpTo(mean * 4), "lead_time_days": 3, "keep_ledger": True,
        },
    }  # fmt: skip
    rows = []
    for name, arguments in cases.items():
        row: dict[str, Any] = {"work": name}
        for workers in (1, 2):
            simulate(demand, **arguments, workers=workers)
            seconds = []
            for _ in range(5):
                began = time.perf_counter()
                simulate(demand, **arguments, workers=workers)
                seconds.append(time.perf_counter() - began)
            row[f"seconds_{workers}_workers"] = min(seconds)
            row[f"median_seconds_{workers}_workers"] = float(np.median(seconds))
        rows.append(row)
    record = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": {"cores": os.cpu_count(), "system": platform.system(), "python": platform.python_version()},
        "versions": {package: version(package) for package in ("numpy", "numba")},
        "items": ITEMS,
        "days": DAYS,
        "rows": rows,
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    lines = [
        "# Day simulator, 10,000 items x 365 days",
        "",
        f"{record['date']}, {os.cpu_count()} cores, Python {platform.python_version()}; best (median) of 5, compiling not "
        f"counted; peak memory of the whole script {record['peak_memory_mb']:.0f} MB.",
        "",
        "| work | 1 worker, s | 2 workers, s |",
        "|---|---|---|",
    ]
    lines += [
        f"| {row['work']} | {row['seconds_1_workers']:.3f} ({row['median_seconds_1_workers']:.3f}) "
        f"| {row['seconds_2_workers']:.3f} ({row['median_seconds_2_workers']:.3f}) |"
        for row in rows
    ]
    text = "\n".join(lines)
    print(text)
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "simulator_speed.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        (options.out / "simulator_speed.md").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
