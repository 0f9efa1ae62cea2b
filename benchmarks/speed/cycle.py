"""How long the whole cycle takes, and how much memory: files in, forecasts (and orders where there are terms) out.

    python benchmarks/speed/cycle.py freshretailnet --data DIR      the public sets, by their own or the tidy files
    python benchmarks/speed/cycle.py shop --stores 10 --items 3049 --days 1941

Each command runs as a stranger would run it, in a process of its own; time and peak memory are the operating system's
account of that process. Results go to benchmarks/speed/results/.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import polars as pl

RESULTS = Path(__file__).parent / "results"
DATASETS = ("freshretailnet", "rossmann", "online-retail", "m5")


def timed(name: str, *arguments: str) -> dict[str, object]:
    """Run one shelfcast command; seconds, and peak memory of it and its workers."""
    print(f"$ shelfcast {' '.join(arguments)}", flush=True)
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "shelfcast", *arguments])
    _, status, usage = os.wait4(process.pid, 0)
    cpu = usage.ru_utime + usage.ru_stime
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"shelfcast {' '.join(arguments)} ended with {process.returncode}")
    scale = 1024 * 1024 if sys.platform == "darwin" else 1024
    seconds = round(time.perf_counter() - started, 1)
    return {"step": name, "seconds": seconds, "cpu_seconds": round(cpu, 1), "peak_mb": round(usage.ru_maxrss / scale)}


def sales_rows(lake: Path) -> int:
    from shelfcast.bootstrap import open_platform
    from shelfcast.domain.tables import curated
    from shelfcast.lake.as_of import current

    return current(open_platform(lake).tables, curated.SALES).select(pl.len()).collect().item()


def run_records(lake: Path) -> list[dict[str, object]]:
    """Seconds, memory and rows of each step of the cycle, as its run record has them."""
    from shelfcast.bootstrap import open_platform

    records = sorted((one.body for one in open_platform(lake).records.query("runs")), key=lambda one: one["started_at"])
    kept = ("step", "seconds", "peak_mb", "rows")
    return [
        {name: one[name] for name in kept} | {"accuracy": one["summary"].get("scores", {})}
        for one in records
        if one["state"] == "done" and "summary" in one
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=[*DATASETS, "shop"])
    parser.add_argument("--data", type=Path, help="folder that holds the data sets")
    parser.add_argument("--work", type=Path, default=Path("/tmp/shelfcast-cycle"), help="scratch folder, emptied first")
    parser.add_argument("--horizon", default="28")
    parser.add_argument("--workers", default="1")
    parser.add_argument("--terms", help="file of assumed sourcing terms, for sets without")
    for name, default in (("stores", 10), ("items", 3049), ("days", 1941), ("seed", 7)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    shutil.rmtree(options.work, ignore_errors=True)
    lake = options.work / "lake"
    steps = [timed("init", "init", str(lake), "--horizon", options.horizon)]
    if options.what == "shop":
        shop = options.work / "shop"
        sizes = [f"--{name}={getattr(options, name)}" for name in ("stores", "items", "days", "seed")]
        steps.append(timed("simulate", "simulate", str(shop), *sizes))
        steps.append(timed("ingest", "ingest", "--lake", str(lake), "--yes", str(shop)))
    else:
        if options.data is None:
            parser.error("--data is needed for a public set")
        folder = options.data / options.what.replace("-", "_")
        steps.append(timed("ingest", "ingest", "--lake", str(lake), "--dataset", options.what, str(folder)))
    terms = ["--terms", options.terms] if options.terms else []
    steps.append(timed("cycle (trains)", "run", "--lake", str(lake), "--workers", options.workers, *terms))
    rows = sales_rows(lake)
    seconds = sum(float(str(one["seconds"])) for one in steps if one["step"] != "simulate")
    result = {
        "what": options.what,
        "date": date.today().isoformat(),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
        "sales_rows": rows,
        "files_to_results_seconds": round(seconds, 1),
        "rows_per_second": round(rows / seconds),
        "peak_mb": max(int(str(one["peak_mb"])) for one in steps if one["step"] != "simulate"),
        "children_peak_mb": round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024),
        "steps": steps,
        "runs": run_records(lake),
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"cycle_{options.what.replace('-', '_')}.json").write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
