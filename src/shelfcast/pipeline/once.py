"""Exactly once for machines: a request with an idempotency key is worked on once, and its answer is given again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from shelfcast.domain.errors import BadParameter, Conflict, NotFound
from shelfcast.ports.platform import Platform

KIND = "idempotency"


def once(
    platform: Platform, who: str, key: str, what: str, request: Any, work: Callable[[], Mapping[str, Any]]
) -> Mapping[str, Any]:
    """The answer of `work`, or that of the earlier request with the same key. `work` must be repeatable: a request killed
    between its work and the note of its answer is worked on again.

    Raises:
        BadParameter: the key was used for another request.
    """
    record_id = hashlib.sha256(f"{who}\n{what}\n{key}".encode()).hexdigest()
    body_hash = hashlib.sha256(json.dumps(request, sort_keys=True, default=str).encode()).hexdigest()
    try:
        earlier = platform.records.get(KIND, record_id).body
    except NotFound:
        earlier = None
    if earlier is not None:
        if earlier["request"] != body_hash:
            raise BadParameter(
                f"idempotency key {key!r} was used for another {what} on {earlier['at'][:16]}. Use a new key for each "
                "new request, and the same one only to repeat it."
            )
        return earlier["answer"]
    answer = dict(work())
    body = {"request": body_hash, "answer": answer, "at": platform.clock.now().isoformat(), "who": who, "what": what}
    try:
        platform.records.put(KIND, record_id, body, expected=0)
    except Conflict:
        stored = platform.records.get(KIND, record_id).body
        if stored["request"] != body_hash:
            raise BadParameter(f"idempotency key {key!r} was used for another {what} at the same moment.") from None
        return stored["answer"]
    return answer
