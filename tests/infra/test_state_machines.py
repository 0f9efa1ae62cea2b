"""The state machines run the steps there are, in their order; every failure is told; nothing leads nowhere."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import cloudformation as cf
import pytest

from shelfcast.pipeline.run_named_step import NAMES

MACHINES = {
    path.name.split(".")[0]: json.loads(path.read_text()) for path in (cf.INFRA / "state_machines").glob("*.json")
}


def step_of(state: dict[str, Any], states: dict[str, Any]) -> str:
    """The step a task runs: in its payload, or in the call that the state before it wrote."""
    parameters = state.get("Parameters", {})
    if "Payload" in parameters:
        return str(parameters["Payload"].get("step", ""))
    name = next(key for key, one in states.items() if one is state)
    before = [one for one in states.values() if one.get("Next") == name and one.get("ResultPath") == "$.call"]
    return str(before[0]["Parameters"]["step"]) if before else ""


def tasks(states: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    for name, state in states.items():
        if state["Type"] == "Task":
            yield name, state, states
        if state["Type"] == "Map":
            yield from tasks(state["ItemProcessor"]["States"])


WORK = [
    pytest.param(machine, name, state, states, id=f"{machine}-{name}")
    for machine, body in sorted(MACHINES.items())
    for name, state, states in tasks(body["States"])
    if name not in ("Count the failure", "Notify")
]


@pytest.mark.parametrize(("machine", "name", "state", "states"), WORK)
def test_a_task_names_a_step_that_exists(
    machine: str, name: str, state: dict[str, Any], states: dict[str, Any]
) -> None:
    if machine == "cycle":
        assert step_of(state, states) in NAMES, name


@pytest.mark.parametrize(("machine", "name", "state", "states"), WORK)
def test_a_task_ends_in_time_is_tried_again_and_its_failure_is_told(
    machine: str, name: str, state: dict[str, Any], states: dict[str, Any]
) -> None:
    assert 0 < state["TimeoutSeconds"] <= 21_600
    assert state["Retry"]
    owner = state if "Catch" in state else next(
        one for one in MACHINES[machine]["States"].values() if one["Type"] == "Map" and name in str(one["ItemProcessor"])
    )  # fmt: skip
    assert owner["Catch"] == [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Count the failure"}]


def test_the_cycle_runs_every_step_in_the_order_of_the_steps() -> None:
    states = MACHINES["cycle"]["States"]
    seen: list[str] = []
    name = MACHINES["cycle"]["StartAt"]
    while True:
        state = states[name]
        found = (
            [step_of(one, every) for _, one, every in tasks({name: state})] if state["Type"] in ("Task", "Map") else []
        )
        seen += [one for one in found if one]
        if state["Type"] == "Succeed":
            break
        name = state.get("Next") or state["Default"]
    inside = [one for one in NAMES if one != "export"]
    assert [one for one in seen if one != "export"] == inside
    assert "export" in seen and seen.index("export") > seen.index("replenish")


@pytest.mark.parametrize("step", ["features", "train", "forecast"])
def test_a_long_step_can_run_in_three_places(step: str) -> None:
    choice = MACHINES["cycle"]["States"][f"Where to run {step}"]
    places = {one["StringEquals"] for one in choice["Choices"]}
    assert places == {"fargate", "processing"}
    assert all(one["Variable"] == f"$.placement.{step}" for one in choice["Choices"])


def test_a_container_that_died_is_missed_soon() -> None:
    from shelfcast.adapters.aws.task import BEAT_SECONDS

    waiting = [one for one in MACHINES["cycle"]["States"].values() if "waitForTaskToken" in one.get("Resource", "")]
    assert len(waiting) == 3
    for one in waiting:
        assert 5 * BEAT_SECONDS < one["HeartbeatSeconds"] < one["TimeoutSeconds"]


@pytest.mark.parametrize("machine", sorted(MACHINES))
def test_every_state_is_reached_and_leads_somewhere(machine: str) -> None:
    states = MACHINES[machine]["States"]
    wanted = [MACHINES[machine]["StartAt"]]
    reached: set[str] = set()
    while wanted:
        name = wanted.pop()
        if name in reached:
            continue
        reached.add(name)
        for path, value in cf.walk(states[name]):
            if path and path[-1] in ("Next", "Default") and "ItemProcessor" not in path:
                assert value in states, f"{name} leads to {value}"
                wanted.append(value)
    assert reached == set(states)


@pytest.mark.parametrize("machine", sorted(MACHINES))
def test_placeholders_are_filled_by_the_template(machine: str) -> None:
    text = (cf.INFRA / "state_machines" / f"{machine}.asl.json").read_text()
    (resource,) = [
        one
        for one in cf.resources("AWS::StepFunctions::StateMachine")
        if machine in str(one.properties["DefinitionS3Location"])
    ]
    assert set(re.findall(r"\$\{(\w+)\}", text)) == set(resource.properties["DefinitionSubstitutions"])
