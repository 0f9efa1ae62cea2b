"""Festivals and other calendar events, by whom they concern."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shelfcast.features.grid import Grid, lookup
from shelfcast.features.panel import Covariate, Measure, Role

MOST_EVENTS = 60
SCOPES = (("all", None), ("country", "country"), ("region", "region"), ("location", "location_id"))


def event_names(events: pl.DataFrame) -> tuple[str, ...]:
    """Names of the events but school holidays: those on most days first, so that a code means the same everywhere."""
    named = events.filter(pl.col("event_type") != "school_holiday")
    counted = (
        named.group_by("event")
        .agg(pl.col("date").n_unique().alias("days"))
        .sort(["days", "event"], descending=[True, False])
    )
    return tuple(counted["event"].head(MOST_EVENTS))


def event_days(events: pl.DataFrame, places: pl.DataFrame) -> pl.DataFrame:
    """(place, event, event_type, date) for every location an event concerns; `place` is the row in `places`."""
    numbered = places.with_row_index("place")
    found = []
    for scope, column in SCOPES:
        rows = events.filter(pl.col("scope") == scope)
        if column is None:
            joined = rows.join(numbered.select("place"), how="cross")
        else:
            joined = rows.join(numbered.select("place", pl.col(column).alias("scope_value")), on="scope_value")
        found.append(joined.select("place", "event", "event_type", "date"))
    return pl.concat(found).unique()


def covariates(
    grid: Grid,
    places: pl.DataFrame,
    place: NDArray[np.int64],
    events: pl.DataFrame,
    names: tuple[str, ...],
    school: bool,
) -> list[Covariate]:
    """The day's event as a category (a second one where two fall together), and school holidays as a flag.

    Of several events the rarer one comes first: it tells more. In weeks, any day of the week counts.
    """
    made: list[Covariate] = []
    days = event_days(events, places)
    at, where = grid.index(days["date"]), days["place"].to_numpy().astype(np.int64)
    shape = (places.height, grid.length)
    inside = (at >= 0) & (at < grid.length)
    if names:
        school_days = (days["event_type"] == "school_holiday").to_numpy()
        code = np.where(school_days, -1, lookup(days["event"], pl.Series(names)))
        kept = inside & (code >= 0)
        order = np.lexsort((-code[kept], at[kept], where[kept]))
        w, t, c = where[kept][order], at[kept][order], code[kept][order]
        fresh = np.ones(len(w), dtype=bool)
        fresh[1:] = (w[1:] != w[:-1]) | (t[1:] != t[:-1]) | (c[1:] != c[:-1])
        w, t, c = w[fresh], t[fresh], c[fresh]
        new_cell = np.ones(len(w), dtype=bool)
        new_cell[1:] = (w[1:] != w[:-1]) | (t[1:] != t[:-1])
        rank = np.arange(len(w)) - np.maximum.accumulate(np.where(new_cell, np.arange(len(w)), 0)) if len(w) else w
        categories = ("none", *names)
        for number in (0, 1):
            values = np.zeros(shape, dtype=np.float32)
            here = rank == number
            values[w[here], t[here]] = c[here] + 1
            made.append(
                Covariate(
                    f"event_{number + 1}",
                    Role.KNOWN_FUTURE,
                    Measure.CATEGORY,
                    values,
                    place,
                    categories,
                    driver="festival",
                )
            )
    if school:
        values = np.zeros(shape, dtype=np.float32)
        here = inside & (days["event_type"] == "school_holiday").to_numpy()
        values[where[here], at[here]] = 1.0
        made.append(Covariate("school_holiday", Role.KNOWN_FUTURE, Measure.FLAG, values, place, driver="festival"))
    return made
