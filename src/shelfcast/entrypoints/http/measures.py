"""Metrics of the server: requests by route, and of the lake what can be read without looking at rows."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from shelfcast import __version__
from shelfcast.pipeline import queue_jobs
from shelfcast.ports.platform import Platform

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
REGISTRY = CollectorRegistry()
SECONDS = Histogram(
    "shelfcast_request_seconds", "Seconds until an answer is complete", ["method", "route", "status"],
    buckets=BUCKETS, registry=REGISTRY,
)  # fmt: skip
UNDER_WAY = Gauge("shelfcast_requests_under_way", "Requests being answered", registry=REGISTRY)
FAULTS = Counter("shelfcast_faults_total", "Requests answered with 5xx", registry=REGISTRY)
JOBS = Gauge("shelfcast_jobs_open", "Jobs that wait or run", ["state", "lane"], registry=REGISTRY)
OLDEST = Gauge("shelfcast_oldest_waiting_job_seconds", "Age of the oldest waiting job", registry=REGISTRY)
VERSION = Gauge("shelfcast_version_info", "Version of Shelfcast", ["version"], registry=REGISTRY)
VERSION.labels(__version__).set(1)

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


def render(platform: Platform) -> bytes:
    """The metrics page."""
    now = platform.clock.now()
    jobs = queue_jobs.open_jobs(platform)
    for state in (queue_jobs.QUEUED, queue_jobs.RUNNING):
        for lane in queue_jobs.LANES:
            JOBS.labels(state, lane).set(sum(one.state == state and one.lane == lane for one in jobs))
    waiting = [one.created_at for one in jobs if one.state == queue_jobs.QUEUED]
    OLDEST.set((now - min(waiting)).total_seconds() if waiting else 0)
    return generate_latest(REGISTRY)
