"""Scenarios: save one, work it out through the real forecast and order code, keep what came of it.

    changes -> rows over the lake's tables -> the champion forecasts both futures -> orders of both -> units, money, orders

A scenario outside what history supports is refused with the reason and the nearest one that is supported.
"""

from __future__ import annotations

import io
import re
import secrets
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl

from shelfcast.domain.errors import BadInput, BadParameter, Conflict, NotFound
from shelfcast.domain.tables import curated, results, supply
from shelfcast.features.covariates.prices import price_paths
from shelfcast.features.panel import Forecast, Panel
from shelfcast.forecast.ensemble import forecast_ensemble
from shelfcast.lake.as_of import as_of, end_of
from shelfcast.pipeline import audit_changes
from shelfcast.pipeline.changed_future import ChangedTables
from shelfcast.pipeline.forecast_demand import Job as ForecastJob
from shelfcast.pipeline.forecast_demand import forecast_rows
from shelfcast.pipeline.lake_settings import LakeSettings
from shelfcast.pipeline.newest import newest_cutoff
from shelfcast.pipeline.ready_model import ReadyModel, ready_model
from shelfcast.pipeline.scenario_history import History, read_history
from shelfcast.pipeline.scenario_outcome import orders_of, outcome_of
from shelfcast.pipeline.scenario_support import Scenario, supported
from shelfcast.pipeline.scenario_weather import Unsupported, expected_weather
from shelfcast.pipeline.total_dependence import dependence_of
from shelfcast.ports.platform import Platform
from shelfcast.scenario import changes as planned
from shelfcast.scenario.changes import Change
from shelfcast.scenario.like_events import (
    FEWEST,
)

KIND = "scenarios"
MOST_SERIES = 2000
TITLE = "Working out the scenario"
FORECASTS_FILE = "forecasts.parquet"


def save(platform: Platform, who: str, body: Mapping[str, Any]) -> str:
    """Keep a scenario; its id.

    Raises:
        BadParameter: changes that can't be, or no series named.
    """
    scenario = Scenario.of(body)
    if not (scenario.items or scenario.categories):
        raise BadParameter("name the items or categories the scenario is about.")
    if not scenario.changes:
        raise BadParameter("a scenario needs at least one change: price, promotion, event, weather or delist.")
    for one in scenario.changes:
        one.check(one.first, one.last)
    scenario_id = f"sc-{platform.clock.now():%Y%m%d%H%M%S}-{secrets.token_hex(3)}"
    record = {**body, "state": "saved", "made_by": who, "made_at": platform.clock.now().isoformat()}
    platform.records.put(KIND, scenario_id, record, expected=0)
    audit_changes.note(platform, who, "scenario.save", scenario_id, name=scenario.name)
    return scenario_id


def find(platform: Platform, scenario_id: str) -> dict[str, Any]:
    """
    Raises:
        NotFound: no such scenario.
    """
    try:
        return dict(platform.records.get(KIND, scenario_id).body)
    except NotFound as error:
        raise NotFound(f"there is no scenario {scenario_id!r}. List them at /v1/scenarios.") from error


def delete(platform: Platform, who: str, scenario_id: str) -> None:
    """Forget a scenario with its results.

    Raises:
        NotFound: no such scenario.
    """
    find(platform, scenario_id)
    for key in platform.blobs.list(f"scenarios/{scenario_id}/"):
        platform.blobs.delete(key)
    platform.records.delete(KIND, scenario_id)
    audit_changes.note(platform, who, "scenario.delete", scenario_id)


def note_state(platform: Platform, scenario_id: str, **fields: Any) -> dict[str, Any]:
    """Write fields of a scenario's record; others that are written meanwhile stay."""
    while True:
        find(platform, scenario_id)
        record = platform.records.get(KIND, scenario_id)
        with suppress(Conflict):
            body = {**record.body, **fields}
            platform.records.put(KIND, scenario_id, body, expected=record.version)
            return body


def note_job(platform: Platform, scenario_id: str, job_id: str) -> None:
    """Remember the job that works a scenario out; its state is written by that job alone."""
    while True:
        record = platform.records.get(KIND, scenario_id)
        with suppress(Conflict):
            platform.records.put(KIND, scenario_id, {**record.body, "job_id": job_id}, expected=record.version)
            return


