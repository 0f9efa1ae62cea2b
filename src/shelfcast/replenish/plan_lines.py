"""Steps 2 to 8 for one level of the network: eligibility, position, demand, target, need, terms.

A level is a set of lines whose demand is known: first the locations that supply nobody, then those that supply them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

import numpy as np
from numpy.typing import NDArray

from shelfcast.replenish import constraints, floors, perishables, policies, promotions, reasons, season, targets
from shelfcast.replenish.calendar import HORIZON_DAYS, NEVER, RouteDays
from shelfcast.replenish.daily_demand import DailyDemand
from shelfcast.replenish.inputs import Inputs
from shelfcast.replenish.keys import Keys
from shelfcast.replenish.path_windows import LeadTimes, use_paths
from shelfcast.replenish.position import Incoming, inventory_position, on_order
from shelfcast.replenish.rules import Resolved
from shelfcast.replenish.terms import FAR, STATUSES, Columns
from shelfcast.replenish.window_demand import (
    LeadTimeSamples,
    WindowDemand,
    believable,
    given_windows,
    mix_lead_times,
    use_window_forecasts,
    window_demand,
    window_moments,
)

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Integers = NDArray[np.int64]


KEPT = (
    "row", "source", "source_type", "route", "share", "lead", "moq", "pack_size", "pallet_qty", "unit_cost", "unit_price",
    "yield_share", "unit_step", "order_day", "delivery_day", "next_delivery_day", "volume", "weight", "category", "on_hand",
    "blocked", "backorders", "stock_age_days",
)  # fmt: skip
"""What later steps still need of a line's own columns; the others are let go, to save memory."""


@dataclass(frozen=True)
class Context:
    """What all levels share."""

    inputs: Inputs
    keys: Keys
    cutoff: date
    demand: DailyDemand
    supply: Incoming
    route_days: RouteDays
    samples: LeadTimeSamples
    lots: perishables.Lots


@dataclass(frozen=True)
class Planned:
    """Lines of a level with their why fields (`columns`), parameters and demand."""

    columns: Columns
    parameters: Resolved
    demand: WindowDemand


def line_demand(lines: Columns, parameters: Resolved, context: Context) -> WindowDemand:
    """Window demand of each line, by the best form there is."""
    row, next_delivery = lines["row"], np.minimum(lines["next_delivery_day"], HORIZON_DAYS)
    delivery = np.minimum(lines["delivery_day"], HORIZON_DAYS)
    discrete = lines["unit_step"] == 1.0
    correlation = np.ascontiguousarray(parameters.number("day_correlation"))
    new = is_new(lines, parameters)
    extra = np.where(new, parameters.number("new_item_cv"), 0.0)
    sampled = np.diff(context.samples.start)[lines["route"]] > 0
    sd = np.where(sampled, 0.0, lines["lead_time_sd_days"])
    days = next_delivery - 1
    given = given_windows(context.inputs.window_demand, context.keys, context.cutoff, row, days)
    calibration = given.calibration(context.demand, row, days, correlation)
    found = window_demand(context.demand, row, delivery, next_delivery, discrete, correlation, sd, extra, calibration)
    review = np.nan_to_num(parameters.number("review_period_days"), nan=1.0).astype(np.int64)
    found = mix_lead_times(
        found, context.samples, context.demand, context.route_days, lines["route"], row, review, discrete, correlation,
        extra, calibration,
    )  # fmt: skip
    lead = LeadTimes(
        lines["lead"], lines["lead_time_sd_days"], context.samples, context.route_days, lines["route"], review
    )
    found = use_paths(found, context.inputs.paths, context.keys, context.cutoff, row, days, lead)
    _, unbelievable = believable(*window_moments(context.demand, row, days, correlation))
    reasons.add(lines["reasons"], "absurd_tail", unbelievable)
    return use_window_forecasts(found, given, (sd <= 0.0) & ~sampled & ~new)


def is_new(lines: Columns, parameters: Resolved) -> Flags:
    """Lines of items with too few selling days for their history to be trusted."""
    on_sale = floors.days_on_sale(lines)
    return (lines["status"] == STATUSES.index("new")) | (on_sale < parameters.number("new_item_days"))


