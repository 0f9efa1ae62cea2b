"""The forecast every series gets: the boosted model and the baselines, mixed by what held-out periods say.

boosted forecast  x share  +  baseline forecast  x (1 - share)  =  forecast
boosted drivers   x share  +  baseline drivers   x (1 - share)  =  drivers, in whole micro-units
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shelfcast.domain.quantiles import GRID
from shelfcast.features.context import Context
from shelfcast.features.panel import Forecast, Panel
from shelfcast.forecast.explanation import DRIVERS, MICRO, Explanation, explain_view, to_micro
from shelfcast.forecast.models.baseline_choice import BaselineFacts, BaselineForecast
from shelfcast.forecast.models.baseline_panel import forecast_panel
from shelfcast.forecast.models.boosted import Model, View
from shelfcast.forecast.selection import Shares, mix, share_of_boosted


@dataclass(frozen=True)
class Ensemble:
    """What is needed to forecast any panel of a lake."""

    model: Model
    context: Context
    facts: BaselineFacts
    shares: Shares


@dataclass(frozen=True)
class Forecasts:
    """The ensemble's forecast of a panel, and what it is made of. Rounded to whole millionths of a unit."""

    forecast: Forecast
    baseline: BaselineForecast
    view: View
    share: NDArray[np.float64]
    """Of the boosted model, by series."""


def forecast_ensemble(panel: Panel, ensemble: Ensemble, *, threads: int = 0) -> Forecasts:
    """Forecast every series of the panel."""
    view = ensemble.model.view(panel, ensemble.context)
    boosted = ensemble.model.from_view(view, GRID, threads=threads)
    baseline = forecast_panel(panel, ensemble.facts)
    mixed = mix(boosted, baseline.forecast, ensemble.shares, panel)
    return Forecasts(rounded(mixed), baseline, view, share_of_boosted(panel, ensemble.shares))


def rounded(forecast: Forecast) -> Forecast:
    """Means and quantiles in whole millionths of a unit: what is stored is what is explained."""
    return Forecast(
        to_micro(forecast.mean) / MICRO,
        to_micro(forecast.quantiles) / MICRO,
        forecast.levels,
        forecast.model,
        forecast.fallback,
    )


def explain_forecasts(made: Forecasts, ensemble: Ensemble) -> Explanation:
    """Base and drivers that add up to the forecast's mean exactly.

    What clipping and rounding change is on `rounding`; a series without the boosted model has the baselines' drivers only.
    """
    boosted = explain_view(ensemble.model, made.view)
    share = made.share[:, None]
    drivers = made.baseline.drivers
    base = share * boosted.base + (1.0 - share) * to_micro(drivers["level"])
    parts = share[:, :, None] * boosted.micro_units
    for name, driver in (("season", "season"), ("trend", "level")):
        parts[:, :, DRIVERS.index(driver)] += (1.0 - share) * to_micro(drivers[name])
    base_micro, micro = np.rint(base).astype(np.int64), np.rint(parts).astype(np.int64)
    left = to_micro(made.forecast.mean) - base_micro - micro.sum(axis=2)
    micro[:, :, DRIVERS.index("rounding")] += left
    return Explanation(DRIVERS, base_micro, micro)
