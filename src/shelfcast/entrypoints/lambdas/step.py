"""Runs one step: a task of the daily cycle's state machine.

    {"step": "forecast", "parameters": {"cutoff": "2026-11-23"}}  ->  see `pipeline.run_named_step`

An error keeps its name (`Conflict`, `SourceDown`, `BadFile`...), which the state machine retries by.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shelfcast.entrypoints import aws_lake


def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    del context
    return aws_lake.run_step(event)
