"""Cursor paging over a sorted table: stable while rows are added, cheap at any depth."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from shelfcast.domain.errors import BadParameter


@dataclass(frozen=True)
class Page:
    """`next` is the cursor of the following page; empty on the last."""

    rows: list[dict[str, Any]]
    next: str


def page(rows: pl.LazyFrame, key: Sequence[str], limit: int, cursor: str = "", *, sorted_already: bool = False) -> Page:
    """Rows after the cursor in the order of `key`, at most `limit`.

    Raises:
        BadParameter: the cursor isn't one of ours.
    """
    names = list(key)
    if cursor:
        rows = rows.filter(_after(names, _decode(cursor, len(names))))
    found = (rows if sorted_already else rows.sort(names)).head(limit + 1).collect()
    more = found.height > limit
    found = found.head(limit)
    following = _encode([found.item(-1, name) for name in names]) if more else ""
    return Page(found.to_dicts(), following)


def cursor_of(values: Sequence[Any]) -> str:
    """The cursor that stands for the last row's key."""
    return _encode(values)


def key_of(cursor: str, length: int) -> list[Any]:
    """The key a cursor stands for.

    Raises:
        BadParameter: the cursor isn't one of ours.
    """
    return _decode(cursor, length)


def _after(key: Sequence[str], values: Sequence[Any]) -> pl.Expr:
    """Rows whose key comes after `values` in lexicographic order."""
    result = pl.lit(False)
    equal = pl.lit(True)
    for name, value in zip(key, values, strict=True):
        result = result | (equal & (pl.col(name) > value))
        equal = equal & (pl.col(name) == value)
    return result


def _encode(values: Sequence[Any]) -> str:
    text = json.dumps([{"d": one.isoformat()} if isinstance(one, date) else one for one in values])
    return base64.urlsafe_b64encode(text.encode()).decode()


def _decode(cursor: str, length: int) -> list[Any]:
    try:
        values = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        if not isinstance(values, list) or len(values) != length:
            raise ValueError("wrong length")
        return [date.fromisoformat(one["d"]) if isinstance(one, dict) else one for one in values]
    except (ValueError, KeyError, TypeError) as error:
        raise BadParameter(
            f"cursor {cursor[:40]!r} is not one of ours. Use the `next` value of the page before, or none."
        ) from error
