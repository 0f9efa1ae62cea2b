"""The models a backtest compares, each from a panel to named forecasts with the seconds they took."""

from __future__ import annotations

import time
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from shelfcast.features.panel import Forecast, Panel
from shelfcast.features.recovery import recovered_panel
from shelfcast.forecast.backtest import Forecaster, right_aligned
from shelfcast.forecast.models.baseline_panel import forecast_one_method, forecast_panel, panel_facts
from shelfcast.forecast.models.training import ROW_BUDGET, train_and_hold
from shelfcast.forecast.selection import learn_shares, mix

CHAMPION = "ensemble"
METHODS = ("window_average", "seasonal_window_average", "smoothing", "croston_sba")
"""Single baselines shown beside the ones chosen per series."""

Made = Mapping[str, tuple[Forecast, float]]


def seasonal_naive(season: int) -> Forecaster:
    """The last season again, as the published tables define it: by the metrics' season, blind to covariates.

    Gaps are filled forward. Quantiles are normal around the repeated value, with the root mean square of past seasonal
    differences times the root of the number of seasons ahead (Hyndman and Athanasopoulos, Forecasting: Principles and
    Practice, section 5.5); they may be negative.
    """

    def forecast(panel: Panel, levels: tuple[float, ...], _seed: int) -> Made:
        begun = time.perf_counter()
        history = filled_forward(right_aligned(panel).astype(np.float64))
        steps = np.arange(panel.horizon)
        lag = min(season, history.shape[1])
        mean = np.nan_to_num(history[:, history.shape[1] - lag + steps % lag])
        change = history[:, lag:] - history[:, :-lag]
        count = np.isfinite(change).sum(axis=1)
        deviation = np.sqrt(
            np.where(np.isfinite(change), change, 0.0) ** 2 @ np.ones(change.shape[1]) / np.maximum(count, 1)
        )
        away = deviation[:, None] * np.sqrt(steps // lag + 1.0)
        quantiles = mean[:, :, None] + away[:, :, None] * norm_quantiles(levels)
        names = np.full(len(mean), "seasonal_naive", dtype=np.str_)
        made = Forecast(mean, quantiles, tuple(levels), names, np.full(len(mean), "", dtype=np.str_))
        return {"seasonal_naive": (made, time.perf_counter() - begun)}

    return forecast


def filled_forward(history: NDArray[np.float64]) -> NDArray[np.float64]:
    """Missing periods get the last known value; those before the first stay missing.

    >>> filled_forward(np.array([[np.nan, 1.0, np.nan, 3.0]])).tolist()
    [[nan, 1.0, 1.0, 3.0]]
    """
    index = np.where(np.isfinite(history), np.arange(history.shape[1])[None, :], 0)
    index = np.maximum.accumulate(index, axis=1)
    return np.take_along_axis(history, index, axis=1)


def norm_quantiles(levels: tuple[float, ...]) -> NDArray[np.float64]:
    from statistics import NormalDist

    return np.array([NormalDist().inv_cdf(level) for level in levels])


def single_baselines(panel: Panel, levels: tuple[float, ...], _seed: int) -> Made:
    """Simple methods one by one."""
    made: dict[str, tuple[Forecast, float]] = {}
    for method in METHODS:
        begun = time.perf_counter()
        forecast = forecast_one_method(panel, method, levels=levels)
        made[method] = (forecast, time.perf_counter() - begun)
    return made


def champion(threads: int = 0, budget: int = ROW_BUDGET) -> Forecaster:
    """Baselines chosen per series, the boosted model, and their ensemble: trained anew on what the panel knows.

    Where the panel says that stock ran out, they learn from recovered demand.
    """

    def forecast(panel: Panel, levels: tuple[float, ...], seed: int) -> Made:
        begun = time.perf_counter()
        panel = recovered_panel(panel)
        baseline = forecast_panel(panel, panel_facts(panel, levels=levels)).forecast
        seconds = time.perf_counter() - begun
        begun = time.perf_counter()
        model, held = train_and_hold(panel, panel.horizon, seed=seed, threads=threads, budget=budget)
        boosted = model.forecast(panel, levels, threads=threads)
        boosted_seconds = time.perf_counter() - begun
        begun = time.perf_counter()
        ensemble = mix(boosted, baseline, learn_shares(panel, held, panel.horizon), panel)
        both = seconds + boosted_seconds + time.perf_counter() - begun
        return {
            "baselines": (baseline, seconds),
            "boosted": (boosted, boosted_seconds),
            CHAMPION: (ensemble, both),
        }

    return forecast
