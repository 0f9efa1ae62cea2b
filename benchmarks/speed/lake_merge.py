"""How fast the lake takes rows in: first load as a stream, merge of keys into a large table, reading, maintenance.

    .venv/bin/python benchmarks/speed/lake_merge.py --rows 10_000_000 --keys 100_000 --out benchmarks/speed/results

Synthetic daily sales: 30,000 series, days as many as make the rows. The result is printed and written as JSON and
Markdown.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from shelfcast.adapters.iceberg import IcebergTables
from shelfcast.domain.slices import Slice
from shelfcast.domain.tables.curated import SALES
from shelfcast.lake.as_of import as_of, current, end_of
from shelfcast.lake.fingerprint import of_rows, table_fingerprint
from shelfcast.lake.merge import merge
from shelfcast.lake.replace import replace

FIRST = date(2023, 1, 1)
RECEIVED = datetime(2026, 1, 1, tzinfo=UTC)
STORES = 10


def month_frames(rows: int, series: int, rng: np.random.Generator) -> Iterator[pl.DataFrame]:
    """A frame a month: each series every day."""
    days = rows // series
    numbers = np.arange(series)
    keys = pl.DataFrame(
        {
            "item_id": [f"ITEM_{n // STORES:06d}" for n in numbers],
            "location_id": [f"STORE_{n % STORES:02d}" for n in numbers],
        }
    )
    dates = pl.date_range(FIRST, FIRST + timedelta(days=days - 1), "1d", eager=True)
    for _, month in dates.to_frame("date").group_by(pl.col("date").dt.truncate("1mo"), maintain_order=True):
        frame = month.join(keys, how="cross")
        yield frame.with_columns(units=pl.Series(rng.poisson(3.0, frame.height).astype(float)))


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


class Clock:
    """Times steps and remembers them."""

    def __init__(self) -> None:
        self.steps: list[dict[str, Any]] = []

    def time(self, name: str, work: Callable[[], Any], rows: int = 0) -> Any:
        start, used = time.perf_counter(), time.process_time()
        result = work()
        seconds, processor = time.perf_counter() - start, time.process_time() - used
        step = {
            "step": name,
            "seconds": round(seconds, 3),
            "processor_seconds": round(processor, 3),
            "rows": rows,
            "rows_per_second": round(rows / seconds),
            "peak_mb": round(peak_mb()),
        }
        self.steps.append(step)
        print(
            f"{name:55} {seconds:8.2f} s {processor:8.2f} s cpu {step['rows_per_second']:>12,} rows/s   peak {step['peak_mb']:,} MB",
            flush=True,
        )
        return result


def run(rows: int, keys: int, series: int, folder: Path) -> dict[str, Any]:
    tables = IcebergTables.local(folder)
    rng = np.random.default_rng(0)
    clock = Clock()
    clock.time(
        "first load, merge of a stream of months",
        lambda: merge(tables, SALES, month_frames(rows, series, rng), received_at=RECEIVED),
        rows,
    )
    state = tables.state(SALES)
    total = state.rows
    some = tables.scan(SALES).select("item_id", "location_id", "date", "units").collect().sample(keys, seed=1)
    changed = some.with_columns(pl.col("units") + 1)
    later = RECEIVED + timedelta(days=1)
    last = some["date"].max()
    assert isinstance(last, date)
    new_day = some.unique(["item_id", "location_id"]).with_columns(date=pl.lit(last + timedelta(days=40)))
    clock.time(f"{keys:,} keys unchanged, over all months", lambda: merge(tables, SALES, some, received_at=later), keys)
    clock.time(
        f"{keys:,} keys corrected, over all months", lambda: merge(tables, SALES, changed, received_at=later), keys
    )
    one_month = tables.scan(SALES).filter(pl.col("date") >= last.replace(day=1)).select(changed.columns).collect()
    one_month = one_month.sample(min(keys, one_month.height), seed=2).unique(["item_id", "location_id", "date"])
    clock.time(
        f"{one_month.height:,} keys corrected, one month",
        lambda: merge(
            tables, SALES, one_month.with_columns(pl.col("units") + 2), received_at=later + timedelta(days=1)
        ),
        one_month.height,
    )
    clock.time(
        f"{new_day.height:,} keys new, one day",
        lambda: merge(tables, SALES, new_day, received_at=later),
        new_day.height,
    )
    noted = clock.time("fingerprint from notes", lambda: table_fingerprint(tables, SALES))
    read = clock.time("fingerprint by reading all", lambda: of_rows(SALES, tables.scan(SALES)), total)
    assert noted == str(read), (noted, read)
    clock.time("current: sum of units", lambda: current(tables, SALES).select(pl.col("units").sum()).collect(), total)
    clock.time(
        "as_of: rows by item", lambda: as_of(tables, SALES, end_of(last)).group_by("item_id").len().collect(), total
    )
    clock.time("current: one item", lambda: current(tables, SALES).filter(pl.col("item_id") == "ITEM_000123").collect())
    first_half = SALES.conform(tables.scan(SALES).filter(pl.col("item_id") < "ITEM_000500").collect())
    clock.time(
        f"replace by filter of items ({first_half.height:,} rows, every file touched)",
        lambda: replace(tables, SALES, first_half, Slice.among("item_id", first_half["item_id"].unique().to_list())),
        total,
    )
    before = tables.state(SALES)
    done = clock.time(
        "maintain: compact, expire, vacuum", lambda: tables.maintain(SALES, keep=1, grace=timedelta(0)), total
    )
    after = tables.state(SALES)
    many_small_files(clock, folder)
    return {
        "rows": rows, "keys": keys, "series": series, "steps": clock.steps,
        "files_before_maintenance": before.files, "files_after_maintenance": after.files,
        "disk_mb_before_maintenance": round(done.bytes_before / 1e6, 1), "disk_mb_after_maintenance": round(done.bytes_after / 1e6, 1),
        "cores": os.cpu_count(), "load_average": round(os.getloadavg()[1], 1), "python": platform.python_version(),
        "versions": {name: version(name) for name in ("polars", "pyarrow", "pyiceberg", "pyiceberg-core")},
        "measured_on": datetime.now(UTC).date().isoformat(),
    }  # fmt: skip


def many_small_files(clock: Clock, folder: Path) -> None:
    """A month held in 60 small files, replaced whole and by item: our way and PyIceberg's own `overwrite`."""
    from pyiceberg.expressions import And, EqualTo, GreaterThanOrEqual, LessThan

    rows = SALES.conform(next(iter(month_frames(31 * 5000, 5000, np.random.default_rng(1)))))
    first, end = FIRST, (FIRST + timedelta(days=31)).replace(day=1)
    month, item = Slice.between("date", first, end), Slice.of(item_id="ITEM_000007")
    by_date = And(GreaterThanOrEqual("date", first), LessThan("date", end))
    by_item = EqualTo("item_id", "ITEM_000007")
    one_item = rows.filter(item.to_polars())

    def scattered(name: str) -> IcebergTables:
        tables = IcebergTables.local(folder / name)
        for part in range(60):
            tables.replace(SALES, rows.filter(pl.arange(pl.len()) % 60 == part), None)
        return tables

    one, two, three, four = (scattered(name) for name in ("one", "two", "three", "four"))
    three_stored, four_stored = three.iceberg_table(SALES), four.iceberg_table(SALES)
    ways: dict[str, Callable[[], Any]] = {
        "replaced whole, ours": lambda: one.replace(SALES, rows, month),
        "replaced whole, PyIceberg's overwrite": lambda: three_stored.overwrite(rows.to_arrow(), by_date),
        "one item replaced, ours": lambda: two.replace(SALES, one_item, item),
        "one item replaced, PyIceberg's overwrite": lambda: four_stored.overwrite(one_item.to_arrow(), by_item),
    }
    for name, way in ways.items():
        clock.time(f"month in 60 files, {name}", way, rows.height)


