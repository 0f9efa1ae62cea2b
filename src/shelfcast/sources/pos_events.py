"""Till events as they come over the wire: read, checked one by one, written as lines of the event log.

A request's body is a JSON array of events, an object `{"events": [...]}`, or a line of JSON for each event. An event has
the columns of the table `pos_events`; fields it doesn't know are kept in the log and not used. One bad event never
costs its neighbours: it becomes a dead letter with its reason.

    body --parse--> good events --line--> event log (as they came, with received_at and sender)
                 +-> dead letters (event, rule, reason)
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

import polars as pl
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from shelfcast.domain.errors import BadFile, BadInput

MAX_EVENTS = 10_000
"""Events a request may hold."""
MAX_BODY_BYTES = 8 * 2**20
AHEAD = timedelta(minutes=15)
"""How far a till's clock may run ahead of ours."""
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)

Name = Annotated[str, Field(min_length=1, max_length=200)]
Moment = Annotated[AwareDatetime, Field(strict=True)]
Number = Annotated[float, Field(allow_inf_nan=False, ge=-1e9, le=1e9)]


class PosEvent(BaseModel):
    """One till line: a scan, a return, a void or a correction."""

    model_config = ConfigDict(extra="allow", str_strip_whitespace=True, coerce_numbers_to_str=True)

    event_id: Name = Field(description="Unique id of the line; sent again it counts once")
    occurred_at: Moment = Field(description="When it was rung up, with zone (2026-11-23T18:05:00+01:00)")
    item_id: Name
    location_id: Name
    units: Number = Field(description="Units in the stock unit; the sign of a return or void does not matter")
    unit_price: Number | None = Field(default=None, description="Price a unit was sold at")
    event_kind: Literal["sale", "return", "void", "correction"] = "sale"
    receipt_id: str | None = Field(default=None, max_length=200)
    refers_to: str | None = Field(default=None, max_length=200, description="event_id a void or correction is about")
    known_at: Moment | None = Field(default=None, description="When it became known, for history sent later")


class SentEvents(BaseModel):
    """A request's body."""

    events: list[PosEvent] = Field(max_length=MAX_EVENTS)


_EVENTS: TypeAdapter[list[PosEvent]] = TypeAdapter(list[PosEvent])
_ONE = pl.Struct(
    {
        "event_id": pl.String, "occurred_at": pl.String, "item_id": pl.String, "location_id": pl.String,
        "units": pl.Float64, "unit_price": pl.Float64, "event_kind": pl.String, "receipt_id": pl.String,
        "refers_to": pl.String, "known_at": pl.String,
    }
)  # fmt: skip
_LINE: dict[str, Any] = {"received_at": pl.String, "sender": pl.String, "events": pl.List(_ONE)}


@dataclass(frozen=True)
class DeadLetter:
    """An event that can't be used. `number`: its place in the request, from 1."""

    number: int
    rule: str
    reason: str
    event: Any

    def as_json(self, sender: str, at: datetime) -> dict[str, Any]:
        event_id = self.event.get("event_id") if isinstance(self.event, dict) else None
        return {
            "rule": self.rule, "reason": self.reason, "event_id": event_id, "sender": sender,
            "received_at": at.isoformat(), "event": self.event,
        }  # fmt: skip


@dataclass(frozen=True)
class Parsed:
    """A request taken apart: events that can be used + dead letters = events that came."""

    events: Sequence[PosEvent]
    dead: Sequence[DeadLetter]

    @property
    def count(self) -> int:
        return len(self.events) + len(self.dead)


def parse(body: bytes, now: datetime) -> Parsed:
    """Take a request's body apart.

    Raises:
        BadInput: the body is no list of events at all (nothing of it is kept), or holds more than are allowed.
    """
    if len(body) > MAX_BODY_BYTES:
        raise BadInput(f"the body has {len(body):,} bytes; {MAX_BODY_BYTES:,} are allowed. Send smaller batches.")
    raw: Any = None
    events: list[PosEvent | None]
    broken: dict[int, tuple[str, str]] = {}
    try:
        if not body.lstrip()[:1] == b"[":
            raise ValueError
        events = list(_EVENTS.validate_json(body))
    except ValueError:
        raw = _as_list(body)
        events, broken = _one_by_one(raw)
    if len(events) > MAX_EVENTS:
        raise BadInput(f"the body holds {len(events):,} events; {MAX_EVENTS:,} are allowed. Send smaller batches.")
    latest = now + AHEAD
    good: list[PosEvent] = []
    for number, event in enumerate(events):
        if event is None:
            continue
        if event.occurred_at > latest:
            broken[number] = (
                "in_future",
                f"occurred_at {event.occurred_at.isoformat()} lies in the future (it is {now:%Y-%m-%dT%H:%M:%SZ}). "
                "Set the till's clock, and the zone it writes, then send the dead letters again.",
            )
        elif event.occurred_at < EARLIEST:
            broken[number] = (
                "too_old",
                f"occurred_at {event.occurred_at.isoformat()} is before 1990. Correct the till's clock.",
            )
        elif event.known_at is not None and event.known_at > latest:
            broken[number] = (
                "in_future",
                f"known_at {event.known_at.isoformat()} lies in the future (it is {now:%Y-%m-%dT%H:%M:%SZ}): the sale would "
                "be known to nobody until then. Leave known_at out, or send when it became known.",
            )
        elif event.refers_to == event.event_id:
            broken[number] = ("refers_to_itself", "refers_to names the event itself. Name the line it is about.")
        else:
            good.append(event)
    dead: list[DeadLetter] = []
    if broken:
        raw = _as_list(body) if raw is None else raw
        dead = [DeadLetter(number + 1, *why, raw[number]) for number, why in sorted(broken.items())]
    return Parsed(good, dead)


