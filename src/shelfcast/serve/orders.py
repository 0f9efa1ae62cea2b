"""Order proposals with what became of them, grouped by source, and one line with everything behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

import polars as pl
from pydantic import Field

from shelfcast.domain.errors import BadParameter
from shelfcast.domain.tables import results
from shelfcast.domain.tables.results import WHY_NUMBERS
from shelfcast.pipeline.decide_orders import PROPOSED, Effect, state_of
from shelfcast.pipeline.newest import newest_cutoff
from shelfcast.pipeline.plan_orders import ORDER_STATE_KIND, read_line
from shelfcast.ports.platform import Platform
from shelfcast.replenish import reasons
from shelfcast.replenish.explanation import explain
from shelfcast.serve.memory import of_cutoff
from shelfcast.serve.order_projection import ProjectedDay, projection
from shelfcast.serve.pages import page
from shelfcast.serve.rows import in_dimensions, row_model, with_names
from shelfcast.serve.view import View

OrderState = Literal["proposed", "approved", "sent", "acknowledged", "in_transit", "received", "rejected", "cancelled"]
LineStatus = Literal["auto", "review", "held", "none"]
OrderSort = Literal["item", "-value", "value", "-qty", "-risk", "source"]
SHOWN = (
    "cutoff", "line_id", "item_id", "location_id", "source_id", "order_type", "order_date", "delivery_date", "qty", "unit",
    "packs", "pack_size", "moq", "unit_cost", "value", "on_hand", "on_order_in_window", "inventory_position", "window_mean",
    "p_stockout_without", "p_stockout_with", "expected_lost_without", "cover_days_after", "binding_rule", "policy",
)  # fmt: skip
_Line: Any = row_model("OrderLineColumns", results.ORDER_LINES, SHOWN)
_Why: Any = row_model("OrderLineWhy", results.ORDER_LINES, [one.name for one in WHY_NUMBERS])


class OrderLine(_Line):
    """A proposed order line and what became of it."""

    item_name: str | None = None
    location_name: str | None = None
    category: str | None = None
    status: LineStatus
    """What the engine says: auto (nothing speaks against it), review (look at it), held (waits for a minimum), none."""
    state: OrderState
    """What became of it."""
    decided_qty: float
    """Units to order as they stand: the proposal, or what a planner made of it."""
    edited: bool
    """A planner changed the quantity."""
    version: int
    """Send it back as `expected_version` when you change the line; 0 while nobody has."""
    decided_by: str = ""
    decided_at: datetime | None = None
    reason: str = ""
    """Given by whoever decided last."""
    reasons: list[str] = Field(default=[])
    """Codes of the engine's reasons, in order of effect."""
    sentence: str = Field(
        examples=["Order 24: target 31 covers 3-9 March at 95 % cycle service; stock 8; need 23; packs of 6 -> 24."]
    )


class OrderPage(View):
    cutoff: date
    rows: list[OrderLine]
    next: str = ""
    """Cursor of the next page; empty on the last."""


class SourceSummary(View):
    """The lines of one supplier or distribution centre."""

    source_id: str
    lines: int
    units: float
    value: float
    review: int
    held: int
    approved: int
    rejected: int
    sent: int
    """Sent or further."""
    lost_without: float
    """Units that would be lost without these orders."""


class OrderSummary(View):
    cutoff: date
    lines: int
    value: float
    to_approve: int
    """Lines with something to order on which nobody has decided."""
    by_state: dict[str, int]
    by_status: dict[str, int]
    sources: list[SourceSummary]


class OrderStep(View):
    """What one rule added to or took from the quantity."""

    name: str
    meaning: str
    units: float
    after: float


class RuleUsed(View):
    parameter: str
    scope: str
    """default, declared, or the scope and whom it is for."""
    value: str


class ReasonView(View):
    code: str
    kind: Literal["data", "level", "step", "stop", "note"]
    meaning: str


class StateChange(View):
    at: datetime
    who: str
    before: str
    after: str
    qty: float
    reason: str = ""


class OrderDetail(View):
    """One line with everything behind it: the trace from demand to quantity."""

    line: OrderLine
    why: _Why
    need: float
    steps: list[OrderStep]
    """need + steps = the proposed quantity, exactly."""
    rules: list[RuleUsed]
    reasons: list[ReasonView]
    data_flags: list[str]
    window_from: date | None = None
    window_to: date | None = None
    projection: list[ProjectedDay]
    history: list[StateChange]
    order_ref: str = ""
    erp_order_id: str = ""


class QuantityEffect(View):
    """The line at another quantity, as the engine sees it."""

    qty: float
    allowed: bool
    problems: list[str]
    nearest: list[float]
    """Quantities next to it that the terms allow."""
    value: float | None
    p_stockout: float | None
    expected_lost: float | None
    expected_waste: float | None
    cover_days: float | None
    sentence: str


