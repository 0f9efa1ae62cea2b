"""Checks of formula inputs: what came, what is allowed, what to do."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from shelfcast.domain.errors import BadParameter

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Numbers = Any
"""A float for scalar input, a float array for array input: NumPy's own rule, which types can't say."""


def numbers(name: str, value: ArrayLike) -> FloatArray:
    """The value as finite floats, or an error naming the parameter."""
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise BadParameter(f"{name} is {value!r}; a number is needed.") from error
    if not np.all(np.isfinite(array)):
        raise BadParameter(f"{name} is {value!r}; it must be a finite number.")
    return array


def positive(name: str, value: ArrayLike) -> FloatArray:
    """The value as floats, every one above zero."""
    array = numbers(name, value)
    if np.any(array <= 0):
        raise BadParameter(f"{name} is {value!r}; it must be above 0.")
    return array


def not_negative(name: str, value: ArrayLike) -> FloatArray:
    """The value as floats, every one zero or above."""
    array = numbers(name, value)
    if np.any(array < 0):
        raise BadParameter(f"{name} is {value!r}; it must be 0 or above.")
    return array


def probability(name: str, value: ArrayLike) -> FloatArray:
    """The value as floats strictly between 0 and 1."""
    array = numbers(name, value)
    if np.any((array <= 0) | (array >= 1)):
        raise BadParameter(f"{name} is {value!r}; it must lie between 0 and 1, both excluded.")
    return array


def whole(name: str, value: float, *, least: int = 0) -> int:
    """The value as an int, or an error if it isn't a whole number of at least `least`."""
    number = float(numbers(name, value))
    if number != int(number) or number < least:
        raise BadParameter(f"{name} is {value!r}; it must be a whole number of at least {least}.")
    return int(number)
