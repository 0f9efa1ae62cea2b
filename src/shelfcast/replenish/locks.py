"""Step 13: planner locks win over every rule but eligibility, and are shown beside what the engine wanted."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shelfcast.replenish import reasons
from shelfcast.replenish.keys import Keys
from shelfcast.replenish.terms import Columns, floats

Floats = NDArray[np.float64]


def apply_locks(lines: Columns, overrides: pl.DataFrame, keys: Keys, cutoff: date) -> Floats:
    """Units the locks add to or take from each line. Reasons are added in place.

    The newest lock of an item-location holds: fixed quantity, least, most, or nothing until a day. One that expired
    before today's order is ignored, with a reason. Where the need is split over sources, the first line takes the lock.
    """
    quantity = lines["quantity"]
    newest = overrides.sort("item_id", "location_id", "set_at").unique(
        ["item_id", "location_id"], keep="last", maintain_order=True
    )
    row = keys.rows(newest["item_id"], newest["location_id"])
    lock_of_row = np.full(keys.size, -1, dtype=np.int64)
    lock_of_row[row[row >= 0]] = np.flatnonzero(row >= 0)
    lock = lock_of_row[lines["row"]]
    if not (lock >= 0).any():
        return np.zeros(len(quantity))
    first = np.ones(len(lock), dtype=np.bool_)
    first[1:] = lines["row"][1:] != lines["row"][:-1]
    expired_lock = (newest["expires_on"] < cutoff).fill_null(False).to_numpy()
    locked = lock >= 0
    expired = locked & expired_lock[lock]
    reasons.add(lines["reasons"], "lock_expired", expired)
    may_order = (lines["reasons"] & reasons.STOPS & ~reasons.WELL_STOCKED) == 0
    active = locked & ~expired & may_order
    fixed, least, most = (floats(newest, name)[lock] for name in ("fixed_qty", "min_qty", "max_qty"))
    skip = (newest["skip_until"] > cutoff).fill_null(False).to_numpy()[lock]
    wanted = np.fmin(np.fmax(quantity, np.where(first, least, np.nan)), most)
    wanted = np.where(np.isnan(fixed), wanted, np.where(first, fixed, 0.0))
    wanted = np.where(skip, 0.0, wanted)
    wanted = np.where(active, wanted, quantity)
    reasons.add(lines["reasons"], "planner_lock", active & (wanted != quantity))
    return wanted - quantity
