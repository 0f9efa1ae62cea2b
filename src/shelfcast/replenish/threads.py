"""Blocks of lines side by side on the cores there are. Blocks are independent, so their number changes no result."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

MOST_THREADS = 4


def threads() -> int:
    """Threads worth starting: compiled kernels and Polars let each other run, plain Python does not."""
    return max(
        1, min(MOST_THREADS, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    )


def side_by_side(work: Callable[[T], R], parts: Iterable[T]) -> Iterator[R]:
    """`work` of each part, in order. At most one part per thread is held at a time, however many there are."""
    count = threads()
    if count == 1:
        yield from map(work, parts)
        return
    with ThreadPoolExecutor(count) as pool:
        waiting: deque[Future[R]] = deque()
        for part in parts:
            waiting.append(pool.submit(work, part))
            if len(waiting) >= count:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def blocks(size: int, length: int) -> list[slice]:
    """Slices of at most `length` that cover 0 ... size."""
    return [slice(start, min(start + length, size)) for start in range(0, size, length)]
