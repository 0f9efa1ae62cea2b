"""Forecast given series for given known-future values, at once: what a program asks of the model in use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import polars as pl

from shelfcast.domain.errors import BadParameter
from shelfcast.domain.tables import Table, curated
from shelfcast.features.panel import Forecast
from shelfcast.forecast.ensemble import forecast_ensemble
from shelfcast.lake.as_of import as_of, end_of
from shelfcast.pipeline.changed_future import ChangedTables
from shelfcast.pipeline.ready_model import ready_model
from shelfcast.ports.platform import Platform
from shelfcast.scenario.changes import Change, event_rows, price_rows, promotion_rows

MOST_SERIES = 500


@dataclass(frozen=True)
class FutureValue:
    """What is known ahead of one series (empty ids: of all asked for) on one day."""

    date: date
    item_id: str = ""
    location_id: str = ""
    price: float | None = None
    promotion_type: str = ""
    discount_share: float = 0.0
    event: str = ""


@dataclass(frozen=True)
class Predicted:
    keys: pl.DataFrame
    days: list[date]
    forecast: Forecast
    model_id: str
    cutoff: date


def predict(
    platform: Platform,
    series: Sequence[tuple[str, str]],
    future: Sequence[FutureValue] = (),
    horizon: int | None = None,
) -> Predicted:
    """Forecast series with the champion from the newest cutoff; `future` is laid over the plans in the lake.

    Raises:
        BadParameter: too many series, or days and events the model can't read.
        NotFound: a series the lake doesn't have.
        NotReady: no model or no forecasts yet.
    """
    if not 1 <= len(series) <= MOST_SERIES:
        raise BadParameter(
            f"{len(series)} series came; 1 to {MOST_SERIES} are allowed. Larger sets are the cycle's work."
        )
    made_with = ready_model(platform)
    grid = made_with.lake.grid
    steps = horizon or grid.horizon
    if steps > grid.horizon:
        raise BadParameter(f"horizon {steps} came; the model reaches {grid.horizon} periods ahead.")
    days = [grid.cutoff + timedelta(days=grid.step_days * step) for step in range(1, grid.horizon + 1)]
    keys = pl.DataFrame(list(series), schema={"item_id": pl.String, "location_id": pl.String}, orient="row").unique()
    keys = keys.sort("item_id", "location_id")
    panel = made_with.panel(keys)
    if future:
        overlay = _overlay(made_with, keys, future, days)
        panel = made_with.panel(keys, lake=made_with.with_future(ChangedTables(platform.tables, overlay)))
    forecast = forecast_ensemble(panel, made_with.ensemble).forecast
    cut = Forecast(
        forecast.mean[:, :steps], forecast.quantiles[:, :steps], forecast.levels, forecast.model, forecast.fallback
    )
    return Predicted(keys, days[:steps], cut, made_with.model_id, grid.cutoff)


def _overlay(
    made_with: Any, keys: pl.DataFrame, future: Sequence[FutureValue], days: Sequence[date]
) -> dict[str, pl.DataFrame]:
    lake, moment = made_with.lake, end_of(made_with.lake.grid.cutoff)
    plan = as_of(
        lake.tables, curated.PRICES, moment, pl.col("location_id").is_in(keys["location_id"].unique().to_list())
    ).collect()
    found: dict[str, list[pl.DataFrame]] = {}
    for number, one in enumerate(future):
        if not days[0] <= one.date <= days[-1]:
            raise BadParameter(f"known future of {one.date} came; the forecast reaches from {days[0]} to {days[-1]}.")
        mine = keys
        if one.item_id:
            mine = mine.filter(pl.col("item_id") == one.item_id)
        if one.location_id:
            mine = mine.filter(pl.col("location_id") == one.location_id)
        if not mine.height:
            raise BadParameter(
                f"known future of {one.item_id!r} at {one.location_id!r} came, which is none of the series asked for."
            )
        day = Change(
            "price",
            one.date,
            one.date,
            price=one.price,
            promotion_type=one.promotion_type,
            discount_share=one.discount_share,
            event=one.event,
        )
        if one.price is not None:
            found.setdefault("prices", []).append(price_rows(mine, plan, day, None, moment))
        if one.promotion_type:
            if one.promotion_type not in lake.scheme.promotion_types:
                raise BadParameter.unknown("promotion_type", one.promotion_type, lake.scheme.promotion_types)
            found.setdefault("promotions", []).append(promotion_rows(mine, day, moment, f"asked-{number}"))
        if one.event:
            if one.event not in lake.scheme.events:
                raise BadParameter.unknown("event", one.event, lake.scheme.events)
            kind = lake.small.calendar_events.filter(pl.col("event") == one.event)["event_type"].drop_nulls()
            places = mine["location_id"].unique().to_list()
            found.setdefault("calendar_events", []).append(
                event_rows(places, day, kind[0] if len(kind) else "festival", moment)
            )
    tables: dict[str, Table] = {t.name: t for t in (curated.PRICES, curated.PROMOTIONS, curated.CALENDAR_EVENTS)}
    return {
        name: pl.concat(frames).unique(list(tables[name].key), keep="first", maintain_order=True)
        for name, frames in found.items()
    }
