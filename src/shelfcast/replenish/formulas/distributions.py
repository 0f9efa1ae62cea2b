"""Loss functions of demand distributions: what is expected to be short, and what left, at a stock level.

For demand X and level x:
- `*_loss(x, ...)` is n1(x) = E[(X - x)+], the expected shortage; the expected left-over is x - mean + n1(x).
- `*_second_loss(x, ...)` is n2(x) = E[((X - x)+)^2] / 2 for continuous X and E[(X - x)+ (X - x - 1)+] / 2 for counts,
  the sum of n1 above x: what (r,Q) formulas need.

Source: Snyder & Shen, Fundamentals of Supply Chain Theory, 2nd ed., appendix C; Zipkin, Foundations of Inventory
Management (2000), appendix C. All functions take numbers or arrays.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from shelfcast.replenish.formulas.checks import Numbers, not_negative, numbers, positive
from shelfcast.replenish.formulas.pmf import Pmf

ROOT_TWO_PI = float(np.sqrt(2.0 * np.pi))


def normal_density(z: ArrayLike) -> Numbers:
    """Density of the standard normal."""
    return np.exp(-0.5 * np.square(z)) / ROOT_TWO_PI


def standard_normal_loss(z: ArrayLike) -> Numbers:
    """E[(Z - z)+] = phi(z) - z (1 - Phi(z)), in the form that keeps digits far in the tail.

    >>> round(float(standard_normal_loss(0.0)), 6)
    0.398942
    """
    z = np.asarray(z, dtype=np.float64)
    return normal_density(z) - z * special.ndtr(-z)


def normal_loss(level: ArrayLike, mean: ArrayLike, sd: ArrayLike) -> Numbers:
    """Expected shortage of normal demand at a stock level; `sd` may be 0.

    >>> round(float(normal_loss(18.6, 15, 3)), 6)
    0.168307
    """
    level, mean, sd = numbers("level", level), numbers("mean", mean), not_negative("sd", sd)
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(sd > 0, (level - mean) / np.where(sd > 0, sd, 1.0), 0.0)
    return np.where(sd > 0, sd * standard_normal_loss(z), np.maximum(mean - level, 0.0))[()]


def normal_second_loss(level: ArrayLike, mean: ArrayLike, sd: ArrayLike) -> Numbers:
    """n2 of normal demand: sd^2 [(z^2 + 1)(1 - Phi(z)) - z phi(z)] / 2."""
    level, mean, sd = numbers("level", level), numbers("mean", mean), not_negative("sd", sd)
    z = np.where(sd > 0, (level - mean) / np.where(sd > 0, sd, 1.0), 0.0)
    spread = 0.5 * sd**2 * ((z**2 + 1.0) * special.ndtr(-z) - z * normal_density(z))
    return np.where(sd > 0, spread, 0.5 * np.maximum(mean - level, 0.0) ** 2)[()]


def lognormal_loss(level: ArrayLike, mu: ArrayLike, sigma: ArrayLike) -> Numbers:
    """Expected shortage of lognormal demand; `mu` and `sigma` are those of its logarithm."""
    level, mu, sigma = numbers("level", level), numbers("mu", mu), positive("sigma", sigma)
    mean = np.exp(mu + 0.5 * sigma**2)
    log_level = np.log(np.maximum(level, 1e-300))
    inside = mean * special.ndtr((mu + sigma**2 - log_level) / sigma) - level * special.ndtr((mu - log_level) / sigma)
    return np.where(level > 0, inside, mean - level)[()]


def gamma_loss(level: ArrayLike, shape: ArrayLike, scale: ArrayLike) -> Numbers:
    """Expected shortage of gamma demand with mean shape x scale.

    >>> round(float(gamma_loss(4, 2, 3)), 6)
    2.635971
    """
    level, shape, scale = numbers("level", level), positive("shape", shape), positive("scale", scale)
    at = np.maximum(level, 0.0) / scale
    inside = shape * scale * special.gammaincc(shape + 1.0, at) - level * special.gammaincc(shape, at)
    return np.where(level > 0, inside, shape * scale - level)[()]


def gamma_second_loss(level: ArrayLike, shape: ArrayLike, scale: ArrayLike) -> Numbers:
    """n2 of gamma demand: half of E[X^2; X > x] - 2 x E[X; X > x] + x^2 P(X > x)."""
    level, shape, scale = numbers("level", level), positive("shape", shape), positive("scale", scale)
    at = np.maximum(level, 0.0) / scale
    square = shape * (shape + 1.0) * scale**2 * special.gammaincc(shape + 2.0, at)
    first = shape * scale * special.gammaincc(shape + 1.0, at)
    return (0.5 * (square - 2.0 * level * first + level**2 * special.gammaincc(shape, at)))[()]


def uniform_loss(level: ArrayLike, low: ArrayLike, high: ArrayLike) -> Numbers:
    """Expected shortage of demand spread evenly between `low` and `high`."""
    level, low, high = numbers("level", level), numbers("low", low), numbers("high", high)
    width = positive("high - low", high - low)
    inside = (high - np.clip(level, low, high)) ** 2 / (2.0 * width)
    return (inside + np.maximum(low - level, 0.0))[()]


def exponential_loss(level: ArrayLike, mean: ArrayLike) -> Numbers:
    """Expected shortage of exponential demand with the given mean."""
    level, mean = numbers("level", level), positive("mean", mean)
    return np.where(level > 0, mean * np.exp(-np.maximum(level, 0.0) / mean), mean - level)[()]


def poisson_loss(level: ArrayLike, mean: ArrayLike) -> Numbers:
    """Expected shortage of Poisson demand: mean P(X >= x) - x P(X > x), right between whole levels too.

    >>> round(float(poisson_loss(18, 15)), 6)
    0.51761
    """
    level, mean = numbers("level", level), not_negative("mean", mean)
    floor = np.floor(level)
    above = np.where(floor >= 0, special.pdtrc(np.maximum(floor, 0.0), mean), 1.0)
    reaching = np.where(floor >= 1, special.pdtrc(np.maximum(floor - 1.0, 0.0), mean), 1.0)
    return (mean * reaching - level * above)[()]


def poisson_second_loss(level: ArrayLike, mean: ArrayLike) -> Numbers:
    """n2 of Poisson demand at whole levels: [mean^2 P(X>=x-1) - 2 mean x P(X>=x) + x (x+1) P(X>=x+1)] / 2."""
    level, mean = numbers("level", level), not_negative("mean", mean)

    def at_least(count: Numbers) -> Numbers:
        return np.where(count >= 1, special.pdtrc(np.maximum(count - 1.0, 0.0), mean), 1.0)

    squares = mean**2 * at_least(level - 1.0) - 2.0 * mean * level * at_least(level)
    return (0.5 * (squares + level * (level + 1.0) * at_least(level + 1.0)))[()]


def negative_binomial_parameters(mean: ArrayLike, variance: ArrayLike) -> tuple[Numbers, Numbers]:
    """(r, p) of the negative binomial with this mean and variance; the variance must exceed the mean."""
    mean, variance = positive("mean", mean), positive("variance", variance)
    positive("variance - mean", variance - mean)
    return (mean**2 / (variance - mean))[()], (mean / variance)[()]


def negative_binomial_loss(level: ArrayLike, mean: ArrayLike, variance: ArrayLike) -> Numbers:
    """Expected shortage of negative binomial demand (variance above mean) at whole levels.

    >>> round(float(negative_binomial_loss(14, 23, 64)), 6)
    9.32646
    """
    level = numbers("level", level)
    r, p = negative_binomial_parameters(mean, variance)
    mean = numbers("mean", mean)
    # E[X; X > x] = mean P(Y >= x) with Y negative binomial (r + 1, p): the distribution seen by a unit of demand.
    return (mean * _count_above(level - 1.0, r + 1.0, p) - level * _count_above(level, r, p))[()]


def negative_binomial_second_loss(level: ArrayLike, mean: ArrayLike, variance: ArrayLike) -> Numbers:
    """n2 of negative binomial demand at whole levels, by factorial moments of the tail."""
    level = numbers("level", level)
    r, p = negative_binomial_parameters(mean, variance)
    odds = (1.0 - p) / p
    second = r * (r + 1.0) * odds**2 * _count_above(level - 2.0, r + 2.0, p)
    first = r * odds * _count_above(level - 1.0, r + 1.0, p)
    return (0.5 * (second - 2.0 * level * first + level * (level + 1.0) * _count_above(level, r, p)))[()]


def _count_above(level: Numbers, r: Numbers, p: Numbers) -> Numbers:
    """P(X > level) of the negative binomial (r, p); 1 below zero."""
    floor = np.floor(level)
    return np.where(floor >= 0, special.betainc(np.maximum(floor, 0.0) + 1.0, r, 1.0 - p), 1.0)


def discrete_loss(level: float, demand: Pmf) -> float:
    """Expected shortage of a demand given as probabilities."""
    return float(np.maximum(demand.values - level, 0.0) @ demand.probabilities)


def discrete_second_loss(level: float, demand: Pmf) -> float:
    """n2 of a demand given as probabilities of whole values."""
    over = np.maximum(demand.values - level, 0.0)
    return float(0.5 * (over * np.maximum(over - 1.0, 0.0)) @ demand.probabilities)
