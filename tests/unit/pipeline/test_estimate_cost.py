"""What a month costs, and what runs cost."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelfcast.adapters.memory import MemoryRecords
from shelfcast.domain.errors import BadParameter
from shelfcast.pipeline import estimate_cost
from shelfcast.pipeline.estimate_cost import Usage
from shelfcast.pipeline.run_named_step import NAMES

USAGES = st.builds(
    Usage,
    series=st.integers(1, 2_000_000),
    history_days=st.integers(1, 3000),
    horizon=st.integers(1, 365),
    users=st.integers(0, 20_000),
    scenarios=st.integers(0, 1000),
    events=st.integers(0, 10**9),
    train_every_days=st.integers(1, 60),
    network=st.booleans(),
)


@given(USAGES)
def test_the_bill_is_the_sum_of_its_lines_and_no_line_is_below_zero(usage: Usage) -> None:
    lines = estimate_cost.estimate(usage)
    found = estimate_cost.summary(lines, usage)
    assert all(one.dollars >= 0 for one in lines)
    assert found["month"] == pytest.approx(sum(one.dollars for one in lines))
    assert found["idle"] <= found["month"]
    assert found["each_thousand_series"] * usage.series / 1000 == pytest.approx(found["month"])


@given(USAGES, st.integers(2, 5))
def test_more_series_never_cost_less(usage: Usage, times: int) -> None:
    more = Usage(**{**usage.__dict__, "series": usage.series * times})
    # Leaving Lambda for Fargate changes the price of a second, so only bills of one place are compared.
    if any("Fargate" in one.what for one in estimate_cost.estimate(more)):
        return
    assert estimate_cost.total(estimate_cost.estimate(more)) >= estimate_cost.total(estimate_cost.estimate(usage))


def test_nothing_that_costs_by_the_hour_is_in_the_bill_unless_asked_for() -> None:
    names = {one.what for one in estimate_cost.estimate(Usage(series=2000)) if one.idle}
    assert names == {"tables and files (S3)", "encryption key", "alarms", "container images", "hourly look for work"}
    wanted = {one.what for one in estimate_cost.estimate(Usage(series=2000, events=1, network=True)) if one.idle}
    assert wanted - names == {"event stream", "private endpoints"}


def test_every_step_of_a_cycle_has_its_time() -> None:
    assert set(estimate_cost.prices()["work"]) >= set(NAMES)


def test_a_measured_cycle_is_estimated_within_a_factor_of_two() -> None:
    """The M5-size shop: 131 s of history, 196 s of training, 210 s of forecasting on two cores (benchmarks/README.md)."""
    usage = Usage(series=30_490, history_days=1774)
    for step, measured in (("features", 131), ("train", 196), ("forecast", 210)):
        assert 1 <= estimate_cost.step_seconds(step, usage, 2) / measured < 2


def test_every_price_has_a_page_and_the_table_a_date() -> None:
    known = estimate_cost.prices()
    assert date.fromisoformat(known["date"])
    services = {name.split("_")[0] for name in known["prices"]}
    named = {name.split("_")[0] for name in known["sources"]} | {"processing", "logs", "metric", "alarm", "endpoint"}
    assert services <= named


@pytest.mark.parametrize(("field", "value"), [("series", 0), ("horizon", 0), ("users", -1), ("events", -5)])
def test_sizes_that_can_not_be_are_refused(field: str, value: int) -> None:
    with pytest.raises(BadParameter, match=field):
        estimate_cost.estimate(Usage(**{"series": 100, field: value}))


def records() -> MemoryRecords:
    found = MemoryRecords()
    for number, (step, seconds, day) in enumerate(
        [("train", 100.0, "2026-11-20"), ("train", 50.0, "2026-11-22"), ("quality", 10.0, "2026-11-22")]
    ):
        body = {"step": step, "seconds": seconds, "peak_mb": 1000.0 + number, "started_at": f"{day}T03:00:00+00:00"}
        found.put("runs", f"{step}-{number}", body)
    found.put("runs", "broken", {"step": "train", "state": "failed", "started_at": "2026-11-22T03:00:00+00:00"})
    return found


def test_runs_are_priced_by_step_the_dearest_first() -> None:
    train, quality = estimate_cost.report(records())
    assert (train.step, train.runs, train.seconds, train.peak_mb) == ("train", 2, 150.0, 1001.0)
    assert quality.step == "quality"
    # 150 s x 3008/1024 GB x 0.0000166667 + 150 s x 9.5 GB of disk x 0.0000000309
    assert train.dollars == pytest.approx(150 * 3008 / 1024 * 0.0000166667 + 150 * 9.5 * 0.0000000309)


def test_runs_can_be_narrowed_to_days() -> None:
    found = estimate_cost.report(records(), since=date(2026, 11, 21), until=date(2026, 11, 22))
    assert {one.step: one.runs for one in found} == {"train": 1, "quality": 1}
    assert estimate_cost.report(records(), since=date(2027, 1, 1)) == []


def test_a_minute_is_the_least_fargate_charges() -> None:
    assert estimate_cost.run_dollars(1, "fargate", 0) == estimate_cost.run_dollars(60, "fargate", 0)


def test_a_place_there_is_not_is_refused() -> None:
    with pytest.raises(BadParameter, match="place 'moon' is unknown; known: fargate, lambda, processing"):
        estimate_cost.report(records(), place="moon")  # type: ignore[arg-type]
    with pytest.raises(BadParameter, match="128 to 10240"):
        estimate_cost.report(records(), memory=64)
