"""A waiting state machine hears that the work goes on, and how it ended."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from shelfcast.adapters.aws import session
from shelfcast.adapters.aws.task import TaskReporter


class States:
    """Step Functions, as far as a task speaks to it."""

    def __init__(self, deaf: bool = False) -> None:
        self.deaf, self.told = deaf, []
        self.heard_two = threading.Event()

    def __getattr__(self, how: str) -> Any:
        def call(**what: str) -> None:
            self.told.append((how, what))
            if len(self.told) == 2:
                self.heard_two.set()
            if self.deaf:
                raise OSError("nobody is there")

        return call


@pytest.mark.parametrize("deaf", [False, True])
def test_beats_go_on_while_the_work_does_even_if_one_is_lost(monkeypatch: pytest.MonkeyPatch, deaf: bool) -> None:
    states = States(deaf)
    monkeypatch.setattr(session, "client", lambda _: states)
    with TaskReporter("token", beat_seconds=0.001).beating():
        assert states.heard_two.wait(120)
    count = len(states.told)
    assert {how for how, _ in states.told} == {"send_task_heartbeat"}
    assert all(what == {"taskToken": "token"} for _, what in states.told)
    assert len(states.told) == count, "the beating ended with the work"


def test_nobody_is_told_where_nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    states = States()
    monkeypatch.setattr(session, "client", lambda _: states)
    with TaskReporter("", beat_seconds=0.001).beating():
        pass
    TaskReporter("").succeeded({})
    assert states.told == []
