"""The nightly decision: from forecasts, stock, terms and rules to order lines with reasons.

    position, demand, target -> need -> whole units, smallest order, packs, caps        line by line
    -> supplier minimum and truck -> capacity -> fair share -> budget -> planner locks  across lines
    -> approval

Pure: tables in, tables out. The result depends neither on the order of the rows nor on how they are split.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from shelfcast.domain.errors import BadInput
from shelfcast.replenish import approval, exceptions, frame, hashing, network, reasons, report, terms
from shelfcast.replenish.across_lines import decide_across_lines
from shelfcast.replenish.calendar import HORIZON_DAYS
from shelfcast.replenish.daily_demand import DemandRead, read_daily_demand
from shelfcast.replenish.demand_checks import History, StandIns, fill_missing, read_history
from shelfcast.replenish.inputs import EngineSettings, Inputs
from shelfcast.replenish.keys import ALL, Keys, find, gather
from shelfcast.replenish.limits import Names, valid_limits
from shelfcast.replenish.perishables import find_lots
from shelfcast.replenish.plan_lines import Context
from shelfcast.replenish.position import incoming, promised_to_others
from shelfcast.replenish.rules import LineScopes, Resolved, resolve
from shelfcast.replenish.sources import Routes, add_times, choose, fill_lead_times, find_routes
from shelfcast.replenish.terms import Columns, take
from shelfcast.replenish.validation import Checked, check
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
    settings = _provenance(settings or EngineSettings(), inputs)
    checked = check(inputs, cutoff, settings)
    inputs = checked.inputs
    keys = run_keys(checked)
    positions, categories, units = position_columns(checked, keys, cutoff)
    positions["backorders"] = positions["backorders"] + promised_to_others(
        inputs.approved, inputs.open_orders, inputs.acknowledged, keys, cutoff, settings.scenario
    )
    lines, parameters, routes, sources = lines_of_run(inputs, keys, cutoff, checked.rules, positions, categories)
    checked, inputs = _without_read_tables(checked)
    positions = {
        name: positions[name]
        for name in ("on_hand", "blocked", "backorders", "has_stock", "reference", "reference_scale")
    }
    names = Names(keys, sources, categories)
    read = _read_demand(inputs, keys, cutoff, settings, lines)
    if settings.needs_forecast and not (read.demand.days_given > 0).any() and not inputs.paths.height:
        raise BadInput(
            f"no forecast matches any of the {keys.size:,} item-locations with stock or a listing. Check that both use the "
            f"same names, and that the forecasts begin after {cutoff}. Nothing was decided."
        )
    history = read_history(inputs.history, keys, cutoff)
    stand_ins = fill_missing(read.demand, history, positions, keys)
    _add_demand_reasons(lines, parameters, read, history, stand_ins)
    context = _context(inputs, keys, cutoff, settings, lines, parameters, routes, sources, read)
    planned = network.plan_levels(lines, parameters, context, names)
    read = replace(read, demand=read.demand.without_days())
    context = replace(context, demand=read.demand)
    del lines  # what is planned holds all that is still needed
    held = decide_across_lines(planned, context, names, positions, valid_limits(inputs.limits, cutoff))
    _note_back_room(planned.columns)
    usual = approval.usual_order(inputs.deliveries, keys, planned.columns["row"], planned.columns["window_mean"])
    planned.columns["status_code"] = approval.approve(planned.columns, parameters, usual, held)
    for name in set(planned.columns) - frame.NEEDED - set(report.NEEDED):
        del planned.columns[name]
    told = {name: planned.columns[name] for name in report.NEEDED if name in planned.columns}
    table = frame.to_frame(planned.columns, parameters, planned.demand, names, units, cutoff, settings)
    told["expected_lost_with"] = planned.columns["expected_lost_with"]
    del planned  # the table holds it all now
    lonely = _without_stock(told, names, read)
    if lonely.height:
        bare = frame.bare_lines(lonely, cutoff, settings)
        table = pl.concat([table, bare]).sort("item_id", "location_id", "source_id")
    found = [
        *exceptions.from_reasons(told, keys),
        *report.more_exceptions(told, context, history, read, lonely, checked, names),
    ]
    return Proposal(
        table,
        exceptions.to_table(found, cutoff, settings),
        report.quarantine(checked, read),
        report.counts(checked, told, lonely, read, keys),
    )


def _note_back_room(lines: Columns) -> None:
    after = lines["inventory_position"] + lines["quantity"]
    reasons.add(lines["reasons"], "back_room", (lines["quantity"] > 0.0) & (after > lines["shelf_capacity"]))


def _provenance(settings: EngineSettings, inputs: Inputs) -> EngineSettings:
    """The settings with the forecast's run, and the version of the policy: that of the code and a hash of the rules."""
    forecast = settings.forecast_id
    if not forecast and "run_id" in inputs.forecasts.lazy().collect_schema():
        runs = inputs.forecasts.lazy().select(pl.col("run_id").drop_nulls().unique().sort()).collect()["run_id"]
        forecast = " ".join(runs.to_list())
    rules = inputs.rules.select(pl.exclude("known_at", "loaded_at", "load_id"))
    words = rules.cast(pl.String).select(pl.concat_str(pl.all(), separator="|", ignore_nulls=True).sort().alias("rule"))
    hashed = hashing.identifiers([hashing.words_of_texts(pl.Series(["\n".join(words["rule"])]), 1)], "rules")
    version = f"{settings.policy_version}/rules-{hashed[0]}" if settings.policy_version else f"rules-{hashed[0]}"
    return replace(settings, forecast_id=forecast, policy_version=version)


