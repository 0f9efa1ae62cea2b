"""Terms a retailer has not given, assumed for a trial run and marked as assumed on every line they touch.

A YAML file:

    sourcing:                  # rows of the sourcing table; item_id and destination_id are * unless said
      - {source_id: SUPPLIER, lead_time_days: 2, pack_size: 1, unit_cost: 1.0}
    stock_cover_days: 2        # stock on hand = so many days of the forecast's mean
    item_locations:            # optional rows, such as a shelf life
      - {shelf_life_days: 5}
    rules:                     # optional rows of the rules table, scope default unless said
      - {parameter: target_cycle_service, value: "0.95"}
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from shelfcast.domain.errors import BadFile, BadParameter
from shelfcast.domain.tables import Table, supply
from shelfcast.replenish.inputs import Inputs

FLAG = "assumed_terms"
SECTIONS: dict[str, tuple[Table, dict[str, Any]]] = {
    "sourcing": (supply.SOURCING, {"item_id": "*", "destination_id": "*", "source_id": "ASSUMED", "assumed": True}),
    "item_locations": (supply.ITEM_LOCATIONS, {"item_id": "*", "location_id": "*"}),
    "rules": (
        supply.RULES,
        {"scope": "default", "valid_from": "2000-01-01", "changed_by": "assumed", "reason": "assumed terms"},
    ),
}
COVER = "stock_cover_days"


def read_terms(path: Path) -> str:
    """The file's content as one canonical line of JSON, checked: it's part of the run id.

    Raises:
        BadFile: not YAML, or not such a file.
        BadParameter: an unknown section or column.
    """
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BadFile(
            f"the terms file {path} can't be read: {error}. It is a YAML file with sourcing: and {COVER}:."
        ) from error
    if not isinstance(content, dict):
        raise BadFile(f"the terms file {path} holds no sections; it needs sourcing: and {COVER}:.")
    for name, rows in content.items():
        if name == COVER:
            continue
        if name not in SECTIONS:
            raise BadParameter.unknown("section", name, [*SECTIONS, COVER])
        table = SECTIONS[name][0]
        for row in rows:
            for column in row:
                if column not in table.names:
                    raise BadParameter.unknown(f"column of {name}", column, table.names)
    if not isinstance(content.get(COVER), int | float) or content[COVER] < 0:
        raise BadParameter(
            f"{COVER} is {content.get(COVER)!r}; give the days of demand that stock on hand is assumed to cover, 0 or more."
        )
    return json.dumps(content, sort_keys=True, default=str)


def section(terms: str, name: str) -> pl.DataFrame:
    """The rows of a section as its table."""
    table, defaults = SECTIONS[name]
    rows = [{**defaults, **row} for row in json.loads(terms).get(name) or []]
    if not rows:
        return table.empty()
    frame = pl.DataFrame(rows, infer_schema_length=None)
    days = [c.name for c in table.columns if c.type.polars == pl.Date and c.name in frame.columns]
    return table.conform(frame.with_columns(pl.col(days).cast(pl.String).str.to_date()))


def with_assumed(inputs: Inputs, terms: str, cutoff: date) -> Inputs:
    """The inputs with what they lack put in from the assumed terms; what the retailer gave stays."""
    sourcing = inputs.sourcing if inputs.sourcing.height else section(terms, "sourcing")
    item_locations = inputs.item_locations if inputs.item_locations.height else section(terms, "item_locations")
    rules = pl.concat([inputs.rules, section(terms, "rules")])
    stock = (
        inputs.stock
        if inputs.stock.height
        else assumed_stock(inputs.forecasts.lazy(), float(json.loads(terms)[COVER]), cutoff)
    )
    if not inputs.stock.height:
        sourcing = sourcing.with_columns(assumed=pl.lit(True))
    return replace(inputs, sourcing=sourcing, item_locations=item_locations, rules=rules, stock=stock)


def assumed_stock(forecasts: pl.LazyFrame, cover_days: float, cutoff: date) -> pl.DataFrame:
    """Stock that covers so many days of each series' mean forecast, in whole units."""
    rows = (
        forecasts.group_by("item_id", "location_id")
        .agg((pl.col("mean").mean() * cover_days).round(0).alias("on_hand"))
        .sort("item_id", "location_id")
        .collect()
    )
    return supply.STOCK.conform(rows.with_columns(date=pl.lit(cutoff)))
