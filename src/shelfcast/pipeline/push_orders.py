"""Approved orders -> the ERP's door (SFTP or webhook), each exactly once, and its acknowledgements back.

    open a delivery (a number of its own) -> pull the approved lines into it (they count as sent) -> write the file once
    -> take it there -> note the receipt

Every step finds what an earlier try left: a delivery that was opened and not finished is finished first, with the same
lines, the same bytes and the same name, and the other side knows a file it has already. So a push killed anywhere, or run
while the ERP is down, is simply run again.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import polars as pl

from shelfcast.domain.errors import BadInput, BadParameter, Conflict, NotFound, SourceDown
from shelfcast.domain.tables.curated import ITEMS
from shelfcast.pipeline import deliver_orders
from shelfcast.pipeline.decide_orders import APPROVED
from shelfcast.pipeline.deliver_orders import Acknowledgement
from shelfcast.pipeline.order_edi import as_edifact, as_x12
from shelfcast.pipeline.order_formats import Envelope, OrderLine, as_csv, as_json
from shelfcast.pipeline.plan_orders import ORDER_STATE_KIND
from shelfcast.ports.file_delivery import FileDelivery, Receipt
from shelfcast.ports.platform import Platform
from shelfcast.ports.record_store import Record

DELIVERIES = "erp_deliveries"
OPEN, DELIVERED, EMPTY = "open", "delivered", "empty"
FILES = "exports/erp/"
LETTERS = "dead_letters/erp/"
TRIES = 3
MOST_LINES = 10_000
"""Order lines in one delivery; more go out in several."""
Writer = Callable[[Sequence[OrderLine], Envelope], bytes]
FORMATS: Mapping[str, tuple[str, Writer]] = {
    "csv": ("csv", as_csv), "json": ("json", as_json), "x12": ("x12", as_x12), "edifact": ("edi", as_edifact),
}  # fmt: skip
"""Name -> (ending of the file, what writes it)."""
ACK_STATES = ("acknowledged", "in_transit", "received", "rejected", "cancelled")


@dataclass(frozen=True)
class Delivery:
    """One file that went out, or waits to."""

    name: str
    state: str
    lines: int
    value: float
    where: str = ""
    error: str = ""
    answered: int = 0
    """Acknowledgements that came with the receipt and were noted."""
    refused: int = 0
    """Of the receipt's lines, those that say what can't be; an answer that can't be read counts as one, and is kept."""
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Channel:
    """A door of the ERP: a name that never changes, how files are taken there, and in which format."""

    name: str
    door: FileDelivery
    format: str = "csv"
    source: str = ""
    """Only lines of this supplier; empty = all."""
    sender: str = "SHELFCAST"
    recipient: str = "ERP"

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,30}", self.name):
            raise BadParameter(f"channel name {self.name!r} can't be used: small letters, digits and '-', at most 31.")
        if self.format not in FORMATS:
            raise BadParameter.unknown("order format", self.format, FORMATS)


def push(
    platform: Platform, channel: Channel, *, currency: str, wait: Callable[[float], None], tries: int = TRIES
) -> list[Delivery]:
    """Finish what is open, then send what was approved since; what went out, in order. One that can't be delivered now
    stays open, with its error, and nothing newer overtakes it.

    Raises:
        BadParameter: a line can't be written in the format, or the other side refuses us.
    """
    done: list[Delivery] = []
    for record in _open(platform, channel):
        done.append(_finish(platform, channel, record, currency, wait, tries))
        if done[-1].state == OPEN:
            return done
    while _approved(platform, channel):
        done.append(_finish(platform, channel, _next(platform, channel), currency, wait, tries))
        if done[-1].state != DELIVERED:
            break
    return [one for one in done if one.state != EMPTY]


def _open(platform: Platform, channel: Channel) -> list[Record]:
    return platform.records.query(DELIVERIES, where={"state": OPEN}, prefix=f"{channel.name}-")


