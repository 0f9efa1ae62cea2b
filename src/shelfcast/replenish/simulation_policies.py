"""Policies the simulator can play: a type per rule, each with its levels per item or per item and day.

Levels are numbers, one per item (n,), or one per item and day (n, T): what any source - a formula, the nightly target
code, a planner - wants on that day. NaN on a day means: nothing is decided that day, no order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from shelfcast.domain.errors import BadParameter
from shelfcast.replenish.formulas.checks import FloatArray

UP_TO, AT_OR_BELOW, BELOW, PACKS_TO, LOTS_ABOVE = range(5)


class Policy(Protocol):
    """What the simulator needs of a policy: a rule number and its two levels as (n or 1, T or 1) tables."""

    @property
    def rule(self) -> int: ...

    def levels(self, items: int, days: int) -> tuple[FloatArray, FloatArray]: ...


@dataclass(frozen=True)
class OrderUpTo:
    """(R,S): every review, order S - position. The base-stock policy, and `cover` with S = mean x days."""

    order_up_to_level: ArrayLike
    rule: int = UP_TO

    def levels(self, items: int, days: int) -> tuple[FloatArray, FloatArray]:
        level = table("order_up_to_level", self.order_up_to_level, items, days)
        return level, level


@dataclass(frozen=True)
class ReorderPointOrderUpTo:
    """(R,s,S): when the position is at or below s, order up to S."""

    reorder_point: ArrayLike
    order_up_to_level: ArrayLike
    rule: int = AT_OR_BELOW

    def levels(self, items: int, days: int) -> tuple[FloatArray, FloatArray]:
        return (
            table("reorder_point", self.reorder_point, items, days),
            table("order_up_to_level", self.order_up_to_level, items, days),
        )


@dataclass(frozen=True)
class MinMax:
    """When the position is below the minimum, order up to the maximum."""

    minimum: ArrayLike
    maximum: ArrayLike
    rule: int = BELOW

    def levels(self, items: int, days: int) -> tuple[FloatArray, FloatArray]:
        return table("minimum", self.minimum, items, days), table("maximum", self.maximum, items, days)


@dataclass(frozen=True)
class ReorderLevelPacks:
    """(R,s,nQ): when the position is below s, order the fewest packs that bring it to s or above."""

    reorder_level: ArrayLike
    rule: int = PACKS_TO

    def levels(self, items: int, days: int) -> tuple[FloatArray, FloatArray]:
        level = table("reorder_level", self.reorder_level, items, days)
        return level, level


@dataclass(frozen=True)
class ReorderPointQuantity:
    """(r,Q): when the position is at or below r, order the fewest lots of Q that bring it above r."""

    reorder_point: ArrayLike
    order_quantity: ArrayLike
    rule: int = LOTS_ABOVE

    def levels(self, items: int, days: int) -> tuple[FloatArray, FloatArray]:
        quantity = table("order_quantity", self.order_quantity, items, days)
        if np.any(quantity <= 0):
            raise BadParameter("order_quantity must be above 0 for every item.")
        return table("reorder_point", self.reorder_point, items, days), quantity


def cover(mean_daily_demand: ArrayLike, cover_days: ArrayLike) -> OrderUpTo:
    """Order up to so many days of expected demand: `mean_daily_demand` (n,) or (n, T), `cover_days` a number or (n,)."""
    mean, days = np.asarray(mean_daily_demand, dtype=np.float64), np.asarray(cover_days, dtype=np.float64)
    return OrderUpTo(mean * (days[:, None] if mean.ndim == 2 and days.ndim == 1 else days))


def table(name: str, given: ArrayLike, items: int, days: int) -> FloatArray:
    """A number, (n,), (n, 1), (1, T) or (n, T) as a 2-D table the kernel can index; anything else is an error."""
    values = np.asarray(given, dtype=np.float64)
    if values.ndim == 0:
        values = values.reshape(1, 1)
    elif values.ndim == 1:
        values = values[:, None]
    if values.ndim != 2 or values.shape[0] not in (1, items) or values.shape[1] not in (1, days):
        raise BadParameter(
            f"{name} has the shape {np.shape(given)}; give one number, one per item ({items}), "
            f"or one per item and day ({items}, {days})."
        )
    return np.ascontiguousarray(values)
