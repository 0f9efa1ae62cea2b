"""Till events -> event log: the one way in, for the API, for replays and for Kinesis.

An answer is given only when the events are in the log, so what was answered is never lost. Requests that arrive while a
batch is being written are written together with the next one: a slow disk makes batches larger, not queues longer.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from shelfcast.domain.errors import BadInput, ShelfcastError
from shelfcast.lake.event_log import BlobEventLog
from shelfcast.ports.clock import Clock
from shelfcast.ports.event_log import EventLog
from shelfcast.ports.platform import Platform
from shelfcast.sources.pos_events import MAX_BODY_BYTES, MAX_EVENTS, DeadLetter, Parsed, PosEvent, as_line, parse

MAX_WAITING_EVENTS = 50_000
"""Events that may wait to be written before requests are turned away."""
RETRY_AFTER_SECONDS = 2


class Overloaded(ShelfcastError):
    """More comes in than can be written; the same request is welcome again a little later."""

    def __init__(self, waiting: int, retry_after_seconds: int = RETRY_AFTER_SECONDS) -> None:
        super().__init__(
            f"{waiting:,} events wait to be written, which is all there is room for. Send the same request again in "
            f"{retry_after_seconds} s; events that came twice count once."
        )
        self.retry_after_seconds = retry_after_seconds


@dataclass(frozen=True)
class Receipt:
    """What became of a request: accepted + dead-lettered = events that came."""

    accepted: int
    dead: Sequence[DeadLetter]
    batch: str = ""
    """Name of the batch in the log; empty where no event could be used."""


@dataclass
class _Waiting:
    line: bytes
    events: int
    batch: str = ""
    error: BaseException | None = None
    written: bool = field(default=False)


class EventIntake:
    """Takes requests of many threads; the first one there writes for all that came meanwhile."""

    def __init__(self, log: EventLog, clock: Clock, *, max_waiting_events: int = MAX_WAITING_EVENTS) -> None:
        self._log, self._clock, self._room = log, clock, max_waiting_events
        self._queue: list[_Waiting] = []
        self._waiting_events = 0
        self._mutex = threading.Lock()
        self._writer = threading.Lock()

    def receive(self, body: bytes, sender: str) -> Receipt:
        """Check a request's events and keep them.

        Raises:
            BadInput: the body is no list of events.
            Overloaded: too many events wait already; nothing of the request was kept.
            SourceDown: the log can't be written.
        """
        now = self._clock.now()
        parsed = parse(body, now)
        if not parsed.events:
            bury(self._log, parsed.dead, sender, now)
            return Receipt(0, parsed.dead)
        line = as_line(parsed.events, sender=sender, at=now)
        mine = _Waiting(line, len(parsed.events))
        with self._mutex:
            if self._waiting_events and self._waiting_events + mine.events > self._room:
                raise Overloaded(self._waiting_events)
            self._queue.append(mine)
            self._waiting_events += mine.events
        with self._writer:
            if not mine.written:
                self._write()
        if mine.error is not None:
            raise mine.error
        bury(self._log, parsed.dead, sender, now)
        return Receipt(len(parsed.events), parsed.dead, mine.batch)

    def _write(self) -> None:
        """Write everything that waits as one batch, and tell each who waits."""
        with self._mutex:
            group, self._queue = self._queue, []
        error: BaseException | None = None
        batch = ""
        try:
            batch = self._log.append(b"".join(one.line for one in group), at=self._clock.now())
        except BaseException as problem:
            error = problem
        with self._mutex:
            self._waiting_events -= sum(one.events for one in group)
        for one in group:
            one.batch, one.error, one.written = batch, error, True


def bury(log: EventLog, dead: Sequence[DeadLetter], sender: str, at: datetime) -> str:
    """Put events that can't be used into the dead-letter folder; the letter's name, empty where there are none."""
    if not dead:
        return ""
    lines = (json.dumps(one.as_json(sender, at), ensure_ascii=False, default=str) for one in dead)
    return log.bury("".join(line + "\n" for line in lines).encode("utf-8", "replace"), at=at)


def receive_records(
    log: EventLog, shard: str, records: Sequence[tuple[str, bytes]], *, arrived_at: datetime, now: datetime
) -> Receipt:
    """Records of a stream's shard (Kinesis) into the log.

    The batch is named by shard and sequence numbers and kept under the hour the first record arrived in the stream, so
    that the same delivery coming again makes no second batch. A record that can't be used never blocks its shard.

    Args:
        records: (sequence number, data), in order; data is an event, a list of them, or a line each.
        arrived_at: when the stream took the first record (its own clock); decides the batch's hour.
    """
    lines: list[bytes] = []
    dead: list[DeadLetter] = []
    accepted = 0
    sender = f"stream {shard}"
    for number, (sequence, data) in enumerate(records, start=1):
        try:
            found: Parsed = parse(data, now)
        except BadInput as error:
            dead.append(DeadLetter(number, "invalid", str(error), data.decode("utf-8", "replace")))
            continue
        dead += found.dead
        if found.events:
            lines.append(as_line(found.events, sender=f"{sender} {sequence}", at=arrived_at))
            accepted += len(found.events)
    bury(log, dead, sender, arrived_at)
    if not lines:
        return Receipt(accepted, dead)
    name = f"{shard}-{records[0][0]}-{records[-1][0]}"
    return Receipt(accepted, dead, log.append(b"".join(lines), at=arrived_at, name=name))


def event_log(platform: Platform) -> EventLog:
    """The lake's event log."""
    return BlobEventLog(platform.blobs, platform.records)