def choices(platform: Platform) -> dict[str, Any]:
    """What a scenario can be made of: days, events and promotion types the history knows.

    Raises:
        NotReady: no forecasts yet.
    """
    cutoff = newest_cutoff(platform, results.FORECASTS)
    mine = platform.tables.scan(results.FORECASTS).filter((pl.col("cutoff") == cutoff) & (pl.col("scenario") == "base"))
    first, last = mine.select(pl.col("date").min(), pl.col("date").max().alias("last")).collect().row(0)
    moment = end_of(cutoff)
    past = as_of(platform.tables, curated.CALENDAR_EVENTS, moment).filter(pl.col("date") <= cutoff)
    kinds = as_of(platform.tables, curated.PROMOTIONS, moment).select(pl.col("promotion_type").unique())
    items = platform.tables.scan(curated.ITEMS).select(pl.col("category").drop_nulls().unique())
    places = platform.tables.scan(curated.LOCATIONS).select(pl.col("location_id").unique())
    return {
        "first": first, "last": last, "fewest_like_events": FEWEST,
        "events": past.select(pl.col("event").unique()).collect()["event"].sort().to_list(),
        "promotion_types": kinds.collect()["promotion_type"].drop_nulls().sort().to_list(),
        "categories": items.collect()["category"].sort().to_list(),
        "locations": places.collect()["location_id"].sort().to_list(),
    }  # fmt: skip


def run_job(platform: Platform, settings: LakeSettings, parameters: Any, job: Any) -> Mapping[str, Any]:
    """Work a saved scenario out, as a job."""
    outcome = run_saved(platform, settings, parameters.scenario_id)
    del job
    return {"scenario_id": parameters.scenario_id, "state": outcome["state"], "why": outcome.get("why", "")}


def run_saved(platform: Platform, settings: LakeSettings, scenario_id: str) -> dict[str, Any]:
    """Work a saved scenario out and keep its outcome; a refusal is an outcome too.

    Raises:
        NotFound: no such scenario.
        NotReady: no forecasts or model yet.
    """
    scenario = Scenario.of(find(platform, scenario_id))
    note_state(platform, scenario_id, state="running")
    try:
        outcome = work_out(platform, settings, scenario, scenario_id)
    except Unsupported as error:
        return note_state(platform, scenario_id, state="refused", why=str(error), outcome=None)
    except BadInput as error:
        return note_state(platform, scenario_id, state="refused", why=str(error), outcome=None)
    except BaseException:
        note_state(platform, scenario_id, state="failed", outcome=None)
        raise
    return note_state(platform, scenario_id, state="done", why="", outcome=outcome)


def work_out(platform: Platform, settings: LakeSettings, scenario: Scenario, scenario_id: str) -> dict[str, Any]:
    """Units, revenue, margin and orders of both futures.

    Raises:
        Unsupported: under `FEWEST` like events, or a price outside the observed range.
        BadParameter: days outside the horizon, unknown items.
        NotReady: no forecasts or model yet.
    """
    began = time.perf_counter()
    cutoff = scenario.cutoff or newest_cutoff(platform, results.FORECASTS)
    platform.progress.start(TITLE, 6)
    made_with = ready_model(platform, cutoff)
    platform.progress.advance(TITLE)
    keys = series_of(platform, made_with, scenario)
    lake = made_with.lake
    horizon = [
        lake.grid.cutoff + timedelta(days=lake.grid.step_days * step) for step in range(1, lake.grid.horizon + 1)
    ]
    for one in scenario.changes:
        one.check(horizon[0], horizon[-1])
    categories = lake.small.items.select("item_id", "category")
    history = read_history(made_with, keys, categories)
    platform.progress.advance(TITLE)
    support = supported(made_with, scenario, keys, history)
    before_panel = made_with.panel(keys)
    overlay = overlay_of(made_with, scenario, keys, history, scenario_id)
    changed_lake = made_with.with_future(ChangedTables(platform.tables, overlay))
    after_panel = made_with.panel(keys, lake=changed_lake)
    before = forecast_ensemble(before_panel, made_with.ensemble).forecast
    after = forecast_ensemble(after_panel, made_with.ensemble).forecast
    after = delisted(after, scenario.changes, horizon)
    platform.progress.advance(TITLE)
    prices = (_prices(made_with, keys, lake.tables), _prices(made_with, keys, changed_lake.tables))
    orders = orders_of(platform, made_with, settings, keys, (before_panel, before), (after_panel, after), scenario_id)
    platform.progress.advance(TITLE)
    money = _money(platform, keys, prices, cutoff)
    outcome = outcome_of(
        scenario, keys, horizon, before, after, prices, money, support, history, orders, settings.seed,
        dependence_of(platform),
    )  # fmt: skip
    _keep(platform, made_with, after_panel, after, scenario_id)
    platform.progress.advance(TITLE)
    outcome |= {
        "cutoff": cutoff.isoformat(),
        "model_id": made_with.model_id,
        "seconds": round(time.perf_counter() - began, 2),
    }
    platform.progress.done(TITLE, f"{keys.height} series, {support.count} like events")
    return outcome


