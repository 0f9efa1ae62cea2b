"""The monitor step on a lake made by hand: quiet when nothing changed, and telling what changed when it did."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest
from watched_shop import HISTORY, at_noon, day, watched_shop

from shelfcast.bootstrap import in_memory
from shelfcast.domain.measures import Measure
from shelfcast.domain.slices import Slice
from shelfcast.domain.tables import curated, monitoring
from shelfcast.pipeline import monitor_data, queue_jobs, raise_alerts
from shelfcast.pipeline.monitor import findings
from shelfcast.pipeline.steps import Parameters, run_step
from shelfcast.ports.platform import Platform
from shelfcast.quality import hysteresis
from shelfcast.serve import monitor as views

START = 112


def watch(platform: Platform, first: int, last: int) -> dict[date, set[str]]:
    """Run the nights from one day to another; findings by day."""
    found = {}
    for number in range(first, last + 1):
        run_step(platform, "monitor", Parameters(cutoff=day(number)))
        rows = platform.tables.scan(monitoring.MONITOR_MEASURES).filter(pl.col("date") == day(number)).collect()
        found[day(number)] = {one.key for one in findings(rows)}
    return found


@pytest.fixture(scope="module")
def quiet() -> tuple[Platform, dict[date, set[str]]]:
    platform = watched_shop()
    return platform, watch(platform, START, START + 9)


def test_a_shop_without_change_raises_no_alarm(quiet: tuple[Platform, dict[date, set[str]]]) -> None:
    platform, found = quiet
    assert set().union(*found.values()) == set()
    assert raise_alerts.standing(platform) == []


def test_every_measure_has_a_threshold_with_its_reason(quiet: tuple[Platform, dict[date, set[str]]]) -> None:
    rows = quiet[0].tables.scan(monitoring.MONITOR_MEASURES).collect()
    names = set(rows.select(pl.format("{}.{}", "area", "measure")).to_series())
    assert {
        "data.freshness", "data.volume", "data.zero_stock", "data.shifted_days", "data.unpriced_promotions", "data.unflagged_cuts",
        "data.psi", "data.wasserstein", "forecast.wape", "forecast.bias", "forecast.tracking_signal", "forecast.coverage_80",
        "forecast.pinball", "forecast.against_baseline", "decision.fill_rate", "decision.stock_out_days",
    } <= names  # fmt: skip
    assert rows["threshold"].is_not_null().all()
    assert (rows["reason"].str.len_chars() > 10).all()
    assert (rows["says"].str.ends_with(".")).all()


def test_a_forecast_that_knows_the_truth_errs_as_much_as_it_promised(
    quiet: tuple[Platform, dict[date, set[str]]],
) -> None:
    rows = quiet[0].tables.scan(monitoring.MONITOR_MEASURES).collect()
    wape = rows.filter((pl.col("measure") == "wape") & (pl.col("subject") == "all"))["value"]
    assert float(wape.mean()) == pytest.approx(1.0, abs=0.06)


def test_the_same_night_again_is_not_worked_on_again_and_changes_nothing(
    quiet: tuple[Platform, dict[date, set[str]]],
) -> None:
    platform, found = quiet
    before = platform.tables.scan(monitoring.MONITOR_MEASURES).collect()
    assert run_step(platform, "monitor", Parameters(cutoff=max(found))).state == "unchanged"
    assert platform.tables.scan(monitoring.MONITOR_MEASURES).collect().equals(before)


def test_what_is_shown_is_what_was_measured(quiet: tuple[Platform, dict[date, set[str]]]) -> None:
    platform, found = quiet
    shown = views.newest(platform)
    assert shown.cutoff == max(found)
    assert shown.open == 0
    assert {one.area for one in shown.measures} == {"data", "forecast", "decision", "system"}
    points = views.history(platform, "forecast", "bias").points
    assert [one.date for one in points] == sorted(found)
    assert {one.area for one in views.newest(platform, area="forecast").measures} == {"forecast"}


def test_a_level_shift_of_a_category_is_found_named_and_asks_for_a_model() -> None:
    platform = watched_shop(factors={("fresh", START): 0.6})
    found = watch(platform, START - 1, START + 8)
    assert not found[day(START - 1)]
    assert any("forecast.bias" in key for key in found[day(START + 8)])
    bias = next(one for one in views.newest(platform).measures if one.measure == "bias" and one.state == "open")
    assert "above demand" in bias.says
    whole = next(one for one in views.newest(platform).measures if one.measure == "bias" and one.subject == "all")
    if whole.state == "open":
        assert "category fresh" in whole.moved_with
    assert [job.kind for job in queue_jobs.open_jobs(platform)] == ["retrain"]
    assert any(alert.finding.cause == "forecast.bias" for alert in raise_alerts.standing(platform))


def test_a_stock_feed_that_says_zero_is_found_on_its_first_night() -> None:
    found = watch(watched_shop(stock_zero_from=START + 1), START, START + 1)
    assert not found[day(START)]
    assert found[day(START + 1)] == {"data.zero_stock:stock"}


def test_plans_that_stopped_coming_are_found() -> None:
    found = watch(watched_shop(plans_until=START - 6), START - 4, START + 2)
    assert not found[day(START - 4)]
    assert {"data.freshness:prices", "data.freshness:promotions"} <= found[day(START + 2)]


def test_sales_that_stopped_coming_are_late_by_the_calendar_though_the_cutoff_stands_still() -> None:
    platform = watched_shop()
    next_day = (pl.col("date") + pl.duration(days=1)).cast(pl.Datetime("us", "UTC"))
    loaded = platform.tables.scan(curated.SALES).collect().with_columns(loaded_at=next_day)
    platform.tables.replace(curated.SALES, loaded, Slice())
    last = day(HISTORY - 1)
    assert monitor_data.days_late(platform.tables, last, last + timedelta(days=1)) == 0
    assert monitor_data.days_late(platform.tables, last, last + timedelta(days=3)) == 2
    assert monitor_data.days_late(platform.tables, last - timedelta(days=9), last + timedelta(days=3)) == 0
    platform.clock.moment = at_noon(last + timedelta(days=3))  # type: ignore[attr-defined]
    run_step(platform, "monitor", Parameters(cutoff=last))
    assert {alert.finding.key for alert in raise_alerts.standing(platform)} >= {"data.freshness:sales"}


def test_a_finding_that_can_not_be_measured_tonight_stands_and_can_be_kept() -> None:
    """Nothing of a small category was sold for a week while its finding stood."""
    measure = Measure("forecast", "bias", "category=Toys", float("nan"), 0.0, -0.15, "...", "Nothing was sold.", False)
    past = monitoring.MONITOR_MEASURES.conform(
        pl.DataFrame(
            {
                "date": [date(2026, 3, 1)], "area": ["forecast"], "measure": ["bias"], "subject": ["category=Toys"], "beyond": [True],
                "calm": [False], "state": ["open"], "opened_on": [date(2026, 3, 1)],
            }
        )
    )  # fmt: skip
    rows = hysteresis.rows_of(monitoring.MONITOR_MEASURES, [measure], past, date(2026, 3, 2), "run")
    (found,) = findings(rows)
    assert found.measure is None and found.says == "Nothing was sold."
    platform = in_memory()
    raise_alerts.report(platform, [found], causes=["forecast"])
    assert [one.finding for one in raise_alerts.standing(platform)] == [found]
