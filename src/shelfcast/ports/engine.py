"""Runs a kernel over partitions that hold whole series, on one machine or many."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar

import polars as pl

T = TypeVar("T")
R = TypeVar("R")


class Exchange(Protocol):
    """Where kernels leave frames for the step that called them: everything that runs kernels reaches it, and it can be
    pickled into one."""

    def write(self, name: str, frame: pl.DataFrame) -> None:
        """Keep a frame under a name of letters, digits, `-` and `_`; written again, it is replaced."""
        ...

    def read(self, name: str) -> pl.DataFrame:
        """
        Raises:
            NotFound: nothing was written under this name.
        """
        ...

    def has(self, name: str) -> bool: ...


class Engine(Protocol):
    """Results come in the order of the partitions, whatever the number of workers, so the outcome is the same."""

    @property
    def workers(self) -> int: ...

    def map(self, kernel: Callable[[T], R], partitions: Sequence[T]) -> Iterator[R]:
        """`kernel` of each partition, in order, as many at a time as there are workers.

        The kernel and what it gets must be picklable (a module's function, `functools.partial`), and it reads its own
        rows, so that memory does not grow with the number of partitions. What is large goes through an `Exchange`.
        """
        ...

    def exchange(self) -> AbstractContextManager[Exchange]:
        """A fresh place for frames, empty, and gone afterwards whatever happens."""
        ...
