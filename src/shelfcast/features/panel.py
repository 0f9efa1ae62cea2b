"""The panel: many series on one regular grid of periods, with their covariates. What models are given.

    periods      p0 p1 ... p(T-1) | p(T) ... p(T+H-1)
    target       known (NaN where missing)  | to be forecast
    covariates   known_future: all T + H columns; observed: the first T; static: one value a series
                 expected: of each of the first T columns, what was expected then of the periods after it
                                  ^ cutoff = p(T-1)

A row that does not exist yet (before launch) or is missing is NaN; a true zero is 0. The two are never mixed up.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
import polars as pl
from numpy.typing import NDArray

Days = NDArray[np.datetime64]
Floats = NDArray[np.floating]


class Role(StrEnum):
    """When a covariate is known."""

    STATIC = "static"
    KNOWN_FUTURE = "known_future"
    OBSERVED = "observed"
    EXPECTED = "expected"
    """Forecast by somebody else, as it was issued: weather."""


class Measure(StrEnum):
    """What kind of value a covariate has."""

    NUMBER = "number"
    FLAG = "flag"
    CATEGORY = "category"


@dataclass(frozen=True)
class Covariate:
    """One covariate of every series.

    `values` has a row per group of series that share it and a column per period (static: one column); `rows[i]` is
    the row of series i. So weather of 10 stores is 10 rows, however many items they sell. NaN = not known.
    Expected: (groups, T, reach); [g, t, k] is what was expected at the end of period t of period t + 1 + k.
    A category is stored as its code; `categories[code]` is its name.
    """

    name: str
    role: Role
    measure: Measure
    values: Floats
    rows: NDArray[np.integer]
    categories: tuple[str, ...] = ()
    driver: str = "other"
    """Group it is explained under: season, festival, promotion, price, weather, availability, other."""
    of: str = ""
    """Expected: name of the observed covariate that tells afterwards what came."""

    def of_series(self) -> Floats:
        """Values by series: shape (series, periods)."""
        return self.values[self.rows]


@dataclass(frozen=True)
class Panel:
    """Series on a grid. See the picture at the top of the module."""

    keys: pl.DataFrame
    """One row a series: item_id, location_id (or whatever names the series), sorted."""
    frequency: str
    """D, W or M."""
    periods: Days
    """First day of each period, history then future: length T + H."""
    target: Floats
    """Demand, shape (series, T)."""
    in_stock_share: Floats | None = None
    """Share of the period in stock, shape (series, T); NaN or None = not recorded."""
    covariates: tuple[Covariate, ...] = field(default_factory=tuple)
    last: NDArray[np.integer] | None = None
    """Index of the last history period of each series; None = T - 1 for all. Target values after it are not used, and
    the series' forecast begins at the period after it."""

    @property
    def series_count(self) -> int:
        return self.target.shape[0]

    @property
    def history_length(self) -> int:
        return self.target.shape[1]

    @property
    def horizon(self) -> int:
        return len(self.periods) - self.target.shape[1]

    @property
    def cutoff(self) -> np.datetime64:
        return self.periods[self.history_length - 1]


@dataclass(frozen=True)
class Forecast:
    """What a model gives back: mean (series, H) and quantiles (series, H, levels), levels rising, never crossing."""

    mean: Floats
    quantiles: Floats
    levels: tuple[float, ...]
    model: NDArray[np.str_]
    """Model that made each series' forecast, shape (series,)."""
    fallback: NDArray[np.str_]
    """Why the main model could not be used for the series; empty otherwise."""
