"""One line again under changed terms, stock, rules or demand."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import polars as pl

from shelfcast.domain.errors import BadParameter, NotFound
from shelfcast.domain.tables import supply
from shelfcast.domain.tables.schema import Table, Type
from shelfcast.replenish.inputs import EngineSettings, Inputs
from shelfcast.replenish.keys import ALL
from shelfcast.replenish.order_lines import propose_orders
from shelfcast.replenish.parameters import CLASSES, PARAMETERS, RUN_WIDE

DEMAND_FACTOR = "demand_factor"
_STOCK = ("on_hand", "blocked", "reserved", "backorders")
_SOURCING = (
    "lead_time_days", "lead_time_sd_days", "moq", "pack_size", "max_order_qty", "pack_round_threshold", "unit_cost",
    "order_cost", "yield_share", "layer_qty", "pallet_qty",
)  # fmt: skip
_LISTING = (
    "status", "start_date", "end_date", "presentation_stock", "max_stock", "shelf_life_days", "min_remaining_life_days",
    "fifo_share", "unit_price", "salvage", "disposal_cost", "margin", "shelf_capacity",
)  # fmt: skip


def changeable() -> list[str]:
    """Every field a what-if may set: stock, terms, listing, parameters of the rules, and a factor on demand."""
    ruled = set(PARAMETERS) - set(RUN_WIDE)
    return sorted({*_STOCK, *_SOURCING, *_LISTING, *ruled, DEMAND_FACTOR})


def what_if(
    inputs: Inputs,
    line: Mapping[str, Any],
    changes: Mapping[str, str],
    cutoff: date,
    settings: EngineSettings | None = None,
) -> dict[str, Any]:
    """The line of the same item-location and source under changes, all else equal.

    Only the item is run again (all its locations, so that a shortage at a distribution centre is shared as before);
    supplier minimums, trucks and budgets, which need all items, are left away.

    Args:
        line: a row of `order_lines`.
        changes: field -> value as text; see `changeable`. A rule's parameter is set for this item-location.

    Raises:
        BadParameter: a field that can't be changed, or a value that can't be read.
        NotFound: under the changes the item-location has no line.
    """
    item, location = str(line["item_id"]), str(line["location_id"])
    narrowed = _narrow(inputs, item)
    narrowed = _keep_class(narrowed, line, cutoff)
    for name, value in changes.items():
        narrowed = _change(narrowed, name, value, item, location, cutoff)
    settings = replace(
        settings or EngineSettings(), needs_forecast=False, forecast_id=str(line.get("forecast_id") or "")
    )
    table = propose_orders(narrowed, cutoff, settings).order_lines
    mine = table.filter((pl.col("item_id") == item) & (pl.col("location_id") == location))
    same = mine.filter(pl.col("source_id") == line["source_id"])
    chosen = same if same.height else mine
    if not chosen.height:
        raise NotFound(f"{item} at {location} has no line under these changes.")
    return chosen.row(0, named=True)


def _narrow(inputs: Inputs, item: str) -> Inputs:
    """Only what concerns the item (and the item that stands in for it)."""
    references = inputs.items.filter(pl.col("item_id") == item)["reference_item"].drop_nulls().to_list()
    wanted = [item, *references]
    mine = pl.col("item_id").is_in(wanted)
    wild = pl.col("item_id").is_in([*wanted, ALL])

    return replace(
        inputs,
        stock=inputs.stock.filter(pl.col("item_id") == item),
        forecasts=inputs.forecasts.lazy().filter(mine).collect(),
        window_demand=inputs.window_demand.filter(mine),
        paths=inputs.paths.filter(mine),
        sourcing=inputs.sourcing.filter(wild),
        item_locations=inputs.item_locations.filter(wild),
        items=inputs.items.filter(mine),
        stock_lots=inputs.stock_lots.filter(mine),
        open_orders=inputs.open_orders.filter(mine),
        approved=inputs.approved.filter(mine),
        promotions=inputs.promotions.filter(wild),
        promo_demand=inputs.promo_demand.filter(mine),
        prices=inputs.prices.filter(mine),
        order_overrides=inputs.order_overrides.filter(mine),
        history=inputs.history.filter(mine),
        limits=inputs.limits.filter(pl.col("limit_type") == "dc_reserve_qty"),
    )


def _keep_class(inputs: Inputs, line: Mapping[str, Any], cutoff: date) -> Inputs:
    """The class of an item comes from its rank among all items, which aren't run again: its target is kept."""
    if line.get("target_type") != "class" or line.get("target_value") is None:
        return inputs
    for name in CLASSES:
        inputs = _with_rule(
            inputs,
            f"class_target_{name}",
            repr(line["target_value"]),
            str(line["item_id"]),
            str(line["location_id"]),
            cutoff,
        )
    return inputs


