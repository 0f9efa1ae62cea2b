"""Sees to it that queued jobs are worked on: a process on this machine, or a managed service."""

from __future__ import annotations

from typing import Protocol


class JobRunner(Protocol):
    """The queue itself (states, claims, progress) lives in the record store; a runner only brings somebody to work it."""

    def wake(self) -> None:
        """There may be work: make sure somebody looks. Cheap, and harmless when somebody is at it already."""
        ...

    def close(self) -> None:
        """Stop what was started; jobs under way are taken up again by whoever works next."""
        ...


class Nobody:
    """Leaves jobs in the queue for a worker started elsewhere."""

    def wake(self) -> None:
        pass

    def close(self) -> None:
        pass
