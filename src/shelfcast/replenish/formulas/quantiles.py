"""An order-up-to level read from the quantiles of window demand at the service level that costs least."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from shelfcast.domain.errors import BadParameter
from shelfcast.replenish.formulas.checks import numbers
from shelfcast.replenish.formulas.newsvendor import critical_ratio


class QuantileLevel(NamedTuple):
    """Service level, demand at it, the same in whole units (rounded up), and whether it lay outside the given levels."""

    critical_ratio: float
    order_up_to_level: float
    order_up_to_units: int
    clamped: bool


def order_up_to_from_quantiles(
    quantile_levels: ArrayLike, quantile_values: ArrayLike, underage_cost: float, overage_cost: float
) -> QuantileLevel:
    """Linear between the given levels; outside them the end value, with `clamped` set.

    >>> order_up_to_from_quantiles([0.5, 0.9], [8.0, 16.0], underage_cost=7, overage_cost=3)
    QuantileLevel(critical_ratio=0.7, order_up_to_level=12.0, order_up_to_units=12, clamped=False)
    """
    levels, values = numbers("quantile_levels", quantile_levels), numbers("quantile_values", quantile_values)
    if levels.ndim != 1 or levels.shape != values.shape or levels.size == 0:
        raise BadParameter(
            f"{levels.size} quantile_levels and {values.size} quantile_values; give one value per level."
        )
    if np.any(np.diff(levels) <= 0) or levels[0] <= 0 or levels[-1] >= 1:
        raise BadParameter(f"quantile_levels are {quantile_levels!r}; they must rise inside (0, 1).")
    if np.any(np.diff(values) < 0):
        raise BadParameter(
            f"quantile_values {quantile_values!r} fall somewhere; a higher level can't mean less demand."
        )
    ratio = float(critical_ratio(underage_cost, overage_cost))
    level = float(np.interp(ratio, levels, values))
    clamped = not levels[0] - 1e-12 <= ratio <= levels[-1] + 1e-12
    return QuantileLevel(ratio, level, whole_units(level), bool(clamped))


def whole_units(level: float) -> int:
    """Rounded up to whole units; a level that is whole but for rounding error stays.

    >>> whole_units(16.1), whole_units(3.0000000000000004)
    (17, 3)
    """
    return math.ceil(level - 1e-9)
