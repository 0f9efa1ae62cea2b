"""What a scenario must know of the past: demand, prices, promotions and festivals of the categories it is about."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np
import polars as pl

from shelfcast.domain.tables import curated, results
from shelfcast.features.covariates.prices import price_paths
from shelfcast.features.grid import Grid
from shelfcast.lake.as_of import as_of, end_of
from shelfcast.pipeline.ready_model import ReadyModel
from shelfcast.scenario.like_events import Episode, price_episodes

MOST_SERIES = 1500
EVERYTHING = "*"


@dataclass(frozen=True)
class History:
    """History of the chosen items and of the others of their categories, at the chosen locations."""

    keys: pl.DataFrame
    days: list[date]
    demand: np.ndarray
    weekday: np.ndarray
    location: np.ndarray
    prices: np.ndarray
    episodes: list[Episode]
    busy: np.ndarray
    festivals: dict[str, list[list[int]]] = field(default_factory=dict)
    """Event -> its past occurrences, as runs of day indices."""

    @property
    def items(self) -> list[str]:
        return self.keys["item_id"].to_list()


def read_history(made_with: ReadyModel, keys: pl.DataFrame, categories: pl.DataFrame) -> History:
    """
    Args:
        keys: series of the scenario; categories: item_id, category of all items.
    """
    lake, grid = made_with.lake, made_with.lake.grid
    wanted = (
        categories.join(keys.select("item_id").unique(), on="item_id", how="semi")["category"].drop_nulls().unique()
    )
    mates = categories.filter(pl.col("category").is_in(wanted.implode()))["item_id"]
    places = keys["location_id"].unique()
    related = lake.series.filter(
        pl.col("location_id").is_in(places.implode()) & pl.col("item_id").is_in(mates.implode())
    )
    chosen = pl.concat([keys.select("item_id", "location_id"), related.select("item_id", "location_id")])
    chosen = chosen.unique(maintain_order=True).head(max(MOST_SERIES, keys.height)).sort("item_id", "location_id")
    past = Grid(grid.first, grid.cutoff, 1, grid.frequency)
    length = past.history_length
    rows = (
        lake.tables.scan(results.DEMAND)
        .filter(
            pl.col("location_id").is_in(places.implode())
            & pl.col("item_id").is_in(chosen["item_id"].unique().implode())
        )
        .select("item_id", "location_id", "date", "demand", "censored")
        .collect()
    )
    numbered = chosen.with_row_index("series")
    rows = rows.join(numbered, on=["item_id", "location_id"])
    demand = np.full((chosen.height, length), np.nan)
    at = past.index(rows["date"])
    inside = (at >= 0) & (at < length) & ~rows["censored"].fill_null(False).to_numpy()
    demand[rows["series"].to_numpy()[inside], at[inside]] = rows["demand"].cast(pl.Float64).to_numpy()[inside]
    days = [grid.first + timedelta(days=number * grid.step_days) for number in range(length)]
    moment = end_of(grid.cutoff)
    price_rows = as_of(lake.tables, curated.PRICES, moment, pl.col("location_id").is_in(places.implode())).collect()
    price_rows = price_rows.join(chosen, on=["item_id", "location_id"], how="semi")
    prices = price_paths(past, chosen, price_rows)[:, :length]
    items = chosen["item_id"].to_list()
    episodes = price_episodes(prices, items) + _promotions(made_with, chosen, past, length)
    busy = np.zeros(demand.shape, dtype=np.bool_)
    for one in episodes:
        busy[one.series, one.first : one.last + 1] = True
    location = chosen["location_id"].to_frame().with_columns(pl.col("location_id").rank("dense")).to_series().to_numpy()
    weekday = np.array([day.weekday() for day in days])
    return History(
        chosen, days, demand, weekday, location.astype(np.int64), prices, episodes, busy, _festivals(made_with, places, past, length)
    )  # fmt: skip


def _promotions(made_with: ReadyModel, keys: pl.DataFrame, past: Grid, length: int) -> list[Episode]:
    from shelfcast.features.covariates.promotions import expand

    known = as_of(made_with.lake.tables, curated.PROMOTIONS, end_of(past.cutoff))
    mine = pl.col("item_id").is_in([*keys["item_id"].unique(), EVERYTHING])
    rows = known.filter(mine & (pl.col("first_date") <= past.cutoff)).collect()
    if not rows.height:
        return []
    row, series = expand(keys, rows)
    begin, end = past.index(rows["first_date"]), past.index(rows["last_date"])
    depth = rows["discount_share"].fill_null(0.0).to_numpy()
    kinds, items = rows["promotion_type"].fill_null("price").to_list(), keys["item_id"].to_list()
    return [
        Episode(int(s), items[s], max(int(begin[r]), 0), min(int(end[r]), length - 1), -float(depth[r]), kinds[r])
        for r, s in zip(row, series)
        if begin[r] < length and end[r] >= 0
    ]


def _festivals(made_with: ReadyModel, places: pl.Series, past: Grid, length: int) -> dict[str, list[list[int]]]:
    """Past occurrences of each event at the locations: runs of days with no more than two between them."""
    from shelfcast.features.covariates.location_events import event_days

    locations = made_with.lake.small.locations.filter(pl.col("location_id").is_in(places.implode()))
    rows = event_days(made_with.lake.small.calendar_events, locations)
    found: dict[str, list[list[int]]] = {}
    for (event,), part in (
        rows.select("event", "date").unique().sort("event", "date").group_by("event", maintain_order=True)
    ):
        at = past.index(part["date"])
        runs: list[list[int]] = []
        for day in (int(one) for one in at if 0 <= one < length):
            if runs and day - runs[-1][-1] <= 3:
                runs[-1].append(day)
            else:
                runs.append([day])
        if runs:
            found[str(event)] = runs
    return found
