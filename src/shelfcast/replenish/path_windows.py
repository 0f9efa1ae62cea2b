"""Window demand from sample paths: the sum of each path over its own window.

A lead time that varies gives each path a window of its own (the same path number is the same joint future, so also the same
luck with the delivery): path j gets the lead time at a level u_j, and the u_j are spread evenly over (0, 1) by multiples of the
golden ratio, so that few paths see late deliveries as often as many.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import special

from shelfcast.replenish.calendar import HORIZON_DAYS, RouteDays, order_times
from shelfcast.replenish.keys import Keys
from shelfcast.replenish.window_demand import LeadTimeSamples, WindowDemand

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

GOLDEN = 0.6180339887498949


@dataclass(frozen=True)
class LeadTimes:
    """What is known of the lead time of each line: its days, their deviation, samples of its route, days between reviews."""

    days: Integers
    deviation: Floats
    samples: LeadTimeSamples
    route_days: RouteDays
    route: Integers
    review_period_days: Integers

    def uncertain(self) -> NDArray[np.bool_]:
        return (self.deviation > 0.0) | (np.diff(self.samples.start)[self.route] > 0)

    def windows(self, lines: Integers, level: Floats) -> Integers:
        """Days of the window of each line (lines, paths) where its lead time is the one at `level` (paths,)."""
        lead = np.empty((len(lines), len(level)), dtype=np.int64)
        for place, line in enumerate(lines):
            first, last = self.samples.start[self.route[line]], self.samples.start[self.route[line] + 1]
            if last > first:
                reached = np.cumsum(self.samples.weight[first:last])
                at = np.minimum(np.searchsorted(reached, level - 1e-12), last - first - 1)
                lead[place] = self.samples.days[first:last][at]
            else:
                drawn = self.days[line] + self.deviation[line] * special.ndtri(level)
                lead[place] = np.clip(np.round(drawn), min(1, self.days[line]), HORIZON_DAYS - 1)
        each = np.repeat(lines, len(level))
        times = order_times(self.route_days, self.route[each], lead.ravel(), self.review_period_days[each])
        return np.minimum(times.next_delivery - 1, HORIZON_DAYS).reshape(lead.shape)


def use_paths(
    plain: WindowDemand, paths: pl.DataFrame, keys: Keys, cutoff: date, row: Integers, days: Integers, lead: LeadTimes
) -> WindowDemand:
    """Replace the window of lines that have sample paths: the sum of each path over the line's window.

    All series must have the same number of paths; a series with another number keeps its fit.
    """
    if not paths.height:
        return plain
    used = paths.with_columns(
        pl.Series("row", keys.rows(paths["item_id"], paths["location_id"])),
        (paths["date"] - pl.Series([cutoff])).dt.total_days().alias("day"),
    ).filter((pl.col("row") >= 0) & (pl.col("day") >= 1))
    lines = pl.DataFrame({"line": np.arange(len(row)), "row": row, "days": days})
    joined = lines.join(used, on="row")
    uncertain = np.flatnonzero(lead.uncertain() & np.isin(row, used["row"].unique().to_numpy()))
    if len(uncertain):
        joined = joined.join(_own_windows(uncertain, used, lead), on=["line", "path"], how="left").with_columns(
            pl.coalesce("own_days", "days").alias("days")
        )
    # A path whose window is empty still counts, with nothing.
    sums = (
        joined.with_columns(pl.when(pl.col("day") <= pl.col("days")).then(pl.col("qty")).otherwise(0.0).alias("qty"))
        .sort("line", "path", "day")
        .group_by("line", "path", maintain_order=True)
        .agg(pl.col("qty").sum())
    )
    counts = sums.group_by("line", maintain_order=True).len().sort("line")
    if not counts.height:
        return plain
    size = int(counts["len"].mode().max())  # type: ignore[arg-type]
    chosen = counts.filter(pl.col("len") == size)["line"]
    samples = sums.filter(pl.col("line").is_in(chosen.implode()))["qty"].to_numpy().reshape(len(chosen), size)
    window = plain.window.with_samples(chosen.to_numpy(), samples)
    before_share = plain.before.mean / np.where(plain.window.mean > 0.0, plain.window.mean, 1.0)
    cycle = np.where(window.mean == plain.window.mean, plain.cycle_mean, window.mean * (1.0 - before_share))
    return WindowDemand(window, plain.before, cycle, window.mean / np.maximum(days, 1))


def _own_windows(lines: Integers, used: pl.DataFrame, lead: LeadTimes) -> pl.DataFrame:
    """Columns line, path, own_days for lines whose lead time varies."""
    numbers = used["path"].unique().sort()
    level = np.mod((np.arange(len(numbers)) + 1.0) * GOLDEN, 1.0)
    windows = lead.windows(lines, np.clip(level, 1e-6, 1.0 - 1e-6))
    return pl.DataFrame(
        {
            "line": np.repeat(lines, len(numbers)),
            "path": pl.Series(np.tile(numbers.to_numpy(), len(lines)), dtype=used.schema["path"]),
            "own_days": windows.ravel(),
        }
    )
