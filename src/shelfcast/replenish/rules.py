"""Which business rule holds for which order line: the narrowest valid one, and the line says which it was.

default < location < supplier < category < item < item_location
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shelfcast.domain.errors import BadParameter
from shelfcast.replenish.keys import Keys, codes_of, find, gather, ranked
from shelfcast.replenish.parameters import PARAMETERS, ParameterType

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

SCOPES = ("default", "location", "supplier", "category", "item", "item_location")
"""From the widest to the narrowest."""

SHOWN = ("policy", "target_type")
"""Parameters every line names, even where only the declared default holds."""


@dataclass(frozen=True)
class LineScopes:
    """What each line belongs to, as codes (-1: nothing)."""

    keys: Keys
    row: Integers
    source: Integers
    category: Integers
    source_names: pl.Series
    category_names: pl.Series


@dataclass(frozen=True)
class Resolved:
    """Parameters of some lines. Those no rule sets are one number for all."""

    size: int
    rules: pl.DataFrame
    values: dict[str, Floats] = field(default_factory=dict)
    winners: dict[str, Integers] = field(default_factory=dict)

    def number(self, name: str) -> Floats:
        """The parameter of each line; NaN where it isn't set. Read only."""
        if name in self.values:
            return self.values[name]
        return np.broadcast_to(np.float64(PARAMETERS[name].default_number), self.size)

    def one(self, name: str) -> float:
        """A parameter that holds for a whole run: its default-scope value."""
        ruled = self.rules.filter((pl.col("parameter") == name) & (pl.col("scope") == "default"))
        return float(ruled["number"][-1]) if ruled.height else PARAMETERS[name].default_number

    def flag(self, name: str) -> NDArray[np.bool_]:
        return self.number(name) > 0.5

    def is_choice(self, name: str, choice: str) -> NDArray[np.bool_]:
        """Lines whose choice is this one."""
        return self.number(name) == PARAMETERS[name].allowed.index(choice)

    def ruled(self, name: str) -> NDArray[np.bool_]:
        """Lines for which a rule (not the declared default) sets the parameter."""
        return self.winners[name] >= 0 if name in self.winners else np.zeros(self.size, dtype=np.bool_)

    def take(self, lines: Integers) -> Resolved:
        """The parameters of some lines."""
        return Resolved(
            len(lines),
            self.rules,
            {name: value[lines] for name, value in self.values.items()},
            {name: winner[lines] for name, winner in self.winners.items()},
        )

    def describe(self) -> pl.Series:
        """`parameter=scope:value` of each rule that won, joined by `;`, for each line."""
        names = [name for name in PARAMETERS if name in self.winners or name in SHOWN]
        combination = np.zeros(self.size, dtype=np.int64)
        for name in names:
            if name in self.winners:
                _, combination = ranked(combination * (self.rules.height + 1) + self.winners[name] + 1)
        values, number = ranked(combination)
        heads = np.zeros(len(values), dtype=np.int64)
        heads[number] = np.arange(self.size)
        texts = pl.Series([self._describe(names, int(head)) for head in heads], dtype=pl.String)
        return gather(texts, number)

    def _describe(self, names: list[str], line: int) -> str:
        parts = []
        for name in names:
            winner = int(self.winners[name][line]) if name in self.winners else -1
            if winner >= 0:
                rule = self.rules.row(winner, named=True)
                parts.append(f"{name}={_scope(rule)}:{rule['value']}")
            elif name in SHOWN:
                parts.append(f"{name}=declared:{PARAMETERS[name].show(PARAMETERS[name].default_number)}")
        return ";".join(parts)


def _scope(rule: dict) -> str:
    match rule["scope"]:
        case "default":
            return "default"
        case "item":
            return f"item {rule['item_id']}"
        case "item_location":
            return f"item_location {rule['item_id']}@{rule['location_id']}"
        case scope:
            return f"{scope} {rule['scope_value']}"


