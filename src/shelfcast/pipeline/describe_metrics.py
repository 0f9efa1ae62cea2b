"""Dashboards and the reference page, made from the list of metrics."""

from __future__ import annotations

import json
from typing import Any

from shelfcast.pipeline.metric_list import METRICS, NAMESPACE, Group, Metric, Unit

GROUPS: tuple[Group, ...] = ("Work", "Data and forecasts", "Alerts", "Server")
GRAFANA_UNITS: dict[Unit, str] = {
    "seconds": "s", "megabytes": "decmbytes", "bytes": "bytes", "hours": "h", "days": "d", "number": "short", "none": "none",
}  # fmt: skip
GRAFANA_VERSION = 39
"""Schema of the dashboard's JSON; newer Grafanas read older ones."""


def grafana_dashboard() -> dict[str, Any]:
    """A dashboard to import into Grafana; it asks for the Prometheus data source."""
    panels: list[dict[str, Any]] = []
    row = 0
    for group in GROUPS:
        panels.append(
            {
                "id": len(panels) + 1,
                "type": "row",
                "title": group,
                "collapsed": False,
                "panels": [],
                "gridPos": _place(0, row, 24, 1),
            }
        )
        row += 1
        shown = [one for one in METRICS if one.group == group and one.name]
        for number, metric in enumerate(shown):
            panels.append(_panel(len(panels) + 1, metric, _place(8 * (number % 3), row + 7 * (number // 3), 8, 7)))
        row += 7 * -(-len(shown) // 3)
    return {
        "__inputs": [
            {"name": "DS_PROMETHEUS", "label": "Prometheus", "type": "datasource", "pluginId": "prometheus", "pluginName": "Prometheus"}
        ],
        "uid": "shelfcast", "title": "Shelfcast", "tags": ["shelfcast"], "timezone": "browser", "schemaVersion": GRAFANA_VERSION,
        "version": 1, "refresh": "1m", "time": {"from": "now-24h", "to": "now"}, "templating": {"list": []}, "panels": panels,
    }  # fmt: skip


def _place(x: int, y: int, width: int, height: int) -> dict[str, int]:
    return {"x": x, "y": y, "w": width, "h": height}


def _panel(number: int, metric: Metric, place: dict[str, int]) -> dict[str, Any]:
    source = {"type": "prometheus", "uid": "${DS_PROMETHEUS}"}
    names = (
        ("route",) if metric.kind == "histogram" else ("severity", "area") if "area" in metric.labels else metric.labels
    )
    return {
        "id": number, "type": "stat" if metric.unit == "none" else "timeseries", "title": metric.title, "description": metric.help,
        "datasource": source, "gridPos": place,
        "fieldConfig": {"defaults": {"unit": GRAFANA_UNITS[metric.unit], "min": 0}, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom", "showLegend": bool(metric.labels)}}
        if metric.unit != "none"
        else {"textMode": "name"},
        "targets": [
            {
                "refId": "A", "datasource": source, "expr": (metric.query or "{}").replace("{}", metric.full_name),
                "legendFormat": " ".join(f"{{{{{one}}}}}" for one in names) or metric.title,
            }
        ],
    }  # fmt: skip


def cloudwatch_dashboard(deployment: str = "${Prefix}", region: str = "${AWS::Region}") -> dict[str, Any]:
    """The body of a CloudWatch dashboard of our metrics. The defaults are CloudFormation's own words, for `!Sub`."""
    widgets: list[dict[str, Any]] = []
    for number, metric in enumerate(one for one in METRICS if one.cloud_name):
        stat = "Sum" if metric.kind == "counter" else "Maximum"
        shown: list[Any]
        if metric.cloud_dimension:
            schema = f"{NAMESPACE},Deployment,{metric.cloud_dimension}"
            search = (
                f"SEARCH('{{{schema}}} MetricName=\"{metric.cloud_name}\" Deployment=\"{deployment}\"', '{stat}', 3600)"
            )
            shown = [{"expression": search, "id": f"m{number}"}]
        else:
            shown = [NAMESPACE, metric.cloud_name, "Deployment", deployment]
        widgets.append(
            {
                "type": "metric", "x": 8 * (number % 3), "y": 6 * (number // 3), "width": 8, "height": 6,
                "properties": {
                    "title": metric.title, "region": region, "view": "timeSeries", "stat": stat, "period": 3600, "metrics": [shown],
                },
            }
        )  # fmt: skip
    return {"widgets": widgets}


def page() -> str:
    """The reference page in Markdown."""
    lines = [
        "# Metrics\n",
        "Declared in `src/shelfcast/pipeline/metric_list.py`. `/metrics` is in Prometheus' form: open to this machine, to others with a"
        " token. The dashboard for Grafana is [grafana.json](dashboards/grafana.json) (import it, choose the Prometheus data source);"
        " the body of the one for CloudWatch is [cloudwatch.json](dashboards/cloudwatch.json), with `${Prefix}` and `${AWS::Region}`"
        " for CloudFormation to fill in.\n",
    ]
    for group in GROUPS:
        lines += [
            f"## {group}\n",
            "| metric | kind | unit | labels | meaning | on CloudWatch |",
            "| --- | --- | --- | --- | --- | --- |",
        ]
        for one in METRICS:
            if one.group == group:
                name = f"`{one.full_name}`" if one.name else ""
                cloud = (
                    f"`{one.cloud_name}`" + (f" by {one.cloud_dimension}" if one.cloud_dimension else "")
                    if one.cloud_name
                    else ""
                )
                labels = ", ".join(f"`{label}`" for label in one.labels)
                lines.append(f"| {name} | {one.kind} | {one.unit} | {labels} | {one.help} | {cloud} |")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def files() -> dict[str, str]:
    """Name under `docs/reference` -> text."""
    return {
        "dashboards/grafana.json": json.dumps(grafana_dashboard(), indent=2) + "\n",
        "dashboards/cloudwatch.json": json.dumps(cloudwatch_dashboard(), indent=2) + "\n",
    }
