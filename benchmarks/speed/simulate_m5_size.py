"""A shop of M5's size (10 stores x 3,049 items x 1,941 days), generated and written: time, peak memory, rows a second.

    python benchmarks/speed/simulate_m5_size.py --out FOLDER        (about 1 GB of files)
    python benchmarks/speed/simulate_m5_size.py --out FOLDER --stores 10 --items 200 --days 1096

Each run is a process of its own, compiled kernels included; time and peak memory are the operating system's account of it.
The result is written to benchmarks/speed/results/simulate_m5_size.json under the shop's size.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path

RESULT = Path(__file__).parent / "results" / "simulate_m5_size.json"


def measure(out: Path, stores: int, items: int, days: int) -> dict[str, object]:
    shutil.rmtree(out, ignore_errors=True)
    command = [sys.executable, "-m", "shelfcast", "simulate", str(out)]
    command += ["--stores", str(stores), "--items", str(items), "--days", str(days)]
    load = os.getloadavg()[0]
    started = time.perf_counter()
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    if os.waitstatus_to_exitcode(status):
        sys.exit("the simulator failed")
    summary = json.loads((out / "truth" / "summary.json").read_text("utf-8"))
    rows = sum(summary["rows"].values())
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    scale = 1024 * 1024 if sys.platform == "darwin" else 1024
    return {
        "seconds": round(seconds, 1),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 1),
        "peak_mb": round(usage.ru_maxrss / scale),
        "rows": rows,
        "sales_rows": summary["rows"]["sales"],
        "rows_per_second": round(rows / seconds),
        "files_mb": round(size / 2**20),
        "load_before": round(load, 1),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "shop": {name: value for name, value in summary.items() if name.endswith("_share") or name == "mean_units"},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for the shop; emptied first")
    parser.add_argument("--stores", type=int, default=10)
    parser.add_argument("--items", type=int, default=3049)
    parser.add_argument("--days", type=int, default=1941)
    parser.add_argument("--keep", action="store_true", help="leave the shop there")
    given = parser.parse_args()
    result = measure(given.out, given.stores, given.items, given.days)
    if not given.keep:
        shutil.rmtree(given.out)
    known = json.loads(RESULT.read_text("utf-8")) if RESULT.exists() else {}
    known[f"{given.stores} stores x {given.items} items x {given.days} days"] = result
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(known, indent=2, sort_keys=True) + "\n", "utf-8")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
