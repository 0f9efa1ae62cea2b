"""Reads what the measures of the data need, as it was known at the cutoff."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import numpy as np
import polars as pl

from shelfcast.domain.measures import Measure
from shelfcast.domain.tables import Kind, Table, curated, results, supply
from shelfcast.features.absurd import EVIDENCE
from shelfcast.lake.as_of import as_of, end_of
from shelfcast.ports.table_store import TableStore
from shelfcast.quality import data_measures
from shelfcast.quality.feature_drift import Spans, feature_drift, spans_of

DAILY = (curated.SALES, curated.AVAILABILITY, supply.STOCK)
"""Feeds with rows of every day: how many is measured too."""
PLANNED = (curated.PRICES, curated.PROMOTIONS, curated.WEATHER, supply.OPEN_ORDERS, supply.DELIVERIES)
SAMPLE_SERIES = 1500
SAMPLE_EVERY = 7
"""Prices and promotions last: one day of a week says it all."""
CUT = 0.97
PLANS_DAYS = 7 + 182
BELIEVED = pl.col("evidence").fill_null("") != EVIDENCE
"""Cells of the demand history that somebody can have sold: one slip of a key would drown a month of errors."""


def days_late(tables: TableStore, cutoff: date, today: date) -> int:
    """Days the sales feed is behind: a cycle's cutoff is the newest day with sales, so only the calendar can tell.

    0 for cutoffs of the past, and for lakes that were loaded once rather than night by night.
    """
    rows = tables.scan(curated.SALES).filter(pl.col("date") > cutoff - timedelta(days=60))
    newest, loads = (
        rows.select(pl.col("date").max().alias("newest"), pl.col("loaded_at").dt.date().n_unique().alias("loads"))
        .collect(engine="streaming")
        .row(0)
    )
    if newest != cutoff or loads < data_measures.LEAST_NEWS:
        return 0
    return max(0, (today - cutoff).days - 1)


def data_measures_of(tables: TableStore, cutoff: date, weekly: bool = False, late: int = 0) -> list[Measure]:
    """Every measure of the data at a cutoff; of weekly lakes those that don't need days. `late` of `days_late`."""
    found: list[Measure | None] = []
    closed = _closed(tables, cutoff)
    for table in DAILY:
        rows = _rows_by_day(tables, table, cutoff)
        behind = late if table is curated.SALES else 0
        found.append(data_measures.freshness(table.name, rows["date"].unique().to_list(), cutoff, late=behind))
        if not weekly:
            found.append(data_measures.volume(table.name, rows, closed, cutoff))
    for table in PLANNED:
        found.append(data_measures.freshness(table.name, _news(tables, table, cutoff), cutoff, planned=True))
    found += _quarantine(tables)
    found.append(data_measures.zero_stock(_zero_stock(tables, cutoff), cutoff))
    promotions, cuts = _plans(tables, cutoff)
    found.append(data_measures.unmatched("unpriced_promotions", promotions, cutoff))
    found.append(data_measures.unmatched("unflagged_cuts", cuts, cutoff))
    found.append(data_measures.shifted_hours(_hours(tables, cutoff), cutoff))
    return [*(one for one in found if one is not None), *_drift(tables, cutoff)]


def _known(tables: TableStore, table: Table, cutoff: date) -> pl.LazyFrame:
    rows = tables.scan(table).filter(pl.col("known_at") <= end_of(cutoff))
    if table.kind is Kind.FACT:
        return rows.filter(pl.col("superseded_at").is_null() | (pl.col("superseded_at") > end_of(cutoff)))
    return rows


def _rows_by_day(tables: TableStore, table: Table, cutoff: date) -> pl.DataFrame:
    first = cutoff - timedelta(days=data_measures.NEWS_DAYS)
    return (
        _known(tables, table, cutoff)
        .filter(pl.col("date").is_between(first, cutoff))
        .group_by("location_id", "date")
        .agg(pl.len().alias("rows"))
        .collect(engine="streaming")
    )


def _news(tables: TableStore, table: Table, cutoff: date) -> list[date]:
    """Days on which something became known."""
    first = end_of(cutoff - timedelta(days=data_measures.NEWS_DAYS))
    # What is known at midnight is news of the day that ends then.
    day = (pl.col("known_at") - pl.duration(microseconds=1)).dt.date().alias("day")
    rows = _known(tables, table, cutoff).filter(pl.col("known_at") > first).select(day.unique())
    return list(rows.collect(engine="streaming")["day"])


