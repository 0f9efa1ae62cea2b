"""Scenarios: save one, work it out through the real forecast and order code, keep what came of it.

    changes -> rows over the lake's tables -> the champion forecasts both futures -> orders of both -> units, money, orders

A scenario outside what history supports is refused with the reason and the nearest one that is supported.
"""

from __future__ import annotations

import calendar
import io
import re
import secrets
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from shelfcast.domain.errors import BadInput, BadParameter, Conflict, NotFound, NotReady
from shelfcast.domain.tables import curated, results, supply
from shelfcast.features.covariates.prices import price_paths
from shelfcast.features.panel import Forecast, Panel, Role
from shelfcast.forecast.ensemble import forecast_ensemble
from shelfcast.lake.as_of import as_of, end_of
from shelfcast.pipeline import audit_changes
from shelfcast.pipeline.changed_future import ChangedTables
from shelfcast.pipeline.forecast_demand import Job as ForecastJob
from shelfcast.pipeline.forecast_demand import forecast_rows, window_rows
from shelfcast.pipeline.lake_settings import LakeSettings
from shelfcast.pipeline.newest import newest_cutoff
from shelfcast.pipeline.plan_orders import read_inputs
from shelfcast.pipeline.protection_windows import protection_days
from shelfcast.pipeline.ready_model import ReadyModel, ready_model
from shelfcast.pipeline.scenario_history import History, read_history
from shelfcast.ports.platform import Platform
from shelfcast.replenish.inputs import EngineSettings, Inputs
from shelfcast.replenish.order_lines import propose_orders
from shelfcast.scenario import changes as planned
from shelfcast.scenario.changes import Change, changed_days
from shelfcast.scenario.comparison import as_record, compare, effect_draws
from shelfcast.scenario.like_events import (
    FEWEST,
    POINTS,
    Episode,
    LikeEvents,
    choose_like,
    festival_uplift,
    in_season,
    measure,
    months_with_enough,
    nearest_supported,
)
from shelfcast.scenario.totals import spread_of, total_quantiles, total_variance

KIND = "scenarios"
MOST_SERIES = 2000
TITLE = "Working out the scenario"
SHOWN_LINES = 200
FORECASTS_FILE = "forecasts.parquet"
PRICE_TOLERANCE = 0.005


class Unsupported(BadInput):
    """History doesn't support the scenario; the message says why and what is supported."""


@dataclass(frozen=True)
class Scenario:
    """What is to be worked out."""

    name: str
    items: tuple[str, ...]
    categories: tuple[str, ...]
    locations: tuple[str, ...]
    changes: tuple[Change, ...]
    cutoff: date | None = None
    note: str = ""

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Scenario:
        def day(value: Any) -> Any:
            return value if isinstance(value, date) or value is None else date.fromisoformat(value)

        changes = tuple(
            Change(**{**one, "first": day(one["first"]), "last": day(one["last"])}) for one in body["changes"]
        )
        return cls(
            body["name"], tuple(body.get("items") or ()), tuple(body.get("categories") or ()),
            tuple(body.get("locations") or ()), changes, day(body.get("cutoff")), body.get("note") or "",
        )  # fmt: skip


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
    _check_weather(scenario, before_panel)
    overlay = overlay_of(made_with, scenario, keys, history, scenario_id)
    changed_lake = made_with.with_future(ChangedTables(platform.tables, overlay))
    after_panel = made_with.panel(keys, lake=changed_lake)
    before = forecast_ensemble(before_panel, made_with.ensemble).forecast
    after = forecast_ensemble(after_panel, made_with.ensemble).forecast
    after = delisted(after, scenario.changes, horizon)
    platform.progress.advance(TITLE)
    prices = (_prices(made_with, keys, lake.tables), _prices(made_with, keys, changed_lake.tables))
    orders = _orders(platform, made_with, settings, keys, (before_panel, before), (after_panel, after), scenario_id)
    platform.progress.advance(TITLE)
    money = _money(platform, keys, prices, cutoff)
    outcome = _outcome(scenario, keys, horizon, before, after, prices, money, support, history, orders, settings.seed)
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


