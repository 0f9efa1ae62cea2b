"""The nightly order proposal: read what was known at the cutoff, decide, write."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import polars as pl

from shelfcast.domain.errors import NotFound, NotReady
from shelfcast.domain.slices import Slice
from shelfcast.domain.tables import Table, curated, results, supply
from shelfcast.lake.as_of import as_of, end_of
from shelfcast.lake.replace import replace
from shelfcast.pipeline.assumed_terms import with_assumed
from shelfcast.pipeline.run_record import code_version
from shelfcast.pipeline.steps import Outcome, Parameters
from shelfcast.ports.platform import Platform
from shelfcast.ports.table_store import TableStore
from shelfcast.replenish.explanation import explain
from shelfcast.replenish.inputs import APPROVED_SCHEMA, ON_ORDER_STATES, EngineSettings, Inputs
from shelfcast.replenish.order_lines import Proposal, propose_orders
from shelfcast.replenish.order_sheets import allocations, order_headers
from shelfcast.replenish.what_if import what_if

ORDER_STATE_KIND = "order_states"
"""Records of what became of our lines: record id = line_id; body: item_id, location_id, source_id, qty, delivery_date,
state."""

HISTORY_DAYS = 60
URGENT = 3


def run(platform: Platform, parameters: Parameters, run_id: str) -> Outcome:
    """The step `replenish`: order lines and exceptions of a cutoff and scenario replace those of an earlier run.

    Raises:
        NotReady: no forecast stands for the cutoff.
        BadInput: the inputs can't be used as a whole; nothing was written.
    """
    settings = EngineSettings(
        scenario=parameters.scenario, run_id=run_id, period_days=7 if parameters.frequency == "W" else 1,
        policy_version=code_version(),
    )  # fmt: skip
    inputs = read_inputs(platform, parameters.cutoff, parameters.scenario)
    if parameters.terms:
        inputs = with_assumed(inputs, parameters.terms, parameters.cutoff)
    if not inputs.stock.height:
        return _nothing(
            platform,
            parameters,
            "No stock is recorded, so nothing can be decided. Load stock and sourcing, or try `shelfcast run --terms FILE`.",
        )
    proposal = propose_orders(inputs, parameters.cutoff, settings)
    where = Slice.of(cutoff=parameters.cutoff, scenario=parameters.scenario)
    replace(platform.tables, results.ORDER_LINES, proposal.order_lines, where)
    replace(platform.tables, results.EXCEPTIONS, proposal.exceptions, where)
    return Outcome(counts(proposal), summarize(proposal))


def _nothing(platform: Platform, parameters: Parameters, why: str) -> Outcome:
    where = Slice.of(cutoff=parameters.cutoff, scenario=parameters.scenario)
    replace(platform.tables, results.ORDER_LINES, results.ORDER_LINES.empty(), where)
    replace(platform.tables, results.EXCEPTIONS, results.EXCEPTIONS.empty(), where)
    return Outcome({"lines": 0}, {"lines": 0, "why": why})


def read_inputs(platform: Platform, cutoff: date, scenario: str = "base") -> Inputs:
    """Every table of the engine as it was known at the end of the cutoff.

    Raises:
        NotReady: no forecast stands for the cutoff.
    """
    tables, moment = platform.tables, end_of(cutoff)

    def known(table: Table) -> pl.LazyFrame:
        return as_of(tables, table, moment)

    forecasts = _final(tables, results.FORECASTS, cutoff, scenario)
    if not forecasts.select(pl.len()).collect().item():
        raise NotReady(f"no forecasts stand for {cutoff} ({scenario}). Run the forecast step: `shelfcast run`.")
    stock = known(supply.STOCK).filter(pl.col("date") <= cutoff)
    lots = known(supply.STOCK_LOTS).filter(pl.col("date") <= cutoff)
    open_orders = known(supply.OPEN_ORDERS).filter(pl.col("date") <= cutoff)
    history = (
        tables.scan(results.DEMAND)
        .filter((pl.col("date") > cutoff - timedelta(days=HISTORY_DAYS)) & (pl.col("date") <= cutoff))
        .select("item_id", "location_id", "date", "units", "demand", "in_stock_share", "open", "censored", "evidence")
    )
    return Inputs(
        stock=newest(stock, ["item_id", "location_id"]).collect(),
        forecasts=forecasts,
        window_demand=_final(tables, results.WINDOW_DEMAND, cutoff, scenario).collect(),
        sourcing=known(supply.SOURCING).collect(),
        item_locations=known(supply.ITEM_LOCATIONS).collect(),
        items=known(curated.ITEMS).collect(),
        locations=known(curated.LOCATIONS).collect(),
        stock_lots=newest(lots, ["item_id", "location_id"]).collect(),
        open_orders=newest(open_orders, []).collect(),
        approved=approved_lines(platform),
        acknowledged=open_orders.select("order_ref").drop_nulls().unique().collect(),
        order_calendar=known(supply.ORDER_CALENDAR).collect(),
        order_dates=known(supply.ORDER_DATES).collect(),
        openings=known(curated.OPENINGS).filter((pl.col("date") > cutoff) & ~pl.col("open")).collect(),
        deliveries=known(supply.DELIVERIES).filter(pl.col("received_on") > cutoff - timedelta(days=365)).collect(),
        promotions=known(curated.PROMOTIONS).filter(pl.col("last_date") > cutoff - timedelta(days=14)).collect(),
        promo_demand=_promo_demand(tables, cutoff, scenario),
        prices=known(curated.PRICES).filter(pl.col("valid_from") <= cutoff).collect(),
        limits=known(supply.LIMITS).collect(),
        rules=known(supply.RULES).collect(),
        order_overrides=known(supply.OVERRIDES).collect(),
        history=results.DEMAND.conform(history.collect()),
    )


def _promo_demand(tables: TableStore, cutoff: date, scenario: str) -> pl.DataFrame:
    """What promotions bring of each day's forecast, where the forecast was explained."""
    drivers = tables.scan(results.EXPLANATIONS).filter(
        (pl.col("cutoff") == cutoff) & (pl.col("scenario") == scenario) & (pl.col("driver") == "promotion")
    )
    units = (pl.col("micro_units").sum() / 1_000_000).alias("promo_qty")
    return drivers.group_by("item_id", "location_id", "date").agg(units).filter(pl.col("promo_qty") != 0.0).collect()


