"""What doesn't change: hierarchy and attributes of items and locations."""

from __future__ import annotations

import numpy as np
import polars as pl

from shelfcast.features.grid import lookup
from shelfcast.features.panel import Covariate, Measure, Role

ITEM_COLUMNS = ("department", "category", "subcategory", "brand")
LOCATION_COLUMNS = ("location_id", "region", "city", "location_type")
MOST_CATEGORIES = 2000

Learned = tuple[tuple[str, tuple[str, ...]], ...]


def learn(items: pl.DataFrame, locations: pl.DataFrame, attributes: pl.DataFrame) -> Learned:
    """Static covariates that tell series apart, with their categories; an attribute that is all numbers is a number."""
    found: list[tuple[str, tuple[str, ...]]] = []
    for frame, columns in ((items, ITEM_COLUMNS), (locations, LOCATION_COLUMNS)):
        for name in columns:
            values = frame[name].drop_nulls().unique().sort()
            if 1 < len(values) <= MOST_CATEGORIES:
                found.append((name, tuple(values)))
    for (entity, name), rows in sorted(attributes.group_by("entity", "attribute"), key=lambda one: one[0]):
        if rows["number"].null_count() == 0:
            found.append((f"{entity}:{name}", ()))
        elif 1 < (categories := rows["value"].drop_nulls().unique().sort()).len() <= MOST_CATEGORIES:
            found.append((f"{entity}:{name}", tuple(categories)))
    return tuple(found)


def covariates(
    keys: pl.DataFrame, items: pl.DataFrame, locations: pl.DataFrame, attributes: pl.DataFrame, learned: Learned
) -> list[Covariate]:
    """The learned static covariates of a partition's series."""
    made = []
    for name, categories in learned:
        values = _values(keys, items, locations, attributes, name, numeric=not categories)
        if categories:
            code = lookup(values.cast(pl.String), pl.Series(categories)).astype(np.float32)
            column = np.where(code >= 0, code, np.nan)
            measure = Measure.CATEGORY
        else:
            column, measure = values.cast(pl.Float64).to_numpy(), Measure.NUMBER
        made.append(
            Covariate(
                name,
                Role.STATIC,
                measure,
                column.astype(np.float32)[:, None],
                np.arange(keys.height),
                categories,
                driver="level",
            )
        )
    return made


def _values(
    keys: pl.DataFrame,
    items: pl.DataFrame,
    locations: pl.DataFrame,
    attributes: pl.DataFrame,
    name: str,
    *,
    numeric: bool,
) -> pl.Series:
    if ":" in name:
        entity, attribute = name.split(":", 1)
        column = f"{entity}_id"
        rows = attributes.filter((pl.col("entity") == entity) & (pl.col("attribute") == attribute))
        told = rows.select(pl.col("entity_id").alias(column), pl.col("number" if numeric else "value").alias("told"))
    elif name in ITEM_COLUMNS:
        column, told = "item_id", items.select("item_id", pl.col(name).alias("told"))
    else:
        column, told = "location_id", locations.select("location_id", pl.col(name).alias("told"))
    return keys.join(told, on=column, how="left", maintain_order="left")["told"]