def supported(made_with: ReadyModel, scenario: Scenario, keys: pl.DataFrame, history: History) -> LikeEvents:
    """Like events behind the scenario.

    Raises:
        Unsupported: too few, or a price nobody has seen.
    """
    events = [one for one in scenario.changes if one.kind == "event"]
    for one in events:
        if one.event not in made_with.lake.scheme.events and one.event not in history.festivals:
            known = ", ".join(sorted(history.festivals)[:30])
            raise Unsupported(
                f"event {one.event!r} is not in the history of these locations; known there: {known or 'none'}."
            )
    festival_days = [day for one in events for run in history.festivals.get(one.event, []) for day in run]
    priced = [one for one in scenario.changes if one.depth is not None or one.kind in ("price", "promotion")]
    _check_prices(scenario, keys, history)
    for one in priced:
        depth = _depth(one, keys, history)
        kind = one.promotion_type if one.kind == "promotion" else ""
        pool = [e for e in history.episodes if (e.kind == kind if kind else True)]
        if one.kind == "price":
            pool = [e for e in history.episodes if abs(e.change) > 1e-9]
        chosen = choose_like(pool, depth, one.first, history.days, festival_days, kind)
        found = measure(chosen, history.demand, history.weekday, history.location, history.busy, festival_days)
        if found.count < FEWEST:
            raise Unsupported(_too_few(one, depth, found, pool, history))
        return found
    if events:
        runs = [run for one in events for run in history.festivals.get(one.event, [])]
        found = festival_uplift(history.demand, history.weekday, history.items, runs, history.busy)
        if found.count < FEWEST:
            raise Unsupported(
                f"history holds {found.count} like events of {events[0].event!r} (items x occurrences); at least {FEWEST} are "
                f"needed. Choose more items of the category, or an event seen more often: {', '.join(_often(history))}."
            )
        return found
    return LikeEvents(0, np.array([]), None, None)


def _check_weather(scenario: Scenario, panel: Panel) -> None:
    """Refuse changed weather where the model reads past weather only: nothing would change, which isn't an answer."""
    if any(one.kind == "weather" for one in scenario.changes) and not any(
        one.driver == "weather" and one.role is Role.KNOWN_FUTURE for one in panel.covariates
    ):
        raise Unsupported(
            "the model in use reads the weather of past days only, so it can't say what other weather would sell. Supported: "
            "price, promotion, event, delist."
        )


def _often(history: History) -> list[str]:
    ranked = sorted(history.festivals, key=lambda one: (-len(history.festivals[one]), one))
    return ranked[:5]


def _depth(change: Change, keys: pl.DataFrame, history: History) -> float | None:
    if change.price is None:
        return change.depth
    usual = [_usual_price(history, item, place) for item, place in keys.iter_rows()]
    known = [one for one in usual if one]
    return change.price / float(np.median(known)) - 1.0 if known else None


def _usual_price(history: History, item: str, place: str) -> float | None:
    at = _row_of(history, item, place)
    path = history.prices[at]
    known = path[np.isfinite(path)][-365:]
    return float(np.median(known)) if len(known) else None


def _row_of(history: History, item: str, place: str) -> int:
    found = history.keys.with_row_index("row").filter((pl.col("item_id") == item) & (pl.col("location_id") == place))
    return int(found["row"][0])


