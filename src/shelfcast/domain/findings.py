"""What the system found out about itself or its data and somebody should know: the one form every watcher speaks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["note", "warning", "critical"]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong now. The same `cause` and `subject` found again is the same alert, not another.

    >>> Finding("forecast.bias", "CLEANING", "warning", "Bias +14 % over 28 days, 3 % is usual.", "Look at ...").key
    'forecast.bias:CLEANING'
    """

    cause: str
    """What kind of trouble, dotted: data.freshness, data.drift, forecast.wape, decision.fill_rate, system.duration, job.failed..."""
    subject: str
    """What it is about: a table, a feature, a segment, a source, a job kind."""
    severity: Severity
    says: str
    """One sentence with the numbers: what was found, what is usual."""
    next_step: str
    """What a person should do first."""
    link: str = ""
    """Path in the app where the cause can be seen, such as /data/quality."""
    measure: float | None = None
    threshold: float | None = None
    run_id: str = ""
    detail: str = ""
    """What else helps to judge it."""
    count: int = 1
    """How many things it is about: series, lines, rows."""
    value_at_risk: float | None = None
    """Money at stake, where known."""

    @property
    def key(self) -> str:
        """Which alert this is."""
        return f"{self.cause}:{self.subject}"
