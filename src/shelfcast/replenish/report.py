"""What the run says about itself: exceptions beyond the lines' reasons, the quarantine, the counts that must add up."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from shelfcast.replenish import exceptions, reasons
from shelfcast.replenish.daily_demand import DemandRead
from shelfcast.replenish.demand_checks import History
from shelfcast.replenish.keys import ALL, Keys
from shelfcast.replenish.limits import Names, valid_limits
from shelfcast.replenish.plan_lines import Context
from shelfcast.replenish.promotions import promoted_lines
from shelfcast.replenish.targets import ECONOMIC
from shelfcast.replenish.terms import Columns
from shelfcast.replenish.validation import QUARANTINE_SCHEMA, Checked

NEEDED = (
    "row", "source", "reasons", "quantity", "unit_cost", "unit_price", "expected_lost_with", "stock_age_days", "on_hand",
    "on_order_in_window", "on_order_later", "window_mean", "order_up_to", "inventory_position", "delivery_day",
    "next_delivery_day", "step_fair_share", "step_budget", "step_capacity", "target_type", "underage",
)  # fmt: skip
"""Columns the exceptions and counts need."""


def more_exceptions(
    lines: Columns,
    context: Context,
    history: History,
    read: DemandRead,
    lonely: pl.DataFrame,
    checked: Checked,
    names: Names,
) -> list[pl.DataFrame]:
    """Exceptions that are no reason of a line."""
    keys, mask, row = context.keys, lines["reasons"], lines["row"]
    found: list[pl.DataFrame] = []

    def add(code: str, where: np.ndarray, value: np.ndarray) -> None:
        if where.any():
            found.append(exceptions.of_lines(lines, keys, code, where, value))

    gone = (mask & reasons.BIT["discontinued"]) != 0
    coming = lines["on_order_in_window"] + lines["on_order_later"]
    add("cancel_open_orders", gone & (coming > 0.0), coming)
    add("left_over_stock", gone & (lines["on_hand"] > 0.0), lines["on_hand"])
    add("negative_stock", lines["on_hand"] < 0.0, lines["on_hand"])
    sold = history.sold_recently[row]
    add("forecast_zero_but_selling", (lines["window_mean"] <= 0.0) & (sold > 0.0) & ~gone, sold)
    given = read.demand.days_given[row]
    window = lines["next_delivery_day"] - 1
    short = (given > 0) & (2 * given < window) & ((mask & reasons.STOPS & ~reasons.WELL_STOCKED) == 0)
    add("forecast_short", short, given)
    ended = promoted_lines(context.inputs.promotions, keys, context.cutoff, lines, np.zeros(len(row)), None).ended
    above = lines["inventory_position"] - lines["order_up_to"]
    add("promotion_left_over", ended & (above > 0.0), above)
    loss = lines["unit_cost"] - lines["unit_price"]
    losing = (
        (lines["target_type"] == ECONOMIC) & (lines["underage"] <= 0.0) & (loss >= 0.0) & (lines["window_mean"] > 0.0)
    )
    add("sold_at_a_loss", losing & ((mask & reasons.STOPS & ~reasons.WELL_STOCKED) == 0), loss)
    found.extend(_unknown_keys(context))
    found.extend(_unknown_scopes(context, checked, names))
    dead = context.supply.dead
    if dead.height:
        found.append(
            exceptions.plain(
                "open_order_dead",
                dead["item_id"].to_list(),
                dead["location_id"].to_list(),
                dead["units"].to_list(),
                dead["reference"].to_list(),
            )
        )
    for code, part in lonely.partition_by("code", as_dict=True, maintain_order=True).items():
        count = part.height
        found.append(
            exceptions.plain(
                str(code[0]), part["item_id"].to_list(), part["location_id"].to_list(), [0.0] * count, [""] * count
            )
        )
    broken = checked.quarantine.filter(pl.col("table") == "rules")
    if broken.height:
        found.append(
            exceptions.plain(
                "broken_rule", broken["item_id"].fill_null("*").to_list(), broken["location_id"].fill_null("*").to_list(),
                [0.0] * broken.height, broken["rule"].to_list(),
            )
        )  # fmt: skip
    return found


def _unknown_keys(context: Context) -> list[pl.DataFrame]:
    """Orders, lots and locks for item-locations the run doesn't have: they would be lost without a word."""
    inputs = context.inputs
    coming = inputs.open_orders.filter(pl.col("state").fill_null("sent") != "proposed")
    found = []
    for words, frame, location, units in (
        ("An open order", coming, "destination_id", pl.coalesce("confirmed_qty", "qty_open")),
        ("A lot", inputs.stock_lots, "location_id", pl.col("units")),
        ("A planner's lock", inputs.order_overrides, "location_id", pl.lit(0.0)),
    ):
        strange = context.keys.rows(frame["item_id"], frame[location]) < 0
        if strange.any():
            rows = frame.filter(pl.Series(strange)).select(
                "item_id", pl.col(location).alias("location_id"), units.alias("units")
            )
            total = (
                rows.group_by("item_id", "location_id").agg(pl.col("units").sort().sum()).sort("item_id", "location_id")
            )
            count = total.height
            found.append(
                exceptions.plain(
                    "unknown_key", total["item_id"].to_list(), total["location_id"].to_list(), total["units"].to_list(),
                    [words] * count,
                )
            )  # fmt: skip
    return found


