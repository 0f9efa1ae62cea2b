"""Order proposals: look, change, decide, download."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from shelfcast.domain.errors import BadParameter
from shelfcast.entrypoints.http.errors import RESPONSES
from shelfcast.entrypoints.http.files import FILE_RESPONSE, table_response
from shelfcast.entrypoints.http.security import Host, Planner, Viewer
from shelfcast.pipeline import decide_orders, plan_orders
from shelfcast.serve import orders as views
from shelfcast.serve.orders import (
    LineStatus,
    OrderDetail,
    OrderFilters,
    OrderPage,
    OrderSort,
    OrderState,
    OrderSummary,
    QuantityEffect,
)

router = APIRouter(prefix="/v1", tags=["orders"], responses=RESPONSES)
Many = Annotated[list[str], Query(max_length=200)]
LineId = Annotated[str, Path(min_length=8, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]


class Edit(BaseModel):
    model_config = ConfigDict(extra="forbid")
    qty: float = Field(ge=0, le=1e9, description="Units to order, within the line's terms", examples=[24])
    reason: str = Field(min_length=3, max_length=500, examples=["street market on Saturday"])
    expected_version: int | None = Field(
        default=None, ge=0, le=2**31, description="`version` of the line as you saw it; refused if somebody was faster"
    )


class Selection(BaseModel):
    """Lines of the newest proposal; what is left out matches all."""

    model_config = ConfigDict(extra="forbid")
    item: list[str] = Field(default=[], max_length=1000)
    location: list[str] = Field(default=[], max_length=1000)
    source: list[str] = Field(default=[], max_length=1000)
    category: list[str] = Field(default=[], max_length=1000)
    status: list[LineStatus] = []
    state: list[OrderState] = ["proposed"]


class Decision(BaseModel):
    model_config = ConfigDict(extra="forbid")
    line_ids: list[str] = Field(default=[], max_length=20_000, description="Lines to decide on")
    all_matching: Selection | None = Field(
        default=None, description="Instead of ids: every line of the newest proposal that matches"
    )
    reason: str = Field(default="", max_length=500)


class DecidedLine(BaseModel):
    line_id: str
    done: bool
    state: str
    qty: float
    why: str = Field(default="", description="Why it was not done")


class DecisionResult(BaseModel):
    done: int
    refused: int
    lines: list[DecidedLine]


class WhatIf(BaseModel):
    model_config = ConfigDict(extra="forbid")
    changes: dict[str, str] = Field(
        description="Field -> value as text: stock, terms, rule parameters, demand_factor", max_length=50,
        examples=[{"lead_time_days": "5", "demand_factor": "1.2"}],
    )  # fmt: skip


class WhatIfResult(BaseModel):
    qty: float
    qty_now: float
    sentence: str
    sentence_now: str
    p_stockout: float | None
    value: float | None


def filters(
    item: Many = [], location: Many = [], source: Many = [], category: Many = [],
    status: Annotated[list[LineStatus], Query()] = [], state: Annotated[list[OrderState], Query()] = [],
    first: Annotated[date | None, Query(description="Delivery from")] = None,
    last: Annotated[date | None, Query(description="Delivery up to")] = None,
    search: Annotated[str, Query(max_length=100, description="In ids and names of items and locations")] = "",
    nothing_too: Annotated[bool, Query(description="Also lines that say why nothing is ordered")] = False,
    reason: Annotated[list[str], Query(max_length=50, description="Codes; lines that have any of them")] = [],
) -> OrderFilters:  # fmt: skip
    return OrderFilters(item, location, source, category, status, state, first, last, search, nothing_too, reason)


Wanted = Annotated[OrderFilters, Depends(filters)]


@router.get("/orders", summary="Order lines of the newest cutoff (or another), a page at a time")
def list_orders(
    _: Viewer, platform: Host, wanted: Wanted, cutoff: date | None = None, sort: OrderSort = "item",
    limit: Annotated[int, Query(ge=1, le=2000)] = 200, cursor: Annotated[str, Query(max_length=2000)] = "",
) -> OrderPage:  # fmt: skip
    return views.order_page(platform, wanted, limit=limit, cursor=cursor, cutoff=cutoff, sort=sort)


@router.get("/orders/summary", summary="Counts and values by source, status and state")
def summarize_orders(_: Viewer, platform: Host, wanted: Wanted, cutoff: date | None = None) -> OrderSummary:
    return views.summary(platform, wanted, cutoff)


@router.get(
    "/orders/download", summary="Order lines as one CSV or Parquet file", response_class=StreamingResponse,
    responses=FILE_RESPONSE,
)  # fmt: skip
def download_orders(
    _: Viewer, platform: Host, wanted: Wanted, format: Literal["csv", "parquet"] = "csv", cutoff: date | None = None
) -> StreamingResponse:
    rows, chosen = views.rows(platform, wanted, cutoff)
    return table_response(rows.sort("item_id", "location_id", "source_id"), f"orders-{chosen}", format)


@router.get("/orders/{line_id}", summary="One line with everything behind it: from demand to quantity")
def get_order_line(_: Viewer, platform: Host, line_id: LineId) -> OrderDetail:
    return views.detail(platform, line_id)


@router.get("/orders/{line_id}/at", summary="What the engine expects of the line at another quantity")
def preview_order_quantity(
    _: Planner, platform: Host, line_id: LineId, qty: Annotated[float, Query(ge=0, le=1e9)]
) -> QuantityEffect:
    return views.effect_view(decide_orders.at_quantity(platform, plan_orders.read_line(platform, line_id), qty))


@router.put(
    "/orders/{line_id}/quantity", summary="Change the quantity of a proposed line, within its terms, with a reason"
)
def edit_order_line(who: Planner, platform: Host, line_id: LineId, body: Edit) -> OrderDetail:
    decide_orders.edit(platform, who.name, line_id, body.qty, body.reason, expected=body.expected_version)
    return views.detail(platform, line_id)


@router.post(
    "/orders/{line_id}/what-if", summary="The line under changed terms, stock, rules or demand; nothing is written"
)
def what_if_order_line(_: Planner, platform: Host, line_id: LineId, body: WhatIf) -> WhatIfResult:
    now, changed, sentence_now, sentence = plan_orders.what_if_line(platform, line_id, body.changes)
    return WhatIfResult(
        qty=changed["qty"], qty_now=now["qty"], sentence=sentence, sentence_now=sentence_now,
        p_stockout=changed.get("p_stockout_with"), value=changed.get("value"),
    )  # fmt: skip


@router.post("/orders/approve", summary="Approve lines, many at once")
def approve_orders(who: Planner, platform: Host, body: Decision) -> DecisionResult:
    return _decide(platform, who.name, body, decide_orders.APPROVED)


@router.post("/orders/reject", summary="Reject lines, many at once; a reason is needed")
def reject_orders(who: Planner, platform: Host, body: Decision) -> DecisionResult:
    if len(body.reason.strip()) < 3:
        raise BadParameter("a rejection needs a reason of at least 3 characters; those who come after you will ask.")
    return _decide(platform, who.name, body, decide_orders.REJECTED)


@router.post("/orders/take-back", summary="Back to proposed: approved lines not yet sent, and rejected ones")
def take_back_orders(who: Planner, platform: Host, body: Decision) -> DecisionResult:
    return _decide(platform, who.name, body, decide_orders.PROPOSED)


def _decide(platform: Host, who: str, body: Decision, state: str) -> DecisionResult:
    if bool(body.line_ids) == (body.all_matching is not None):
        raise BadParameter("send either line_ids or all_matching.")
    ids = body.line_ids
    if body.all_matching is not None:
        chosen = body.all_matching
        found, _ = views.rows(
            platform,
            OrderFilters(chosen.item, chosen.location, chosen.source, chosen.category, chosen.status, chosen.state),
        )
        ids = found.select("line_id").sort("line_id").collect()["line_id"].to_list()
    lines = decide_orders.decide(platform, who, ids, state, body.reason)
    done = sum(one.done for one in lines)
    return DecisionResult(done=done, refused=len(lines) - done, lines=[DecidedLine(**vars(one)) for one in lines])
