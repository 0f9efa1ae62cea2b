"""A regular grid of periods, and how rows of tables are laid on it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shelfcast.domain.errors import BadParameter
from shelfcast.features.panel import Days, Floats

Integers = NDArray[np.int64]
WEEK_DAYS = 7


@dataclass(frozen=True)
class Grid:
    """Periods from the one that holds `first` to the cutoff's, then `horizon` more. Weeks begin on Mondays."""

    first: date
    cutoff: date
    horizon: int
    frequency: str = "D"

    def __post_init__(self) -> None:
        if self.frequency not in ("D", "W"):
            raise BadParameter.unknown("frequency", self.frequency, ("D", "W"))
        if self.first > self.cutoff:
            raise BadParameter(
                f"the history begins {self.first}, after the cutoff {self.cutoff}; choose a later cutoff."
            )

    @property
    def start(self) -> date:
        """First day of the first period."""
        return self.first if self.frequency == "D" else self.first - timedelta(days=self.first.weekday())

    @property
    def history_length(self) -> int:
        """Whole periods up to the cutoff: a week that the cutoff cuts is not history yet."""
        days = (self.cutoff - self.start).days + 1
        return days if self.frequency == "D" else days // WEEK_DAYS

    @property
    def length(self) -> int:
        return self.history_length + self.horizon

    @property
    def step_days(self) -> int:
        return 1 if self.frequency == "D" else WEEK_DAYS

    @property
    def periods(self) -> Days:
        """First day of each period, history then future."""
        return np.datetime64(self.start, "D") + np.arange(self.length) * self.step_days

    def index(self, days: pl.Series | Days) -> Integers:
        """Index of the period each day falls in; may lie outside 0..length-1. Null or NaT gives a very low number."""
        numbers = np.asarray(days, dtype="datetime64[D]")
        passed = (numbers - np.datetime64(self.start, "D")).astype(np.int64)
        return np.where(np.isnat(numbers), -(10**9), passed // self.step_days)


def series_rows(rows: pl.DataFrame, keys: pl.DataFrame) -> Integers:
    """Position in `keys` (item_id, location_id) of each row's series; -1 where it isn't one of them."""
    numbered = keys.select("item_id", "location_id").with_row_index("series")
    found = rows.select("item_id", "location_id").join(
        numbered, on=["item_id", "location_id"], how="left", maintain_order="left"
    )
    return found["series"].cast(pl.Int64).fill_null(-1).to_numpy()


def lookup(values: pl.Series, names: pl.Series) -> Integers:
    """Position in `names` of each value; -1 where it isn't there."""
    numbered = pl.DataFrame({"name": names}).with_row_index("at")
    found = pl.DataFrame({"name": values}).join(numbered, on="name", how="left", maintain_order="left")
    return found["at"].cast(pl.Int64).fill_null(-1).to_numpy()


def scatter_sum(
    shape: tuple[int, int], rows: Integers, at: Integers, values: Floats
) -> tuple[Floats, NDArray[np.bool_]]:
    """Sum of values per cell, and which cells got any. Rows outside the grid are left out."""
    inside = (rows >= 0) & (at >= 0) & (at < shape[1]) & np.isfinite(values)
    flat = rows[inside] * shape[1] + at[inside]
    total: Floats = (
        np.bincount(flat, weights=values[inside], minlength=shape[0] * shape[1]).astype(np.float64).reshape(shape)
    )
    count = np.bincount(flat, minlength=shape[0] * shape[1]).reshape(shape)
    return total, count > 0


def scatter_mean(shape: tuple[int, int], rows: Integers, at: Integers, values: Floats) -> Floats:
    """Mean of values per cell; NaN where there are none."""
    inside = (rows >= 0) & (at >= 0) & (at < shape[1]) & np.isfinite(values)
    flat = rows[inside] * shape[1] + at[inside]
    size = shape[0] * shape[1]
    total = np.bincount(flat, weights=values[inside], minlength=size)
    count = np.bincount(flat, minlength=size)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(count > 0, total / count, np.nan).reshape(shape).astype(np.float32)


def fill_forward(values: Floats) -> Floats:
    """Each NaN becomes the last value before it in its row, if there is one."""
    filled = values.copy()
    known = np.isfinite(filled)
    at = np.where(known, np.arange(filled.shape[1])[None, :], -1)
    np.maximum.accumulate(at, axis=1, out=at)
    taken = np.take_along_axis(filled, np.maximum(at, 0), axis=1)
    return np.where(at >= 0, taken, np.nan).astype(values.dtype)
