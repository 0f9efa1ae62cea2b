"""A file of till lines sent as events, at the pace they were rung up or faster: for trials, demos and measurements."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

import polars as pl

from shelfcast.domain.errors import BadInput, BadParameter, SourceDown
from shelfcast.domain.tables.curated import POS_EVENTS
from shelfcast.pipeline.ingest_files import canonical_batches, plan_file
from shelfcast.ports.http_client import HttpClient
from shelfcast.ports.platform import Platform

FIELDS = ("event_id", "occurred_at", "item_id", "location_id", "units", "unit_price", "event_kind", "receipt_id", "refers_to", "known_at")  # fmt: skip
TASK = "replaying"


class Send(Protocol):
    """Sends a request's body; how many events were accepted and how many refused. It retries what can be retried."""

    def __call__(self, body: bytes) -> tuple[int, int]: ...


@dataclass(frozen=True)
class Replay:
    """events = accepted + refused + unreadable."""

    events: int
    accepted: int
    refused: int
    unreadable: int
    """Rows of the file that are no events (not sent); their reasons."""
    reasons: tuple[str, ...] = ()


def replay_file(
    platform: Platform,
    path: Path,
    send: Send,
    *,
    speed: float,
    wait: Callable[[float], None],
    clock: Callable[[], float],
    batch_events: int = 500,
    known_when_rung_up: bool = True,
) -> Replay:
    """Send a file's till lines in the order of their time.

    Args:
        path: any file the mapping can read as `pos_events`.
        speed: how many times faster than they were rung up; 0 sends as fast as they are taken.
        wait, clock: sleep some seconds; seconds that go by.
        known_when_rung_up: send `known_at` = `occurred_at`, so that history replayed today still has an honest past.

    Raises:
        BadFile, BadMapping: the file can't be read as till lines.
        BadParameter: a speed below 0.
    """
    if speed < 0:
        raise BadParameter(f"speed {speed} is below 0. Give how many times faster than real time, 0 for no waiting.")
    frames: list[pl.DataFrame] = []
    reasons: list[str] = []
    unreadable = 0
    plan = plan_file(platform, path, table=POS_EVENTS.name)
    for batch in canonical_batches(plan.file, plan.mapping, ""):
        if batch.table.name == POS_EVENTS.name:
            frames.append(batch.frame)
            unreadable += batch.rows_at_fault
            reasons += batch.faults["reason"].head(3).to_list()
    lines = pl.concat(frames, how="diagonal") if frames else pl.DataFrame()
    total = lines.height + unreadable
    if lines.is_empty():
        return Replay(total, 0, 0, unreadable, tuple(reasons[:3]))
    lines = lines.select(name for name in FIELDS if name in lines.columns).sort("occurred_at", maintain_order=True)
    if known_when_rung_up and "known_at" not in lines.columns:
        lines = lines.with_columns(pl.col("occurred_at").alias("known_at"))
    platform.progress.start(TASK, lines.height)
    accepted = refused = 0
    first, began = lines["occurred_at"][0], clock()
    for at, count, body in _bodies(lines, batch_events, speed):
        if speed:
            ahead = (at - first).total_seconds() / speed - (clock() - began)
            if ahead > 0:
                wait(ahead)
        taken, left = send(body)
        accepted, refused = accepted + taken, refused + left
        platform.progress.advance(TASK, count)
    platform.progress.done(TASK, f"{accepted:,} events accepted")
    return Replay(total, accepted, refused, unreadable, tuple(reasons[:3]))


def _bodies(lines: pl.DataFrame, batch_events: int, speed: float) -> Iterator[tuple[datetime, int, bytes]]:
    """(time of the last event, events, body) of each request; with a speed, no request holds more than a second."""
    start, times = 0, lines["occurred_at"]
    while start < lines.height:
        part = lines.slice(start, batch_events)
        if speed:
            second = times[start].timestamp() + speed
            inside = int((part["occurred_at"].dt.timestamp("us") / 1e6 <= second).sum())
            part = part.head(max(inside, 1))
        start += part.height
        yield times[start - 1], part.height, as_body(part)


def as_body(lines: pl.DataFrame) -> bytes:
    """Lines as the body of a request: a JSON array with moments in ISO 8601."""
    instants = [name for name, kind in lines.schema.items() if isinstance(kind, pl.Datetime)]
    text = lines.with_columns(pl.col(name).dt.to_string("iso:strict") for name in instants)
    return text.write_json().encode()


def count_of(answer: bytes) -> tuple[int, int]:
    """(accepted, refused) of the API's answer."""
    body = json.loads(answer)
    return int(body["accepted"]), int(body["dead_lettered"])


def over_http(client: HttpClient, url: str, token: str, wait: Callable[[float], None], *, tries: int = 30) -> Send:
    """Send to a server's `/v1/events`; waits as it is told when there is too much at once, and tries again when it is down.

    Raises (when sending):
        BadInput: the server refuses the request.
        SourceDown: it does not take it after `tries`.
    """
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def send(body: bytes) -> tuple[int, int]:
        said = ""
        for number in range(tries):
            try:
                answer = client.request("POST", f"{url.rstrip('/')}/v1/events", headers=headers, body=body)
            except SourceDown as error:
                said = str(error)
            else:
                if answer.status == 202:
                    return count_of(answer.body)
                said = f"{answer.status} {answer.body[:300].decode('utf-8', 'replace')}"
                if answer.status != 429 and answer.status < 500:
                    raise BadInput(f"{url} refuses the events: {said}")
                if answer.headers.get("retry-after", "").isdigit():
                    wait(float(answer.headers["retry-after"]))
                    continue
            wait(min(0.2 * 2**number, 10.0))
        raise SourceDown(f"{url} did not take the events in {tries} tries: {said}")

    return send
