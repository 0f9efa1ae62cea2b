"""Reads the lake as it was known at a cutoff, in partitions that hold whole series."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path

import numpy as np
import polars as pl

from shelfcast.domain.errors import NotReady
from shelfcast.domain.tables import Table, curated, results, supply
from shelfcast.features.demand import History, open_days
from shelfcast.features.from_tables import Scheme, Tables, build_panel, learn_scheme
from shelfcast.features.grid import Grid, lookup, scatter_mean, series_rows
from shelfcast.features.panel import Panel
from shelfcast.lake.as_of import as_of, end_of
from shelfcast.pipeline.load_dimensions import MADE_FROM_FACTS
from shelfcast.ports.table_store import TableStore

EVERYWHERE = "*"
STRAY_DAYS = 5
"""An id that nobody described, in a lake where others are, is planned for from so many days of sales on."""


@dataclass(frozen=True)
class Partition:
    """Whole series: all of some locations, or of one location the items from `low` to `high`."""

    number: int
    locations: tuple[str, ...]
    low: str | None = None
    high: str | None = None

    def where(self, *, wild: bool = False) -> pl.Expr:
        """Rows of the partition; with `wild` also those for all locations or items (`*`)."""
        places = [*self.locations, EVERYWHERE] if wild else list(self.locations)
        condition = pl.col("location_id").is_in(places)
        if self.low is not None and self.high is not None:
            inside = pl.col("item_id").is_between(pl.lit(self.low), pl.lit(self.high))
            condition = condition & ((inside | (pl.col("item_id") == EVERYWHERE)) if wild else inside)
        return condition


@dataclass(frozen=True)
class Lake:
    """The lake at a cutoff: the small tables, the grid and the scheme that all partitions share."""

    tables: TableStore
    grid: Grid
    scheme: Scheme
    small: Tables
    """Tables without sales, availability, prices, which are read by partition."""
    series: pl.DataFrame
    """item_id, location_id of every series, sorted by location, then item."""
    stray: int = 0
    """Series left out as mistyped: see `_stray`. Their sales stay in the lake and in the quality report."""


def open_lake_at(tables: TableStore, cutoff: date, horizon: int, frequency: str) -> Lake:
    """What all partitions share.

    Raises:
        NotReady: nothing was sold up to the cutoff.
    """
    moment = end_of(cutoff)
    sales = as_of(tables, curated.SALES, moment).filter(pl.col("date") <= cutoff)
    found = sales.group_by("item_id", "location_id").agg(pl.col("date").min().alias("first"), pl.len()).collect()
    if not found.height:
        raise NotReady(
            f"there are no sales up to {cutoff}. Load some with `shelfcast ingest`, or choose a later cutoff."
        )

    def known(table: Table) -> pl.DataFrame:
        return as_of(tables, table, moment).collect()

    items, locations = known(curated.ITEMS), known(curated.LOCATIONS)
    stray = _stray(found, items, locations)
    found = found.join(stray, on=["item_id", "location_id"], how="anti")
    item_locations = known(supply.ITEM_LOCATIONS)
    small = Tables(
        sales=curated.SALES.empty(),
        availability=curated.AVAILABILITY.empty(),
        openings=known(curated.OPENINGS),
        items=items,
        locations=locations,
        item_locations=item_locations,
        prices=as_of(tables, curated.PRICES, moment).head(1).collect(),
        promotions=known(curated.PROMOTIONS),
        calendar_events=known(curated.CALENDAR_EVENTS),
        weather=known(curated.WEATHER),
        observations=known(curated.OBSERVATIONS),
        attributes=known(curated.ATTRIBUTES),
        weather_forecasts=_issued(tables, moment) if frequency == "D" else curated.WEATHER.empty(),
    )
    listed = item_locations.filter(
        (pl.col("item_id") != EVERYWHERE)
        & (pl.col("location_id") != EVERYWHERE)
        & ~pl.col("status").is_in(["discontinued", "blocked"])
    )
    keys = pl.concat([found.select("item_id", "location_id"), listed.select("item_id", "location_id")]).unique()
    first: date = found["first"].min()  # type: ignore[assignment]
    grid = Grid(first, cutoff, horizon, frequency)
    if grid.history_length < 1:
        raise NotReady(f"the history up to {cutoff} holds no whole period ({frequency}); choose a later cutoff.")
    return Lake(tables, grid, learn_scheme(small, grid), small, keys.sort("location_id", "item_id"), stray.height)


def _issued(tables: TableStore, moment: datetime) -> pl.DataFrame:
    """Every weather forecast issued up to a moment, as it was issued."""
    rows = tables.scan(curated.WEATHER).filter(pl.col("is_forecast") & (pl.col("known_at") <= moment))
    return rows.filter(pl.col("date") >= pl.col("known_at").dt.date()).collect()


def _stray(found: pl.DataFrame, items: pl.DataFrame, locations: pl.DataFrame) -> pl.DataFrame:
    """Series of mistyped ids: nobody described the item or the location, though others are, and hardly a day was sold."""
    undescribed = pl.lit(False)
    for table, name in ((items, "item_id"), (locations, "location_id")):
        unknown = table.filter(pl.col("load_id") == MADE_FROM_FACTS)[name]
        if unknown.len() < table.height:
            undescribed = undescribed | pl.col(name).is_in(unknown.implode())
    keys = found.filter(undescribed & (pl.col("len") < STRAY_DAYS)).select("item_id", "location_id")
    return keys if keys.height < found.height else keys.clear()


def plan_partitions(lake: Lake, cells: int) -> list[Partition]:
    """Partitions of about `cells` series x periods, in the order of the locations. A large location is cut by items."""
    per_series = max(lake.grid.length, 1)
    most = max(1, cells // per_series)
    partitions: list[Partition] = []
    pending: list[str] = []
    size = 0

    def close() -> None:
        nonlocal pending, size
        if pending:
            partitions.append(Partition(len(partitions), tuple(pending)))
        pending, size = [], 0

    for (place,), rows in lake.series.group_by("location_id", maintain_order=True):
        if rows.height > most:
            close()
            items = rows["item_id"].sort()
            for start in range(0, len(items), most):
                part = items[start : start + most]
                partitions.append(Partition(len(partitions), (str(place),), part[0], part[-1]))
            continue
        if size + rows.height > most:
            close()
        pending.append(str(place))
        size += rows.height
    close()
    return partitions


def sample_of(lake: Lake, most: int) -> pl.DataFrame:
    """An even sample of the series, at most `most`: the same every time."""
    count = lake.series.height
    chosen = np.unique(np.linspace(0, count - 1, min(count, most)).astype(np.int64))
    return lake.series[chosen.tolist()].sort("item_id", "location_id")


def narrowed(lake: Lake, places: pl.Expr, keys: pl.DataFrame) -> Tables:
    """The small tables of some series, and their prices."""
    wild_items = pl.col("item_id").is_in([*keys["item_id"].unique(), EVERYWHERE])
    prices = as_of(lake.tables, curated.PRICES, end_of(lake.grid.cutoff), places).collect()
    return replace(
        lake.small,
        prices=prices.join(keys, on=["item_id", "location_id"], how="semi"),
        item_locations=lake.small.item_locations.filter(places),
        promotions=lake.small.promotions.filter(wild_items),
    )


def panel_of(lake: Lake, keys: pl.DataFrame, rows: pl.DataFrame, places: pl.Expr) -> Panel:
    """The panel of some series from their rows of the `demand` table."""
    tables = narrowed(lake, places, keys)
    history, demand = history_of(lake, keys, rows)
    return build_panel(lake.grid, lake.scheme, tables, history, demand)


def read_panel(lake: Lake, partition: Partition) -> Panel:
    """The panel of a partition."""
    keys = lake.series.filter(partition.where()).sort("item_id", "location_id")
    rows = lake.tables.scan(results.DEMAND).filter(partition.where()).select(DEMAND_COLUMNS).collect()
    return panel_of(lake, keys, rows, partition.where(wild=True))


def read_sample(lake: Lake, most: int) -> Panel:
    """The panel of an even sample of all series."""
    keys = sample_of(lake, most)
    scan = lake.tables.scan(results.DEMAND).select(DEMAND_COLUMNS)
    rows = scan.join(keys.lazy(), on=["item_id", "location_id"], how="semi").collect(engine="streaming")
    places = pl.col("location_id").is_in([*keys["location_id"].unique(), EVERYWHERE])
    return panel_of(lake, keys, rows, places)


DEMAND_COLUMNS = ("item_id", "location_id", "date", "units", "demand", "in_stock_share", "open")


def history_of(lake: Lake, keys: pl.DataFrame, rows: pl.DataFrame) -> tuple[History, np.ndarray]:
    """History and recovered demand (series, T) from rows of the `demand` table, which has one for each listed period."""
    grid = lake.grid
    shape = (keys.height, grid.history_length)
    series, at = series_rows(rows, keys), grid.index(rows["date"])

    def laid(column: str) -> np.ndarray:
        return scatter_mean(shape, series, at, rows[column].cast(pl.Float64).to_numpy())

    names = keys["location_id"].unique().sort()
    place = lookup(keys["location_id"], names)
    open_place, _ = open_days(grid, names, lake.small.openings.filter(pl.col("location_id").is_in(names.implode())))
    listed = np.ones((keys.height, grid.length), dtype=bool)
    listed[:, : grid.history_length] = np.isfinite(laid("open"))
    history = History(keys, laid("units"), laid("in_stock_share"), open_place[place], listed)
    return history, laid("demand")


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for partition results on their way to the lake; removed whatever happens."""
    with tempfile.TemporaryDirectory(prefix="shelfcast-") as folder:
        yield Path(folder)


def frames_of(paths: list[Path]) -> Callable[[], Iterator[pl.DataFrame]]:
    """Reads partition results one at a time."""

    def read() -> Iterator[pl.DataFrame]:
        for path in paths:
            yield pl.read_parquet(path)

    return read
