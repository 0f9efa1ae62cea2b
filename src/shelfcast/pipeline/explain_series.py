"""Explanation of every day of one series' forecast, worked out again where none is stored (large lakes)."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl

from shelfcast.domain.errors import NotFound, NotReady
from shelfcast.domain.tables import results
from shelfcast.forecast.ensemble import explain_forecasts, forecast_ensemble
from shelfcast.pipeline.forecast_demand import explanation_parts
from shelfcast.pipeline.ready_model import model_of_run, ready_model
from shelfcast.ports.platform import Platform


def explain_series(platform: Platform, item_id: str, location_id: str, cutoff: date) -> pl.DataFrame:
    """Columns date, driver, micro_units; base and drivers of a day add up to the stored mean of stage `model`.

    Raises:
        NotFound: no such forecast.
        NotReady: data or model have changed since, so it can't be worked out again.
    """
    here = (pl.col("item_id") == item_id) & (pl.col("location_id") == location_id)
    stored = (
        platform.tables.scan(results.FORECASTS)
        .filter(here & (pl.col("cutoff") == cutoff) & (pl.col("scenario") == "base") & (pl.col("stage") == "model"))
        .sort("date")
        .collect()
    )
    if not stored.height:
        raise NotFound(
            f"there is no forecast of item {item_id!r} at {location_id!r} of {cutoff}. Search at /v1/series."
        )
    model_id, _, _ = model_of_run(platform, stored["run_id"][0])
    made_with = ready_model(platform, cutoff)
    panel = made_with.panel(pl.DataFrame({"item_id": [item_id], "location_id": [location_id]}))
    made = forecast_ensemble(panel, made_with.ensemble)
    mean = made.forecast.mean[0, : stored.height]
    if model_id != made_with.model_id or np.abs(mean - stored["mean"].to_numpy()).max() > 1e-6:
        raise NotReady(
            "data or model have changed since this forecast was made. Run the cycle again: `shelfcast run`, then ask anew."
        )
    names, parts = explanation_parts(explain_forecasts(made, made_with.ensemble))
    count = stored.height
    return pl.DataFrame(
        {
            "date": pl.Series(np.repeat(stored["date"].to_numpy(), len(names))),
            "driver": list(names) * count,
            "micro_units": parts[0, :count].reshape(-1),
        }
    )
