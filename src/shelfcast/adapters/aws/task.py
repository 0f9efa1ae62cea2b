"""Answers a state machine that waits for a process by its task token."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from shelfcast.adapters.aws import session

MOST_CAUSE = 30_000
"""Step Functions takes 32,768 characters."""


class TaskReporter:
    """Says how a task ended.

    Args:
        token: of the task; empty where nobody waits, then nothing is said.
    """

    def __init__(self, token: str) -> None:
        self._token = token

    def succeeded(self, answer: Mapping[str, Any]) -> None:
        """
        Raises:
            SourceDown: Step Functions doesn't take it: the task has timed out, or the token isn't one.
        """
        if self._token:
            self._tell("send_task_success", output=json.dumps(dict(answer)))

    def failed(self, error: str, cause: str) -> None:
        """
        Raises:
            SourceDown: as above.
        """
        if self._token:
            self._tell("send_task_failure", error=error[:256], cause=cause[:MOST_CAUSE])

    def _tell(self, how: str, **what: str) -> None:
        try:
            getattr(session.client("stepfunctions"), how)(taskToken=self._token, **what)
        except Exception as error:
            raise session.down("answering the state machine", error) from error
