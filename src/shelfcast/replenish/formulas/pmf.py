"""A demand distribution given as probabilities of values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from shelfcast.domain.errors import BadParameter
from shelfcast.replenish.formulas.checks import FloatArray, not_negative, numbers

SUM_TOLERANCE = 1e-6
"""How far the probabilities may be from adding up to one: a written table is rounded."""


@dataclass(frozen=True)
class Pmf:
    """Values in rising order and their probabilities; both float arrays of the same length."""

    values: FloatArray
    probabilities: FloatArray

    @classmethod
    def of(cls, given: Mapping[object, float] | Sequence[float] | Pmf) -> Pmf:
        """From a mapping value -> probability (text keys as JSON has them are read as numbers) or a list over 0, 1, 2...

        >>> Pmf.of({"0": 0.25, "3": 0.75}).mean
        2.25
        >>> Pmf.of([0.25, 0.5, 0.25]).mean
        1.0
        """
        if isinstance(given, Pmf):
            return given
        if isinstance(given, Mapping):
            pairs = sorted((_value(key), float(weight)) for key, weight in given.items())
            values = np.array([value for value, _ in pairs], dtype=np.float64)
            weights = [weight for _, weight in pairs]
        else:
            weights = [float(weight) for weight in given]
            values = np.arange(len(weights), dtype=np.float64)
        probabilities = not_negative("demand_pmf", weights)
        if values.size == 0:
            raise BadParameter("demand_pmf is empty; give at least one value with its probability.")
        if np.any(np.diff(values) == 0):
            raise BadParameter("demand_pmf names a value twice; give each value once.")
        total = float(probabilities.sum())
        if abs(total - 1.0) > SUM_TOLERANCE:
            raise BadParameter(f"demand_pmf adds up to {total:.9g}; the probabilities must add up to 1.")
        return cls(values, probabilities)

    @property
    def mean(self) -> float:
        return float(self.values @ self.probabilities)

    @property
    def variance(self) -> float:
        return float((self.values - self.mean) ** 2 @ self.probabilities)

    def quantile(self, level: float) -> float:
        """Smallest value whose cumulative probability reaches the level (equal up to rounding counts as reached)."""
        cumulative = np.cumsum(self.probabilities)
        at = int(np.searchsorted(cumulative, level - 1e-12, side="left"))
        return float(self.values[min(at, self.values.size - 1)])

    def dense(self) -> FloatArray:
        """Probabilities of 0, 1, 2, ... up to the largest value; the values must be whole and not negative."""
        if np.any(self.values < 0) or np.any(self.values != np.floor(self.values)):
            raise BadParameter("demand_pmf holds values that are negative or not whole; this policy counts units.")
        table = np.zeros(int(self.values[-1]) + 1)
        table[self.values.astype(np.int64)] = self.probabilities
        return table

    def convolved(self, times: int) -> Pmf:
        """Distribution of the sum of `times` independent draws."""
        table, one = np.ones(1), self.dense()
        for _ in range(times):
            table = np.convolve(table, one)
        return Pmf(np.arange(table.size, dtype=np.float64), table)


def _value(key: object) -> float:
    if not isinstance(key, int | float | str):
        raise BadParameter(f"demand_pmf has the key {key!r}; keys must be numbers.")
    return float(numbers("a key of demand_pmf", key))
