"""The AWS adapters on the emulator: one server for a test process, a bucket and tables of its own for each test."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import pytest

from tests.emulator import Emulator, needs_emulator, running, sagemaker_state

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def _server() -> Iterator[Emulator]:
    needs_emulator()
    with running() as server:
        yield server


@pytest.fixture
def emulator(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Emulator]:
    """Call it for the server; a test that doesn't never starts one."""

    def start() -> Emulator:
        server: Emulator = request.getfixturevalue("_server")
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        return server

    return start


@pytest.fixture
def bucket(emulator: Callable[[], Emulator]) -> Callable[[], str]:
    """Makes a bucket nobody else uses."""

    def make() -> str:
        name = f"bucket-{next(_NUMBERS)}"
        emulator().client("s3").create_bucket(Bucket=name)
        return name

    return make


@pytest.fixture
def records_table(emulator: Callable[[], Emulator]) -> Callable[[], str]:
    """Makes a DynamoDB table as the template declares it."""

    def make() -> str:
        name = f"records-{next(_NUMBERS)}"
        keys = (("kind", "HASH"), ("record_id", "RANGE"))
        emulator().client("dynamodb").create_table(
            TableName=name, BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": key, "KeyType": role} for key, role in keys],
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key, _ in keys],
        )  # fmt: skip
        return name

    return make


@pytest.fixture
def database_prefix() -> str:
    return f"test{next(_NUMBERS)}_"


@pytest.fixture(scope="session")
def _sagemaker() -> Iterator[Emulator]:
    needs_emulator()
    with sagemaker_state() as server:
        yield server


@pytest.fixture
def model_group(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[], str]:
    """Makes a model package group nobody else uses."""

    def make() -> str:
        server: Emulator = request.getfixturevalue("_sagemaker")
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        name = f"group-{next(_NUMBERS)}"
        server.client("sagemaker").create_model_package_group(ModelPackageGroupName=name)
        return name

    return make
