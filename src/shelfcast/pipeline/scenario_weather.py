"""Scenarios of other weather: what is expected, what is normal, and past days with weather like it."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl

from shelfcast.domain.errors import BadInput
from shelfcast.features.covariates.weather_outlook import LEAST_ISSUES, measured_weather, normals
from shelfcast.pipeline.read_panel import Lake
from shelfcast.pipeline.scenario_history import History
from shelfcast.scenario.changes import Change
from shelfcast.scenario.like_events import FEWEST, Episode, LikeEvents, in_season, measure

NEAR_DEGREES = 2.5
"""Days whose temperature differs from normal by as much as planned, give or take so much, are like it."""
NEAR_SHARE = 0.4
DRY_MM = 0.2
MOST_EPISODES = 4_000


class Unsupported(BadInput):
    """History doesn't support the scenario; the message says why and what is supported."""


def expected_weather(lake: Lake, places: list[str]) -> pl.DataFrame:
    """Rows of each location and day of the horizon: the temperature to be expected (null where nobody forecast it), and what is normal.

    Of a forecast as much counts as comes true on average so many days ahead.
    """
    grid, names = lake.grid, pl.Series(sorted(places), dtype=pl.String)
    days = [grid.cutoff + timedelta(days=step) for step in range(1, grid.horizon + 1)]
    normal = normals(grid, names, lake.small.weather, "temperature_c")[:, grid.history_length :]
    worth = dict(lake.scheme.outlook).get("temperature_c", ())
    share = np.zeros(grid.horizon)
    share[: len(worth)] = worth[: grid.horizon]
    every = pl.DataFrame(
        {
            "location_id": np.repeat(names.to_numpy(), len(days)),
            "date": days * len(names),
            "normal_c": normal.reshape(-1),
            "share": np.tile(share, len(names)),
        },
        schema_overrides={"location_id": pl.String},
    ).with_columns(pl.col("normal_c").fill_nan(None))
    told = lake.small.weather.filter(pl.col("is_forecast")).select(
        "location_id", "date", pl.col("temperature_c").alias("told")
    )
    difference = pl.col("share") * (pl.col("told") - pl.col("normal_c"))
    return every.join(told, on=["location_id", "date"], how="left", maintain_order="left").select(
        "location_id", "date", (pl.col("normal_c") + difference).alias("temperature_c"), "normal_c"
    )


def check_outlook(lake: Lake) -> None:
    """
    Raises:
        Unsupported: the model knows no weather forecasts, so other weather would change nothing.
    """
    if not lake.scheme.outlook:
        raise Unsupported(
            "the model in use has seen no weather forecasts, so it can't say what other weather would sell: forecasts issued on "
            f"at least {LEAST_ISSUES} days are needed (source weather-previous). Supported: price, promotion, event, delist."
        )


def like_weather(lake: Lake, change: Change, keys: pl.DataFrame, history: History) -> LikeEvents:
    """Past days of the season with weather as far from normal as planned, and what the chosen series sold on them.

    Raises:
        Unsupported: such weather was hardly ever seen, or the model knows no forecasts of it.
    """
    places = keys["location_id"].unique().sort()
    wanted = _asked(lake, change, places)
    known = [name for name, _ in lake.scheme.outlook]
    for name in wanted:
        if name not in known:
            raise Unsupported(f"no forecasts of {name} are in the lake; known: {', '.join(known)}.")
    like = np.ones((len(places), len(history.days)), dtype=np.bool_)
    said = []
    for name, (low, high, title) in wanted.items():
        value = measured_weather(lake.grid, places, lake.small.weather, name)
        if name == "temperature_c":
            value = value - normals(lake.grid, places, lake.small.weather, name)[:, : value.shape[1]]
        value = value[:, : like.shape[1]]
        like &= (value >= low) & (value <= high)
        said.append(f"{title}; seen there: {_range(value, history.days, change.first)}")
    like &= np.array([in_season(day, change.first) for day in history.days])[None, :]
    found = measure(
        _episodes(like, places, keys, history), history.demand, history.weekday, history.location, history.busy
    )
    if found.count < FEWEST:
        raise Unsupported(
            f"history holds {found.count} like events ({' and '.join(said)}, in this season); at least {FEWEST} are needed to "
            "say anything. Choose weather that was seen there, or more items and locations."
        )
    return found


def _asked(lake: Lake, change: Change, places: pl.Series) -> dict[str, tuple[float, float, str]]:
    """Column -> (lowest, highest, in words) of the days that are like the planned ones."""
    wanted: dict[str, tuple[float, float, str]] = {}
    if change.temperature_c is not None:
        expected = expected_weather(lake, places.to_list()).filter(pl.col("date").is_between(change.first, change.last))
        forecast = expected["temperature_c"].fill_null(expected["normal_c"])
        shift = forecast - expected["normal_c"]
        usual = float(shift.mean() or 0.0)  # type: ignore[arg-type]
        degrees = usual + change.temperature_c
        wanted["temperature_c"] = (
            degrees - NEAR_DEGREES,
            degrees + NEAR_DEGREES,
            f"{degrees:+.1f} degrees from normal, of which {usual:+.1f} are forecast anyway",
        )
    if change.precipitation_mm is not None:
        rain = change.precipitation_mm
        near = max(rain * NEAR_SHARE, DRY_MM)
        wanted["precipitation_mm"] = (rain - near, rain + near, f"{rain:g} mm of rain a day")
    return wanted


def _range(values: np.ndarray, days: list[date], season: date) -> str:
    mine = values[:, [in_season(day, season) for day in days]]
    mine = mine[np.isfinite(mine)]
    if not len(mine):
        return "nothing measured"
    low, high = np.quantile(mine, [0.02, 0.98])
    return f"{low:.1f} to {high:.1f}"


def _episodes(like: np.ndarray, places: pl.Series, keys: pl.DataFrame, history: History) -> list[Episode]:
    """Runs of like days as episodes of the chosen series, an even sample of them where there are very many."""
    mine = history.keys.with_row_index("row").join(keys, on=["item_id", "location_id"], how="semi")
    runs: dict[str, list[tuple[int, int]]] = {}
    for place, days in zip(places, like, strict=True):
        edges = np.flatnonzero(np.diff(np.concatenate([[False], days, [False]]).astype(np.int8)))
        runs[place] = [(int(first), int(end - 1)) for first, end in zip(edges[::2], edges[1::2], strict=True)]
    every = [
        Episode(int(row), item, first, last, 0.0, "weather")
        for row, item, place in mine.select("row", "item_id", "location_id").iter_rows()
        for first, last in runs.get(place, [])
    ]
    if len(every) <= MOST_EPISODES:
        return every
    chosen = np.unique(np.linspace(0, len(every) - 1, MOST_EPISODES).astype(np.int64))
    return [every[int(one)] for one in chosen]