def row(step: dict[str, Any]) -> str:
    return (
        f"| {step['step']} | {step['seconds']:.2f} | {step['processor_seconds']:.2f} | {step['rows_per_second']:,} "
        f"| {step['peak_mb']:,} |"
    )


def markdown(result: dict[str, Any]) -> str:
    lines = [
        f"# Lake: merging into {result['rows']:,} rows",
        "",
        f"{result['cores']} cores, load average {result['load_average']} (above the cores, work waits: compare processor seconds), Python {result['python']}, "
        + ", ".join(f"{name} {number}" for name, number in result["versions"].items())
        + f"; {result['measured_on']}. Repeat with `python benchmarks/speed/lake_merge.py`.",
        "",
        "| step | seconds | processor seconds | rows a second | peak memory so far, MB |",
        "| --- | ---: | ---: | ---: | ---: |",
        *(row(one) for one in result["steps"]),
        "",
        f"Data files before and after maintenance: {result['files_before_maintenance']} and {result['files_after_maintenance']}; "
        f"on disk {result['disk_mb_before_maintenance']} MB and {result['disk_mb_after_maintenance']} MB.",
        "",
    ]  # fmt: skip
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--keys", type=int, default=100_000)
    parser.add_argument("--series", type=int, default=30_000)
    parser.add_argument("--out", type=Path, help="folder for the JSON and Markdown result")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = run(arguments.rows, arguments.keys, arguments.series, Path(folder))
    if arguments.out:
        arguments.out.mkdir(parents=True, exist_ok=True)
        (arguments.out / "lake_merge.json").write_text(json.dumps(result, indent=2) + "\n")
        (arguments.out / "lake_merge.md").write_text(markdown(result))


if __name__ == "__main__":
    main()
