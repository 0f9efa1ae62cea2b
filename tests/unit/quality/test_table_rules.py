"""Rules of whole tables: references, freshness, completeness."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from shelfcast.domain.tables import table
from shelfcast.domain.tables.results import QUALITY_RESULTS
from shelfcast.quality.anomaly_context import Calendar, day_totals
from shelfcast.quality.completeness import check_completeness
from shelfcast.quality.findings import Finding, as_rows, quarantine_findings
from shelfcast.quality.freshness import check_freshness, check_locations_alive
from shelfcast.quality.references import check_prices_exist, check_references, check_whole_units, described
from shelfcast.quality.rule_book import RULES

CUTOFF = date(2025, 6, 29)
CALENDAR = Calendar(CUTOFF, "D", 728)
ITEMS = pl.DataFrame({"item_id": [f"I{n:02d}" for n in range(10)], "category": "c", "department": "d"})


def sales(days: int = 120, locations: int = 3) -> pl.DataFrame:
    """Ten items at each location, 5 units each day, known the next morning."""
    return (
        pl.DataFrame({"location_id": [f"S{n}" for n in range(locations)]})
        .join(ITEMS.select("item_id"), how="cross")
        .join(pl.DataFrame({"date": [CUTOFF - timedelta(days=n) for n in reversed(range(days))]}), how="cross")
        .with_columns(units=pl.lit(5.0))
        .with_columns(known_at=pl.col("date").cast(pl.Datetime("us", "UTC")) + timedelta(days=1, hours=6))
    )


def without(frame: pl.DataFrame, days_ago: int, location: str | None = None, keep: float = 0.0) -> pl.DataFrame:
    gone = pl.col("date") == CUTOFF - timedelta(days=days_ago)
    if location:
        gone = gone & (pl.col("location_id") == location)
    return frame.filter(~gone | (pl.col("item_id") < f"I{int(keep * 10):02d}"))


def completeness(frame: pl.DataFrame, openings: pl.DataFrame | None = None) -> dict[str, Finding]:
    found = check_completeness(day_totals(frame.lazy(), ITEMS, CALENDAR), CALENDAR, 56, openings)
    return {one.rule: one for one in found}


def test_a_complete_table_passes_every_check() -> None:
    found = completeness(sales())
    assert set(found) == {
        "missing_days", "thin_days", "swollen_days", "missing_location_days", "late_location_days", "volume_change",
    }  # fmt: skip
    assert all(one.failed == 0 and one.weight == "info" for one in found.values())


def test_a_missing_day_is_named() -> None:
    one = completeness(without(sales(), 10))["missing_days"]
    assert (one.failed, one.weight) == (1, "warning")
    assert "Thu 19 Jun 2025" in one.message and RULES["missing_days"].cure in one.message


def test_a_day_missing_long_ago_is_for_information() -> None:
    one = completeness(without(sales(), 90))["missing_days"]
    assert (one.failed, one.weight) == (1, "info")


def test_a_thin_day_and_a_missing_location_are_told_apart() -> None:
    thin = completeness(without(sales(), 10, keep=0.3))
    assert (thin["thin_days"].failed, thin["missing_days"].failed) == (1, 0)
    away = completeness(without(sales(), 10, location="S1"))
    assert (away["missing_location_days"].failed, away["missing_days"].failed, away["thin_days"].failed) == (1, 0, 0)
    assert "S1 on Thu 19 Jun 2025" in away["missing_location_days"].message


def test_closed_days_are_not_missing() -> None:
    shut = pl.DataFrame({"location_id": ["S1"], "date": [CUTOFF - timedelta(days=10)], "open": [False]})
    assert completeness(without(sales(), 10, location="S1"), shut)["missing_location_days"].failed == 0


def test_a_holiday_of_half_of_the_chain_makes_no_thin_day() -> None:
    both = without(without(sales(), 10, location="S1"), 10, location="S2")
    days = [CUTOFF - timedelta(days=10)] * 2
    shut = pl.DataFrame({"location_id": ["S1", "S2"], "date": days, "open": [False] * 2})
    assert completeness(both)["thin_days"].failed == 1
    found = completeness(both, shut)
    assert (found["thin_days"].failed, found["missing_location_days"].failed) == (0, 0)
    half = without(both, 10, location="S0", keep=0.3)
    assert completeness(half, shut)["thin_days"].failed == 1, "of the one that was open, most is missing"


def test_sundays_without_trade_are_usual() -> None:
    assert completeness(sales().filter(pl.col("date").dt.weekday() != 7))["missing_days"].failed == 0


def test_a_doubled_day_is_swollen() -> None:
    day = pl.col("date") == CUTOFF - timedelta(days=10)
    more = sales().filter(day).with_columns(item_id=pl.col("item_id") + "x")
    third = sales().filter(day).with_columns(item_id=pl.col("item_id") + "y")
    assert completeness(pl.concat([sales(), more, third]))["swollen_days"].failed == 1


def test_units_that_halve_are_a_volume_change() -> None:
    lately = pl.col("date") > CUTOFF - timedelta(days=28)
    halved = sales(200).with_columns(units=pl.when(lately).then(2.0).otherwise("units"))
    one = completeness(halved)["volume_change"]
    assert one.failed == 1 and "60% below" in one.message


def test_a_location_whose_rows_came_late_is_named() -> None:
    late = (pl.col("location_id") == "S2") & (pl.col("date") == CUTOFF - timedelta(days=10))
    frame = sales().with_columns(known_at=pl.when(late).then(datetime(2025, 6, 29, tzinfo=UTC)).otherwise("known_at"))
    one = completeness(frame)["late_location_days"]
    assert one.failed == 1 and "S2 on Thu 19 Jun (9 days)" in one.message


def test_too_little_history_says_nothing() -> None:
    assert completeness(sales(days=10)) == {}


def test_a_table_that_stops_before_the_cutoff_is_stale() -> None:
    frame = sales().filter(pl.col("date") <= CUTOFF - timedelta(days=4))
    one, *rest = check_freshness(frame.lazy(), table("sales"), CALENDAR)
    assert (one.rule, one.failed, rest) == ("stale", 1, [])
    assert "4 days before the cutoff" in one.message


def test_rows_after_the_cutoff_are_counted() -> None:
    calendar = Calendar(CUTOFF - timedelta(days=2), "D", 728)
    stale, after = check_freshness(sales().lazy(), table("sales"), calendar)
    assert (stale.failed, after.rule, after.failed) == (0, "after_cutoff", 60)


def test_a_location_that_stopped_sending_is_named() -> None:
    frame = sales().filter((pl.col("location_id") != "S1") | (pl.col("date") <= CUTOFF - timedelta(days=5)))
    one = check_locations_alive(day_totals(frame.lazy(), ITEMS, CALENDAR), CALENDAR)[0]
    assert one.failed == 1 and "S1 (last 24 Jun)" in one.message


def test_unknown_items_and_locations_are_flagged_by_name() -> None:
    known = {"items": ITEMS["item_id"].head(9), "locations": pl.Series(["S0", "S1", "S2"])}
    item, location = check_references(sales().lazy(), table("sales"), known)
    assert (item.rule, item.failed, item.weight) == ("unknown_item", 360, "warning")
    assert "I09" in item.message
    assert (location.rule, location.failed, location.weight) == ("unknown_location", 0, "info")


def test_an_item_made_from_facts_is_not_described() -> None:
    declared = table("items")
    items = declared.conform(pl.DataFrame({"item_id": ["a", "b"], "name": ["Apple", None]}))
    assert described(items, declared).to_list() == ["a"]


@pytest.mark.parametrize(("step", "failed"), [(1.0, 120), (0.001, 0)])
def test_fractions_matter_only_for_items_sold_in_whole_units(step: float, failed: int) -> None:
    frame = sales(locations=1).with_columns(units=pl.when(pl.col("item_id") == "I03").then(1.25).otherwise("units"))
    items = ITEMS.with_columns(unit_step=pl.lit(step))
    assert check_whole_units(frame.lazy(), items)[0].failed == failed


def test_series_without_a_price_are_counted() -> None:
    series = pl.DataFrame({"item_id": ["a", "b", "c"], "location_id": ["S", "S", "S"]})
    priced = pl.DataFrame({"item_id": ["a", "b"], "location_id": ["S", "*"]})
    one = check_prices_exist(series, priced)[0]
    assert one.failed == 1 and "c at S" in one.message


def test_findings_are_rows_of_their_table() -> None:
    rows = as_rows([Finding("sales", "stale", "date", 10, 1, "Late."), Finding("sales", "after_cutoff", "date", 10, 0, "Fine.")], "run")  # fmt: skip
    assert rows.schema == QUALITY_RESULTS.polars_schema
    assert rows["severity"].to_list() == ["info", "warning"]


def test_quarantine_is_told_by_table_rule_and_column_with_an_example() -> None:
    refused = table("quarantine").conform(
        pl.DataFrame(
            {
                "load_id": "l", "table": "sales", "source": "a.csv", "source_line": [7, 3], "column": "units",
                "rule": "missing", "reason": "units is empty.",
            }
        )
    )  # fmt: skip
    one = quarantine_findings(refused, {"sales": 98})[0]
    assert (one.rows, one.failed, one.weight) == (100, 2, "error")
    assert "2 rows for sales in quarantine; the first is line 3 of a.csv" in one.message
