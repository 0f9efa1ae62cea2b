"""The models a backtest compares, each from a panel to named forecasts with the seconds they took."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from shelfcast.features.panel import Forecast, Panel
from shelfcast.features.recovery import recovered_panel
from shelfcast.forecast.backtest import Forecaster, right_aligned
from shelfcast.forecast.models.baseline_choice import forecast_baselines, learn_facts
from shelfcast.forecast.models.baseline_panel import forecast_one_method, forecast_panel, panel_facts
from shelfcast.forecast.models.baselines import rhythm_of
from shelfcast.forecast.models.training import ROW_BUDGET, train_and_hold
from shelfcast.forecast.selection import learn_shares, mix

CHAMPION = "ensemble"
METHODS = ("window_average", "seasonal_window_average", "smoothing", "croston_sba")
"""Single baselines shown beside the ones chosen per series."""

Made = Mapping[str, tuple[Forecast, float]]


def seasonal_naive(season: int) -> Forecaster:
    """The last season again, as the published tables define it: by the metrics' season, blind to covariates."""

    def forecast(panel: Panel, levels: tuple[float, ...], _seed: int) -> Made:
        begun = time.perf_counter()
        target = right_aligned(panel).astype(np.float64)
        rhythm = replace(rhythm_of(panel.frequency), season=season)
        facts = learn_facts(target, panel.horizon, rhythm, levels=levels, methods=["seasonal_naive"])
        made = forecast_baselines(target, facts).forecast
        middle = levels.index(0.5)
        # the published row scores the repeated value itself
        shift = made.mean - made.quantiles[:, :, middle]
        moved = replace(made, quantiles=np.maximum.accumulate(made.quantiles + shift[:, :, None], axis=2))
        return {"seasonal_naive": (moved, time.perf_counter() - begun)}

    return forecast


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
