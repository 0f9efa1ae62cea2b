"""What was given up on AWS, and how it is tried again.

Four kinds of messages lie in the queue: a rule's event, a function's asynchronous call, a batch of a stream (its place
only: the records are still in the stream), a schedule's input. Each is turned back into the call it was. Everything these
functions do is repeatable, so a message that was in truth done changes nothing.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from typing import Any

from shelfcast.adapters.aws import session
from shelfcast.domain.errors import BadInput
from shelfcast.ports.dead_letters import Letter

HIDDEN_SECONDS = 360
"""A message is out of sight while it is tried: the longest of these functions may take five minutes."""


class QueuedDeadLetters:
    """`DeadLetters` on an SQS queue.

    Args:
        queue_url: the deployment's queue.
        prefix: `shelfcast-<stage>`; begins the functions' names.
    """

    def __init__(self, queue_url: str, prefix: str) -> None:
        self._queue, self._prefix = queue_url, prefix

    def waiting(self) -> int:
        found = session.client("sqs").get_queue_attributes(
            QueueUrl=self._queue, AttributeNames=["ApproximateNumberOfMessages"]
        )
        return int(found["Attributes"]["ApproximateNumberOfMessages"])

    def replay(self) -> Iterator[Letter]:
        sqs, seen = session.client("sqs"), set[str]()
        while True:
            got = sqs.receive_message(
                QueueUrl=self._queue, MaxNumberOfMessages=1, VisibilityTimeout=HIDDEN_SECONDS, WaitTimeSeconds=1
            ).get("Messages", [])
            if not got or got[0]["MessageId"] in seen:
                return
            message = got[0]
            seen.add(message["MessageId"])
            letter = self._try(json.loads(message["Body"]))
            if not letter.problem:
                sqs.delete_message(QueueUrl=self._queue, ReceiptHandle=message["ReceiptHandle"])
            yield letter

    def _try(self, body: Mapping[str, Any]) -> Letter:
        function, payload = "", dict[str, Any]()
        try:
            function, payload = self._call(body)
            answer = session.client("lambda").invoke(FunctionName=function, Payload=json.dumps(payload).encode())
            said = answer["Payload"].read().decode("utf-8", "replace")
            if answer.get("FunctionError"):
                return Letter(function, _about(payload), said[:500])
            if json.loads(said or "null") and json.loads(said).get("batchItemFailures"):
                return Letter(function, _about(payload), "events of the batch could not be written; try again later")
            return Letter(function, _about(payload))
        except Exception as error:
            return Letter(function, _about(payload), f"{type(error).__name__}: {error}")

    def _call(self, body: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """Function and payload of the call a message stands for."""
        if batch := body.get("KinesisBatchInfo"):
            return f"{self._prefix}-events", {"Records": self._records(batch)}
        if "requestPayload" in body:
            # arn:aws:lambda:region:account:function:name[:version]
            return body["requestContext"]["functionArn"].split(":")[6], dict(body["requestPayload"])
        if body.get("source") == "aws.s3":
            return f"{self._prefix}-arrival", dict(body)
        if "connector" in body:
            return f"{self._prefix}-connect", dict(body)
        raise BadInput(f"a message that no part of Shelfcast sends: {json.dumps(body)[:200]}. Delete it by hand.")

    def _records(self, batch: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The records of a batch as the stream hands them to a function; those that have left the stream are missing."""
        kinesis = session.client("kinesis")
        place = kinesis.get_shard_iterator(
            StreamName=batch["streamArn"].rpartition("/")[2], ShardId=batch["shardId"],
            ShardIteratorType="AT_SEQUENCE_NUMBER", StartingSequenceNumber=batch["startSequenceNumber"],
        )["ShardIterator"]  # fmt: skip
        found: list[dict[str, Any]] = []
        while place:
            page = kinesis.get_records(ShardIterator=place, Limit=1000)
            for one in page["Records"]:
                if int(one["SequenceNumber"]) > int(batch["endSequenceNumber"]):
                    return found
                found.append(_as_event(one, batch))
            place = page.get("NextShardIterator") if page["Records"] else None
        return found


def _as_event(record: Mapping[str, Any], batch: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "eventSource": "aws:kinesis", "eventVersion": "1.0", "eventName": "aws:kinesis:record",
        "eventID": f"{batch['shardId']}:{record['SequenceNumber']}", "eventSourceARN": batch["streamArn"],
        "awsRegion": session.region(),
        "kinesis": {
            "kinesisSchemaVersion": "1.0", "partitionKey": record["PartitionKey"], "sequenceNumber": record["SequenceNumber"],
            "data": base64.b64encode(record["Data"]).decode(),
            "approximateArrivalTimestamp": record["ApproximateArrivalTimestamp"].timestamp(),
        },
    }  # fmt: skip


def _about(payload: Mapping[str, Any]) -> str:
    """What a call was about, for a person."""
    if "Records" in payload:
        return f"{len(payload['Records'])} events"
    if key := payload.get("detail", {}).get("object", {}).get("key"):
        return str(key)
    return str(payload.get("connector", ""))
