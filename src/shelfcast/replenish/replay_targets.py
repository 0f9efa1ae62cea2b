"""The nightly target code as a target source of a replay: daily forecasts as of a day in, levels out.

Window demand and targets are computed by the very functions the night run calls (`window_demand`, `targets`), so that what
is replayed is what is shipped.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from shelfcast.domain.errors import BadParameter
from shelfcast.replenish import targets
from shelfcast.replenish.daily_demand import DailyDemand
from shelfcast.replenish.formulas.checks import FloatArray
from shelfcast.replenish.replay import Known, TargetSource, from_window_demand
from shelfcast.replenish.window_demand import WindowDemand, window_demand

DailyForecast = Callable[[Known, int], tuple[FloatArray, FloatArray]]
"""(mean, variance) of the demand of each of the next `days` days, both (n, days), made with what was known."""

KINDS = {"cycle_service": targets.CYCLE_SERVICE, "fill_rate": targets.FILL_RATE, "economic": targets.ECONOMIC}


def nightly_targets(
    forecast: DailyForecast,
    target_type: str,
    target_value: ArrayLike,
    *,
    discrete: bool = True,
    lost_sales: bool = True,
    correlation: float = 0.2,
    lead_time_sd_days: float = 0.0,
) -> TargetSource:
    """Levels of the night run on every replayed day.

    target_type: cycle_service, fill_rate, or economic with the critical ratio as its value; `target_value` is one number
    or one per item. correlation: of demand from day to day. discrete: whole pieces. lost_sales: unmet demand is lost.
    """
    if target_type not in KINDS:
        raise BadParameter.unknown("target_type", target_type, KINDS)

    def window(known: Known) -> WindowDemand:
        items = known.window_days.size
        next_delivery = np.maximum(known.window_days, 1) + 1
        delivery = np.maximum(next_delivery - np.maximum(known.cycle_days, 1), 1)
        mean, variance = forecast(known, int(next_delivery.max()) - 1)
        given = np.full(items, mean.shape[1], dtype=np.int64)
        return window_demand(
            DailyDemand(np.ascontiguousarray(mean), np.ascontiguousarray(variance), given),
            np.arange(items),
            delivery,
            next_delivery,
            np.full(items, discrete),
            np.full(items, correlation),
            np.full(items, lead_time_sd_days),
            np.zeros(items),
        )

    def level(demand: WindowDemand) -> FloatArray:
        items = demand.daily_rate.size
        values = np.broadcast_to(np.asarray(target_value, dtype=np.float64), (items,)).copy()
        kinds = np.full(items, KINDS[target_type], dtype=np.int64)
        return targets.order_up_to(kinds, values, demand, np.full(items, lost_sales)).level

    return from_window_demand(window, level)


def trailing_weekday_forecast(history_days: int = 56) -> DailyForecast:
    """A plain forecast to replay with: trailing level x weekday profile, variance of what was left over.

    Only days in stock count. With less than two weeks the profile is flat.
    """

    def forecast(known: Known, days: int) -> tuple[FloatArray, FloatArray]:
        seen = ~known.censored[:, -history_days:]
        sales = np.where(seen, known.sales[:, -history_days:], 0.0)
        length = sales.shape[1]
        weekday = (np.arange(known.day + 1 - length, known.day + 1)) % 7
        level = sales.sum(axis=1) / np.maximum(seen.sum(axis=1), 1)
        # Weekday means are drawn towards the level by as much as two days of history would.
        profile = np.empty((sales.shape[0], 7))
        for day in range(7):
            here = weekday == day
            profile[:, day] = (sales[:, here].sum(axis=1) + 2.0 * level) / (seen[:, here].sum(axis=1) + 2.0)
        if length < 14:
            profile[:] = level[:, None]
        fitted = profile[:, weekday]
        squares = np.where(seen, (sales - fitted) ** 2, 0.0).sum(axis=1)
        count = seen.sum(axis=1)
        variance = np.where(count > 7, squares / np.maximum(count - 1, 1), np.maximum(level, squares))
        mean = profile[:, (known.day + 1 + np.arange(days)) % 7]
        ratio = mean / np.maximum(level, 1e-12)[:, None]
        return mean, variance[:, None] * np.maximum(ratio, 0.0)

    return forecast
