"""Baselines of a panel: closed days are neither learned from nor forecast; chunks run side by side in threads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from shelfcast.domain import quantiles as quantile_grid
from shelfcast.features.panel import Forecast, Panel, Role
from shelfcast.forecast.models.baseline_choice import (
    BaselineFacts,
    BaselineForecast,
    chunks,
    forecast_baselines,
    learn_facts,
)
from shelfcast.forecast.models.baselines import BASELINES, rhythm_of

Floats = NDArray[np.floating]


def panel_facts(
    panel: Panel, *, levels: Sequence[float] = quantile_grid.GRID, methods: Sequence[str] = tuple(BASELINES)
) -> BaselineFacts:
    """What the baselines learn on a sample before partitions are forecast one by one."""
    history, _ = open_history(panel)
    return learn_facts(history, panel.horizon, rhythm_of(panel.frequency), levels=levels, methods=methods)


def forecast_panel(panel: Panel, facts: BaselineFacts | None = None, *, threads: int = 1) -> BaselineForecast:
    """Baseline forecast of every series of the panel, chosen per series. `facts=None` learns them on the panel.

    On days the location is closed (a known-future flag named `open`) the forecast and its drivers are zero.
    """
    facts = facts or panel_facts(panel)
    parts = list(forecast_in_chunks(panel, facts, threads=threads))
    if len(parts) == 1:
        return parts[0]
    forecasts = [part.forecast for part in parts]
    return BaselineForecast(
        Forecast(
            np.concatenate([one.mean for one in forecasts]),
            np.concatenate([one.quantiles for one in forecasts]),
            facts.levels,
            np.concatenate([one.model for one in forecasts]),
            np.concatenate([one.fallback for one in forecasts]),
        ),
        np.concatenate([part.weights for part in parts]),
        {name: np.concatenate([part.drivers[name] for part in parts]) for name in parts[0].drivers},
    )


def forecast_one_method(panel: Panel, method: str, *, levels: Sequence[float] = quantile_grid.GRID) -> Forecast:
    """Forecast of a single method by name, with quantiles from its own past errors: a row of a scoreboard.

    Where the method can't be used for a series (no year of history...), the simple ones stand in and `fallback` says so.
    """
    if method not in BASELINES:
        facts = panel_facts(panel, levels=levels, methods=[method])  # raises with the known names
        return forecast_panel(panel, facts).forecast
    alone = forecast_panel(panel, panel_facts(panel, levels=levels, methods=[method])).forecast
    missing = np.any(np.isnan(alone.mean), axis=1)
    if not np.any(missing):
        return alone
    spare = forecast_panel(
        panel, panel_facts(panel, levels=levels, methods=["naive", "window_average", "historic_average"])
    ).forecast
    return Forecast(
        np.where(missing[:, np.newaxis], spare.mean, alone.mean),
        np.where(missing[:, np.newaxis, np.newaxis], spare.quantiles, alone.quantiles),
        alone.levels,
        np.where(missing, spare.model, alone.model),
        np.where(missing, f"{method} needs more history", alone.fallback),
    )


def forecast_in_chunks(panel: Panel, facts: BaselineFacts, *, threads: int = 1) -> Iterator[BaselineForecast]:
    """Forecasts of the panel's series in order, a bounded number at a time: memory doesn't grow with the series."""
    history, closed = open_history(panel)

    def one(rows: slice) -> BaselineForecast:
        made = forecast_baselines(history[rows], facts)
        return made if closed is None else _without_closed(made, closed[rows])

    slices = list(chunks(panel.series_count, panel.horizon, len(facts.methods)))
    if threads <= 1:
        yield from map(one, slices)
        return
    with ThreadPoolExecutor(threads) as pool:
        for start in range(0, len(slices), threads):
            yield from pool.map(one, slices[start : start + threads])


def open_history(panel: Panel) -> tuple[Floats, NDArray[np.bool_] | None]:
    """History with closed days missing instead of zero, ending at each series' own last period in the last column,
    and which future days are closed (series, H)."""
    length, horizon = panel.history_length, panel.horizon
    last = np.full(panel.series_count, length - 1) if panel.last is None else np.asarray(panel.last)
    past = last[:, None] + np.arange(1 - length, 1)
    ahead = last[:, None] + np.arange(1, horizon + 1)
    history, closed = panel.target, None
    for covariate in panel.covariates:
        if covariate.name == "open" and covariate.role is Role.KNOWN_FUTURE:
            shut = covariate.of_series() == 0
            history = np.where(shut[:, :length] & ~(panel.target > 0), np.nan, panel.target)
            closed = np.take_along_axis(shut, ahead, axis=1)
    if panel.last is not None:
        shifted = np.take_along_axis(history, np.maximum(past, 0), axis=1)
        history = np.where(past >= 0, shifted, np.nan)
    return history, closed


def _without_closed(made: BaselineForecast, closed: NDArray[np.bool_]) -> BaselineForecast:
    forecast = replace(
        made.forecast,
        mean=np.where(closed, 0.0, made.forecast.mean),
        quantiles=np.where(closed[:, :, None], 0.0, made.forecast.quantiles),
    )
    drivers = {name: np.where(closed, 0.0, values) for name, values in made.drivers.items()}
    return BaselineForecast(forecast, made.weights, drivers)
