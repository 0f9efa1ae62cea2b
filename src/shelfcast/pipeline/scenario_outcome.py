"""What came of a scenario, as numbers: units, revenue and margin with intervals, day by day, by series, and tonight's orders."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from shelfcast.domain.errors import NotReady
from shelfcast.domain.tables import results
from shelfcast.features.panel import Forecast, Panel
from shelfcast.forecast.models.dependence import Dependence
from shelfcast.pipeline.forecast_demand import Job as ForecastJob
from shelfcast.pipeline.forecast_demand import forecast_rows, window_rows
from shelfcast.pipeline.lake_settings import LakeSettings
from shelfcast.pipeline.plan_orders import read_inputs
from shelfcast.pipeline.protection_windows import protection_days
from shelfcast.pipeline.ready_model import ReadyModel
from shelfcast.pipeline.scenario_history import History
from shelfcast.pipeline.scenario_support import Scenario
from shelfcast.ports.platform import Platform
from shelfcast.replenish.inputs import EngineSettings, Inputs
from shelfcast.replenish.order_lines import propose_orders
from shelfcast.scenario.changes import changed_days
from shelfcast.scenario.comparison import as_record, compare, effect_draws
from shelfcast.scenario.like_events import (
    LikeEvents,
)
from shelfcast.scenario.totals import spread_of, total_quantiles, total_variance

SHOWN_LINES = 200


def orders_of(
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
        job = ForecastJob(made_with.lake, made_with.ensemble, made_with.model_id[:8], windows, False, name, scenario_id)
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


def outcome_of(
    scenario: Scenario, keys: pl.DataFrame, days: list[date], before: Forecast, after: Forecast,
    prices: tuple[np.ndarray, np.ndarray], cost: np.ndarray, support: LikeEvents, history: History, orders: dict[str, Any],
    seed: int, dependence: Dependence,
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
        variances = tuple(_variance(one, weight, dependence) for one, weight in zip((before, after), weights))
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
        "daily": _daily(days, before, after, touched, factors, dependence),
        "by_series": _by_series(keys, before, after, prices),
    }  # fmt: skip


def _variance(forecast: Forecast, weight: np.ndarray, dependence: Dependence) -> float:
    """Of the weighted total over series and days."""
    spread = spread_of(forecast.quantiles, forecast.levels) * np.abs(weight)
    group, bucket = np.zeros(len(spread), dtype=np.int64), np.zeros(spread.shape[1], dtype=np.int64)
    return float(total_variance(spread, group, 1, bucket, 1, dependence)[0, 0])


def _daily(
    days: list[date], before: Forecast, after: Forecast, touched: np.ndarray, factors: np.ndarray,
    dependence: Dependence,
) -> list[dict[str, Any]]:  # fmt: skip
    group, bucket = np.zeros(len(before.mean), dtype=np.int64), np.arange(len(days))
    made = []
    ends = []
    for forecast, extra in ((before, 0.0), (after, float(np.var(factors)))):
        mean = forecast.mean.sum(axis=0)
        spread = spread_of(forecast.quantiles, forecast.levels)
        variance = total_variance(spread, group, 1, bucket, len(days), dependence)[0]
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
