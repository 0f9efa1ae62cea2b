"""The lake on AWS this process works on, opened once: a warm function keeps its connections; and one step on it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from shelfcast.bootstrap import aws_metrics, aws_platform, aws_settings, lake_settings
from shelfcast.pipeline import log_events
from shelfcast.pipeline.lake_settings import LakeSettings
from shelfcast.pipeline.run_named_step import run_named_step, step_metrics
from shelfcast.ports.platform import Platform


@lru_cache(maxsize=1)
def platform() -> Platform:
    log_events.start(os.environ)
    return aws_platform(os.environ)


def settings() -> LakeSettings:
    """As they stand now: people change them while a function is warm."""
    return lake_settings(aws_settings(os.environ, platform()))


def run_step(asked: Mapping[str, Any]) -> dict[str, Any]:
    """One step, and its numbers told: what every door does (Lambda, Fargate, Glue, SageMaker Processing).

    {"step": "forecast", "parameters": {"cutoff": "2026-11-23"}, "delivery": "", "what": ""}; see `run_named_step`.
    """
    answer = run_named_step(
        platform(), settings(), str(asked.get("step", "")), asked.get("parameters") or {},
        delivery=str(asked.get("delivery") or ""), what=str(asked.get("what") or ""),
    )  # fmt: skip
    metrics = aws_metrics(os.environ)
    for values, dimensions in step_metrics(answer):
        metrics.put(values, **dimensions)
    return answer