def run_keys(checked: Checked) -> Keys:
    """Every item-location with stock, a listing of its own, or a broken row of these."""
    inputs = checked.inputs
    pairs = pl.concat(
        [frame.select("item_id", "location_id") for frame in (inputs.stock, inputs.item_locations, checked.stopped)]
    )
    return Keys.of(pairs.filter((pl.col("item_id") != ALL) & (pl.col("location_id") != ALL)).drop_nulls())


def position_columns(checked: Checked, keys: Keys, cutoff: date) -> tuple[Columns, pl.Series, pl.Series]:
    """(what holds for each item-location, category names, stock unit of each item)."""
    inputs = checked.inputs
    item, categories = terms.item_columns(inputs.items, keys, cutoff)
    columns = {
        **terms.listing_columns(inputs.item_locations, keys, cutoff),
        **item,
        **terms.stock_columns(inputs.stock, keys, cutoff),
    }
    planned_price = terms.price_column(inputs.prices, keys, cutoff)
    columns["unit_price"] = np.where(np.isnan(columns["unit_price"]), planned_price, columns["unit_price"])
    stopped = np.zeros(keys.size, dtype=np.bool_)
    rows = keys.rows(checked.stopped["item_id"], checked.stopped["location_id"])
    stopped[rows[rows >= 0]] = True
    columns["quarantined"] = stopped
    place = terms.find_text(keys.items, inputs.items["item_id"])
    units = (
        gather(inputs.items["unit"], place)
        if inputs.items.height
        else pl.Series([None] * len(keys.items), dtype=pl.String)
    )
    return columns, categories, units.fill_null("each")