@dataclass(frozen=True)
class OrderFilters:
    """Lines wanted; empty means all."""

    items: Sequence[str] = ()
    locations: Sequence[str] = ()
    sources: Sequence[str] = ()
    category: Sequence[str] = ()
    status: Sequence[str] = ()
    state: Sequence[str] = ()
    first: date | None = None
    """Delivery from this day on."""
    last: date | None = None
    search: str = ""
    nothing_too: bool = False
    """Also the lines that say why nothing is ordered."""
    reasons: Sequence[str] = ()
    """Codes; lines that have any of them."""


def rows(platform: Platform, filters: OrderFilters, cutoff: date | None = None) -> tuple[pl.LazyFrame, date]:
    """Lines of a cutoff (the newest by default), with names, `state` and `decided_qty`."""
    found, chosen = _rows(platform, filters, cutoff)
    return with_names(platform, found), chosen


def _rows(platform: Platform, filters: OrderFilters, cutoff: date | None) -> tuple[pl.LazyFrame, date]:
    chosen = cutoff or newest_cutoff(platform, results.ORDER_LINES)
    lines = of_cutoff(platform, results.ORDER_LINES, chosen)
    states = states_of(platform, chosen)
    if not filters.nothing_too:
        lines = lines.filter((pl.col("qty") > 0) | pl.col("line_id").is_in(states["line_id"].implode()))
    for values, column in (
        (filters.items, "item_id"), (filters.locations, "location_id"), (filters.sources, "source_id"),
        (filters.status, "status"),
    ):  # fmt: skip
        if values:
            lines = lines.filter(pl.col(column).is_in(list(values)))
    if filters.reasons:
        codes = pl.col("reasons").fill_null("").str.split(",")
        lines = lines.filter(codes.list.set_intersection(list(filters.reasons)).list.len() > 0)
    if filters.first:
        lines = lines.filter(pl.col("delivery_date") >= filters.first)
    if filters.last:
        lines = lines.filter(pl.col("delivery_date") <= filters.last)
    inside = in_dimensions(platform, category=filters.category, search=filters.search)
    if inside is not None:
        lines = lines.filter(inside)
    lines = lines.join(states.lazy(), on="line_id", how="left").with_columns(
        pl.col("state").fill_null(PROPOSED), pl.coalesce("decided_qty", "qty").alias("decided_qty")
    )
    if filters.state:
        lines = lines.filter(pl.col("state").is_in(list(filters.state)))
    return lines, chosen


def states_of(platform: Platform, cutoff: date) -> pl.DataFrame:
    """line_id, state, decided_qty of every line of a cutoff somebody decided on."""
    found = [
        {"line_id": one.record_id, "state": one.body["state"], "decided_qty": float(one.body["qty"])}
        for one in platform.records.query(ORDER_STATE_KIND, where={"cutoff": cutoff.isoformat()})
    ]
    return pl.DataFrame(found, schema={"line_id": pl.String, "state": pl.String, "decided_qty": pl.Float64})


_SORTS: Mapping[str, tuple[pl.Expr, ...]] = {
    "item": (pl.lit(0.0),),
    "-value": (-pl.col("value").fill_null(0.0),),
    "value": (pl.col("value").fill_null(0.0),),
    "-qty": (-pl.col("decided_qty"),),
    # Certain stock-outs are many: among equals, the one that loses most comes first.
    "-risk": (
        -(pl.col("p_stockout_without").fill_null(0.0).round(4) * 1e10 + pl.col("expected_lost_without").fill_null(0.0)),
    ),
    "source": (pl.lit(0.0),),
}


def order_page(
    platform: Platform, filters: OrderFilters, *, limit: int, cursor: str = "", cutoff: date | None = None,
    sort: OrderSort = "item",
) -> OrderPage:  # fmt: skip
    """A page of lines, sorted, then by key."""
    if sort not in _SORTS:
        raise BadParameter.unknown("sort", sort, _SORTS)
    found, chosen = _rows(platform, filters, cutoff)
    keys = ("source_id", "item_id", "location_id") if sort == "source" else ("item_id", "location_id", "source_id")
    narrow = found.select(_SORTS[sort][0].alias("_sort"), *keys, "line_id")
    made = page(narrow, ("_sort", *keys), limit, cursor)
    shown = pl.DataFrame(made.rows, schema={"line_id": pl.String}).with_row_index("_at").lazy()
    wide = with_names(platform, of_cutoff(platform, results.ORDER_LINES, chosen).join(shown, on="line_id"))
    listed = wide.sort("_at").collect().iter_rows(named=True)
    return OrderPage(cutoff=chosen, rows=[line_view(platform, row) for row in listed], next=made.next)


def line_view(platform: Platform, row: Mapping[str, Any]) -> OrderLine:
    record = state_of(platform, row["line_id"])
    body = record.body if record else {}
    history = body.get("history") or []
    codes = [one for one in (row.get("reasons") or "").split(",") if one]
    facts = {name: row.get(name) for name in (*SHOWN, "item_name", "location_name", "category", "status")}
    decided = float(body.get("qty", row["qty"]))
    return OrderLine(
        **facts, state=body.get("state", PROPOSED), decided_qty=decided, edited=decided != row["qty"],
        version=record.version if record else 0, decided_by=history[-1]["who"] if history else "",
        decided_at=history[-1]["at"] if history else None, reason=body.get("reason", ""), reasons=codes,
        sentence=explain(row),
    )  # fmt: skip