def newest(rows: pl.LazyFrame, by: list[str]) -> pl.LazyFrame:
    """Rows of the newest snapshot date: of each key, or of the whole table (what a snapshot no longer lists is gone)."""
    if not by:
        return rows.filter(pl.col("date") == pl.col("date").max())
    return rows.filter(pl.col("date") == pl.col("date").max().over(by))


def _final(tables: TableStore, table: Table, cutoff: date, scenario: str) -> pl.LazyFrame:
    return tables.scan(table).filter(
        (pl.col("cutoff") == cutoff) & (pl.col("scenario") == scenario) & (pl.col("stage") == "final")
    )


def approved_lines(platform: Platform) -> pl.DataFrame:
    """Our own lines that count as on order: released by a person or a rule and not yet received, rejected or cancelled."""
    rows = []
    for state in ON_ORDER_STATES:
        for record in platform.records.query(ORDER_STATE_KIND, where={"state": state}):
            body = record.body
            day = body.get("delivery_date")
            due = date.fromisoformat(str(day)) if day else None
            kept = {name: body.get(name) for name in ("item_id", "location_id", "source_id", "qty")}
            placed = body.get("order_date") or body.get("cutoff")
            dates = {"delivery_date": due, "order_date": date.fromisoformat(str(placed)) if placed else None}
            rows.append({"line_id": record.record_id, **kept, **dates, "state": state})
    return pl.DataFrame(rows, schema=APPROVED_SCHEMA).sort("line_id")


