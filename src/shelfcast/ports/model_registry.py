"""Trained models as versions: the file, what it was made of, how good it was, and which one forecasts.

register(candidate) -> version     the same model file is one version, however often it is registered
set_alias("champion", model_id)    promote, roll back: one step, kept in a history that only grows
aliased("champion") -> version     what tonight's forecast uses
load(model_id) -> bytes            the model, or another of its files (card, plots)
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

CHAMPION, CHALLENGER = "champion", "challenger"
ALIASES = (CHAMPION, CHALLENGER)
"""The champion forecasts; the challenger is the newest version that was tried against it (the same one if it won)."""
MODEL_FILE, CARD_FILE = "model.zip", "card.json"


@dataclass(frozen=True)
class Candidate:
    """A trained model that is to become a version."""

    model: bytes
    at: datetime
    """When it was trained, UTC."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What it is and how it was made, as JSON: model, cutoff, frequency, horizon, run_id, reason... Small: no lists of rows."""
    metrics: Mapping[str, float] = field(default_factory=dict)
    """Scores by name (letters, digits, `_-./ :`), finite."""
    features: tuple[str, ...] = ()
    """Columns of its model matrix, in order."""
    snapshots: Mapping[str, int] = field(default_factory=dict)
    """Snapshot of each table it learnt from: with them the training data can be read again."""
    card: Mapping[str, Any] = field(default_factory=dict)
    """The whole model card, as JSON; kept as the file `card.json`."""
    plots: Mapping[str, bytes] = field(default_factory=dict)
    """Pictures by file name."""

    @property
    def model_id(self) -> str:
        """Named by its content, so that the same model is one version."""
        return hashlib.sha256(self.model).hexdigest()[:16]


@dataclass(frozen=True)
class ModelVersion:
    """A registered model. `number` counts from 1 in the order of registration. `files`: size in bytes by name."""

    model_id: str
    number: int
    registered_at: datetime
    facts: Mapping[str, Any]
    metrics: Mapping[str, float]
    features: tuple[str, ...]
    snapshots: Mapping[str, int]
    files: Mapping[str, int]


@dataclass(frozen=True)
class AliasChange:
    """An alias went from one version (`before`, empty if it had none) to another."""

    alias: str
    model_id: str
    at: datetime
    by: str
    reason: str
    before: str = ""


class ModelRegistry(Protocol):
    def register(self, candidate: Candidate) -> ModelVersion:
        """Keep a version with all its files. Nothing is listed before every file is there. A model file that is known
        already keeps its first version and number; the rest of the candidate is not looked at.

        Raises:
            BadParameter: a metric that isn't finite or has a name that isn't allowed, or a plot named like another file.
        """
        ...

    def get(self, model_id: str) -> ModelVersion:
        """
        Raises:
            NotFound: no such version.
        """
        ...

    def load(self, model_id: str, name: str = MODEL_FILE) -> bytes:
        """One of a version's files.

        Raises:
            NotFound: no such version, or it has no such file.
        """
        ...

    def set_alias(self, alias: str, model_id: str, *, by: str, reason: str, at: datetime) -> AliasChange:
        """Point an alias to a version, and add that to its history. Where it points there already nothing changes, and
        the change that did it comes back.

        Raises:
            BadParameter: an alias that isn't one of `ALIASES`.
            NotFound: no such version.
        """
        ...

    def aliased(self, alias: str) -> ModelVersion | None:
        """The version an alias points to; None before the first.

        Raises:
            BadParameter: an alias that isn't one of `ALIASES`.
        """
        ...

    def alias_history(self, alias: str) -> list[AliasChange]:
        """Every change of an alias, the newest first.

        Raises:
            BadParameter: an alias that isn't one of `ALIASES`.
        """
        ...

    def list(self) -> list[ModelVersion]:
        """Every version, the newest (highest number) first."""
        ...
