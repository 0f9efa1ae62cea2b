"""One order for one demand: the newsvendor, as costs and as profit.

Costs: `holding_cost` h per unit left, `stockout_cost` p per unit short; the best level is the smallest S with
F(S) >= p / (p + h). With a lead time the same formulas hold for demand over `lead_time + review_period` periods.
Source: Snyder & Shen, Fundamentals of Supply Chain Theory, 2nd ed., section 4.3 (equations 4.24-4.37).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from shelfcast.domain.errors import BadParameter
from shelfcast.replenish.formulas import distributions
from shelfcast.replenish.formulas.checks import Numbers, not_negative, numbers, positive, probability
from shelfcast.replenish.formulas.pmf import Pmf

ROUNDING = 1e-12
"""A cumulative probability this close below the critical ratio counts as reaching it."""


class OrderUpTo(NamedTuple):
    """Level to order up to (units) and its expected cost per period; arrays for array input."""

    order_up_to_level: Numbers
    cost: Numbers


class OrderForProfit(NamedTuple):
    """Level to order up to (units) and its expected profit; arrays for array input."""

    order_up_to_level: Numbers
    profit: Numbers


def critical_ratio(underage_cost: ArrayLike, overage_cost: ArrayLike) -> Numbers:
    """Service level that costs least: underage / (underage + overage).

    >>> round(float(critical_ratio(underage_cost=0.70, overage_cost=0.18)), 4)
    0.7955
    """
    underage, overage = not_negative("underage_cost", underage_cost), not_negative("overage_cost", overage_cost)
    positive("underage_cost + overage_cost", underage + overage)
    return (underage / (underage + overage))[()]


def poisson_quantile(level: ArrayLike, mean: ArrayLike) -> Numbers:
    """Smallest whole number whose cumulative Poisson probability reaches the level."""
    level, mean = probability("level", level), not_negative("mean", mean)
    near = np.maximum(np.ceil(np.nan_to_num(special.pdtrik(level, np.maximum(mean, 1e-300)), nan=0.0)), 0.0)
    near = np.where(special.pdtr(near, mean) >= level - ROUNDING, near, near + 1.0)
    lower = np.maximum(near - 1.0, 0.0)
    return np.where((near > 0) & (special.pdtr(lower, mean) >= level - ROUNDING), lower, near)[()]


def newsvendor_normal(
    holding_cost: ArrayLike,
    stockout_cost: ArrayLike,
    demand_mean: ArrayLike,
    demand_sd: ArrayLike,
    lead_time: ArrayLike = 0.0,
    review_period: ArrayLike = 1.0,
    order_up_to_level: ArrayLike | None = None,
) -> OrderUpTo:
    """Best level under normal demand and its cost; with `order_up_to_level`, the cost of that level.

    Demand is per period; protected are `lead_time + review_period` periods (1 for the plain newsvendor).

    >>> [round(float(value), 4) for value in newsvendor_normal(0.18, 0.70, 50, 8)]
    [56.604, 1.9976]
    """
    h, p = positive("holding_cost", holding_cost), positive("stockout_cost", stockout_cost)
    periods = not_negative("lead_time", lead_time) + positive("review_period", review_period)
    mean = not_negative("demand_mean", demand_mean) * periods
    sd = not_negative("demand_sd", demand_sd) * np.sqrt(periods)
    if order_up_to_level is None:
        level = mean + special.ndtri(p / (p + h)) * sd
    else:
        level = numbers("order_up_to_level", order_up_to_level)
    return OrderUpTo(np.asarray(level)[()], _cost(level, mean, distributions.normal_loss(level, mean, sd), h, p))


def newsvendor_poisson(
    holding_cost: ArrayLike,
    stockout_cost: ArrayLike,
    demand_mean: ArrayLike,
    lead_time: ArrayLike = 0.0,
    review_period: ArrayLike = 1.0,
    order_up_to_level: ArrayLike | None = None,
) -> OrderUpTo:
    """Best level under Poisson demand and its cost; with `order_up_to_level`, the cost of that level.

    >>> [round(float(value), 4) for value in newsvendor_poisson(0.18, 0.70, 50)]
    [56.0, 1.7972]
    """
    h, p = positive("holding_cost", holding_cost), positive("stockout_cost", stockout_cost)
    periods = not_negative("lead_time", lead_time) + positive("review_period", review_period)
    mean = not_negative("demand_mean", demand_mean) * periods
    if order_up_to_level is None:
        level = poisson_quantile(p / (p + h), mean)
    else:
        level = numbers("order_up_to_level", order_up_to_level)
    return OrderUpTo(level, _cost(level, mean, distributions.poisson_loss(level, mean), h, p))


def newsvendor_discrete(
    holding_cost: float,
    stockout_cost: float,
    demand_pmf: Mapping[object, float] | Sequence[float] | Pmf,
    order_up_to_level: float | None = None,
) -> OrderUpTo:
    """Best level under demand given as probabilities of values (mapping, or list over 0, 1, 2, ...), and its cost.

    >>> [round(float(value), 4) for value in newsvendor_discrete(1, 4, [0.2, 0.3, 0.3, 0.2])]
    [2.0, 1.5]
    """
    h, p = float(positive("holding_cost", holding_cost)), float(positive("stockout_cost", stockout_cost))
    demand = Pmf.of(demand_pmf)
    level = demand.quantile(p / (p + h)) if order_up_to_level is None else float(order_up_to_level)
    return OrderUpTo(level, float(_cost(level, demand.mean, distributions.discrete_loss(level, demand), h, p)))


class ContinuousDemand(NamedTuple):
    """Quantile function, expected shortage and mean of a continuous demand."""

    quantile: Callable[[float], float]
    loss: Callable[[float], float]
    mean: float


def continuous_demand(distribution: str, **parameters: float) -> ContinuousDemand:
    """A continuous demand by name: its quantile function, loss function and mean.

    | distribution | parameters |
    |---|---|
    | normal | mean, sd |
    | lognormal | mu, sigma (of the logarithm), or mean, sd |
    | gamma | shape, scale (or rate), or mean, sd |
    | uniform | low, high |
    | exponential | mean (or rate) |
    | weibull | shape, scale |
    """
    if distribution not in CONTINUOUS:
        raise BadParameter.unknown("distribution", distribution, CONTINUOUS)
    words = PARAMETER_NAMES[distribution]
    given = {words.get(name, name): float(value) for name, value in parameters.items()}
    return CONTINUOUS[distribution](given)


def newsvendor_continuous(
    holding_cost: float,
    stockout_cost: float,
    distribution: str,
    order_up_to_level: float | None = None,
    **parameters: float,
) -> OrderUpTo:
    """Best level S = F^-1(p / (p + h)) under a named continuous demand (see `continuous_demand`), and its cost.

    >>> [round(float(value), 4) for value in newsvendor_continuous(1, 0.1765, "lognormal", mu=6, sigma=0.3)]
    [295.6266, 29.4425]
    """
    h, p = float(positive("holding_cost", holding_cost)), float(positive("stockout_cost", stockout_cost))
    demand = continuous_demand(distribution, **parameters)
    level = demand.quantile(p / (p + h)) if order_up_to_level is None else float(order_up_to_level)
    return OrderUpTo(level, float(_cost(level, demand.mean, demand.loss(level), h, p)))


def newsvendor_normal_explicit(
    revenue: ArrayLike,
    purchase_cost: ArrayLike,
    salvage_value: ArrayLike,
    demand_mean: ArrayLike,
    demand_sd: ArrayLike,
    holding_cost: ArrayLike = 0.0,
    stockout_cost: ArrayLike = 0.0,
    lead_time: ArrayLike = 0.0,
    order_up_to_level: ArrayLike | None = None,
) -> OrderForProfit:
    """Most profitable level when price r, cost c and salvage value v are known: F(S) = (r - c + p) / (r - v + h + p).

    `holding_cost` and `stockout_cost` come on top of the lost margin and are usually 0.

    >>> [round(float(value), 4) for value in newsvendor_normal_explicit(1, 0.3, 0.12, 50, 8)]
    [56.604, 33.0024]
    """
    underage, overage, margin = _explicit_costs(revenue, purchase_cost, salvage_value, holding_cost, stockout_cost)
    level, cost = newsvendor_normal(
        overage, underage, demand_mean, demand_sd, lead_time, order_up_to_level=order_up_to_level
    )
    mean = numbers("demand_mean", demand_mean) * (numbers("lead_time", lead_time) + 1.0)
    return OrderForProfit(level, (margin * mean - cost)[()])


def newsvendor_poisson_explicit(
    revenue: ArrayLike,
    purchase_cost: ArrayLike,
    salvage_value: ArrayLike,
    demand_mean: ArrayLike,
    holding_cost: ArrayLike = 0.0,
    stockout_cost: ArrayLike = 0.0,
    lead_time: ArrayLike = 0.0,
    order_up_to_level: ArrayLike | None = None,
) -> OrderForProfit:
    """As `newsvendor_normal_explicit`, for Poisson demand.

    >>> [round(float(value), 4) for value in newsvendor_poisson_explicit(1, 0.3, 0.12, 50)]
    [56.0, 33.2028]
    """
    underage, overage, margin = _explicit_costs(revenue, purchase_cost, salvage_value, holding_cost, stockout_cost)
    level, cost = newsvendor_poisson(overage, underage, demand_mean, lead_time, order_up_to_level=order_up_to_level)
    mean = numbers("demand_mean", demand_mean) * (numbers("lead_time", lead_time) + 1.0)
    return OrderForProfit(level, (margin * mean - cost)[()])


def newsvendor_discrete_explicit(
    revenue: float,
    purchase_cost: float,
    salvage_value: float,
    demand_pmf: Mapping[object, float] | Sequence[float] | Pmf,
    holding_cost: float = 0.0,
    stockout_cost: float = 0.0,
    order_up_to_level: float | None = None,
) -> OrderForProfit:
    """As `newsvendor_normal_explicit`, for demand given as probabilities of values."""
    underage, overage, margin = _explicit_costs(revenue, purchase_cost, salvage_value, holding_cost, stockout_cost)
    level, cost = newsvendor_discrete(overage, underage, demand_pmf, order_up_to_level)
    return OrderForProfit(level, float(margin * Pmf.of(demand_pmf).mean - cost))


def _cost(level: Numbers, mean: Numbers, shortage: Numbers, h: Numbers, p: Numbers) -> Numbers:
    """h x expected left-over + p x expected shortage."""
    return (h * (level - mean + shortage) + p * shortage) + 0.0


def _explicit_costs(
    revenue: ArrayLike, purchase_cost: ArrayLike, salvage_value: ArrayLike, holding: ArrayLike, stockout: ArrayLike
) -> tuple[Numbers, Numbers, Numbers]:
    """(underage, overage, margin) per unit from price, cost and salvage value."""
    r, c, v = (
        numbers("revenue", revenue),
        numbers("purchase_cost", purchase_cost),
        numbers("salvage_value", salvage_value),
    )
    if np.any(r <= c) or np.any(c <= v):
        raise BadParameter(
            f"revenue {revenue!r}, purchase_cost {purchase_cost!r}, salvage_value {salvage_value!r}: "
            "revenue must exceed purchase cost and purchase cost must exceed salvage value."
        )
    underage = r - c + not_negative("stockout_cost", stockout)
    return underage[()], (c - v + not_negative("holding_cost", holding))[()], (r - c)[()]


def _need(given: Mapping[str, float], *choices: tuple[str, ...]) -> tuple[float, ...]:
    """The values of the first set of names that is given in full and alone."""
    for names in choices:
        if set(names) == set(given):
            return tuple(given[name] for name in names)
    allowed = " or ".join(", ".join(names) for names in choices)
    raise BadParameter(f"parameters {sorted(given)} don't describe the distribution; give {allowed}.")


def _normal(given: Mapping[str, float]) -> ContinuousDemand:
    mean, sd = _need(given, ("mean", "sd"))
    positive("sd", sd)
    return ContinuousDemand(
        lambda level: float(mean + sd * special.ndtri(level)),
        lambda level: float(distributions.normal_loss(level, mean, sd)),
        mean,
    )


def _lognormal(given: Mapping[str, float]) -> ContinuousDemand:
    if set(given) == {"mean", "sd"}:
        spread = np.log1p((given["sd"] / float(positive("mean", given["mean"]))) ** 2)
        mu, sigma = float(np.log(given["mean"]) - 0.5 * spread), float(np.sqrt(spread))
    else:
        mu, sigma = _need(given, ("mu", "sigma"), ("mean", "sd"))
    positive("sigma", sigma)
    return ContinuousDemand(
        lambda level: float(np.exp(mu + sigma * special.ndtri(level))),
        lambda level: float(distributions.lognormal_loss(level, mu, sigma)),
        float(np.exp(mu + 0.5 * sigma**2)),
    )


def _gamma(given: Mapping[str, float]) -> ContinuousDemand:
    if set(given) == {"mean", "sd"}:
        shape, scale = (given["mean"] / given["sd"]) ** 2, given["sd"] ** 2 / given["mean"]
    elif set(given) == {"shape", "rate"}:
        shape, scale = given["shape"], 1.0 / given["rate"]
    else:
        shape, scale = _need(given, ("shape", "scale"), ("shape", "rate"), ("mean", "sd"))
    return ContinuousDemand(
        lambda level: float(scale * special.gammaincinv(shape, level)),
        lambda level: float(distributions.gamma_loss(level, shape, scale)),
        shape * scale,
    )


def _uniform(given: Mapping[str, float]) -> ContinuousDemand:
    low, high = _need(given, ("low", "high"))
    return ContinuousDemand(
        lambda level: low + level * (high - low),
        lambda level: float(distributions.uniform_loss(level, low, high)),
        0.5 * (low + high),
    )


def _exponential(given: Mapping[str, float]) -> ContinuousDemand:
    mean = 1.0 / given["rate"] if set(given) == {"rate"} else _need(given, ("mean",), ("rate",))[0]
    return ContinuousDemand(
        lambda level: float(-mean * np.log1p(-level)),
        lambda level: float(distributions.exponential_loss(level, mean)),
        mean,
    )


def _weibull(given: Mapping[str, float]) -> ContinuousDemand:
    shape, scale = _need(given, ("shape", "scale"))
    mean = float(scale * special.gamma(1.0 + 1.0 / shape))

    def loss(level: float) -> float:
        # E[X; X > x] = mean x regularised upper gamma of 1 + 1/shape at (x / scale)^shape
        at = (max(level, 0.0) / scale) ** shape
        return (
            float(mean * special.gammaincc(1.0 + 1.0 / shape, at) - level * np.exp(-at)) if level > 0 else mean - level
        )

    return ContinuousDemand(lambda level: float(scale * (-np.log1p(-level)) ** (1.0 / shape)), loss, mean)


CONTINUOUS: dict[str, Callable[[Mapping[str, float]], ContinuousDemand]] = {
    "normal": _normal,
    "lognormal": _lognormal,
    "gamma": _gamma,
    "uniform": _uniform,
    "exponential": _exponential,
    "weibull": _weibull,
}
MEAN_SD = {"demand_mean": "mean", "demand_sd": "sd", "standard_deviation": "sd", "std": "sd"}
SHAPE_SCALE = {"a": "shape", "alpha": "shape", "k": "shape", "b": "scale", "beta": "scale", "theta": "scale"}
PARAMETER_NAMES: dict[str, dict[str, str]] = {
    "normal": MEAN_SD | {"mu": "mean", "sigma": "sd"},
    "lognormal": MEAN_SD,
    "gamma": MEAN_SD | SHAPE_SCALE,
    "uniform": dict.fromkeys(("a", "lo", "lower", "min"), "low") | dict.fromkeys(("b", "hi", "upper", "max"), "high"),
    "exponential": {"demand_mean": "mean", "scale": "mean", "lambda": "rate", "mu": "rate"},
    "weibull": SHAPE_SCALE | {"c": "shape"},
}
"""Other words for the parameters, as text books and statistics libraries write them."""
