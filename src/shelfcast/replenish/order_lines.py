"""The nightly decision: from forecasts, stock, terms and rules to order lines with reasons.

    position, demand, target -> need -> whole units, smallest order, packs, caps        line by line
    -> supplier minimum and truck -> capacity -> fair share -> budget -> planner locks  across lines
    -> approval

Pure: tables in, tables out. The result depends neither on the order of the rows nor on how they are split.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from shelfcast.replenish import approval, exceptions, frame, reasons, terms
from shelfcast.replenish.calendar import HORIZON_DAYS
from shelfcast.replenish.daily_demand import read_daily_demand
from shelfcast.replenish.inputs import EngineSettings, Inputs
from shelfcast.replenish.keys import Integers, Keys, gather
from shelfcast.replenish.perishables import find_lots
from shelfcast.replenish.plan_lines import Context, Planned, line_demand, plan_lines
from shelfcast.replenish.position import incoming
from shelfcast.replenish.rules import LineScopes, Resolved, check_rules, resolve
from shelfcast.replenish.sources import Routes, add_times, choose, fill_lead_times, find_routes
from shelfcast.replenish.terms import Columns, take
from shelfcast.replenish.window_demand import lead_time_samples


@dataclass(frozen=True)
class Proposal:
    """What the night proposes. `report` holds the counts that prove nothing was dropped."""

    order_lines: pl.DataFrame
    exceptions: pl.DataFrame
    quarantine: pl.DataFrame
    report: dict[str, Any] = field(default_factory=dict)


def propose_orders(inputs: Inputs, cutoff: date, settings: EngineSettings | None = None) -> Proposal:
    """Order lines for every item-location with stock, a listing or a forecast.

    Args:
        inputs: tables as known at the cutoff.
        cutoff: business date after whose close the run is made; orders are placed that evening.

    Raises:
        BadInput: the inputs can't be used as a whole (see `validation`); nothing was decided.
    """
    settings = settings or EngineSettings()
    rules, broken_rules = check_rules(inputs.rules)
    keys = Keys.of(
        pl.concat([
            inputs.stock.select("item_id", "location_id"),
            inputs.item_locations.filter((pl.col("item_id") != "*") & (pl.col("location_id") != "*"))
            .select("item_id", "location_id"),
        ])
    )  # fmt: skip
    position_columns, categories, units = _position_columns(inputs, keys, cutoff)
    lines, parameters, routes, sources = _lines(inputs, keys, cutoff, rules, position_columns, categories)
    context = _context(inputs, keys, cutoff, settings, lines, parameters, routes, sources)
    planned = plan_lines(
        lines, parameters, line_demand(lines, parameters, context), context, np.zeros(len(lines["row"]), dtype=np.bool_)
    )
    table = _finish(planned, context, sources, units, settings)
    found = exceptions.to_table(exceptions.from_reasons(planned.columns, keys), cutoff, settings)
    return Proposal(table, found, broken_rules, {"lines": table.height})


def _position_columns(inputs: Inputs, keys: Keys, cutoff: date) -> tuple[Columns, pl.Series, pl.Series]:
    """(what holds for each item-location, category names, stock unit of each item)."""
    item, categories = terms.item_columns(inputs.items, keys, cutoff)
    columns = {
        **terms.listing_columns(inputs.item_locations, keys, cutoff),
        **item,
        **terms.stock_columns(inputs.stock, keys, cutoff),
    }
    place = terms.find_text(keys.items, inputs.items["item_id"])
    units = gather(inputs.items["unit"], place).fill_null("each") if inputs.items.height else None
    return columns, categories, units if units is not None else pl.Series(["each"] * len(keys.items), dtype=pl.String)


def _lines(
    inputs: Inputs, keys: Keys, cutoff: date, rules: pl.DataFrame, positions: Columns, categories: pl.Series
) -> tuple[Columns, Resolved, Routes, pl.Series]:
    """The lines to plan with sources and order days, their parameters, their routes, the names of the sources."""
    candidates, sources = terms.source_candidates(inputs.sourcing, keys, cutoff)
    candidates = _without_source(candidates, keys)
    scopes = LineScopes(
        keys, candidates["row"], candidates["source"], positions["category"][candidates["row"]], sources, categories
    )
    parameters = resolve(rules, scopes, cutoff)
    routes = find_routes(candidates, keys, sources, cutoff, inputs.order_calendar, inputs.order_dates, inputs.openings)
    candidates = add_times(fill_lead_times(candidates, parameters), routes, parameters)
    lines, kept = choose(candidates, np.full(len(candidates["row"]), np.nan), parameters)
    lines.update(take(positions, lines["row"]))
    return lines, parameters.take(kept), routes, sources


def _without_source(candidates: Columns, keys: Keys) -> Columns:
    """A line (source -1) for each item-location no source is known for."""
    lonely = np.setdiff1d(np.arange(keys.size), candidates["row"])
    blank = {name: np.full(len(lonely), default) for name, default in terms.SOURCE_NUMBERS.items()}
    blank["lead_time_days"] = np.ones(len(lonely))
    blank.update(row=lonely, source=np.full(len(lonely), -1), source_type=np.zeros(len(lonely), dtype=np.int64))
    return {name: np.concatenate([candidates[name], blank[name]]) for name in candidates}


def _context(
    inputs: Inputs,
    keys: Keys,
    cutoff: date,
    settings: EngineSettings,
    lines: Columns,
    parameters: Resolved,
    routes: Routes,
    sources: pl.Series,
) -> Context:
    longest = int(np.minimum(lines["next_delivery_day"], HORIZON_DAYS).max(initial=2)) - 1
    days = int(np.clip(longest, 7, settings.horizon_days))
    read = read_daily_demand(inputs.forecasts, keys, cutoff, days, period_days=settings.period_days)
    supply = incoming(
        inputs.open_orders, inputs.approved, inputs.acknowledged,
        frame.line_ids(lines, keys, sources, cutoff, settings.scenario), keys, cutoff,
        int(parameters.one("overdue_grace_days")), int(parameters.one("overdue_dead_days")),
    )  # fmt: skip
    samples = lead_time_samples(inputs.deliveries, routes.frame, int(parameters.one("min_lead_time_samples")))
    lots = find_lots(inputs.stock_lots, inputs.deliveries, keys, cutoff)
    return Context(inputs, keys, cutoff, read.demand, supply, routes.days, samples, lots)


def _finish(
    planned: Planned, context: Context, sources: pl.Series, units: pl.Series, settings: EngineSettings
) -> pl.DataFrame:
    lines = planned.columns
    size = len(lines["row"])
    for step in frame.STEPS:
        lines.setdefault(step, np.zeros(size))
    usual = approval.usual_order(context.inputs.deliveries, context.keys, lines["row"], lines["cycle_mean"])
    held = np.zeros(size, dtype=np.bool_)
    lines["status_code"] = approval.approve(lines, planned.parameters, usual, held)
    lines.update(frame.effects(lines, planned.demand))
    return frame.to_frame(lines, planned.parameters, context.keys, sources, units, context.cutoff, settings)


__all__ = ["EngineSettings", "Inputs", "Integers", "Proposal", "propose_orders", "reasons"]