def stop_reasons(lines: Columns) -> reasons.Mask:
    """Why nothing may be ordered: status, dates, source, order day. Adds to the reasons the line already has."""
    mask = lines["reasons"].copy()
    end = np.minimum(lines["end_date"], lines["item_end"])
    start = np.maximum(lines["start_date"], lines["launch"])
    gone = (lines["status"] == STATUSES.index("discontinued")) | (end < 1)
    reasons.add(mask, "no_stock_row", ~lines["has_stock"])
    reasons.add(mask, "no_source", lines["source"] < 0)
    reasons.add(mask, "blocked", lines["status"] == STATUSES.index("blocked"))
    reasons.add(mask, "discontinued", gone)
    sourced = lines["source"] >= 0
    reasons.add(mask, "not_started", sourced & (lines["delivery_day"] < start - 1))
    comes = lines["delivery_day"] < NEVER
    reasons.add(mask, "ended", sourced & ~gone & comes & (lines["delivery_day"] > end) & (end < FAR))
    reasons.add(mask, "no_delivery_day", sourced & (lines["delivery_day"] >= NEVER))
    reasons.add(mask, "not_order_day", sourced & (lines["order_day"] != 0))
    return mask


def plan_lines(
    lines: Columns, parameters: Resolved, demand: WindowDemand, context: Context, is_source: Flags
) -> Planned:
    """Everything up to step 8 for lines whose window demand is known."""
    mask = stop_reasons(lines)
    out: Columns = {name: lines[name] for name in KEPT}
    window_days = np.minimum(lines["next_delivery_day"], HORIZON_DAYS) - 1
    cycle_days = np.where(
        lines["next_delivery_day"] < NEVER, lines["next_delivery_day"] - lines["delivery_day"], 1
    ).astype(np.float64)
    end = np.minimum(lines["end_date"], lines["item_end"])

    within, later, overdue = on_order(context.supply, lines["row"], window_days)
    reasons.add(mask, "overdue_order", overdue)
    reasons.add(mask, "negative_stock_as_zero", lines["on_hand"] < 0.0)
    waste, estimated = perishables.expected_waste(lines, context.lots, context.demand, parameters)
    reasons.add(mask, "age_estimated", estimated)
    position = inventory_position(lines["on_hand"], lines["blocked"], within, lines["backorders"], waste)

    money = targets.costs(
        lines["unit_price"], lines["margin"], lines["unit_cost"], lines["salvage"], lines["disposal_cost"], cycle_days,
        perishables.expires_in_window(lines), parameters,
    )  # fmt: skip
    money = perishables.with_outdating(lines, money, demand, context.demand, parameters)
    mean, variance = demand.window.mean, demand.window.variance
    value_rate = demand.daily_rate * np.where(
        np.isfinite(lines["unit_price"]), lines["unit_price"], np.nan_to_num(lines["unit_cost"], nan=1.0)
    )
    classes = targets.abc_xyz(value_rate, mean, variance, lines["row"])
    kind = targets.choose_kind(parameters, money.known, is_source)
    value = targets.target_values(kind, parameters, money.critical_ratio, classes, is_source)
    target = targets.order_up_to(kind, value, demand, parameters.is_choice("unmet_demand", "lost"))
    reasons.add(mask, "clamped", target.clamped)

    policy, level = _policy_and_level(lines, parameters, demand, context, kind, value, target.level, end)
    if (policy == policies.CODE["newsvendor_once"]).any():
        done = season.season_ordered(
            context.inputs.deliveries, context.keys, lines["row"], lines["start_date"], within + later, context.cutoff
        )
        reasons.add(mask, "season_ordered", done & (policy == policies.CODE["newsvendor_once"]))
    level, floor, presentation, promotion = _floors(lines, parameters, demand, context, policy, level, end, mask)
    terms = _terms(lines, policy, parameters)
    needed = _needs(policy, level, floor, position, lines, parameters, demand, context, kind, money, terms, cycle_days)
    stopped = (mask & reasons.STOPS) != 0
    need = np.where(stopped, 0.0, policies.grain(needed.need / lines["yield_share"] * lines["share"]))
    reasons.add(mask, "above_reorder_point", ~stopped & needed.above)
    reasons.add(mask, "enough_stock", ~stopped & ~needed.above & (need <= 0.0))
    reasons.add(mask, "below_target", need > 0.0)
    reasons.add(mask, "zero_forecast", mean <= 0.0)

    caps = _caps(lines, parameters, demand, context, position, money, terms)
    steps = constraints.apply_terms(need, terms, caps, mask)
    out.update(
        reasons=mask, policy=policy, target_type=kind, target_value=value, critical_ratio=money.critical_ratio,
        underage=money.underage, overage=money.overage, window_mean=mean, window_variance=variance,
        order_up_to=needed.order_up_to, reorder_point=needed.reorder_point,
        safety_stock=needed.order_up_to - mean, on_order_in_window=within, on_order_later=later,
        expected_waste=waste, inventory_position=position, presentation=presentation, promo_units=promotion,
        need=need, step_unit=steps.unit, step_moq=steps.moq, step_pack=steps.pack, step_cap=steps.cap,
        quantity=steps.quantity, cycle_mean=demand.cycle_mean, daily_rate=demand.daily_rate, classes=classes,
        smallest_order=constraints.smallest_order(terms), room=_room(caps, terms), clamped=target.clamped,
        expires=perishables.expires_in_window(lines), shelf_capacity=lines["shelf_capacity"],
        promo_demand=promotions.promotion_demand(
            context.inputs.promo_demand, context.keys, context.cutoff, lines["row"], window_days
        ),
    )  # fmt: skip
    # The part before the delivery has done its work; its memory is let go.
    return Planned(out, parameters, replace(demand, before=demand.window))


