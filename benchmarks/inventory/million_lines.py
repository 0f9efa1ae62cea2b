"""One night for 1,000,000 store-items: daily quantile Parquet (28 days x 9 levels) to order lines with why fields.

    python benchmarks/inventory/million_lines.py --data FOLDER              # makes the shop once, then measures
    python benchmarks/inventory/million_lines.py --data FOLDER --record     # and keeps the result beside this file
    python benchmarks/inventory/million_lines.py --data FOLDER --check      # also: shuffled rows, 1 and 2 threads

The shop is made up (seeded): stores x items with negative binomial weekly patterns, stock, open orders, terms and
listings with a row per store-item, an order calendar, rules, promotions and a supplier's minimum. Measured is a process
of its own: reading the tables, deciding, writing `order_lines` as Parquet. The first run on a machine compiles the kernels
(about a minute, kept on disk); the time of compiled runs is reported, the first one beside it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import resource
import subprocess
import sys
import time
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl

CUTOFF = date(2026, 3, 6)
LEVELS = ("q025", "q100", "q200", "q300", "q500", "q700", "q800", "q900", "q975")
NORMAL = (-1.96, -1.2816, -0.8416, -0.5244, 0.0, 0.5244, 0.8416, 1.2816, 1.96)
DAYS = 28
RESULT = Path(__file__).with_name("million_lines.json")


def make_shop(folder: Path, stores: int, items: int) -> None:
    """Write the tables of the shop as Parquet, one forecast file per store."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "forecasts").mkdir(exist_ok=True)
    item_ids = pl.Series("item_id", [f"ITEM{number:06d}" for number in range(items)])
    store_ids = [f"S{number:03d}" for number in range(stores)]
    generator = np.random.default_rng(7)
    level = generator.gamma(0.7, 3.0, items) + 0.05
    cost = np.round(generator.uniform(0.5, 20.0, items), 2)
    weekday = np.array([0.8, 0.9, 0.9, 1.0, 1.3, 1.5, 0.6])
    frames: dict[str, list[pl.DataFrame]] = {
        name: [] for name in ("stock", "sourcing", "item_locations", "open_orders")
    }
    for number, store in enumerate(store_ids):
        mine = np.random.default_rng([7, number])
        mean = np.outer(level * mine.uniform(0.4, 1.8, items), weekday[(np.arange(DAYS) + 5) % 7])
        deviation = np.sqrt(mean * 1.6)
        quantiles = np.maximum(mean[:, :, None] + deviation[:, :, None] * np.array(NORMAL), 0.0).reshape(
            -1, len(LEVELS)
        )
        pl.DataFrame(
            {
                "item_id": np.repeat(item_ids.to_numpy(), DAYS),
                "location_id": pl.repeat(store, items * DAYS, dtype=pl.String, eager=True),
                "date": np.tile(np.datetime64(CUTOFF) + 1 + np.arange(DAYS), items),
                **{name: np.round(quantiles[:, place], 3) for place, name in enumerate(LEVELS)},
            }
        ).with_columns(pl.col("date").cast(pl.Date)).write_parquet(folder / "forecasts" / f"{store}.parquet")
        rate = mean.mean(axis=1)
        base = {"item_id": item_ids, "location_id": pl.repeat(store, items, dtype=pl.String, eager=True)}
        on_hand = np.round(rate * mine.uniform(-0.2, 9.0, items))
        frames["stock"].append(pl.DataFrame({**base, "on_hand": on_hand}).with_columns(pl.lit(CUTOFF).alias("date")))
        frames["sourcing"].append(
            pl.DataFrame(
                {
                    "item_id": item_ids, "destination_id": base["location_id"],
                    "source_id": pl.Series([f"SUP{place % 60:02d}" for place in range(items)]),
                    "lead_time_days": 1.0 + (np.arange(items) % 60) % 5, "pack_size": 1.0 * mine.choice([1, 1, 6, 12], items),
                    "moq": 1.0 * mine.choice([0, 0, 0, 12], items), "unit_cost": cost,
                }
            )
        )  # fmt: skip
        life = np.where(np.arange(items) % 5 == 0, 6.0, np.nan)
        frames["item_locations"].append(
            pl.DataFrame(
                {
                    **base, "unit_price": np.round(cost * 1.4, 2), "presentation_stock": 1.0 * mine.choice([0, 0, 2, 4], items),
                    "max_stock": 20.0 + 20 * np.ceil(rate), "shelf_life_days": life,
                },
            ).with_columns(pl.col("shelf_life_days").fill_nan(None))
        )  # fmt: skip
        picked = np.flatnonzero(mine.random(items) < 0.2)
        frames["open_orders"].append(
            pl.DataFrame(
                {
                    "order_id": pl.Series([f"PO{number}-{place}" for place in picked], dtype=pl.String),
                    "source_id": pl.Series([f"SUP{place % 60:02d}" for place in picked], dtype=pl.String),
                    "destination_id": pl.repeat(store, len(picked), dtype=pl.String, eager=True),
                    "item_id": item_ids.gather(picked), "qty_open": 12.0 + mine.integers(0, 2, len(picked)),
                    "promised_date": (np.datetime64(CUTOFF) + mine.integers(-2, 6, len(picked))).astype("datetime64[D]"),
                }
            ).with_columns(pl.lit(CUTOFF).alias("date"), pl.lit("sent").alias("state"))
        )  # fmt: skip
    frames["items"] = [
        pl.DataFrame({"item_id": item_ids, "category": pl.Series([f"C{place % 20}" for place in range(items)])})
    ]
    frames["order_calendar"] = [
        pl.DataFrame({"source_id": [f"SUP{place:02d}" for place in range(50)], "destination_id": ["*"] * 50,
                      "order_weekdays": ["" if place % 3 else "Mon,Wed,Fri" for place in range(50)], "delivery_weekdays": ["Mon,Tue,Wed,Thu,Fri,Sat"] * 50})
    ]  # fmt: skip
    frames["rules"] = [
        pl.DataFrame(
            {
                "scope": ["default", "category", "category", "item"], "scope_value": ["*", "C3", "C7", "*"],
                "item_id": ["*", "*", "*", "ITEM000001"], "parameter": ["lost_sale_share", "target_fill_rate", "policy", "target_cycle_service"],
                "value": ["0.8", "0.97", "R_s_nQ", "0.99"], "valid_from": [CUTOFF - timedelta(days=10)] * 4,
            }
        )
    ]  # fmt: skip
    frames["limits"] = [
        pl.DataFrame(
            {"limit_type": ["supplier_min_value"], "scope_value": ["SUP05"], "destination_id": ["*"], "value": [3000.0]}
        )
    ]
    for name, parts in frames.items():
        pl.concat(parts).write_parquet(folder / f"{name}.parquet")


