"""Model versions as JSON: the same rules and words in every registry."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from shelfcast.domain.errors import BadParameter, NotFound
from shelfcast.ports.model_registry import ALIASES, CARD_FILE, MODEL_FILE, AliasChange, Candidate, ModelVersion

_METRIC = re.compile(r"[\w./: -]{1,200}", re.ASCII)
_FILE = re.compile(r"[A-Za-z0-9_.-]{1,100}")


def check_alias(alias: str) -> str:
    """
    Raises:
        BadParameter: not one of `ALIASES`.
    """
    if alias not in ALIASES:
        raise BadParameter.unknown("model alias", alias, ALIASES)
    return alias


def files_of(candidate: Candidate) -> dict[str, bytes]:
    """Every file of a version by name: the model, its card, its plots.

    Raises:
        BadParameter: a metric or a plot that can't be kept.
    """
    for name, value in candidate.metrics.items():
        if not _METRIC.fullmatch(name) or not math.isfinite(value):
            raise BadParameter(
                f"metric {name!r} = {value!r} can't be kept with a model: a name is up to 200 letters, digits, spaces "
                "and _ - . / :, a value is a finite number. Leave out what could not be measured."
            )
    for name in candidate.plots:
        if not _FILE.fullmatch(name) or name in (MODEL_FILE, CARD_FILE) or set(name) <= {"."}:
            raise BadParameter(
                f"plot {name!r} can't be kept with a model: a file name is up to 100 letters, digits and _ . -, and "
                f"neither {MODEL_FILE} nor {CARD_FILE}."
            )
    try:
        card = json.dumps(dict(candidate.card), ensure_ascii=False, allow_nan=False, sort_keys=True, indent=1)
        json.dumps(dict(candidate.facts), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise BadParameter(
            f"the card or the facts of a model can't be kept as JSON: {error}. Allowed are text, finite numbers, true, "
            "false, null, lists and objects."
        ) from error
    return {MODEL_FILE: candidate.model, CARD_FILE: card.encode(), **candidate.plots}


def body_of(candidate: Candidate, number: int, files: Mapping[str, bytes]) -> dict[str, Any]:
    """A version as a JSON object."""
    return {
        "model_id": candidate.model_id, "number": number, "registered_at": candidate.at.isoformat(),
        "facts": dict(candidate.facts), "metrics": {name: float(value) for name, value in candidate.metrics.items()},
        "features": list(candidate.features), "snapshots": dict(candidate.snapshots),
        "files": {name: len(data) for name, data in files.items()},
    }  # fmt: skip


def version_of(body: Mapping[str, Any]) -> ModelVersion:
    """The version a JSON object written by `body_of` stands for."""
    return ModelVersion(
        str(body["model_id"]), int(body["number"]), datetime.fromisoformat(body["registered_at"]), dict(body["facts"]),
        {name: float(value) for name, value in body["metrics"].items()}, tuple(body["features"]),
        {name: int(value) for name, value in body["snapshots"].items()},
        {name: int(value) for name, value in body["files"].items()},
    )  # fmt: skip


def change_body(change: AliasChange) -> dict[str, Any]:
    """An alias change as a JSON object."""
    return {
        "alias": change.alias, "model_id": change.model_id, "at": change.at.isoformat(), "who": change.by,
        "reason": change.reason, "before": change.before or None,
    }  # fmt: skip


def change_of(alias: str, body: Mapping[str, Any]) -> AliasChange:
    """The alias change a JSON object written by `change_body` stands for."""
    at = datetime.fromisoformat(str(body["at"]))
    return AliasChange(alias, str(body["model_id"]), at, body["who"], body["reason"], body.get("before") or "")


def unknown_model(model_id: str) -> NotFound:
    return NotFound(f"there is no model {model_id!r}. `shelfcast models list` and /v1/models show all there are.")


def unknown_file(version: ModelVersion, name: str) -> NotFound:
    return NotFound(f"model {version.model_id} has no file {name!r}; it has: {', '.join(sorted(version.files))}.")
