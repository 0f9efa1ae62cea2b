"""What every `JobRunner` owes the queue: a wake brings somebody to it, one more does no harm, and none is lost in silence."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from shelfcast.adapters.aws.jobs import StateMachineRunner, start_execution
from shelfcast.adapters.local.jobs import WorkerProcesses
from shelfcast.domain.errors import SourceDown
from shelfcast.ports.job_runner import JobRunner
from tests.emulator import Emulator

PATIENCE_SECONDS = 120


@dataclass
class Case:
    """A runner, and how often somebody came."""

    runner: JobRunner
    came: Callable[[], int]


def processes(tmp_path: Path) -> Case:
    """Each worker leaves a file and waits for its standard input to end, as ours do."""
    program = "import os, pathlib, sys; pathlib.Path(sys.argv[1], str(os.getpid())).touch(); sys.stdin.buffer.read()"
    runner = WorkerProcesses([[sys.executable, "-c", program, str(tmp_path)]], look_every_seconds=0.05)
    runner.start()
    return Case(runner, lambda: len(list(tmp_path.iterdir())))


def machine(server: Emulator) -> str:
    definition = json.dumps({"StartAt": "Work", "States": {"Work": {"Type": "Pass", "End": True}}})
    states = server.client("stepfunctions")
    made = states.create_state_machine(name="jobs", definition=definition, roleArn="arn:aws:iam::000000000000:role/any")
    return str(made["stateMachineArn"])


@pytest.fixture(params=["processes", "state machine"])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Case]:
    if request.param == "processes":
        made = processes(tmp_path)
    else:
        server: Emulator = request.getfixturevalue("emulator")()
        arn, states = machine(server), server.client("stepfunctions")
        before = len(states.list_executions(stateMachineArn=arn)["executions"])
        made = Case(
            StateMachineRunner(arn), lambda: len(states.list_executions(stateMachineArn=arn)["executions"]) - before
        )
    yield made
    made.runner.close()


def until(done: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not done():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_wake_brings_somebody(case: Case) -> None:
    case.runner.wake()
    until(lambda: case.came() >= 1)


def test_one_wake_more_does_no_harm(case: Case) -> None:
    for _ in range(5):
        case.runner.wake()
    until(lambda: case.came() >= 1)
    case.runner.close()
    case.runner.close()


def test_a_machine_that_is_gone_is_told_and_the_job_stays_in_the_queue(emulator: Callable[[], Emulator]) -> None:
    emulator()
    gone = "arn:aws:states:us-east-1:000000000000:stateMachine:gone"
    with pytest.raises(SourceDown, match="gone"):
        StateMachineRunner(gone).wake()


def test_a_start_that_comes_twice_runs_once(emulator: Callable[[], Emulator]) -> None:
    server = emulator()
    arn = machine(server)
    first = start_execution(arn, "arrival-1", {"delivery": "incoming/a.csv"})
    assert start_execution(arn, "arrival-1", {"delivery": "incoming/a.csv"}) == first
    names = [one["name"] for one in server.client("stepfunctions").list_executions(stateMachineArn=arn)["executions"]]
    assert names.count("arrival-1") == 1
