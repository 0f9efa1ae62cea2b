"""Which model is the champion: promote one, roll back to the one before, and keep who did it and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shelfcast.domain.errors import Conflict, NotFound, NotReady
from shelfcast.pipeline import audit_changes, model_records
from shelfcast.ports.platform import Platform

HISTORY = "model_promotions"


def promote(platform: Platform, who: str, model_id: str, reason: str) -> dict[str, Any]:
    """Make a model the champion.

    Raises:
        NotFound: no such model, or its file is gone.
        BadFile: its file is no model of this version.
        Conflict: it is the champion already.
    """
    record = find(platform, model_id)
    before = model_records.champion(platform)
    if before is not None and before["model_id"] == model_id:
        raise Conflict(f"model {model_id} is the champion already.")
    model_records.load(platform, model_id)  # refuses a file that can't be used before it is needed at night
    model_records.promote(platform, model_id)
    note_promotion(platform, model_id, who, reason, before)
    audit_changes.note(
        platform, who, "model.promote", model_id, before=before["model_id"] if before else None, reason=reason
    )
    return record


def roll_back(platform: Platform, who: str, reason: str) -> dict[str, Any]:
    """Make the champion before this one the champion again.

    Raises:
        NotReady: there was none.
    """
    champion = model_records.champion(platform)
    earlier = [one["model_id"] for one in history(platform)]
    candidates = [one for one in earlier if champion is None or one != champion["model_id"]]
    if not candidates:
        raise NotReady("there is no earlier champion to go back to.")
    return promote(platform, who, candidates[0], reason)


def find(platform: Platform, model_id: str) -> dict[str, Any]:
    """
    Raises:
        NotFound: no such model.
    """
    try:
        return dict(platform.records.get(model_records.KIND, model_id).body)
    except NotFound as error:
        raise NotFound(f"there is no model {model_id!r}. List them at /v1/models.") from error


def history(platform: Platform) -> list[dict[str, Any]]:
    """Promotions, the newest first: model_id, at, who, reason, before."""
    return [dict(one.body) for one in reversed(platform.records.query(HISTORY))]


def note_promotion(platform: Platform, model_id: str, who: str, reason: str, before: Mapping[str, Any] | None) -> None:
    """Keep that a model became the champion. The one before is noted too, so that the first can be gone back to."""
    now = platform.clock.now()
    if before is not None and not platform.records.query(HISTORY):
        first = {
            "model_id": before["model_id"],
            "at": now.isoformat(),
            "who": "",
            "reason": "was champion",
            "before": None,
        }
        platform.records.put(HISTORY, f"{now:%Y%m%dT%H%M%S%f}-0", first)
    body = {
        "model_id": model_id, "at": now.isoformat(), "who": who, "reason": reason,
        "before": before["model_id"] if before else None,
    }  # fmt: skip
    platform.records.put(HISTORY, f"{now:%Y%m%dT%H%M%S%f}-1-{model_id}", body)