def _check_prices(scenario: Scenario, keys: pl.DataFrame, history: History) -> None:
    """Refuse prices outside those at which an item has been sold at the chosen locations."""
    numbered = history.keys.with_row_index("row").join(keys, on=["item_id", "location_id"], how="semi")
    for one in (one for one in scenario.changes if one.kind in ("price", "promotion") and (one.price or one.depth)):
        outside: list[str] = []
        floor, ceiling = -1.0, np.inf
        for (item,), part in numbered.group_by("item_id", maintain_order=True):
            paths = history.prices[part["row"].to_numpy()]
            seen = paths[np.isfinite(paths)]
            if not len(seen):
                raise Unsupported(
                    f"no price of item {item!r} is recorded, so nothing can be said of another one. Load prices."
                )
            usual, low, high = float(np.median(seen[-365:])), float(seen.min()), float(seen.max())
            new = one.price if one.price is not None else usual * (1.0 + (one.depth or 0.0))
            floor, ceiling = max(floor, low / usual - 1.0), min(ceiling, high / usual - 1.0)
            if not low * (1 - PRICE_TOLERANCE) <= new <= high * (1 + PRICE_TOLERANCE):
                outside.append(f"{item} at {new:.2f} (sold at {low:.2f} to {high:.2f})")
        if not outside:
            continue
        count = numbered["item_id"].n_unique()
        shown = ", ".join(outside[:5]) + (", ..." if len(outside) > 5 else "")
        near = (
            f"for all {count} items {floor:+.0%} to {ceiling:+.0%}"
            if floor <= ceiling
            else "none for all of them together"
        )
        rest = f"; or leave these {len(outside)} out" if len(outside) < count else ""
        raise Unsupported(
            f"{len(outside)} of {count} items would have a price nobody has seen, so nothing can be said: {shown}. "
            f"Nearest supported: {near}{rest}."
        )


def _too_few(change: Change, depth: float | None, found: LikeEvents, pool: Sequence[Episode], history: History) -> str:
    what = f"{depth:+.0%} price" if depth is not None else change.promotion_type
    said = (
        f"history holds {found.count} like events ({what}, same category, same festival or season); at least {FEWEST} are "
        "needed to say anything."
    )

    def count(episodes: Sequence[Episode]) -> int:
        return measure(episodes, history.demand, history.weekday, history.location, history.busy).count

    here = [one for one in pool if in_season(history.days[one.first], change.first)]
    nearest = nearest_supported(here, depth, count) if depth is not None else None
    if nearest is not None:
        return f"{said} Nearest supported on these days: {nearest[0]:+.0%} ({nearest[1]} like events)."
    same = [one for one in pool if depth is None or abs(one.change - depth) <= POINTS]
    months = months_with_enough(same, history.days, count)
    if months:
        shown = ", ".join(f"{calendar.month_name[month]} ({count})" for month, count in months)
        return f"{said} The same change is supported in: {shown}."
    anywhere = nearest_supported(pool, depth, count) if depth is not None else None
    if anywhere is not None:
        return f"{said} Nearest supported in any season: {anywhere[0]:+.0%} ({anywhere[1]} like events)."
    return f"{said} No other depth or month is supported either: choose more items of the category."


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
            expected = lake.small.weather.filter(pl.col("location_id").is_in(places))
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


