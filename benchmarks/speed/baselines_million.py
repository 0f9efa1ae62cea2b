"""Fast baselines at size: naive, averages, smoothing and the Croston family with full quantiles, in bounded memory.

    python benchmarks/speed/baselines_million.py --series 1000000 --periods 104 --horizon 13 --frequency W
    python benchmarks/speed/baselines_million.py --growth          # 1,000 -> 100,000 series, each in a process of its own

Demand is made chunk by chunk (negative binomial, a third of the series intermittent), so that peak memory is that of the
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from shelfcast.forecast.models.baseline_choice import chunks, forecast_baselines, learn_facts
from shelfcast.forecast.models.baselines import BASELINES, RHYTHMS

FAST = (
    "naive", "historic_average", "window_average", "seasonal_naive", "seasonal_window_average", "smoothing",
    "croston", "croston_sba", "tsb", "adida",
)  # fmt: skip


def demand(rows: slice, periods: int) -> np.ndarray:
    """Histories of the series of a slice: the same whatever the slicing, as each block of 1,000 has its own seed."""
    blocks = []
    for block in range(rows.start // 1000, (rows.stop - 1) // 1000 + 1):
        generator = np.random.default_rng([7, block])
        level = np.exp(generator.normal(0.5, 1.4, (1000, 1)))
        busy = generator.gamma(3.0, 1 / 3.0, (1000, periods))
        blocks.append(generator.poisson(level * busy).astype(np.float32))
    first = rows.start // 1000 * 1000
    return np.concatenate(blocks)[rows.start - first : rows.stop - first]


def measure(series: int, periods: int, horizon: int, frequency: str, methods: tuple[str, ...], threads: int) -> dict:
    rhythm = RHYTHMS[frequency]
    warm = learn_facts(demand(slice(0, 200), periods), horizon, rhythm, methods=methods)  # compiles
    forecast_baselines(demand(slice(0, 200), periods), warm)
    started = time.perf_counter()
    sample = np.concatenate([demand(slice(s, s + 1), periods).copy() for s in range(0, series, max(1, series // 2000))])
    making = time.perf_counter() - started
    facts = learn_facts(sample, horizon, rhythm, methods=methods)
    learned = time.perf_counter() - started - making

    def work(rows: slice) -> tuple[int, float, float, float]:
        begin = time.perf_counter()
        history = demand(rows, periods)
        ready = time.perf_counter()
        made = forecast_baselines(history, facts).forecast
        return len(made.mean), float(made.quantiles[:, :, -1].sum()), ready - begin, time.perf_counter() - ready

    slices = list(chunks(series, horizon, len(methods)))
    begin, cpu = time.perf_counter(), time.process_time()
    total, check, made_in, forecast_in = 0, 0.0, 0.0, 0.0
    with ThreadPoolExecutor(threads) as pool:
        for count, value, made, forecast in pool.map(work, slices):
            total, check, made_in, forecast_in = total + count, check + value, made_in + made, forecast_in + forecast
    wall, cpu = time.perf_counter() - begin, time.process_time() - cpu
    share = forecast_in / (made_in + forecast_in)
    return {
        "series": total,
        "periods": periods,
        "horizon": horizon,
        "methods": len(methods),
        "levels": len(facts.levels),
        "threads": threads,
        "seconds_learning": round(learned, 2),
        "seconds_wall_with_making_data": round(wall, 2),
        "seconds_forecast": round(wall * share + learned, 2),
        "microseconds_per_series": round(1e6 * wall * share / total, 1),
        "cpu_microseconds_per_series": round(1e6 * cpu * share / total, 1),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "checksum": round(check, 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=1_000_000)
    parser.add_argument("--periods", type=int, default=104)
    parser.add_argument("--horizon", type=int, default=13)
    parser.add_argument("--frequency", default="W", choices=sorted(RHYTHMS))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--methods", default=",".join(FAST), help="names, or all")
    parser.add_argument("--growth", action="store_true", help="1,000 -> 100,000 series instead, and the slope")
    arguments = parser.parse_args()
    methods = tuple(BASELINES) if arguments.methods == "all" else tuple(arguments.methods.split(","))
    if not arguments.growth:
        result = measure(
            arguments.series, arguments.periods, arguments.horizon, arguments.frequency, methods, arguments.threads
        )
        print(json.dumps(result, indent=1))
        return
    points = []
    for series in (1_000, 3_000, 10_000, 30_000, 100_000):
        command = [sys.executable, __file__, "--series", str(series), "--methods", ",".join(methods)]
        command += ["--threads", str(arguments.threads)]
        points.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    keys = (
        "series", "seconds_learning", "seconds_forecast", "microseconds_per_series", "cpu_microseconds_per_series", "peak_mb"
    )  # fmt: skip
    result = {
        "points": [{key: point[key] for key in keys} for point in points],
        "slope_wall": slope(points, "microseconds_per_series"),
        "slope_cpu": slope(points, "cpu_microseconds_per_series"),
    }
    print(json.dumps(result, indent=1))


def slope(points: list[dict], per_series: str) -> float:
    """Of log time on log series: 1 = time per series stays the same."""
    series = np.log([point["series"] for point in points])
    seconds = np.log([point["series"] * point[per_series] for point in points])
    return round(float(np.polyfit(series, seconds, 1)[0]), 3)


if __name__ == "__main__":
    main()
