"""What the engine refuses, what it sets aside, and what it repairs, before anything is decided (specification 6.3).

A broken row goes to quarantine with table, row number, key, column, value and rule; its item-location gets a line without
an order and an exception, and the run goes on. The run is refused as a whole, with nothing written, when a table can't be
what it claims to be.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import polars as pl

from shelfcast.domain.errors import BadInput, TooManyBadRows
from shelfcast.domain.tables import TABLES, Table
from shelfcast.domain.tables.schema import Type
from shelfcast.replenish.inputs import EngineSettings, Inputs
from shelfcast.replenish.keys import ALL
from shelfcast.replenish.rules import check_rules

CHECKED = (
    "stock", "sourcing", "item_locations", "items", "locations", "stock_lots", "open_orders", "order_calendar",
    "order_dates", "openings", "deliveries", "promotions", "prices", "limits", "rules", "order_overrides", "window_demand",
    "history",
)  # fmt: skip
_DECLARED_AS = {"history": "demand"}
_LEAN = ("stock", "sourcing", "item_locations")
"""Large tables: absent numbers are not filled in, the readers take their default."""
NOT_LOADED = ("loaded_at", "load_id", "known_at", "superseded_at", "run_id")

QUARANTINE_SCHEMA = pl.Schema(
    {
        "table": pl.String, "row_number": pl.Int64, "item_id": pl.String, "location_id": pl.String, "column": pl.String,
        "value": pl.String, "rule": pl.String,
    }
)  # fmt: skip


@dataclass(frozen=True)
class Checked:
    """Inputs that can be used, the rows that can't, and what the rows concern.

    `rules` carry their value as a number. `stopped` are item-locations (item_id, location_id) with a broken row of stock,
    listing or source: they get no order.
    """

    inputs: Inputs
    rules: pl.DataFrame
    quarantine: pl.DataFrame
    stopped: pl.DataFrame
    repaired: pl.DataFrame
    """Item-locations whose pack or smallest order was replaced by its default."""
    stock_rows: int = 0
    """Rows of stock that can be used."""
    rows_in: dict[str, int] = field(default_factory=dict)


Rule = tuple[str, pl.Expr, str]
"""(column at fault, rows that break the rule, rule in words)"""


def _finite(column: str) -> Rule:
    return column, pl.col(column).is_not_null() & ~pl.col(column).is_finite(), "not a finite number"


def _not_negative(column: str) -> Rule:
    return column, pl.col(column) < 0, "below 0"


_ROW_RULES: dict[str, tuple[Rule, ...]] = {
    "stock": (
        ("on_hand", pl.col("on_hand").is_null() | ~pl.col("on_hand").is_finite(), "not a finite number"),
        _finite("blocked"), _finite("reserved"), _finite("backorders"), _not_negative("blocked"),
        _not_negative("reserved"), _not_negative("backorders"),
    ),
    "open_orders": (
        ("qty_open", pl.col("qty_open").is_null() | ~(pl.col("qty_open") > 0) | ~pl.col("qty_open").is_finite(), "not above 0"),
        ("promised_date", pl.col("promised_date").is_null(), "missing"),
        ("promised_date", pl.col("promised_date") < pl.col("ordered_on"), "promised before it was ordered"),
        _not_negative("confirmed_qty"), _finite("confirmed_qty"),
    ),
    "sourcing": (
        _finite("lead_time_days"), _not_negative("lead_time_days"), _finite("unit_cost"), _not_negative("unit_cost"),
        _finite("moq"), _finite("pack_size"), _not_negative("max_order_qty"), _finite("order_cost"), _not_negative("order_cost"),
        ("yield_share", ~((pl.col("yield_share") > 0) & (pl.col("yield_share") <= 1)), "not above 0 and at most 1"),
        ("share", ~((pl.col("share") >= 0) & (pl.col("share") <= 1)), "not between 0 and 1"),
        ("pack_round_threshold", ~pl.col("pack_round_threshold").is_between(0, 1), "not between 0 and 1"),
        _not_negative("lead_time_sd_days"), _finite("lead_time_sd_days"),
        ("lead_time_days", pl.col("lead_time_days") > 365, "more than a year"),
    ),
    "item_locations": (
        _finite("presentation_stock"), _not_negative("presentation_stock"), _finite("max_stock"), _not_negative("max_stock"),
        _not_negative("shelf_life_days"), _finite("unit_price"), _not_negative("unit_price"),
        ("fifo_share", ~pl.col("fifo_share").is_between(0, 1), "not between 0 and 1"),
    ),
    "stock_lots": (_finite("units"), _not_negative("units")),
    "deliveries": (_finite("units"), _not_negative("units")),
    "promotions": (
        ("last_date", pl.col("last_date").is_null() | (pl.col("last_date") < pl.col("first_date")), "missing or before its first day"),
        *(check(column) for column in ("display_qty", "pre_allocation_qty", "sell_down_to") for check in (_finite, _not_negative)),
    ),
    "limits": (_finite("value"), _not_negative("value")),
    "order_overrides": tuple(
        check(column) for column in ("fixed_qty", "min_qty", "max_qty") for check in (_finite, _not_negative)
    ),
}  # fmt: skip
"""Beside these, key columns must not be null and a `min`imum stock etc. of the declarations holds at load."""

_STOPPING = {
    "stock": ("item_id", "location_id"),
    "item_locations": ("item_id", "location_id"),
    "sourcing": ("item_id", "destination_id"),
}
_FORECAST_COLUMNS = ("item_id", "location_id", "date")


def check(inputs: Inputs, cutoff: date, settings: EngineSettings) -> Checked:
    """Inputs ready for the engine.

    Raises:
        BadInput: a required column is absent or a whole column has the wrong type; the stock is of a day after the
            cutoff; transfer routes go in a circle.
        TooManyBadRows: more than `max_bad_share` of a table's rows are broken, or more than `max_duplicate_share` of the
            keys of stock or listings are doubled.
    """
    _check_forecast_columns(inputs.forecasts)
    found: list[pl.DataFrame] = []
    stopped: list[pl.DataFrame] = []
    tables: dict[str, pl.DataFrame] = {}
    rows_in: dict[str, int] = {}
    for name in CHECKED:
        table = TABLES[_DECLARED_AS.get(name, name)]
        frame = conform(getattr(inputs, name), table)
        rows_in[name] = frame.height
        if not frame.height:
            tables[name] = frame.drop("row_number")
            continue
        good, bad = _check_rows(frame, table)
        good, doubled = _without_doubles(good, table, settings)
        broken = pl.concat([bad, doubled])
        _check_share(broken.height, frame.height, name, settings)
        if broken.height:
            found.append(_quarantine(broken, name))
            if name in _STOPPING:
                item, location = _STOPPING[name]
                stopped.append(broken.select(pl.col(item).alias("item_id"), pl.col(location).alias("location_id")))
        tables[name] = good.drop("row_number")
    rules, broken_rules = check_rules(tables["rules"])
    if broken_rules.height:
        _check_share(broken_rules.height, rows_in["rules"], "rules", settings)
        found.append(
            broken_rules.select(
                pl.lit("rules").alias("table"), pl.lit(None, dtype=pl.Int64).alias("row_number"), "item_id",
                "location_id", pl.col("parameter").alias("column"), pl.col("value"), pl.col("problem").alias("rule"),
            )
        )  # fmt: skip
    _check_dates(tables["stock"], cutoff)
    _check_routes(tables["sourcing"])
    tables["sourcing"], repaired = _repair_packs(tables["sourcing"])
    empty = pl.DataFrame(schema={"item_id": pl.String, "location_id": pl.String})
    return Checked(
        replace(inputs, **tables),
        rules,
        pl.concat(found, how="vertical_relaxed") if found else pl.DataFrame(schema=QUARANTINE_SCHEMA),
        pl.concat([empty, *stopped]).unique().sort("item_id", "location_id"),
        repaired,
        tables["stock"].height,
        rows_in,
    )


def conform(frame: pl.DataFrame, table: Table) -> pl.DataFrame:
    """The frame with the declared columns the engine reads; optional ones are filled with their default.

    Raises:
        BadInput: a required column is absent, or a column's values are of another kind than declared.
    """
    required = [c.name for c in table.columns if (c.required or c.name in table.key) and c.name not in NOT_LOADED]
    optional_keys = {c.name for c in table.columns if c.default is not None}
    missing = [name for name in required if name not in frame.columns and name not in optional_keys]
    if missing:
        raise BadInput(
            f"table {table.name} has no column {', '.join(missing)}; it has: {', '.join(frame.columns) or 'none'}. "
            "Add it, or correct the column mapping."
        )
    columns = []
    for column in table.columns:
        if column.name in NOT_LOADED:
            continue
        if column.name not in frame.columns:
            if table.name in _LEAN and column.type is Type.REAL:
                continue
            columns.append(pl.lit(column.default).cast(column.type.polars).alias(column.name))
            continue
        have = frame.schema[column.name]
        if not _readable(have, column.type):
            raise BadInput(
                f"column {column.name} of table {table.name} holds {have}; {column.type.value} is needed. "
                "Nothing was decided."
            )
        value = pl.col(column.name) if have == column.type.polars else pl.col(column.name).cast(column.type.polars)
        fill = column.default is not None and frame[column.name].null_count() > 0
        columns.append(value.fill_null(column.default) if fill else value)
    return (
        frame.select(columns).with_row_index("row_number", offset=1).with_columns(pl.col("row_number").cast(pl.Int64))
    )


def _readable(have: pl.DataType, want: Type) -> bool:
    if have == pl.Null:
        return True
    match want:
        case Type.REAL:
            return have.is_numeric()
        case Type.INTEGER:
            return have.is_integer()
        case Type.TEXT:
            return have == pl.String or have.is_integer() or isinstance(have, pl.Categorical | pl.Enum)
        case Type.FLAG:
            return have == pl.Boolean
        case Type.DAY:
            return have == pl.Date or isinstance(have, pl.Datetime)
        case Type.INSTANT:
            return isinstance(have, pl.Datetime) or have == pl.Date


def _check_forecast_columns(forecasts: pl.LazyFrame | pl.DataFrame) -> None:
    schema = forecasts.lazy().collect_schema()
    missing = [name for name in _FORECAST_COLUMNS if name not in schema.names()]
    if missing:
        raise BadInput(f"forecasts have no column {', '.join(missing)}; they have: {', '.join(schema.names())}.")
    if schema["date"] != pl.Date:
        raise BadInput(f"column date of forecasts holds {schema['date']}; day is needed.")


def _check_rows(frame: pl.DataFrame, table: Table) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(rows that hold every rule, broken rows with columns `column`, `value`, `rule`)."""
    nulls: list[Rule] = [(name, pl.col(name).is_null(), "missing") for name in table.key if name in frame.columns]
    own = [rule for rule in _ROW_RULES.get(table.name, ()) if set(rule[1].meta.root_names()) <= set(frame.columns)]
    rules: list[Rule] = [*nulls, *own]
    broken_any = pl.any_horizontal(*(rule[1].fill_null(False) for rule in rules))
    if not frame.height or not frame.select(broken_any.any()).item():
        return frame, _no_broken(frame)
    column = pl.coalesce(*(pl.when(rule[1].fill_null(False)).then(pl.lit(rule[0])) for rule in rules))
    value = pl.coalesce(
        *(pl.when(rule[1].fill_null(False)).then(pl.col(rule[0]).cast(pl.String).fill_null("")) for rule in rules)
    )
    words = pl.coalesce(*(pl.when(rule[1].fill_null(False)).then(pl.lit(rule[2])) for rule in rules))
    bad = frame.filter(broken_any).with_columns(column.alias("column"), value.alias("value"), words.alias("rule"))
    return frame.filter(~broken_any), bad


