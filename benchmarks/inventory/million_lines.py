"""One night for 1,000,000 store-items: daily quantile Parquet (28 days x 9 levels) to order lines with why fields.

    python benchmarks/inventory/million_lines.py --data FOLDER              # makes the shop once, then measures
    python benchmarks/inventory/million_lines.py --data FOLDER --check      # also: shuffled rows, 1 and 2 threads
    python benchmarks/inventory/million_lines.py --data FOLDER --check --peer PYTHON --out benchmarks/inventory/results

`--peer` is the Python of an environment with stockpyl (see `against_stockpyl.py`). stockpyl has no nightly run: what it can do of
this work is the level of one item from mean and deviation of its window. That is timed on a sample of the lines just
decided, one call an item as its interface asks for, and scaled to all of them.

The shop is made up (seeded): stores x items with negative binomial weekly patterns, stock, open orders, terms and
listings with a row per store-item, an order calendar, rules, promotions and a supplier's minimum. Measured is a process
of its own: reading the tables, deciding, writing `order_lines` as Parquet. The first run on a machine compiles the kernels
(about a minute, kept on disk); the times of compiled runs are reported, the first one beside it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from datetime import UTC, date, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

CUTOFF = date(2026, 3, 6)
LEVELS = ("q025", "q100", "q200", "q300", "q500", "q700", "q800", "q900", "q975")
NORMAL = (-1.96, -1.2816, -0.8416, -0.5244, 0.0, 0.5244, 0.8416, 1.2816, 1.96)
DAYS = 28
PEER_SAMPLE = 1000


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
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--peer", type=Path, help="python of the environment with stockpyl")
    parser.add_argument("--out", type=Path)
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
    load = os.getloadavg()[0]
    first = in_own_process(folder)
    runs = [in_own_process(folder) for _ in range(options.runs)]
    best = min(runs, key=lambda one: float(str(one["seconds"])))
    report: dict[str, Any] = {
        "date": datetime.now(UTC).date().isoformat(), "store_items": options.stores * options.items, "days": DAYS,
        "levels": len(LEVELS), "first_run": first, "runs": runs, "best": best,
        "median_seconds": statistics.median(float(str(one["seconds"])) for one in runs), "cpus": os.cpu_count(),
        "load_before": round(load, 1), "python": platform.python_version(),
        "versions": {name: version(name) for name in ("polars", "numpy", "numba")},
    }  # fmt: skip
    if options.check:
        shuffled = in_own_process(folder, shuffled=True)
        single = in_own_process(folder, threads=1)
        report["same_bytes"] = {
            "shuffled_rows": shuffled["sha256"] == best["sha256"], "one_thread": single["sha256"] == best["sha256"],
            "one_thread_seconds": single["seconds"],
        }  # fmt: skip
    if options.peer:
        report["stockpyl"] = beside_stockpyl(folder, options.peer)
    print(json.dumps(report, indent=1))
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "million_lines.json").write_text(json.dumps(report, indent=1) + "\n", "utf-8")
        (options.out / "million_lines.md").write_text(page(report), "utf-8")


def beside_stockpyl(folder: Path, peer: Path) -> dict[str, Any]:
    """stockpyl's processor seconds for the level of a sample of the lines, and ours for the same calls; answers compared."""
    lines = (
        pl.scan_parquet(folder / "order_lines.parquet")
        .filter((pl.col("window_mean") > 0.0) & (pl.col("critical_ratio") > 0.5))
        .select("window_mean", "window_variance", "critical_ratio")
        .collect()
        .sample(PEER_SAMPLE, seed=5)
    )
    mean, variance, ratio = (lines[name].to_numpy() for name in lines.columns)
    stockout = ratio / np.maximum(1.0 - ratio, 1e-9)
    found: dict[str, Any] = {"sample": PEER_SAMPLE}
    for family in ("newsvendor_normal", "newsvendor_poisson"):
        cases = []
        for place in range(PEER_SAMPLE):
            inputs = {"holding_cost": 1.0, "stockout_cost": float(stockout[place]), "demand_mean": float(mean[place])}
            if family == "newsvendor_normal":
                inputs["demand_sd"] = float(variance[place] ** 0.5)
            cases.append({"family": family, "inputs": inputs})
        script = Path(__file__).with_name("stockpyl_answers.py")
        done = subprocess.run([peer, script], input=json.dumps(cases), capture_output=True, text=True, check=True)
        answered = json.loads(done.stdout)
        theirs = np.array([float(one["answer"][0]) for one in answered["answers"]])
        seconds = sum(float(one["cpu_seconds"]) for one in answered["answers"])

        own_level(family, stockout, mean, variance)
        began = time.process_time()
        level = own_level(family, stockout, mean, variance)
        own = time.process_time() - began
        found[family] = {
            "equal": int(np.isclose(level, theirs, rtol=1e-6).sum()), "stockpyl_seconds_per_item": seconds / PEER_SAMPLE,
            "stockpyl_seconds_for_a_million": seconds / PEER_SAMPLE * 1e6, "shelfcast_seconds_per_item": own / PEER_SAMPLE,
            "shelfcast_seconds_for_a_million": own / PEER_SAMPLE * 1e6,
        }  # fmt: skip
        found["versions"] = answered["versions"]
    return found


