"""The quantile grid every forecast carries, and the names of its columns."""

from __future__ import annotations

from collections.abc import Sequence

GRID: tuple[float, ...] = (0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.975, 0.99)
"""Levels of the full grid: value not exceeded with the given probability."""


def column(level: float) -> str:
    """Column name of a quantile level, per mille.

    >>> column(0.5), column(0.025), column(0.99)
    ('q500', 'q025', 'q990')
    """
    return f"q{round(level * 1000):03d}"


def level(name: str) -> float:
    """Level of a quantile column: the inverse of `column`.

    >>> level("q975")
    0.975
    """
    return int(name[1:]) / 1000


def columns(levels: Sequence[float] = GRID) -> list[str]:
    return [column(one) for one in levels]


COLUMNS: tuple[str, ...] = tuple(columns())
