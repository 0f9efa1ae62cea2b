"""The same steps by one machine's engine and by Spark: time, memory of all processes, shuffle, and whether the rows are equal.

    python benchmarks/speed/spark.py --items 305 prepare      simulate, load, train (one machine's engine)
    python benchmarks/speed/spark.py --items 305 local        features, forecast, orders
    python benchmarks/speed/spark.py --items 305 spark        the same with SHELFCAST_ENGINE=spark

M5's size is --stores 10 --items 3049 --days 1941. Each step is a process of its own, as a stranger would run it; its memory is
the sum over its process tree (driver, JVM and Python workers), looked at ten times a second. The model is trained once and both
engines forecast with it. Bytes shuffled are Spark's own count, from its event log.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import threading
import time
from datetime import date
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
STEPS = ("features", "forecast", "replenish")
LOOK_SECONDS = 0.1


class TreeMemory(threading.Thread):
    """Highest resident memory of a process and its children together (shared pages count once a process: an upper bound)."""

    def __init__(self, root: int) -> None:
        super().__init__(daemon=True)
        self.root, self.peak_mb, self.ended = root, 0.0, threading.Event()

    def run(self) -> None:
        while not self.ended.wait(LOOK_SECONDS):
            parents, resident = {}, {}
            for folder in Path("/proc").iterdir():
                if folder.name.isdigit():
                    try:
                        fields = (folder / "stat").read_text().rpartition(")")[2].split()
                        pages = int((folder / "statm").read_text().split()[1])
                    except (OSError, IndexError):
                        continue
                    parents[int(folder.name)] = int(fields[1])
                    resident[int(folder.name)] = pages * os.sysconf("SC_PAGE_SIZE") / 2**20
            mine = {self.root}
            grown = True
            while grown:
                more = {one for one, parent in parents.items() if parent in mine} - mine
                grown = bool(more)
                mine |= more
            self.peak_mb = max(self.peak_mb, sum(resident.get(one, 0.0) for one in mine))


def timed(name: str, environment: dict[str, str], *arguments: str) -> dict[str, Any]:
    print(f"$ shelfcast {' '.join(arguments)}", flush=True)
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "shelfcast", *arguments], env={**os.environ, **environment})
    memory = TreeMemory(process.pid)
    memory.start()
    _, status, usage = os.wait4(process.pid, 0)
    memory.ended.set()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"shelfcast {' '.join(arguments)} ended with {process.returncode}")
    return {
        "step": name, "seconds": round(time.perf_counter() - started, 1), "tree_peak_mb": round(memory.peak_mb),
        "driver_processor_seconds": round(usage.ru_utime + usage.ru_stime, 1),
    }  # fmt: skip


def shuffled(folder: Path) -> dict[str, int]:
    """Bytes Spark wrote and read between stages, its tasks, and bytes that came back to the driver."""
    found = {"tasks": 0, "shuffle_written_bytes": 0, "shuffle_read_bytes": 0, "result_bytes": 0, "spilled_bytes": 0}
    for log in folder.rglob("*"):
        if not log.is_file():
            continue
        for line in log.read_text("utf-8").splitlines():
            event = json.loads(line)
            if event.get("Event") != "SparkListenerTaskEnd":
                continue
            measured = event.get("Task Metrics") or {}
            read = measured.get("Shuffle Read Metrics", {})
            found["tasks"] += 1
            found["shuffle_written_bytes"] += measured.get("Shuffle Write Metrics", {}).get("Shuffle Bytes Written", 0)
            found["shuffle_read_bytes"] += read.get("Remote Bytes Read", 0) + read.get("Local Bytes Read", 0)
            found["result_bytes"] += measured.get("Result Size", 0)
            found["spilled_bytes"] += measured.get("Disk Bytes Spilled", 0)
    return found


def hashes(lake: Path) -> dict[str, str]:
    from shelfcast.bootstrap import open_platform
    from shelfcast.domain.tables import results
    from shelfcast.lake.canonical import content_hash

    store = open_platform(lake).tables
    tables = (results.DEMAND, results.FORECASTS, results.WINDOW_DEMAND, results.EXPLANATIONS, results.ORDER_LINES)
    return {one.name: content_hash(one, store.scan(one)) for one in tables}


def forget_runs(lake: Path) -> None:
    """So that the same steps run again instead of finding themselves done."""
    from shelfcast.bootstrap import open_platform
    from shelfcast.pipeline import run_record

    records = open_platform(lake).records
    for one in records.query(run_record.KIND):
        if one.body["step"] in STEPS:
            records.delete(run_record.KIND, one.record_id)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("piece", choices=["prepare", "local", "spark"])
    parser.add_argument("--work", type=Path, default=Path("/tmp/shelfcast-spark"), help="scratch folder")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--partition-rows", type=int, default=1_500_000)
    parser.add_argument("--no-hashes", action="store_true", help="leave out the comparison of rows (slow at M5's size)")
    for name, default in (("stores", 10), ("items", 3049), ("days", 1941), ("seed", 7)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    series = options.stores * options.items
    lake, shop = options.work / f"lake-{series}", options.work / f"shop-{series}"
    plain = {"SHELFCAST_PARTITION_ROWS": str(options.partition_rows), "SHELFCAST_WORKERS": str(options.cores)}
    file = RESULTS / f"spark_{series}.json"
    kept: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    if options.piece == "prepare":
        for folder in (lake, shop):
            shutil.rmtree(folder, ignore_errors=True)
        sizes = [f"--{name}={getattr(options, name)}" for name in ("stores", "items", "days", "seed")]
        done = [timed("init", plain, "init", str(lake)), timed("simulate", plain, "simulate", str(shop), *sizes)]
        done.append(timed("ingest", plain, "ingest", "--lake", str(lake), "--yes", str(shop)))
        for step in ("features", "train"):
            done.append(timed(step, plain, "run", "--lake", str(lake), "--step", step))
        kept = {
            "shop": f"{options.stores} stores x {options.items} items x {options.days} days", "series": series,
            "cores": options.cores, "partition_rows": options.partition_rows, "date": date.today().isoformat(),
            "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
        }  # fmt: skip
    else:
        forget_runs(lake)
        log = options.work / "events"
        shutil.rmtree(log, ignore_errors=True)
        log.mkdir(parents=True)
        configuration = options.work / "conf"
        configuration.mkdir(exist_ok=True)
        (configuration / "spark-defaults.conf").write_text(
            f"spark.eventLog.enabled true\nspark.eventLog.dir file://{log.resolve()}\n"
        )
        more = {"SHELFCAST_ENGINE": options.piece}
        if options.piece == "spark":
            more["SPARK_CONF_DIR"] = str(configuration.resolve())
        done = [timed(step, plain | more, "run", "--lake", str(lake), "--step", step) for step in STEPS]
        if options.piece == "spark":
            kept["shuffle"] = shuffled(log)
        if not options.no_hashes:
            kept.setdefault("hashes", {})[options.piece] = hashes(lake)
            both = list(kept["hashes"].values())
            kept["equal"] = all(one == both[0] for one in both) if len(both) > 1 else None
    kept[options.piece] = {"steps": done, "seconds": round(sum(one["seconds"] for one in done), 1)}
    RESULTS.mkdir(exist_ok=True)
    file.write_text(json.dumps(kept, indent=2) + "\n")
    print(json.dumps({name: value for name, value in kept.items() if name != "hashes"}, indent=2))


if __name__ == "__main__":
    main()
