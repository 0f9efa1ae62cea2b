"""Structured logs: what happened, as an event with fields; lines written while a job or a step runs carry its ids.

`SHELFCAST_LOG=json` writes a JSON object a line (for machines), `text` lines for people, `off` nothing but errors; without it
text on a terminal, JSON elsewhere. Fields every line may carry: at, level, event, job_id, kind, schedule, run_id, step.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import structlog

FORMS = ("json", "text", "off")


def start(environ: Mapping[str, str]) -> None:
    """Set logs up for a process that serves or works; they go to standard error.

    Raises:
        BadParameter: SHELFCAST_LOG has another value.
    """
    from shelfcast.domain.errors import BadParameter

    form = environ.get("SHELFCAST_LOG") or ("text" if sys.stderr.isatty() else "json")
    if form not in FORMS:
        raise BadParameter.unknown("SHELFCAST_LOG", form, FORMS)
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
    ]
    shown: list[Any] = (
        [structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer(ensure_ascii=False)]
        if form == "json"
        else [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), timestamp_key="at")]
    )
    structlog.configure(
        processors=[*shared, *shown],
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR if form == "off" else logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


def info(event: str, **fields: Any) -> None:
    """Something happened. Before `start` nothing is written: commands have their own output."""
    if structlog.is_configured():
        structlog.get_logger().info(event, **fields)


def error(event: str, *, trace: bool = False, **fields: Any) -> None:
    """Something went wrong."""
    if structlog.is_configured():
        structlog.get_logger().error(event, exc_info=trace, **fields)


@contextmanager
def about(**fields: Any) -> Iterator[None]:
    """Every line written inside, in this thread, carries these fields."""
    with structlog.contextvars.bound_contextvars(**fields):
        yield
