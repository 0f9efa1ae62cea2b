"""The protection window of each item-location, before any demand is known."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl

from shelfcast.replenish.calendar import HORIZON_DAYS
from shelfcast.replenish.inputs import EngineSettings, Inputs
from shelfcast.replenish.keys import Keys, gather
from shelfcast.replenish.order_lines import lines_of_run, position_columns, run_keys
from shelfcast.replenish.terms import Columns
from shelfcast.replenish.validation import check


def protection_windows(inputs: Inputs, cutoff: date) -> pl.DataFrame:
    """item_id, location_id, days: the window begins the day after the cutoff and lasts `days`.

    Where an item-location orders from several sources tonight, the longest window counts.
    """
    keys, lines = find_lines(inputs, cutoff)
    days = np.minimum(lines["next_delivery_day"], HORIZON_DAYS) - 1
    rows = lines["row"]
    frame = pl.DataFrame(
        {
            "item_id": gather(keys.items, keys.item_codes[rows]),
            "location_id": gather(keys.locations, keys.location_codes[rows]),
            "days": days.astype(np.int64),
        }
    )
    return (
        frame.filter(pl.col("days") > 0)
        .group_by("item_id", "location_id")
        .agg(pl.col("days").max())
        .sort("item_id", "location_id")
    )


def find_lines(inputs: Inputs, cutoff: date) -> tuple[Keys, Columns]:
    """The lines a night would plan, with their sources and order days."""
    checked = check(inputs, cutoff, EngineSettings())
    keys = run_keys(checked)
    positions, categories, _ = position_columns(checked, keys, cutoff)
    lines, *_ = lines_of_run(checked.inputs, keys, cutoff, checked.rules, positions, categories)
    return keys, lines
