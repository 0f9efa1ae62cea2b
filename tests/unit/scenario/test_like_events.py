from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from shelfcast.scenario.like_events import (
    Episode,
    choose_like,
    festival_uplift,
    measure,
    nearest_supported,
    price_episodes,
)

DAYS = [date(2024, 1, 1) + timedelta(days=n) for n in range(400)]
WEEKDAY = np.array([day.weekday() for day in DAYS])


def world(uplift: float = 1.5, dip: float = 1.0):
    """Two series of one location that sell 10 a day; the first is 20 % cheaper and sells more for a week every 50 days."""
    demand = np.full((2, 400), 10.0)
    prices = np.full((2, 400), 5.0)
    for start in range(40, 380, 50):
        prices[0, start : start + 7] = 4.0
        demand[0, start : start + 7] *= uplift
        demand[0, start + 7 : start + 21] *= dip
    episodes = price_episodes(prices, ["A", "B"])
    busy = np.zeros(demand.shape, dtype=bool)
    for one in episodes:
        busy[one.series, one.first : one.last + 1] = True
    return demand, episodes, busy


def test_cheaper_weeks_are_found_with_their_depth():
    _, episodes, _ = world()
    assert len(episodes) == 7
    assert {(one.series, one.last - one.first + 1, round(one.change, 3)) for one in episodes} == {(0, 7, -0.2)}


@pytest.mark.parametrize("uplift", [0.8, 1.0, 1.5, 3.0])
def test_the_uplift_of_planted_events_is_measured(uplift):
    demand, episodes, busy = world(uplift)
    found = measure(episodes, demand, WEEKDAY, np.zeros(2, dtype=int), busy)
    assert found.count == 7
    assert found.uplift.mean() == pytest.approx(uplift)
    assert found.neighbours == pytest.approx(1.0)


def test_pulled_forward_demand_shows_afterwards():
    demand, episodes, busy = world(1.5, dip=0.8)
    found = measure(episodes[:1], demand, WEEKDAY, np.zeros(2, dtype=int), busy)
    assert found.after == pytest.approx(0.8)


def test_like_means_within_five_points_and_in_the_season():
    _, episodes, _ = world()
    assert len(choose_like(episodes, -0.2, None, DAYS, [])) == 7
    assert len(choose_like(episodes, -0.16, None, DAYS, [])) == 7
    assert choose_like(episodes, -0.1, None, DAYS, []) == []
    near = choose_like(episodes, -0.2, DAYS[episodes[0].first].replace(year=2026), DAYS, [])
    assert near and all(abs(one.first % 365 - episodes[0].first) <= 45 for one in near)


def test_the_nearest_supported_depth_is_one_with_enough_events():
    _, episodes, _ = world()
    count = lambda some: len(some)  # noqa: E731
    assert nearest_supported(episodes, -0.35, count) == (-0.2, 7)
    assert nearest_supported(episodes[:3], -0.35, count) is None


def test_a_festival_is_measured_against_the_weeks_before():
    demand = np.full((3, 400), 8.0)
    runs = [[100, 101], [300, 301]]
    for run in runs:
        demand[:, run] *= 2.5
    found = festival_uplift(demand, WEEKDAY, ["A", "A", "B"], runs, np.zeros(demand.shape, dtype=bool))
    assert found.count == 4, "an item and occurrence each"
    assert found.uplift.tolist() == pytest.approx([2.5] * 4)


def test_an_episode_without_quiet_days_before_it_says_nothing():
    demand, _, busy = world()
    early = [Episode(0, "A", 2, 5, -0.2, "price")]
    assert measure(early, demand, WEEKDAY, np.zeros(2, dtype=int), busy).count == 0
