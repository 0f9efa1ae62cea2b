"""What a model's own files don't say and whoever serves it must know, as a file beside them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from shelfcast.ports.model_registry import Candidate, ModelVersion

VERSION_FILE = "version.json"


def version_file(version: ModelVersion) -> bytes:
    """What the registry knows of a version."""
    about = {
        "model_id": version.model_id, "registered_at": version.registered_at.isoformat(), "facts": dict(version.facts),
        "metrics": dict(version.metrics), "features": list(version.features),
    }  # fmt: skip
    return json.dumps(about, ensure_ascii=False, sort_keys=True).encode()


def candidate_of(model: bytes, about: Mapping[str, Any], card: Mapping[str, Any]) -> Candidate:
    """The version those files stand for, ready to be registered elsewhere.

    Raises:
        KeyError, ValueError: `about` isn't what `version_file` wrote.
    """
    at = datetime.fromisoformat(str(about["registered_at"]))
    return Candidate(model, at, dict(about["facts"]), dict(about["metrics"]), tuple(about["features"]), {}, dict(card))
