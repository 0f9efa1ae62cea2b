"""How a policy of a replay differs from the rules in force: a few rows of the `rules` table, and nothing else.

So every policy goes through the very code of the nightly run, with the same terms, calendars, packs, caps and limits. The
ones others are measured against set their levels by hand, night by night, from what was known that night:

| kind | level |
|---|---|
| min_max | minimum: mean sales of 28 days in stock x (window + n days); maximum: 3 more days |
| cover | mean sales of 28 days in stock x (window + n days) |
| normal | mean x window + z x deviation x sqrt(window), of 56 days in stock |
| perfect | the true demand of the window, in the fewest packs that cover it: nobody has it in life |
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import special

from shelfcast.domain.errors import BadParameter
from shelfcast.domain.tables import supply
from shelfcast.replenish.parameters import PARAMETERS, POLICIES, parameter

Floats = NDArray[np.float64]

BASELINES = ("min_max", "cover", "normal", "perfect")
ORDER_FOR_DAYS = 3.0
"""Days of mean sales between minimum and maximum of the rule of thumb."""
DEFAULT_DAYS = 2.0
BY_HAND = ("policy", "reorder_point", "order_up_to", "order_quantity", "min_level", "max_level")
TARGETS = ("target_type", "target_cycle_service", "target_fill_rate")


@dataclass(frozen=True)
class NightPolicy:
    """One policy of a replay. `kind` is nightly or one of `BASELINES`; `value` its days or service (None: the usual);
    `changes` are rule parameters set for everything, on top of the rules in force."""

    name: str
    kind: str = "nightly"
    value: float | None = None
    changes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Hindsight:
    """What the measured policies set their levels from, on one night: an array each, (n,). All but `ahead` were known."""

    window_days: NDArray[np.int64]
    """Days tonight's order must last; 0 where nothing can be ordered."""
    service: Floats
    """Target of the nightly code tonight, as the chance of no shortage."""
    mean: Floats
    """Mean daily sales, 28 days in stock."""
    long_mean: Floats
    long_deviation: Floats
    ahead: Floats
    """True demand of the window: for perfect information only."""


def parse_policy(text: str) -> NightPolicy:
    """A policy as it is written: nightly, one of the engine's policies, one of the measured ones with its days or service
    (`cover:3`, `normal:0.95`, `min_max:1`), or rules (`target_cycle_service=0.98,policy=R_s_nQ`).

    >>> parse_policy("cover:3")
    NightPolicy(name='cover:3', kind='cover', value=3.0, changes={})

    Raises:
        BadParameter: none of these.
    """
    name = text.strip()
    if name == "nightly":
        return NightPolicy(name)
    if "=" in name:
        pairs = [one.partition("=") for one in name.split(",")]
        for key, _, value in pairs:
            parameter(key.strip()).parse(value)
        return NightPolicy(name, changes={key.strip(): value.strip() for key, _, value in pairs})
    kind, colon, amount = name.partition(":")
    if kind in BASELINES and (kind != "perfect" or not colon):
        return NightPolicy(name, kind, _amount(name, kind, amount) if colon else None)
    if name in POLICIES:  # min_max and cover by rule of thumb go first; policy=cover names the engine's own
        return NightPolicy(name, changes={"policy": name})
    raise BadParameter.unknown(
        "policy", name, {"nightly", *BASELINES, *POLICIES},
        "Days or service follow a colon (cover:3, normal:0.95); any rule may be set: target_cycle_service=0.98.",
    )  # fmt: skip