def _orders(
    platform: Platform, made_with: ReadyModel, settings: LakeSettings, keys: pl.DataFrame,
    before: tuple[Panel, Forecast], after: tuple[Panel, Forecast], scenario_id: str,
) -> dict[str, Any]:  # fmt: skip
    """Tonight's orders of the items under both futures."""
    cutoff = made_with.lake.grid.cutoff
    try:
        inputs = read_inputs(platform, cutoff)
    except NotReady:
        return {"known": False, "why": "there are no base forecasts of this cutoff"}
    items = keys["item_id"].unique()
    inputs = _narrowed(inputs, items)
    if not inputs.stock.height:
        return {"known": False, "why": "no stock of these items is recorded"}
    windows = protection_days(platform, cutoff, settings.frequency).join(
        keys, on=["item_id", "location_id"], how="semi"
    )
    lines = []
    stored = inputs.forecasts.lazy().collect()
    others = stored.join(keys, on=["item_id", "location_id"], how="anti")
    # Both under the name of the base run, so that its own approved lines are told apart from orders in both alike.
    name = "base"
    for panel, forecast in (before, after):
        job = ForecastJob(
            made_with.lake, made_with.ensemble, made_with.model_id[:8], windows, False, name, scenario_id, Path()
        )
        rows = forecast_rows(job, panel, forecast, "final", forecast.model.astype(str))
        demand = window_rows(job, panel, forecast)
        kept = inputs.window_demand.join(keys, on=["item_id", "location_id"], how="anti")
        changed = replace(
            inputs,
            forecasts=pl.concat([others, results.FORECASTS.conform(rows)]),
            window_demand=pl.concat([results.WINDOW_DEMAND.conform(kept), demand]),
        )
        engine = EngineSettings(scenario=name, period_days=7 if settings.frequency == "W" else 1)
        table = propose_orders(changed, cutoff, engine).order_lines
        lines.append(table.join(keys, on=["item_id", "location_id"], how="semi"))
    key = ["item_id", "location_id", "source_id"]
    numbers = ["qty", "value"]
    both = (
        lines[0].select(*key, *numbers)
        .join(lines[1].select(*key, *numbers), on=key, how="full", suffix="_scenario", coalesce=True)
        .with_columns(pl.col("qty", "qty_scenario", "value", "value_scenario").fill_null(0.0))
        .with_columns((pl.col("qty_scenario") - pl.col("qty")).alias("difference"))
        .sort(pl.col("difference").abs(), *key, descending=[True, False, False, False])
    )  # fmt: skip
    return {
        "known": True,
        "units": float(both["qty"].sum()), "units_scenario": float(both["qty_scenario"].sum()),
        "value": float(both["value"].sum()), "value_scenario": float(both["value_scenario"].sum()),
        "lines": int((both["qty"] > 0).sum()), "lines_scenario": int((both["qty_scenario"] > 0).sum()),
        "changed": both.filter(pl.col("difference") != 0).head(SHOWN_LINES).to_dicts(),
    }  # fmt: skip


def _narrowed(inputs: Inputs, items: pl.Series) -> Inputs:
    """Only what concerns some items; limits that need all items are left away, for both futures alike."""
    mine = pl.col("item_id").is_in(items.implode())
    wild = mine | (pl.col("item_id") == "*")
    return replace(
        inputs,
        stock=inputs.stock.filter(mine), forecasts=inputs.forecasts.lazy().filter(mine).collect(),
        window_demand=inputs.window_demand.filter(mine), sourcing=inputs.sourcing.filter(wild),
        item_locations=inputs.item_locations.filter(wild), items=inputs.items.filter(mine),
        stock_lots=inputs.stock_lots.filter(mine), open_orders=inputs.open_orders.filter(mine),
        approved=inputs.approved.filter(mine), promotions=inputs.promotions.filter(wild),
        prices=inputs.prices.filter(mine), order_overrides=inputs.order_overrides.filter(mine),
        history=inputs.history.filter(mine), limits=inputs.limits.filter(pl.col("limit_type") == "dc_reserve_qty"),
    )  # fmt: skip


def _outcome(
    scenario: Scenario, keys: pl.DataFrame, days: list[date], before: Forecast, after: Forecast,
    prices: tuple[np.ndarray, np.ndarray], cost: np.ndarray, support: LikeEvents, history: History, orders: dict[str, Any],
    seed: int,
) -> dict[str, Any]:  # fmt: skip
    rng = np.random.default_rng(seed)
    touched = np.broadcast_to(changed_days(scenario.changes, days), before.mean.shape)
    factors = effect_draws(support.uplift, keys["item_id"].n_unique(), rng)
    ones = (np.ones(before.mean.shape), np.ones(before.mean.shape))
    worth = tuple(np.nan_to_num(one) for one in prices)
    margin = tuple(np.nan_to_num(one - np.where(np.isnan(cost), 0.0, cost)[:, None]) for one in prices)
    measures: dict[str, Any] = {}
    for name, weights in (("units", ones), ("revenue", worth), ("margin", margin)):
        if name != "units" and not any(np.isfinite(one).any() for one in prices):
            continue
        variances = tuple(_variance(one, weight) for one, weight in zip((before, after), weights))
        measures[name] = as_record(compare(before.mean, after.mean, touched, weights, factors, variances))  # type: ignore[arg-type]
    inside = touched[0]
    model_uplift = float(after.mean[:, inside].sum() / max(before.mean[:, inside].sum(), 1e-9)) if inside.any() else 1.0
    rest = ~inside & (np.arange(len(days)) > np.flatnonzero(inside).max(initial=-1))
    later = (float(after.mean[:, rest].sum()), float(before.mean[:, rest].sum()))
    uplift = support.uplift
    return {
        "series": keys.height, "items": keys["item_id"].n_unique(), "first": days[0].isoformat(), "last": days[-1].isoformat(),
        "measures": measures, "orders": orders, "margin_known": bool(np.isfinite(cost).any()),
        "support": {
            "like_events": support.count, "at_the_same_festival": support.same_festival,
            "uplift_mean": float(uplift.mean()) if len(uplift) else None,
            "uplift_low": float(np.quantile(uplift, 0.1)) if len(uplift) else None,
            "uplift_high": float(np.quantile(uplift, 0.9)) if len(uplift) else None,
            "model_uplift": model_uplift, "after": support.after, "neighbours": support.neighbours,
            "model_after": later[0] / later[1] if later[1] > 0 else None,
            "series_looked_at": history.keys.height,
        },
        "daily": _daily(days, before, after, touched, factors),
        "by_series": _by_series(keys, before, after, prices),
    }  # fmt: skip