def _with_rule(inputs: Inputs, parameter: str, value: str, item: str, location: str, cutoff: date) -> Inputs:
    earlier = inputs.rules.filter(
        ~((pl.col("scope") == "item_location") & (pl.col("item_id") == item) & (pl.col("location_id") == location)
          & (pl.col("parameter") == parameter))
    )  # fmt: skip
    rule = supply.RULES.conform(
        pl.DataFrame(
            {
                "scope": ["item_location"], "scope_value": [ALL], "item_id": [item], "location_id": [location],
                "parameter": [parameter], "value": [value], "valid_from": [cutoff], "reason": ["what if"],
            }
        )
    )  # fmt: skip
    return replace(inputs, rules=pl.concat([supply.RULES.conform(earlier), rule]))


def _change(inputs: Inputs, name: str, value: str, item: str, location: str, cutoff: date) -> Inputs:
    if name in PARAMETERS and name not in _LISTING:
        PARAMETERS[name].check_scope("item_location")
        PARAMETERS[name].parse(value)
        return _with_rule(inputs, name, value, item, location, cutoff)
    if name == DEMAND_FACTOR:
        factor = _number(name, value)
        if factor < 0.0:
            raise BadParameter(f"{name} {value!r} came; a factor of 0 or more is needed.")
        return _scale_demand(inputs, factor, item, location)
    here = (pl.col("item_id") == item) & (pl.col("location_id") == location)
    if name in _STOCK:
        return replace(inputs, stock=_set(inputs.stock, supply.STOCK, here, name, value))
    if name in _SOURCING:
        terms = (pl.col("item_id").is_in([item, ALL])) & pl.col("destination_id").is_in([location, ALL])
        return replace(inputs, sourcing=_set(inputs.sourcing, supply.SOURCING, terms, name, value))
    if name in _LISTING:
        return replace(inputs, item_locations=_set_listing(inputs.item_locations, item, location, name, value))
    raise BadParameter.unknown("field", name, changeable())


def _number(name: str, value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise BadParameter(f"{name}: {value!r} came, a number is needed.")
    return number


def _read(table: Table, name: str, value: str) -> Any:
    column = table.column(name)
    if column.type is Type.DAY:
        try:
            return date.fromisoformat(value)
        except ValueError as error:
            raise BadParameter(f"{name}: {value!r} came, a day such as 2026-03-06 is needed.") from error
    if column.type is Type.TEXT:
        if column.allowed and value not in column.allowed:
            raise BadParameter.unknown(name, value, column.allowed)
        return value
    number = _number(name, value)
    low, high = column.minimum, column.maximum
    if (low is not None and number < low) or (high is not None and number > high):
        raise BadParameter(f"{name}: {value!r} came; allowed: {low} to {'any' if high is None else high}.")
    return number


def _set(frame: pl.DataFrame, table: Table, where: pl.Expr, name: str, value: str) -> pl.DataFrame:
    new = pl.lit(_read(table, name, value)).cast(table.column(name).type.polars)
    return table.conform(frame).with_columns(pl.when(where).then(new).otherwise(pl.col(name)).alias(name))


def _set_listing(frame: pl.DataFrame, item: str, location: str, name: str, value: str) -> pl.DataFrame:
    """Set a term of the item-location's own row; one is added where only wider rows stand."""
    table = supply.ITEM_LOCATIONS
    frame = table.conform(frame)
    here = (pl.col("item_id") == item) & (pl.col("location_id") == location)
    if not frame.filter(here).height:
        blank = pl.DataFrame({"item_id": [item], "location_id": [location]})
        nulls = [pl.lit(None, dtype=c.type.polars).alias(c.name) for c in table.columns if c.name not in blank.columns]
        frame = pl.concat([frame, blank.with_columns(nulls).select(table.names)])
    return _set(frame, table, here, name, value)


def _scale_demand(inputs: Inputs, factor: float, item: str, location: str) -> Inputs:
    """Demand times a factor: means and quantiles, spread in proportion."""
    here = (pl.col("item_id") == item) & (pl.col("location_id") == location)

    def scaled(frame: pl.DataFrame) -> pl.DataFrame:
        names = [name for name in frame.columns if name == "mean" or (name[:1] == "q" and name[1:].isdigit())]
        powers = [(name, factor) for name in names] + [("variance", factor**2)] * ("variance" in frame.columns)
        return frame.with_columns(
            pl.when(here).then(pl.col(name) * power).otherwise(pl.col(name)).alias(name) for name, power in powers
        )

    return replace(
        inputs, forecasts=scaled(inputs.forecasts.lazy().collect()), window_demand=scaled(inputs.window_demand)
    )
