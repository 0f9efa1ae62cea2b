"""Outside data into the lake, called by EventBridge Scheduler.

{"connector": "weather", "kind": "forecast"}   {"connector": "festivals", "countries": ["DE"]}
{"connector": "world-bank", "indicators": [...], "countries": [...]}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shelfcast.entrypoints import aws_lake
from shelfcast.pipeline.run_connector import run_connector


def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    del context
    from shelfcast.bootstrap import http_client

    return run_connector(aws_lake.platform(), aws_lake.settings(), http_client(), event)
