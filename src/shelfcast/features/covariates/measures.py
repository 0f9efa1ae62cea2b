"""Weather and any other number over time.

Weather is observed: a forecast for a past cutoff may not know the weather of the days it forecasts. Numbers declared
`known_future` are taken ahead as far as they were told, then held at their last value.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shelfcast.features.grid import Grid, fill_forward, lookup, scatter_mean
from shelfcast.features.panel import Covariate, Measure, Role

WEATHER = ("temperature_c", "precipitation_mm", "humidity_pct", "wind_kmh", "cloud_share")
HOLDS = {"D": 1, "W": 7, "M": 31}


def weather_columns(weather: pl.DataFrame) -> tuple[str, ...]:
    """Columns that hold any value."""
    return tuple(name for name in WEATHER if weather[name].drop_nulls().len())


def weather_covariates(
    grid: Grid, names: pl.Series, place: NDArray[np.int64], weather: pl.DataFrame, columns: tuple[str, ...]
) -> list[Covariate]:
    """Measured weather of each location, history only."""
    rows = weather.filter(~pl.col("is_forecast").fill_null(False))
    where, at = lookup(rows["location_id"], names), grid.index(rows["date"])
    return [
        Covariate(
            f"weather_{name}",
            Role.OBSERVED,
            Measure.NUMBER,
            scatter_mean((len(names), grid.history_length), where, at, rows[name].cast(pl.Float64).to_numpy()),
            place,
            driver="weather",
        )
        for name in columns
    ]


def names_of(observations: pl.DataFrame) -> tuple[tuple[str, str, str], ...]:
    """(name, role, frequency) of every measure."""
    rows = (
        observations.select("name", "role", "frequency")
        .unique(subset="name", keep="first", maintain_order=True)
        .sort("name")
    )
    return tuple(rows.iter_rows())


def covariates(
    grid: Grid, keys: pl.DataFrame, observations: pl.DataFrame, measures: tuple[tuple[str, str, str], ...]
) -> list[Covariate]:
    """Each measure by the narrowest scope it's told for: of all, of an item, of a location, of a series."""
    made = []
    for name, role, frequency in measures:
        rows = observations.filter(pl.col("name") == name)
        length = grid.length if role == Role.KNOWN_FUTURE else grid.history_length
        scope = [column for column in ("item_id", "location_id") if (rows[column] != "*").any()]
        groups = keys.select(scope).unique().sort(scope) if scope else pl.DataFrame({"all": ["*"]})
        numbered = groups.with_row_index("group")
        if scope:
            of_series = (
                keys.join(numbered, on=scope, how="left", maintain_order="left")["group"].cast(pl.Int64).to_numpy()
            )
            of_rows = (
                rows.join(numbered, on=scope, how="left", maintain_order="left")["group"]
                .cast(pl.Int64)
                .fill_null(-1)
                .to_numpy()
            )
        else:
            of_series, of_rows = np.zeros(keys.height, dtype=np.int64), np.zeros(rows.height, dtype=np.int64)
        values = scatter_mean((groups.height, length), of_rows, grid.index(rows["date"]), rows["value"].to_numpy())
        if role == Role.KNOWN_FUTURE or HOLDS.get(frequency, 1) > grid.step_days:
            values = fill_forward(values)
        made.append(Covariate(name, Role(role), Measure.NUMBER, values, of_series))
    return made
