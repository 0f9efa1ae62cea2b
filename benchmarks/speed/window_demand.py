"""Window demand of a million series x 28 days: moments, seconds and memory, and how far from brute force they are.

python benchmarks/speed/window_demand.py --series 1000000
"""

from __future__ import annotations

import argparse
import json
import resource
import time

import numpy as np
from scipy import stats

from shelfcast.domain.quantiles import GRID
from shelfcast.forecast.models.counts import count_quantiles
from shelfcast.forecast.window_demand import window_demand

HORIZON = 28
WINDOWS = (np.array([1, 8]), np.array([7, 28]))


def forecasts(series: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Means and count quantiles of daily demand, levels over three orders of magnitude."""
    generator = np.random.default_rng(seed)
    mean = np.exp(generator.normal(0.5, 1.3, (series, 1))) * generator.gamma(20.0, 0.05, (series, HORIZON))
    return mean, count_quantiles(mean, mean * (1.0 + 0.3 * mean), GRID)


def accuracy() -> dict[str, float]:
    """Largest and mean distance, in deviations of the window, from 20,000 draws over 40 series, 0.1 .. 0.99.

    Of windows that sell less than ten units the worst isn't counted: one unit is more than a deviation there."""
    generator = np.random.default_rng(1)
    mean, quantiles = forecasts(40, 3)
    link, levels = 0.2, np.array(GRID)
    distance = np.abs(np.arange(HORIZON)[:, None] - np.arange(HORIZON))
    root = np.linalg.cholesky(np.where(distance == 0, 1.0, link))
    worst, mean_distance, plain = [], [], []
    for i in range(len(mean)):
        chance = stats.norm.cdf(generator.standard_normal((20_000, HORIZON)) @ root.T)
        size = mean[i] / (0.3 * mean[i])
        draws = stats.nbinom.ppf(chance, size, size / (size + mean[i]))
        seen = float(np.mean(np.corrcoef(draws.T)[distance > 0]))
        _, _, made = window_demand(mean[i : i + 1], quantiles[i : i + 1], GRID, *WINDOWS, correlation=seen)
        for w, (first, last) in enumerate(zip(*WINDOWS, strict=True)):
            sums = draws[:, first - 1 : last].sum(axis=1)
            off = np.abs(made[0, w] - np.quantile(sums, levels))[2:] / sums.std()
            added = np.abs(quantiles[i, first - 1 : last].sum(axis=0) - np.quantile(sums, levels))[2:] / sums.std()
            if mean[i, first - 1 : last].sum() >= 10:
                worst.append(off.max())
            mean_distance.append(off.mean())
            plain.append(added.mean())
    return {
        "worst_deviations_from_ten_units": round(float(np.max(worst)), 3),
        "mean_deviations": round(float(np.mean(mean_distance)), 3),
        "mean_deviations_if_quantiles_were_added": round(float(np.mean(plain)), 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=1_000_000)
    parser.add_argument("--chunk", type=int, default=50_000)
    arguments = parser.parse_args()
    mean, quantiles = forecasts(arguments.chunk, 0)
    window_demand(mean[:10], quantiles[:10], GRID, *WINDOWS, correlation=0.2)
    seconds = {}
    for kind, whole in (("pieces", True), ("weighed", False)):
        flags = np.full(arguments.chunk, whole)
        begin = time.perf_counter()
        for _ in range(0, arguments.series, arguments.chunk):
            window_demand(mean, quantiles, GRID, *WINDOWS, correlation=np.full(27, 0.2), whole=flags)
        seconds[kind] = round(time.perf_counter() - begin, 1)
    result = {
        "series": arguments.series,
        "days": HORIZON,
        "windows": 2,
        "seconds_one_core": seconds,
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "against_20000_draws": accuracy(),
    }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
