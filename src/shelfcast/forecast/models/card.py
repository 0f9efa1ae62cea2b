"""The card of a trained model: what it was trained on, with what, how long it took, and how good it was when held out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from shelfcast.domain.quantiles import GRID
from shelfcast.features.frame import Frame
from shelfcast.features.matrix import Names
from shelfcast.features.recipe import Recipe
from shelfcast.forecast.models.boosted import NAME, VERSION
from shelfcast.forecast.models.segments import SEGMENTS


@dataclass(frozen=True)
class HeldOut:
    """What the model would have said on held-out rows, and what came. Levels: `GRID`."""

    series: NDArray[np.int64]
    """Row of the series in the panel that was trained on."""
    cutoff: NDArray[np.int64]
    """Index of the last period known."""
    step: NDArray[np.int64]
    actual: NDArray[np.float64]
    mean: NDArray[np.float64]
    quantiles: NDArray[np.float64]


def held_scores(held: HeldOut, segment: NDArray[np.int64]) -> dict[str, dict[str, float]]:
    """Scores of the held-out forecasts for the card: all, by demand segment, by third of the horizon."""
    third = np.ceil(3.0 * held.step / max(int(held.step.max()), 1)).astype(np.int64)
    parts = {"all": np.ones(len(held.actual), dtype=np.bool_)}
    parts |= {f"segment={name}": segment == code for code, name in enumerate(SEGMENTS)}
    parts |= {f"third of the horizon={number}": third == number for number in (1, 2, 3)}
    result = {}
    for name, inside in parts.items():
        actual, mean, quantiles = held.actual[inside], held.mean[inside], held.quantiles[inside]
        total = float(np.abs(actual).sum())
        if total == 0.0:
            continue
        covered = {
            share: float(np.mean((actual >= quantiles[:, low]) & (actual <= quantiles[:, high])))
            for share, low, high in (
                ("80", GRID.index(0.1), GRID.index(0.9)),
                ("95", GRID.index(0.025), GRID.index(0.975)),
            )
        }
        result[name] = {
            "cells": len(actual),
            "wape": round(float(np.abs(actual - quantiles[:, GRID.index(0.5)]).sum()) / total, 5),
            "bias": round(float((mean - actual).sum()) / total, 5),
            "coverage_80": round(covered["80"], 5),
            "coverage_95": round(covered["95"], 5),
        }
    return result


def card_of(
    frame: Frame, recipe: Recipe, names: Names, rows: int, tree_count: int, timing: dict[str, float], seed: int
) -> dict[str, Any]:
    """The model card: what it was trained on, with what, how long it took. Scores are added by whoever measures them."""
    return {
        "model": NAME,
        "version": VERSION,
        "lightgbm": lgb.__version__,
        "frequency": recipe.frequency,
        "horizon": recipe.horizon,
        "scale": recipe.mode,
        "series": int(frame.demand.shape[0]),
        "periods": int(frame.last.max()) + 1,
        "first_period": str(frame.days[int(min(frame.first.min(), frame.last.max()))]),
        "last_period": str(frame.days[int(frame.last.max())]),
        "rows": rows,
        "trees": tree_count,
        "seed": seed,
        "features": list(names.features),
        "never_sold_when": [list(one) for one in recipe.never],
        "seconds": {name: round(value, 2) for name, value in timing.items()},
    }