def _policy_and_level(
    lines: Columns,
    parameters: Resolved,
    demand: WindowDemand,
    context: Context,
    kind: Integers,
    value: Floats,
    level: Floats,
    end: Integers,
) -> tuple[Integers, Floats]:
    """Policy of each line, and the level where the policy sets it itself. A fixed cost per order makes ordering up to
    the level every time too dear: base stock by cost then becomes R_s_S. Not so for goods that expire: a lot made to save
    orders may be thrown away in part."""
    policy = parameters.number("policy").astype(np.int64)
    dear = (lines["order_cost"] > 0.0) & (kind == targets.ECONOMIC) & ~parameters.ruled("policy")
    dear &= ~perishables.expires(lines)
    policy = np.where(dear, policies.CODE["R_s_S"], policy)
    cover = demand.window.mean + parameters.number("cover_days") * demand.daily_rate
    level = np.where(policy == policies.CODE["cover"], cover, level)
    once = np.flatnonzero(policy == policies.CODE["newsvendor_once"])
    if len(once):
        correlation = np.ascontiguousarray(parameters.number("day_correlation")[once])
        level[once] = season.season_level(
            context.demand, lines["row"][once], end[once], lines["next_delivery_day"][once] - 1,
            lines["unit_step"][once] == 1.0, correlation, value[once],
        )  # fmt: skip
    return policy, level


def _needs(
    policy: Integers,
    level: Floats,
    floor: Floats,
    position: Floats,
    lines: Columns,
    parameters: Resolved,
    demand: WindowDemand,
    context: Context,
    kind: Integers,
    money: targets.Costs,
    terms: constraints.Terms,
    cycle_days: Floats,
) -> policies.Need:
    """Need by policy; what only some policies ask for is worked out for their lines alone."""
    pack = lines["pack_size"]
    lot = policies.lot_size(lines["order_cost"], money.holding_per_day, demand.daily_rate)
    names = ("reorder_point", "order_up_to", "order_quantity", "min_level", "max_level")
    by_hand = {name: parameters.number(name).copy() for name in names}
    window_days = lines["next_delivery_day"] - 1
    dear = (policy == policies.CODE["R_s_S"]) & (kind == targets.ECONOMIC) & (lines["order_cost"] > 0.0)
    dear = np.flatnonzero(dear & money.known & (demand.window.mean > 0.0) & (money.underage > 0.0))
    if len(dear):
        part = WindowDemand(
            demand.window.take(dear), demand.before.take(dear), demand.cycle_mean[dear], demand.daily_rate[dear]
        )
        found = season.levels_with_order_cost(
            part, window_days[dear], cycle_days[dear], money.underage[dear], money.holding_per_day[dear],
            lines["order_cost"][dear],
        )  # fmt: skip
        for name, values in zip(("reorder_point", "order_up_to"), found):
            by_hand[name][dear] = np.where(np.isnan(by_hand[name][dear]), values, by_hand[name][dear])
    worth = np.zeros(len(level))
    economic = np.flatnonzero((policy == policies.CODE["economic"]) & money.known)
    if len(economic):
        worth[economic] = policies.economic_need(
            demand.window.take(economic), position[economic], constraints.smallest_order(terms)[economic],
            pack[economic], money.underage[economic], money.overage[economic],
        )  # fmt: skip
    unknown = (policy == policies.CODE["economic"]) & ~money.known
    worth = np.where(unknown, np.maximum(level - position, 0.0), worth)
    planned = np.zeros(len(level))
    phased = np.flatnonzero(policy == policies.CODE["time_phased"])
    if len(phased):
        planned[phased] = season.planned_need(
            context.demand, lines["row"][phased], lines["delivery_day"][phased], lines["next_delivery_day"][phased],
            position[phased], np.maximum(level - demand.window.mean, 0.0)[phased], lines["order_cost"][phased],
            money.holding_per_day[phased],
        )  # fmt: skip
    return policies.needs(policy, level, floor, position, pack, demand.cycle_mean, lot, by_hand, worth, planned)