def _approved(platform: Platform, channel: Channel) -> bool:
    found = platform.records.query(ORDER_STATE_KIND, where={"state": APPROVED})
    return any(not channel.source or one.body["source_id"] == channel.source for one in found)


def _next(platform: Platform, channel: Channel) -> Record:
    """Open the next delivery: its number is taken once, whoever else pushes at the same moment."""
    body = {
        "state": OPEN,
        "channel": channel.name,
        "opened_at": platform.clock.now().isoformat(),
        "format": channel.format,
        "source": channel.source,
        "most": MOST_LINES,
        "error": "",
    }
    while True:
        earlier = platform.records.query(DELIVERIES, prefix=f"{channel.name}-")
        number = max((int(one.body["number"]) for one in earlier), default=0) + 1
        with suppress(Conflict):
            return platform.records.put(
                DELIVERIES, f"{channel.name}-{number:08d}", body | {"number": number}, expected=0
            )


def _finish(
    platform: Platform, channel: Channel, record: Record, currency: str, wait: Callable[[float], None], tries: int
) -> Delivery:
    record = _in_format(platform, channel, record)
    body = dict(record.body)
    who, key = f"push:{channel.name}", f"push-{record.record_id}"
    # What it was opened with counts, whatever this push is asked for.
    batch = deliver_orders.pull(
        platform, who, key, source=body.get("source", channel.source), most=int(body.get("most", MOST_LINES))
    )
    ending, write = FORMATS[body["format"]]
    name = f"orders-{record.record_id}.{ending}"
    if not batch["lines"]:
        platform.records.put(DELIVERIES, record.record_id, body | {"state": EMPTY, "lines": 0})
        return Delivery(name, EMPTY, 0, 0.0)
    try:
        data = _file(platform, channel, batch["pull_id"], name, body, currency, write)
        receipt = _deliver(channel.door, name, data, wait, tries)
    except (SourceDown, Conflict, BadInput) as error:
        platform.records.put(
            DELIVERIES, record.record_id, body | {"error": str(error), "lines": batch["lines"], "file": name}
        )
        if not isinstance(error, SourceDown):
            raise
        return Delivery(name, OPEN, batch["lines"], batch["value"], error=str(error))
    body |= {
        "state": DELIVERED, "delivered_at": platform.clock.now().isoformat(), "file": name, "lines": batch["lines"],
        "value": batch["value"], "where": receipt.where, "sha256": receipt.sha256, "bytes": receipt.size, "error": "",
    }  # fmt: skip
    # The answer first: killed in between, the file is delivered again under its name, and answered again.
    noted, reasons = _answer(platform, channel, name, receipt)
    platform.records.put(DELIVERIES, record.record_id, body)
    return Delivery(
        name, DELIVERED, batch["lines"], batch["value"], receipt.where, answered=noted, refused=len(reasons), reasons=reasons
    )  # fmt: skip


def _in_format(platform: Platform, channel: Channel, record: Record) -> Record:
    """A delivery whose file could not be written in the format it was opened with takes the one asked for now.

    Raises:
        Conflict: another push is at it.
    """
    if record.body["format"] == channel.format or not record.body.get("error"):
        return record
    ending, _ = FORMATS[record.body["format"]]
    if platform.blobs.list(f"{FILES}{channel.name}/orders-{record.record_id}.{ending}"):
        return record
    body = dict(record.body) | {"format": channel.format}
    return platform.records.put(DELIVERIES, record.record_id, body, expected=record.version)


def _file(
    platform: Platform, channel: Channel, pull_id: str, name: str, body: Mapping[str, Any], currency: str, write: Writer
) -> bytes:
    """The file of a delivery: written once, then always the same bytes."""
    key = f"{FILES}{channel.name}/{name}"
    with suppress(NotFound):
        return platform.blobs.get(key)
    envelope = Envelope(
        int(body["number"]), datetime.fromisoformat(body["opened_at"]), currency, channel.sender, channel.recipient
    )
    data = write(lines_of(platform, pull_id), envelope)
    with suppress(Conflict):
        platform.blobs.put(key, data, create=True)
    return platform.blobs.get(key)