def _closed(tables: TableStore, cutoff: date) -> pl.DataFrame:
    first = cutoff - timedelta(weeks=data_measures.USUAL_WEEKS)
    rows = as_of(tables, curated.OPENINGS, end_of(cutoff), pl.col("date").is_between(first, cutoff))
    return rows.filter(~pl.col("open")).select("location_id", "date").collect()


def _quarantine(tables: TableStore) -> Iterator[Measure | None]:
    """Shares of rows refused: of the newest loads, against all before."""
    refused = (
        tables.scan(curated.QUARANTINE)
        .group_by("table", "load_id")
        .agg(pl.len().alias("rows"), pl.col("loaded_at").max())
        .collect()
    )
    if refused.is_empty():
        return
    for (name,), part in refused.sort("table").group_by("table", maintain_order=True):
        table = next((one for one in (*curated.TABLES, *supply.TABLES) if one.name == name), None)
        if table is None or table is curated.QUARANTINE:
            continue
        kept = tables.scan(table).group_by("load_id").agg(pl.len().alias("kept"), pl.col("loaded_at").max()).collect()
        newest = max(part["loaded_at"].max(), kept["loaded_at"].max() or part["loaded_at"].max())  # type: ignore[type-var]
        lately = pl.col("loaded_at") > newest - timedelta(days=1)  # type: ignore[operator]
        bad, good = int(part.filter(lately)["rows"].sum()), int(kept.filter(lately)["kept"].sum())
        bad_before, good_before = int(part["rows"].sum()) - bad, int(kept["kept"].sum()) - good
        usual = bad_before / (bad_before + good_before) if bad_before + good_before else 0.0
        yield data_measures.quarantine_share(str(name), good, bad, usual)


def _zero_stock(tables: TableStore, cutoff: date) -> dict[date, float]:
    first = cutoff - timedelta(days=56)
    rows = (
        _known(tables, supply.STOCK, cutoff)
        .filter(pl.col("date").is_between(first, cutoff))
        .group_by("date")
        .agg((pl.col("on_hand") <= 0).mean().alias("share"))
        .collect(engine="streaming")
    )
    return dict(rows.select("date", "share").iter_rows())


def _plans(tables: TableStore, cutoff: date) -> tuple[list[tuple[date, bool]], list[tuple[date, bool]]]:
    """Promotions newly planned that no price cut goes with, and price cuts no promotion goes with (day announced, so)."""
    first = end_of(cutoff - timedelta(days=PLANS_DAYS))
    day = (pl.col("known_at") - pl.duration(microseconds=1)).dt.date().alias("day")
    promotions = (
        _known(tables, curated.PROMOTIONS, cutoff)
        .filter((pl.col("known_at") > first - timedelta(days=60)) & (pl.col("discount_share") >= 1 - CUT))
        .select("item_id", "first_date", "last_date", "known_at", day)
        .unique(["item_id", "first_date"], keep="any")
        .collect()
    )
    cuts = (
        _known(tables, curated.PRICES, cutoff)
        .filter((pl.col("known_at") > first - timedelta(days=60)) & (pl.col("price") < CUT * pl.col("regular_price")))
        .group_by("item_id", pl.col("valid_from").alias("date"))
        .agg(pl.col("known_at").min())
        .select("item_id", "date", "known_at", day)
        .collect()
    )
    if promotions.is_empty() or cuts.is_empty():
        return [], []
    # By item: a plan for every location and one for a single one are both met by some location's price list.
    both = promotions.join(cuts, on="item_id", suffix="_cut").filter(
        pl.col("date").is_between(pl.col("first_date") - pl.duration(days=1), pl.col("last_date"))
    )
    unpriced = promotions.join(both, on=["item_id", "first_date"], how="anti")
    unflagged = cuts.join(both, on=["item_id", "date"], how="anti")

    def told(every: pl.DataFrame, lacking: pl.DataFrame) -> list[tuple[date, bool]]:
        key = ["item_id", "first_date" if "first_date" in every.columns else "date"]
        marked = every.join(lacking.select(*key, pl.lit(True).alias("lacks")), on=key, how="left")
        return list(marked.select("day", pl.col("lacks").fill_null(False)).sort("day", "lacks").iter_rows())

    return told(promotions, unpriced), told(cuts, unflagged)