def _no_broken(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.clear().with_columns(
        *(pl.lit(None, dtype=pl.String).alias(name) for name in ("column", "value", "rule"))
    )


_ONE_ROW_PER = {
    "stock": ("item_id", "location_id"),
    "item_locations": ("item_id", "location_id"),
    "sourcing": ("item_id", "destination_id", "source_id"),
    "open_orders": ("order_id", "line_id", "item_id", "destination_id"),  # some systems number no lines
}


def _without_doubles(frame: pl.DataFrame, table: Table, settings: EngineSettings) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The second of two rows with one key is set aside: of a snapshot, each key has one row.

    Raises:
        TooManyBadRows: too many keys of stock or listings are doubled.
    """
    key = list(_ONE_ROW_PER.get(table.name, ()))
    if not key or not frame.height:
        return frame, _no_broken(frame)
    doubled = frame.height - frame.select(pl.struct(key).n_unique()).item()
    if not doubled:
        return frame, _no_broken(frame)
    if table.name in ("stock", "item_locations") and doubled > max(settings.max_duplicate_share * frame.height, 1.0):
        raise TooManyBadRows(
            f"{doubled:,} of {frame.height:,} rows of {table.name} have the key of another row; at most "
            f"{settings.max_duplicate_share:.1%} may. Send one row per {' and '.join(key)}."
        )
    # Which of two rows comes first must not depend on the order they came in.
    ordered = frame.sort([name for name in frame.columns if name != "row_number"], nulls_last=True)
    first = pl.struct(key).is_first_distinct()
    bad = ordered.filter(~first).with_columns(
        pl.lit(key[0]).alias("column"),
        pl.col(key[0]).cast(pl.String).alias("value"),
        pl.lit("doubled key").alias("rule"),
    )
    return ordered.filter(first), bad


def _check_share(bad: int, rows: int, name: str, settings: EngineSettings) -> None:
    if rows and bad > max(settings.max_bad_share * rows, 1.0):
        raise TooManyBadRows(
            f"{bad:,} of {rows:,} rows of {name} are broken; at most {settings.max_bad_share:.0%} may be. Nothing was "
            "decided. Correct the source, or raise the limit."
        )


def _quarantine(broken: pl.DataFrame, name: str) -> pl.DataFrame:
    location = next((c for c in ("location_id", "destination_id") if c in broken.columns), None)
    return broken.select(
        pl.lit(name).alias("table"),
        "row_number",
        pl.col("item_id") if "item_id" in broken.columns else pl.lit(None, dtype=pl.String).alias("item_id"),
        (pl.col(location) if location else pl.lit(None, dtype=pl.String)).alias("location_id"),
        "column",
        "value",
        "rule",
    )


def _check_dates(stock: pl.DataFrame, cutoff: date) -> None:
    newest: Any = stock["date"].max()
    if newest is not None and newest > cutoff:
        raise BadInput(
            f"stock is of {newest}, after the cutoff {cutoff}. Run with a later cutoff, or read the stock as of the cutoff."
        )


def _check_routes(sourcing: pl.DataFrame) -> None:
    """Refuse goods that go in a circle: A supplied by B, B by C, C by A, for one item (or for all)."""
    edges = sourcing.filter((pl.col("destination_id") != ALL) & (pl.col("source_type") != "supplier"))
    if not edges.height:
        return
    pairs = edges.select("item_id", "destination_id", "source_id").unique()
    own = set(pairs["destination_id"].unique()) & set(pairs["source_id"].unique())
    inner = pairs.filter(pl.col("destination_id").is_in(list(own)) & pl.col("source_id").is_in(list(own))).sort(
        pairs.columns
    )
    general = [(to, by) for item, to, by in inner.iter_rows() if item == ALL]
    for item, part in inner.partition_by("item_id", as_dict=True, maintain_order=True).items():
        circle = _circle([*general, *part.select("destination_id", "source_id").iter_rows()])
        if circle:
            raise BadInput(
                f"sourcing goes in a circle for item {item[0]}: {' <- '.join(circle)}. Remove one of these routes."
            )


def _circle(edges: list[tuple[str, str]]) -> list[str]:
    """Locations of a circle of (destination, source) edges, empty if there is none."""
    sources: dict[str, list[str]] = {}
    for destination, source in edges:
        sources.setdefault(destination, []).append(source)
    done: set[str] = set()
    for start in sorted(sources):
        path: list[str] = []
        found = _walk(start, sources, path, done)
        if found:
            return found
    return []


def _walk(place: str, sources: dict[str, list[str]], path: list[str], done: set[str]) -> list[str]:
    if place in path:
        return [*path[path.index(place) :], place]
    if place in done:
        return []
    path.append(place)
    for source in sorted(sources.get(place, ())):
        found = _walk(source, sources, path, done)
        if found:
            return found
    path.pop()
    done.add(place)
    return []


def _repair_packs(sourcing: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Packs of 0 or less become 1, smallest orders below 0 become 0; and which item-locations that concerns."""
    absent = [(name, value) for name, value in (("pack_size", 1.0), ("moq", 0.0)) if name not in sourcing.columns]
    sourcing = sourcing.with_columns(pl.lit(value).alias(name) for name, value in absent)
    wrong = (pl.col("pack_size") <= 0) | (pl.col("moq") < 0)
    repaired = sourcing.filter(wrong).select("item_id", pl.col("destination_id").alias("location_id"), "source_id")
    if not repaired.height:
        return sourcing, repaired
    fixed = sourcing.with_columns(
        pl.when(pl.col("pack_size") > 0).then(pl.col("pack_size")).otherwise(1.0).alias("pack_size"),
        pl.when(pl.col("moq") > 0).then(pl.col("moq")).otherwise(0.0).alias("moq"),
        pl.when(wrong).then(True).otherwise(False).alias("repaired"),
    )
    return fixed, repaired