def _unknown_scopes(context: Context, checked: Checked, names: Names) -> list[pl.DataFrame]:
    """Limits and rules for a name no line has: written wrongly, most likely."""
    limits = valid_limits(context.inputs.limits, context.cutoff)
    known = pl.concat([names.sources, names.categories, context.keys.locations, pl.Series([ALL])]).unique()
    strange = limits.filter(~pl.col("scope_value").is_in(known.implode()))
    told = [f"{kind} of {scope}" for kind, scope in strange.select("limit_type", "scope_value").iter_rows()]
    scopes = {"location": context.keys.locations, "supplier": names.sources, "category": names.categories}
    for scope, values in scopes.items():
        mine = checked.rules.filter(
            (pl.col("scope") == scope)
            & (pl.col("valid_from") <= context.cutoff)
            & (pl.col("valid_to").is_null() | (pl.col("valid_to") >= context.cutoff))
            & ~pl.col("scope_value").is_in(values.implode())
        ).sort("parameter", "scope_value")
        told += [f"{name} of {scope} {value}" for name, value in mine.select("parameter", "scope_value").iter_rows()]
    if not told:
        return []
    told = list(dict.fromkeys(told))
    shown = "; ".join(told[:5]) + (f"; {len(told) - 5:,} more" if len(told) > 5 else "")
    return [exceptions.plain("unknown_scope", [ALL], [ALL], [float(len(told))], [shown])]


def quarantine(checked: Checked, read: DemandRead) -> pl.DataFrame:
    """Every row set aside: table, row number (from 1; null for forecasts, which are streamed), key, column, value, rule."""
    forecasts = read.broken.select(
        pl.lit("forecasts").alias("table"), pl.lit(None, dtype=pl.Int64).alias("row_number"), "item_id", "location_id",
        pl.lit("quantiles").alias("column"), pl.format("day {}", pl.col("day") + 1).alias("value"), "rule",
    )  # fmt: skip
    return pl.concat([checked.quarantine.cast(QUARANTINE_SCHEMA), forecasts.cast(QUARANTINE_SCHEMA)]).sort(
        list(QUARANTINE_SCHEMA), nulls_last=True
    )


def counts(checked: Checked, lines: Columns, lonely: pl.DataFrame, read: DemandRead, keys: Keys) -> dict[str, Any]:
    """Counts by which anyone can check that nothing was dropped:

    - stock_rows_in = stock_rows_planned + stock_rows_quarantined
    - item_locations = with_order + without_order
    """
    ordered = int((np.bincount(lines["row"], lines["quantity"], keys.size) > 0.0).sum())
    quarantined = dict(checked.quarantine.group_by("table").len().sort("table").iter_rows())
    return {
        "rows_in": {**checked.rows_in, "forecasts": read.rows},
        "rows_quarantined": {**quarantined, "forecasts": read.broken.height},
        "stock_rows_in": checked.rows_in["stock"],
        "stock_rows_planned": checked.stock_rows,
        "stock_rows_quarantined": quarantined.get("stock", 0),
        "item_locations": keys.size + lonely.height,
        "with_order": ordered,
        "without_order": keys.size - ordered + lonely.height,
        "lines": len(lines["row"]) + lonely.height,
        "value": float(np.nan_to_num(lines["quantity"] * lines["unit_cost"]).sum()),
    }
