"""Every metric of the running system, declared once: from this list come `/metrics` (Prometheus), the Grafana dashboard, the
CloudWatch dashboard and the reference page.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

MetricKind = Literal["gauge", "counter", "histogram"]
Unit = Literal["seconds", "megabytes", "bytes", "hours", "days", "number", "none"]
Group = Literal["Work", "Data and forecasts", "Alerts", "Server"]
PREFIX = "shelfcast_"
NAMESPACE = "Shelfcast"
"""Of our metrics on CloudWatch."""


@dataclass(frozen=True)
class Metric:
    """One metric. `name` is empty where only CloudWatch has it, `cloud_name` where it doesn't."""

    name: str
    kind: MetricKind
    unit: Unit
    group: Group
    title: str
    help: str
    labels: tuple[str, ...] = ()
    cloud_name: str = ""
    cloud_dimension: str = ""
    """Dimension beside the deployment that CloudWatch tells apart by."""
    query: str = ""
    """What Grafana shows where it isn't the plain metric; `{}` is its whole name."""

    @property
    def full_name(self) -> str:
        """As Prometheus has it."""
        return PREFIX + self.name


METRICS: tuple[Metric, ...] = (
    Metric("jobs_open", "gauge", "number", "Work", "Jobs that wait or run", "Jobs that wait or run", ("state", "lane")),
    Metric("oldest_waiting_job_seconds", "gauge", "seconds", "Work", "Age of the oldest waiting job", "Age of the oldest waiting job"),
    Metric(
        "jobs_failed_last_day", "gauge", "number", "Work", "Jobs failed in the last 24 hours", "Jobs that failed in the last 24 hours",
        ("kind",), "JobsFailed",
    ),
    Metric(
        "step_seconds", "gauge", "seconds", "Work", "Seconds of each step", "How long the step's newest run took", ("step",),
        "StepSeconds", "Step",
    ),
    Metric(
        "step_peak_megabytes", "gauge", "megabytes", "Work", "Peak memory of each step", "Peak memory of the step's newest run",
        ("step",), "StepPeakMb", "Step",
    ),
    Metric(
        "schedule_age_seconds", "gauge", "seconds", "Work", "Since each schedule last came",
        "Seconds since an enabled schedule's newest occurrence", ("schedule",),
    ),
    Metric("", "counter", "number", "Work", "Cycles that failed", "Daily cycles that failed", cloud_name="CycleFailed"),
    Metric(
        "forecast_age_days", "gauge", "days", "Data and forecasts", "Age of the newest forecast",
        "Days from the newest forecast's cutoff to today",
    ),
    Metric(
        "rows_quarantined", "gauge", "number", "Data and forecasts", "Rows in quarantine", "Rows in quarantine", (), "RowsQuarantined"
    ),
    Metric("table_rows", "gauge", "number", "Data and forecasts", "Rows of the large tables", "Rows of a table", ("table",)),
    Metric(
        "source_age_hours", "gauge", "hours", "Data and forecasts", "Since each outside source was last good",
        "Hours since an outside source's last good answer", ("source",),
    ),
    Metric("", "counter", "number", "Data and forecasts", "Rows that came in", "Rows that came in", cloud_name="RowsIn"),
    Metric("", "counter", "number", "Data and forecasts", "Till events", "Till events taken in", cloud_name="Events"),
    Metric("", "counter", "number", "Data and forecasts", "Till events given up", "Till events that can't be used", cloud_name="DeadLetters"),
    Metric(
        "", "gauge", "number", "Data and forecasts", "Quality rules broken", "Quality rules broken in the newest report",
        cloud_name="QualityErrors",
    ),
    Metric(
        "alerts_standing", "gauge", "number", "Alerts", "Alerts that stand", "Open and acknowledged alerts, by the first part of their cause",
        ("severity", "state", "area"), query="sum by (severity, area) ({})",
    ),
    Metric("", "gauge", "number", "Alerts", "Drift found", "Open findings of the monitor in data and forecasts", cloud_name="DriftAlerts"),
    Metric("notices_waiting", "gauge", "number", "Alerts", "Notices that wait to be sent", "Notices that wait to be sent"),
    Metric("disk_free_bytes", "gauge", "bytes", "Alerts", "Free disk", "Free bytes on the lake's disk"),
    Metric(
        "request_seconds", "histogram", "seconds", "Server", "Requests, 95th percentile", "Seconds until an answer is complete",
        ("method", "route", "status"), query="histogram_quantile(0.95, sum by (le, route) (rate({}_bucket[5m])))",
    ),
    Metric("requests_under_way", "gauge", "number", "Server", "Requests under way", "Requests being answered"),
    Metric(
        "faults_total", "counter", "number", "Server", "Faults a minute", "Requests answered with 5xx", query="rate({}[5m]) * 60"
    ),
    Metric("version_info", "gauge", "none", "Server", "Version", "Version of Shelfcast", ("version",)),
)  # fmt: skip

BY_NAME = {one.name: one for one in METRICS if one.name}
