"""Trained models: bytes in the blob store, a record each, and which one is the champion."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import date
from typing import Any

from shelfcast.domain.errors import NotFound
from shelfcast.forecast.models import stored
from shelfcast.forecast.models.boosted import Model
from shelfcast.ports.platform import Platform

KIND = "models"
ALIASES = "model_aliases"
CHAMPION = "champion"


def save(platform: Platform, data: bytes, body: Mapping[str, Any]) -> str:
    """Keep a model; its id is the hash of its bytes, so the same model is kept once."""
    model_id = hashlib.sha256(data).hexdigest()[:16]
    platform.blobs.put(f"models/{model_id}/model.zip", data)
    platform.records.put(KIND, model_id, {**body, "model_id": model_id, "bytes": len(data)})
    return model_id


def promote(platform: Platform, model_id: str) -> None:
    """Make a model the champion."""
    platform.records.put(ALIASES, CHAMPION, {"model_id": model_id, "since": platform.clock.now().isoformat()})


def champion(platform: Platform) -> dict[str, Any] | None:
    """The champion's record, or None before the first training."""
    try:
        alias = platform.records.get(ALIASES, CHAMPION)
        return dict(platform.records.get(KIND, str(alias.body["model_id"])).body)
    except NotFound:
        return None


def load(platform: Platform, model_id: str) -> Model:
    """
    Raises:
        NotFound: no such model.
        BadFile: the stored bytes are no model of this version.
    """
    return stored.from_bytes(platform.blobs.get(f"models/{model_id}/model.zip"))


def age_days(record: Mapping[str, Any], cutoff: date) -> int:
    """Days between the data the model was trained on and a cutoff."""
    return (cutoff - date.fromisoformat(str(record["cutoff"]))).days
