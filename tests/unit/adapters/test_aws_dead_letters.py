"""What was given up becomes the call it was; what fails again stays."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import pytest

from shelfcast.adapters.aws import session
from shelfcast.adapters.aws.dead_letters import QueuedDeadLetters
from shelfcast.ports.dead_letters import Letter

STREAM = "arn:aws:kinesis:eu-central-1:111122223333:stream/shelfcast-dev-events"


class FakeServices:
    """A queue, a stream of ten records and functions that note their calls; `broken` names one that fails."""

    def __init__(self, bodies: list[dict[str, Any]], broken: str = "", refused: bool = False) -> None:
        self.messages = [
            {"MessageId": str(n), "ReceiptHandle": str(n), "Body": json.dumps(b)} for n, b in enumerate(bodies)
        ]
        self.broken, self.refused = broken, refused
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.hidden: set[str] = set()

    def receive_message(self, **_: Any) -> dict[str, Any]:
        left = [one for one in self.messages if one["MessageId"] not in self.hidden]
        self.hidden |= {one["MessageId"] for one in left[:1]}
        return {"Messages": left[:1]} if left else {}

    def delete_message(self, QueueUrl: str, ReceiptHandle: str) -> None:
        self.messages = [one for one in self.messages if one["ReceiptHandle"] != ReceiptHandle]

    def invoke(self, FunctionName: str, Payload: bytes) -> dict[str, Any]:
        self.calls.append((FunctionName, json.loads(Payload)))
        if FunctionName == self.broken:
            return {"FunctionError": "Unhandled", "Payload": BytesIO(b'{"errorMessage": "no room"}')}
        failures = [{"itemIdentifier": "4"}] if self.refused else []
        return {"Payload": BytesIO(json.dumps({"batchItemFailures": failures}).encode())}

    def get_shard_iterator(self, **asked: Any) -> dict[str, Any]:
        assert asked["StreamName"] == "shelfcast-dev-events"
        return {"ShardIterator": asked["StartingSequenceNumber"]}

    def get_records(self, ShardIterator: str, Limit: int) -> dict[str, Any]:
        start = int(ShardIterator)
        records = [
            {"SequenceNumber": str(n), "PartitionKey": "a", "Data": b"%d" % n, "ApproximateArrivalTimestamp": datetime(2026, 11, 24, tzinfo=UTC)}
            for n in range(start, min(start + 2, 10))
        ]  # fmt: skip
        return {"Records": records, "NextShardIterator": str(start + 2)}


def letters(monkeypatch: pytest.MonkeyPatch, services: FakeServices) -> list[Letter]:
    monkeypatch.setattr(session, "client", lambda _: services)
    monkeypatch.setattr(session, "region", lambda: "eu-central-1")
    return list(QueuedDeadLetters("https://queue", "shelfcast-dev").replay())


ARRIVAL = {"source": "aws.s3", "detail": {"object": {"key": "incoming/sales.csv"}}}
ASYNC = {
    "requestContext": {
        "functionArn": "arn:aws:lambda:eu-central-1:111122223333:function:shelfcast-dev-connect:$LATEST"
    },
    "requestPayload": {"connector": "weather"},
}
BATCH = {
    "KinesisBatchInfo": {"shardId": "s1", "startSequenceNumber": "3", "endSequenceNumber": "6", "streamArn": STREAM}
}


def test_each_kind_of_message_becomes_the_call_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    services = FakeServices([ARRIVAL, ASYNC, BATCH, {"connector": "festivals"}])
    found = letters(monkeypatch, services)
    assert [one.problem for one in found] == ["", "", "", ""]
    assert [one.about for one in found] == ["incoming/sales.csv", "weather", "4 events", "festivals"]
    assert [name for name, _ in services.calls] == [
        "shelfcast-dev-arrival", "shelfcast-dev-connect", "shelfcast-dev-events", "shelfcast-dev-connect",
    ]  # fmt: skip
    assert services.messages == []


def test_a_batch_is_read_from_the_stream_again_from_its_first_to_its_last_record(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    services = FakeServices([BATCH])
    letters(monkeypatch, services)
    records = services.calls[0][1]["Records"]
    assert [one["kinesis"]["sequenceNumber"] for one in records] == ["3", "4", "5", "6"]
    assert base64.b64decode(records[0]["kinesis"]["data"]) == b"3"
    assert records[0]["eventID"] == "s1:3"


def test_what_fails_again_stays_with_its_reason_and_is_tried_once(monkeypatch: pytest.MonkeyPatch) -> None:
    services = FakeServices([ARRIVAL, ASYNC], broken="shelfcast-dev-arrival")
    found = letters(monkeypatch, services)
    assert "no room" in found[0].problem and not found[1].problem
    assert [one["MessageId"] for one in services.messages] == ["0"]
    assert len(services.calls) == 2


def test_a_batch_that_is_written_in_part_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    services = FakeServices([BATCH], refused=True)
    assert "could not be written" in letters(monkeypatch, services)[0].problem
    assert services.messages


def test_a_strange_message_is_told_and_left_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    services = FakeServices([{"strange": 1}, ASYNC])
    found = letters(monkeypatch, services)
    assert "no part of Shelfcast sends" in found[0].problem
    assert services.messages and services.calls == [("shelfcast-dev-connect", {"connector": "weather"})]
