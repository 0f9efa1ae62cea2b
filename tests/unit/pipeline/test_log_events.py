"""Structured logs: an object a line, with the ids of what it was written in."""

from __future__ import annotations

import json

import pytest
import structlog

from shelfcast.domain.errors import BadParameter
from shelfcast.pipeline import log_events


@pytest.fixture(autouse=True)
def _as_before():
    yield
    structlog.reset_defaults()


def lines(capsys):
    return [json.loads(one) for one in capsys.readouterr().err.splitlines()]


def test_lines_inside_a_job_and_a_step_carry_their_ids(capsys):
    log_events.start({"SHELFCAST_LOG": "json"})
    with log_events.about(job_id="j1", kind="cycle"):
        with log_events.about(run_id="forecast-1", step="forecast"):
            log_events.info("step started", cutoff="2026-01-05")
        log_events.info("job done", seconds=1.5)
    log_events.info("idle")
    step, job, idle = lines(capsys)
    assert (step["job_id"], step["run_id"], step["cutoff"], step["level"]) == ("j1", "forecast-1", "2026-01-05", "info")
    assert "run_id" not in job and job["seconds"] == 1.5
    assert "job_id" not in idle and idle["at"].endswith("Z")


def test_a_defect_has_its_trace_in_the_line(capsys):
    log_events.start({"SHELFCAST_LOG": "json"})
    try:
        raise RuntimeError("a defect")
    except RuntimeError:
        log_events.error("look failed", trace=True, error="a defect")
    (line,) = lines(capsys)
    assert line["level"] == "error" and line["exception"][0]["exc_type"] == "RuntimeError"


def test_off_leaves_errors_and_nothing_is_written_before_it_starts(capsys):
    log_events.info("nobody listens")
    log_events.start({"SHELFCAST_LOG": "off"})
    log_events.info("not this")
    log_events.error("but this", error="x")
    assert "but this" in (text := capsys.readouterr().err) and "not this" not in text and "nobody" not in text


def test_another_form_is_refused():
    with pytest.raises(BadParameter, match="json, off, text"):
        log_events.start({"SHELFCAST_LOG": "xml"})
