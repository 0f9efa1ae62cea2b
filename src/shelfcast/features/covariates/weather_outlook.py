"""Weather that was forecast: for each past day what was expected of the days after it, as it was issued then.

So a model learns what forecasts of weather are worth, errors and reach included, and a backtest knows no more than was
known. Weather that nobody forecast is not known (NaN), neither guessed nor looked up afterwards.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shelfcast.features.calendar import YEAR
from shelfcast.features.grid import Grid, Integers, lookup, scatter_mean
from shelfcast.features.panel import Covariate, Floats, Measure, Role

EXPECTED = ("temperature_c", "precipitation_mm")
"""What moves demand and is forecast with skill."""
LEAST_ISSUES = 60
"""Days on which forecasts were issued before their worth can be learnt."""
REACH_DAYS = 16
"""Weather services look no further ahead with skill."""
NORMAL_DAYS = 10
"""Days around the same day of earlier years that say what is normal."""
RECENT_DAYS = 28
MOST_SHARE = 1.2
PLACES_AT_ONCE = 100


Outlook = tuple[str, tuple[float, ...]]
"""A column of `weather` that is forecast, and the share of its difference from normal that comes true by days ahead."""


def learn_outlook(grid: Grid, weather: pl.DataFrame, forecasts: pl.DataFrame) -> tuple[Outlook, ...]:
    """Columns that were forecast on enough days; of weeks and months weather services say nothing worth learning.

    The share that comes true is the slope of the measured difference on the forecast one, over all locations (model
    output statistics, Glahn and Lowry 1972): 0 for forecasts without skill.

    Args:
        weather: one row a location and day as known at the cutoff; forecasts: every vintage known at the cutoff.
    """
    if grid.frequency != "D":
        return ()
    found: list[Outlook] = []
    places = forecasts["location_id"].unique().sort()
    for name in EXPECTED:
        told = forecasts.filter(pl.col(name).is_not_null())
        if told["known_at"].dt.date().n_unique() < LEAST_ISSUES:
            continue
        cross, square = np.zeros(REACH_DAYS), np.zeros(REACH_DAYS)
        for begin in range(0, len(places), PLACES_AT_ONCE):
            names = places[begin : begin + PLACES_AT_ONCE]
            came, expected = _differences(grid, names, weather, told, name)
            for lead in range(1, min(expected.shape[2], came.shape[1] - 1) + 1):
                f, a = expected[:, :-lead, lead - 1], came[:, lead:]
                both = np.isfinite(f) & np.isfinite(a)
                cross[lead - 1] += float((f[both] * a[both]).sum())
                square[lead - 1] += float((f[both] * f[both]).sum())
        share = np.clip(np.where(square > 0, cross / np.maximum(square, 1e-12), 0.0), 0.0, MOST_SHARE)
        if share.any():
            found.append((name, tuple(float(one) for one in np.round(share, 4))))
    return tuple(found)


def normal_weather(measured: Floats, length: int) -> NDArray[np.float64]:
    """What is normal for each day: mean of the days around it in earlier years; NaN in the first year.

    Args:
        measured: (locations, T) daily values, NaN where not known.
        length: days to say it for, T or more.

    Returns:
        (locations, length). Nothing of the days within a year before goes in, so no forecast horizon is looked into.
    """
    count, known_length = measured.shape
    year = YEAR["D"]
    seen = np.isfinite(measured)
    edge = np.zeros((count, 1))
    total = np.concatenate([edge, np.cumsum(np.where(seen, measured, 0.0), axis=1)], axis=1)
    number = np.concatenate([edge, np.cumsum(seen, axis=1)], axis=1)
    sums, days = np.zeros((count, length)), np.zeros((count, length))
    for back in range(year, length + NORMAL_DAYS, year):
        at = np.arange(length) - back
        low, high = np.clip(at - NORMAL_DAYS, 0, known_length), np.clip(at + NORMAL_DAYS + 1, 0, known_length)
        sums += total[:, high] - total[:, low]
        days += number[:, high] - number[:, low]
    return np.where(days > 0, sums / np.maximum(days, 1), np.nan)


def issued(
    shape: tuple[int, int], place: Integers, target: Integers, origin: Integers, values: Floats, reach: int
) -> NDArray[np.float32]:
    """What was expected at the end of each day: (locations, T, reach); [g, t, k] is of the day t + 1 + k.

    A day on which nothing was issued keeps what was expected the day before. Of several issues of a day the last counts.

    Args:
        shape: locations, T.
        place, target, origin: of each row, in the order of issue; the day forecast, the day at whose end it was known.
    """
    outlook = np.full((*shape, reach), np.nan, dtype=np.float32)
    ahead = target - origin - 1
    inside = (place >= 0) & (origin >= 0) & (origin < shape[1]) & (ahead >= 0) & (ahead < reach) & np.isfinite(values)
    outlook[place[inside], origin[inside], ahead[inside]] = values[inside]
    for day in range(1, shape[1]):
        old = outlook[:, day - 1, 1:]
        mine = outlook[:, day, :-1]
        np.copyto(mine, old, where=~np.isfinite(mine))
    return outlook


def covariates(
    grid: Grid,
    names: pl.Series,
    place: NDArray[np.int64],
    weather: pl.DataFrame,
    forecasts: pl.DataFrame,
    outlook: tuple[Outlook, ...],
) -> list[Covariate]:
    """How far from normal each location's weather was measured and expected to be.

    Args:
        names: locations; place: row in `names` of each series.
        weather: one row a location and day as known at the cutoff. Rows after the cutoff that are no forecasts are given:
            weather a scenario supposes.
        forecasts: every vintage known at the cutoff.
    """
    made = []
    for name, share in outlook:
        came, told = _differences(grid, names, weather, forecasts, name)
        reach = told.shape[2]
        expected = told * np.asarray(share[:reach])[None, None, :]
        given = _given(grid, names, weather, name)
        far = np.flatnonzero(np.isfinite(given).any(axis=0))
        if len(far):
            wide = np.full((*told.shape[:2], max(reach, int(far.max()) + 1)), np.nan)
            wide[:, :, :reach] = expected
            here = np.isfinite(given[:, : wide.shape[2]])
            wide[:, -1, :] = np.where(here, given[:, : wide.shape[2]], wide[:, -1, :])
            expected = wide
        measured = f"weather_{name}, unusual"
        for title, role, values, of in (
            (measured, Role.OBSERVED, came, ""),
            (f"{measured}, expected", Role.EXPECTED, expected, measured),
        ):
            made.append(
                Covariate(title, role, Measure.NUMBER, values.astype(np.float32), place, driver="weather", of=of)
            )
    return made


def _differences(
    grid: Grid, names: pl.Series, weather: pl.DataFrame, forecasts: pl.DataFrame, name: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Differences from normal: measured (locations, T), and forecast as issued (locations, T, reach)."""
    shape, reach = (len(names), grid.history_length), max(1, min(grid.horizon, REACH_DAYS))
    rows = forecasts.sort("known_at", maintain_order=True)
    # Known by midnight = known at the end of the day before.
    known = rows["known_at"].dt.offset_by("-1us").dt.date()
    told = issued(
        shape, lookup(rows["location_id"], names), grid.index(rows["date"]), grid.index(known),
        rows[name].cast(pl.Float64).to_numpy(), reach,
    )  # fmt: skip
    history = measured_weather(grid, names, weather, name)
    normal, recent = normal_weather(history, grid.length), _recent(history)
    ahead = np.arange(shape[1])[:, None] + 1 + np.arange(reach)[None, :]
    usual = normal[:, np.minimum(ahead, grid.length - 1)]
    usual = np.where(np.isfinite(usual), usual, recent[:, :, None])
    before = np.concatenate([np.full((shape[0], 1), np.nan), recent[:, :-1]], axis=1)
    past = normal[:, : shape[1]]
    return history - np.where(np.isfinite(past), past, before), told - usual


