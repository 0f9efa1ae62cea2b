"""How fast files become tables, and in how much memory.

    python benchmarks/speed/ingest.py csv --rows 10000000     one CSV file ordered by item, so that every part of it
                                                              touches every month
    python benchmarks/speed/ingest.py months --rows 59000000  a Parquet file a month, as the simulator writes them
    python benchmarks/speed/ingest.py wide --rows 59000000    M5's own shape: a line a series, a column a day

The files are made first (not timed). The command runs in a process of its own; seconds and peak memory are the
operating system's account of it. Results go to benchmarks/speed/results/.
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
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl

RESULTS = Path(__file__).parent / "results"
START = date(2020, 1, 1)
DAYS = 1941
LOCATIONS = 10


def series_of(rows: int, days: int) -> pl.DataFrame:
    """As many series as make about so many rows."""
    count = max(rows // days, 1)
    return pl.DataFrame(
        {
            "item_id": [f"ITEM_{n // LOCATIONS:06}" for n in range(count)],
            "location_id": [f"STORE_{n % LOCATIONS:02}" for n in range(count)],
        }
    )


def units(random: np.random.Generator, rows: int) -> np.ndarray:
    return random.poisson(1.3, rows).astype(np.int64)


def write_csv(folder: Path, rows: int, days: int) -> list[Path]:
    random, path = np.random.default_rng(1), folder / "sales.csv"
    dates = pl.Series("date", [START + timedelta(n) for n in range(days)])
    with path.open("wb") as file:
        for number, part in enumerate(series_of(rows, days).iter_slices(500)):
            long = part.join(dates.to_frame(), how="cross")
            long.with_columns(units=units(random, long.height)).write_csv(file, include_header=number == 0)
    return [path]


def write_months(folder: Path, rows: int, days: int) -> list[Path]:
    random, series = np.random.default_rng(1), series_of(rows, days)
    dates = pl.DataFrame({"date": [START + timedelta(n) for n in range(days)]})
    paths = []
    for (month,), part in dates.group_by(pl.col("date").dt.strftime("%Y-%m"), maintain_order=True):
        paths.append(folder / f"sales-{month}.parquet")
        long = series.join(part, how="cross")
        long.with_columns(units=units(random, long.height)).write_parquet(paths[-1])
    return paths


def write_wide(folder: Path, rows: int, days: int) -> list[Path]:
    random, path = np.random.default_rng(1), folder / "sales.csv"
    names = [str(START + timedelta(n)) for n in range(days)]
    with path.open("wb") as file:
        for number, part in enumerate(series_of(rows, days).iter_slices(1000)):
            cells = pl.DataFrame(units(random, part.height * days).reshape(part.height, days), schema=names)
            part.hstack(cells).write_csv(file, include_header=number == 0)
    return [path]


KINDS = {"csv": write_csv, "months": write_months, "wide": write_wide}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--days", type=int, default=DAYS)
    parser.add_argument(
        "--work", type=Path, default=Path("/tmp/shelfcast-ingest"), help="scratch folder, emptied first"
    )
    options = parser.parse_args()
    shutil.rmtree(options.work, ignore_errors=True)
    (options.work / "files").mkdir(parents=True)
    paths = KINDS[options.kind](options.work / "files", options.rows, options.days)
    size = sum(path.stat().st_size for path in paths)
    rows = options.rows // options.days * options.days
    lake = options.work / "lake"
    subprocess.run([sys.executable, "-m", "shelfcast", "init", str(lake)], check=True, stdout=subprocess.DEVNULL)
    load = os.getloadavg()[0]
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "shelfcast", "ingest", "--yes", "--lake", str(lake), *map(str, paths)]
    )
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    if os.waitstatus_to_exitcode(status):
        sys.exit("the load failed")
    result = {
        "kind": options.kind, "rows": rows, "files": len(paths), "file_mb": round(size / 1e6),
        "seconds": round(seconds, 1), "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 1),
        "rows_per_second": round(rows / seconds), "peak_mb": round(usage.ru_maxrss / 1024),
        "cores": os.cpu_count(), "machine": platform.machine(), "python": platform.python_version(),
        "load_average_before": round(load, 1), "measured_on": date.today().isoformat(),
    }  # fmt: skip
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"ingest_{options.kind}_{rows}.json").write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))
    shutil.rmtree(options.work, ignore_errors=True)


if __name__ == "__main__":
    main()
