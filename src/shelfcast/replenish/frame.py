"""From planned columns to the `order_lines` table: effects of the order, identifiers, names."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shelfcast.domain.tables import results
from shelfcast.replenish import hashing, reasons
from shelfcast.replenish.approval import STATUS_NAMES
from shelfcast.replenish.calendar import NEVER, to_dates
from shelfcast.replenish.inputs import EngineSettings
from shelfcast.replenish.keys import Keys, gather
from shelfcast.replenish.limits import Names
from shelfcast.replenish.parameters import POLICIES
from shelfcast.replenish.policies import pack_value
from shelfcast.replenish.rules import Resolved
from shelfcast.replenish.targets import TARGET_NAMES
from shelfcast.replenish.terms import Columns
from shelfcast.replenish.window_demand import WindowDemand

Floats = NDArray[np.float64]

STEPS = (
    "step_unit", "step_moq", "step_pack", "step_cap", "step_truck", "step_capacity", "step_fair_share", "step_budget",
    "step_lock",
)  # fmt: skip
"""The signed steps between need and quantity, in the order of the rules."""

HASHED = (
    "on_hand", "blocked", "backorders", "on_order_in_window", "on_order_later", "window_mean", "window_variance",
    "lead", "moq", "pack_size", "unit_cost", "unit_price", "target_value", "order_up_to", "presentation", "promo_units",
    "order_day", "delivery_day", "next_delivery_day",
)  # fmt: skip


NEEDED = frozenset(
    {
        *HASHED, *STEPS, *results.ORDER_LINES.names, "row", "source", "source_type", "share", "lead", "order_day", "delivery_day",
        "next_delivery_day", "quantity", "yield_share", "daily_rate", "underage", "overage", "expires", "reasons", "policy",
        "target_type", "status_code",
    }
)  # fmt: skip
"""Columns of the lines that the table is made from."""


def line_ids(lines: Columns, keys: Keys, sources: pl.Series, cutoff: date, scenario: str) -> pl.Series:
    """Identifier of each line from cutoff, scenario, item, location and source: the same tonight however often it runs."""
    return hashing.key_identifiers(
        f"line {cutoff.isoformat()} {scenario}",
        [keys.items, keys.locations, sources],
        [keys.item_codes[lines["row"]], keys.location_codes[lines["row"]], lines["source"]],
    )


def effects(lines: Columns, demand: WindowDemand) -> Columns:
    """What the order does: chances of a stock-out, units lost and wasted, cover and value, without and with it."""
    position, quantity = lines["inventory_position"], lines["quantity"]
    arriving = quantity * lines["yield_share"]
    cdf, short = demand.window.at(position)
    cdf_with, short_with = demand.window.at(position + arriving)
    sold = np.maximum(short - short_with, 0.0)
    rate = lines["daily_rate"]
    cover = np.where(rate > 0.0, np.maximum(position + arriving, 0.0) / np.where(rate > 0.0, rate, 1.0), np.nan)
    wasted = np.where(lines["expires"], np.maximum(arriving - sold, 0.0), 0.0) + lines["expected_waste"]
    quantiles, _ = demand.window.quantiles(np.tile([0.1, 0.5, 0.9], (len(position), 1)))
    return {
        "p_stockout_without": 1.0 - cdf,
        "p_stockout_with": 1.0 - cdf_with,
        "expected_lost_without": short,
        "expected_lost_with": np.minimum(short_with, short),
        "expected_waste_with": wasted,
        "cover_days_after": cover,
        "score": last_pack_score(lines, demand),
        "window_p10": quantiles[:, 0],
        "window_p50": quantiles[:, 1],
        "window_p90": quantiles[:, 2],
    }


def last_pack_score(lines: Columns, demand: WindowDemand) -> Floats:
    """Value per money spent of the last pack ordered; NaN where nothing is."""
    ordered = lines["quantity"] > 0.0
    size = np.minimum(lines["pack_size"], np.maximum(lines["quantity"], 1e-9))
    underage, overage, cost = worth(lines)
    value = pack_value(demand.window, lines["inventory_position"] + lines["quantity"] - size, size, underage, overage)
    return np.where(ordered, value / (size * cost), np.nan)


def worth(lines: Columns) -> tuple[Floats, Floats, Floats]:
    """(cost of a missing unit, of a unit too many, price paid) of each line; where money is unknown a missing unit is
    worth 1, an unsold one costs nothing, so that lines rank by the units they are expected to sell."""
    known = np.isfinite(lines["underage"]) & np.isfinite(lines["overage"]) & (np.nan_to_num(lines["unit_cost"]) > 0.0)
    return (
        np.where(known, np.maximum(lines["underage"], 0.0), 1.0),
        np.where(known, lines["overage"], 0.0),
        np.where(known, lines["unit_cost"], 1.0),
    )


def bare_lines(pairs: pl.DataFrame, cutoff: date, settings: EngineSettings) -> pl.DataFrame:
    """Lines without an order for item-locations nothing but their name is known of (columns item_id, location_id)."""
    items, locations = pairs["item_id"], pairs["location_id"]
    index = np.arange(pairs.height, dtype=np.int64)
    nothing = pl.Series([], dtype=pl.String)
    ids = hashing.key_identifiers(
        f"line {cutoff.isoformat()} {settings.scenario}",
        [items, locations, nothing],
        [index, index, np.full(pairs.height, -1)],
    )
    zeros = [pl.lit(0.0).alias(name) for name in ("qty", "need", "packs", "value", *STEPS)]
    bare = pairs.select("item_id", "location_id").with_columns(
        ids.alias("line_id"), pl.lit(cutoff).alias("cutoff"), pl.lit(settings.scenario).alias("scenario"),
        pl.lit("").alias("source_id"), pl.lit("none").alias("status"), pl.lit("no_stock_row").alias("reasons"),
        pl.lit("no_stock_row").alias("binding_rule"), pl.lit("").alias("data_flags"), pl.lit(settings.run_id).alias("run_id"),
        pl.lit(settings.policy_version).alias("policy_version"), *zeros,
    )  # fmt: skip
    return results.ORDER_LINES.conform(bare)


def to_frame(
    lines: Columns,
    parameters: Resolved,
    demand: WindowDemand,
    names: Names,
    units: pl.Series,
    cutoff: date,
    settings: EngineSettings,
) -> pl.DataFrame:
    """The `order_lines` table, sorted by item, location, source as the lines are.

    Takes the columns out of `lines` one by one, so that none stands in memory twice; what exceptions and report need
    (`report.NEEDED`) must have been kept by the caller, which gets `expected_lost_with` back.
    """
    effect = effects(lines, demand)
    kept = effect["expected_lost_with"]
    data: dict[str, pl.Series] = {}
    for name, values in _texts_and_days(lines, parameters, names, units, cutoff, settings).items():
        data[name] = values
    quantity = lines["quantity"]
    lines["lead_time_days"] = np.where(lines["source"] >= 0, lines.pop("lead"), np.nan)
    lines["supply_share"] = lines.pop("share")
    lines["packs"] = quantity / lines["pack_size"]
    lines["value"] = np.round(quantity * lines["unit_cost"], 6)
    lines["qty"] = lines.pop("quantity")
    for column in results.ORDER_LINES.columns:
        if column.name in data:
            continue
        numbers = effect.pop(column.name) if column.name in effect else lines.pop(column.name)
        data[column.name] = pl.Series(column.name, numbers, dtype=column.type.polars, nan_to_null=True)
    lines.clear()
    lines["expected_lost_with"] = kept
    return pl.DataFrame({name: data[name] for name in results.ORDER_LINES.names})


def _texts_and_days(
    lines: Columns, parameters: Resolved, names: Names, units: pl.Series, cutoff: date, settings: EngineSettings
) -> dict[str, pl.Series]:
    """Every column of the table that is no number: names, identifiers, days, words."""
    keys, sources = names.keys, names.sources
    row, quantity, mask = lines["row"], lines["quantity"], lines["reasons"]
    item_codes, location_codes = keys.item_codes[row], keys.location_codes[row]
    sourced = lines["source"] >= 0
    known_window = sourced & (lines["next_delivery_day"] < NEVER)
    headers = hashing.key_identifiers(
        f"order {cutoff.isoformat()} {settings.scenario}",
        [sources, keys.locations],
        [lines["source"], location_codes],
    )
    kinds = pl.Series(["purchase", "transfer", "transfer"])

    def day(name: str, shift: int = 0, where: NDArray[np.bool_] = sourced) -> pl.Series:
        return to_dates(cutoff, np.where(where, lines[name] + shift, NEVER))

    return {
        "cutoff": pl.repeat(cutoff, len(row), dtype=pl.Date, eager=True),
        "scenario": pl.repeat(settings.scenario, len(row), dtype=pl.String, eager=True),
        "line_id": line_ids(lines, keys, sources, cutoff, settings.scenario),
        "order_id": headers.set(pl.Series(quantity <= 0.0), None),
        "order_type": gather(kinds, np.where(sourced, lines["source_type"], -1)),
        "item_id": gather(keys.items, item_codes),
        "location_id": gather(keys.locations, location_codes),
        "source_id": gather(sources, lines["source"]).cast(pl.String).fill_null(""),
        "order_date": day("order_day"),
        "delivery_date": day("delivery_day"),
        "next_delivery_date": day("next_delivery_day"),
        "unit": gather(units, item_codes),
        "status": gather(pl.Series(list(STATUS_NAMES)), lines["status_code"]),
        "policy": gather(pl.Series(list(POLICIES)), lines["policy"]),
        "target_type": gather(pl.Series(list(TARGET_NAMES)), lines["target_type"]),
        "window_from": to_dates(cutoff, np.where(known_window, 1, NEVER)),
        "window_to": day("next_delivery_day", -1, known_window),
        "protection_days": pl.Series(lines["next_delivery_day"] - 1).set(pl.Series(~known_window), None),
        "binding_rule": reasons.binding(mask),
        "reasons": reasons.to_text(mask),
        "rules_used": parameters.describe(),
        "data_flags": reasons.to_text(mask, (reasons.ReasonKind.DATA,)),
        "input_hash": hashing.identifiers([hashing.words_of_numbers(lines[name]) for name in HASHED], "inputs"),
        "policy_version": pl.repeat(settings.policy_version, len(row), dtype=pl.String, eager=True),
        "forecast_id": _forecast_id(mask, settings),
        "run_id": pl.repeat(settings.run_id, len(row), dtype=pl.String, eager=True),
    }


def _forecast_id(mask: reasons.Mask, settings: EngineSettings) -> pl.Series:
    """The run that made the forecast, on every line that stands on it."""
    without = reasons.BIT["no_forecast"] | reasons.BIT["no_stock_row"]
    ids = pl.repeat(settings.forecast_id, len(mask), dtype=pl.String, eager=True)
    return ids.set(pl.Series((mask & without) != 0), "")
