"""What the monitor measures: each kind of measure once, with its meaning, its patience and what a person should do."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from shelfcast.domain.findings import Severity

Area = Literal["data", "forecast", "decision", "system"]
Unit = Literal["share", "days", "ratio", "number", "seconds", "megabytes", "money"]


@dataclass(frozen=True)
class Kind:
    """A kind of measure. `opens` of the last `of` days beyond the threshold make a finding; `of` calm days end it."""

    area: Area
    name: str
    title: str
    meaning: str
    unit: Unit
    opens: int
    of: int
    next_step: str
    link: str
    severity: Severity = "warning"
    retrain: bool = False
    """An open finding of it asks for a new model."""

    @property
    def cause(self) -> str:
        """As findings name it: forecast.bias."""
        return f"{self.area}.{self.name}"


@dataclass(frozen=True)
class Measure:
    """One value of a day. `above`: beyond means over the threshold; else under it.

    >>> one = Measure("forecast", "bias", "all", 0.12, 0.0, 0.10, "10 % is what a planner acts on.", "...")
    >>> one.beyond, one.calm
    (True, False)
    """

    area: Area
    name: str
    subject: str
    value: float
    expected: float
    threshold: float
    reason: str
    says: str
    above: bool = True
    moved_with: str = ""

    @property
    def beyond(self) -> bool:
        return math.isfinite(self.value) and (
            self.value > self.threshold if self.above else self.value < self.threshold
        )

    @property
    def calm(self) -> bool:
        """Back within `CLOSES` of the way from what is expected to the threshold: closing lower than opening."""
        close = self.expected + CLOSES * (self.threshold - self.expected)
        return math.isfinite(self.value) and (self.value <= close if self.above else self.value >= close)


CLOSES = 0.7

_KINDS = (
    Kind(
        "data", "freshness", "Nothing new", "Days since the newest row of a table.", "days", 1, 1,
        "Ask whoever sends this feed; until it is back, plans rest on old values.", "/data/quality", "critical",
    ),
    Kind(
        "data", "volume", "Number of rows", "Rows of the day against the usual number for that weekday.", "ratio", 2, 3,
        "Compare the last files with earlier ones: rows missing, or sent twice.", "/data/quality",
    ),
    Kind(
        "data", "quarantine", "Rows refused", "Share of the rows of the newest loads that couldn't be used.", "share", 1, 1,
        "Read the reasons in quarantine, mend the source, load again.", "/data/quarantine",
    ),
    Kind(
        "data", "psi", "Distribution (PSI)",
        "Population stability index of the last four weeks against the same season of earlier years.", "number", 3, 5,
        "Look whether the feed changed its meaning (unit, default, a price list) or the trade did.", "/data/quality",
    ),
    Kind(
        "data", "wasserstein", "Distribution (Wasserstein)",
        "How far values have moved on average against the same season of earlier years, in deviations.", "number", 3, 5,
        "Look whether the feed changed its meaning (unit, default, a price list) or the trade did.", "/data/quality",
    ),
    Kind(
        "data", "zero_stock", "Stock at zero", "Share of series with no stock by the book, against the weeks before.", "share", 1, 2,
        "Check the stock feed before you approve orders: they would be far too large.", "/data/quality", "critical",
    ),
    Kind(
        "data", "unpriced_promotions", "Promotions without a price cut",
        "Of promotions newly planned with a discount, the share whose price list shows no cut.", "share", 2, 3,
        "See whether the price feed stands still; a forecast can't see a cut that isn't in the list.", "/data/quality",
    ),
    Kind(
        "data", "unflagged_cuts", "Price cuts without a promotion",
        "Of price cuts newly announced, the share no promotion explains.", "share", 2, 3,
        "See whether promotions are still sent: the forecast would take a promotion for a lasting cut.", "/data/quality",
    ),
    Kind(
        "data", "shifted_days", "Days shifted",
        "Error of the last week's forecasts, over the error had the days been booked a day earlier or later.", "ratio", 1, 2,
        "Check the time zone and day start of the locations, and the clock of the source.", "/data/quality", "critical",
    ),
    Kind(
        "data", "shifted_hours", "Hours shifted", "How far the hours of till lines have moved against the weeks before.", "number", 2, 2,
        "Check the clock and time zone of the tills' feed.", "/data/quality", "critical",
    ),
    Kind(
        "forecast", "wape", "Error", "Sum of misses over sum of sales (WAPE) of the last two weeks, over what was promised.", "ratio", 3, 5,
        "See what moved with it, then compare with a challenger on the Models page.", "/models", retrain=True,
    ),
    Kind(
        "forecast", "pinball", "Error of the distribution", "Quantile loss of the last two weeks over what was promised.", "ratio", 3, 5,
        "See what moved with it, then compare with a challenger on the Models page.", "/models", retrain=True,
    ),
    Kind(
        "forecast", "bias", "Bias", "Forecast less demand over demand, last seven days; above zero: forecasts too much.", "share", 3, 5,
        "See whether a promotion, price or competitor explains it; if it lasts, override or retrain.", "/models", retrain=True,
    ),
    Kind(
        "forecast", "tracking_signal", "Tracking signal", "Sum of the daily errors of four weeks over their mean size.", "number", 3, 5,
        "The forecast leans to one side day after day: see what moved with it, then retrain.", "/models", retrain=True,
    ),
    Kind(
        "forecast", "coverage_80", "In the 80 % band", "Share of the last two weeks' days inside the 80 % interval.", "share", 3, 5,
        "Bands that don't hold make safety stock too small or too large: retrain, which calibrates anew.", "/models", retrain=True,
    ),
    Kind(
        "forecast", "against_baseline", "Error against the baseline", "Error of the model over that of the simple baseline, four weeks.", "ratio", 5, 7,
        "The simple baseline would do better: retrain, or roll back to the champion before.", "/models", retrain=True,
    ),
    Kind(
        "decision", "fill_rate", "Fill rate", "Share of demand met from stock, last seven days.", "share", 3, 5,
        "Look at series that ran out: late deliveries, caps, sources that don't deliver.", "/orders?sort=-risk",
    ),
    Kind(
        "decision", "stock_out_days", "Days out of stock", "Share of series-days on which stock ran out, last seven days.", "share", 3, 5,
        "Look at series that ran out: late deliveries, caps, sources that don't deliver.", "/orders?sort=-risk",
    ),
    Kind(
        "decision", "overstock", "Overstock", "Share of series with stock for more than two months after tonight's order.", "share", 3, 5,
        "Move, mark down, or check pack sizes and listings.", "/orders?nothing_too=true",
    ),
    Kind(
        "decision", "override_share", "Overrides", "Share of forecasts people changed, last four weeks.", "share", 3, 5,
        "Ask what the forecast doesn't know: it may be worth a feature.", "/models",
    ),
    Kind(
        "decision", "override_value", "Value added by overrides", "Share of error the overrides of four weeks took away.", "share", 5, 7,
        "The overrides made forecasts worse: talk it over with those who made them.", "/models", "note",
    ),
    Kind(
        "system", "duration", "Duration", "Seconds of a step, against its usual.", "seconds", 2, 3,
        "See what else ran on the machine, and whether the data grew.", "/data/jobs",
    ),
    Kind(
        "system", "memory", "Memory", "Highest memory of a step, against its usual.", "megabytes", 2, 3,
        "Lower `partition_rows`, or give the machine more memory.", "/data/jobs",
    ),
    Kind(
        "system", "cost", "Cost of the night", "Hours of the night's steps by the price table.", "money", 2, 3,
        "See which step takes the time, and whether the data grew.", "/data/jobs",
    ),
    Kind(
        "system", "queue", "Waiting jobs", "Hours the oldest waiting job has waited.", "number", 1, 1,
        "See whether a worker runs: `shelfcast worker`.", "/data/jobs",
    ),
)  # fmt: skip

KINDS: dict[str, Kind] = {kind.cause: kind for kind in _KINDS}
CAUSES: tuple[str, ...] = tuple(KINDS)
"""Every cause the monitor looks at: what it reports, and what it may find to be over."""


def kind_of(measure: Measure) -> Kind:
    return KINDS[f"{measure.area}.{measure.name}"]
