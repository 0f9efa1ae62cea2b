"""Behaviour every engine has."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import date
from functools import partial
from pathlib import Path

import polars as pl
import pytest

from shelfcast.adapters.local.engine import LocalEngine, WorkerLost
from shelfcast.adapters.memory import InlineEngine
from shelfcast.adapters.objects import Objects
from shelfcast.adapters.spark.engine import SparkEngine, TaskLost
from shelfcast.domain.errors import BadParameter, NotFound
from shelfcast.ports.engine import Engine, Exchange
from tests.spark.sessions import spark_session

# PySpark leaves its own sockets to the garbage collector.
SPARK = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(
    scope="module",
    params=[
        "inline",
        "one worker",
        "two workers",
        pytest.param("spark", marks=SPARK),
        pytest.param("spark with blobs", marks=SPARK),
    ],
)
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    if request.param == "inline":
        yield InlineEngine()
        return
    if request.param.startswith("spark"):
        session = spark_session(2)
        blobs = Objects.local(tmp_path_factory.mktemp("blobs")) if request.param.endswith("blobs") else None
        yield SparkEngine(session, blobs)
        session.stop()
        return
    local = LocalEngine(1 if request.param == "one worker" else 2)
    yield local
    local.close()


def square(number: int) -> int:
    return number * number


def slow_first(number: int) -> int:
    time.sleep(0.2 if number == 0 else 0)
    return number


def refuse(number: int) -> int:
    raise BadParameter(f"no {number}")


def die(number: int) -> int:
    os._exit(9)


def polars_threads(_: int) -> int:
    import polars as pl

    return pl.thread_pool_size()


def touch(path: Path) -> int:
    path.write_text("")
    return 1


def test_every_partition_gives_its_result_in_order(engine: Engine) -> None:
    assert list(engine.map(square, range(9))) == [number * number for number in range(9)]
    assert list(engine.map(slow_first, range(4))) == [0, 1, 2, 3]
    assert list(engine.map(square, [])) == []
    assert list(engine.map(square, [3])) == [9]


def test_an_error_of_the_kernel_comes_through(engine: Engine) -> None:
    with pytest.raises(BadParameter, match="no 0"):
        list(engine.map(refuse, [0, 1]))
    assert list(engine.map(square, [1, 2])) == [1, 4]


def test_partitions_are_not_run_far_ahead(engine: Engine, tmp_path: Path) -> None:
    paths = [tmp_path / str(number) for number in range(40)]
    results = engine.map(touch, paths)
    next(results)
    assert sum(path.exists() for path in paths) <= 2 * engine.workers
    del results


def leave(exchange: Exchange, number: int) -> str:
    exchange.write(
        f"part-{number}", pl.DataFrame({"number": [number] * number, "day": [date(2026, 1, number)] * number})
    )
    return f"part-{number}"


def test_frames_left_by_kernels_are_read_by_their_caller(engine: Engine) -> None:
    with engine.exchange() as exchange:
        names = list(engine.map(partial(leave, exchange), [1, 2, 3]))
        frames = [exchange.read(name) for name in names]
        assert [frame.height for frame in frames] == [1, 2, 3] and frames[2]["day"].to_list() == [date(2026, 1, 3)] * 3
        assert exchange.has("part-1") and not exchange.has("part-")
        with pytest.raises(NotFound, match="part-9"):
            exchange.read("part-9")
    with engine.exchange() as fresh:
        assert not fresh.has("part-1")


def test_what_was_left_is_gone_even_if_the_step_fails(engine: Engine) -> None:
    with pytest.raises(BadParameter), engine.exchange() as exchange:
        leave(exchange, 1)
        raise BadParameter("no")
    assert not exchange.has("part-1")


def test_a_worker_that_dies_is_told_and_the_engine_goes_on() -> None:
    engine = LocalEngine(2)
    with pytest.raises(WorkerLost, match="died before it gave its result"):
        list(engine.map(die, [1, 2]))
    assert list(engine.map(square, [1, 2])) == [1, 4]
    engine.close()


def test_workers_share_the_cores_and_the_environment_is_left_alone() -> None:
    before = dict(os.environ)
    engine = LocalEngine(2)
    share = max(1, (os.cpu_count() or 1) // 2)
    assert list(engine.map(polars_threads, [1, 2])) == [share, share]
    assert dict(os.environ) == before
    engine.close()


def test_no_workers_are_refused() -> None:
    with pytest.raises(BadParameter, match="0 workers"):
        LocalEngine(0)


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_spark_task_that_dies_is_told() -> None:
    session = spark_session(1)
    with pytest.raises(TaskLost, match="gave up on a task"):
        list(SparkEngine(session).map(die, [1]))
    session.stop()
