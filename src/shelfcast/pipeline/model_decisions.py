"""What was decided about each new model, with the numbers it was decided on. Decisions are only added to."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from shelfcast.domain.errors import Conflict, NotFound
from shelfcast.ports.platform import Platform

KIND = "model_decisions"
FIRST, PROMOTED, REPLACED, KEPT, NOT_JUDGED, SAME = "first", "promoted", "replaced", "kept", "not_judged", "same"
"""first: there was no champion. promoted: it won. replaced: the champion can't be used any more. kept: it lost, or a guard
rail held it back, or it was to stay a challenger. not_judged: too little has come that neither has seen. same: it is the
champion, byte by byte."""
TAKES_OVER = (FIRST, PROMOTED, REPLACED)


def note(platform: Platform, body: Mapping[str, Any]) -> dict[str, Any]:
    """Keep a decision; its id begins with the moment, then its number, so that decisions of one moment keep their order."""
    now = platform.clock.now()
    number = len(platform.records.query(KIND)) + 1
    while True:
        kept = {**body, "at": now.isoformat(), "decision_id": f"{now:%Y%m%dT%H%M%S%f}-{number:06d}"}
        with suppress(Conflict):
            platform.records.put(KIND, kept["decision_id"], kept, expected=0)
            return kept
        number += 1


def every(platform: Platform, limit: int = 200) -> list[dict[str, Any]]:
    """Decisions, the newest first."""
    return [dict(one.body) for one in reversed(platform.records.query(KIND))][:limit]


def of_model(platform: Platform, model_id: str) -> dict[str, Any] | None:
    """The newest decision about a model; None where nothing was decided (a model from before)."""
    return next((one for one in every(platform) if one["model_id"] == model_id), None)


def find(platform: Platform, decision_id: str) -> dict[str, Any]:
    """
    Raises:
        NotFound: no such decision.
    """
    try:
        return dict(platform.records.get(KIND, decision_id).body)
    except NotFound as error:
        raise NotFound(f"there is no model decision {decision_id!r}. `shelfcast models list` shows them.") from error
