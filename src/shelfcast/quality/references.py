"""Rows that refer to things that aren't there, and units an item can't be sold in. Nothing is taken out."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from shelfcast.domain.tables import Table
from shelfcast.quality.anomaly_context import ALL
from shelfcast.quality.findings import Finding, counting, listed
from shelfcast.quality.rule_book import RULES

RULE_OF = {"items": "unknown_item", "locations": "unknown_location"}


def check_references(rows: pl.LazyFrame, table: Table, known: Mapping[str, pl.Series]) -> list[Finding]:
    """One finding for each reference of the table.

    Args:
        rows: rows of the table.
        known: table -> the keys it holds. `*` (all) is known everywhere.
    """
    found = []
    for column, other in table.references:
        rule = RULE_OF.get(other, "unknown_reference")
        used = rows.group_by(column).agg(pl.len().alias("rows")).collect(engine="streaming").sort(column)
        strange = used.filter(~pl.col(column).is_in(known[other].implode()) & (pl.col(column) != ALL))
        total, failed = int(used["rows"].sum()), int(strange["rows"].sum())
        if not total:
            continue
        message = (
            f"{counting(failed, 'row')} of {table.name} name {counting(strange.height, other.removesuffix('s'))} that"
            f" {'is' if strange.height == 1 else 'are'} not described in {other}: {listed(strange[column].to_list())}."
            f" {RULES[rule].cure}"
            if failed
            else f"Every {column} of {table.name} is described in {other}."
        )
        found.append(Finding(table.name, rule, column, total, failed, message))
    return found


def described(rows: pl.DataFrame, table: Table) -> pl.Series:
    """Keys of a dimension about which something is said: a row with nothing but its key and defaults was made from
    facts, so that they can be used, and tells nobody what the item or location is."""
    telling = [c.name for c in table.columns if c.name not in table.key and not c.derived and not c.volatile]
    said = [
        pl.col(c).is_not_null() & (pl.col(c) != pl.lit(table.column(c).default)).fill_null(True)
        if table.column(c).default is not None
        else pl.col(c).is_not_null()
        for c in telling
    ]
    return rows.filter(pl.any_horizontal(said))[table.key[0]]


def check_whole_units(sales: pl.LazyFrame, items: pl.DataFrame) -> list[Finding]:
    """Fractions of a unit where the item's `unit_step` is 1 (or another whole number)."""
    step = items.select("item_id", pl.col("unit_step").fill_null(1.0)).unique("item_id", keep="first")
    broken = (pl.col("units") / pl.col("unit_step") - (pl.col("units") / pl.col("unit_step")).round()).abs() > 1e-6
    by_item = (
        sales.join(step.lazy(), on="item_id")
        .group_by("item_id")
        .agg(pl.len().alias("rows"), (broken & (pl.col("unit_step") >= 1)).sum().alias("failed"))
        .collect(engine="streaming")
        .sort("failed", "item_id", descending=[True, False])
    )
    total, failed = int(by_item["rows"].sum()), int(by_item["failed"].sum())
    if not total:
        return []
    names = by_item.filter(pl.col("failed") > 0)["item_id"].to_list()
    message = (
        f"{counting(failed, 'row')} sell fractions of {counting(len(names), 'item')} sold in whole units:"
        f" {listed(names)}. {RULES['fractional_units'].cure}"
        if failed
        else "Items sold in whole units have whole sales."
    )
    return [Finding("sales", "fractional_units", "units", total, failed, message)]


def check_prices_exist(series: pl.DataFrame, priced: pl.DataFrame) -> list[Finding]:
    """Series (item_id, location_id) that sold lately, against those that have a price (`*` counts for all)."""
    if series.is_empty() or priced.is_empty():
        return []
    everywhere = priced.filter(pl.col("location_id") == ALL).select("item_id")
    without = series.join(priced, on=["item_id", "location_id"], how="anti").join(everywhere, on="item_id", how="anti")
    names = without.sort("item_id", "location_id").select(pl.format("{} at {}", "item_id", "location_id")).to_series()
    message = (
        f"{without.height:,} of {series.height:,} series that sold in the last four"
        f" weeks have no price: {listed(names.to_list())}. {RULES['no_price'].cure}"
        if without.height
        else "Every series that sold in the last four weeks has a price."
    )
    return [Finding("prices", "no_price", "price", series.height, without.height, message)]
