"""Till events in, sales of the day out."""

from __future__ import annotations

from datetime import date, datetime
from threading import Lock
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, Field

from shelfcast.entrypoints.http.errors import RESPONSES, described, problem
from shelfcast.entrypoints.http.security import Erp, Host, Viewer
from shelfcast.pipeline.receive_events import MAX_BODY_BYTES, EventIntake, Overloaded, event_log, request_schema
from shelfcast.serve import intraday

router = APIRouter(prefix="/v1", tags=["till events"], responses=RESPONSES)
_making = Lock()


class RefusedEvent(BaseModel):
    number: int = Field(description="Place in the request, from 1")
    rule: str
    reason: str = Field(description="What came, what is allowed, what to do")


class Received(BaseModel):
    accepted: int = Field(description="Events kept; one sent twice counts once in the sales")
    dead_lettered: int = Field(description="Events that can't be used; they lie in the dead-letter folder")
    refused: list[RefusedEvent]
    batch: str = Field(description="Where the events are kept in the raw zone; empty if none could be used")


class DaySales(BaseModel):
    location_id: str
    item_id: str | None = None
    date: date
    units: float
    revenue: float | None = None
    expected_units: float | None = Field(default=None, description="Of the whole day, by the newest forecast of it")
    items: int
    lines: int | None = None
    last_event_at: datetime | None = None


class SalesToday(BaseModel):
    as_of: datetime
    rows: list[DaySales]


async def body_of(request: Request) -> bytes:
    """The body, read no further than is allowed."""
    pieces: list[bytes] = []
    size = 0
    async for piece in request.stream():
        size += len(piece)
        pieces.append(piece)
        if size > MAX_BODY_BYTES:
            break
    return b"".join(pieces)


def intake_of(request: Request, platform: Host) -> EventIntake:
    """One intake for the whole app, so that requests are written together."""
    state = request.app.state
    with _making:
        if not hasattr(state, "event_intake"):
            state.event_intake = EventIntake(event_log(platform), platform.clock)
        return state.event_intake


@router.post(
    "/events",
    status_code=202,
    summary="Send till events; answered when they are safe, counted once however often they are sent",
    response_model=Received,
    responses={429: described("Too much at once; send again after Retry-After seconds")},
    openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": request_schema()}}}},
)
def send_events(
    who: Erp, body: Annotated[bytes, Depends(body_of)], intake: Annotated[EventIntake, Depends(intake_of)]
) -> Received | Response:
    try:
        done = intake.receive(body, who.name)
    except Overloaded as error:
        answer = problem(429, "Too much at once", str(error))
        answer.headers["Retry-After"] = str(error.retry_after_seconds)
        return answer
    refused = [RefusedEvent(number=one.number, rule=one.rule, reason=one.reason) for one in done.dead[:100]]
    return Received(accepted=done.accepted, dead_lettered=len(done.dead), refused=refused, batch=done.batch)


@router.get("/sales/today", summary="What was sold so far on each location's own business day")
def get_sales_today(
    _: Viewer,
    platform: Host,
    location: Annotated[list[str], Query(max_length=200)] = [],
    item: Annotated[list[str], Query(max_length=200)] = [],
    by_item: bool = False,
    limit: Annotated[int, Query(ge=1, le=5000)] = 1000,
) -> SalesToday:
    found = intraday.sales_today(platform, locations=location, items=item, by_item=by_item, limit=limit)
    return SalesToday(as_of=found.as_of, rows=[DaySales(**row) for row in found.rows])
