"""A file came into the lake's store: note it, and start the cycle where a delivery is complete."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from shelfcast.domain.errors import SourceDown
from shelfcast.pipeline.load_delivery import arrival_of
from shelfcast.ports.platform import Platform

KIND = "arrivals"

Start = Callable[[str, Mapping[str, Any]], str]
"""Starts a cycle: a name no two starts share, and its input; where it can be followed."""


@dataclass(frozen=True)
class Came:
    """An object and which version of it."""

    key: str
    bytes: int
    tag: str = ""
    version: str = ""
    sequencer: str = ""

    @property
    def arrival_id(self) -> str:
        """The same for the same event delivered twice."""
        text = "\n".join((self.key, self.tag, self.version, self.sequencer))
        return hashlib.sha256(text.encode()).hexdigest()[:32]


def note_arrival(platform: Platform, came: Came, start: Start) -> dict[str, Any]:
    """What was done: key, delivery (empty where there is nothing to load yet), why, execution.

    Raises:
        SourceDown: the cycle can't be started; the same event may come again.
    """
    arrival = arrival_of(came.key)
    body: dict[str, Any] = {
        **asdict(came), "delivery": arrival.delivery, "why": arrival.why, "execution": "",
        "at": platform.clock.now().isoformat(),
    }  # fmt: skip
    platform.records.put(KIND, came.arrival_id, body)
    if arrival.delivery:
        try:
            body["execution"] = start(f"arrival-{came.arrival_id}", {"delivery": arrival.delivery})
        except SourceDown as error:
            platform.records.put(KIND, came.arrival_id, body | {"error": str(error)})
            raise
        platform.records.put(KIND, came.arrival_id, body)
    return {name: body[name] for name in ("key", "delivery", "why", "execution")}
