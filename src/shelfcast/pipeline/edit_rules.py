"""Business rules: set one from a day on, end one, and say beforehand what it would change in tonight's orders.

A rule is never written over: a new value from a day on is a new row, so `rules` is its own history.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import polars as pl

from shelfcast.domain.errors import BadParameter, NotFound
from shelfcast.domain.tables import results, supply
from shelfcast.lake.merge import merge
from shelfcast.pipeline import audit_changes
from shelfcast.pipeline.newest import newest_cutoff
from shelfcast.pipeline.plan_orders import read_inputs
from shelfcast.ports.platform import Platform
from shelfcast.replenish.inputs import EngineSettings
from shelfcast.replenish.order_lines import propose_orders
from shelfcast.replenish.parameters import PARAMETERS
from shelfcast.replenish.rules import SCOPES

KEY = supply.RULES.key
EVERYTHING = "*"
SHOWN_LINES = 200


@dataclass(frozen=True)
class Rule:
    """A rule somebody sets."""

    scope: str
    scope_value: str
    item_id: str
    location_id: str
    parameter: str
    value: str
    valid_from: date
    valid_to: date | None = None
    reason: str = ""

    def check(self) -> None:
        """
        Raises:
            BadParameter: what isn't allowed.
        """
        if self.scope not in SCOPES:
            raise BadParameter.unknown("scope", self.scope, SCOPES)
        if self.parameter not in PARAMETERS:
            raise BadParameter.unknown("parameter", self.parameter, PARAMETERS)
        PARAMETERS[self.parameter].check_scope(self.scope)
        PARAMETERS[self.parameter].parse(self.value)
        named = {
            "location": self.scope_value,
            "supplier": self.scope_value,
            "category": self.scope_value,
            "item": self.item_id,
        }
        if named.get(self.scope, "x") in ("", EVERYTHING):
            what = "item_id" if self.scope == "item" else "scope_value"
            raise BadParameter(f"a rule of scope {self.scope} needs {what}: which {self.scope} is it for?")
        if self.scope == "item_location" and EVERYTHING in (self.item_id or EVERYTHING, self.location_id or EVERYTHING):
            raise BadParameter("a rule of scope item_location needs item_id and location_id.")
        if self.valid_to is not None and self.valid_to < self.valid_from:
            raise BadParameter(f"the rule ends on {self.valid_to}, before it begins on {self.valid_from}.")

    def row(self, who: str) -> pl.DataFrame:
        body = {**vars(self), "changed_by": who}
        for name in ("scope_value", "item_id", "location_id"):
            body[name] = body[name] or EVERYTHING
        schema = {name: supply.RULES.column(name).type.polars for name in body}
        return pl.DataFrame([body], schema=schema)


@dataclass(frozen=True)
class LineChange:
    """What a rule does to one order line of tonight."""

    item_id: str
    location_id: str
    source_id: str
    qty: float
    qty_after: float
    value: float
    value_after: float


@dataclass(frozen=True)
class RuleEffect:
    """What a rule would change in the orders of the newest cutoff."""

    cutoff: date
    lines: int
    units: float
    units_after: float
    value: float
    value_after: float
    changed: tuple[LineChange, ...]
    """Lines that change most."""


def set_rule(platform: Platform, who: str, rule: Rule) -> None:
    """Write a rule; the same key (scope, parameter, first day) replaces the row, another day adds one.

    Raises:
        BadParameter: see `Rule.check`.
    """
    rule.check()
    if not rule.reason.strip():
        raise BadParameter("a rule needs a reason; those who come after you will ask.")
    merge(platform.tables, supply.RULES, rule.row(who), received_at=platform.clock.now())
    detail = {name: str(value) for name, value in vars(rule).items() if value not in ("", None)}
    audit_changes.note(platform, who, "rule.set", _named(rule), **detail)


def end_rule(platform: Platform, who: str, key: Mapping[str, Any], last: date, reason: str) -> None:
    """Let a rule hold up to a day.

    Raises:
        NotFound: no such rule.
        BadParameter: the day lies before the rule's first.
    """
    row = _find(platform, key)
    if last < row["valid_from"]:
        raise BadParameter(
            f"the rule begins on {row['valid_from']}; it can't end on {last}. It then never holds: set it anew instead."
        )
    rule = Rule(**{name: row[name] for name in Rule.__dataclass_fields__} | {"valid_to": last, "reason": reason})
    merge(platform.tables, supply.RULES, rule.row(who), received_at=platform.clock.now())
    audit_changes.note(platform, who, "rule.end", _named(rule), last=last.isoformat(), reason=reason)


def effect(platform: Platform, rule: Rule, *, frequency: str = "D") -> RuleEffect:
    """Tonight's orders with and without the rule, as if it held from the cutoff on. Nothing is written.

    Raises:
        BadParameter: see `Rule.check`.
        NotReady: no forecasts yet.
    """
    rule.check()
    cutoff = newest_cutoff(platform, results.FORECASTS)
    inputs = read_inputs(platform, cutoff)
    engine = EngineSettings(period_days=7 if frequency == "W" else 1)
    row = supply.RULES.conform(replace(rule, valid_from=cutoff, valid_to=None).row("what if"))
    rules = supply.RULES.conform(inputs.rules)
    same = [pl.col(name) == row[name][0] for name in KEY if name != "valid_from"]
    later = pl.all_horizontal(same) & (pl.col("valid_from") >= cutoff)
    changed = replace(inputs, rules=pl.concat([rules.filter(~later), row]))
    before = propose_orders(inputs, cutoff, engine).order_lines
    after = propose_orders(changed, cutoff, engine).order_lines
    key = ["item_id", "location_id", "source_id"]
    both = (
        before.select(*key, "qty", "value")
        .join(after.select(*key, "qty", "value"), on=key, how="full", suffix="_after", coalesce=True)
        .with_columns(pl.col("qty", "qty_after", "value", "value_after").fill_null(0.0))
    )
    differ = both.filter((pl.col("qty") - pl.col("qty_after")).abs() > 1e-9)
    shown = differ.sort((pl.col("value") - pl.col("value_after")).abs(), *key, descending=[True, False, False, False])
    return RuleEffect(
        cutoff, differ.height, float(both["qty"].sum()), float(both["qty_after"].sum()), float(both["value"].sum()),
        float(both["value_after"].sum()), tuple(LineChange(**one) for one in shown.head(SHOWN_LINES).iter_rows(named=True)),
    )  # fmt: skip


def _find(platform: Platform, key: Mapping[str, Any]) -> dict[str, Any]:
    where = [pl.col(name) == (key.get(name) or EVERYTHING if name != "valid_from" else key[name]) for name in KEY]
    rows = platform.tables.scan(supply.RULES).filter(pl.all_horizontal(where)).collect()
    if not rows.height:
        raise NotFound("there is no such rule. List them at /v1/rules.")
    return rows.row(0, named=True)


def _named(rule: Rule) -> str:
    whom = {"item": rule.item_id, "item_location": f"{rule.item_id}@{rule.location_id}"}.get(
        rule.scope, rule.scope_value
    )
    return f"{rule.parameter} {rule.scope} {whom}".strip()