def _as_list(body: bytes) -> list[Any]:
    try:
        found = json.loads(body, parse_constant=str)
    except (ValueError, RecursionError) as error:
        lines = [line for line in body.splitlines() if line.strip()]
        if len(lines) < 2 or not lines[0].lstrip().startswith(b"{"):
            said = str(error) or type(error).__name__
            raise BadInput(
                f'the body is no JSON ({said}). Send an array of events, {{"events": [...]}}, or a line of JSON each.'
            ) from error
        return [_line_or_text(line) for line in lines]
    if isinstance(found, dict):
        found = found["events"] if isinstance(found.get("events"), list) else [found]
    if not isinstance(found, list):
        raise BadInput(f"the body is a JSON {type(found).__name__}; an array of events is needed.")
    return found


def _line_or_text(line: bytes) -> Any:
    try:
        return json.loads(line, parse_constant=str)
    except (ValueError, RecursionError):
        return line.decode("utf-8", "replace")


def _one_by_one(raw: list[Any]) -> tuple[list[PosEvent | None], dict[int, tuple[str, str]]]:
    events: list[PosEvent | None] = []
    broken: dict[int, tuple[str, str]] = {}
    for number, one in enumerate(raw):
        try:
            events.append(PosEvent.model_validate_json(json.dumps(one)))
        except ValidationError as error:
            events.append(None)
            broken[number] = ("invalid", "; ".join(_said(problem) for problem in error.errors()[:5]))
        except (ValueError, RecursionError) as error:
            events.append(None)
            broken[number] = ("invalid", f"{error}. Send plain JSON.")
    return events, broken


def _said(problem: Any) -> str:
    """One problem of an event: which field, what came, what is allowed."""
    where = ".".join(str(part) for part in problem["loc"]) or "event"
    came = "" if problem["type"] == "missing" else f" (came: {str(problem['input'])[:80]!r})"
    return f"{where}: {problem['msg']}{came}"


def as_line(events: Sequence[PosEvent], *, sender: str, at: datetime) -> bytes:
    """A line of the event log: the events of one request, with when they came and from whom."""
    listed = _EVENTS.dump_json(list(events), exclude_none=True)
    head = json.dumps({"received_at": at.astimezone(UTC).isoformat(), "sender": sender})
    return head[:-1].encode() + b', "events": ' + listed + b"}\n"


def read_lines(data: bytes, name: str) -> pl.DataFrame:
    """Events of a batch of the log: the columns of `pos_events` that came, `received_at` and `source_line`.

    Raises:
        BadFile: the batch is damaged.
    """
    try:
        lines = pl.read_ndjson(io.BytesIO(data), schema=_LINE)
    except (pl.exceptions.PolarsError, ValueError) as error:
        raise BadFile(f"batch {name} is damaged: {str(error)[:200]}") from error
    if lines["events"].null_count() or not lines.height:
        raise BadFile(f"batch {name} is damaged: a line has no events.")
    rows = lines.explode("events", empty_as_null=False).unnest("events").with_row_index("source_line", offset=1)
    instants = ("occurred_at", "received_at", "known_at")
    return rows.with_columns(
        pl.col("source_line").cast(pl.Int64),
        pl.col("event_kind").fill_null("sale"),
        *(pl.col(one).str.to_datetime("%+", time_unit="us", time_zone="UTC", strict=False) for one in instants),
    )


def read_what_can_be(data: bytes, name: str) -> tuple[list[pl.DataFrame], list[tuple[str, str]]]:
    """Of a damaged batch: the requests (lines) that can be read, and (text, reason) of those that can't."""
    good: list[pl.DataFrame] = []
    bad: list[tuple[str, str]] = []
    for line in data.split(b"\n"):
        if not line.strip():
            continue
        try:
            good.append(read_lines(line, name))
        except BadFile as error:
            bad.append((line.decode("utf-8", "replace"), str(error)))
    return good, bad or [("", f"batch {name} is damaged: it is empty.")]
