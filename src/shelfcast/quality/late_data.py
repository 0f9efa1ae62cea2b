"""Rows that became known long after their day."""

from __future__ import annotations

import polars as pl

from shelfcast.quality.anomaly_context import KEY, Calendar
from shelfcast.quality.rule_book import RULES

LEAST_DAYS_LATE = 3.0
"""Days beyond the usual delay from which a row is late."""


def late_data(sales: pl.DataFrame, calendar: Calendar, recent: int) -> pl.DataFrame:
    """One flag per series with late rows in the recent window, at the first of them.

    Late means at least `LEAST_DAYS_LATE` days, and five robust deviations, more than the delay these rows usually
    have. Days on which most rows of a location are late are the location's matter (rule `late_location_days`), not
    each series'.
    """
    first = calendar.length - recent
    ended = pl.col("date").cast(pl.Datetime("us", "UTC")) + pl.duration(days=calendar.step)
    rows = (
        sales.filter(pl.col("known_at").is_not_null())
        .with_columns(calendar.period("date").alias("t"))
        .filter(pl.col("t").is_between(first, calendar.length - 1))
        .select(*KEY, "date", ((pl.col("known_at") - ended).dt.total_seconds() / 86_400).alias("delay"))
    )
    if rows.is_empty():
        return _nothing()
    middle = rows["delay"].median()
    spread = (rows["delay"] - middle).abs().median()
    limit = float(middle) + max(LEAST_DAYS_LATE, 5 * 1.4826 * float(spread))  # type: ignore[arg-type]
    rows = rows.with_columns((pl.col("delay") > limit).alias("late"))
    if not rows["late"].any():
        return _nothing()
    alone = pl.col("late").mean().over("location_id", "date") <= 0.5
    late = rows.filter(pl.col("late") & (alone | (pl.len().over("location_id", "date") < 5))).sort(*KEY, "date")
    by_series = late.group_by(KEY, maintain_order=True).agg(
        pl.col("date").first(), pl.len().alias("rows"), pl.col("delay").max().alias("value")
    )
    days = pl.col("value").round(0).cast(pl.Int64)
    return by_series.select(
        pl.lit("late_data").alias("kind"),
        *KEY,
        "date",
        pl.col("value").round(2),
        pl.lit(float(middle)).round(2).alias("expected"),  # type: ignore[arg-type]
        ((pl.col("value") - middle) / max(1.4826 * float(spread), LEAST_DAYS_LATE / 5)).round(2).alias("score"),  # type: ignore[arg-type]
        pl.format(
            "{} row(s) from {} on became known up to {} days late. " + RULES["late_data"].cure,
            "rows", pl.col("date").dt.to_string("%a %d %b %Y"), days,
        ).alias("reason"),
    )  # fmt: skip


def _nothing() -> pl.DataFrame:
    return pl.DataFrame(
        schema={
            "kind": pl.String, "item_id": pl.String, "location_id": pl.String, "date": pl.Date, "value": pl.Float64,
            "expected": pl.Float64, "score": pl.Float64, "reason": pl.String,
        }
    )  # fmt: skip
