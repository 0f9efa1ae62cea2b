"""Honest coverage: the share of cells whose randomised PIT lies in the central 80 and 95 %, by segments.

A closed period (everything forecast zero, and zero it was) is no forecast and is left out; `coverage` of a backtest counts
it as covered. Segments: demand, thirds of the horizon, thirds of the series by their mean. Under `LEAST_CELLS` cells
nothing can be said within 2 points.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from shelfcast.features.panel import Forecast
from shelfcast.forecast import metrics
from shelfcast.forecast.backtest import Window, right_aligned
from shelfcast.forecast.models.segments import SEGMENTS, demand_segments

LEAST_CELLS = 5_000
Counts = dict[str, list[int]]
"""By segment: cells, cells in the central 80 %, cells in the central 95 %."""


def pit_counts(window: Window, forecast: Forecast, rng: np.random.Generator) -> Counts:
    """Counts of one window."""
    history = right_aligned(window.panel).astype(float)
    seen = history[np.isfinite(history)]
    step = 1.0 if bool(np.all(seen == np.round(seen))) else 0.0
    count, horizon = window.actual.shape
    pit = metrics.randomised_pit(window.actual, forecast.quantiles, forecast.levels, rng, step)
    pit[(forecast.quantiles == 0.0).all(axis=2) & (window.actual == 0.0)] = np.nan
    size = np.array([np.mean(row[np.isfinite(row)]) if np.isfinite(row).any() else 0.0 for row in history])
    of_size = np.searchsorted(np.quantile(size, [1 / 3, 2 / 3]), size, side="right")
    demand = demand_segments(history)
    parts = {"all": np.ones(pit.shape, dtype=bool)}
    parts |= {f"demand {name}": np.repeat((demand == code)[:, None], horizon, 1) for code, name in enumerate(SEGMENTS)}
    third = np.arange(horizon) * 3 // horizon
    parts |= {f"horizon third {n + 1}": np.repeat((third == n)[None, :], count, 0) for n in range(3)}
    parts |= {f"size third {n + 1}": np.repeat((of_size == n)[:, None], horizon, 1) for n in range(3)}
    away = np.abs(pit - 0.5)
    result = {}
    for name, inside in parts.items():
        known = away[inside & np.isfinite(pit)]
        result[name] = [len(known), int((known <= 0.4).sum()), int((known <= 0.475).sum())]
    return result


def pooled(counts: Iterable[Mapping[str, list[int]]]) -> dict[str, dict[str, float | int | None]]:
    """Shares over windows, of all cells and of segments with enough of them."""
    total: Counts = {}
    for one in counts:
        for name, values in one.items():
            total[name] = [a + b for a, b in zip(total.get(name, [0, 0, 0]), values, strict=True)]
    return {
        name: {
            "cells": cells,
            "80": round(inside80 / cells, 4) if cells else None,
            "95": round(inside95 / cells, 4) if cells else None,
        }
        for name, (cells, inside80, inside95) in total.items()
        if cells >= LEAST_CELLS or name == "all"
    }