def lines_of_run(
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
    at_source = network.source_rows(candidates, Names(keys, sources, categories))
    free = positions["on_hand"] - positions["blocked"] - positions["backorders"]
    known = (at_source >= 0) & positions["has_stock"][at_source]
    lines, kept = choose(candidates, np.where(known, free[at_source], np.nan), parameters)
    lines.update(take(positions, lines["row"]))
    mask = lines["reasons"]
    stale = lines["stock_age_days"] * 24.0 > parameters.take(kept).number("max_snapshot_age_hours")
    reasons.add(mask, "stale_snapshot", lines["has_stock"] & stale)
    reasons.add(mask, "quarantined_input", lines["quarantined"])
    return lines, parameters.take(kept), routes, sources


def _without_read_tables(checked: Checked) -> tuple[Checked, Inputs]:
    """The same without the large tables that are columns now, so that their memory can be used again."""
    none = {name: getattr(checked.inputs, name).clear() for name in ("stock", "sourcing", "item_locations")}
    inputs = replace(checked.inputs, **none)
    return replace(checked, inputs=inputs), inputs


def _without_source(candidates: Columns, keys: Keys) -> Columns:
    """A line (source -1) for each item-location no source is known for."""
    sourced = np.zeros(keys.size, dtype=np.bool_)
    sourced[candidates["row"]] = True
    lonely = np.flatnonzero(~sourced)
    blank: Columns = {name: np.full(len(lonely), default) for name, default in terms.SOURCE_NUMBERS.items()}
    blank["lead_time_days"] = np.ones(len(lonely))
    blank.update(row=lonely, source=np.full(len(lonely), -1), source_type=np.zeros(len(lonely), dtype=np.int64))
    if not len(lonely):
        return candidates
    joined = {name: np.concatenate([candidates[name], blank[name]]) for name in candidates}
    return take(joined, np.argsort(joined["row"], kind="stable"))


def _read_demand(inputs: Inputs, keys: Keys, cutoff: date, settings: EngineSettings, lines: Columns) -> DemandRead:
    longest = int(np.minimum(lines["next_delivery_day"], HORIZON_DAYS).max(initial=2)) - 1
    days = int(np.clip(longest, 7, settings.horizon_days))
    return read_daily_demand(inputs.forecasts, keys, cutoff, days, period_days=settings.period_days)


def _add_demand_reasons(
    lines: Columns, parameters: Resolved, read: DemandRead, history: History, stand_ins: StandIns
) -> None:
    """What is to be said about the forecast of each line; a broken forecast row stops its line."""
    row, mask = lines["row"], lines["reasons"]
    reasons.add(mask, "no_forecast", (stand_ins.from_history | stand_ins.none)[row])
    reasons.add(mask, "new_item", stand_ins.from_reference[row])
    given = read.demand.days_given[row]
    window = lines["next_delivery_day"] - 1
    reasons.add(mask, "forecast_repeated", (given > 0) & (given < window) & (window <= HORIZON_DAYS))
    censored = history.censored_share[row] > parameters.number("censored_share_limit")
    reasons.add(mask, "censored_forecast", censored)
    broken = np.zeros(read.demand.mean.shape[0], dtype=np.bool_)
    broken[read.broken_rows] = True
    absurd = np.zeros(len(broken), dtype=np.bool_)
    absurd[read.absurd_rows] = True
    reasons.add(mask, "absurd_tail", absurd[row])
    reasons.add(mask, "quarantined_input", broken[row])


def _context(
    inputs: Inputs,
    keys: Keys,
    cutoff: date,
    settings: EngineSettings,
    lines: Columns,
    parameters: Resolved,
    routes: Routes,
    sources: pl.Series,
    read: DemandRead,
) -> Context:
    tonight = frame.line_ids(lines, keys, sources, cutoff, settings.scenario)
    supply = incoming(
        inputs.open_orders, inputs.approved, inputs.acknowledged, tonight, keys, cutoff,
        int(parameters.one("overdue_grace_days")), int(parameters.one("overdue_dead_days")),
    )  # fmt: skip
    samples = lead_time_samples(inputs.deliveries, routes.frame, int(parameters.one("min_lead_time_samples")))
    lots = find_lots(inputs.stock_lots, inputs.deliveries, keys, cutoff)
    return Context(inputs, keys, cutoff, read.demand, supply, routes.days, samples, lots)


def _without_stock(lines: Columns, names: Names, read: DemandRead) -> pl.DataFrame:
    """Item-locations that are asked for but have no row of their own: forecasts without stock, and items our own
    locations are to supply but have never had. Columns item_id, location_id, code."""
    keys = names.keys
    forecast = read.unknown.with_columns(pl.lit("unknown_forecast").alias("code"))
    to_location = network.location_of_source(names)
    location = np.where(lines["source"] >= 0, to_location[lines["source"]], -1) if len(to_location) else lines["source"]
    number = np.where(
        (location >= 0) & (lines["quantity"] > 0.0), keys.item_codes[lines["row"]] * len(keys.locations) + location, -1
    )
    missing = np.unique(number[(number >= 0) & (find(keys.pairs, number) < 0)])
    centre = pl.DataFrame(
        {
            "item_id": gather(keys.items, missing // max(1, len(keys.locations))),
            "location_id": gather(keys.locations, missing % max(1, len(keys.locations))),
        },
        schema={"item_id": pl.String, "location_id": pl.String},
    ).with_columns(pl.lit("no_stock_row").alias("code"))
    return (
        pl.concat([forecast, centre])
        .unique(["item_id", "location_id"], keep="first", maintain_order=True)
        .sort("item_id", "location_id")
    )