def list_dead_letters(platform: Platform) -> list[dict[str, Any]]:
    """Every dead letter: rule, reason, event_id, sender, received_at, event; the oldest first."""
    letters = (json.loads(line) for _, content in event_log(platform).dead_letters() for line in content.splitlines())
    return sorted(letters, key=lambda one: str(one["received_at"]))


def retry_dead_letters(platform: Platform) -> Mapping[str, int]:
    """Send every dead letter again: what can be used now goes into the log, the rest stays with today's reason.

    Returns:
        `tried`, `accepted`, `still dead`; tried = accepted + still dead.
    """
    log, now = event_log(platform), platform.clock.now()
    tried = accepted = 0
    for name, content in list(log.dead_letters()):
        letters = [json.loads(line) for line in content.splitlines() if line.strip()]
        tried += len(letters)
        lines: list[bytes] = []
        dead: list[DeadLetter] = []
        for part in _in_requests(letters):
            try:
                parsed = parse(b"[" + b",".join(one for one, _ in part) + b"]", now)
            except BadInput:
                # What is no event of any size (a batch that was damaged) stays as it is.
                dead += [DeadLetter(1, letter["rule"], letter["reason"], letter["event"]) for _, letter in part]
                continue
            dead += parsed.dead
            if parsed.events:
                lines.append(as_line(parsed.events, sender="dead letters", at=now))
                accepted += len(parsed.events)
        if not lines:
            continue
        log.append(b"".join(lines), at=now)
        left = bury(log, dead, "dead letters", now)
        if left != name:
            log.settle(name)
    return {"tried": tried, "accepted": accepted, "still dead": tried - accepted}


def _in_requests(letters: Sequence[Mapping[str, Any]]) -> Iterator[list[tuple[bytes, Mapping[str, Any]]]]:
    """Letters with their events as JSON, no more together than a request may hold; one too large for any comes alone."""
    part: list[tuple[bytes, Mapping[str, Any]]] = []
    size = 0
    for letter in letters:
        text = json.dumps(letter["event"]).encode()
        if part and (len(part) >= MAX_EVENTS or size + len(text) + 2 * len(part) > MAX_BODY_BYTES - 16):
            yield part
            part, size = [], 0
        part.append((text, letter))
        size += len(text)
    if part:
        yield part


def request_schema() -> dict[str, Any]:
    """JSON Schema of a request's body: an array of events, or an object that holds one."""
    listed = {"type": "array", "items": PosEvent.model_json_schema(), "maxItems": MAX_EVENTS}
    wrapped = {"type": "object", "required": ["events"], "properties": {"events": listed}}
    return {"oneOf": [listed, wrapped]}


__all__ = [
    "MAX_BODY_BYTES", "EventIntake", "Overloaded", "Receipt", "event_log", "list_dead_letters", "receive_records",
    "request_schema", "retry_dead_letters",
]  # fmt: skip