def lines_of(platform: Platform, pull_id: str) -> list[OrderLine]:
    """The lines of a pull as they go out."""
    records: list[Record] = []
    cursor = ""
    while True:
        page, cursor = deliver_orders.pulled_lines(platform, pull_id, 5000, cursor)
        records += page
        if not cursor:
            break
    units = dict(platform.tables.scan(ITEMS).select("item_id", "unit").collect().iter_rows())
    return [
        OrderLine(
            one.record_id, one.body["source_id"], one.body["location_id"], one.body["item_id"], float(one.body["qty"]),
            units.get(one.body["item_id"]) or "each", one.body.get("unit_cost"), _day(one.body.get("order_date")),
            _day(one.body.get("delivery_date")), one.body.get("order_type") or "purchase",
        )
        for one in records
    ]  # fmt: skip


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def _deliver(door: FileDelivery, name: str, data: bytes, wait: Callable[[float], None], tries: int) -> Receipt:
    for number in range(tries):
        try:
            return door.deliver(name, data)
        except SourceDown:
            if number + 1 == tries:
                raise
            wait(2.0**number)
    raise SourceDown(f"{name} was not tried: {tries} tries were asked for.")


def _answer(platform: Platform, channel: Channel, name: str, receipt: Receipt) -> tuple[int, tuple[str, ...]]:
    """Acknowledgements the other side gave at once: (noted, why others were not). An answer that claims none is no error."""
    if not _claims_lines(receipt.answer):
        return 0, ()
    try:
        said = read_acknowledgements(f"answer to {name}.json", receipt.answer)
    except BadInput as error:
        _bury(platform, channel, receipt.answer)
        return 0, (str(error),)
    digest = hashlib.sha256(receipt.answer).hexdigest()[:16]
    return _counted(_note(platform, channel, f"answer to {name} {digest}", said))


def _claims_lines(answer: bytes) -> bool:
    """Whether an answer means to hold acknowledgements: a JSON list, an object with `lines`, or JSON that breaks off."""
    if not answer.strip().startswith((b"{", b"[")):
        return False
    try:
        found = json.loads(answer)
    except (ValueError, RecursionError):
        return True
    return isinstance(found, list) or "lines" in found


def _counted(done: Sequence[Mapping[str, Any]]) -> tuple[int, tuple[str, ...]]:
    why = tuple(f"{one['order_ref']}: {one['why']}" for one in done if not one["done"])
    return len(done) - len(why), why


def _bury(platform: Platform, channel: Channel, data: bytes) -> None:
    with suppress(Conflict):
        key = f"{LETTERS}{channel.name}/{hashlib.sha256(data).hexdigest()[:16]}"
        platform.blobs.put(key, data, create=True, durable=True)


# Acknowledgements


@dataclass(frozen=True)
class Collected:
    """What came back. lines = noted + refused + broken."""

    files: int = 0
    lines: int = 0
    noted: int = 0
    refused: int = 0
    """Lines that say what can't be (unknown order_ref, a step back); each is told."""
    broken: int = 0
    """Files (counted as a line each) that can't be read; they lie in the dead-letter folder."""
    reasons: tuple[str, ...] = ()


def collect(platform: Platform, channel: Channel) -> Collected:
    """Fetch the ERP's acknowledgement files and note what they say; a file fetched twice changes nothing.

    Raises:
        SourceDown, BadParameter: the door is shut.
    """
    files = lines = noted = broken = 0
    reasons: list[str] = []
    for name, data in channel.door.collect():
        files += 1
        try:
            said = read_acknowledgements(name, data)
        except BadInput as error:
            broken, lines = broken + 1, lines + 1
            reasons.append(str(error))
            _bury(platform, channel, data)
        else:
            done = _note(platform, channel, f"{name} {hashlib.sha256(data).hexdigest()[:16]}", said)
            counted, why = _counted(done)
            lines, noted = lines + len(done), noted + counted
            reasons += why
        channel.door.done(name)
    return Collected(files, lines, noted, lines - noted - broken, broken, tuple(reasons))


