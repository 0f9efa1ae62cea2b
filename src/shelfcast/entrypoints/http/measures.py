"""Metrics of the server: requests by route, and of the lake what can be read without looking at rows."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from shelfcast import __version__
from shelfcast.pipeline import read_metrics
from shelfcast.pipeline.metric_list import BY_NAME
from shelfcast.ports.platform import Platform

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
REGISTRY = CollectorRegistry()


def _words(name: str) -> tuple[str, str, tuple[str, ...]]:
    one = BY_NAME[name]
    return one.full_name, one.help, one.labels


SECONDS = Histogram(*_words("request_seconds"), buckets=BUCKETS, registry=REGISTRY)
UNDER_WAY = Gauge(*_words("requests_under_way"), registry=REGISTRY)
FAULTS = Counter(*_words("faults_total"), registry=REGISTRY)
VERSION = Gauge(*_words("version_info"), registry=REGISTRY)
VERSION.labels(__version__).set(1)
OURS = ("request_seconds", "requests_under_way", "faults_total", "version_info")
"""What the server counts itself; the others are read from the lake when asked for."""

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Measured:
    """ASGI middleware that times each request under its route's pattern (never its values, which are many)."""

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500

        async def watched(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        with UNDER_WAY.track_inprogress():
            try:
                await self.app(scope, receive, watched)
            finally:
                route = scope.get("route")
                path = getattr(route, "path", None) or "other"
                SECONDS.labels(scope["method"][:10], path, str(status)).observe(time.perf_counter() - began)
                if status >= 500:
                    FAULTS.inc()


def render(platform: Platform, folder: Path | None = None) -> bytes:
    """The metrics page. `folder`: the lake's, on whose disk it lies."""
    # Gauges of the lake are made anew each time: what is gone (a step, a schedule) leaves no last value behind.
    registry = CollectorRegistry()
    gauges: dict[str, Gauge] = {}
    for sample in read_metrics.read(platform, folder):
        if sample.name not in gauges:
            gauges[sample.name] = Gauge(*_words(sample.name), registry=registry)
        gauge = gauges[sample.name]
        (gauge.labels(**sample.labels) if sample.labels else gauge).set(sample.value)
    return generate_latest(REGISTRY) + generate_latest(registry)
