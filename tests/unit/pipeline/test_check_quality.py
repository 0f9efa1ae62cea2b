"""The step `quality` on a small lake in memory."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from shelfcast.bootstrap import in_memory
from shelfcast.domain.errors import NotReady
from shelfcast.domain.tables import curated, results
from shelfcast.pipeline.check_quality import calendar_of, check_quality, plan_parts, report_key
from shelfcast.ports.platform import Platform

CUTOFF = date(2025, 6, 29)
KNOWN = datetime(2025, 6, 30, tzinfo=UTC)


def shop() -> Platform:
    """30 items at 3 stores for 300 days; item 4 at S1 sold 900 on one day, and one row was refused."""
    rng = np.random.default_rng(3)
    days = [CUTOFF - timedelta(days=n) for n in reversed(range(300))]
    frames = [
        pl.DataFrame({"item_id": f"I{i:02d}", "location_id": f"S{s}", "date": days, "units": rng.poisson(12, 300).astype(float)})
        for s in range(3)
        for i in range(30)
    ]  # fmt: skip
    wild = (
        (pl.col("item_id") == "I04") & (pl.col("location_id") == "S1") & (pl.col("date") == CUTOFF - timedelta(days=9))
    )
    sales = pl.concat(frames).with_columns(
        units=pl.when(wild).then(900.0).otherwise("units"),
        known_at=pl.col("date").cast(pl.Datetime("us", "UTC")) + timedelta(days=1),
    )
    platform = in_memory()
    platform.tables.replace(curated.SALES, curated.SALES.conform(sales), None)
    items = pl.DataFrame({"item_id": [f"I{i:02d}" for i in range(30)], "category": ["a", "b"] * 15})
    platform.tables.replace(curated.ITEMS, curated.ITEMS.conform(items), None)
    prices = pl.DataFrame(
        {"item_id": ["I04"] * 2, "location_id": ["S1", "S2"], "valid_from": date(2024, 1, 1), "price": 2.5, "known_at": KNOWN - timedelta(days=400)}
    )  # fmt: skip
    platform.tables.replace(curated.PRICES, curated.PRICES.conform(prices), None)
    refused = pl.DataFrame(
        {"load_id": ["l"], "table": ["sales"], "source": ["x.csv"], "source_line": [5], "column": ["units"], "rule": ["missing"],
         "reason": ["units is empty."]}
    )  # fmt: skip
    platform.tables.replace(curated.QUARANTINE, curated.QUARANTINE.conform(refused), None)
    return platform


def test_findings_flags_and_the_page_are_written() -> None:
    platform = shop()
    summary = check_quality(platform, CUTOFF, "run-1")
    flags = platform.tables.scan(results.ANOMALIES).collect()
    spike = flags.filter(pl.col("kind") == "spike").row(0, named=True)
    assert (spike["item_id"], spike["location_id"], spike["value"], spike["run_id"]) == ("I04", "S1", 900.0, "run-1")
    assert summary.by_anomaly["spike"] == 1
    assert summary.quarantine == {"sales": {"missing": 1}}
    checks = platform.tables.scan(results.QUALITY_RESULTS).collect()
    failed = dict(checks.filter(pl.col("failed") > 0).select("rule", "severity").iter_rows())
    assert failed["unknown_location"] == "warning" and failed["missing"] == "error" and failed["no_price"] == "warning"
    page = platform.blobs.get(report_key(CUTOFF)).decode()
    assert summary.report == report_key(CUTOFF)
    assert "I04" in page and "2,2" in page  # 888 units too many x 2.5
    assert summary.sentences[0].startswith("Of 27,000 sales rows up to Sunday 29 June 2025")


def test_a_second_run_replaces_its_own_rows_only() -> None:
    platform = shop()
    check_quality(platform, CUTOFF, "run-1")
    once = platform.tables.scan(results.QUALITY_RESULTS).collect()
    check_quality(platform, CUTOFF, "run-1")
    assert platform.tables.scan(results.QUALITY_RESULTS).collect().height == once.height
    check_quality(platform, CUTOFF - timedelta(days=1), "run-2")
    assert set(platform.tables.scan(results.QUALITY_RESULTS).collect()["run_id"]) == {"run-1", "run-2"}


def test_the_size_of_partitions_changes_nothing() -> None:
    whole, parts = shop(), shop()
    check_quality(whole, CUTOFF, "run")
    check_quality(parts, CUTOFF, "run", partition_rows=1_000)
    for table in (results.ANOMALIES, results.QUALITY_RESULTS):
        assert whole.tables.scan(table).collect().equals(parts.tables.scan(table).collect())
    assert whole.blobs.get(report_key(CUTOFF)) == parts.blobs.get(report_key(CUTOFF))


def test_what_became_known_after_the_cutoff_is_not_looked_at() -> None:
    platform = shop()
    summary = check_quality(platform, CUTOFF - timedelta(days=10), "run")
    assert summary.by_anomaly.get("spike", 0) == 0


def test_an_empty_lake_is_not_ready() -> None:
    with pytest.raises(NotReady, match="no sales up to 2025-06-29"):
        check_quality(in_memory(), CUTOFF, "run")


def test_partitions_hold_whole_series_and_every_series_once() -> None:
    series = pl.DataFrame(
        {"location_id": ["A"] * 5 + ["B"] * 2 + ["C"], "item_id": list("abcdeaba"), "rows": [400] * 5 + [300, 300, 100]}
    )
    parts = plan_parts(series, 1_000)
    chosen = [series.filter(part.where()) for part in parts]
    assert sorted(pl.concat(chosen).rows()) == sorted(series.rows())
    assert all(one["rows"].sum() <= 1_200 for one in chosen)


@pytest.mark.parametrize(
    ("days", "frequency", "last"),
    [
        ([date(2025, 6, 27), date(2025, 6, 28)], "D", CUTOFF),
        ([date(2025, 6, 9), date(2025, 6, 16), date(2025, 6, 23)], "W", date(2025, 6, 23)),
        ([date(2025, 5, 26), date(2025, 6, 2), date(2025, 6, 9)], "W", date(2025, 6, 23)),
        ([date(2025, 4, 1), date(2025, 5, 1), date(2025, 6, 1)], "M", CUTOFF),
    ],
)
def test_the_step_of_the_data_is_read_from_its_days(days: list[date], frequency: str, last: date) -> None:
    calendar, found = calendar_of(pl.LazyFrame({"date": days}), CUTOFF)
    assert (found, calendar.cutoff) == (frequency, last)
