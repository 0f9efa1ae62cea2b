"""Numbers for whoever watches over the running system."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Metrics(Protocol):
    def put(self, values: Mapping[str, float], **dimensions: str) -> None:
        """Tell some numbers at once. A number that can't be told costs nothing else: this never raises.

        Args:
            values: by name; the unit stands in the name's end (Seconds, Mb, Rows...).
            dimensions: what the numbers are of (Step=forecast), few and with few values.
        """
        ...
