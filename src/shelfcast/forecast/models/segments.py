"""Segments of demand by how often and how evenly it comes (Syntetos, Boylan and Croston 2005)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]

SEGMENTS: tuple[str, ...] = ("short", "smooth", "erratic", "intermittent", "lumpy")
"""Order matters: codes index it, and those from `intermittent` on are sparse."""
_INTERVAL, _VARIATION, _SHORT = 1.32, 0.49, 8


def demand_segments(target: Floats, last: int = 400) -> NDArray[np.int64]:
    """Code in `SEGMENTS` of each series, from its last `last` periods (series, T), NaN where missing.

    Mean interval between sales above 1.32 periods: sparse; squared variation of the sizes of sales above 0.49: uneven.
    Under 8 known periods: short.

    >>> [SEGMENTS[code] for code in demand_segments(np.array([[3.0, 4.0] * 6, [0.0, 2.0] * 6, [1.0] + [np.nan] * 11]))]
    ['smooth', 'intermittent', 'short']
    """
    recent = target[:, -last:]
    known = np.isfinite(recent)
    sold = known & (recent != 0.0)
    periods, sales = known.sum(axis=1), sold.sum(axis=1)
    sizes = np.where(sold, recent, 0.0)
    mean = sizes.sum(axis=1) / np.maximum(sales, 1)
    square = (sizes**2).sum(axis=1) / np.maximum(sales, 1)
    variation = np.where(mean != 0.0, square / np.where(mean != 0.0, mean, 1.0) ** 2 - 1.0, 0.0)
    sparse = periods > _INTERVAL * sales
    codes = 1 + 2 * sparse.astype(np.int64) + (variation > _VARIATION)
    return np.where(periods < _SHORT, 0, codes)