def night(folder: Path, shuffled: bool) -> dict[str, float | str | int]:
    """One measured night in this process."""
    from shelfcast.replenish.inputs import Inputs
    from shelfcast.replenish.order_lines import propose_orders

    started, processor = time.perf_counter(), time.process_time()
    names = ("stock", "sourcing", "item_locations", "open_orders", "items", "order_calendar", "rules", "limits")
    tables = {}
    for name in names:
        frame = pl.read_parquet(folder / f"{name}.parquet")
        tables[name] = frame.sample(fraction=1.0, shuffle=True, seed=3) if shuffled else frame
    forecasts = pl.scan_parquet(sorted((folder / "forecasts").glob("*.parquet"), reverse=shuffled))
    given = [Inputs(forecasts=forecasts, **tables)]
    del tables, frame
    proposal = propose_orders(given.pop(), CUTOFF)  # nothing else holds the tables: the engine may let them go
    decided = time.perf_counter()
    output = folder / "order_lines.parquet"
    proposal.order_lines.write_parquet(output, compression="lz4")
    ended = time.perf_counter()
    return {
        "seconds": round(ended - started, 2), "seconds_writing": round(ended - decided, 2),
        "cpu_seconds": round(time.process_time() - processor, 2),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "lines": proposal.order_lines.height, "orders": proposal.order_lines.filter(pl.col("qty") > 0).height,
        "exceptions": proposal.exceptions.height,
        "sha256": hashlib.sha256(output.read_bytes()).hexdigest()[:16],
    }  # fmt: skip


def in_own_process(folder: Path, *, threads: int | None = None, shuffled: bool = False) -> dict[str, object]:
    environment = {**os.environ, **({"POLARS_MAX_THREADS": str(threads)} if threads else {})}
    command = [sys.executable, __file__, "--data", str(folder), "--one", *(["--shuffled"] if shuffled else [])]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--stores", type=int, default=100)
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--shuffled", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(night(options.data, options.shuffled)))
        return
    folder = options.data / f"million_lines_{options.stores}x{options.items}"
    if not (folder / "limits.parquet").exists():
        make_shop(folder, options.stores, options.items)
    first = in_own_process(folder)
    runs = [in_own_process(folder) for _ in range(options.runs)]
    best = min(runs, key=lambda one: float(str(one["seconds"])))
    report: dict[str, object] = {
        "store_items": options.stores * options.items, "days": DAYS, "levels": len(LEVELS), "first_run": first, "runs": runs,
        "best": best, "cpus": os.cpu_count(), "python": platform.python_version(), "polars": pl.__version__,
    }  # fmt: skip
    if options.check:
        shuffled = in_own_process(folder, shuffled=True)
        single = in_own_process(folder, threads=1)
        report["same_bytes"] = {
            "shuffled_rows": shuffled["sha256"] == best["sha256"], "one_thread": single["sha256"] == best["sha256"],
            "one_thread_seconds": single["seconds"],
        }  # fmt: skip
    print(json.dumps(report, indent=1))
    if options.record:
        RESULT.write_text(json.dumps(report, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
