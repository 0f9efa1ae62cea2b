"""Answers a state machine that waits for a process by its task token."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from shelfcast.adapters.aws import session
from shelfcast.domain.errors import SourceDown

BEAT_SECONDS = 60.0
"""A machine that hears nothing for its `HeartbeatSeconds` takes the process for dead."""
MOST_CAUSE = 30_000
"""Step Functions takes 32,768 characters."""


class TaskReporter:
    """Says how a task ended.

    Args:
        token: of the task; empty where nobody waits, then nothing is said.
    """

    def __init__(self, token: str, beat_seconds: float = BEAT_SECONDS) -> None:
        self._token, self._beat_seconds = token, beat_seconds

    @contextmanager
    def beating(self) -> Iterator[None]:
        """Tell now and again, beside the work, that it goes on. A beat that fails is left out: the answer counts."""
        end = threading.Event()

        def beat() -> None:
            while not end.wait(self._beat_seconds):
                with suppress(SourceDown):
                    self._tell("send_task_heartbeat")

        if not self._token:
            yield
            return
        thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
        thread.start()
        try:
            yield
        finally:
            end.set()
            thread.join()

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