def _hours(tables: TableStore, cutoff: date) -> pl.DataFrame:
    first = cutoff - timedelta(days=28)
    return (
        _known(tables, curated.POS_EVENTS, cutoff)
        .filter(pl.col("business_date").is_between(first, cutoff))
        .group_by(pl.col("business_date").alias("date"), pl.col("occurred_at").dt.hour().cast(pl.Int64).alias("hour"))
        .agg(pl.len().cast(pl.Int64).alias("lines"))
        .collect(engine="streaming")
        .sort("date", "hour")
    )


def _drift(tables: TableStore, cutoff: date) -> list[Measure]:
    spans = spans_of(cutoff)
    demand = _sampled_demand(tables, spans)
    if demand.is_empty():
        return []
    found = feature_drift(demand.select("date", units=pl.col("units").clip(lower_bound=0).log1p()), spans)
    if demand["in_stock_share"].is_not_null().any():
        found += feature_drift(demand.select("date", "in_stock_share"), spans)
    weekly = demand.filter((pl.lit(cutoff) - pl.col("date")).dt.total_days() % SAMPLE_EVERY == 0)
    found += feature_drift(price_and_promotion(tables, weekly, cutoff).drop("item_id", "location_id"), spans)
    return found


def _sampled_demand(tables: TableStore, spans: Spans) -> pl.DataFrame:
    """item_id, location_id, date, units, in_stock_share of an even sample of the series on the days compared."""
    rows = tables.scan(results.DEMAND).filter(spans.all() & BELIEVED & pl.col("open").fill_null(True))
    keys = rows.filter(pl.col("date") > spans.now.last - timedelta(days=7)).select("item_id", "location_id").unique()
    known = keys.collect(engine="streaming").sort("location_id", "item_id")
    if known.height > SAMPLE_SERIES:
        known = known[np.unique(np.linspace(0, known.height - 1, SAMPLE_SERIES).astype(np.int64)).tolist()]
    return (
        rows.select("item_id", "location_id", "date", "units", "in_stock_share")
        .join(known.lazy(), on=["item_id", "location_id"], how="semi")
        .collect(engine="streaming")
        .sort("item_id", "location_id", "date")
    )


def price_and_promotion(tables: TableStore, days: pl.DataFrame, cutoff: date) -> pl.DataFrame:
    """Discount in force (share of the regular price) and whether a promotion was announced, on each series-day of `days`."""
    keys = days.select("item_id", "location_id", "date").sort("date")
    prices = (
        as_of(tables, curated.PRICES, end_of(cutoff))
        .filter(pl.col("regular_price").is_not_null() & (pl.col("valid_from") <= cutoff))
        .select("item_id", "location_id", "valid_from", discount=1.0 - pl.col("price") / pl.col("regular_price"))
        .join(keys.select("item_id", "location_id").unique().lazy(), on=["item_id", "location_id"], how="semi")
        .collect(engine="streaming")
        .sort("valid_from")
    )
    out = keys
    if prices.height:
        out = keys.join_asof(
            prices, left_on="date", right_on="valid_from", by=["item_id", "location_id"], check_sortedness=False
        ).drop("valid_from")
    promotions = as_of(tables, curated.PROMOTIONS, end_of(cutoff)).filter(pl.col("first_date") <= cutoff).collect()
    if promotions.height and keys.height:
        first, last = pl.lit(keys["date"].min()), pl.lit(keys["date"].max())
        running = (
            promotions.filter(pl.col("last_date") >= first)
            .with_columns(
                date=pl.date_ranges(pl.max_horizontal("first_date", first), pl.min_horizontal("last_date", last))
            )
            .explode("date")
            .select("item_id", "location_id", "date", promoted=pl.lit(1.0))
            .unique()
        )
        here = keys.join(running, on=["item_id", "location_id", "date"], how="semi")
        wide = keys.join(running.filter(pl.col("location_id") == "*"), on=["item_id", "date"], how="semi")
        everywhere = keys.join(running.filter(pl.col("item_id") == "*"), on=["location_id", "date"], how="semi")
        hit = pl.concat([here, wide, everywhere]).unique().with_columns(promoted=pl.lit(1.0))
        out = out.join(hit, on=["item_id", "location_id", "date"], how="left").with_columns(
            pl.col("promoted").fill_null(0.0)
        )
    return out
