"""Looks into open forecast findings: which segments and features moved with them. Reads only on days with findings."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import polars as pl

from shelfcast.domain.tables import curated, results
from shelfcast.forecast import drift_causes
from shelfcast.pipeline.monitor_data import BELIEVED, price_and_promotion
from shelfcast.ports.table_store import TableStore

MOST_SUBJECTS = 6
DAYS, BEFORE_DAYS = 7, 56
DIMENSIONS = ("category", "location", "item")


def causes_of(tables: TableStore, subjects: Sequence[str], odd: Sequence[str], cutoff: date) -> dict[str, str]:
    """What moved with each subject (all, location=..., category=...); the widest ones first, a handful at most."""
    wanted = sorted(set(subjects), key=lambda one: (one != "all", one))[:MOST_SUBJECTS]
    if not wanted:
        return {}
    cells = _cells(tables, cutoff)
    features = _features(tables, cutoff)
    found = {}
    for subject in wanted:
        dimension, value = (subject.partition("=")[0], subject.partition("=")[2]) if "=" in subject else ("", "")
        mine = cells.filter(pl.col(dimension) == value) if dimension else cells
        here = features.filter(pl.col(dimension) == value) if dimension else features
        others = [one for one in DIMENSIONS if one != dimension]
        found[subject] = drift_causes.moved_with(
            drift_causes.segments_moved(mine, others), drift_causes.features_moved(*_means(here, cutoff)), odd
        )
    return found


def _categories(tables: TableStore) -> pl.DataFrame:
    return tables.scan(curated.ITEMS).select("item_id", "category").collect().unique("item_id", keep="first")


def _cells(tables: TableStore, cutoff: date) -> pl.DataFrame:
    """The newest forecast of each series and day of the last week, with what was sold."""
    first = cutoff - timedelta(days=DAYS - 1)
    actual = (
        tables.scan(results.DEMAND)
        .filter(pl.col("date").is_between(first, cutoff) & pl.col("units").is_not_null())
        .filter(~pl.col("censored").fill_null(False) & BELIEVED)
        .select("item_id", "location_id", "date", "units")
    )
    rows = (
        tables.scan(results.FORECASTS)
        .filter(
            (pl.col("cutoff") >= first - timedelta(days=DAYS))
            & (pl.col("cutoff") < cutoff)
            & pl.col("date").is_between(first, cutoff)
            & (pl.col("scenario") == "base")
            & (pl.col("stage") == "model")
            & (pl.col("step") <= DAYS)
        )
        .select("cutoff", "item_id", "location_id", "date", "mean")
        .join(actual, on=["item_id", "location_id", "date"])
        .collect(engine="streaming")
        .sort("cutoff", "item_id", "location_id", "date")
    )
    return (
        rows.unique(["item_id", "location_id", "date"], keep="last", maintain_order=True)
        .join(_categories(tables), on="item_id", how="left")
        .rename({"item_id": "item", "location_id": "location"})
    )


def _features(tables: TableStore, cutoff: date) -> pl.DataFrame:
    """Promoted, discount, in_stock_share of every second day of the last weeks, with location and category."""
    first = cutoff - timedelta(days=DAYS + BEFORE_DAYS - 1)
    days = (
        tables.scan(results.DEMAND)
        .filter(pl.col("date").is_between(first, cutoff) & pl.col("open").fill_null(True))
        .filter((pl.lit(cutoff) - pl.col("date")).dt.total_days() % 2 == 0)
        .select("item_id", "location_id", "date", "in_stock_share")
        .collect(engine="streaming")
    )
    known = price_and_promotion(tables, days, cutoff)
    return (
        days.join(known, on=["item_id", "location_id", "date"], how="left")
        .join(_categories(tables), on="item_id", how="left")
        .rename({"item_id": "item", "location_id": "location"})
    )


def _means(rows: pl.DataFrame, cutoff: date) -> tuple[dict[str, float], dict[str, float]]:
    names = [name for name in ("promoted", "discount", "in_stock_share") if name in rows.columns]
    lately = pl.col("date") > cutoff - timedelta(days=DAYS)
    parts = []
    for part in (rows.filter(lately), rows.filter(~lately)):
        means = part.select(pl.col(names).mean()).row(0, named=True) if part.height else {}
        parts.append({name: float(value) for name, value in means.items() if value is not None})
    return parts[0], parts[1]
