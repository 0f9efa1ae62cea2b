"""Runs a kernel over partitions that hold whole series, on one machine or many."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Engine(Protocol):
    """Results come in the order of the partitions, whatever the number of workers, so the outcome is the same."""

    @property
    def workers(self) -> int: ...

    def map(self, kernel: Callable[[T], R], partitions: Sequence[T]) -> Iterator[R]:
        """`kernel` of each partition, in order, as many at a time as there are workers.

        The kernel and what it gets must be picklable (a module's function, `functools.partial`), and it reads its own
        rows, so that memory does not grow with the number of partitions.
        """
        ...
