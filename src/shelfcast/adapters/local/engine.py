"""Runs kernels on this machine: in this process, or in several side by side."""

from __future__ import annotations

import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, contextmanager
from threading import Lock
from typing import TypeVar

from shelfcast.adapters.exchanges import folder_exchange
from shelfcast.adapters.thread_variables import THREAD_VARIABLES
from shelfcast.domain.errors import BadParameter, ShelfcastError
from shelfcast.ports.engine import Exchange

T = TypeVar("T")
R = TypeVar("R")

_ENVIRONMENT = Lock()


class WorkerLost(ShelfcastError):
    """A worker process ended in the middle of its work."""


class LocalEngine:
    """`Engine` on one machine.

    With one worker kernels run here, with all threads of Polars and OpenMP. With more they run in as many fresh
    processes (spawned: a forked Polars hangs), each with its share of the cores. Processes stay for later calls.
    """

    def __init__(self, workers: int = 1) -> None:
        if workers < 1:
            raise BadParameter(f"{workers} workers: at least 1 is needed.")
        self._workers = workers
        self._pool: ProcessPoolExecutor | None = None

    @property
    def workers(self) -> int:
        return self._workers

    def map(self, kernel: Callable[[T], R], partitions: Sequence[T]) -> Iterator[R]:
        """See the port. At most two partitions a worker are under way or waiting to be taken, which bounds memory.

        Raises:
            WorkerLost: a worker process died (usually killed for want of memory).
        """
        if self._workers == 1 or len(partitions) < 2:
            yield from map(kernel, partitions)
            return
        waiting: deque[Future[R]] = deque()
        try:
            for partition in partitions:
                waiting.append(self._submit(kernel, partition))
                if len(waiting) >= 2 * self._workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool as error:
            self._pool = None
            raise WorkerLost(
                f"one of {self._workers} worker processes died before it gave its result; nothing of this step was kept. "
                "Most often the machine ran out of memory: use fewer workers or smaller partitions "
                "(settings `workers`, `partition_rows`), then run the step again."
            ) from error
        finally:
            for future in waiting:
                future.cancel()

    def exchange(self) -> AbstractContextManager[Exchange]:
        """See the port: a temporary folder."""
        return folder_exchange()

    def close(self) -> None:
        """End the worker processes; the next call starts new ones."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None

    def __getstate__(self) -> dict[str, object]:
        return {"_workers": self._workers, "_pool": None}

    def _submit(self, kernel: Callable[[T], R], partition: T) -> Future[R]:
        # Thread counts are read when Polars and OpenMP load, so they must stand in the environment a worker is born with.
        with _ENVIRONMENT, _limited_threads(max(1, (os.cpu_count() or 1) // self._workers)):
            if self._pool is None:
                context = multiprocessing.get_context("spawn")
                self._pool = ProcessPoolExecutor(self._workers, mp_context=context)
            return self._pool.submit(kernel, partition)


@contextmanager
def _limited_threads(count: int) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(count)))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
