"""Brings somebody to work queued jobs: an execution of a Step Functions machine that runs the worker until none wait."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Any

from shelfcast.adapters.aws import session


class StateMachineRunner:
    """`JobRunner` on Step Functions.

    Each `wake` starts an execution. One that finds another worker at it claims nothing and ends: that costs a few state
    transitions, while a wake left out could leave a job waiting.
    """

    def __init__(self, machine_arn: str) -> None:
        self.machine_arn = machine_arn

    def wake(self) -> None:
        """
        Raises:
            SourceDown: the execution can't be started; the job stays in the queue.
        """
        start_execution(self.machine_arn, f"wake-{uuid.uuid4().hex}", {})

    def close(self) -> None:
        """Executions end by themselves."""


def start_execution(machine_arn: str, name: str, given: Mapping[str, Any]) -> str:
    """Start a state machine; the execution's ARN. A name that ran before with the same input is left as it is.

    Raises:
        SourceDown: Step Functions refuses or doesn't answer.
    """
    client = session.client("stepfunctions")
    try:
        answer = client.start_execution(stateMachineArn=machine_arn, name=name, input=json.dumps(dict(given)))
    except client.exceptions.ExecutionAlreadyExists:
        return machine_arn.replace(":stateMachine:", ":execution:") + f":{name}"
    except Exception as error:
        raise session.down(f"starting {machine_arn}", error) from error
    return str(answer["executionArn"])
