"""Forecasts from several past cutoffs, scored.

    history of each series   ......................|--H--|--H--|--H--|     its own last period at the right end
    window 1 (the oldest)          knows up to here ^ scored
    window 2                             knows up to here ^ scored

Cutoffs count back by periods from the end of each series, whatever its date. A window's forecasters see a panel that
holds nothing after the cutoffs, except known_future covariates. Scores pool the cells of a window as the published
tables do (`metrics`), the mean over windows is the score of a model. Periods on which stock ran out aren't scored.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shelfcast.domain.errors import BadInput, BadParameter
from shelfcast.domain.quantiles import GRID
from shelfcast.features.panel import Forecast, Panel, Role
from shelfcast.features.recipe import last_of
from shelfcast.forecast import metrics
from shelfcast.ports.progress import Progress, Silent

Floats = NDArray[np.floating]
Forecaster = Callable[[Panel, tuple[float, ...], int], Mapping[str, tuple[Forecast, float]]]
"""From (panel, levels, seed) to forecasts by model name, with the seconds each took."""


@dataclass(frozen=True)
class Task:
    """What is asked."""

    horizon: int
    windows: int
    season: int
    levels: tuple[float, ...]
    seed: int = 0

    def check(self) -> None:
        for name, value in (("horizon", self.horizon), ("windows", self.windows), ("seasonality", self.season)):
            if value < 1:
                raise BadParameter(f"{name} {value} isn't allowed; give 1 or more.")
        if not self.levels or any(not 0.0 < level < 1.0 for level in self.levels):
            raise BadParameter(f"quantiles {list(self.levels)} aren't allowed; give numbers between 0 and 1.")
        if list(self.levels) != sorted(set(self.levels)):
            raise BadParameter(f"quantiles {list(self.levels)} must rise, each once.")


@dataclass(frozen=True)
class Window:
    """One cutoff: what is known, and what came."""

    number: int
    panel: Panel
    actual: Floats
    """(series, H)"""
    scale: Floats
    """Seasonal error of each series' own history before the cutoff."""
    left_out: int
    """Series without any period before the cutoff."""

    @property
    def cutoff(self) -> np.datetime64:
        return self.panel.periods[last_of(self.panel).max()]


def windows_of(panel: Panel, task: Task) -> Iterator[Window]:
    """Windows, oldest first. `panel`: whole history, no future."""
    for number in range(1, task.windows + 1):
        yield window_of(panel, task, number)


def window_of(panel: Panel, task: Task, number: int) -> Window:
    back = (task.windows - number + 1) * task.horizon
    last = last_of(panel).astype(np.int64) - back
    first = np.where(
        np.isfinite(panel.target).any(axis=1), np.isfinite(panel.target).argmax(axis=1), panel.history_length
    )
    kept = np.flatnonzero(last >= first)
    if len(kept) == 0:
        raise BadInput(
            f"window {number} of {task.windows} needs more than {back} periods of history and no series has them; "
            "ask for fewer windows or a shorter horizon."
        )
    last = last[kept]
    length = int(last.max()) + 1
    ahead = last[:, None] + np.arange(1, task.horizon + 1)
    actual = panel.target[kept[:, None], ahead].astype(np.float64)
    if panel.in_stock_share is not None:
        # where stock ran out, sales aren't what customers wanted: not scored
        actual = np.where(panel.in_stock_share[kept[:, None], ahead] < 1.0, np.nan, actual)
    target = panel.target[kept, :length].copy()
    target[np.arange(length)[None, :] > last[:, None]] = np.nan
    covariates = []
    for one in panel.covariates:
        rows = one.rows[kept]
        if one.role == Role.OBSERVED:
            values = one.values[:, :length]
            if len(one.values) == panel.series_count and np.array_equal(one.rows, np.arange(panel.series_count)):
                values = values[kept].copy()
                values[np.arange(length)[None, :] > last[:, None]] = np.nan
                rows = np.arange(len(kept))
            covariates.append(replace(one, values=values, rows=rows))
        elif one.role == Role.KNOWN_FUTURE:
            covariates.append(replace(one, values=one.values[:, : length + task.horizon], rows=rows))
        elif one.role == Role.EXPECTED:
            covariates.append(replace(one, values=one.values[:, :length], rows=rows))
        else:
            covariates.append(replace(one, rows=rows))
    known = Panel(
        panel.keys[kept.tolist()],
        panel.frequency,
        panel.periods[: length + task.horizon],
        target,
        None if panel.in_stock_share is None else panel.in_stock_share[kept, :length],
        tuple(covariates),
        None if (last == length - 1).all() else last,
    )
    scale = metrics.seasonal_error(right_aligned(known).astype(np.float64), task.season)
    return Window(number, known, actual, scale, panel.series_count - len(kept))


