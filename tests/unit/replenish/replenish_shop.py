"""Small made-up inputs of the engine, so that each test says only what matters to it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl

from shelfcast.domain.tables import TABLES
from shelfcast.replenish.inputs import EngineSettings, Inputs
from shelfcast.replenish.order_lines import Proposal, propose_orders

CUTOFF = date(2026, 3, 6)
"""A Friday."""


def day(offset: int) -> date:
    return CUTOFF + timedelta(days=offset)


def table(name: str, *rows: dict[str, Any]) -> pl.DataFrame:
    """Rows of a canonical table, columns left out filled by their defaults."""
    name = "demand" if name == "history" else name
    return TABLES[name].conform(pl.DataFrame(list(rows), infer_schema_length=None)) if rows else TABLES[name].empty()


def stock(on_hand: float = 0.0, item: str = "a", location: str = "S1", **more: Any) -> dict[str, Any]:
    return {"item_id": item, "location_id": location, "date": CUTOFF, "on_hand": on_hand, **more}


def source(item: str = "*", destination: str = "*", source: str = "SUP", **more: Any) -> dict[str, Any]:
    terms = {"lead_time_days": 2.0, "unit_cost": 1.0, **more}
    return {"item_id": item, "destination_id": destination, "source_id": source, **terms}


def forecast(
    mean: float = 4.0, item: str = "a", location: str = "S1", days: int = 28, spread: float = 1.0
) -> pl.DataFrame:
    """The same demand every day, with three quantile levels of 0.9 at most around the mean."""
    return pl.DataFrame(
        {
            "item_id": [item] * days, "location_id": [location] * days, "date": [day(d) for d in range(1, days + 1)],
            "mean": [mean] * days, "q100": [mean * max(0.0, 1 - 0.6 * spread)] * days, "q500": [mean * 0.97] * days,
            "q900": [mean * (1 + 0.7 * spread)] * days,
        }
    )  # fmt: skip


def inputs(**tables: Any) -> Inputs:
    """Inputs from lists of rows by table name; `forecasts` a frame or a list of frames."""
    given: dict[str, Any] = {}
    for name, value in tables.items():
        if name in ("forecasts", "approved", "acknowledged", "paths", "promo_demand"):
            given[name] = pl.concat(value) if isinstance(value, list) else value
        else:
            given[name] = table(name, *value)
    given.setdefault("stock", table("stock", stock()))
    given.setdefault("forecasts", forecast())
    given.setdefault("sourcing", table("sourcing", source()))
    return Inputs(**given)


def propose(cutoff: date = CUTOFF, settings: EngineSettings | None = None, **tables: Any) -> Proposal:
    return propose_orders(inputs(**tables), cutoff, settings)


def line(proposal: Proposal, item: str = "a", location: str = "S1") -> dict[str, Any]:
    """The only line of an item at a location."""
    found = proposal.order_lines.filter((pl.col("item_id") == item) & (pl.col("location_id") == location))
    assert found.height == 1, found.select("item_id", "location_id", "source_id", "qty")
    return found.row(0, named=True)


def rule(parameter: str, value: object, scope: str = "default", **more: Any) -> dict[str, Any]:
    return {"scope": scope, "parameter": parameter, "value": str(value), "valid_from": day(-30), **more}


def open_order(units: float, due: int, item: str = "a", location: str = "S1", **more: Any) -> dict[str, Any]:
    """An order of the ERP promised `due` days after the cutoff."""
    order = {"order_id": "PO1", "date": CUTOFF, "source_id": "SUP", "destination_id": location, "item_id": item}
    return {**order, "qty_open": units, "promised_date": day(due), **more}


def lock(item: str = "a", location: str = "S1", **more: Any) -> dict[str, Any]:
    """A planner's lock set the evening before."""
    set_at = datetime(2026, 3, 5, 18, tzinfo=UTC)
    return {"item_id": item, "location_id": location, "set_at": set_at, "set_by": "ann", "reason": "a fair", **more}
