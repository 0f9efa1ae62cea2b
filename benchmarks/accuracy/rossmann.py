"""Prepare the two published Rossmann tasks from the tidy Parquet files and run them through `shelfcast backtest`.

    python benchmarks/accuracy/rossmann.py --data PATH --work FOLDER [--task 1D|1W] [--windows K] [--threads N]
    python benchmarks/accuracy/rossmann.py --data PATH --work FOLDER --task 1W --only 3      a window alone, on a busy machine
    python benchmarks/accuracy/rossmann.py --data PATH --work FOLDER --task 1W --join [--out FILE]    those windows as one result
    ... --every 8     on every eighth store only, in a FOLDER of its own: a minute a window on a busy machine

PATH holds sales.parquet, stores.parquet and store_states.parquet; FOLDER gets the inputs of the command and the scores.
Protocol (autogluon/fev, fev_bench): rossmann_1D horizon 48, 10 windows, season 7; rossmann_1W horizon 13, 8 windows,
season 1 (week sums); quantiles 0.1 to 0.9; known: open, promo, holidays; static store table; observed: customers.

The files leave out closed days, so they are put back as zero sales and open = 0; the stores without a row from
2014-07-01 to 2014-12-31 were rebuilt and stay missing (in weekly sums: zero sales on zero open days, as published).
Promotions hold for the whole chain. What the files can't say of closed days (school and state holidays) is taken from
the open stores of the same state, then from the calendar.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import holidays
import numpy as np
import polars as pl

GAP = (pl.date(2014, 7, 1), pl.date(2014, 12, 31))
TASKS = {
    "1D": {"frequency": "D", "horizon": "48", "windows": "10", "seasonality": "7"},
    "1W": {"frequency": "W", "horizon": "13", "windows": "8", "seasonality": "1"},
}

ALL_STORES = 1115
PUBLISHED = {
    "1D": {
        "TabPFN-TS": {"sql": 0.2389, "wape": 0.0998, "seconds": 10539},
        "Chronos-2": {"sql": 0.2835, "wape": 0.1198, "seconds": 101},
        "LightGBM": {"sql": 0.3412, "wape": 0.1126},
        "Seasonal Naive": {"sql": 0.9137, "wape": 0.2692, "mase": 0.7886},
    },
    "1W": {
        "TabPFN-TS": {"sql": 0.2538, "wape": 0.0791},
        "Chronos-2": {"sql": 0.3077, "wape": 0.0964},
        "LightGBM": {"sql": 0.6779, "wape": 0.1884},
        "Seasonal Naive": {"sql": 0.8988, "wape": 0.2192},
    },
}
"""Rows of the published table (autogluon/fev, fev_bench), to stand beside ours; seconds for all windows."""


def daily(data: Path) -> pl.DataFrame:
    """Every store and day: sales, customers, open, promo, state_holiday, school_holiday."""
    sales = pl.read_parquet(data / "sales.parquet").select(
        pl.col("store_id").cast(pl.Int64),
        pl.col("date").cast(pl.Date),
        pl.col("sales_eur").cast(pl.Float64).alias("sales"),
        pl.col("customers").cast(pl.Float64),
        pl.col("promo").cast(pl.Int8),
        pl.col("state_holiday").cast(pl.String),
        pl.col("school_holiday").cast(pl.Int8),
    )
    states = pl.read_parquet(data / "store_states.parquet").select(pl.col("store_id").cast(pl.Int64), "german_state")
    days = pl.date_range(sales["date"].min(), sales["date"].max(), eager=True).alias("date").to_frame()
    grid = sales.select("store_id").unique().join(days, how="cross").join(states, on="store_id")
    chain = sales.group_by("date").agg(pl.col("promo").max().alias("chain_promo"))
    state = (
        sales.join(states, on="store_id")
        .group_by("german_state", "date")
        .agg(
            (pl.col("school_holiday").mean() > 0.5).cast(pl.Int8).alias("state_school"),
            pl.col("state_holiday").max().alias("open_holiday"),
            pl.len().alias("open_stores"),
        )
    )
    stores = states.group_by("german_state").agg(pl.len().alias("stores"))
    full = (
        grid.join(sales, on=["store_id", "date"], how="left")
        .join(chain, on="date", how="left")
        .join(state, on=["german_state", "date"], how="left")
        .join(stores, on="german_state")
        .sort("store_id", "date")
    )
    rebuilt = (
        sales.filter(pl.col("date").is_between(*GAP))
        .select("store_id")
        .unique()
        .with_columns(pl.lit(True).alias("kept"))
    )
    closed_state = (pl.col("open_stores").fill_null(0) < 0.3 * pl.col("stores")) & (pl.col("date").dt.weekday() != 7)
    calendar = holiday_letters(days["date"])
    return (
        full.join(rebuilt, on="store_id", how="left")
        .join(calendar, on="date", how="left")
        .with_columns(
            pl.col("sales").is_not_null().cast(pl.Int8).alias("open"),
            pl.col("promo").fill_null(pl.col("chain_promo")).fill_null(0),
            pl.col("school_holiday").fill_null(pl.col("state_school").forward_fill().over("store_id")).fill_null(0),
            pl.col("state_holiday")
            .fill_null(pl.when(pl.col("open_holiday") != "0").then("open_holiday"))
            .fill_null(pl.when(closed_state).then("letter"))
            .fill_null("0"),
        )
        .filter(~(pl.col("kept").is_null() & pl.col("date").is_between(*GAP)))
        .with_columns(pl.col("sales").fill_null(0.0), pl.col("customers").fill_null(0.0))
        .select("store_id", "date", "sales", "customers", "open", "promo", "state_holiday", "school_holiday")
    )


def holiday_letters(days: pl.Series) -> pl.DataFrame:
    """Letter of the publisher for a public holiday of any German state: a public, b Easter, c Christmas."""
    letters = []
    for state in holidays.Germany.subdivisions:
        for day, name in holidays.Germany(subdiv=state, years=range(2013, 2016)).items():
            easter = name in ("Karfreitag", "Ostermontag", "Good Friday", "Easter Monday")
            letters.append({"date": day, "letter": "c" if day.month == 12 else "b" if easter else "a"})
    found = pl.DataFrame(letters).unique("date")
    return days.to_frame().join(found, on="date", how="left")


def weekly(frame: pl.DataFrame) -> pl.DataFrame:
    """Sums of Monday-based weeks between the first and the last whole one; flags become days of the week on which they hold.

    As in the published task, a week without any row (the rebuilt stores' gap) sums up to zero: no sales on no open day.
    """
    weeks = (
        frame.with_columns(pl.col("date").dt.truncate("1w"), (pl.col("state_holiday") != "0").cast(pl.Int8))
        .group_by("store_id", "date")
        .agg(
            pl.col("sales", "customers").sum(),
            pl.col("open", "promo", "state_holiday", "school_holiday").cast(pl.Int32).sum(),
        )
    )
    whole = frame.group_by(pl.col("date").dt.truncate("1w")).agg(pl.col("date").n_unique().alias("days"))
    whole = whole.filter(pl.col("days") == 7).select("date")
    grid = frame.select("store_id").unique().join(whole, how="cross")
    return grid.join(weeks, on=["store_id", "date"], how="left").fill_null(0).sort("store_id", "date")


def prepare(data: Path, work: Path, task: str, every: int = 1, *, again: bool = True) -> dict[str, Path]:
    """Write the inputs of the command, of every n-th store; unless they are there and not wanted `again`."""
    names = ("history", "known-future", "observed", "static")
    paths = {name: work / f"{task}_{name.replace('-', '_')}.parquet" for name in names}
    if not again and all(path.exists() for path in paths.values()):
        return paths
    work.mkdir(parents=True, exist_ok=True)
    frame = daily(data) if task == "1D" else weekly(daily(data))
    frame = frame.filter(pl.col("store_id") % every == 0)
    key = ["store_id", "date"]
    tables = {
        "history": frame.select(*key, "sales"),
        "known-future": frame.select(*key, "open", "promo", "state_holiday", "school_holiday"),
        "observed": frame.select(*key, "customers"),
        "static": pl.read_parquet(data / "stores.parquet").with_columns(pl.col("store_id").cast(pl.Int64)),
    }
    for name, table in tables.items():
        table.write_parquet(paths[name])
    return paths


def one_window(paths: dict[str, Path], work: Path, name: str, number: int, threads: int) -> None:
    """What the command does for one of its windows; appended to a file, with the coverage of open days by randomised PIT."""
    import honest

    from shelfcast.domain.quantiles import GRID
    from shelfcast.forecast.backtest import Task, peak_mb, scores_of, window_of
    from shelfcast.forecast.forecasters import champion, seasonal_naive, single_baselines
    from shelfcast.pipeline.backtest_models import Sources, load_panel

    task = TASKS[name]
    asked = tuple(float(level) for level in np.round(np.arange(0.1, 0.95, 0.1), 1))
    wanted = Task(int(task["horizon"]), int(task["windows"]), int(task["seasonality"]), asked)
    sources = Sources(
        paths["history"], paths["known-future"], paths["static"], paths["observed"], ("store_id",), "date", "sales"
    )
    panel, _ = load_panel(sources, task["frequency"])
    levels = tuple(float(one) for one in np.unique(np.round(np.concatenate([asked, GRID]), 6)))
    chosen = np.array([int(np.argmin(np.abs(np.asarray(levels) - one))) for one in asked])
    window = window_of(panel, wanted, number)
    scored = {}
    for forecaster in (seasonal_naive(wanted.season), single_baselines, champion(threads)):
        for model, (forecast, seconds) in forecaster(window.panel, levels, wanted.seed).items():
            scored[model] = scores_of(window, forecast, levels, chosen) | {
                "window": number, "cutoff": str(window.cutoff), "seconds": round(seconds, 3), "peak_mb": peak_mb(),
                "pit": honest.pit_counts(window, forecast, np.random.default_rng(number)),
            }  # fmt: skip
            if model == "ensemble":
                np.savez_compressed(
                    work / f"{name}_{number}.npz", quantiles=forecast.quantiles.astype(np.float32),
                    levels=np.array(levels), actual=window.actual, scale=window.scale,
                    periods=window.panel.periods[-wanted.horizon :],
                )  # fmt: skip
    made = {"window": number, "at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"), "models": scored}
    made |= {
        "stores": panel.series_count,
        "processor_seconds": round(time.process_time(), 1),
        "load": round(os.getloadavg()[0], 1),
    }
    with (work / f"{name}_windows.jsonl").open("a") as file:
        file.write(json.dumps(made) + "\n")
    best = scored["ensemble"]
    cells, in80, in95 = best["pit"]["all"]
    print(
        f"{name} window {number} {window.cutoff}: SQL {best['sql']:.4f}, WAPE {best['wape']:.4f}, bias {best['bias']:+.3f}, "
        f"PIT {in80 / cells:.3f} {in95 / cells:.3f}, {best['seconds']:.0f} s"
    )


def join(work: Path, name: str, out: Path | None) -> None:
    """Mean over the windows scored alone; of a window scored twice the later counts."""
    import honest

    from shelfcast.forecast.backtest import summary_of

    rows = [json.loads(line) for line in (work / f"{name}_windows.jsonl").read_text().splitlines()]
    windows = {row["window"]: row for row in rows}
    have = [windows[number] for number in sorted(windows)]
    missing = sorted(set(range(1, int(TASKS[name]["windows"]) + 1)) - set(windows))
    models = {}
    for model in have[0]["models"]:
        scored = [row["models"][model] for row in have]
        models[model] = summary_of([{k: v for k, v in one.items() if k != "pit"} for one in scored])
        models[model]["pit"] = honest.pooled(one["pit"] for one in scored)
        for row, one in zip(models[model]["windows"], scored, strict=True):
            row["pit"] = honest.pooled([one["pit"]])["all"]
    stores = have[-1]["stores"]
    document = {
        "task": {"name": f"rossmann_{name}", **TASKS[name]}, "stores": stores, "missing_windows": missing, "models": models,
        "published": PUBLISHED[name], "measured": {
            "machine": f"{platform.machine()}, {os.cpu_count()} cores, shared with other work", "python": platform.python_version(),
            **{package: version(package) for package in ("lightgbm", "numpy", "polars")},
            "windows": [{key: row[key] for key in ("window", "at", "processor_seconds", "load")} for row in have],
        },
    }  # fmt: skip
    if out is not None:
        whole = json.loads(out.read_text()) if out.exists() else {}
        whole[f"rossmann_{name}" + ("" if stores == ALL_STORES else f", {stores} stores")] = document
        out.write_text(json.dumps(whole, indent=1) + "\n")
    for model, scores in models.items():
        inside = scores["pit"]["all"]
        print(
            f"{model:<24} SQL {scores['sql']:.4f}  WAPE {scores['wape']:.4f}  MASE {scores['mase']:.4f}  bias {scores['bias']:+.4f}  "
            f"PIT {inside['80']} {inside['95']}  {scores['seconds']:.0f} s  {scores['peak_mb']:.0f} MB"
        )
    if missing:
        print(f"without windows {missing}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--task", choices=sorted(TASKS), default="1D")
    parser.add_argument("--windows")
    parser.add_argument("--threads", default="0")
    parser.add_argument("--every", type=int, default=1, help="Only every n-th store.")
    parser.add_argument("--prepare-only", action="store_true")
    parser.add_argument("--only", type=int, help="Score this window alone (1 is the oldest) and keep it.")
    parser.add_argument("--join", action="store_true", help="Put the windows scored alone together.")
    parser.add_argument("--out", type=Path, help="With --join: put the result of the task into this JSON file.")
    given = parser.parse_args()
    if given.join:
        join(given.work, given.task, given.out)
        return
    paths = prepare(given.data, given.work, given.task, given.every, again=not given.only)
    if given.only:
        one_window(paths, given.work, given.task, given.only, int(given.threads))
        return
    if given.prepare_only:
        return
    task = TASKS[given.task] | ({"windows": given.windows} if given.windows else {})
    command = [
        sys.executable,
        "-m",
        "shelfcast",
        "backtest",
        "--series",
        "store_id",
        "--time",
        "date",
        "--target",
        "sales",
    ]
    for name, path in paths.items():
        command += [f"--{name}", str(path)]
    for name, value in task.items():
        command += [f"--{name}", value]
    levels = ",".join(f"{level:.1f}" for level in np.arange(0.1, 0.95, 0.1))
    command += [
        "--quantiles",
        levels,
        "--threads",
        given.threads,
        "--json",
        str(given.work / f"{given.task}_scores.json"),
    ]
    raise SystemExit(subprocess.call(command))


if __name__ == "__main__":
    main()
