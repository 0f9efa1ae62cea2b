"""How the forecasts of a day did, and how they promised to do, as sums by segment: any span of days is scored by adding.

A forecast's own distribution says how far off its median will be on average (E|Y - median|) and how large its quantile
loss will be. Summed over the same cells this is the promise of the backtest for exactly these days, series and horizons:
the widths were calibrated on held-out cutoffs, and they widen with promotions and festivals. So a hard season, in which
everybody errs more, is no drift; a forecast that errs more than it said it would is.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shelfcast.domain.quantiles import COLUMNS, GRID
from shelfcast.domain.tables.monitoring import FORECAST_SUMS

Floats = NDArray[np.float64]

NEAR, FAR = "1-7", "8-28"
NEAR_STEPS, FAR_STEPS = 7, 28
LEVELS = tuple(level for level in GRID if 0.1 <= level <= 0.9)
KEY = ["cutoff", "item_id", "location_id", "date"]
SEGMENT_COLUMNS = ("location", "category")


def weights() -> Floats:
    """Probability each quantile of the grid stands for when a distribution is read as those values; sums to 1."""
    edges = np.concatenate([[0.0], (np.array(GRID[1:]) + np.array(GRID[:-1])) / 2.0, [1.0]])
    return np.diff(edges)


def promised_error(quantiles: Floats) -> Floats:
    """E|Y - median| of each row of quantiles (cells, levels) under the forecast itself.

    >>> promised_error(np.full((1, len(GRID)), 5.0)).tolist()
    [0.0]
    """
    median = quantiles[:, [GRID.index(0.5)]]
    return np.asarray(np.abs(quantiles - median) @ weights())


def pinball(actual: Floats, quantiles: Floats) -> Floats:
    """Mean over the levels 0.1 to 0.9 of 2 max(q e, (q - 1) e) per cell."""
    total = np.zeros(len(actual))
    for level in LEVELS:
        error = actual - quantiles[:, GRID.index(level)]
        total += np.maximum(level * error, (level - 1.0) * error)
    return total * (2.0 / len(LEVELS))


def promised_pinball(quantiles: Floats) -> Floats:
    """The expected quantile loss of each row under the forecast itself."""
    share = weights()
    total = np.zeros(len(quantiles))
    for level in LEVELS:
        error = quantiles - quantiles[:, [GRID.index(level)]]
        total += np.maximum(level * error, (level - 1.0) * error) @ share
    return total * (2.0 / len(LEVELS))


def sums_of(forecasts: pl.DataFrame, actual: pl.DataFrame, items: pl.DataFrame, run_id: str) -> pl.DataFrame:
    """Rows of `forecast_sums` for the days in `forecasts`.

    Args:
        forecasts: rows of the table `forecasts` (KEY, stage, step, mean, quantiles) of days that have come.
        actual: item_id, location_id, date, units; only cells that count. Or with `wanted`, and `counts` false where stock ran
            out: such a cell counts for demand alone (left out, the best days would be missing and every forecast look high).
        items: item_id, category.
    """
    if "wanted" not in actual.columns:
        actual = actual.with_columns(wanted=pl.col("units"), counts=pl.lit(True))
    cells = (
        forecasts.filter(pl.col("stage") == "model")
        .join(actual, on=["item_id", "location_id", "date"])
        .sort("date", *KEY[:3])
    )
    if cells.is_empty():
        return FORECAST_SUMS.empty()
    quantiles = cells.select(COLUMNS).to_numpy()
    units = cells["units"].to_numpy().astype(np.float64)
    median = quantiles[:, GRID.index(0.5)]
    scored = cells.select(*KEY, "step", "units", "mean", "wanted", "counts").with_columns(
        pl.Series("absolute_error", np.abs(units - median)),
        pl.Series("promised_error", promised_error(quantiles)),
        pl.Series("pinball", pinball(units, quantiles)),
        pl.Series("promised_pinball", promised_pinball(quantiles)),
        pl.Series("inside_80", (units >= quantiles[:, GRID.index(0.1)]) & (units <= quantiles[:, GRID.index(0.9)])),
    )
    baseline = forecasts.filter(pl.col("stage") == "baseline").select(*KEY, pl.col("q500").alias("baseline"))
    planner = forecasts.filter(pl.col("stage") == "planner").select(*KEY, pl.col("mean").alias("planner"))
    scored = (
        scored.join(baseline, on=KEY, how="left", maintain_order="left")
        .join(planner, on=KEY, how="left", maintain_order="left")
        .join(items.select("item_id", "category").unique("item_id", keep="first"), on="item_id", how="left", maintain_order="left")
        .with_columns(
            band=pl.when(pl.col("step") <= NEAR_STEPS).then(pl.lit(NEAR)).otherwise(pl.lit(FAR)),
            location=pl.col("location_id"),
        )
    )  # fmt: skip
    parts = [_summed(scored, pl.lit("all"))]
    for name in SEGMENT_COLUMNS:
        parts.append(_summed(scored.filter(pl.col(name).fill_null("") != ""), pl.format(name + "={}", pl.col(name))))
    return FORECAST_SUMS.conform(pl.concat(parts).with_columns(run_id=pl.lit(run_id))).sort(*FORECAST_SUMS.key)


def _summed(scored: pl.DataFrame, segment: pl.Expr) -> pl.DataFrame:
    # Sorted before they are added, and kept in millionths: the same sums on every machine and engine.
    def total(value: pl.Expr) -> pl.Expr:
        return value.sort().sum().round(6)

    changed = pl.col("planner").is_not_null()
    scored = scored.with_columns(segment=segment)
    by = ["date", "segment", "band"]
    wanted = scored.group_by(by).agg(total(pl.col("wanted")), total(pl.col("mean")).alias("wanted_mean"))
    counted = (
        scored.filter("counts")
        .group_by(by)
        .agg(
            pl.len().alias("cells"),
            pl.struct("item_id", "location_id").n_unique().alias("series"),
            *(
                total(pl.col(name)).alias(name)
                for name in ("units", "mean", "absolute_error", "promised_error", "pinball", "promised_pinball")
            ),
            pl.col("inside_80").sum(),
            total((pl.col("units") - pl.col("baseline")).abs()).alias("baseline_error"),
            changed.sum().alias("planner_cells"),
            total((pl.col("units") - pl.col("planner")).abs().filter(changed)).alias("planner_error"),
            total((pl.col("units") - pl.col("mean")).abs().filter(changed)).alias("planner_model_error"),
        )
    )
    return counted.join(wanted, on=by, how="left", maintain_order="left")
