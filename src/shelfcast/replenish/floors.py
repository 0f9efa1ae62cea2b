"""What lifts or lowers the level beside demand: shelf presentation, new and ending items. Promotions: `promotions`."""

from __future__ import annotations

import numpy as np

from shelfcast.replenish.terms import Columns, Floats, Integers


def with_presentation(level: Floats, window_mean: Floats, presentation: Floats) -> Floats:
    """max(S, M + presentation): the shelf's own stock serves as safety stock, the two are not added.

    >>> with_presentation(np.array([20.0]), np.array([11.5]), np.array([12.0]))
    array([23.5])
    """
    return np.where(presentation > 0.0, np.maximum(level, window_mean + presentation), level)


def days_on_sale(lines: Columns) -> Integers:
    """Selling days so far; a large number where the start isn't known."""
    start = np.maximum(lines["start_date"], lines["launch"])
    return np.asarray(1 - start)


def demand_until_end(window_mean: Floats, daily_rate: Floats, window_days: Integers, end_day: Integers) -> Floats:
    """Mean demand from tomorrow to the last selling day, as far as the window reaches or beyond it at the daily rate."""
    days = np.clip(end_day, 0, None)
    inside = window_mean * np.minimum(days, window_days) / np.maximum(window_days, 1)
    return np.asarray(inside + daily_rate * np.maximum(days - window_days, 0))