def decisive(platform: Platform, parameters: Parameters) -> dict[str, Any]:
    """What decides the proposal beside the tables: the approved lines."""
    del parameters
    rows = approved_lines(platform)
    return {
        "approved": "; ".join(
            f"{line} {state} {qty}" for line, state, qty in rows.select("line_id", "state", "qty").iter_rows()
        )
    }


def counts(proposal: Proposal) -> Mapping[str, int]:
    """Rows by name, for the run record."""
    lines = proposal.order_lines
    return {
        "order lines": lines.filter(pl.col("qty") > 0).height,
        "without an order": lines.filter(pl.col("qty") <= 0).height,
        "exceptions": proposal.exceptions.height,
        "quarantined": proposal.quarantine.height,
    }


def summarize(proposal: Proposal) -> dict[str, Any]:
    """What a planner reads: lines, value, by source, held, exceptions, the three most urgent with their sentences."""
    orders = proposal.order_lines.filter(pl.col("qty") > 0)
    by_source = (
        orders.group_by("source_id")
        .agg(pl.len().alias("lines"), pl.col("value").fill_null(0.0).sort().sum().alias("value"))
        .sort("value", "source_id", descending=[True, False])
    )
    at_stake = (pl.col("expected_lost_without") - pl.col("expected_lost_with")) * pl.col("unit_cost").fill_null(1.0)
    urgent = orders.sort(at_stake, "item_id", "location_id", descending=[True, False, False]).head(URGENT)
    codes = proposal.exceptions.group_by("code").len().sort("len", "code", descending=[True, False])
    shared = allocations(proposal.order_lines)
    return {
        "orders": order_headers(proposal.order_lines).height,
        "lines": orders.height,
        "value": float(orders["value"].fill_null(0.0).sort().sum()),
        "review": orders.filter(pl.col("status") == "review").height,
        "held": orders.filter(pl.col("status") == "held").height,
        "no_order": proposal.order_lines.height - orders.height,
        "short_at_source": shared.select("item_id", "source_id").n_unique(),
        "units_short": float(shared["cut"].sum()),
        "exceptions": proposal.exceptions.height,
        "exceptions_by_code": dict(codes.iter_rows()),
        "by_source": by_source.to_dicts(),
        "urgent": [
            {"line_id": line["line_id"], "item_id": line["item_id"], "location_id": line["location_id"], "sentence": explain(line)}
            for line in urgent.iter_rows(named=True)
        ],
        "report": proposal.report,
    }  # fmt: skip


def read_line(platform: Platform, line_id: str) -> dict[str, Any]:
    """One stored order line by the beginning of its id, the newest cutoff first.

    Raises:
        NotFound: no line's id begins so.
    """
    found = (
        platform.tables.scan(results.ORDER_LINES)
        .filter(pl.col("line_id").str.starts_with(line_id))
        .sort("cutoff", "line_id", descending=[True, False])
        .head(1)
        .collect()
    )
    if not found.height or not line_id:
        raise NotFound(f"no order line's id begins with {line_id!r}. `shelfcast export orders` lists them.")
    return found.row(0, named=True)


def explain_line(platform: Platform, line_id: str) -> tuple[dict[str, Any], str]:
    """(why fields of a stored line, its sentence)."""
    line = read_line(platform, line_id)
    return line, explain(line)


def what_if_line(
    platform: Platform, line_id: str, changes: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, Any], str, str]:
    """(stored line, line under the changes, sentence of each). Nothing is written."""
    line = read_line(platform, line_id)
    inputs = read_inputs(platform, line["cutoff"], line["scenario"])
    if terms := _terms_of(platform, line["run_id"]):
        inputs = with_assumed(inputs, terms, line["cutoff"])
    changed = what_if(
        inputs, line, changes, line["cutoff"], EngineSettings(scenario=line["scenario"], policy_version=code_version())
    )
    return line, changed, explain(line), explain(changed)


def _terms_of(platform: Platform, run_id: str) -> str:
    """The assumed terms a run was made with; empty where it had none, or its record is gone."""
    try:
        return str(platform.records.get("runs", run_id).body["parameters"].get("terms", ""))
    except NotFound:
        return ""
