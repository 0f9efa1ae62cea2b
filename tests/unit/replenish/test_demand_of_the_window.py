"""From quantiles of days to the demand of a window."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from replenish_shop import CUTOFF, day, forecast, line, propose, rule, source, stock
from scipy import stats

from shelfcast.domain.errors import BadInput
from shelfcast.replenish.daily_demand import DailyDemand, quantile_columns, read_daily_demand, trapezoid_weights
from shelfcast.replenish.keys import Keys
from shelfcast.replenish.window_demand import window_moments

LEVELS = (0.025, 0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 0.975)


def days(values: np.ndarray, item: str = "a") -> pl.DataFrame:
    """Forecast rows from quantile values of shape (days, levels)."""
    frame = pl.DataFrame({f"q{round(level * 1000):03d}": values[:, place] for place, level in enumerate(LEVELS)})
    dates = [day(number + 1) for number in range(len(values))]
    return frame.with_columns(
        pl.lit(item).alias("item_id"), pl.lit("S1").alias("location_id"), pl.Series("date", dates)
    )


def read(frame: pl.DataFrame, count: int = 10) -> DailyDemand:
    keys = Keys.of(pl.DataFrame({"item_id": ["a", "b"], "location_id": ["S1", "S1"]}))
    return read_daily_demand(frame, keys, CUTOFF, count).demand


def test_mean_and_variance_of_a_day_come_from_its_quantiles() -> None:
    quantiles = stats.norm.ppf(np.array(LEVELS), 100.0, 10.0)[None, :]
    demand = read(days(quantiles))
    weights = trapezoid_weights(np.array(LEVELS))
    assert demand.mean[0, 0] == pytest.approx(float(quantiles[0] @ weights)) == pytest.approx(100.0, abs=0.01)
    assert demand.variance[0, 0] == pytest.approx(100.0, rel=0.15)  # the grid cuts the tails off


def test_the_quantile_of_a_sum_is_not_the_sum_of_quantiles() -> None:
    """Adding daily 95 % quantiles overstates the level; independent days need far less (specification 0.1)."""
    one = line(
        propose(
            forecasts=forecast(5.0), sourcing=[source(lead_time_days=7.0)],
            rules=[rule("target_cycle_service", 0.9), rule("day_correlation", 0)],
        )
    )  # fmt: skip
    summed = 7 * 5.0 * 1.7
    assert one["window_mean"] == pytest.approx(35.0)
    assert one["order_up_to"] < 0.85 * summed


def test_correlated_days_spread_the_window() -> None:
    demand = DailyDemand(np.full((1, 7), 4.0), np.full((1, 7), 9.0), np.array([7]))
    mean, apart = window_moments(demand, np.array([0]), np.array([4]), np.array([0.0]))
    _, together = window_moments(demand, np.array([0]), np.array([4]), np.array([1.0]))
    _, half = window_moments(demand, np.array([0]), np.array([4]), np.array([0.5]))
    assert (mean[0], apart[0], together[0], half[0]) == (16.0, 36.0, 144.0, 90.0)


def test_days_beyond_the_forecast_repeat_its_last_week() -> None:
    demand = DailyDemand(np.arange(1.0, 15.0)[None, :], np.ones((1, 14)), np.array([14]))
    mean, _ = window_moments(demand, np.array([0]), np.array([16]), np.array([0.0]))
    assert mean[0] == np.arange(1, 15).sum() + 8 + 9


def test_a_gap_inside_a_forecast_takes_the_same_weekday_before() -> None:
    values = np.tile(np.arange(10.0, 20.0)[:, None], (1, len(LEVELS)))
    demand = read(days(values).filter(pl.col("date") != day(9)))
    assert demand.days_given[0] == 9
    assert demand.mean[0, 8] == demand.mean[0, 1] == 11.0


def test_a_lead_time_that_varies_widens_the_window() -> None:
    plain, varying = (line(propose(sourcing=[source(lead_time_days=5.0, lead_time_sd_days=sd)])) for sd in (0.0, 2.0))
    assert varying["window_variance"] - plain["window_variance"] == pytest.approx(4.0**2 * 2.0**2)


def test_observed_lead_times_mix_their_windows() -> None:
    received = [(2, 5), (6, 5)]  # (days, deliveries)
    deliveries = [
        {
            "order_id": f"{lead}-{number}", "source_id": "SUP", "destination_id": "S1", "item_id": "a", "ordered_on": day(-30),
            "received_on": day(-30 + lead), "units": 5.0,
        }
        for lead, count in received for number in range(count)
    ]  # fmt: skip
    terms = {"sourcing": [source(lead_time_days=4.0)], "rules": [rule("target_cycle_service", 0.95)]}
    mixed = line(propose(deliveries=deliveries, **terms))
    few = line(propose(deliveries=deliveries[:9], **terms))
    assert few["window_mean"] == pytest.approx(16.0)  # too few: the terms hold
    assert mixed["window_mean"] == pytest.approx(0.5 * 8 + 0.5 * 24)
    assert mixed["window_variance"] > few["window_variance"] + 60.0  # (24 - 8)^2 / 4 = 64
    assert mixed["order_up_to"] > few["order_up_to"]


def test_a_forecast_of_the_window_itself_is_preferred() -> None:
    window = {"cutoff": CUTOFF, "scenario": "base", "stage": "final", "item_id": "a", "location_id": "S1", "mean": 9.0}
    window |= {"window_from": day(1), "window_to": day(2), "q100": 4.0, "q500": 8.0, "q900": 15.0, "q950": 20.0}
    rules = [rule("target_cycle_service", 0.9)]
    one = line(propose(window_demand=[window], rules=rules))
    assert (one["window_mean"], one["order_up_to"], one["clamped"]) == (9.0, 15.0, False)
    above = line(propose(window_demand=[window], rules=[rule("target_cycle_service", 0.99)]))
    assert (above["order_up_to"], above["clamped"]) == (20.0, True)
    assert "clamped" in above["data_flags"]
    other = line(propose(window_demand=[{**window, "window_to": day(5)}], rules=rules))
    assert other["window_mean"] == pytest.approx(8.0)  # another window: the days are added


def test_sample_paths_are_summed_over_the_window() -> None:
    paths = pl.DataFrame(
        [
            {"item_id": "a", "location_id": "S1", "path": path, "date": day(d), "qty": float((path * d) % 5)}
            for path in range(20) for d in range(1, 5)
        ]
    )  # fmt: skip
    one = line(propose(paths=paths, rules=[rule("target_cycle_service", 0.9)]))
    sums = sorted(sum((path * d) % 5 for d in (1, 2)) for path in range(20))
    assert one["window_mean"] == pytest.approx(np.mean(sums))
    assert one["order_up_to"] == sums[17]


def paths(count: int, length: int = 20) -> pl.DataFrame:
    """The same demand of 1 a day on every path."""
    rows = [
        {"item_id": "a", "location_id": "S1", "path": path, "date": day(d), "qty": 1.0}
        for path in range(count) for d in range(1, length + 1)
    ]  # fmt: skip
    return pl.DataFrame(rows)


def test_each_path_has_its_own_window_where_the_lead_time_was_observed() -> None:
    deliveries = [
        {
            "order_id": f"{lead}-{number}", "source_id": "SUP", "destination_id": "S1", "item_id": "a", "ordered_on": day(-30),
            "received_on": day(-30 + lead), "units": 5.0,
        }
        for lead, count in ((2, 9), (6, 1)) for number in range(count)
    ]  # fmt: skip
    terms = {"paths": paths(100), "rules": [rule("target_cycle_service", 0.95)]}
    sure, observed = line(propose(**terms)), line(propose(deliveries=deliveries, **terms))
    assert (sure["window_mean"], sure["order_up_to"]) == (2.0, 2.0)
    assert observed["window_mean"] == pytest.approx(0.9 * 2 + 0.1 * 6, abs=0.1)
    assert observed["order_up_to"] == 6.0


def test_paths_see_the_stated_deviation_of_the_lead_time() -> None:
    terms = {"paths": paths(200), "rules": [rule("target_cycle_service", 0.9)]}
    one = line(propose(sourcing=[source(lead_time_days=6.0, lead_time_sd_days=2.0)], **terms))
    assert one["window_mean"] == pytest.approx(6.0, abs=0.1)
    assert one["window_variance"] == pytest.approx(4.0, rel=0.1)
    assert one["order_up_to"] == pytest.approx(6.0 + 1.28 * 2.0, abs=0.5)


def test_a_new_item_borrows_its_reference_and_its_spread_is_widened() -> None:
    items = [{"item_id": "new", "reference_item": "a", "reference_scale": 0.5}, {"item_id": "a"}]
    listing = [{"item_id": "new", "location_id": "S1", "status": "new"}]
    proposal = propose(stock=[stock(), stock(item="new")], items=items, item_locations=listing)
    old, new = line(proposal), line(proposal, "new")
    assert new["window_mean"] == pytest.approx(old["window_mean"] / 2)
    assert new["window_variance"] == pytest.approx(old["window_variance"] / 4 + (0.6 * new["window_mean"]) ** 2)
    assert "new_item" in new["reasons"]


def test_slightly_falling_quantiles_are_put_in_order_and_others_go_to_quarantine() -> None:
    good = np.tile(np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]), (20, 1))
    slight, broken = good.copy(), good.copy()
    slight[0, 5] = 4.98
    broken[0, 5] = 2.0
    assert propose(forecasts=days(slight)).quarantine.height == 0
    proposal = propose(forecasts=days(broken))
    assert proposal.quarantine["rule"].to_list() == ["quantiles fall"]
    one = line(proposal)
    assert (one["qty"], one["binding_rule"]) == (0.0, "quarantined_input")


def test_negative_and_undefined_forecasts_go_to_quarantine() -> None:
    values = np.tile(np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]), (40, 1))
    values[0] = np.nan
    values[1] = -5.0
    assert sorted(propose(forecasts=days(values)).quarantine["rule"]) == ["negative demand", "not a number"]


def test_too_few_levels_are_refused() -> None:
    with pytest.raises(BadInput, match="at least 3"):
        quantile_columns(["item_id", "q500", "q900"])
    with pytest.raises(BadInput, match="q900 or higher"):
        quantile_columns(["q100", "q500", "q800"])


def test_a_weekly_forecast_is_spread_over_its_days() -> None:
    from shelfcast.replenish.inputs import EngineSettings

    weekly = forecast(70.0, days=1).with_columns(pl.lit(day(1)).alias("date"))
    weekly = pl.concat([weekly, weekly.with_columns(pl.lit(day(8)).alias("date"))])
    one = line(
        propose(forecasts=weekly, sourcing=[source(lead_time_days=10.0)], settings=EngineSettings(period_days=7))
    )
    assert one["window_mean"] == pytest.approx(100.0)


def test_a_window_forecast_keeps_its_say_when_the_lead_time_varies() -> None:
    window = {"cutoff": CUTOFF, "scenario": "base", "stage": "final", "item_id": "a", "location_id": "S1", "mean": 12.0}
    window |= {"window_from": day(1), "window_to": day(2), "variance": 30.0, "q100": 4.0, "q500": 11.0, "q900": 20.0}
    one = line(propose(window_demand=[window], sourcing=[source(lead_time_days=2.0, lead_time_sd_days=1.0)]))
    assert one["window_mean"] == pytest.approx(12.0)
    assert one["window_variance"] == pytest.approx(30.0 + 6.0**2 * 1.0**2)


def test_an_absurd_far_tail_does_not_empty_the_shelf() -> None:
    """One quantile of 100,000 would put nearly all chance on no demand at all; it is cut and told."""
    frame = forecast(4.0).with_columns(pl.when(pl.col("date") == day(1)).then(1e5).otherwise(12.0).alias("q990"))
    proposal = propose(forecasts=frame, rules=[rule("target_cycle_service", 0.9)])
    one = line(proposal)
    assert one["window_variance"] < 60.0
    assert 12.0 < one["order_up_to"] < 25.0
    assert (one["qty"] > 0.0, one["status"]) == (True, "review")
    assert "absurd_tail" in one["data_flags"]
    assert "absurd_tail" in proposal.exceptions["code"].to_list()


def test_two_forecast_rows_for_one_day_go_to_quarantine_whatever_their_order() -> None:
    rows = pl.concat([forecast(4.0), forecast(6.0).head(1)])
    first, second = propose(forecasts=rows), propose(forecasts=rows.reverse())
    assert first.quarantine["rule"].to_list() == second.quarantine["rule"].to_list() == ["doubled key"]
    assert first.order_lines.equals(second.order_lines)


def test_a_spread_beyond_belief_is_capped() -> None:
    window = {"cutoff": CUTOFF, "scenario": "base", "stage": "final", "item_id": "a", "location_id": "S1", "mean": 8.0}
    window |= {"window_from": day(1), "window_to": day(2), "variance": 1e6, "q100": 0.0, "q500": 1.0, "q900": 100.0}
    one = line(propose(window_demand=[window], rules=[rule("target_cycle_service", 0.9)]))
    assert one["window_variance"] < 100.0  # a forecast of the window that contradicts itself gives way to its days
