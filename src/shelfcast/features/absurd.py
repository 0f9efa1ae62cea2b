"""Units nobody can have sold: a slip of a key or a broken feed, not demand.

A million of yoghurt on a Tuesday ruins the mean, the scale and the accuracy of its series. Such a cell stays in the
lake and in the quality report (`spike`); to the models it's missing.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from shelfcast.features.panel import Floats

TIMES = 50.0
"""A day is not believed beyond so many times the series' usual large day. Festivals and promotions stay far below."""
FEWEST_SALES = 10
"""Sales days by which a usual large day is judged; with fewer, everything is believed."""
LARGE = 0.9
EVIDENCE = "absurd"


@njit(cache=True)
def absurd_cells(units: Floats) -> NDArray[np.bool_]:
    """Cells of (series, T) units, NaN where missing, beyond `TIMES` the 90th percentile of the series' days with sales.

    >>> days = np.array([[3.0, 4.0] * 10 + [1_000_000.0, -9_000.0, 100.0]])
    >>> np.flatnonzero(absurd_cells(days)).tolist()
    [20, 21]
    """
    found = np.zeros(units.shape, dtype=np.bool_)
    for row in range(units.shape[0]):
        size, largest = 0, 0.0
        for value in units[row]:
            if np.isfinite(value) and value != 0.0:
                size += 1
                largest = max(largest, abs(value))
        if size < FEWEST_SALES:
            continue
        sizes = np.empty(size)
        at = 0
        for value in units[row]:
            if np.isfinite(value) and value != 0.0:
                sizes[at] = abs(value)
                at += 1
        limit = TIMES * np.partition(sizes, int(LARGE * (size - 1)))[int(LARGE * (size - 1))]
        if largest <= limit:
            continue
        for column in range(units.shape[1]):
            found[row, column] = abs(units[row, column]) > limit
    return found
