"""Why a forecast is what it is: the stored explanation, or the same one worked out for a single series."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from shelfcast.domain.errors import NotFound, NotReady
from shelfcast.domain.slices import Slice
from shelfcast.domain.tables import results
from shelfcast.forecast.ensemble import explain_forecasts, forecast_ensemble
from shelfcast.forecast.explanation import BASE
from shelfcast.pipeline import model_records
from shelfcast.pipeline.forecast_demand import CONTEXT_SERIES, explanation_parts, ready
from shelfcast.pipeline.read_panel import DEMAND_COLUMNS, EVERYWHERE, open_lake_at, panel_of, read_sample
from shelfcast.ports.platform import Platform


@dataclass(frozen=True)
class Explained:
    """One day's forecast taken apart. `drivers` in micro-units, the largest first; with the base they are the mean."""

    item_id: str
    location_id: str
    date: date
    forecast: dict[str, Any]
    """The stored row: mean, quantiles, model, fallback."""
    base: int
    drivers: tuple[tuple[str, int], ...]


def explain_forecast(
    platform: Platform, item_id: str, location_id: str, day: date, *, cutoff: date | None = None
) -> Explained:
    """Explain the model's forecast of a day, made at the newest cutoff (or the one named).

    Raises:
        NotFound: no such forecast; the message says which days there are.
        NotReady: the data have changed since the forecast was made, so it can't be worked out again.
    """
    row = _stored(platform, item_id, location_id, day, cutoff)
    key = Slice.of(cutoff=row["cutoff"], scenario="base", item_id=item_id, location_id=location_id, date=day)
    parts = platform.tables.scan(results.EXPLANATIONS).filter(key.to_polars()).select("driver", "micro_units").collect()
    if not parts.height:
        parts = _worked_out(platform, row)
    values = dict(parts.iter_rows())
    base = values.pop(BASE, 0)
    ordered = tuple(sorted(values.items(), key=lambda one: (-abs(one[1]), one[0])))
    return Explained(item_id, location_id, day, row, base, ordered)


def _stored(platform: Platform, item_id: str, location_id: str, day: date, cutoff: date | None) -> dict[str, Any]:
    rows = platform.tables.scan(results.FORECASTS).filter(
        (pl.col("item_id") == item_id)
        & (pl.col("location_id") == location_id)
        & (pl.col("stage") == "model")
        & (pl.col("scenario") == "base")
    )
    if cutoff is not None:
        rows = rows.filter(pl.col("cutoff") == cutoff)
    found = rows.sort("cutoff", "date").collect()
    if not found.height:
        raise NotFound(
            f"there is no forecast of item {item_id!r} at {location_id!r}. `shelfcast export forecasts` lists all there are."
        )
    newest = found.filter(pl.col("cutoff") == pl.col("cutoff").max())
    wanted = newest.filter(pl.col("date") == day)
    if not wanted.height:
        first, last = newest.select(pl.col("date").min(), pl.col("date").max().alias("last")).row(0)
        raise NotFound(f"the newest forecast of {item_id!r} at {location_id!r} is for {first} to {last}, not {day}.")
    return wanted.row(0, named=True)


def _worked_out(platform: Platform, row: dict[str, Any]) -> pl.DataFrame:
    """Base and drivers of one stored forecast row, from the model and the data it was made from."""
    run = platform.records.get("runs", row["run_id"]).body
    horizon, frequency = int(run["parameters"]["horizon"]), str(run["parameters"]["frequency"])
    lake = open_lake_at(platform.tables, row["cutoff"], horizon, frequency)
    record = model_records.find(platform, str(run["summary"]["model"]))
    keys = pl.DataFrame({"item_id": [row["item_id"]], "location_id": [row["location_id"]]})
    mine = (pl.col("item_id") == row["item_id"]) & (pl.col("location_id") == row["location_id"])
    rows = platform.tables.scan(results.DEMAND).filter(mine).select(DEMAND_COLUMNS).collect()
    panel = panel_of(lake, keys, rows, pl.col("location_id").is_in([row["location_id"], EVERYWHERE]))
    ensemble = ready(platform, record, read_sample(lake, CONTEXT_SERIES))
    made = forecast_ensemble(panel, ensemble)
    step = int(row["step"]) - 1
    if abs(float(made.forecast.mean[0, step]) - row["mean"]) > 1e-6:
        raise NotReady(
            "the data have changed since this forecast was made. Run the cycle again: `shelfcast run`, then ask anew."
        )
    names, parts = explanation_parts(explain_forecasts(made, ensemble))
    return pl.DataFrame({"driver": names, "micro_units": parts[0, step]})
