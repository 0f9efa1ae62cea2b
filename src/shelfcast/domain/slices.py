"""A slice: which rows of a table a write replaces, said without SQL or a library's expressions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

import polars as pl

Value = str | int | float | bool | date | datetime


@dataclass(frozen=True)
class Condition:
    """One comparison. For `in` the value is a tuple of values."""

    column: str
    op: Literal["=", ">=", "<", "in"]
    value: Value | tuple[Value, ...]

    def to_polars(self) -> pl.Expr:
        column = pl.col(self.column)
        value: Any = self.value
        match self.op:
            case "=":
                return column == value
            case ">=":
                return column >= value
            case "<":
                return column < value
            case "in":
                return column.is_in(list(value))


@dataclass(frozen=True)
class Slice:
    """Rows that meet every condition; no condition means the whole table."""

    conditions: tuple[Condition, ...] = ()

    @classmethod
    def of(cls, **equal: Value) -> Slice:
        """`Slice.of(cutoff=day, scenario="base")`: rows equal on every named column."""
        return cls(tuple(Condition(column, "=", value) for column, value in equal.items()))

    @classmethod
    def between(cls, column: str, low: Value, high: Value) -> Slice:
        """low <= column < high."""
        return cls((Condition(column, ">=", low), Condition(column, "<", high)))

    @classmethod
    def among(cls, column: str, values: Sequence[Value]) -> Slice:
        return cls((Condition(column, "in", tuple(values)),))

    def __and__(self, other: Slice) -> Slice:
        return Slice((*self.conditions, *other.conditions))

    def to_polars(self) -> pl.Expr:
        result = pl.lit(True)
        for condition in self.conditions:
            result = result & condition.to_polars()
        return result
