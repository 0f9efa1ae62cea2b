"""The champion, and the lake at a cutoff, kept ready to forecast a few series at once: explanations, scenarios, predictions.

Building it reads all series once; it is remembered until the model or a table it read changes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from threading import Lock
from typing import Any

import polars as pl

from shelfcast.domain.errors import NotFound, NotReady
from shelfcast.domain.tables import Table, curated, results, supply
from shelfcast.features.panel import Panel
from shelfcast.forecast.ensemble import Ensemble
from shelfcast.pipeline import model_records
from shelfcast.pipeline.forecast_demand import CONTEXT_SERIES, ready
from shelfcast.pipeline.newest import newest_cutoff
from shelfcast.pipeline.read_panel import DEMAND_COLUMNS, EVERYWHERE, Lake, open_lake_at, panel_of, read_sample
from shelfcast.ports.platform import Platform
from shelfcast.ports.table_store import TableStore

READ: tuple[Table, ...] = (
    curated.SALES, curated.OPENINGS, curated.ITEMS, curated.LOCATIONS, curated.PROMOTIONS, curated.CALENDAR_EVENTS,
    curated.WEATHER, curated.OBSERVATIONS, curated.ATTRIBUTES, curated.PRICES, supply.ITEM_LOCATIONS, results.DEMAND,
)  # fmt: skip
_KEPT: dict[str, tuple[tuple[Any, ...], ReadyModel]] = {}
_LOCK = Lock()


@dataclass(frozen=True)
class ReadyModel:
    """What forecasts any series of the lake at its cutoff."""

    lake: Lake
    ensemble: Ensemble
    model_id: str
    record: dict[str, Any]

    def panel(self, keys: pl.DataFrame, *, lake: Lake | None = None) -> Panel:
        """The panel of some series (item_id, location_id), seen through another lake's known future where one is given.

        Raises:
            NotFound: a series the lake doesn't have.
        """
        keys = keys.select("item_id", "location_id").unique().sort("item_id", "location_id")
        strange = keys.join(self.lake.series, on=["item_id", "location_id"], how="anti")
        if strange.height:
            item, place = strange.row(0)
            raise NotFound(
                f"there is no series of item {item!r} at {place!r} up to {self.lake.grid.cutoff} "
                f"({strange.height} of {keys.height} asked for are unknown). Search at /v1/series."
            )
        places = keys["location_id"].unique().to_list()
        rows = (
            self.lake.tables.scan(results.DEMAND)
            .filter(pl.col("location_id").is_in(places) & pl.col("item_id").is_in(keys["item_id"].unique().implode()))
            .select(DEMAND_COLUMNS)
            .join(keys.lazy(), on=["item_id", "location_id"], how="semi")
            .collect()
        )
        return panel_of(lake or self.lake, keys, rows, pl.col("location_id").is_in([*places, EVERYWHERE]))

    def with_future(self, tables: TableStore) -> Lake:
        """The same lake with another known future (prices, promotions, events, weather), same scheme."""
        grid = self.lake.grid
        changed = open_lake_at(tables, grid.cutoff, grid.horizon, grid.frequency)
        return replace(changed, scheme=self.lake.scheme, series=self.lake.series, tables=tables)


def ready_model(platform: Platform, cutoff: date | None = None) -> ReadyModel:
    """The champion at a cutoff with forecasts (the newest by default).

    Raises:
        NotReady: no model, or no forecasts.
    """
    chosen = cutoff or newest_cutoff(platform, results.FORECASTS)
    record = model_records.champion(platform)
    if record is None:
        raise NotReady("no model has been trained yet. Run the cycle first: `shelfcast run`.")
    key = (str(record["model_id"]), chosen, tuple(_snapshot(platform, table) for table in READ))
    place = str(id(platform.tables))
    with _LOCK:
        kept = _KEPT.get(place)
        if kept is None or kept[0] != key:
            lake = open_lake_at(platform.tables, chosen, int(record["horizon"]), str(record["frequency"]))
            ensemble = ready(platform, record, read_sample(lake, CONTEXT_SERIES))
            _KEPT[place] = kept = (key, ReadyModel(lake, ensemble, str(record["model_id"]), record))
        return kept[1]


def model_of_run(platform: Platform, run_id: str) -> tuple[str, int, str]:
    """(model id, horizon, frequency) a forecast run was made with.

    Raises:
        NotFound: the run's record is gone.
    """
    body = platform.records.get("runs", run_id).body
    if "model" not in body.get("summary", {}):
        raise NotFound(f"run {run_id} names no model.")
    return str(body["summary"]["model"]), int(body["parameters"]["horizon"]), str(body["parameters"]["frequency"])


def _snapshot(platform: Platform, table: Table) -> int:
    current = platform.tables.state(table).current
    return current.snapshot_id if current else 0
