"""Typed rows made from the table declarations, so that a column's type, unit and meaning are said once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

import polars as pl
from pydantic import Field, create_model

from shelfcast.domain.tables import Column, Table, Type, curated
from shelfcast.ports.platform import Platform
from shelfcast.serve.memory import standing
from shelfcast.serve.view import View

PYTHON: dict[Type, type] = {
    Type.TEXT: str, Type.INTEGER: int, Type.REAL: float, Type.FLAG: bool, Type.DAY: date, Type.INSTANT: datetime,
}  # fmt: skip


def row_model(name: str, table: Table, columns: Iterable[str], *, base: type[View] = View) -> Any:
    """A view with some columns of a table; what isn't required in the table may be null."""
    fields: dict[str, Any] = {}
    for column in (table.column(one) for one in columns):
        kind = PYTHON[column.type]
        needed = column.required or column.name in table.key
        fields[column.name] = (
            (kind, Field(description=_meaning(column)))
            if needed
            else (kind | None, Field(default=None, description=_meaning(column)))
        )
    return create_model(name, __base__=base, __doc__=table.meaning, **fields)


def _meaning(column: Column) -> str:
    return f"{column.meaning} ({column.unit})" if column.unit else column.meaning


def with_names(platform: Platform, rows: pl.LazyFrame) -> pl.LazyFrame:
    """Rows with item_name, category, department, brand, location_name, region where the dimensions have them."""
    items = standing(platform, curated.ITEMS).select(
        "item_id", pl.col("name").alias("item_name"), "department", "category", "brand"
    )
    places = standing(platform, curated.LOCATIONS).select(
        "location_id", pl.col("name").alias("location_name"), "region"
    )
    return rows.join(items, on="item_id", how="left").join(places, on="location_id", how="left")


def in_dimensions(
    platform: Platform, *, category: Sequence[str] = (), department: Sequence[str] = (), brand: Sequence[str] = (),
    region: Sequence[str] = (), search: str = "",
) -> pl.Expr | None:  # fmt: skip
    """A condition on item_id and location_id for wishes about the dimensions; None when there are none.

    `search` finds text in ids and names of items and locations, without regard to case; several words must all be found.
    """
    conditions: list[pl.Expr] = []
    items, places = standing(platform, curated.ITEMS), standing(platform, curated.LOCATIONS)
    wishes = [
        pl.col(n).is_in(list(v)) for n, v in (("category", category), ("department", department), ("brand", brand)) if v
    ]
    if wishes:
        found = items.filter(pl.all_horizontal(wishes)).select("item_id").collect()["item_id"]
        conditions.append(pl.col("item_id").is_in(found.implode()))
    if region:
        found = places.filter(pl.col("region").is_in(list(region))).select("location_id").collect()["location_id"]
        conditions.append(pl.col("location_id").is_in(found.implode()))
    for word in search.lower().split():
        item = items.filter(_holds(word, "item_id", "name")).select("item_id").collect()["item_id"]
        place = places.filter(_holds(word, "location_id", "name")).select("location_id").collect()["location_id"]
        here = pl.col("item_id").str.to_lowercase().str.contains(word, literal=True)
        there = pl.col("location_id").str.to_lowercase().str.contains(word, literal=True)
        named = pl.col("item_id").is_in(item.implode()) | pl.col("location_id").is_in(place.implode())
        conditions.append(here | there | named)
    return pl.all_horizontal(conditions) if conditions else None


def _holds(word: str, *columns: str) -> pl.Expr:
    return pl.any_horizontal(
        pl.col(one).fill_null("").str.to_lowercase().str.contains(word, literal=True) for one in columns
    )
