"""The main model against mlforecast, how its time grows with the series, and the nightly forecast.

    python benchmarks/speed/boosted.py compare --peers PYTHON [--series 3000] [--days 1000] [--same-rows-only] [--out FILE]
    python benchmarks/speed/boosted.py growth [--most 100000] [--out FILE]
    python benchmarks/speed/boosted.py nightly [--series 30490] [--days 1941] [--out FILE]

`compare`: both get the same series (daily, weekday, season, promotion, price), LightGBM with the same settings and the
same number of trees, leaves and threads, the same number of features (mlforecast: lags, rolling and seasonal means,
calendar, covariates), and forecast 28 days. mlforecast learns from all rows it makes, as it does by itself
(`all_rows`), and from as many of them as ours (`same_rows`). Ours trains three times in that time: on what lies before
the held-out part, on all, and for the spread; it gives quantiles, mlforecast a mean (its conformal intervals would
need two more fits). Each runs in a process of its own: seconds without start and reading, highest memory of the process.
`growth`: seconds to forecast 28 days with a trained model in partitions of 5,000 series, from 1,000 series on; the
slope of log seconds on log series. `nightly`: the same at the size of M5.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

HORIZON = 28
PARTITION = 5_000
TREES, LEAVES, THREADS = 200, 127, 2
LIGHTGBM = {
    "learning_rate": 0.08, "num_leaves": LEAVES, "min_data_in_leaf": 75, "feature_fraction": 0.5, "bagging_fraction": 0.7,
    "bagging_freq": 1, "lambda_l2": 5.0, "max_bin": 127, "verbosity": -1, "num_threads": THREADS,
}  # fmt: skip


def demand(series: int, days: int, seed: int = 0, first: int = 0) -> dict[str, np.ndarray]:
    """Made-up demand with weekday, yearly season, promotions and price: (series, days + HORIZON) each."""
    length = days + HORIZON
    rng = np.random.default_rng([seed, first])
    level = np.exp(rng.normal(1.0, 1.0, series))[:, None]
    day = np.arange(length)
    week = np.array([0.9, 0.85, 0.9, 1.0, 1.2, 1.35, 0.8])[day % 7]
    year = 1.0 + 0.25 * np.sin(2 * np.pi * day / 365.25)
    promo = np.repeat(rng.random((series, length // 14 + 1)) < 0.12, 14, axis=1)[:, :length]
    price = np.where(promo, 0.8, 1.0)
    mean = level * week * year * np.where(promo, 1.6, 1.0)
    units = rng.poisson(mean * rng.gamma(4.0, 0.25, mean.shape)).astype(np.float32)
    return {"units": units, "promo": promo.astype(np.float32), "price": price.astype(np.float32)}


def panel_of(made: dict[str, np.ndarray], days: int, first: int = 0) -> Any:
    import polars as pl

    from shelfcast.features.panel import Covariate, Measure, Panel, Role

    count = len(made["units"])
    periods = np.datetime64("2011-01-29") + np.arange(days + HORIZON)
    rows = np.arange(count)
    keys = pl.DataFrame({"item_id": [f"{first + i:07d}" for i in range(count)], "location_id": ["S1"] * count})
    return Panel(
        keys, "D", periods, made["units"][:, :days], None,
        (
            Covariate("promo", Role.KNOWN_FUTURE, Measure.FLAG, made["promo"], rows, (), "promotion"),
            Covariate("price", Role.KNOWN_FUTURE, Measure.NUMBER, made["price"], rows, (), "price"),
        ),
    )  # fmt: skip


def peak_mb() -> float:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 0)


def run_ours(series: int, days: int) -> dict[str, Any]:
    from shelfcast.forecast.models.training import train

    # the compiler's work is done once on a machine: not part of the comparison
    small = demand(60, 200)
    train(panel_of(small, 200), HORIZON, threads=THREADS).forecast(panel_of(small, 200))
    panel = panel_of(demand(series, days), days)
    before = peak_mb()
    begun, worked = time.perf_counter(), time.process_time()
    model = train(panel, HORIZON, threads=THREADS)
    trained = time.perf_counter() - begun
    forecast = model.forecast(panel, threads=THREADS)
    return {
        "seconds": round(time.perf_counter() - begun, 2),
        "processor_seconds": round(time.process_time() - worked, 2), "training": round(trained, 2), "peak_mb": peak_mb(),
        "before_mb": before, "rows": model.card["rows"], "trees": model.card["trees"], "features": len(model.names.features),
        "wape": wape(forecast.mean, series, days),
    }  # fmt: skip


def wape(mean: np.ndarray, series: int, days: int) -> float:
    actual = demand(series, days)["units"][:, days:]
    return round(float(np.abs(actual - mean).sum() / actual.sum()), 4)


def run_peer(series: int, days: int, rows: int, features: int, trees: int) -> dict[str, Any]:
    import lightgbm as lgb
    import pandas as pd
    from mlforecast import MLForecast
    from mlforecast.lag_transforms import RollingMean, RollingStd, SeasonalRollingMean

    made = demand(series, days)
    length = days + HORIZON
    periods = np.datetime64("2011-01-29") + np.arange(length)
    names = np.array([f"{i:07d}" for i in range(series)])
    whole = pd.DataFrame(
        {
            "unique_id": np.repeat(names, length), "ds": np.tile(periods, series), "y": made["units"].ravel(),
            "promo": made["promo"].ravel(), "price": made["price"].ravel(),
        }
    )  # fmt: skip
    inside = np.tile(np.arange(length) < days, series)
    history, future = whole[inside].reset_index(drop=True), whole[~inside].drop(columns="y").reset_index(drop=True)
    del whole
    lags = [1, 2, 3, 7, 14, 21, 28, 364]
    transforms: dict[int, list[Any]] = {
        1: [RollingMean(3), RollingMean(7), RollingMean(14), RollingMean(28), RollingMean(56), RollingMean(112),
            RollingMean(364), RollingStd(28), RollingStd(364)],
        7: [SeasonalRollingMean(7, 4), SeasonalRollingMean(7, 12)],
        364: [RollingMean(7), RollingMean(28)],
    }  # fmt: skip
    dates = ["dayofweek", "day", "month", "dayofyear", "week"]
    have = len(lags) + sum(len(one) for one in transforms.values()) + len(dates) + 2
    more = max(0, features - have)
    lags += [lag for lag in range(4, 400) if lag not in lags][:more]
    before = peak_mb()
    begun, worked = time.perf_counter(), time.process_time()
    model = lgb.LGBMRegressor(n_estimators=trees, random_state=0, objective="tweedie", **LIGHTGBM)
    engine = MLForecast(
        models={"m": model}, freq="D", lags=lags, lag_transforms=transforms, date_features=dates, num_threads=THREADS
    )
    if rows:
        prepared = engine.preprocess(history, static_features=[])
        chosen = prepared.sample(n=min(rows, len(prepared)), random_state=0)
        learnt = len(chosen)
        columns = [name for name in chosen.columns if name not in ("unique_id", "ds", "y")]
        engine.models_ = {"m": model.fit(chosen[columns], chosen["y"])}
    else:
        engine.fit(history, static_features=[])
        learnt = int(series * max(0, days - max(lags)))
    trained = time.perf_counter() - begun
    mean = engine.predict(HORIZON, X_df=future)["m"].to_numpy().reshape(series, HORIZON)
    return {
        "seconds": round(time.perf_counter() - begun, 2),
        "processor_seconds": round(time.process_time() - worked, 2), "training": round(trained, 2), "peak_mb": peak_mb(),
        "before_mb": before, "rows": learnt, "trees": trees, "features": len(lags) + have - 8,
        "wape": wape(mean, series, days),
    }  # fmt: skip


def child(python: str, *arguments: object) -> dict[str, Any]:
    run = subprocess.run(
        [python, __file__, "child", *map(str, arguments)], stdout=subprocess.PIPE, text=True, check=True,
        env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE"},
    )  # fmt: skip
    result: dict[str, Any] = json.loads(run.stdout.strip().splitlines()[-1])
    return result


def compare(given: argparse.Namespace) -> dict[str, Any]:
    mine = child(sys.executable, "ours", given.series, given.days)
    features, trees = mine["features"], max(mine["trees"], 1)
    peers = {"same_rows": child(str(given.peers), "peer", given.series, given.days, mine["rows"], features, trees)}
    if not given.same_rows_only:
        peers["all_rows"] = child(str(given.peers), "peer", given.series, given.days, 0, features, trees)
    ratios = {
        name: {
            "time": round(mine["seconds"] / one["seconds"], 3),
            "processor_time": round(mine["processor_seconds"] / one["processor_seconds"], 3),
            "memory": round(mine["peak_mb"] / one["peak_mb"], 3),
        }
        for name, one in peers.items()
    }
    return {
        "series": given.series, "days": given.days, "ours": mine, **{f"mlforecast_{k}": v for k, v in peers.items()},
        "ours_over_mlforecast": ratios,
    }  # fmt: skip


def forecast_all(model: Any, series: int, days: int, threads: int = THREADS) -> tuple[float, float]:
    """Seconds to forecast all series in partitions, made before the clock starts, and to make the data."""
    spent = made = 0.0
    context = None
    for first in range(0, series, PARTITION):
        begun = time.perf_counter()
        panel = panel_of(demand(min(PARTITION, series - first), days, 1, first), days, first)
        made += time.perf_counter() - begun
        begun = time.perf_counter()
        if context is None:
            context = model.context(lambda panel=panel: (panel,))
        model.forecast(panel, context=context, threads=threads)
        spent += time.perf_counter() - begun
    return spent, made


def growth(given: argparse.Namespace) -> dict[str, Any]:
    from shelfcast.forecast.models.training import train

    days = given.days or 400
    model = train(panel_of(demand(2_000, days), days), HORIZON, threads=THREADS)
    forecast_all(model, 200, days)
    sizes = [n for n in (1_000, 3_000, 10_000, 30_000, 100_000) if n <= given.most]
    rows = []
    for size in sizes:
        repeats = 3 if size <= 3_000 else 1
        spent = min(forecast_all(model, size, days)[0] for _ in range(repeats))
        rows.append({"series": size, "seconds": round(spent, 3), "peak_mb": peak_mb()})
        print(rows[-1], file=sys.stderr)
    x, y = np.log([row["series"] for row in rows]), np.log([row["seconds"] for row in rows])
    return {"days": days, "partition": PARTITION, "sizes": rows, "slope": round(float(np.polyfit(x, y, 1)[0]), 3)}


def nightly(given: argparse.Namespace) -> dict[str, Any]:
    from shelfcast.forecast.models import stored
    from shelfcast.forecast.models.training import train

    days = given.days or 1_941
    begun = time.perf_counter()
    sample = panel_of(demand(4_000, days), days)
    model = train(sample, HORIZON, threads=THREADS)
    trained = time.perf_counter() - begun
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model"
        path.write_bytes(stored.to_bytes(model))
        model = stored.from_bytes(path.read_bytes())
    forecast_all(model, 200, days)
    spent, _ = forecast_all(model, given.series, days)
    return {
        "series": given.series, "days": days, "trees": model.card["trees"], "training_seconds": round(trained, 1),
        "forecast_seconds": round(spent, 1), "peak_mb": peak_mb(),
    }  # fmt: skip


def main() -> None:
    if sys.argv[1:2] == ["child"]:
        kind, *numbers = sys.argv[2:]
        values = [int(number) for number in numbers]
        print(json.dumps(run_ours(*values) if kind == "ours" else run_peer(*values)))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("compare", "growth", "nightly"))
    parser.add_argument("--peers", type=Path)
    parser.add_argument("--series", type=int, default=0)
    parser.add_argument("--days", type=int, default=0)
    parser.add_argument("--most", type=int, default=100_000)
    parser.add_argument("--same-rows-only", action="store_true", help="Leave out mlforecast on all rows it makes.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "boosted.json")
    given = parser.parse_args()
    if given.part == "compare":
        if given.peers is None:
            parser.error("compare needs --peers, the Python of an environment with mlforecast and lightgbm")
        given.series, given.days = given.series or 3_000, given.days or 1_000
    elif given.part == "nightly":
        given.series = given.series or 30_490
    result = {"compare": compare, "growth": growth, "nightly": nightly}[given.part](given)
    result["measured"] = {
        "at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, shared with other work",
        "load": round(os.getloadavg()[0], 2),
    }
    document = json.loads(given.out.read_text()) if given.out.exists() else {}
    name = f"compare_{given.series}x{given.days}" if given.part == "compare" else given.part
    document[name] = result
    given.out.write_text(json.dumps(document, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
