"""One emulator for a test process, a lake of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import structlog

from shelfcast.entrypoints import aws_lake
from tests.aws.places import Places, make_machine, make_places
from tests.emulator import Emulator, needs_emulator, running


@pytest.fixture(scope="session")
def server() -> Iterator[Emulator]:
    needs_emulator()
    with running() as one:
        yield one


@pytest.fixture
def lake(server: Emulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Places]:
    """An empty lake, named in this process's environment as in a function's."""
    machine = make_machine(server, "cycle", '{"Go": {"Type": "Pass", "End": true}}', "Go")
    made = make_places(server, SHELFCAST_CYCLE_MACHINE=machine, SHELFCAST_JOBS_MACHINE=machine)
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    forget()
    yield made
    forget()


def forget() -> None:
    """What a warm function keeps."""
    aws_lake.platform.cache_clear()
    structlog.reset_defaults()
    from shelfcast.entrypoints.lambdas import api

    api._adapter.cache_clear()