def check_rules(rules: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(rules with their value as `number`, broken ones with column `problem`).

    Broken: an unknown parameter, a value that can't be read or is out of bounds, an unknown scope.
    """
    numbers: list[float | None] = []
    problems: list[str | None] = []
    for rule in rules.select("scope", "parameter", "value").iter_rows(named=True):
        number, problem = None, None
        try:
            if rule["parameter"] not in PARAMETERS:
                raise BadParameter.unknown("parameter", rule["parameter"], PARAMETERS)
            if rule["scope"] not in SCOPES:
                raise BadParameter.unknown("scope", rule["scope"], SCOPES)
            PARAMETERS[rule["parameter"]].check_scope(rule["scope"])
            number = PARAMETERS[rule["parameter"]].parse(str(rule["value"]))
        except BadParameter as error:
            problem = str(error)
        numbers.append(number)
        problems.append(problem)
    checked = rules.with_columns(
        pl.Series("number", numbers, dtype=pl.Float64), pl.Series("problem", problems, dtype=pl.String)
    )
    good = checked.filter(pl.col("problem").is_null()).drop("problem")
    return good, checked.filter(pl.col("problem").is_not_null())


def resolve(rules: pl.DataFrame, lines: LineScopes, on: date) -> Resolved:
    """Parameters of every line from checked rules (`check_rules`) valid on a day.

    Within one scope the rule with the latest `valid_from` wins; then the last by its key.
    """
    valid = rules.filter(
        (pl.col("valid_from") <= on) & (pl.col("valid_to").is_null() | (pl.col("valid_to") >= on))
    ).sort("parameter", "valid_from", "scope_value", "item_id", "location_id", "value")
    size = len(lines.row)
    resolved = Resolved(size, valid)
    numbers = valid["number"].to_numpy()
    for name in valid["parameter"].unique().sort():
        winner = np.full(size, -1, dtype=np.int64)
        for scope in SCOPES:
            mine = ((valid["parameter"] == name) & (valid["scope"] == scope)).arg_true().to_numpy().astype(np.int64)
            if len(mine):
                found = _rule_of_line(valid[mine], mine, scope, lines)
                winner = np.where(found >= 0, found, winner)
        default = PARAMETERS[name].default_number
        resolved.winners[name] = winner
        resolved.values[name] = np.where(winner >= 0, numbers[np.maximum(winner, 0)], default)
    return resolved


def _rule_of_line(rules: pl.DataFrame, index: Integers, scope: str, lines: LineScopes) -> Integers:
    """Index of the scope's rule for each line, -1 for none."""
    keys = lines.keys
    if scope == "default":
        return np.full(len(lines.row), index[-1], dtype=np.int64)
    if scope == "item_location":
        numbers = keys.numbers(rules["item_id"], rules["location_id"])
        unique, last = np.unique(numbers[::-1], return_index=True)
        place = find(unique, keys.pairs)
        found = np.where(place >= 0, index[::-1][last[np.maximum(place, 0)]], -1)
        return np.where(lines.row >= 0, found[lines.row], -1)
    names, codes, column = {
        "location": (keys.locations, keys.location_codes[lines.row], "scope_value"),
        "supplier": (lines.source_names, lines.source, "scope_value"),
        "category": (lines.category_names, lines.category, "scope_value"),
        "item": (keys.items, keys.item_codes[lines.row], "item_id"),
    }[scope]
    lookup = np.full(len(names) + 1, -1, dtype=np.int64)
    wanted = codes_of(rules[column], names)
    lookup[np.where(wanted >= 0, wanted, len(names))] = index  # the last of equal keys stays
    lookup[len(names)] = -1
    return lookup[codes]  # code -1 reads the last entry: no rule


def parameter_table() -> pl.DataFrame:
    """Every parameter as a table: name, type, default, unit, allowed values, meaning (rules page, reference page)."""
    return pl.DataFrame(
        [
            {
                "parameter": one.name,
                "type": one.type.value,
                "default": one.show(one.default_number),
                "unit": one.unit,
                "minimum": one.minimum,
                "maximum": one.maximum,
                "allowed": ", ".join(one.allowed) if one.type is ParameterType.CHOICE else "",
                "meaning": one.meaning,
            }
            for one in PARAMETERS.values()
        ],
        schema_overrides={"minimum": pl.Float64, "maximum": pl.Float64},
    )
