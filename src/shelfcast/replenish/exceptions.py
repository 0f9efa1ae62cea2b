"""What a planner should look at, as rows: code, severity, money at stake and a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shelfcast.domain.tables import results
from shelfcast.replenish import reasons
from shelfcast.replenish.inputs import EngineSettings
from shelfcast.replenish.keys import Keys, gather
from shelfcast.replenish.terms import Columns


@dataclass(frozen=True)
class Kind:
    """`sentence` is what a person reads; {value} is the number the exception is about."""

    code: str
    severity: str
    sentence: str


_KINDS: tuple[Kind, ...] = (
    Kind("quarantined_input", "high", "A row of its input is in quarantine: nothing is ordered until it is corrected."),
    Kind("no_stock_row", "high", "No stock is recorded for it: nothing is ordered. Send its stock, or end its listing."),
    Kind("no_source", "high", "No source is known for it: nothing can be ordered. Add a row to sourcing."),
    Kind("no_lead_time", "high", "No lead time is known for its source. Fill lead_time_days, or set default_lead_time_days."),
    Kind("no_delivery_day", "high", "No day is open for its delivery within the next year. Check order calendar and opening days."),
    Kind("same_day_refused", "medium", "Its lead time is 0 days. The shortest usual one is 1; set the rule same_day to allow 0."),
    Kind("stale_snapshot", "medium", "Its stock is {value} days old."),
    Kind("negative_stock", "medium", "Book stock is {value}: count it."),
    Kind("overdue_order", "low", "An open order is overdue; it counts as due in a few days."),
    Kind("open_order_dead", "medium", "Open order {text} is overdue for so long that it isn't counted: {value} units. Close or confirm it."),
    Kind("no_forecast", "medium", "There is no forecast for it; the mean of its last days in stock stands in."),
    Kind("forecast_short", "medium", "The forecast covers {value} days, less than half of the window."),
    Kind("forecast_zero_but_selling", "high", "No demand is forecast, but it sold {value} units in the last 14 days."),
    Kind("censored_forecast", "medium", "The forecast rests on history cut off by stock-outs and not recovered."),
    Kind("absurd_tail", "medium", "The far tail of its forecast can't be believed; its spread was capped. Look at the history."),
    Kind("pack_default", "medium", "Its pack or smallest order can't be right; 1 and 0 were used."),
    Kind("pack_over_capacity", "medium", "One pack is more than fits, or more than the largest order: nothing is ordered."),
    Kind("max_stock_blocks_moq", "medium", "What fits is less than the smallest order: nothing is ordered."),
    Kind("moq_over_shelf_life", "medium", "The smallest order is more than sells within its shelf life."),
    Kind("keep_one_pack", "low", "One pack is ordered above the cap because a stock-out is likely."),
    Kind("supplier_min_not_reached", "medium", "The order is under the source's minimum but can't wait."),
    Kind("supplier_min_hold", "low", "The order waits: it is under the source's minimum."),
    Kind("fair_share", "medium", "The distribution centre is short: {value} units less than needed."),
    Kind("budget_cut", "medium", "The budget cut {value} units."),
    Kind("truck_cut", "medium", "A full truck or dock cut {value} units."),
    Kind("lock_expired", "low", "A planner's lock has expired and is ignored."),
    Kind("unusual_quantity", "medium", "The quantity is far above the usual order: {value} units."),
    Kind("lead_time_order_crossing", "low", "Its lead time varies by more than the days between orders: deliveries may overtake each other."),
    Kind("cancel_open_orders", "high", "The item is discontinued; cancel what is still coming: {value} units."),
    Kind("left_over_stock", "medium", "The item is discontinued; {value} units are left to transfer or mark down."),
    Kind("promotion_left_over", "low", "A promotion has ended; {value} units are above the level."),
    Kind("broken_rule", "medium", "A business rule can't be read and is ignored: {text}"),
    Kind("unknown_key", "medium", "{text} is for an item and location without stock or listing: it isn't counted. Correct its keys, or send their stock."),
    Kind("sold_at_a_loss", "medium", "Its price isn't above its cost ({value} less): at least cost none is ordered. Check both, or set a service target."),
    Kind("unknown_scope", "low", "{text}: no line has such a name, so nothing comes of it. Check how it is written."),
    Kind("unknown_forecast", "high", "There is a forecast but no stock recorded for it: nothing is ordered."),
)  # fmt: skip
KINDS: dict[str, Kind] = {kind.code: kind for kind in _KINDS}

FROM_REASONS = tuple(code for code in KINDS if code in reasons.BIT)
"""Exceptions that are reasons of a line too."""


def of_lines(
    lines: Columns, keys: Keys, code: str, where: NDArray[np.bool_], value: NDArray[np.float64]
) -> pl.DataFrame:
    """One exception per item-location of the lines marked by `where`."""
    places = np.flatnonzero(where)
    row = lines["row"][places]
    first = np.ones(len(row), dtype=np.bool_)
    first[1:] = row[1:] != row[:-1]  # lines are sorted by item-location
    places, row = places[first], row[first]
    price = lines["unit_price"][places]
    price = np.where(np.isfinite(price), price, lines["unit_cost"][places])
    return pl.DataFrame(
        {
            "code": pl.repeat(code, len(places), dtype=pl.String, eager=True),
            "item_id": gather(keys.items, keys.item_codes[row]),
            "location_id": gather(keys.locations, keys.location_codes[row]),
            "value_at_risk": lines["expected_lost_with"][places] * price,
            "value": value[places].astype(np.float64),
            "text": pl.repeat("", len(places), dtype=pl.String, eager=True),
        }
    )


def from_reasons(lines: Columns, keys: Keys) -> list[pl.DataFrame]:
    """Exceptions of the reasons the lines carry."""
    values = {
        "stale_snapshot": lines["stock_age_days"],
        "fair_share": -lines["step_fair_share"],
        "budget_cut": -lines["step_budget"],
        "truck_cut": -lines["step_capacity"],
        "unusual_quantity": lines["quantity"],
    }
    found = []
    for code in FROM_REASONS:
        where = (lines["reasons"] & reasons.BIT[code]) != 0
        if where.any():
            found.append(of_lines(lines, keys, code, where, values.get(code, np.zeros(len(where)))))
    return found


def plain(
    code: str, items: Sequence[str], locations: Sequence[str], values: Sequence[float], texts: Sequence[str]
) -> pl.DataFrame:
    """Exceptions that belong to no line."""
    return pl.DataFrame(
        {
            "code": [code] * len(items), "item_id": list(items), "location_id": list(locations),
            "value_at_risk": [None] * len(items), "value": list(values), "text": list(texts),
        },
        schema={
            "code": pl.String, "item_id": pl.String, "location_id": pl.String, "value_at_risk": pl.Float64,
            "value": pl.Float64, "text": pl.String,
        },
    )  # fmt: skip


def to_table(found: list[pl.DataFrame], cutoff: date, settings: EngineSettings) -> pl.DataFrame:
    """The `exceptions` table, one row per code and item-location, sorted by key."""
    if not found:
        return results.EXCEPTIONS.empty()
    rows = pl.concat(found).with_columns(pl.col("value_at_risk").fill_nan(None))
    severity = {kind.code: kind.severity for kind in _KINDS}
    number = pl.col("value").round(2).cast(pl.String).str.replace(r"\.0$", "")
    message = pl.col("code").replace_strict({kind.code: kind.sentence for kind in _KINDS})
    table = rows.with_columns(
        pl.lit(cutoff).alias("cutoff"),
        pl.lit(settings.scenario).alias("scenario"),
        pl.lit(settings.run_id).alias("run_id"),
        pl.col("code").replace_strict(severity).alias("severity"),
        message.alias("message"),
    )
    for name, expression in (("{value}", number.fill_null("")), ("{text}", pl.col("text"))):
        table = table.with_columns(
            pl.when(pl.col("message").str.contains(name, literal=True))
            .then(pl.col("message").str.split_exact(name, 1).struct.field("field_0") + expression
                  + pl.col("message").str.split_exact(name, 1).struct.field("field_1"))
            .otherwise(pl.col("message")).alias("message")
        )  # fmt: skip
    table = table.unique(["code", "item_id", "location_id"], keep="first", maintain_order=True)
    return results.EXCEPTIONS.conform(table).sort("code", "item_id", "location_id")
