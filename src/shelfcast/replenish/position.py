"""What is there and what is coming: on hand, on order inside the window and later, the inventory position.

position = max(on_hand - blocked, 0) + on order due within the window - backorders - expected waste
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shelfcast.replenish import hashing
from shelfcast.replenish.inputs import ON_ORDER_STATES
from shelfcast.replenish.keys import Keys

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Incoming:
    """Supply that is coming, a row each, sorted by item-location row: `due_day` counts from the cutoff."""

    row: Integers
    due_day: Integers
    units: Floats
    overdue: Flags
    placed_day: Integers
    """Day it was ordered, from the cutoff: 0 or below; 1 where it isn't known."""
    dead: pl.DataFrame
    """Open orders overdue for so long that they aren't counted."""


def incoming(
    open_orders: pl.DataFrame,
    approved: pl.DataFrame,
    acknowledged: pl.DataFrame,
    own_line_ids: pl.Series,
    keys: Keys,
    cutoff: date,
    grace_days: int,
    dead_days: int,
) -> Incoming:
    """Open orders of the ERP and our own approved lines it doesn't show yet.

    - `proposed` rows of the ERP don't count. The confirmed quantity counts where there is one.
    - An approved line counts until a row with its id as `order_ref` stands among the open orders, or ever stood there
      (`acknowledged`: then it was received or cancelled, which the ERP knows). Lines of tonight's own run
      (`own_line_ids`) don't: the run that proposed them isn't changed by their approval.
    - Overdue orders count as due in `grace_days`; those overdue for more than `dead_days` don't count.
    """
    ours = not_shown_yet(approved, open_orders, acknowledged)
    ours = ours.filter(~pl.col("line_id").is_in(own_line_ids.implode()))
    columns = ["item_id", "location_id", "source_id", "reference", "due", "placed", "units"]
    erp = open_orders.filter(pl.col("state").fill_null("sent") != "proposed").select(
        "item_id", pl.col("destination_id").alias("location_id"), "source_id",
        (pl.col("order_id") + "/" + pl.col("line_id").fill_null("1")).alias("reference"),
        pl.col("promised_date").alias("due"), pl.col("ordered_on").alias("placed"),
        pl.coalesce("confirmed_qty", "qty_open").alias("units"),
    )  # fmt: skip
    mine = ours.select(
        "item_id", "location_id", "source_id", pl.col("line_id").alias("reference"), pl.col("delivery_date").alias("due"),
        (pl.col("order_date") if "order_date" in ours.columns else pl.lit(None, dtype=pl.Date)).alias("placed"),
        pl.col("qty").alias("units"),
    )  # fmt: skip
    rows = pl.concat([erp.select(columns), mine.select(columns)])
    today = cutoff + timedelta(days=1)
    rows = rows.with_columns(((pl.col("due") - pl.lit(today)).dt.total_days()).alias("ahead"))
    dead = rows.filter(pl.col("ahead") < -dead_days).sort(columns)
    rows = rows.filter(pl.col("ahead") >= -dead_days)
    row = keys.rows(rows["item_id"], rows["location_id"])
    ahead, units = rows["ahead"].to_numpy(), rows["units"].to_numpy()
    overdue = ahead < 0
    due = np.where(overdue, 1 + grace_days, ahead + 1).astype(np.int64)
    placed = (rows["placed"] - pl.Series([cutoff])).dt.total_days().fill_null(1).to_numpy().astype(np.int64)
    order = np.flatnonzero(row >= 0)
    order = order[np.lexsort((placed[order], units[order], overdue[order], due[order], row[order]))]
    return Incoming(row[order], due[order], units[order], overdue[order], placed[order], dead)


def not_shown_yet(approved: pl.DataFrame, open_orders: pl.DataFrame, acknowledged: pl.DataFrame) -> pl.DataFrame:
    """Our own lines that are to be sent and that the ERP has never shown."""
    ours = approved.filter(pl.col("state").is_in(ON_ORDER_STATES))
    seen = pl.concat([open_orders["order_ref"].cast(pl.String), acknowledged["order_ref"].cast(pl.String)]).drop_nulls()
    return ours.filter(~pl.col("line_id").is_in(seen.implode()))


def promised_to_others(
    approved: pl.DataFrame,
    open_orders: pl.DataFrame,
    acknowledged: pl.DataFrame,
    keys: Keys,
    cutoff: date,
    scenario: str,
) -> Floats:
    """Units each item-location of ours has yet to send to others: approved transfers the ERP doesn't show, so that nothing is
    reserved for them yet. Lines of tonight's own run don't count."""
    ours = not_shown_yet(approved, open_orders, acknowledged)
    row = keys.rows(ours["item_id"], ours["source_id"])
    if not (row >= 0).any():
        return np.zeros(keys.size)
    tonight = line_names(cutoff, scenario, ours)
    mine = np.flatnonzero((row >= 0) & (ours["line_id"] != tonight).to_numpy())
    units = ours["qty"].to_numpy()
    mine = mine[np.lexsort((units[mine], row[mine]))]
    return np.bincount(row[mine], units[mine], keys.size).astype(np.float64)


def line_names(cutoff: date, scenario: str, lines: pl.DataFrame) -> pl.Series:
    """Identifiers that lines of this cutoff and scenario with these items, locations and sources would have."""
    index = np.arange(lines.height, dtype=np.int64)
    names = [lines[name].cast(pl.String).fill_null("") for name in ("item_id", "location_id", "source_id")]
    return hashing.key_identifiers(f"line {cutoff.isoformat()} {scenario}", names, [index] * 3)


def on_order(supply: Incoming, row: Integers, window_days: Integers) -> tuple[Floats, Floats, Flags]:
    """(due within the window, due later, whether any is overdue) of each line.

    Args:
        window_days: length of the line's window, which begins the day after the cutoff.
    """
    size = int(row.max(initial=-1)) + 1
    window = np.zeros(size, dtype=np.int64)
    window[row] = window_days
    mine = supply.row < size
    supply_row = supply.row[mine]
    inside = supply.due_day[mine] <= window[supply_row]
    units = supply.units[mine]
    within = np.bincount(supply_row, np.where(inside, units, 0.0), size).astype(np.float64)
    later = np.bincount(supply_row, np.where(inside, 0.0, units), size).astype(np.float64)
    overdue = np.bincount(supply_row, supply.overdue[mine], size) > 0
    return within[row], later[row], overdue[row]


def inventory_position(
    on_hand: Floats, blocked: Floats, on_order_in_window: Floats, backorders: Floats, expected_waste: Floats
) -> Floats:
    """Usable stock and what comes in time, less what is owed and what will be thrown away.

    >>> inventory_position(*(np.array([x]) for x in (-3.0, 0.0, 12.0, 0.0, 0.0)))
    array([12.])
    """
    usable = np.maximum(on_hand - blocked, 0.0) + on_order_in_window
    return usable - np.minimum(expected_waste, usable) - backorders
