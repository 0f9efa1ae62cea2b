"""Order up to S every review, backorders: the base-stock policy with a lead time.

Sequence: order before the demand of the period, goods arrive `lead_time` periods later, so an order protects
`lead_time + review_period` periods (`L + 1` when every period is reviewed). The cost is h per unit left and p per unit
short, counted at the end of the protected time, where stock is lowest. In the nightly rules, which order after close,
the same days are `lead_time_days + R - 1`, so `lead_time = lead_time_days - 1`.

Source: Snyder & Shen, Fundamentals of Supply Chain Theory, 2nd ed., section 4.3.4.3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from numpy.typing import ArrayLike

from shelfcast.domain.errors import BadParameter
from shelfcast.replenish.formulas.checks import whole
from shelfcast.replenish.formulas.newsvendor import (
    OrderUpTo,
    newsvendor_discrete,
    newsvendor_normal,
    newsvendor_poisson,
)
from shelfcast.replenish.formulas.pmf import Pmf


def base_stock_normal(
    holding_cost: ArrayLike,
    stockout_cost: ArrayLike,
    demand_mean: ArrayLike,
    demand_sd: ArrayLike,
    lead_time: ArrayLike,
    review_period: ArrayLike = 1.0,
    order_up_to_level: ArrayLike | None = None,
) -> OrderUpTo:
    """S = mean (L+R) + z sd sqrt(L+R) for normal demand per period, and its cost.

    >>> [round(float(value), 4) for value in base_stock_normal(0.18, 0.70, 50, 8, lead_time=4)]
    [264.7669, 4.4668]
    """
    return newsvendor_normal(
        holding_cost, stockout_cost, demand_mean, demand_sd, lead_time, review_period, order_up_to_level
    )


def base_stock_poisson(
    holding_cost: ArrayLike,
    stockout_cost: ArrayLike,
    demand_mean: ArrayLike,
    lead_time: ArrayLike,
    review_period: ArrayLike = 1.0,
    order_up_to_level: ArrayLike | None = None,
) -> OrderUpTo:
    """Smallest S whose cumulative Poisson probability over L + R periods reaches p / (p + h), and its cost.

    >>> [round(float(value), 4) for value in base_stock_poisson(0.02, 0.48, 1.3, lead_time=3)]
    [9.0, 0.1105]
    """
    return newsvendor_poisson(holding_cost, stockout_cost, demand_mean, lead_time, review_period, order_up_to_level)


def base_stock_discrete(
    holding_cost: float,
    stockout_cost: float,
    demand_pmf: Mapping[object, float] | Sequence[float] | Pmf,
    lead_time: int,
    review_period: int = 1,
    order_up_to_level: float | None = None,
) -> OrderUpTo:
    """As `base_stock_poisson` for any demand per period on whole units: the sum over L + R periods is convolved."""
    periods = whole("lead_time", lead_time) + whole("review_period", review_period, least=1)
    if periods > 366:
        raise BadParameter(f"lead_time + review_period is {periods} periods; at most 366 can be convolved.")
    return newsvendor_discrete(holding_cost, stockout_cost, Pmf.of(demand_pmf).convolved(periods), order_up_to_level)
