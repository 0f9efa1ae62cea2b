"""Behaviour every engine has."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from shelfcast.adapters.local.engine import LocalEngine, WorkerLost
from shelfcast.adapters.memory import InlineEngine
from shelfcast.domain.errors import BadParameter
from shelfcast.ports.engine import Engine


@pytest.fixture(scope="module", params=["inline", "one worker", "two workers"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    if request.param == "inline":
        yield InlineEngine()
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
    paths = [tmp_path / str(number) for number in range(20)]
    results = engine.map(touch, paths)
    next(results)
    assert sum(path.exists() for path in paths) <= 2 * engine.workers
    del results


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
