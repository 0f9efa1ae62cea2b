"""Safety stock from means and standard deviations: demand and lead time both uncertain, independent, roughly normal.

An order protects `lead_time_mean + review_period` periods. Source: Silver, Pyke & Thomas; King 2011.
Where samples of the lead time exist, mixing the windows (`sample_paths`) is better: Eppen & Martin 1988.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from shelfcast.replenish.formulas import distributions
from shelfcast.replenish.formulas.checks import Numbers, not_negative, probability
from shelfcast.replenish.formulas.moments import window_sd


class SafetyStock(NamedTuple):
    """Units above expected demand, the level they lead to, expected units short in a cycle."""

    safety_stock: Numbers
    order_up_to_level: Numbers
    expected_short_per_cycle: Numbers


def safety_stock_for_cycle_service(
    cycle_service_level: ArrayLike,
    demand_mean: ArrayLike,
    demand_sd: ArrayLike,
    lead_time_mean: ArrayLike,
    lead_time_sd: ArrayLike = 0.0,
    review_period: ArrayLike = 1.0,
) -> SafetyStock:
    """z sqrt((L + R) sd^2 + mean^2 sd_L^2), the level mean (L + R) + safety stock, and its expected shortage.

    `review_period` 0 is continuous review.

    >>> [round(float(value), 3) for value in safety_stock_for_cycle_service(0.95, 50, 15, 7, 2)]
    [178.677, 578.677, 2.27]
    """
    z = special.ndtri(probability("cycle_service_level", cycle_service_level))
    periods = not_negative("lead_time_mean", lead_time_mean) + not_negative("review_period", review_period)
    spread = window_sd(demand_mean, demand_sd, periods, lead_time_sd)
    safety = z * spread
    return SafetyStock(
        np.asarray(safety)[()],
        (not_negative("demand_mean", demand_mean) * periods + safety)[()],
        np.asarray(spread * distributions.standard_normal_loss(z))[()],
    )