def measured_weather(grid: Grid, names: pl.Series, weather: pl.DataFrame, name: str) -> NDArray[np.float64]:
    """Measured values of the history: (locations, T), NaN where not known."""
    rows = weather.filter(~pl.col("is_forecast").fill_null(False))
    shape = (len(names), grid.history_length)
    values = rows[name].cast(pl.Float64).to_numpy()
    return scatter_mean(shape, lookup(rows["location_id"], names), grid.index(rows["date"]), values).astype(np.float64)


def normals(grid: Grid, names: pl.Series, weather: pl.DataFrame, name: str) -> NDArray[np.float64]:
    """Normal value of each location and day, history and horizon: (locations, T + H); that of late where there is no year yet."""
    history = measured_weather(grid, names, weather, name)
    normal = normal_weather(history, grid.length)
    recent = _recent(history)
    late = np.concatenate([recent, np.repeat(recent[:, -1:], grid.horizon, axis=1)], axis=1)
    return np.where(np.isfinite(normal), normal, late)


def _given(grid: Grid, names: pl.Series, weather: pl.DataFrame, name: str) -> NDArray[np.float64]:
    """Difference from normal that a scenario supposes of the days of the horizon, (locations, H); NaN where it says nothing."""
    rows = weather.filter(~pl.col("is_forecast").fill_null(False) & (pl.col("date") > grid.cutoff))
    at = grid.index(rows["date"]) - grid.history_length
    values = rows[name].cast(pl.Float64).to_numpy()
    supposed = scatter_mean((len(names), grid.horizon), lookup(rows["location_id"], names), at, values)
    if not np.isfinite(supposed).any():
        return np.full(supposed.shape, np.nan)
    return np.asarray(supposed - normals(grid, names, weather, name)[:, grid.history_length :], dtype=np.float64)


def _recent(measured: Floats) -> NDArray[np.float64]:
    """Mean of the four weeks up to each day; NaN where none is known."""
    seen = np.isfinite(measured)
    edge = np.zeros((len(measured), 1))
    total = np.concatenate([edge, np.cumsum(np.where(seen, measured, 0.0), axis=1)], axis=1)
    number = np.concatenate([edge, np.cumsum(seen, axis=1)], axis=1)
    end = np.arange(1, measured.shape[1] + 1)
    begin = np.maximum(end - RECENT_DAYS, 0)
    days = number[:, end] - number[:, begin]
    return np.where(days > 0, (total[:, end] - total[:, begin]) / np.maximum(days, 1), np.nan)
