"""Services closed to new accounts stay behind parameters that are off."""

from __future__ import annotations

from fnmatch import fnmatch
from typing import Any

import cloudformation as cf
import pytest
import yaml

CLOSED = yaml.safe_load((cf.INFRA / "checks" / "closed_services.yaml").read_text())
CLOSED_RESOURCES = [one for one in cf.resources() if any(fnmatch(one.type, kind) for kind in CLOSED["types"])]
TEMPLATES = {path.stem: cf.read(path) for path in cf.template_paths()}


def switches(stack: str, condition: Any) -> set[str]:
    """Parameters whose being "true" a condition asks for."""
    found: set[str] = set()
    for path, value in cf.walk(condition):
        if path and path[-1] == "Condition" and isinstance(value, str):
            found |= switches(stack, TEMPLATES[stack]["Conditions"][value])
        if path and path[-1] == "Fn::Equals" and isinstance(value, list) and value[1] == "true":
            found.add(value[0]["Ref"])
    return found


@pytest.mark.parametrize("resource", CLOSED_RESOURCES, ids=str)
def test_a_closed_service_is_off_by_default_and_says_why_it_is_there(resource: cf.Resource) -> None:
    assert "closed to new customers since" in resource.metadata.get("Closed", ""), resource
    needed = switches(resource.stack, {"Condition": resource.body["Condition"]})
    off = {name for name in needed if TEMPLATES[resource.stack]["Parameters"][name].get("Default") == "false"}
    assert off, f"{resource} stands under no parameter that is off by default"
    root = TEMPLATES["template"]["Parameters"]
    assert all(root[name]["Default"] == "false" for name in off & set(root))


def test_the_three_services_of_the_design_that_closed_are_behind_switches() -> None:
    assert {one.type for one in CLOSED_RESOURCES} == {
        "AWS::Forecast::Dataset", "AWS::Forecast::DatasetGroup", "AWS::SageMaker::DataQualityJobDefinition",
        "AWS::SageMaker::ModelExplainabilityJobDefinition", "AWS::SageMaker::MonitoringSchedule",
    }  # fmt: skip


@pytest.mark.parametrize("rule", CLOSED["values"], ids=lambda one: f"{one['type']}.{one['property']}")
def test_no_ended_version_is_used(rule: dict[str, Any]) -> None:
    for resource in cf.resources(rule["type"]):
        value: Any = resource.properties
        for name in rule["property"].split("."):
            value = value.get(name, "")
        assert not set(cf.texts(value)) & set(rule["refused"]), resource
