"""Compiled hashing of columns, a module of its own so that numba loads only when rows are hashed."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]


@njit(cache=True)
def fnv(offsets: NDArray[np.int64], data: NDArray[np.uint8]) -> Hashes:
    """FNV-1a of each text's UTF-8 bytes."""
    hashes = np.empty(len(offsets) - 1, np.uint64)
    for row in range(len(offsets) - 1):
        value = np.uint64(14695981039346656037)
        for place in range(offsets[row], offsets[row + 1]):
            value = (value ^ np.uint64(data[place])) * np.uint64(1099511628211)
        hashes[row] = value
    return hashes


@njit(cache=True)
def mix(value: np.uint64) -> np.uint64:
    """splitmix64's finaliser: every bit depends on every bit."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


@njit(cache=True)
def add_column(sums: Hashes, values: Hashes, seed: np.uint64, valid: NDArray[np.bool_]) -> None:
    for row in range(len(sums)):
        if valid[row]:
            sums[row] += mix(mix(values[row]) + seed)


@njit(cache=True)
def mixed(sums: Hashes) -> Hashes:
    result = np.empty_like(sums)
    for row in range(len(sums)):
        result[row] = mix(sums[row] + np.uint64(0x9E3779B97F4A7C15))
    return result
