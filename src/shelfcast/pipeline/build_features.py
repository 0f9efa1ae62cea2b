"""The step `features`: sales become demand history, gaps told apart, stock-outs marked and recovered."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shelfcast.domain.slices import Slice
from shelfcast.domain.tables import curated, results
from shelfcast.features.absurd import EVIDENCE, absurd_cells
from shelfcast.features.demand import History, build_history
from shelfcast.features.panel import Floats
from shelfcast.features.recovery import recovered_demand
from shelfcast.lake.as_of import as_of, end_of
from shelfcast.lake.replace import replace as replace_rows
from shelfcast.pipeline.read_panel import Lake, Partition, open_lake_at, plan_partitions
from shelfcast.pipeline.steps import Outcome, Parameters
from shelfcast.ports.engine import Exchange
from shelfcast.ports.platform import Platform

TITLE = "Building demand history"


@dataclass(frozen=True)
class Counted:
    """What a partition held."""

    name: str
    """Of the rows in the exchange."""
    series: int
    rows: int
    zeros_filled: int
    missing: int
    censored: int
    recovered: int
    absurd: int


def run(platform: Platform, parameters: Parameters, run_id: str) -> Outcome:
    """Rebuild the `demand` table up to the cutoff.

    Raises:
        NotReady: nothing was sold up to the cutoff.
    """
    lake = open_lake_at(platform.tables, parameters.cutoff, 1, parameters.frequency)
    partitions = plan_partitions(lake, parameters.partition_rows)
    platform.progress.start(TITLE, len(partitions) + 1)
    with platform.engine.exchange() as exchange:
        counted: list[Counted] = []
        for one in platform.engine.map(partial(demand_of, lake, run_id, exchange), partitions):
            counted.append(one)
            platform.progress.advance(TITLE)
        frames = (exchange.read(one.name) for one in counted)
        replace_rows(platform.tables, results.DEMAND, frames, Slice(), notes={"run_id": run_id})
    total = {
        name: sum(getattr(one, name) for one in counted)
        for name in ("series", "rows", "zeros_filled", "missing", "censored", "recovered", "absurd")
    }
    return Outcome({"series": total["series"], "periods": total["rows"]}, {**total, "stray_series": lake.stray})


def demand_of(lake: Lake, run_id: str, exchange: Exchange, partition: Partition) -> Counted:
    """Demand rows of a partition, left in the exchange."""
    frame, counted = demand_frame(lake, run_id, partition)
    exchange.write(counted.name, frame)
    return counted


def demand_frame(lake: Lake, run_id: str, partition: Partition) -> tuple[pl.DataFrame, Counted]:
    """Demand rows of a partition, and what they hold."""
    moment, where = end_of(lake.grid.cutoff), partition.where()
    small = lake.small
    keys = lake.series.filter(where).sort("item_id", "location_id")
    sales = as_of(lake.tables, curated.SALES, moment, where & (pl.col("date") <= lake.grid.cutoff)).collect()
    stock = as_of(lake.tables, curated.AVAILABILITY, moment, where & (pl.col("date") <= lake.grid.cutoff)).collect()
    openings = small.openings.filter(pl.col("location_id").is_in(partition.locations))
    item_locations = small.item_locations.filter(partition.where(wild=True))
    history = build_history(lake.grid, keys, sales, stock, openings, small.items, item_locations)
    absurd = absurd_cells(history.units)
    believed = replace(history, units=np.where(absurd, np.float32(np.nan), history.units))
    demand, evidence = recovered_demand(believed, lake.grid.frequency)
    recovered = int((evidence != "").sum())
    evidence[absurd] = EVIDENCE
    frame = demand_rows(lake, history, demand, evidence, run_id)
    name = f"demand-{partition.number:05d}"
    sold = int(np.isfinite(history.units).sum())
    return frame, Counted(
        name, keys.height, frame.height, max(0, sold - sales.height), frame.height - sold,
        int(history.censored.sum()), recovered, int(absurd.sum()),
    )  # fmt: skip


def demand_rows(
    lake: Lake, history: History, demand: Floats, evidence: NDArray[np.object_], run_id: str
) -> pl.DataFrame:
    """A row for each listed period of the history."""
    length = lake.grid.history_length
    series, at = np.nonzero(history.listed[:, :length])
    units = history.units[series, at].astype(np.float64)
    frame = history.keys.select("item_id", "location_id")[series].with_columns(
        date=pl.Series(lake.grid.periods[at]),
        units=pl.Series(units).fill_nan(None),
        demand=pl.Series(demand[series, at].astype(np.float64)).fill_nan(None),
        in_stock_share=pl.Series(history.in_stock_share[series, at].astype(np.float64)).fill_nan(None),
        open=pl.Series(history.open[series, at]),
        censored=pl.Series(history.censored[series, at]),
        evidence=pl.Series(evidence[series, at], dtype=pl.String),
        run_id=pl.lit(run_id),
    )
    return results.DEMAND.conform(frame)
