"""A cloud's way of making and removing what a template describes: CloudFormation, and the few calls around it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True)
class StackState:
    """What stands now. `parts` are the nested stacks: name, status, reason."""

    name: str
    status: str
    reason: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)
    parts: Sequence[tuple[str, str, str]] = ()

    @property
    def busy(self) -> bool:
        return self.status.endswith("IN_PROGRESS")


@dataclass(frozen=True)
class StackEvent:
    """One line of progress: a resource of a stack changed its status."""

    stack: str
    resource: str
    type: str
    status: str
    reason: str = ""

    @property
    def failed(self) -> bool:
        return self.status.endswith("FAILED")


Listener = Callable[[StackEvent], None]


class CloudStacks(Protocol):
    """Every wait ends: by success, by an error, or by the cloud's own time limit."""

    def place(self) -> tuple[str, str]:
        """Account and region.

        Raises:
            SourceDown: no credentials, or nobody answers.
        """
        ...

    def ensure_bucket(self, bucket: str) -> None:
        """A private, encrypted, versioned bucket for templates and code; nothing happens where it is there already."""
        ...

    def put(
        self, bucket: str, key: str, data: bytes, *, media: str = "", cache: str = "", encoding: str = ""
    ) -> None: ...

    def url(self, bucket: str, key: str) -> str:
        """Address under which the stack service reads an object."""
        ...

    def state(self, stack: str) -> StackState | None:
        """None where there is no such stack."""
        ...

    def apply(
        self, stack: str, template_url: str, parameters: Mapping[str, str], tags: Mapping[str, str], listen: Listener
    ) -> bool:
        """Create or change a stack by a change set, and wait. False where nothing was to be changed.

        Parameters left out keep their value, or take the template's default in a new stack.

        Raises:
            Conflict: it ended elsewhere than complete; the message holds the first failures.
        """
        ...

    def change_parameters(self, stack: str, parameters: Mapping[str, str], listen: Listener) -> bool:
        """Change parameters and keep the template that stands; else as `apply`."""
        ...

    def delete(self, stack: str, listen: Listener) -> None:
        """Remove a stack and wait.

        Raises:
            Conflict: something in it could not be removed.
        """
        ...

    def empty(self, bucket: str, counted: Callable[[int], None]) -> int:
        """Delete every version of every object; how many that were. A bucket that isn't there counts 0."""
        ...

    def forget_models(self, group: str) -> int:
        """Delete every version in a group of models, which else can't be removed; how many that were. A group that isn't
        there counts 0."""
        ...

    def build(self, project: str, listen: Callable[[str], None]) -> Mapping[str, str]:
        """Run a build and wait; the variables it exports.

        Raises:
            Conflict: it failed.
        """
        ...

    def refresh(self, distribution: str) -> None:
        """Let caches forget what they know of a web app."""
        ...
