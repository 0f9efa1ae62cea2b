"""Our forecasts and those of other libraries on the same data sets, cutoffs and machine, in one run.

    python benchmarks/accuracy/scoreboard.py --data FOLDER --work FOLDER --peers PYTHON [--autogluon PYTHON]
        [--shop FOLDER] [--sets pharmacy_pos,carparts] [--models AutoETS,...] [--out results/scoreboard.json]

FOLDER of --data holds the tidy Parquet files (`datasets.py` says which), --shop a shop made by `shelfcast simulate`.
--peers is the Python of an environment with the peers (`peers.py` says how to make it). Ours runs as it is, without a
setting by data set. Peers get the series with gaps filled (they need it), known covariates and attributes where they
can use them. A series a peer gives no forecast for gets that of seasonal naive; how many is written beside the score.

Sets are cut to an even sample of series (`MOST`), so that the slow peers take minutes; Prophet gets a sample of that, and
is compared on it. Scores pool the cells of a window and are averaged over windows. `against` is the paired bootstrap over
series (over series and windows where there are few series): ours / theirs - 1 in SQL and WAPE with its 95 % interval;
below 0 is better. `pooled` is the geometric mean of these ratios over the sets, each set weighing the same, with the
interval of drawing anew in each set. `pit` is honest coverage (`honest.py`).
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import datasets
import honest
import numpy as np
import polars as pl

from shelfcast.features.long_format import Columns, panel_from_long
from shelfcast.features.panel import Forecast, Panel
from shelfcast.features.recipe import last_of
from shelfcast.forecast import metrics
from shelfcast.forecast.backtest import Task, Window, windows_of
from shelfcast.forecast.forecasters import CHAMPION, champion, seasonal_naive

LEVELS = (0.025, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.975)
SCORED = LEVELS[1:-1]
SPARSE = ("CrostonOptimized", "CrostonSBA", "TSB", "ADIDA")
FAST = ("AutoETS", "DynamicOptimizedTheta", "mlforecast_LightGBM")
DRAWS = 1_000
PROPHET_SERIES = 16
MOST = {
    "rossmann_1D": 120, "rossmann_1W": 300, "freshretailnet": 1_700, "online_retail": 400, "carparts": 900, "simulated": 300,
    "aus_retail": 152,
}  # fmt: skip
"""Series of each set, drawn evenly."""


def sampled(made: datasets.Prepared, most: int) -> datasets.Prepared:
    """The set with at most so many series, drawn evenly."""
    names = made.history["unique_id"].unique().sort()
    if len(names) <= most:
        return made
    kept = names.gather(np.unique(np.linspace(0, len(names) - 1, most).astype(int)).tolist())
    tables: dict[str, Any] = {}
    for field in ("history", "known_future", "static", "observed", "truth", "in_stock_share"):
        table = getattr(made, field)
        if table is not None and "unique_id" in table.columns:
            tables[field] = table.filter(pl.col("unique_id").is_in(kept.implode()))
    notes = {**made.notes, "what": f"{made.notes['what']}; {len(kept)} of {len(names)} series"}
    return replace(made, **tables, notes=notes)


def panel_of(made: datasets.Prepared) -> Panel:
    columns = Columns(("unique_id",), "ds", "y")
    panel = panel_from_long(
        made.history,
        columns,
        made.frequency,
        known_future=made.known_future,
        static=made.static,
        observed=made.observed,
    )
    if made.in_stock_share is None:
        return panel
    share = _dense(panel, made.in_stock_share, "in_stock_share")
    return Panel(panel.keys, panel.frequency, panel.periods, panel.target, share, panel.covariates, panel.last)


def _dense(panel: Panel, rows: pl.DataFrame, name: str) -> np.ndarray:
    """A column by series and period, NaN where there is no row."""
    series = {key: row for row, key in enumerate(panel.keys["unique_id"])}
    wide = np.full(panel.target.shape, np.nan)
    period = np.searchsorted(panel.periods, rows["ds"].cast(pl.Date).to_numpy().astype("datetime64[D]"))
    wide[[series[key] for key in rows["unique_id"]], period] = rows[name].to_numpy()
    return wide


def ours(window: Window, seed: int) -> dict[str, tuple[Forecast, float]]:
    run = champion()
    if window.panel.in_stock_share is None:
        made = dict(run(window.panel, LEVELS, seed))
    else:
        plain = Panel(
            window.panel.keys, window.panel.frequency, window.panel.periods, window.panel.target, None,
            window.panel.covariates, window.panel.last,
        )  # fmt: skip
        blind = run(plain, LEVELS, seed)[CHAMPION]
        made = dict(run(window.panel, LEVELS, seed))
        made["ensemble_without_recovery"] = blind
    return {f"shelfcast_{name}": one for name, one in made.items()}


def export(window: Window, folder: Path, made: datasets.Prepared) -> None:
    """The window as files for the peers."""
    panel = window.panel
    last, length = last_of(panel), panel.history_length
    target = panel.target.astype(float)
    names = panel.keys["unique_id"].to_numpy()
    train = []
    ahead = []
    for i, name in enumerate(names):
        known = np.flatnonzero(np.isfinite(target[i, : last[i] + 1]))
        row = target[i, known[0] : last[i] + 1].copy()
        for t in np.flatnonzero(~np.isfinite(row)):
            row[t] = row[t - made.season] if t >= made.season else row[t - 1]
        train.append(pl.DataFrame({"unique_id": name, "ds": panel.periods[known[0] : last[i] + 1], "y": row}))
        ahead.append(pl.DataFrame({"unique_id": name, "ds": panel.periods[last[i] + 1 : last[i] + 1 + made.horizon]}))
    history, future = pl.concat(train), pl.concat(ahead)
    if made.known_future is not None:
        on = [name for name in ("unique_id", "ds") if name in made.known_future.columns]
        table = made.known_future.with_columns(pl.col("ds").cast(pl.Date))
        history = history.with_columns(pl.col("ds").cast(pl.Date)).join(table, on=on, how="left")
        future = future.with_columns(pl.col("ds").cast(pl.Date)).join(table, on=on, how="left")
    history.write_parquet(folder / f"train_{window.number}.parquet")
    future.write_parquet(folder / f"future_{window.number}.parquet")
    assert length >= int(last.max()) + 1


def peer(
    python: Path, folder: Path, window: Window, name: str, naive: Forecast
) -> tuple[Forecast | None, dict[str, Any]]:
    """A peer's forecast on the panel's grid, with its seconds and versions; None where it failed, and why."""
    script = Path(__file__).parent / "peers.py"
    run = subprocess.run(
        [str(python), str(script), str(folder), str(window.number), name], capture_output=True, text=True, check=False
    )
    path = folder / f"forecast_{window.number}_{name}.parquet"
    if run.returncode or not path.exists():
        return None, {"error": (run.stderr.strip().splitlines() or ["no output"])[-1][:200]}
    rows = pl.read_parquet(path)
    note = json.loads(path.with_suffix(".json").read_text())
    series = {key: row for row, key in enumerate(window.panel.keys["unique_id"])}
    last = last_of(window.panel)
    at = np.array([series[key] for key in rows["unique_id"].cast(pl.String)])
    days = rows["ds"].cast(pl.Date).to_numpy().astype("datetime64[D]")
    step = np.searchsorted(window.panel.periods, days, side="right") - 1 - last[at] - 1
    quantiles = np.full((*window.actual.shape, len(LEVELS)), np.nan)
    mean = np.full(window.actual.shape, np.nan)
    inside = (step >= 0) & (step < window.actual.shape[1])
    grid = rows.select(f"q{level:g}" for level in LEVELS).to_numpy()
    quantiles[at[inside], step[inside]] = grid[inside]
    mean[at[inside], step[inside]] = rows["mean"].to_numpy()[inside]
    holes = ~np.isfinite(quantiles).all(axis=2)
    note["cells_without_forecast"] = int(holes.sum())
    note["keys"] = sorted(rows["unique_id"].cast(pl.String).unique().to_list()) if name == "Prophet" else None
    quantiles = np.where(holes[:, :, None], naive.quantiles, np.sort(quantiles, axis=2))
    mean = np.where(np.isfinite(mean), mean, naive.mean)
    return Forecast(mean, quantiles, LEVELS, naive.model, naive.fallback), note


def cells_of(window: Window, forecast: Forecast) -> dict[str, np.ndarray]:
    """What scores are made of, by cell: scaled and plain quantile loss, absolute error and size; NaN where not scored."""
    chosen = [LEVELS.index(level) for level in SCORED]
    pinball = metrics.pinball_cells(window.actual, forecast.quantiles[:, :, chosen], SCORED)
    here = np.isfinite(window.actual)
    scale = np.where(window.scale > 0, window.scale, np.nan)[:, None]
    median = forecast.quantiles[:, :, LEVELS.index(0.5)]
    return {
        "scaled": np.where(here, pinball / scale, np.nan),
        "error": np.where(here, np.abs(window.actual - median), np.nan),
        "size": np.where(here, np.abs(window.actual), np.nan),
        "mean_error": np.where(here, forecast.mean - window.actual, np.nan),
    }


def scores(windows: list[Window], forecasts: list[Forecast], rng: np.random.Generator) -> dict[str, Any]:
    """Means over windows of the pooled scores, and honest coverage."""
    rows = []
    for window, forecast in zip(windows, forecasts, strict=True):
        chosen = [LEVELS.index(level) for level in SCORED]
        asked, median = forecast.quantiles[:, :, chosen], forecast.quantiles[:, :, LEVELS.index(0.5)]
        rows.append(
            (
                metrics.sql(window.actual, asked, SCORED, window.scale),
                metrics.mase(window.actual, median, window.scale),
                metrics.wape(window.actual, median),
                metrics.wql(window.actual, asked, SCORED),
                metrics.bias(window.actual, forecast.mean),
            )
        )
    mean = np.nanmean(np.array(rows), axis=0)
    result = {name: _rounded(value) for name, value in zip(("sql", "mase", "wape", "wql", "bias"), mean, strict=True)}
    return result | {"pit": coverage(windows, forecasts, rng), "sql_by_window": [_rounded(row[0]) for row in rows]}


def coverage(windows: list[Window], forecasts: list[Forecast], rng: np.random.Generator) -> dict[str, Any]:
    """Honest coverage: all cells, and segments of enough cells."""
    return honest.pooled(
        honest.pit_counts(window, forecast, rng) for window, forecast in zip(windows, forecasts, strict=True)
    )


def narrowed(windows: list[Window], forecasts: list[Forecast], keys: list[str]) -> tuple[list[Window], list[Forecast]]:
    """Windows and forecasts of some series only."""
    fewer, made = [], []
    for window, forecast in zip(windows, forecasts, strict=True):
        panel = window.panel
        kept = np.flatnonzero(panel.keys["unique_id"].is_in(keys).to_numpy())
        part = replace(
            panel, keys=panel.keys[kept.tolist()], target=panel.target[kept], covariates=(), in_stock_share=None,
            last=None if panel.last is None else panel.last[kept],
        )  # fmt: skip
        fewer.append(replace(window, panel=part, actual=window.actual[kept], scale=window.scale[kept]))
        made.append(
            Forecast(
                forecast.mean[kept], forecast.quantiles[kept], forecast.levels, forecast.model[kept], forecast.fallback[kept]
            )
        )  # fmt: skip
    return fewer, made


def drawn_ratios(
    windows: list[Window], mine: list[Forecast], theirs: list[Forecast], rng: np.random.Generator
) -> dict[str, tuple[float, np.ndarray]]:
    """Ours / theirs in SQL and WAPE, and the same in paired bootstrap samples of the series: (ratio, draws)."""
    sums: dict[str, list[float]] = {}
    few = windows[0].panel.series_count < 30
    for number, (window, a, b) in enumerate(zip(windows, mine, theirs, strict=True)):
        one, two = cells_of(window, a), cells_of(window, b)
        for i, key in enumerate(window.panel.keys["unique_id"].to_list()):
            have = sums.setdefault(f"{key} {number}" if few else key, [0.0] * 4)
            parts = (one["scaled"][i], two["scaled"][i], one["error"][i], two["error"][i])
            for j, part in enumerate(parts):
                have[j] += float(np.nansum(part))
    matrix = np.array(list(sums.values()))
    weights = rng.multinomial(len(matrix), np.full(len(matrix), 1.0 / len(matrix)), size=DRAWS)
    drawn = weights @ matrix
    return {
        name: (
            float(matrix[:, j].sum() / max(matrix[:, j + 1].sum(), 1e-12)),
            drawn[:, j] / np.maximum(drawn[:, j + 1], 1e-12),
        )
        for name, j in (("sql", 0), ("wape", 2))
    }


def interval(ratio: float, draws: np.ndarray) -> list[float | None]:
    """Ratio - 1 with the 95 % interval."""
    return [_rounded(value) for value in (ratio - 1, *(np.quantile(draws, [0.025, 0.975]) - 1))]


def pooled_ratios(work: Path, names: list[str]) -> dict[str, Any]:
    """Over the sets run so far: geometric mean of ours / theirs by peer, with the interval of the draws."""
    files = {name: work / name / "draws.npz" for name in names}
    tables = {name: dict(np.load(path)) for name, path in files.items() if path.exists()}
    result: dict[str, Any] = {}
    for peer in sorted({key.split("|")[0] for table in tables.values() for key in table}):
        row: dict[str, Any] = {"sets": sorted(name for name, table in tables.items() if f"{peer}|sql" in table)}
        for metric in ("sql", "wape"):
            # the first number is the ratio itself, the others its draws
            parts = np.log([tables[name][f"{peer}|{metric}"] for name in row["sets"]])
            mean = np.exp(parts.mean(axis=0))
            row[metric] = interval(float(mean[0]), mean[1:])
        result[peer] = row
    return result


def _rounded(value: float) -> float | None:
    return None if not np.isfinite(value) else round(float(value), 4)


def run(name: str, made: datasets.Prepared, given: argparse.Namespace) -> dict[str, Any]:
    folder = given.work / name
    folder.mkdir(parents=True, exist_ok=True)
    panel = panel_of(made)
    task = Task(made.horizon, made.windows, made.season, LEVELS)
    wanted = None if made.truth is None else _dense(panel, made.truth, "y")
    seen = panel.target[np.isfinite(panel.target)]
    zero_share = float(np.mean(seen == 0))
    (folder / "task.json").write_text(
        json.dumps(
            {
                "frequency": made.frequency, "horizon": made.horizon, "season": made.season, "levels": LEVELS,
                "zero_share": zero_share, "prophet_series": PROPHET_SERIES,
            }
        )
    )  # fmt: skip
    if made.static is not None:
        made.static.write_parquet(folder / "static.parquet")
    windows, forecasts, seconds = [], {}, {}
    notes: dict[str, dict[str, Any]] = {}
    names = peer_names(given, made, zero_share)
    for window in windows_of(panel, task):
        if wanted is not None:
            window = with_truth(window, panel, wanted, task)
        windows.append(window)
        naive = seasonal_naive(made.season)(window.panel, LEVELS, 0)["seasonal_naive"]
        done = {"seasonal_naive": naive, **({} if given.only_peers else ours(window, 0))}
        export(window, folder, made)
        for one, python in names.items():
            forecast, note = peer(python, folder, window, one, naive[0])
            if forecast is None:
                notes[one] = note
                print(f"  {one}: {note['error']}", file=sys.stderr)
                continue
            notes[one] = note
            done[one] = (forecast, note["seconds"])
        for one, (forecast, spent) in done.items():
            forecasts.setdefault(one, []).append(forecast)
            seconds[one] = seconds.get(one, 0.0) + spent
        print(f"  {name}: window {window.number} of {task.windows}", file=sys.stderr)
    rng = np.random.default_rng(0)
    models = {}
    best = f"shelfcast_{CHAMPION}"
    draws: dict[str, np.ndarray] = {}
    for one, made_by in forecasts.items():
        if len(made_by) < len(windows):
            continue
        keys = notes.get(one, {}).pop("keys", None)
        judged, mine = windows, forecasts.get(best)
        if keys is not None and len(keys) < panel.series_count:
            judged, made_by = narrowed(windows, made_by, keys)
            mine = None if mine is None else narrowed(windows, mine, keys)[1]
        models[one] = scores(judged, made_by, rng) | {"seconds": round(seconds[one], 1)}
        models[one]["series"] = judged[0].panel.series_count
        models[one] |= {key: value for key, value in notes.get(one, {}).items() if key not in ("seconds", "versions")}
        if one != best and mine is not None:
            ratios = drawn_ratios(judged, mine, made_by, rng)
            models[one]["ours_against_it"] = {name: interval(*pair) for name, pair in ratios.items()}
            draws |= {f"{one}|{name}": np.append(pair[0], pair[1]) for name, pair in ratios.items()}
    np.savez_compressed(folder / "draws.npz", **draws)
    return {
        **made.notes,
        "series": panel.series_count, "frequency": made.frequency, "horizon": made.horizon, "windows": made.windows,
        "season": made.season, "cells": int(sum(np.isfinite(window.actual).sum() for window in windows)),
        "zero_share": round(zero_share, 3), "failed": {k: v["error"] for k, v in notes.items() if "error" in v},
        "models": models,
    } | {"versions": {k: v for note in notes.values() for k, v in note.get("versions", {}).items()}}  # fmt: skip


def with_truth(window: Window, panel: Panel, wanted: np.ndarray, task: Task) -> Window:
    """The window with what is to be scored in place of sales."""
    row = {key: number for number, key in enumerate(panel.keys["unique_id"])}
    kept = np.array([row[key] for key in window.panel.keys["unique_id"]])
    ahead = last_of(window.panel)[:, None] + np.arange(1, task.horizon + 1)
    return Window(window.number, window.panel, wanted[kept[:, None], ahead], window.scale, window.left_out)


def peer_names(given: argparse.Namespace, made: datasets.Prepared, zero_share: float) -> dict[str, Path]:
    if given.peers is None:
        return {}
    names = [*FAST, *(SPARSE if zero_share > 0.2 else ())]
    if made.frequency != "M":
        names.append("Prophet")
    chosen = dict.fromkeys(names, given.peers)
    if given.autogluon is not None:
        chosen["AutoGluon"] = given.autogluon
    if given.models:
        chosen = {name: python for name, python in chosen.items() if name in given.models.split(",")}
    return chosen


def page(document: dict[str, Any]) -> str:
    """The scores as tables."""
    lines = [
        "# Scoreboard",
        "",
        "Made by `benchmarks/accuracy/scoreboard.py`; the numbers with all details are in `scoreboard.json`. Lower is better. 'in 80' and",
        "'in 95': share of cells whose randomised PIT lies in the central 80 and 95 %. 'ours against it': SQL of our ensemble over the",
        "row's, minus 1, with the 95 % interval of the paired bootstrap; below zero ours is better.",
    ]
    if document.get("pooled"):
        lines += ["", "## All sets", "", "Geometric mean over the sets of ours over the row's, minus 1.", ""]
        lines += ["| model | sets | SQL | WAPE |", "|---|---|---|---|"]
        for model, row in sorted(document["pooled"].items(), key=lambda item: item[1]["sql"][0]):
            lines.append(f"| {model} | {len(row['sets'])} | {_percent(row['sql'])} | {_percent(row['wape'])} |")
    for name, one in document["sets"].items():
        measured = one["measured"]
        lines += [
            "",
            f"## {name}",
            "",
            f"{one['what']}. {one['series']} series, frequency {one['frequency']}, horizon {one['horizon']}, {one['windows']} windows, "
            f"{one['cells']} cells, season {one['season']}, {100 * one['zero_share']:.0f} % zeros. Measured {measured['at']}, {measured['machine']}.",
            "",
            "| model | SQL | WAPE | MASE | bias | in 80 | in 95 | seconds | ours against it |",
            "|---|---|---|---|---|---|---|---|---|",
        ]
        for model, row in sorted(one["models"].items(), key=lambda item: item[1]["sql"] or 9e9):
            pit, pair = row["pit"]["all"], row.get("ours_against_it", {}).get("sql")
            shown = "" if not pair else _percent(pair)
            of = f" ({row['series']} series)" if row.get("series", one["series"]) < one["series"] else ""
            lines.append(
                f"| {model}{of} | {row['sql']} | {row['wape']} | {row['mase']} | {row['bias']} | {pit['80']} | {pit['95']} | {row['seconds']} | {shown} |"
            )
        for model, why in one["failed"].items():
            lines.append(f"\n{model} gave no forecast: {why}")
    return "\n".join(lines) + "\n"


def _percent(pair: list[float]) -> str:
    return f"{100 * pair[0]:+.1f} % ({100 * pair[1]:+.1f} .. {100 * pair[2]:+.1f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--peers", type=Path)
    parser.add_argument("--autogluon", type=Path)
    parser.add_argument("--shop", type=Path)
    parser.add_argument("--sets", default="")
    parser.add_argument("--models", default="")
    parser.add_argument("--only-peers", action="store_true")
    parser.add_argument("--windows", type=int, default=0, help="fewer windows than the set's own")
    parser.add_argument("--most", type=int, default=0, help="another number of series than MOST says")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "scoreboard.json")
    given = parser.parse_args()
    given.out.parent.mkdir(parents=True, exist_ok=True)
    sets = dict(datasets.SETS)
    if given.shop is not None:
        sets["simulated"] = lambda _data: datasets.simulated(given.shop)
    chosen = given.sets.split(",") if given.sets else list(sets)
    document = json.loads(given.out.read_text()) if given.out.exists() else {"sets": {}}
    for name in chosen:
        print(name, file=sys.stderr)
        begun = time.perf_counter()
        made = sampled(sets[name](given.data), given.most or MOST.get(name, 10**9))
        made = replace(made, windows=min(made.windows, given.windows)) if given.windows else made
        result = run(name, made, given)
        result["measured"] = {
            "at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
            "machine": f"{platform.machine()}, {__import__('os').cpu_count()} cores, shared with other work",
            "python": platform.python_version(), "lightgbm": version("lightgbm"), "numpy": version("numpy"),
            "polars": version("polars"), "seconds": round(time.perf_counter() - begun, 1),
        }  # fmt: skip
        document["sets"][name] = result
        document["pooled"] = pooled_ratios(given.work, sorted(document["sets"]))
        given.out.write_text(json.dumps(document, indent=1) + "\n")
        given.out.with_suffix(".md").write_text(page(document))
        for one, row in sorted(result["models"].items(), key=lambda item: item[1]["sql"] or 9e9):
            pit = row["pit"]["all"]
            print(
                f"{name:<16}{one:<36}{row['sql']!s:>9}{row['wape']!s:>9}{row['bias']!s:>9}{pit['80']!s:>8}{pit['95']!s:>8}"
                f"{row['seconds']:>8}  {row.get('ours_against_it', {}).get('sql', '')}"
            )


if __name__ == "__main__":
    main()