def right_aligned(panel: Panel) -> Floats:
    """History with every series' last period in the last column: for methods that don't look at dates."""
    last = last_of(panel)
    length = panel.history_length
    if (last == length - 1).all():
        return panel.target
    index = np.arange(length)[None, :] - (length - 1 - last[:, None])
    rows = np.arange(panel.series_count)[:, None]
    return np.where(index >= 0, panel.target[rows, np.maximum(index, 0)], np.nan)


def backtest(
    panel: Panel, task: Task, forecasters: Sequence[Forecaster], champion: str, progress: Progress | None = None
) -> dict[str, Any]:
    """Run all windows. Returns the document that is written as JSON (contracts: backtest output)."""
    task.check()
    progress = progress or Silent()
    asked = np.asarray(task.levels)
    levels = tuple(float(one) for one in np.unique(np.round(np.concatenate([asked, GRID]), 6)))
    chosen = np.array([int(np.argmin(np.abs(np.asarray(levels) - one))) for one in asked])
    rows: dict[str, list[dict[str, Any]]] = {}
    about: list[dict[str, Any]] = []
    progress.start("backtest", task.windows)
    for window in windows_of(panel, task):
        cells = int(np.isfinite(window.actual).sum())
        about.append(
            {
                "window": window.number,
                "cutoff": str(window.cutoff),
                "series": window.panel.series_count,
                "series_without_history": window.left_out,
                "cells": cells,
            }
        )
        for forecaster in forecasters:
            for name, (forecast, seconds) in forecaster(window.panel, levels, task.seed).items():
                scores = scores_of(window, forecast, levels, chosen)
                scores |= {"window": window.number, "cutoff": str(window.cutoff), "seconds": round(seconds, 3)}
                scores["peak_mb"] = peak_mb()
                rows.setdefault(name, []).append(scores)
        progress.advance("backtest")
    progress.done("backtest")
    models = {name: summary_of(scored) for name, scored in rows.items()}
    return {
        "task": {
            "frequency": panel.frequency,
            "horizon": task.horizon,
            "windows": task.windows,
            "seasonality": task.season,
            "quantiles": list(task.levels),
            "seed": task.seed,
            "series": panel.series_count,
            "scored": "periods in stock" if panel.in_stock_share is not None else "all periods",
            "point_forecast": "median for wape and mase, mean for bias",
            "cutoffs": about,
        },
        "champion": champion,
        "models": models,
    }


def scores_of(
    window: Window, forecast: Forecast, levels: tuple[float, ...], chosen: NDArray[np.int64]
) -> dict[str, Any]:
    """All scores of one forecast: the median is the point forecast of wape and mase, the mean that of bias."""
    asked = forecast.quantiles[:, :, chosen]
    names = [levels[i] for i in chosen]
    median = forecast.quantiles[:, :, levels.index(0.5)]
    actual = window.actual
    return {
        "sql": _number(metrics.sql(actual, asked, names, window.scale)),
        "mase": _number(metrics.mase(actual, median, window.scale)),
        "wape": _number(metrics.wape(actual, median)),
        "wql": _number(metrics.wql(actual, asked, names)),
        "bias": _number(metrics.bias(actual, forecast.mean)),
        "coverage": {
            "80": _number(metrics.coverage(actual, forecast.quantiles, levels, 0.8)),
            "95": _number(metrics.coverage(actual, forecast.quantiles, levels, 0.95)),
        },
    }


def summary_of(scored: list[dict[str, Any]]) -> dict[str, Any]:
    """Mean over windows of every score (windows without one left out), sum of seconds, highest memory."""
    result: dict[str, Any] = {
        name: _number(_mean([one[name] for one in scored])) for name in ("sql", "mase", "wape", "wql", "bias")
    }
    result["coverage"] = {share: _number(_mean([one["coverage"][share] for one in scored])) for share in ("80", "95")}
    result["seconds"] = round(sum(one["seconds"] for one in scored), 3)
    result["peak_mb"] = max(one["peak_mb"] for one in scored)
    result["windows"] = scored
    return result


def _mean(values: list[float | None]) -> float:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else float("nan")


def _number(value: float) -> float | None:
    """JSON has no NaN: a score with nothing to score is null."""
    return None if not np.isfinite(value) else float(value)


def peak_mb() -> float:
    """Highest resident memory of the process so far."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


def timed(work: Callable[[], Forecast]) -> tuple[Forecast, float]:
    begun = time.perf_counter()
    return work(), time.perf_counter() - begun
