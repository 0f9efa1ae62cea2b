"""Business rules as the app shows them: parameters, rules that hold, their history."""

from __future__ import annotations

from datetime import date
from typing import Literal

import polars as pl

from shelfcast.domain.tables import supply
from shelfcast.ports.platform import Platform
from shelfcast.replenish.rules import parameter_table
from shelfcast.serve.view import View

Scope = Literal["default", "location", "supplier", "category", "item", "item_location"]


class ParameterView(View):
    """Something a rule can set."""

    parameter: str
    type: Literal["number", "choice", "flag"]
    default: str
    unit: str
    minimum: float | None = None
    maximum: float | None = None
    allowed: list[str]
    meaning: str


class RuleView(View):
    """A rule: the narrowest one that holds on a day wins."""

    scope: Scope
    scope_value: str
    item_id: str
    location_id: str
    parameter: str
    value: str
    valid_from: date
    valid_to: date | None = None
    changed_by: str | None = None
    reason: str | None = None
    holds: bool
    """Whether it holds on the day asked for."""


def parameters() -> list[ParameterView]:
    return [
        ParameterView(**{**one, "allowed": [name for name in one["allowed"].split(", ") if name]})
        for one in parameter_table().iter_rows(named=True)
    ]


def rules(
    platform: Platform, on: date, *, parameter: str = "", scope: str = "", value: str = "", history: bool = False
) -> list[RuleView]:
    """Rules that hold on a day; with `history` also past, later and superseded ones. `value`: whom the rule is for."""
    rows = platform.tables.scan(supply.RULES)
    if parameter:
        rows = rows.filter(pl.col("parameter") == parameter)
    if scope:
        rows = rows.filter(pl.col("scope") == scope)
    if value:
        rows = rows.filter(
            (pl.col("scope_value") == value) | (pl.col("item_id") == value) | (pl.col("location_id") == value)
        )
    valid = (pl.col("valid_from") <= on) & (pl.col("valid_to").is_null() | (pl.col("valid_to") >= on))
    whom = ["parameter", "scope", "scope_value", "item_id", "location_id"]
    found = rows.with_columns(valid.alias("valid")).with_columns(
        (
            pl.col("valid") & (pl.col("valid_from") == pl.col("valid_from").filter(pl.col("valid")).max().over(whom))
        ).alias("holds")
    )
    if not history:
        found = found.filter(pl.col("holds"))
    table = found.sort(*whom, "valid_from").collect()
    names = [name for name in RuleView.model_fields if name in table.columns]
    return [RuleView(**one) for one in table.select(names).iter_rows(named=True)]