def series_of(platform: Platform, made_with: ReadyModel, scenario: Scenario) -> pl.DataFrame:
    """The series a scenario is about.

    Raises:
        BadParameter: none, or too many.
    """
    del platform
    series = made_with.lake.series
    if scenario.items or scenario.categories:
        items = made_with.lake.small.items
        mine = items.filter(pl.col("category").is_in(list(scenario.categories)))["item_id"]
        series = series.filter(pl.col("item_id").is_in([*scenario.items, *mine]))
    if scenario.locations:
        series = series.filter(pl.col("location_id").is_in(list(scenario.locations)))
    if not series.height:
        raise BadParameter("no series match the items, categories and locations named. Search at /v1/series.")
    if series.height > MOST_SERIES:
        raise BadParameter(
            f"the scenario is about {series.height:,} series; {MOST_SERIES:,} are allowed. Choose fewer."
        )
    return series.select("item_id", "location_id").sort("item_id", "location_id")


def overlay_of(
    made_with: ReadyModel, scenario: Scenario, keys: pl.DataFrame, history: History, name: str
) -> dict[str, pl.DataFrame]:
    """Rows of the changed future by table."""
    lake = made_with.lake
    moment = end_of(lake.grid.cutoff)
    places = keys["location_id"].unique().to_list()
    plan = as_of(lake.tables, curated.PRICES, moment, pl.col("location_id").is_in(places)).collect()
    overlay: dict[str, list[pl.DataFrame]] = {}
    for number, one in enumerate(scenario.changes):
        if one.kind == "price":
            overlay.setdefault("prices", []).append(planned.price_rows(keys, plan, one, one.share, moment))
        elif one.kind == "promotion":
            types = made_with.lake.scheme.promotion_types
            if one.promotion_type not in types:
                raise Unsupported(
                    f"promotions of type {one.promotion_type!r} are not in the history; known: {', '.join(types) or 'none'}."
                )
            overlay.setdefault("promotions", []).append(planned.promotion_rows(keys, one, moment, f"{name}-{number}"))
            if one.discount_share and prices_follow(history):
                cut = planned.price_rows(keys, plan, one, -one.discount_share, moment)
                overlay.setdefault("prices", []).append(cut)
        elif one.kind == "event":
            known = lake.small.calendar_events.filter(pl.col("event") == one.event)["event_type"].drop_nulls()
            kind = known[0] if len(known) else "festival"
            overlay.setdefault("calendar_events", []).append(planned.event_rows(places, one, kind, moment))
        elif one.kind == "weather":
            expected = expected_weather(lake, places)
            overlay.setdefault("weather", []).append(planned.weather_rows(places, expected, one, moment))
    made = {}
    for table, frames in overlay.items():
        declared = {t.name: t for t in (curated.PRICES, curated.PROMOTIONS, curated.CALENDAR_EVENTS, curated.WEATHER)}[
            table
        ]
        made[table] = pl.concat(frames).unique(list(declared.key), keep="last", maintain_order=True)
    return made


