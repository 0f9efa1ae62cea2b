"""From the lake's tables to a panel: demand on a grid with its covariates.

What must be the same for every partition (which covariates there are, their categories) is decided once from small
tables, `learn_scheme`; then each partition of whole series is built on its own, `build_panel`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import polars as pl

from shelfcast.domain.tables import curated
from shelfcast.features.covariates import location_events, prices, promotions, statics, weather_outlook
from shelfcast.features.covariates import measures as measured
from shelfcast.features.demand import History, build_history, series_of
from shelfcast.features.grid import Grid, lookup
from shelfcast.features.panel import Covariate, Floats, Measure, Panel, Role


@dataclass(frozen=True)
class Tables:
    """Rows known at the cutoff, one a key: of the whole lake for the scheme, of a partition for a panel."""

    sales: pl.DataFrame
    availability: pl.DataFrame
    openings: pl.DataFrame
    items: pl.DataFrame
    locations: pl.DataFrame
    item_locations: pl.DataFrame
    prices: pl.DataFrame
    promotions: pl.DataFrame
    calendar_events: pl.DataFrame
    weather: pl.DataFrame
    observations: pl.DataFrame
    attributes: pl.DataFrame
    weather_forecasts: pl.DataFrame = field(default_factory=curated.WEATHER.empty)
    """Rows of `weather` that are forecasts: every vintage, not only the last."""


@dataclass(frozen=True)
class Scheme:
    """Which covariates every partition's panel carries, in this order, with the categories they can have."""

    opens: bool
    """Somewhere a location is closed on some day."""
    priced: bool
    promotion_types: tuple[str, ...]
    events: tuple[str, ...]
    """Names of festivals and other events, the most frequent first."""
    school_holidays: bool
    weather: tuple[str, ...]
    measures: tuple[tuple[str, str, str], ...]
    """(name, role, frequency) of further numbers."""
    statics: tuple[tuple[str, tuple[str, ...]], ...]
    """(name, categories) of static covariates; no categories = a number."""
    outlook: tuple[weather_outlook.Outlook, ...] = ()
    """Columns of the weather that forecasts were issued of, and what these are worth."""


def learn_scheme(tables: Tables, grid: Grid | None = None) -> Scheme:
    """Decide the covariates from the small tables (`sales` and `availability` are not looked at). Without a grid no outlook."""
    return Scheme(
        opens=bool((~tables.openings["open"]).any()),
        priced=tables.prices.height > 0,
        promotion_types=tuple(tables.promotions["promotion_type"].drop_nulls().unique().sort()),
        events=location_events.event_names(tables.calendar_events),
        school_holidays=bool((tables.calendar_events["event_type"] == "school_holiday").any()),
        weather=measured.weather_columns(tables.weather),
        measures=measured.names_of(tables.observations),
        statics=statics.learn(tables.items, tables.locations, tables.attributes),
        outlook=() if grid is None else weather_outlook.learn_outlook(grid, tables.weather, tables.weather_forecasts),
    )


def build_panel(
    grid: Grid, scheme: Scheme, tables: Tables, history: History | None = None, demand: Floats | None = None
) -> Panel:
    """The panel of one partition.

    `history` saves laying the sales on the grid again; `demand` (series, T) is the target where stock-outs were
    recovered, else observed units. A closed day counts as zero sold, known by the `open` covariate.
    """
    if history is None:
        history = build_history(
            grid,
            series_of(tables.sales, tables.item_locations),
            tables.sales,
            tables.availability,
            tables.openings,
            tables.items,
            tables.item_locations,
        )
    target = history.units if demand is None else demand
    shut = history.listed[:, : grid.history_length] & ~history.open[:, : grid.history_length] & np.isnan(target)
    return Panel(
        keys=history.keys,
        frequency=grid.frequency,
        periods=grid.periods,
        target=np.where(shut, np.float32(0.0), target).astype(np.float32),
        in_stock_share=history.in_stock_share,
        covariates=covariates_of(grid, scheme, tables, history),
    )


def covariates_of(grid: Grid, scheme: Scheme, tables: Tables, history: History) -> tuple[Covariate, ...]:
    """Covariates of a partition in the scheme's order."""
    keys = history.keys
    names = keys["location_id"].unique().sort()
    place = lookup(keys["location_id"], names)
    each = np.arange(keys.height)
    places = tables.locations.join(names.to_frame(), on="location_id", how="right", maintain_order="right")
    made: list[Covariate] = []
    if scheme.opens:
        by_place = np.ones((len(names), grid.length), dtype=np.float32)
        by_place[place] = history.open
        made.append(Covariate("open", Role.KNOWN_FUTURE, Measure.FLAG, by_place, place, driver="availability"))
    if scheme.priced:
        price = prices.price_against_usual(grid, keys, tables.prices)
        made.append(Covariate("price", Role.KNOWN_FUTURE, Measure.NUMBER, price, each, driver="price"))
    made.extend(promotions.covariates(grid, keys, tables.promotions, scheme.promotion_types))
    made.extend(
        location_events.covariates(grid, places, place, tables.calendar_events, scheme.events, scheme.school_holidays)
    )
    made.extend(measured.weather_covariates(grid, names, place, tables.weather, scheme.weather))
    made.extend(
        weather_outlook.covariates(grid, names, place, tables.weather, tables.weather_forecasts, scheme.outlook)
    )
    made.extend(measured.covariates(grid, keys, tables.observations, scheme.measures))
    made.extend(statics.covariates(keys, tables.items, tables.locations, tables.attributes, scheme.statics))
    return tuple(made)
