"""For the ERP: pull approved orders and forecasts, say what became of them. Each request once, by its idempotency key."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from shelfcast.entrypoints.http.errors import RESPONSES
from shelfcast.entrypoints.http.security import Erp, Host
from shelfcast.pipeline import deliver_orders
from shelfcast.pipeline.deliver_orders import Acknowledgement
from shelfcast.ports.record_store import Record
from shelfcast.serve import forecasts
from shelfcast.serve.forecasts import ForecastPage

router = APIRouter(prefix="/v1/erp", tags=["erp"], responses=RESPONSES)
Key = Annotated[
    str,
    Header(alias="Idempotency-Key", min_length=8, max_length=128, pattern=r"^[A-Za-z0-9._:-]+$",
           description="The same key again gives the same answer and changes nothing"),
]  # fmt: skip


class NewPull(BaseModel):
    model_config = ConfigDict(extra="forbid")
    source_id: str = Field(default="", max_length=128, description="Only lines of this supplier; empty = all")
    limit: int = Field(default=10_000, ge=1, le=100_000, description="Most lines in the batch")


class Pull(BaseModel):
    pull_id: str
    lines: int
    value: float


class PulledLine(BaseModel):
    """An order line as it goes out. Send its `order_ref` back in acknowledgements and with your open orders."""

    order_ref: str
    source_id: str
    destination_id: str
    item_id: str
    qty: float
    unit_cost: float | None = None
    order_type: str | None = None
    order_date: date | None = None
    delivery_date: date | None = None
    state: str
    approved_by: str = ""


class PulledPage(BaseModel):
    rows: list[PulledLine]
    next: str = ""


class AcknowledgedLine(BaseModel):
    model_config = ConfigDict(extra="forbid")
    order_ref: str = Field(min_length=1, max_length=64)
    state: Literal["acknowledged", "in_transit", "received", "rejected", "cancelled"]
    erp_order_id: str = Field(default="", max_length=128)
    qty: float | None = Field(default=None, ge=0, le=1e9, description="Confirmed units, where they differ")
    delivery_date: date | None = Field(default=None, description="Confirmed day, where it differs")
    message: str = Field(default="", max_length=500)


class Acknowledgements(BaseModel):
    model_config = ConfigDict(extra="forbid")
    lines: list[AcknowledgedLine] = Field(min_length=1, max_length=10_000)


class AcknowledgedResult(BaseModel):
    order_ref: str
    done: bool
    state: str
    why: str = ""


class AcknowledgementResult(BaseModel):
    lines: list[AcknowledgedResult]


@router.post("/pulls", status_code=201, summary="Take the approved lines into a batch; they count as sent")
def pull_orders(who: Erp, platform: Host, body: NewPull, key: Key) -> Pull:
    return Pull(**deliver_orders.pull(platform, who.name, key, source=body.source_id, most=body.limit))


@router.get("/pulls/{pull_id}/lines", summary="Lines of a batch, a page at a time")
def list_pulled_lines(
    _: Erp, platform: Host, pull_id: Annotated[str, Path(min_length=8, max_length=64, pattern="^[a-f0-9]+$")],
    limit: Annotated[int, Query(ge=1, le=5000)] = 1000, cursor: Annotated[str, Query(max_length=64)] = "",
) -> PulledPage:  # fmt: skip
    lines, following = deliver_orders.pulled_lines(platform, pull_id, limit, cursor)
    return PulledPage(rows=[_line(one) for one in lines], next=following)


@router.post(
    "/acknowledgements", summary="Say what became of lines: acknowledged, in transit, received, rejected, cancelled"
)
def acknowledge_orders(who: Erp, platform: Host, body: Acknowledgements, key: Key) -> AcknowledgementResult:
    said = [Acknowledgement(**one.model_dump()) for one in body.lines]
    done = deliver_orders.acknowledge(platform, who.name, key, said)
    return AcknowledgementResult(lines=[AcknowledgedResult(**one) for one in done])


@router.get("/forecasts", summary="Forecasts of the newest cutoff (or another), a page at a time")
def pull_forecasts(
    _: Erp, platform: Host, cutoff: date | None = None, limit: Annotated[int, Query(ge=1, le=5000)] = 1000,
    cursor: Annotated[str, Query(max_length=2000)] = "",
) -> ForecastPage:  # fmt: skip
    return forecasts.forecast_page(platform, forecasts.ForecastFilters(), limit=limit, cursor=cursor, cutoff=cutoff)


def _line(record: Record) -> PulledLine:
    body = record.body
    names = ("source_id", "item_id", "qty", "unit_cost", "order_type", "order_date", "delivery_date", "state")
    facts: dict[str, Any] = {name: body.get(name) for name in names}
    return PulledLine(
        order_ref=record.record_id, destination_id=body["location_id"], approved_by=body.get("approved_by", ""),
        **facts,
    )  # fmt: skip