def _variance(forecast: Forecast, weight: np.ndarray) -> float:
    """Of the weighted total over series and days."""
    spread = spread_of(forecast.quantiles, forecast.levels) * np.abs(weight)
    group, bucket = np.zeros(len(spread), dtype=np.int64), np.zeros(spread.shape[1], dtype=np.int64)
    return float(total_variance(spread, group, 1, bucket, 1)[0, 0])


def _daily(
    days: list[date], before: Forecast, after: Forecast, touched: np.ndarray, factors: np.ndarray
) -> list[dict[str, Any]]:  # fmt: skip
    group, bucket = np.zeros(len(before.mean), dtype=np.int64), np.arange(len(days))
    made = []
    ends = []
    for forecast, extra in ((before, 0.0), (after, float(np.var(factors)))):
        mean = forecast.mean.sum(axis=0)
        variance = total_variance(spread_of(forecast.quantiles, forecast.levels), group, 1, bucket, len(days))[0]
        variance = variance + extra * (mean * touched[0]) ** 2
        ends.append((mean, total_quantiles(mean, variance, (0.1, 0.9))))
    for at, day in enumerate(days):
        made.append(
            {
                "date": day.isoformat(), "changed": bool(touched[0, at]),
                "baseline": float(ends[0][0][at]), "baseline_low": float(ends[0][1][at, 0]), "baseline_high": float(ends[0][1][at, 1]),
                "scenario": float(ends[1][0][at]), "scenario_low": float(ends[1][1][at, 0]), "scenario_high": float(ends[1][1][at, 1]),
            }
        )  # fmt: skip
    return made


def _by_series(
    keys: pl.DataFrame, before: Forecast, after: Forecast, prices: tuple[np.ndarray, np.ndarray]
) -> list[dict[str, Any]]:
    """Up to 500 series, those that change most first."""
    base, new = before.mean.sum(axis=1), after.mean.sum(axis=1)
    revenue = [np.nan_to_num(price) for price in prices]
    money = ((before.mean * revenue[0]).sum(axis=1), (after.mean * revenue[1]).sum(axis=1))
    order = np.argsort(-np.abs(new - base), kind="stable")[:500]
    items, places = keys["item_id"].to_list(), keys["location_id"].to_list()
    return [
        {
            "item_id": items[at], "location_id": places[at], "units": float(base[at]), "units_scenario": float(new[at]),
            "revenue": float(money[0][at]), "revenue_scenario": float(money[1][at]),
        }
        for at in order
    ]  # fmt: skip


def _keep(platform: Platform, made_with: ReadyModel, panel: Panel, forecast: Forecast, scenario_id: str) -> None:
    """The scenario's forecasts, under its id."""
    empty = pl.DataFrame(schema={"item_id": pl.String, "location_id": pl.String, "periods": pl.Int64})
    job = ForecastJob(
        made_with.lake, made_with.ensemble, made_with.model_id[:8], empty, False, scenario_id, scenario_id, Path()
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
