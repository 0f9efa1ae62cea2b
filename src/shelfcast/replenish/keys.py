"""Items, locations and item-locations as numbers, so that a million rows join in milliseconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

Integers = NDArray[np.int64]
NOT_FOUND = -1
ALL = "*"
"""Stands for every item, location, source or destination."""


def codes_of(values: pl.Series, names: pl.Series) -> Integers:
    """Position of each value in the sorted `names`; -1 where it isn't among them."""
    if not len(names):
        return np.full(len(values), NOT_FOUND, dtype=np.int64)
    codes = values.cast(pl.Enum(names), strict=False).to_physical()
    return codes.cast(pl.Int64).fill_null(NOT_FOUND).to_numpy()


@dataclass(frozen=True)
class Keys:
    """The item-locations of a run, sorted, numbered from 0 (their `row`).

    `items` and `locations` are sorted names; `pairs` the sorted numbers item code * number of locations + location code.
    """

    items: pl.Series
    locations: pl.Series
    pairs: Integers

    @classmethod
    def of(cls, pairs: pl.DataFrame) -> Keys:
        """Keys of every distinct (item_id, location_id) of a frame, whatever its order."""
        items = pairs["item_id"].unique().sort()
        locations = pairs["location_id"].unique().sort()
        whole = cls(items, locations, np.empty(0, dtype=np.int64))
        return cls(items, locations, distinct(whole.numbers(pairs["item_id"], pairs["location_id"])))

    @property
    def size(self) -> int:
        return len(self.pairs)

    def numbers(self, items: pl.Series, locations: pl.Series) -> Integers:
        """Number of each pair; -1 where item or location is unknown."""
        item, location = codes_of(items, self.items), codes_of(locations, self.locations)
        return np.where((item < 0) | (location < 0), NOT_FOUND, item * len(self.locations) + location)

    def rows(self, items: pl.Series, locations: pl.Series) -> Integers:
        """Row of each pair; -1 where it isn't one of the run."""
        return find(self.pairs, self.numbers(items, locations))

    @cached_property
    def item_codes(self) -> Integers:
        return self.pairs // max(1, len(self.locations))

    @cached_property
    def location_codes(self) -> Integers:
        return self.pairs % max(1, len(self.locations))

    def frame(self) -> pl.DataFrame:
        """Columns row, item_id, location_id, in row order."""
        return pl.DataFrame(
            {
                "row": np.arange(self.size, dtype=np.int64),
                "item_id": gather(self.items, self.item_codes),
                "location_id": gather(self.locations, self.location_codes),
            }
        )


def find(sorted_values: Integers, wanted: Integers) -> Integers:
    """Position of each wanted number among sorted distinct ones; -1 where it isn't there."""
    if not len(sorted_values):
        return np.full(len(wanted), NOT_FOUND, dtype=np.int64)
    place = np.minimum(np.searchsorted(sorted_values, wanted), len(sorted_values) - 1)
    return np.where(sorted_values[place] == wanted, place, NOT_FOUND)


def gather(values: pl.Series, codes: Integers) -> pl.Series:
    """values[codes]; null where the code is negative."""
    index = pl.Series(codes)
    return values.gather(index.set(index < 0, None).cast(pl.UInt32))


def groups(columns: Sequence[Integers]) -> tuple[Integers, int]:
    """(group number of each line, number of groups) for lines that agree on every column; numbered in sorted order."""
    number = np.zeros(len(columns[0]), dtype=np.int64)
    values = np.zeros(min(1, len(number)), dtype=np.int64)
    for column in columns:
        kinds, code = ranked(column)
        values, number = ranked(number * max(1, len(kinds)) + code)
    return number, len(values)


def ranked(numbers: Integers) -> tuple[Integers, Integers]:
    """(sorted distinct numbers, position of each number among them).

    >>> ranked(np.array([7, 3, 7]))
    (array([3, 7]), array([1, 0, 1]))
    """
    values = distinct(numbers)
    return values, np.searchsorted(values, numbers).astype(np.int64)


def distinct(numbers: Integers) -> Integers:
    """Sorted distinct numbers: by a flag each where their range is small, else by sorting."""
    if not len(numbers):
        return np.empty(0, dtype=np.int64)
    low = int(numbers.min())
    span = int(numbers.max()) - low + 1
    if span > 20 * len(numbers) + 1000:
        return pl.Series(numbers).unique().sort().to_numpy().astype(np.int64)
    there = np.zeros(span, dtype=np.bool_)
    there[numbers - low] = True
    return np.flatnonzero(there).astype(np.int64) + low