def summary(platform: Platform, filters: OrderFilters, cutoff: date | None = None) -> OrderSummary:
    """Counts and values by source, status and state."""
    found, chosen = _rows(platform, filters, cutoff)
    lines = found.select(
        "source_id", "status", "state", "decided_qty", "expected_lost_without",
        (pl.col("decided_qty") * pl.col("unit_cost").fill_null(0.0)).alias("worth"),
    ).collect()  # fmt: skip
    further = pl.col("state").is_in(["sent", "acknowledged", "in_transit", "received"])
    sources = (
        lines.group_by("source_id")
        .agg(
            pl.len().alias("lines"), pl.col("decided_qty").sort().sum().alias("units"), pl.col("worth").sort().sum().alias("value"),
            (pl.col("status") == "review").sum().alias("review"), (pl.col("status") == "held").sum().alias("held"),
            (pl.col("state") == "approved").sum().alias("approved"), (pl.col("state") == "rejected").sum().alias("rejected"),
            further.sum().alias("sent"), pl.col("expected_lost_without").fill_null(0.0).sort().sum().alias("lost_without"),
        )
        .sort("value", "source_id", descending=[True, False])
    )  # fmt: skip
    waiting = (pl.col("state") == PROPOSED) & (pl.col("decided_qty") > 0)
    return OrderSummary(
        cutoff=chosen,
        lines=lines.height,
        value=float(lines["worth"].sort().sum()),
        to_approve=lines.filter(waiting).height,
        by_state=dict(lines.group_by("state").len().sort("state").iter_rows()),
        by_status=dict(lines.group_by("status").len().sort("status").iter_rows()),
        sources=[SourceSummary(**one) for one in sources.iter_rows(named=True)],
    )


def detail(platform: Platform, line_id: str) -> OrderDetail:
    """
    Raises:
        NotFound: no such line.
    """
    row = _line(platform, line_id)
    named = with_names(platform, pl.DataFrame([row], schema=results.ORDER_LINES.polars_schema).lazy()).collect()
    line = line_view(platform, named.row(0, named=True))
    record = state_of(platform, row["line_id"])
    meanings = {one.name: one.meaning for one in WHY_NUMBERS}
    after, steps = float(row["need"] or 0.0), []
    for name in (one.name for one in WHY_NUMBERS if one.name.startswith("step_")):
        units = float(row[name] or 0.0)
        after += units
        if units:
            steps.append(OrderStep(name=name, meaning=meanings[name], units=units, after=after))
    codes = [reasons.BY_CODE[code] for code in line.reasons if code in reasons.BY_CODE]
    return OrderDetail(
        line=line, why=_Why(**{one.name: row[one.name] for one in WHY_NUMBERS}), need=float(row["need"] or 0.0), steps=steps,
        rules=_rules(row["rules_used"] or ""),
        reasons=[ReasonView(code=one.code, kind=one.kind.value, meaning=one.sentence) for one in codes],
        data_flags=[one for one in (row["data_flags"] or "").split(",") if one],
        window_from=row["window_from"], window_to=row["window_to"], projection=projection(platform, row, line.decided_qty),
        history=[
            StateChange(at=one["at"], who=one["who"], before=one["from"], after=one["to"], qty=one["qty"], reason=one["reason"])
            for one in (record.body.get("history", []) if record else [])
        ],
        order_ref=record.body.get("order_ref", "") if record else "",
        erp_order_id=record.body.get("erp_order_id", "") if record else "",
    )  # fmt: skip


def _line(platform: Platform, line_id: str) -> Mapping[str, Any]:
    newest = of_cutoff(platform, results.ORDER_LINES, newest_cutoff(platform, results.ORDER_LINES))
    found = newest.filter(pl.col("line_id") == line_id).head(1).collect()
    return found.row(0, named=True) if found.height else read_line(platform, line_id)


def _rules(text: str) -> list[RuleUsed]:
    """`parameter=scope:value` pieces; a scope may hold `:` itself, a value never does."""
    found = []
    for piece in text.split(";"):
        name, _, rest = piece.partition("=")
        scope, _, value = rest.rpartition(":")
        if name and rest:
            found.append(RuleUsed(parameter=name, scope=scope, value=value))
    return found


def effect_view(effect: Effect) -> QuantityEffect:
    line = effect.line
    cost = line.get("unit_cost")
    return QuantityEffect(
        qty=effect.qty, allowed=not effect.problems, problems=list(effect.problems), nearest=list(effect.nearest),
        value=None if cost is None else cost * effect.qty, p_stockout=line.get("p_stockout_with"),
        expected_lost=line.get("expected_lost_with"), expected_waste=line.get("expected_waste_with"),
        cover_days=line.get("cover_days_after"), sentence=effect.sentence,
    )  # fmt: skip
