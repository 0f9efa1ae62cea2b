"""An order-up-to level from sampled futures: sum each path over its own window, take the quantile of the sums.

Day 1 of a path is tomorrow; an order placed after close today is on the floor `lead_time_days` later before opening, and
the next one a review period after it, so path j covers its first `lead_time_days_j + review_period_days - 1` days.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from shelfcast.domain.errors import BadParameter
from shelfcast.replenish.formulas.checks import FloatArray, numbers, probability


class SampledLevel(NamedTuple):
    """Level, mean demand of the window, expected shortage at the level; in units."""

    order_up_to_level: float
    window_mean: float
    expected_short: float


def window_sums(paths: ArrayLike, lead_time_days: ArrayLike, review_period_days: int = 1) -> FloatArray:
    """Demand of each path over its own window; `lead_time_days` is one number or one per path.

    >>> window_sums([[1, 2, 3], [4, 5, 6]], [2, 3]).tolist()
    [3.0, 15.0]
    """
    demand = numbers("paths", paths)
    if demand.ndim != 2 or demand.size == 0:
        raise BadParameter("paths must be a table: one row per path, one column per day from tomorrow on.")
    leads = numbers("lead_time_days", lead_time_days)
    if leads.ndim and leads.shape != (demand.shape[0],):
        raise BadParameter(f"{leads.size} lead_time_days for {demand.shape[0]} paths; give one number or one per path.")
    days = np.broadcast_to(leads, demand.shape[:1]) + review_period_days - 1
    if np.any(days < 0) or np.any(days != np.floor(days)) or np.any(days > demand.shape[1]):
        raise BadParameter(
            f"windows run from {days.min():g} to {days.max():g} days; paths have {demand.shape[1]} days. "
            "Give longer paths, or whole lead times with lead_time + review_period of at least 1."
        )
    running = np.concatenate((np.zeros((demand.shape[0], 1)), np.cumsum(demand, axis=1)), axis=1)
    return running[np.arange(demand.shape[0]), days.astype(np.int64)]


def sample_quantile(samples: ArrayLike, level: float) -> float:
    """Smallest sample that at least this share of the samples doesn't exceed (the inverted cdf).

    >>> sample_quantile([5, 1, 9, 3], 0.5)
    3.0
    """
    ordered = np.sort(numbers("samples", samples).ravel())
    rank = math.ceil(float(probability("level", level)) * ordered.size - 1e-9)
    return float(ordered[max(rank, 1) - 1])


def order_up_to_from_paths(
    paths: ArrayLike, lead_time_days: ArrayLike, review_period_days: int, service_level: float
) -> SampledLevel:
    """Level that covers the window in `service_level` of the sampled futures."""
    sums = window_sums(paths, lead_time_days, review_period_days)
    level = sample_quantile(sums, service_level)
    return SampledLevel(level, float(sums.mean()), float(np.maximum(sums - level, 0.0).mean()))
