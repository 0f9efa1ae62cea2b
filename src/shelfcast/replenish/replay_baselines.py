"""The policies every other one is measured against: min/max, days of cover, normal base stock, perfect information.

All but the last use only sales up to the close of the day, days in stock, over the last `history_days`. Perfect
information knows the demand to come: no forecast can do better by much, so it shows what there is left to win. (It is no
strict lower bound of the money where a fixed cost per order or a low margin make it pay to serve less.)
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from shelfcast.replenish.formulas.checks import FloatArray, probability
from shelfcast.replenish.replay import World
from shelfcast.replenish.simulation_policies import MinMax, OrderUpTo, ReorderLevelPacks


def trailing_moments(setting: World, history_days: int) -> tuple[FloatArray, FloatArray]:
    """(mean, standard deviation) of the sales of the last days in stock at the close of every day, both (n, T).

    Before any day in stock the mean is 0; the deviation of fewer than two days is the root of the mean, as in counts.
    """
    seen = ~setting.censored
    sales = np.where(seen, setting.sales, 0.0)

    def trailing(values: FloatArray) -> FloatArray:
        running = np.concatenate((np.zeros((setting.items, 1)), np.cumsum(values, axis=1)), axis=1)
        start = np.maximum(np.arange(1, setting.days + 1) - history_days, 0)
        return running[:, 1:] - running[:, start]

    count = trailing(seen.astype(np.float64))
    mean = np.maximum(trailing(sales), 0.0) / np.maximum(count, 1.0)
    squares = np.maximum(trailing(sales**2) - count * mean**2, 0.0)
    sd = np.where(count > 1, np.sqrt(squares / np.maximum(count - 1.0, 1.0)), np.sqrt(mean))
    return mean, sd


def cover_policy(setting: World, extra_days: ArrayLike = 2.0, history_days: int = 28) -> OrderUpTo:
    """Order up to the mean daily sales x (window + extra days)."""
    mean, _ = trailing_moments(setting, history_days)
    return OrderUpTo(mean * (setting.windows + _column(extra_days)))


def min_max_policy(
    setting: World, safety_days: ArrayLike = 2.0, order_for_days: ArrayLike = 3.0, history_days: int = 28
) -> MinMax:
    """Minimum: mean sales x (window + safety days); maximum: `order_for_days` more. The planner's rule of thumb."""
    mean, _ = trailing_moments(setting, history_days)
    minimum = mean * (setting.windows + _column(safety_days))
    return MinMax(minimum, minimum + mean * _column(order_for_days))


def normal_base_stock_policy(setting: World, service_level: ArrayLike, history_days: int = 56) -> OrderUpTo:
    """Mean x window + z x deviation x sqrt(window): the text-book base stock from trailing sales."""
    mean, sd = trailing_moments(setting, history_days)
    z = special.ndtri(_column(probability("service_level", service_level)))
    return OrderUpTo(np.maximum(mean * setting.windows + z * sd * np.sqrt(setting.windows), 0.0))


def perfect_information_policy(setting: World) -> ReorderLevelPacks:
    """The fewest packs that cover the true demand of the window; beyond the last day the mean demand of the item."""
    running = np.concatenate((np.zeros((setting.items, 1)), np.cumsum(setting.demand, axis=1)), axis=1)
    today = np.arange(setting.days)
    windows = np.broadcast_to(setting.windows, (setting.items, setting.days))
    end = today + 1 + windows
    inside = np.take_along_axis(running, np.minimum(end, setting.days), axis=1) - running[:, today + 1]
    beyond = np.maximum(end - setting.days, 0) * setting.demand.mean(axis=1, keepdims=True)
    return ReorderLevelPacks(np.ceil(inside + beyond - 1e-9))


def _column(value: ArrayLike) -> FloatArray:
    """A number, or one per item as a column."""
    return np.asarray(value, dtype=np.float64).reshape(-1, 1)
