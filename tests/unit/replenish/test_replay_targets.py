"""The nightly target code inside a replay."""

from __future__ import annotations

import numpy as np
import pytest

from shelfcast.domain.errors import BadParameter
from shelfcast.replenish.formulas.newsvendor import poisson_quantile
from shelfcast.replenish.replay import levels_by_day, replay, world
from shelfcast.replenish.replay_kpis import Money, item_kpis, roll_up
from shelfcast.replenish.replay_targets import nightly_targets, trailing_weekday_forecast
from shelfcast.replenish.simulation_policies import OrderUpTo


def flat(mean: float):  # type: ignore[no-untyped-def]
    return lambda known, days: (np.full((known.sales.shape[0], days), mean),) * 2


def test_independent_poisson_days_give_the_poisson_quantile_of_the_window() -> None:
    setting = world(np.full((2, 60), 3.0), lead_time_days=4)
    source = nightly_targets(flat(3.0), "cycle_service", 0.95, correlation=0.0)
    levels = levels_by_day(setting, source)
    assert set(levels[0, :59].tolist()) == {poisson_quantile(0.95, 3.0 * 4)}


def test_a_higher_target_never_means_a_lower_level() -> None:
    setting = world(np.random.default_rng(3).poisson(4, (5, 60)), lead_time_days=3, review_period_days=2)
    forecast = trailing_weekday_forecast()
    for kind in ("cycle_service", "fill_rate", "economic"):
        low = levels_by_day(setting, nightly_targets(forecast, kind, 0.8))
        high = levels_by_day(setting, nightly_targets(forecast, kind, 0.97))
        assert np.all(low[:, ::2] <= high[:, ::2])


def test_realised_service_is_near_the_promise_on_steady_demand() -> None:
    setting = world(np.random.default_rng(5).poisson(6, (200, 300)), lead_time_days=2)
    levels = levels_by_day(setting, nightly_targets(trailing_weekday_forecast(), "fill_rate", 0.97, correlation=0.0))
    figures = roll_up(item_kpis(replay(setting, OrderUpTo(levels)), Money(1.0, 2.0, 0.01), setting))
    assert figures["fill_rate"].item() == pytest.approx(0.97, abs=0.02)


def test_an_unknown_target_is_refused() -> None:
    with pytest.raises(BadParameter, match="known: cycle_service, economic, fill_rate"):
        nightly_targets(flat(1.0), "best", 0.9)
