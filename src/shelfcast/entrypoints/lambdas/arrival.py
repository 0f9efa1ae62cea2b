"""A file came into the raw bucket: note it, and start the daily cycle where a delivery is complete.

Takes EventBridge's "Object Created" and S3's own notification alike. The same event twice starts one execution: its name
is made of the object's version.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote_plus

from shelfcast.bootstrap import start_cycle
from shelfcast.entrypoints import aws_lake
from shelfcast.pipeline.note_arrival import Came, note_arrival


def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    del context
    return {"arrivals": [note_arrival(aws_lake.platform(), one, start_cycle(os.environ)) for one in objects(event)]}


def objects(event: Mapping[str, Any]) -> Iterator[Came]:
    """The objects an event tells of."""
    if "detail" in event:
        detail = event["detail"]["object"]
        yield _came(str(detail["key"]), detail, "version-id", "etag")
        return
    for record in event.get("Records", ()):
        detail = record["s3"]["object"]
        yield _came(unquote_plus(detail["key"]), detail, "versionId", "eTag")


def _came(key: str, detail: Mapping[str, Any], version: str, tag: str) -> Came:
    return Came(
        key, int(detail.get("size", 0)), str(detail.get(tag, "")), str(detail.get(version, "")), str(detail.get("sequencer", ""))
    )  # fmt: skip