def own_level(family: str, stockout: np.ndarray, mean: np.ndarray, variance: np.ndarray) -> np.ndarray:
    from shelfcast.replenish.formulas.newsvendor import newsvendor_normal, newsvendor_poisson

    if family == "newsvendor_normal":
        return np.asarray(newsvendor_normal(1.0, stockout, mean, np.sqrt(variance)).order_up_to_level)
    return np.asarray(newsvendor_poisson(1.0, stockout, mean).order_up_to_level)


def page(report: dict[str, Any]) -> str:
    """The record as a person reads it."""
    versions = ", ".join(f"{name} {number}" for name, number in report["versions"].items())
    lines = [
        "# One night for a million store-items",
        "",
        f"{report['date']}, {report['cpus']} cores (load before: {report['load_before']}), Python {report['python']}, {versions}. "
        f"{report['store_items']:,} store-items, daily quantile Parquet ({report['days']} days x {report['levels']} levels) to order "
        "lines with all why fields as Parquet; a process of its own each time, compiled kernels from disk.",
        "",
        "| run | seconds | of which writing | processor seconds | peak MB | lines | orders |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, one in (("first", report["first_run"]), *((str(at + 1), one) for at, one in enumerate(report["runs"]))):
        lines.append(
            f"| {name} | {one['seconds']} | {one['seconds_writing']} | {one['cpu_seconds']} | {one['peak_mb']:,} | "
            f"{one['lines']:,} | {one['orders']:,} |"
        )
    lines += ["", f"Median {report['median_seconds']:.1f} s, best {report['best']['seconds']} s."]
    same = report.get("same_bytes")
    if same:
        lines += [
            "",
            f"Same bytes with the rows of every table shuffled: {_yes(same['shuffled_rows'])}; with one thread instead of "
            f"{report['cpus']}: {_yes(same['one_thread'])} ({same['one_thread_seconds']} s).",
        ]
    peer = report.get("stockpyl")
    if peer:
        lines += [
            "",
            f"Beside it, in the same run, stockpyl {peer['versions']['stockpyl']} (NumPy {peer['versions']['numpy']}). It has no "
            "forecast reading, stock, terms, rules or reasons: what it can do of this work is the level of one item from the moments "
            f"of its window, one call an item. Timed on {peer['sample']:,} of the lines above, the million is scaled from that.",
            "",
            "| level of one item by | equal answers | stockpyl, a million | Shelfcast, a million: the same formula alone |",
            "|---|---|---|---|",
        ]
        for family in ("newsvendor_normal", "newsvendor_poisson"):
            row = peer[family]
            lines.append(
                f"| {family} | {row['equal']:,} of {peer['sample']:,} | {row['stockpyl_seconds_for_a_million']:,.0f} s | "
                f"{row['shelfcast_seconds_for_a_million']:,.2f} s |"
            )
        whole = peer["newsvendor_poisson"]["stockpyl_seconds_for_a_million"] / report["median_seconds"]
        lines += [
            "",
            f"So the whole night, reading and writing included, takes 1/{whole:,.0f} of what stockpyl takes for the Poisson levels alone.",
        ]
    return "\n".join(lines) + "\n"


def _yes(value: bool) -> str:
    return "yes" if value else "NO"


if __name__ == "__main__":
    main()
