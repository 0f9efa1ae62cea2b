"""One list of metrics: what is read, shown and drawn are the same names."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest

from shelfcast.bootstrap import in_memory
from shelfcast.domain.findings import Finding
from shelfcast.pipeline import describe_metrics, queue_jobs, raise_alerts, read_metrics, schedule_jobs
from shelfcast.pipeline.metric_list import BY_NAME, METRICS


@pytest.fixture
def platform():
    made = in_memory()
    schedule_jobs.edit(made, "ann", "daily-cycle", {"enabled": True})
    queue_jobs.submit(made, "cycle", "Daily cycle", "lake", {}, "ann")
    queue_jobs.finish(made, queue_jobs.claim(made), "failed", error="no sales")
    made.clock.advance(timedelta(minutes=10))
    queue_jobs.submit(made, "export", "Export", "quick", {"what": "orders"}, "ann")
    made.records.put(
        "runs",
        "forecast-1",
        {"state": "done", "step": "forecast", "seconds": 9.0, "peak_mb": 300.0, "ended_at": "2026-01-04"},
    )
    made.records.put(
        "runs",
        "forecast-2",
        {"state": "done", "step": "forecast", "seconds": 7.5, "peak_mb": 310.0, "ended_at": "2026-01-05"},
    )
    raise_alerts.report(made, [Finding("forecast.bias", "x", "warning", "Bias.", "Look.")], causes=[])
    made.clock.advance(timedelta(minutes=5))
    return made


def values(platform, name):
    return {tuple(one.labels.values()): one.value for one in read_metrics.read(platform) if one.name == name}


def test_values_say_how_the_lake_is(platform, tmp_path):
    assert values(platform, "jobs_open")[("queued", "quick")] == 1
    assert values(platform, "oldest_waiting_job_seconds") == {(): 300.0}
    assert values(platform, "jobs_failed_last_day") == {("cycle",): 1}
    assert values(platform, "step_seconds") == {("forecast",): 7.5}, "of the newest run"
    assert values(platform, "schedule_age_seconds") == {("daily-cycle",): 900.0}
    assert values(platform, "alerts_standing") == {("warning", "open", "forecast"): 1}
    assert values(platform, "forecast_age_days") == {}, "what isn't there has no value, not a zero"
    assert any(one.name == "disk_free_bytes" and one.value > 0 for one in read_metrics.read(platform, tmp_path))


def test_a_job_put_off_until_later_does_not_count_as_waiting(platform):
    job = queue_jobs.claim(platform)
    queue_jobs.postpone(platform, job, "down", timedelta(hours=1))
    assert values(platform, "oldest_waiting_job_seconds") == {(): 0.0}


def test_every_value_is_in_the_list_with_its_labels(platform):
    for one in read_metrics.read(platform):
        assert set(one.labels) == set(BY_NAME[one.name].labels), one


def test_the_page_is_in_the_form_prometheus_reads(platform, tmp_path):
    pytest.importorskip("prometheus_client")
    from prometheus_client.parser import text_string_to_metric_families

    from shelfcast.entrypoints.http import measures

    found = {one.name: one for one in text_string_to_metric_families(measures.render(platform, tmp_path).decode())}
    listed = {one.full_name.removesuffix("_total"): one.help for one in METRICS if one.name}
    assert {name for name in found if not name.endswith("_created")} <= set(listed)
    assert found["shelfcast_alerts_standing"].documentation == listed["shelfcast_alerts_standing"]
    assert found["shelfcast_step_seconds"].samples[0].value == 7.5


def test_the_grafana_dashboard_shows_every_metric_of_prometheus_and_no_other():
    panels = [one for one in describe_metrics.grafana_dashboard()["panels"] if one["type"] != "row"]
    asked = {re.search(r"shelfcast_[a-z_]+?(?=_bucket|\W|$)", one["targets"][0]["expr"]).group() for one in panels}
    assert asked == {one.full_name for one in METRICS if one.name}
    places = [tuple(one["gridPos"][key] for key in "xy") for one in panels]
    assert len(set(places)) == len(places), "no panel lies on another"
    assert len({one["id"] for one in describe_metrics.grafana_dashboard()["panels"]}) == len(
        describe_metrics.grafana_dashboard()["panels"]
    )


def test_the_cloudwatch_dashboard_shows_every_metric_that_is_there():
    body = json.dumps(describe_metrics.cloudwatch_dashboard("shelfcast-prod", "eu-central-1"))
    assert all(one.cloud_name in body for one in METRICS if one.cloud_name)
    assert "${" not in body and "${Prefix}" in json.dumps(describe_metrics.cloudwatch_dashboard())


def test_what_steps_tell_cloudwatch_is_in_the_list():
    from shelfcast.pipeline.run_named_step import step_metrics

    listed = {one.cloud_name: one.cloud_dimension for one in METRICS if one.cloud_name}
    answers = (
        {"step": "quality", "state": "done", "seconds": 1.0, "peak_mb": 2.0, "rows": {}, "summary": {"problems": 3}},
        {"step": "ingest", "state": "done", "seconds": 1.0, "peak_mb": 2.0, "summary": {},
         "rows": {"in": 9, "quarantined": 1, "events": 4, "events_dead": 1}},
        {"step": "monitor", "state": "done", "seconds": 1.0, "peak_mb": 2.0, "rows": {}, "summary": {"drift": 2}},
    )  # fmt: skip
    told = [one for answer in answers for one in step_metrics(answer)]
    assert told
    for values, dimensions in told:
        assert {listed[name] for name in values} == {next(iter(dimensions), "")}
    numbers = {name: value for values, _ in told for name, value in values.items()}
    watched = {"QualityErrors": 3.0, "DriftAlerts": 2.0, "RowsQuarantined": 1.0, "DeadLetters": 1.0}
    assert watched.items() <= numbers.items()
