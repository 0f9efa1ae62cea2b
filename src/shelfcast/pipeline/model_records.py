"""What use cases ask of the model registry: the champion, a version as a record, its model ready to forecast."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from typing import Any

from shelfcast.domain.errors import BadFile
from shelfcast.forecast.models import stored
from shelfcast.forecast.models.boosted import Model
from shelfcast.ports.model_registry import CARD_FILE, CHAMPION, ModelVersion
from shelfcast.ports.platform import Platform

MODEL_CLASS = "ensemble"
"""What a version of ours is: the boosted model and the baselines, mixed by shares."""


def champion(platform: Platform) -> dict[str, Any] | None:
    """The champion's record, or None before the first training."""
    version = platform.models.aliased(CHAMPION)
    return None if version is None else record_of(version)


def find(platform: Platform, model_id: str) -> dict[str, Any]:
    """A version's record.

    Raises:
        NotFound: no such model.
    """
    return record_of(platform.models.get(model_id))


def record_of(version: ModelVersion) -> dict[str, Any]:
    """A version as one flat record: its facts (model, cutoff, frequency, horizon, shares...) and what the registry adds."""
    return {
        **version.facts, "model_id": version.model_id, "number": version.number, "metrics": dict(version.metrics),
        "snapshots": dict(version.snapshots), "registered_at": version.registered_at.isoformat(),
        "bytes": version.files.get("model.zip", 0), "files": dict(version.files),
    }  # fmt: skip


def card(platform: Platform, model_id: str) -> dict[str, Any]:
    """A version's card.

    Raises:
        NotFound: no such model.
    """
    return dict(json.loads(platform.models.load(model_id, CARD_FILE)))


def load(platform: Platform, model_id: str) -> Model:
    """
    Raises:
        NotFound: no such model.
        BadFile: its file is of another format, another model class, or damaged.
    """
    version = platform.models.get(model_id)
    made = version.facts.get("model", MODEL_CLASS)
    if made != MODEL_CLASS:
        raise BadFile(
            f"model {model_id} is a {made!r}; this program forecasts with {MODEL_CLASS!r} models only. Choose another version "
            "(`shelfcast models list`) or train one (`shelfcast models retrain`)."
        )
    model = stored.from_bytes(platform.models.load(model_id))
    if version.features and version.features != model.names.features:
        raise BadFile(
            f"the file of model {model_id} has {len(model.names.features)} features, the registry says "
            f"{len(version.features)} others: it isn't the file that was registered. Train a new model: `shelfcast models retrain`."
        )
    return model


def age_days(record: Mapping[str, Any], cutoff: date) -> int:
    """Days between the data the model was trained on and a cutoff."""
    return (cutoff - date.fromisoformat(str(record["cutoff"]))).days