def prices_follow(history: History) -> bool:
    """Whether this retailer's prices fall while a promotion with a discount runs (else the discount is only in the plan)."""
    told = [one for one in history.episodes if one.kind != "price" and one.change <= -0.05][:500]
    told += [one for one in history.episodes if one.kind == "price" and one.change <= -0.05][:500]
    fell = 0
    for one in told:
        path = history.prices[one.series]
        usual = np.nanmedian(path[max(0, one.first - 60) : one.first + 1]) if np.isfinite(path).any() else np.nan
        fell += bool(np.nanmin(path[one.first : one.last + 1], initial=np.inf) <= usual * 0.97)
    return bool(told) and fell > len(told) / 2


def delisted(forecast: Forecast, changes: Sequence[Change], days: Sequence[date]) -> Forecast:
    """What isn't listed sells nothing."""
    gone = np.array([any(c.kind == "delist" and c.first <= day <= c.last for c in changes) for day in days])
    if not gone.any():
        return forecast
    mean, quantiles = forecast.mean.copy(), forecast.quantiles.copy()
    mean[:, gone], quantiles[:, gone] = 0.0, 0.0
    return replace(forecast, mean=mean, quantiles=quantiles)


def _prices(made_with: ReadyModel, keys: pl.DataFrame, tables: Any) -> np.ndarray:
    """(series, H) prices of the horizon."""
    grid = made_with.lake.grid
    places = keys["location_id"].unique().to_list()
    rows = as_of(tables, curated.PRICES, end_of(grid.cutoff), pl.col("location_id").is_in(places)).collect()
    return price_paths(grid, keys, rows)[:, grid.history_length :]


def _money(platform: Platform, keys: pl.DataFrame, prices: tuple[np.ndarray, np.ndarray], cutoff: date) -> np.ndarray:
    """(series,) unit cost of the first source of each series; NaN where not known."""
    del prices
    terms = as_of(platform.tables, supply.SOURCING, end_of(cutoff)).collect()
    wide = (pl.col("item_id") == "*").cast(pl.Int8) * 2 + (pl.col("destination_id") == "*").cast(pl.Int8)
    terms = terms.with_columns(wide.alias("wide")).filter(pl.col("unit_cost").is_not_null())
    cost = np.full(keys.height, np.nan)
    numbered = keys.with_row_index("row")
    for part in (("item_id", "destination_id"), ("item_id",), ("destination_id",)):
        left = {"item_id": "item_id", "destination_id": "location_id"}
        rows = terms.filter((pl.col("item_id") != "*") if "item_id" in part else (pl.col("item_id") == "*"))
        rows = rows.filter(
            (pl.col("destination_id") != "*") if "destination_id" in part else (pl.col("destination_id") == "*")
        )
        best = rows.sort("priority", "source_id").unique(list(part), keep="first", maintain_order=True)
        found = numbered.join(best.select(*part, "unit_cost"), left_on=[left[p] for p in part], right_on=list(part))
        at = found["row"].to_numpy()
        missing = np.isnan(cost[at])
        cost[at[missing]] = found["unit_cost"].to_numpy()[missing]
    return cost


def _keep(platform: Platform, made_with: ReadyModel, panel: Panel, forecast: Forecast, scenario_id: str) -> None:
    """The scenario's forecasts, under its id."""
    empty = pl.DataFrame(schema={"item_id": pl.String, "location_id": pl.String, "periods": pl.Int64})
    job = ForecastJob(
        made_with.lake, made_with.ensemble, made_with.model_id[:8], empty, False, scenario_id, scenario_id
    )
    rows = forecast_rows(job, panel, forecast, "final", forecast.model.astype(str))
    buffer = io.BytesIO()
    rows.write_parquet(buffer, compression="zstd")
    platform.blobs.put(f"scenarios/{scenario_id}/{FORECASTS_FILE}", buffer.getvalue())


def scenario_forecasts(platform: Platform, scenario_id: str) -> pl.LazyFrame:
    """Forecasts of a scenario that was worked out: rows as in `forecasts`, none if it wasn't.

    They are kept beside the lake's tables, so that trying things out never makes the nightly steps run again.
    """
    if not re.fullmatch(r"[A-Za-z0-9-]{1,64}", scenario_id):
        return results.FORECASTS.empty().lazy()
    try:
        data = platform.blobs.get(f"scenarios/{scenario_id}/{FORECASTS_FILE}")
    except NotFound:
        return results.FORECASTS.empty().lazy()
    return pl.read_parquet(io.BytesIO(data)).lazy()