def _amount(name: str, kind: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    low, high = (0.0, 1.0) if kind == "normal" else (-10.0, 365.0)
    if not low < value < high:
        raise BadParameter(f"policy {name!r}: {text!r} came; {kind} takes a number between {low:g} and {high:g}.")
    return value


def at_service(service: float) -> NightPolicy:
    """The nightly code with one cycle service for everything: a point of its frontier."""
    return NightPolicy(
        f"nightly at {service:g}", changes={"target_type": "cycle_service", "target_cycle_service": f"{service:g}"}
    )


def rules_of(
    policy: NightPolicy,
    rules: pl.DataFrame,
    cutoff: date,
    keys: pl.DataFrame,
    known: Hindsight,
    stores: NDArray[np.bool_],
) -> pl.DataFrame:
    """The rules of one night under a policy.

    Args:
        keys: item_id, location_id, in the order of `known`.
        stores: item-locations the measured policies decide for; distribution centres stay with the nightly code.
    """
    changed = set(policy.changes) | (set(TARGETS) if set(policy.changes) & set(TARGETS) else set())
    kept = rules.filter(~pl.col("parameter").is_in(sorted(changed))) if changed else rules
    parts = [kept, _default_rows(policy.changes, cutoff)]
    if policy.kind != "nightly":
        parts[0] = kept.filter(~pl.col("parameter").is_in(list(BY_HAND)) | (pl.col("scope") == "supplier"))
        for name, values in levels_of(policy, known).items():
            parts.append(_item_rows(keys.filter(stores), name, values[stores], cutoff))
    return pl.concat(parts)


def levels_of(policy: NightPolicy, known: Hindsight) -> dict[str, NDArray[np.float64] | NDArray[np.str_]]:
    """Parameters the policy sets for every item-location tonight: the engine's policy and its levels."""
    window = known.window_days.astype(np.float64)
    can_order = window > 0
    days = DEFAULT_DAYS if policy.value is None else policy.value
    count = len(window)
    if policy.kind == "min_max":
        least = np.where(can_order, known.mean * np.maximum(window + days, 0.0), 0.0)
        return {
            "policy": np.full(count, "min_max"),
            "min_level": least,
            "max_level": least + ORDER_FOR_DAYS * np.where(can_order, known.mean, 0.0),
        }
    if policy.kind == "perfect":
        return {"policy": np.full(count, "R_s_nQ"), "reorder_point": np.where(can_order, known.ahead, 0.0)}
    if policy.kind == "cover":
        level = known.mean * np.maximum(window + days, 0.0)
    else:
        service = known.service if policy.value is None else np.full(count, policy.value)
        z = special.ndtri(np.clip(service, 1e-6, 1.0 - 1e-6))
        level = np.maximum(known.long_mean * window + z * known.long_deviation * np.sqrt(window), 0.0)
    level = np.where(can_order, level, 0.0)
    # Order up to S whenever the position is below it: (s, S) with s = S.
    return {"policy": np.full(count, "R_s_S"), "reorder_point": level, "order_up_to": level}


def _default_rows(changes: Mapping[str, str], cutoff: date) -> pl.DataFrame:
    names = sorted(changes)
    rows = pl.DataFrame(
        {"parameter": names, "value": [changes[name] for name in names]},
        schema={"parameter": pl.String, "value": pl.String},
    )
    return _rule_rows(rows.with_columns(scope=pl.lit("default"), item_id=pl.lit("*"), location_id=pl.lit("*")), cutoff)


def _item_rows(
    keys: pl.DataFrame, name: str, values: NDArray[np.float64] | NDArray[np.str_], cutoff: date
) -> pl.DataFrame:
    assert name in PARAMETERS
    texts = pl.Series("value", values).cast(pl.String)
    rows = keys.select("item_id", "location_id").with_columns(
        texts, parameter=pl.lit(name), scope=pl.lit("item_location")
    )
    return _rule_rows(rows, cutoff)


def _rule_rows(rows: pl.DataFrame, cutoff: date) -> pl.DataFrame:
    return supply.RULES.conform(
        rows.with_columns(
            scope_value=pl.lit("*"), valid_from=pl.lit(cutoff), changed_by=pl.lit("replay"), reason=pl.lit("replay")
        )
    )
