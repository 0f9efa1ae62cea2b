"""Mean and variance of the demand of a window: of correlated days, of quantiles, of a random number of days."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from shelfcast.domain.errors import BadParameter
from shelfcast.replenish.formulas.checks import Numbers, not_negative, numbers


class Moments(NamedTuple):
    """Mean (units) and variance (units squared)."""

    mean: Numbers
    variance: Numbers


def sum_of_days(day_means: ArrayLike, day_variances: ArrayLike, correlation: ArrayLike = 0.0) -> Moments:
    """Moments of the sum over the last axis when any two days have this correlation rho.

    variance = (1 - rho) sum v + rho (sum sqrt v)^2: 0 for independent days, 1 when all move together.

    >>> [float(value) for value in sum_of_days([1, 2], [4, 9], correlation=0.5)]
    [3.0, 19.0]
    """
    means, variances = numbers("day_means", day_means), not_negative("day_variances", day_variances)
    rho = numbers("correlation", correlation)
    if np.any((rho < -1) | (rho > 1)):
        raise BadParameter(f"correlation is {correlation!r}; it must lie between -1 and 1.")
    together = np.sqrt(variances).sum(axis=-1) ** 2
    variance = np.maximum((1.0 - rho) * variances.sum(axis=-1) + rho * together, 0.0)
    return Moments(means.sum(axis=-1)[()], variance[()])


def quantile_moments(levels: ArrayLike, values: ArrayLike) -> Moments:
    """Moments of a distribution known by quantiles: trapezoid weights on the levels, the end levels carry the tails.

    `values` has the levels on its last axis, rising. The tails beyond the end levels are taken as the end values, so
    the variance is a little low where the end levels are far from 0 and 1.

    >>> [float(value) for value in quantile_moments([0.25, 0.75], [2.0, 6.0])]
    [4.0, 4.0]
    """
    level, value = numbers("levels", levels), numbers("values", values)
    if level.ndim != 1 or np.any(np.diff(level) <= 0) or level[0] <= 0 or level[-1] >= 1:
        raise BadParameter(f"levels are {levels!r}; they must rise inside (0, 1).")
    edges = np.concatenate(([0.0], 0.5 * (level[1:] + level[:-1]), [1.0]))
    weights = np.diff(edges)
    mean = value @ weights
    return Moments(np.asarray(mean)[()], np.maximum((value - np.asarray(mean)[..., None]) ** 2 @ weights, 0.0)[()])


def random_lead_time(
    demand_mean: ArrayLike, demand_sd: ArrayLike, periods_mean: ArrayLike, periods_sd: ArrayLike
) -> Moments:
    """Moments of the demand over a random number of periods: variance = E[N] sd^2 + mean^2 sd_N^2.

    >>> [float(value) for value in random_lead_time(50, 15, 8, 2)]
    [400.0, 11800.0]
    """
    mean, sd = numbers("demand_mean", demand_mean), not_negative("demand_sd", demand_sd)
    periods, spread = not_negative("periods_mean", periods_mean), not_negative("periods_sd", periods_sd)
    return Moments((mean * periods)[()], (periods * sd**2 + mean**2 * spread**2)[()])


def window_sd(
    demand_mean: ArrayLike, demand_sd: ArrayLike, periods_mean: ArrayLike, periods_sd: ArrayLike = 0.0
) -> Numbers:
    """Standard deviation of the demand over a random number of periods."""
    return np.sqrt(random_lead_time(demand_mean, demand_sd, periods_mean, periods_sd).variance)
