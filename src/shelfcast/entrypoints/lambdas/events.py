"""Till events from Kinesis into the event log: create-only raw objects, poison beside them with its reason.

A batch that can't be written is named from its first record on (`batchItemFailures`), so Kinesis sends it again from
there; written again it makes no second object. The `ingest` step merges by event id.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from shelfcast.domain.errors import ShelfcastError
from shelfcast.entrypoints import aws_lake
from shelfcast.pipeline import log_events
from shelfcast.pipeline.receive_events import event_log, receive_records


def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    del context
    platform = aws_lake.platform()
    log, failures = event_log(platform), []
    for shard, records in by_shard(event).items():
        first = records[0]["kinesis"]
        arrived_at = datetime.fromtimestamp(float(first["approximateArrivalTimestamp"]), UTC)
        batch = [(one["kinesis"]["sequenceNumber"], base64.b64decode(one["kinesis"]["data"])) for one in records]
        try:
            receive_records(log, shard, batch, arrived_at=arrived_at, now=platform.clock.now())
        except ShelfcastError as error:
            log_events.error("batch not written", shard=shard, first=first["sequenceNumber"], error=str(error))
            failures.append({"itemIdentifier": first["sequenceNumber"]})
    return {"batchItemFailures": failures}


def by_shard(event: Mapping[str, Any]) -> dict[str, list[Mapping[str, Any]]]:
    """Records in their order, by the shard they come from."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for record in event["Records"]:
        found.setdefault(str(record["eventID"]).partition(":")[0], []).append(record)
    return found
