"""Metrics as CloudWatch's embedded metric format: a line of JSON in the log, which CloudWatch turns into metrics."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

UNITS = {"Seconds": "Seconds", "Mb": "Megabytes", "Bytes": "Bytes", "Share": "None"}
MOST_METRICS = 100
"""What one line may hold."""


class EmfMetrics:
    """`Metrics` as lines in the log.

    Args:
        namespace: CloudWatch namespace.
        fixed: dimensions of every number (Deployment=shelfcast-prod).
        write: takes a line; standard output where left out.
        now: seconds since 1970.
    """

    def __init__(
        self, namespace: str, fixed: Mapping[str, str], write: Callable[[str], object] | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        self._namespace, self._fixed, self._now = namespace, dict(fixed), now
        self._write = write or (lambda line: print(line, file=sys.stdout, flush=True))

    def put(self, values: Mapping[str, float], **dimensions: str) -> None:
        finite = {name: float(value) for name, value in values.items() if math.isfinite(value)}
        every = {**self._fixed, **dimensions}
        names = list(finite)
        for start in range(0, len(names), MOST_METRICS):
            part = names[start : start + MOST_METRICS]
            about = {
                "Timestamp": int(self._now() * 1000),
                "CloudWatchMetrics": [
                    {
                        "Namespace": self._namespace,
                        "Dimensions": [list(every)],
                        "Metrics": [{"Name": name, "Unit": _unit(name)} for name in part],
                    }
                ],
            }
            with suppress(OSError, ValueError):  # a full disk, a closed stream: a number less, and nothing else
                self._write(json.dumps({"_aws": about, **every, **{name: finite[name] for name in part}}))


def _unit(name: str) -> str:
    return next((unit for end, unit in UNITS.items() if name.endswith(end)), "Count")