def _floors(
    lines: Columns,
    parameters: Resolved,
    demand: WindowDemand,
    context: Context,
    policy: Integers,
    level: Floats,
    end: Integers,
    mask: reasons.Mask,
) -> tuple[Floats, Floats, Floats, Floats]:
    """(level with its floors, the floors alone, presentation stock, units for promotions)."""
    mean = demand.window.mean
    ruled = parameters.number("presentation_stock")
    presentation = np.where(np.isnan(ruled), np.nan_to_num(lines["presentation_stock"]), ruled)
    lifted = floors.with_presentation(level, mean, presentation)
    reasons.add(mask, "presentation_stock", lifted > level)
    promoted = promotions.promoted_lines(
        context.inputs.promotions,
        context.keys,
        context.cutoff,
        lines,
        parameters.number("build_up_days"),
        context.demand,
    )
    promotion = promoted.display
    reasons.add(mask, "promotion_build_up", promotion > 0.0)
    lifted = lifted + promotion
    reasons.add(mask, "pre_allocation", promoted.first_morning > lifted)
    lifted = np.maximum(lifted, promoted.first_morning)
    most = mean + promoted.left_over
    reasons.add(mask, "sell_down", lifted > most)
    lifted = np.minimum(lifted, most)
    ending = (lines["status"] == STATUSES.index("phase_out")) | (end < FAR)
    left = floors.demand_until_end(mean, demand.daily_rate, lines["next_delivery_day"] - 1, end)
    left = np.where(end < FAR, left, mean)  # no last day is known: nothing beyond the window's demand
    ending &= policy != policies.CODE["newsvendor_once"]  # its level is that of the season already
    phased = np.where(ending, np.minimum(lifted, left), lifted)
    reasons.add(mask, "phase_out", (phased < lifted) & ((mask & reasons.BIT["discontinued"]) == 0))
    by_hand = np.nan_to_num(parameters.number("min_stock"))
    final = np.maximum(phased, by_hand)
    reasons.add(mask, "min_stock", final > phased)
    reasons.add(mask, "new_item", is_new(lines, parameters))
    floor = np.where(presentation > 0.0, mean + presentation, 0.0) + promotion
    floor = np.minimum(np.maximum(floor, promoted.first_morning), most)
    floor = np.maximum(np.where(ending, np.minimum(floor, left), floor), by_hand)
    return final, floor, presentation, promotion


def _terms(lines: Columns, policy: Integers, parameters: Resolved) -> constraints.Terms:
    layers = [
        (lines[units], parameters.number(share))
        for units, share in (("layer_qty", "layer_round_share"), ("pallet_qty", "pallet_round_share"))
        if parameters.ruled(share).any()
    ]
    return constraints.Terms(
        unit_step=lines["unit_step"],
        moq=lines["moq"],
        pack=lines["pack_size"],
        pack_round_threshold=lines["pack_round_threshold"],
        max_order=lines["max_order_qty"],
        always_up=policy == policies.CODE["R_s_nQ"],
        layers=tuple(layers),
    )


def _caps(
    lines: Columns,
    parameters: Resolved,
    demand: WindowDemand,
    context: Context,
    position: Floats,
    money: targets.Costs,
    terms: constraints.Terms,
) -> constraints.Caps:
    ruled = parameters.number("max_stock")
    largest = np.where(np.isnan(ruled), lines["max_stock"], ruled)
    life = perishables.shelf_life_room(lines, context.demand, parameters, position, money, terms)
    at_risk = np.zeros(len(position), dtype=np.bool_)
    if parameters.flag("keep_one_pack").any():
        stockout = 1.0 - demand.window.at(position)[0]
        at_risk = parameters.flag("keep_one_pack") & (stockout > parameters.number("keep_one_pack_risk"))
    share = lines["share"]  # sources that share a need share the room too
    return constraints.Caps(life.room * share, (largest - position) * share, largest, at_risk, life.smallest_order_pays)


def _room(caps: constraints.Caps, terms: constraints.Terms) -> Floats:
    """Most units a line may still have after top-ups: the least of its caps."""
    return np.fmin(np.fmin(caps.shelf_life, caps.max_stock), np.fmin(terms.max_order, np.inf))
