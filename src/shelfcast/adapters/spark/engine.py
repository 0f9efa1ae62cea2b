"""Kernels as tasks of a Spark cluster: storage, retries and scale are Spark's, the arithmetic is the laptop's."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, TypeVar

from shelfcast.adapters.exchanges import blob_exchange, folder_exchange
from shelfcast.domain.errors import ShelfcastError
from shelfcast.ports.blob_store import BlobStore
from shelfcast.ports.engine import Exchange

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import SparkSession

T = TypeVar("T")
R = TypeVar("R")

SCHEMA = "number int, body binary"
WAVES = 2
"""Tasks under way or waiting for each core: enough to keep cores busy while results are taken, and memory bounded."""


class TaskLost(ShelfcastError):
    """Spark gave up on a task."""


class SparkEngine:
    """`Engine` on a Spark session.

    partitions -> rows (number, pickled partition), one a task -> `mapInArrow` -> rows (number, pickled result)

    A partition is a description: the kernel reads its own rows of the lake on the executor, so nothing is shuffled.
    `mapInArrow` exists in every Spark since 3.3, Glue 5 and EMR 7 included.

    Args:
        session: made by `session.local_session`, or the one Glue or EMR gives.
        blobs: a store every executor reaches, for frames that kernels leave; None on one machine.
    """

    def __init__(self, session: SparkSession, blobs: BlobStore | None = None) -> None:
        self.session = session
        self.blobs = blobs

    @property
    def workers(self) -> int:
        return int(self.session.sparkContext.defaultParallelism)

    def map(self, kernel: Callable[[T], R], partitions: Sequence[T]) -> Iterator[R]:
        """See the port.

        Raises:
            TaskLost: a task failed for good: an executor out of memory, or Spark's own error.
        """
        from pyspark import cloudpickle

        wave = WAVES * self.workers
        shared = self.session.sparkContext.broadcast(cloudpickle.dumps(kernel))
        run = Task(shared)
        try:
            for start in range(0, len(partitions), wave):
                bodies = [cloudpickle.dumps(one) for one in partitions[start : start + wave]]
                yield from self._wave(run, bodies)
        finally:
            shared.unpersist()

    def exchange(self) -> AbstractContextManager[Exchange]:
        """See the port: beside the blobs on a cluster, a temporary folder on one machine."""
        return folder_exchange() if self.blobs is None else blob_exchange(self.blobs)

    def _wave(self, run: Task, bodies: list[bytes]) -> Iterator[Any]:
        from py4j.protocol import Py4JJavaError
        from pyspark import cloudpickle
        from pyspark.errors import PySparkException

        rows = self.session.sparkContext.parallelize(list(enumerate(map(bytearray, bodies))), len(bodies))
        try:
            made = self.session.createDataFrame(rows, SCHEMA).mapInArrow(run, SCHEMA).collect()
        except (Py4JJavaError, PySparkException) as error:
            first = str(error).strip().splitlines()[0][:300]
            raise TaskLost(
                f"Spark gave up on a task ({first}); nothing of this step was kept. Its own log says more. Most often an "
                "executor ran out of memory: make partitions smaller (setting `partition_rows`) or executors larger, "
                "then run the step again."
            ) from error
        for row in sorted(made, key=lambda one: one.number):
            outcome = cloudpickle.loads(bytes(row.body))
            if isinstance(outcome, Failure):
                raise outcome.error
            yield outcome


class Failure:
    """One of our own errors on its way back to the driver, with its words."""

    def __init__(self, error: ShelfcastError) -> None:
        self.error = error


class Task:
    """What a Spark task runs."""

    def __init__(self, shared: Any) -> None:
        self.shared = shared

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa
        from pyspark import cloudpickle

        kernel = cloudpickle.loads(self.shared.value)
        for batch in batches:
            for number, body in zip(batch.column(0).to_pylist(), batch.column(1).to_pylist(), strict=True):
                try:
                    result = kernel(cloudpickle.loads(body))
                except ShelfcastError as error:
                    result = Failure(error)
                yield pa.RecordBatch.from_arrays(
                    [pa.array([number], pa.int32()), pa.array([cloudpickle.dumps(result)], pa.binary())],
                    names=["number", "body"],
                )


def threads_of_a_task(cores: int) -> dict[str, str]:
    """Environment of Python workers: each task has `cores` cores, and no library takes more."""
    from shelfcast.adapters.thread_variables import THREAD_VARIABLES

    return dict.fromkeys(THREAD_VARIABLES, str(cores)) | {"PYTHONPATH": os.environ.get("PYTHONPATH", "")}
