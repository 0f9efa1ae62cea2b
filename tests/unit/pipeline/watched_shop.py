"""A small lake made by hand for the monitor: sales drawn from known means, forecasts that know them, feeds that run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl

from shelfcast.adapters.memory import FixedClock
from shelfcast.bootstrap import in_memory
from shelfcast.domain.quantiles import COLUMNS, GRID
from shelfcast.domain.tables import Table, curated, results, supply
from shelfcast.ports.platform import Platform

FIRST = date(2026, 1, 5)
HISTORY = 150
"""Days with sales and, after the first four weeks, forecasts made every seventh night."""
ITEMS = [f"I{n}" for n in range(12)]
SHOPS = ["S1", "S2"]
WEEK = np.array([0.8, 0.8, 0.9, 1.0, 1.3, 1.5, 0.7])


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


def at_noon(one: date) -> datetime:
    return datetime.combine(one, datetime.min.time(), UTC) + timedelta(hours=12)


def watched_shop(
    *, factors: Mapping[tuple[str, int], float] | None = None, stock_zero_from: int = 10**6, plans_until: int = 10**6
) -> Platform:
    """
    Args:
        factors: (category, first day number) -> demand times so much from then on; forecasts don't know.
        stock_zero_from: day number from which the stock feed says zero.
        plans_until: last day number on which prices and promotions were sent.
    """
    generator = np.random.default_rng(5)
    platform = replace(in_memory(), clock=FixedClock(at_noon(day(HISTORY))))
    keys = [(item, shop) for shop in SHOPS for item in ITEMS]
    category = {item: "fresh" if n < 6 else "dry" for n, item in enumerate(ITEMS)}
    level = {key: 8.0 + 3.0 * (n % 5) for n, key in enumerate(keys)}
    week_of = np.array([WEEK[day(n).weekday()] for n in range(HISTORY + 28)])
    sold: list[tuple[str, str, date, float]] = []
    promised: list[tuple[str, str, date, float]] = []
    for item, shop in keys:
        mean = level[(item, shop)] * week_of
        true = mean.copy()
        for (kind, first), factor in (factors or {}).items():
            if category[item] == kind:
                true[first:] *= factor
        units = generator.poisson(true[:HISTORY]).astype(float)
        sold += [(item, shop, day(n), units[n]) for n in range(HISTORY)]
        promised += [(item, shop, day(n), mean[n]) for n in range(HISTORY + 28)]
    name = ["item_id", "location_id", "date"]
    sales = pl.DataFrame(sold, schema=[*name, "units"], orient="row")
    put(platform, curated.ITEMS, pl.DataFrame({"item_id": ITEMS, "category": [category[one] for one in ITEMS]}))
    known = (pl.col("date") + pl.duration(days=1)).cast(pl.Datetime("us", "UTC"))
    put(platform, curated.SALES, sales.with_columns(known_at=known))
    share = pl.lit(1.0)
    put(platform, curated.AVAILABILITY, sales.select(*name, in_stock_share=share, known_at=known))
    put(
        platform,
        results.DEMAND,
        sales.with_columns(demand=pl.col("units"), in_stock_share=share, open=pl.lit(True), censored=pl.lit(False)),
    )
    on_hand = pl.when(pl.col("date") >= day(stock_zero_from)).then(0.0).otherwise(40.0)
    put(platform, supply.STOCK, sales.select(*name, on_hand=on_hand, known_at=known))
    plans(platform, plans_until)
    expected = pl.DataFrame(promised, schema=[*name, "mean"], orient="row")
    for cutoff in range(27, HISTORY, 7):
        put(platform, results.FORECASTS, forecasts(expected, day(cutoff)))
    return platform


def forecasts(expected: pl.DataFrame, cutoff: date) -> pl.DataFrame:
    """Rows of stages model and baseline: Poisson quantiles of the known means, and of means a tenth too high."""
    rows = expected.filter(pl.col("date").is_between(cutoff + timedelta(days=1), cutoff + timedelta(days=28)))
    parts = []
    for stage, factor in (("model", 1.0), ("baseline", 1.35)):
        mean = rows["mean"].to_numpy() * factor
        values = poisson_quantiles(mean)
        parts.append(
            rows.with_columns(
                cutoff=pl.lit(cutoff), scenario=pl.lit("base"), stage=pl.lit(stage), mean=pl.Series(mean),
                step=(pl.col("date") - pl.lit(cutoff)).dt.total_days(),
                **{name: pl.Series(values[:, n]) for n, name in enumerate(COLUMNS)},
            )
        )  # fmt: skip
    return pl.concat(parts)


def poisson_quantiles(mean: np.ndarray) -> np.ndarray:
    """(cells, levels): the smallest count not exceeded with each probability."""
    counts = np.arange(0, 120)
    logs = counts * np.log(mean[:, None]) - mean[:, None] - np.cumsum(np.log(np.maximum(counts, 1)))
    cumulated = np.cumsum(np.exp(logs), axis=1)
    return np.stack([(cumulated < level).sum(axis=1) for level in GRID], axis=1).astype(float)


def plans(platform: Platform, until: int) -> None:
    """A promotion with its price cut is announced every third day, two weeks ahead."""
    promotions, prices = [], []
    for n in range(0, HISTORY, 3):
        if n > until:
            break
        item, known = ITEMS[(n // 3) % len(ITEMS)], at_noon(day(n))
        first, last = day(n + 14), day(n + 20)
        promotions.append((f"P{n}", item, "*", first, last, 0.2, known))
        for shop in SHOPS:
            prices += [(item, shop, first, 1.6, 2.0, known), (item, shop, last + timedelta(days=1), 2.0, 2.0, known)]
    names = ["promotion_id", "item_id", "location_id", "first_date", "last_date", "discount_share", "known_at"]
    put(platform, curated.PROMOTIONS, pl.DataFrame(promotions, schema=names, orient="row"))
    columns = ["item_id", "location_id", "valid_from", "price", "regular_price", "known_at"]
    put(platform, curated.PRICES, pl.DataFrame(prices, schema=columns, orient="row"))


def put(platform: Platform, table: Table, rows: pl.DataFrame) -> None:
    platform.tables.replace(table, table.conform(rows), None)
