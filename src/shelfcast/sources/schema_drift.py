"""Columns of a source, now and before: a new one is kept and told, a removed or retyped one stops that source's table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

NUMBER, FLAG, TIME, TEXT, NESTED, UNKNOWN = "number", "flag", "time", "text", "lists or objects", "unknown"


@dataclass(frozen=True)
class Drift:
    """What has changed about a source's columns."""

    new: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    retyped: tuple[tuple[str, str, str], ...] = ()
    """(column, kind before, kind now)."""

    @property
    def stops(self) -> bool:
        return bool(self.removed or self.retyped)

    def said(self) -> str:
        """The sentence a person reads; empty where nothing has changed."""
        parts = [f"new column {', '.join(self.new)}"] if self.new else []
        parts += [f"column {', '.join(self.removed)} is gone"] if self.removed else []
        parts += [f"column {name} was {before} and is {now}" for name, before, now in self.retyped]
        return "; ".join(parts)


def kinds_of(frame: pl.DataFrame) -> dict[str, str]:
    """What each column holds: by its type, and for text by what the values look like.

    >>> kinds_of(pl.DataFrame({"a": ["1", "2.5"], "b": ["x", "1"], "c": [None, None]}))
    {'a': 'number', 'b': 'text', 'c': 'unknown'}
    """
    return {name: _kind(frame[name]) for name in frame.columns}


def _kind(values: pl.Series) -> str:
    if values.null_count() == values.len():
        return UNKNOWN
    if values.dtype.is_numeric() or values.dtype.is_decimal():
        return NUMBER
    if values.dtype == pl.Boolean:
        return FLAG
    if values.dtype.is_temporal():
        return TIME
    if values.dtype.is_nested():
        return NESTED
    text = values.cast(pl.String).str.strip_chars()
    given = text.filter((text != "").fill_null(False)).head(10_000)
    if given.is_empty():
        return UNKNOWN
    looks = given.str.contains(r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}|$)")
    for kind, fits in ((NUMBER, given.cast(pl.Float64, strict=False).is_not_null()), (TIME, looks)):
        if fits.all():
            return kind
        # Some broken cells don't change what a column is (they go to the quarantine), nor do they say what it is.
        if fits.sum() * 2 > fits.len():
            return UNKNOWN
    return TEXT


def drift(before: Mapping[str, str], now: Mapping[str, str]) -> Drift:
    """Changes of columns (name -> kind). Codes that happened to be numbers may become text; a number may not.

    >>> drift({"a": "number", "b": "text"}, {"b": "number", "c": "text"}).said()
    'new column c; column a is gone'
    """
    if not before:
        return Drift()
    retyped = tuple(
        (name, before[name], now[name])
        for name in before
        if name in now
        and UNKNOWN not in (before[name], now[name])
        and before[name] != now[name]
        and before[name] != TEXT
    )
    return Drift(tuple(n for n in now if n not in before), tuple(n for n in before if n not in now), retyped)


def remembered(before: Mapping[str, str], now: Mapping[str, str]) -> dict[str, str]:
    """Kinds to compare the next load with: a column that was all empty keeps what it was, text stays text."""
    merged = dict(now)
    for name, kind in before.items():
        if name in now and (now[name] == UNKNOWN or kind == TEXT):
            merged[name] = kind
    return merged
