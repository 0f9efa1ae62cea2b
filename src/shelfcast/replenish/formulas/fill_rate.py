"""Order up to S every R periods so that a given share of demand is met from stock.

Normal demand, backorders, text-book lead time L: an order protects L + R periods and the shortage counted is what comes
up in its last R: fill = 1 - [n_{L+R}(S) - n_L(S)] / (mean R). In lost-sales shops this is too careful; the simulator
judges.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from shelfcast.replenish.formulas.checks import Numbers, not_negative, positive, probability
from shelfcast.replenish.formulas.distributions import normal_loss


class FillRateLevel(NamedTuple):
    """Level to order up to and its part above the expected demand of L + R periods, in units."""

    order_up_to_level: Numbers
    safety_stock: Numbers


def fill_rate_of_level(
    order_up_to_level: ArrayLike,
    demand_mean: ArrayLike,
    demand_sd: ArrayLike,
    lead_time: ArrayLike,
    review_period: ArrayLike = 1.0,
) -> Numbers:
    """Share of demand met from stock by a level; below 0 where the level is far too low for the formula to mean much.

    >>> round(float(fill_rate_of_level(332.8907, 40, 18, lead_time=3, review_period=4)), 4)
    0.98
    """
    mean, sd = positive("demand_mean", demand_mean), not_negative("demand_sd", demand_sd)
    lead, review = not_negative("lead_time", lead_time), positive("review_period", review_period)
    late = normal_loss(order_up_to_level, mean * (lead + review), sd * np.sqrt(lead + review))
    early = normal_loss(order_up_to_level, mean * lead, sd * np.sqrt(lead))
    return (1.0 - (late - early) / (mean * review))[()]


def order_up_to_for_fill_rate(
    fill_rate: ArrayLike,
    demand_mean: ArrayLike,
    demand_sd: ArrayLike,
    lead_time: ArrayLike,
    review_period: ArrayLike = 1.0,
) -> FillRateLevel:
    """Smallest S whose fill rate reaches the target, by bisection on every element at once.

    >>> [round(float(value), 3) for value in order_up_to_for_fill_rate(0.98, 40, 18, lead_time=3, review_period=4)]
    [332.891, 52.891]
    """
    wanted = probability("fill_rate", fill_rate)
    mean, sd = positive("demand_mean", demand_mean), not_negative("demand_sd", demand_sd)
    lead, review = not_negative("lead_time", lead_time), positive("review_period", review_period)
    window_mean, window_sd = mean * (lead + review), sd * np.sqrt(lead + review)
    # The fill rate rises from where the two cumulative curves cross: at -mean sqrt(L (L + R)).
    low = -mean * np.sqrt(lead * (lead + review))
    low, high, _ = np.broadcast_arrays(low, window_mean + 40.0 * window_sd + 1e-9, wanted)
    for _ in range(90):
        middle = 0.5 * (low + high)
        enough = fill_rate_of_level(middle, mean, sd, lead, review) >= wanted
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return FillRateLevel(high[()], (high - window_mean)[()])
