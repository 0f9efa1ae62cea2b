"""A finding opens after some days and closes lower, so that neither one odd day nor a wavering value makes noise."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from shelfcast.domain.measures import CAUSES, KINDS, Measure
from shelfcast.domain.tables.monitoring import MONITOR_MEASURES
from shelfcast.quality.hysteresis import rows_of

START = date(2026, 3, 1)
KIND = KINDS["forecast.bias"]


def bias(value: float) -> Measure:
    return Measure("forecast", "bias", "all", value, 0.0, 0.10, "because", "it was so")


def states(values: list[float]) -> list[str]:
    """States of days in a row, each decided by the rows of the days before."""
    past = MONITOR_MEASURES.empty()
    for number, value in enumerate(values):
        today = START + timedelta(days=number)
        past = pl.concat([past, rows_of(MONITOR_MEASURES, [bias(value)], past, today, "run")])
    return past.sort("date")["state"].to_list()


def test_one_day_beyond_is_watched_and_tells_nobody() -> None:
    assert states([0.0, 0.3, 0.0, 0.0]) == ["ok", "watch", "ok", "ok"]


def test_it_opens_once_enough_of_the_last_days_are_beyond() -> None:
    assert states([0.2, 0.0, 0.2, 0.2]) == ["watch", "ok", "watch", "open"]


def test_a_value_that_wavers_around_the_threshold_stays_one_finding() -> None:
    found = states([0.2, 0.2, 0.2, 0.09, 0.11, 0.09, 0.11, 0.09, 0.09, 0.09, 0.09, 0.09])
    assert found[2:] == ["open"] * 10


def test_it_closes_after_as_many_calm_days() -> None:
    found = states([0.2, 0.2, 0.2, 0.01, 0.01, 0.01, 0.01, 0.01, 0.01])
    assert found[2:] == ["open"] * 5 + ["ok"] * 2


@given(st.lists(st.floats(-0.3, 0.3), min_size=1, max_size=25))
@settings(max_examples=60, deadline=None)
def test_a_finding_needs_so_many_days_beyond_to_open_and_calm_ones_to_close(values: list[float]) -> None:
    found = states(values)
    for number, state in enumerate(found):
        before = found[number - 1] if number else "ok"
        lately = values[max(0, number - KIND.of + 1) : number + 1]
        if state == "open" and before != "open":
            assert sum(value > 0.10 for value in lately) >= KIND.opens
        if state != "open" and before == "open":
            assert len(lately) == KIND.of
            assert all(value <= 0.07 + 1e-12 for value in lately)


@given(st.floats(-5, 5), st.floats(-5, 5), st.floats(0.01, 5), st.booleans())
@settings(max_examples=100, deadline=None)
def test_no_value_is_calm_and_beyond_at_once(value: float, expected: float, margin: float, above: bool) -> None:
    threshold = expected + margin if above else expected - margin
    one = Measure("forecast", "bias", "all", value, expected, threshold, "r", "s", above)
    assert not (one.beyond and one.calm)


def test_every_kind_says_what_it_means_and_what_to_do() -> None:
    assert len(set(CAUSES)) == len(CAUSES)
    for kind in KINDS.values():
        assert 1 <= kind.opens <= kind.of
        assert kind.meaning.endswith(".")
        assert kind.next_step.endswith(".")