def _note(
    platform: Platform, channel: Channel, key: str, said: Sequence[Acknowledgement]
) -> Sequence[Mapping[str, Any]]:
    return deliver_orders.acknowledge(platform, f"push:{channel.name}", key, said)


def read_acknowledgements(name: str, data: bytes) -> list[Acknowledgement]:
    """Acknowledgements of a CSV file (a header, then a line each) or JSON (a list, or `{"lines": [...]}`).

    Fields: order_ref, state; erp_order_id, qty, delivery_date, message where they are.

    Raises:
        BadInput: it can't be read; nothing of the file is used.
    """
    try:
        text = data.decode("utf-8-sig")
        if name.lower().endswith(".json") or text.lstrip()[:1] in ("{", "["):
            found = json.loads(text)
            rows = found["lines"] if isinstance(found, dict) else found
        else:
            rows = list(csv.DictReader(io.StringIO(text), strict=True))
        if not isinstance(rows, list) or not rows:
            raise ValueError("it holds no lines")
        return [_acknowledgement(number, row) for number, row in enumerate(rows, 1)]
    except (ValueError, KeyError, TypeError, AttributeError, csv.Error, RecursionError) as error:
        said = f"no field {error}" if isinstance(error, KeyError) else str(error)
        raise BadInput(
            f"acknowledgement file {name} can't be used: {said}. A CSV file with a header, or JSON, is needed: order_ref and state"
            f" ({', '.join(ACK_STATES)}) on every line; erp_order_id, qty, delivery_date, message where there are any."
        ) from error


def _acknowledgement(number: int, row: Any) -> Acknowledgement:
    if not isinstance(row, dict):
        raise ValueError(f"line {number} is {str(row)[:40]!r}, no object")
    ref, state = str(row["order_ref"] or "").strip(), str(row["state"] or "").strip().lower()
    if not ref or len(ref) > 64:
        raise ValueError(f"line {number} has order_ref {ref[:80]!r}")
    if state not in ACK_STATES:
        raise ValueError(f"line {number} has state {state[:40]!r}")
    qty = row.get("qty")
    amount = None if qty is None or qty == "" else float(qty)
    if amount is not None and not 0 <= amount <= 1e9:
        raise ValueError(f"line {number} has qty {qty!r}")
    day = row.get("delivery_date")
    promised = date.fromisoformat(str(day).strip()) if day else None
    return Acknowledgement(
        ref, state, str(row.get("erp_order_id") or "")[:128], amount, promised, str(row.get("message") or "")[:500]
    )


def deliveries(platform: Platform, channel: str = "") -> list[Mapping[str, Any]]:
    """Every delivery, the newest first."""
    found = platform.records.query(DELIVERIES, prefix=f"{channel}-" if channel else "")
    return [
        dict(one.body) | {"delivery": one.record_id}
        for one in sorted(found, key=lambda one: str(one.body["opened_at"]), reverse=True)
    ]


def sent_lines(platform: Platform) -> pl.DataFrame:
    """Order lines that went out and are not received, rejected or cancelled: order_ref, state and what was ordered."""
    schema = {
        "order_ref": pl.String, "state": pl.String, "source_id": pl.String, "location_id": pl.String, "item_id": pl.String,
        "qty": pl.Float64, "delivery_date": pl.String, "sent_at": pl.String,
    }  # fmt: skip
    rows = [
        {"order_ref": one.record_id, **{name: one.body.get(name) for name in schema if name != "order_ref"}}
        for state in ("sent", "acknowledged", "in_transit")
        for one in platform.records.query(ORDER_STATE_KIND, where={"state": state})
    ]
    return pl.DataFrame(rows, schema=schema, orient="row").sort("order_ref")
