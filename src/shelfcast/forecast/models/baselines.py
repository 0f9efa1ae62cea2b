"""The fast path: simple methods, compiled, for millions of series.

`BASELINES` is the registry. Each method gives a path of means from any origin (`method_paths`); how they are chosen
and combined per series is in `baseline_choice`, how errors become quantiles in `spread`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shelfcast.domain.errors import BadInput, BadParameter
from shelfcast.forecast.models import paths as kernels

Floats = NDArray[np.floating]


@dataclass(frozen=True)
class Baseline:
    """One simple method."""

    code: int
    """Which kernel of `paths`."""
    meaning: str
    complexity: int
    """The simpler method wins ties."""
    seasonal: bool = False
    intermittent: bool = False
    """Made for demand with many zeros."""


BASELINES: dict[str, Baseline] = {
    "naive": Baseline(kernels.NAIVE, "The last value", 0),
    "historic_average": Baseline(kernels.HISTORIC_AVERAGE, "Mean of the whole history", 0),
    "window_average": Baseline(kernels.WINDOW_AVERAGE, "Mean of the last weeks", 0),
    "seasonal_naive": Baseline(kernels.SEASONAL_NAIVE, "The last season again", 0, seasonal=True),
    "seasonal_window_average": Baseline(
        kernels.SEASONAL_WINDOW_AVERAGE, "Mean of the same weekday (month...) over the last seasons", 1, seasonal=True
    ),
    "smoothing": Baseline(kernels.SMOOTHING, "Simple exponential smoothing, weight chosen per series", 1),
    "damped_trend": Baseline(kernels.DAMPED_TREND, "Holt's smoothing with a damped trend", 2),
    "seasonal_smoothing": Baseline(kernels.SEASONAL_SMOOTHING, "Level and season smoothed together", 2, seasonal=True),
    "year_ago": Baseline(kernels.YEAR_AGO, "The same weeks a year ago, at today's level", 2, seasonal=True),
    "yearly_trend": Baseline(
        kernels.YEARLY_TREND, "Level, damped trend and yearly season smoothed together", 2, seasonal=True
    ),
    "croston": Baseline(kernels.CROSTON, "Size of a sale over interval between sales", 1, intermittent=True),
    "croston_sba": Baseline(kernels.CROSTON_SBA, "Croston without its bias", 1, intermittent=True),
    "tsb": Baseline(kernels.TSB, "Size of a sale times its chance, which fades", 1, intermittent=True),
    "adida": Baseline(kernels.ADIDA, "Smoothed sums over the mean interval between sales", 2, intermittent=True),
    "imapa": Baseline(kernels.IMAPA, "ADIDA averaged over several bucket lengths", 2, intermittent=True),
}


@dataclass(frozen=True)
class Rhythm:
    """How a series of a frequency repeats itself, in periods."""

    season: int
    """The season the seasonal methods repeat: a week of days, a year of weeks or months."""
    window: int
    """Periods a window average looks back."""
    year: int
    """A year, aligned to the season (364 days = 52 whole weeks)."""


RHYTHMS: dict[str, Rhythm] = {"D": Rhythm(7, 28, 364), "W": Rhythm(52, 8, 52), "M": Rhythm(12, 6, 12)}


def rhythm_of(frequency: str) -> Rhythm:
    """Rhythm of days, weeks or months.

    Raises:
        BadParameter: another frequency.
    """
    if frequency not in RHYTHMS:
        raise BadParameter.unknown("frequency", frequency, RHYTHMS, "Aggregate the history to one of them first.")
    return RHYTHMS[frequency]


def method_paths(
    name: str, target: Floats, origins: Sequence[int] | NDArray[np.integer], horizon: int, rhythm: Rhythm
) -> Floats:
    """Paths (series, origins, H) of one method, each made with the first `origin` periods of `target` only.

    Args:
        target: (series, T), NaN where missing.
        origins: rising numbers of periods known, each 0..T; `[T]` for the forecast itself.

    Raises:
        BadParameter: unknown method. BadInput: origins that don't rise or lie outside the history.

    >>> method_paths("naive", np.array([[1.0, 2.0, np.nan]]), [1, 3], 2, RHYTHMS["D"]).tolist()
    [[[1.0, 1.0], [2.0, 2.0]]]
    """
    if name not in BASELINES:
        raise BadParameter.unknown("baseline", name, BASELINES)
    known = np.asarray(origins, dtype=np.int64)
    if len(known) == 0 or np.any(np.diff(known) <= 0) or known[0] < 0 or known[-1] > target.shape[1]:
        raise BadInput(f"origins {known.tolist()} must rise and lie within 0..{target.shape[1]} known periods.")
    out = np.empty((target.shape[0], len(known), horizon))
    kernels.paths(
        BASELINES[name].code,
        np.ascontiguousarray(target, dtype=np.float64),
        known,
        rhythm.season,
        rhythm.window,
        rhythm.year,
        out,
    )
    return out
