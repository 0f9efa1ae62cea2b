"""Calls that only AWS would check, against the service models that botocore carries: tasks of the state machines that call a
service directly, and the SageMaker pipeline, whose definition is text to CloudFormation."""

from __future__ import annotations

import json
import re
from typing import Any

import cloudformation as cf
import pytest

pytest.importorskip("botocore", reason="botocore comes with the aws extra")

from botocore import model
from botocore.loaders import Loader

MACHINES = {
    path.name.split(".")[0]: json.loads(path.read_text()) for path in (cf.INFRA / "state_machines").glob("*.json")
}
PATTERN = re.compile(r"arn:aws:states:::(?:aws-sdk:)?(\w+):(\w+)")
STEP_FUNCTIONS_ALONE = {("lambda", "Payload"), ("sns", "Message")}
"""Members that Step Functions takes as JSON, where the service itself takes text or bytes."""


def shape_of(service: str, operation: str) -> Any:
    known = {"states": "stepfunctions"}
    loaded = model.ServiceModel(Loader().load_service_model(known.get(service, service), "service-2"))
    return loaded.operation_model(operation[0].upper() + operation[1:]).input_shape


def problems(value: Any, shape: Any, path: str, service: str) -> list[str]:
    """What the service would refuse. `X.$` stands for any value of X; a placeholder for any text."""
    if isinstance(value, dict) and set(value) in ({"Get"}, {"Std:Join"}):
        return []
    if shape.type_name == "structure":
        if not isinstance(value, dict):
            return [f"{path}: {shape.name} is an object"]
        members = {name.lower(): name for name in shape.members}
        given = {key.removesuffix(".$").lower(): key for key in value}
        found = [
            f"{path}.{key} is not known; known: {sorted(shape.members)}"
            for low, key in given.items()
            if low not in members
        ]
        found += [f"{path}.{name} is required" for name in shape.required_members if name.lower() not in given]
        for low, key in given.items():
            if low in members and not key.endswith(".$") and (service, members[low]) not in STEP_FUNCTIONS_ALONE:
                found += problems(value[key], shape.members[members[low]], f"{path}.{key}", service)
        return found
    if shape.type_name == "list":
        return [p for n, one in enumerate(value) for p in problems(one, shape.member, f"{path}[{n}]", service)]
    if shape.type_name == "map":
        return [p for key, one in value.items() for p in problems(one, shape.value, f"{path}.{key}", service)]
    if shape.type_name == "string":
        if not isinstance(value, str):
            return [f"{path} is text, not {value!r}"]
        allowed = shape.metadata.get("enum")
        if allowed and "${" not in value and value not in allowed:
            return [f"{path} is {value!r}; allowed: {allowed}"]
        longest = shape.metadata.get("max")
        return [f"{path} is longer than {longest}"] if longest and "${" not in value and len(value) > longest else []
    if shape.type_name in ("integer", "long", "float", "double"):
        return (
            []
            if isinstance(value, int | float) and not isinstance(value, bool)
            else [f"{path} is a number, not {value!r}"]
        )
    return []


CALLS = [
    pytest.param(*match.groups(), value["Parameters"], id=f"{machine}-{path[-1] if path else ''}")
    for machine, body in sorted(MACHINES.items())
    for path, value in cf.walk(body["States"])
    if isinstance(value, dict) and value.get("Type") == "Task" and (match := PATTERN.match(value["Resource"]))
]


@pytest.mark.parametrize(("service", "operation", "parameters"), CALLS)
def test_a_task_gives_a_service_what_it_takes(service: str, operation: str, parameters: dict[str, Any]) -> None:
    assert problems(parameters, shape_of(service, operation), operation, service) == []


def test_a_mistake_would_be_found() -> None:
    shape = shape_of("cloudwatch", "putMetricData")
    assert problems({"Namespace": "x", "MetricDat": []}, shape, "call", "cloudwatch")[0].startswith(
        "call.MetricDat is not known"
    )
    wrong = {"Namespace": "x", "MetricData": [{"MetricName": "y", "Value": "1", "Unit": "Apples"}]}
    assert len(problems(wrong, shape, "call", "cloudwatch")) == 2
    assert problems({}, shape_of("ecs", "runTask"), "call", "ecs") == ["call.taskDefinition is required"]


def pipeline() -> dict[str, Any]:
    (resource,) = cf.resources("AWS::SageMaker::Pipeline")
    return dict(json.loads(resource.properties["PipelineDefinition"]["PipelineDefinitionBody"]["Fn::Sub"]))


def jobs(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Every step that is a job, those under a condition included."""
    found: list[dict[str, Any]] = []
    for step in steps:
        if step["Type"] == "Condition":
            found += jobs(step["Arguments"]["IfSteps"] + step["Arguments"]["ElseSteps"])
        else:
            found.append(step)
    return found


@pytest.mark.parametrize("step", jobs(pipeline()["Steps"]), ids=lambda one: one["Name"])
def test_a_step_of_the_sagemaker_pipeline_is_a_job_sagemaker_takes(step: dict[str, Any]) -> None:
    operation = {"Processing": "createProcessingJob", "Training": "createTrainingJob"}[step["Type"]]
    name = {"createProcessingJob": "ProcessingJobName", "createTrainingJob": "TrainingJobName"}[operation]
    given = {name: "given-by-the-pipeline", **step["Arguments"]}
    assert problems(given, shape_of("sagemaker", operation), step["Name"], "sagemaker") == []
    assert set(step.get("DependsOn", [])) <= {one["Name"] for one in pipeline()["Steps"]}


def test_the_sagemaker_pipeline_runs_steps_that_exist() -> None:
    from shelfcast.pipeline.run_named_step import NAMES

    calls = [
        json.loads(argument)
        for step in jobs(pipeline()["Steps"])
        if step["Type"] == "Processing"
        for argument in step["Arguments"]["AppSpecification"]["ContainerArguments"]
    ]
    assert [one["step"] for one in calls] == ["quality", "features", "train", "forecast"]
    assert {one["step"] for one in calls} <= set(NAMES)


def test_the_training_container_takes_what_the_pipeline_gives() -> None:
    from shelfcast.entrypoints.sagemaker.train import CHANNEL
    from shelfcast.pipeline.model_container import Hyperparameters

    (training,) = [one["Arguments"] for one in jobs(pipeline()["Steps"]) if one["Type"] == "Training"]
    assert set(training["HyperParameters"]) <= set(Hyperparameters.model_fields)
    assert [one["ChannelName"] for one in training["InputDataConfig"]] == [CHANNEL]
