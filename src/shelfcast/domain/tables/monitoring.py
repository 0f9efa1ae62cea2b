"""Tables of the monitor: what it measures each day, and the sums it measures forecasts by."""

from __future__ import annotations

from shelfcast.domain.tables.results import RUN
from shelfcast.domain.tables.schema import Column, Kind, Table, Zone, day, flag, integer, real, text

STATES = ("ok", "watch", "open")
DATE = day("date", "Last business date looked at", required=True)


def _measure_columns(*, volatile: bool) -> tuple[Column, ...]:
    return (
        DATE,
        text("area", "data, forecast, decision or system", required=True, allowed=("data", "forecast", "decision", "system")),
        text("measure", "What is measured, such as wape or freshness", required=True),
        text("subject", "What it is measured on: all, location=S01, category=fresh, a table, a feature, a step", required=True),
        real("value", "What was measured", volatile=volatile),
        real("expected", "What is usual, or was promised", volatile=volatile),
        real("threshold", "Beyond this the day counts against the measure", volatile=volatile),
        flag("beyond", "The value is beyond its threshold", volatile=volatile),
        flag("calm", "The value is well inside its threshold: near enough to what is expected to close a finding", volatile=volatile),
        text("state", "ok, watch (beyond, not often enough yet) or open (a finding)", allowed=STATES, volatile=volatile),
        day("opened_on", "Day the finding opened; null unless open", volatile=volatile),
        text("reason", "Why the threshold is what it is", volatile=volatile),
        text("says", "The sentence a person reads", volatile=volatile),
        text("moved_with", "Features and segments that moved at the same time; empty unless open", default="", volatile=volatile),
        RUN,
    )  # fmt: skip


MONITOR_MEASURES = Table(
    "monitor_measures", Zone.RESULTS, Kind.RESULT,
    "Each day's measures of data, forecasts and decisions, with what was expected, the threshold and its reason",
    ("date", "area", "measure", "subject"), _measure_columns(volatile=False), partition="date",
)  # fmt: skip

SYSTEM_MEASURES = Table(
    "system_measures", Zone.RESULTS, Kind.RESULT,
    "Each day's measures of the system itself: duration, memory, cost, queue. Clocks decide them, so they are volatile",
    ("date", "area", "measure", "subject"), _measure_columns(volatile=True), partition="date",
)  # fmt: skip

FORECAST_SUMS = Table(
    "forecast_sums", Zone.RESULTS, Kind.RESULT,
    "How the forecasts of a day did, summed by segment and horizon, so that any span of days can be scored by adding up",
    ("date", "segment", "band"),
    (
        day("date", "Day forecast", required=True),
        text("segment", "all, location=..., category=..., demand=...", required=True),
        text("band", "Periods ahead: 1-7 or 8-28", required=True),
        integer("cells", "Series x forecasts scored; days on which stock ran out don't count"),
        integer("series", "Series scored"),
        real("units", "Units sold in those cells", unit="stock unit"),
        real("mean", "Expected units", unit="stock unit"),
        real("absolute_error", "Sum of |units - median|", unit="stock unit"),
        real("promised_error", "The same sum as the forecasts' own distributions promised it", unit="stock unit"),
        real("pinball", "Sum of quantile losses (factor 2, mean over levels 0.1 to 0.9)", unit="stock unit"),
        real("promised_pinball", "The same as promised", unit="stock unit"),
        integer("inside_80", "Cells inside the 80 % interval, ends included"),
        real("baseline_error", "Sum of |units - median| of the baseline on the same cells", unit="stock unit"),
        real("wanted", "Demand in all cells: sales, and recovered demand on days on which stock ran out", unit="stock unit"),
        real("wanted_mean", "Expected units in all of them", unit="stock unit"),
        integer("planner_cells", "Cells a planner had overridden"),
        real("planner_error", "Sum of |units - mean| of the planners' values there", unit="stock unit"),
        real("planner_model_error", "The same of the model there", unit="stock unit"),
        RUN,
    ),
    partition="date",
)  # fmt: skip

TABLES = (MONITOR_MEASURES, SYSTEM_MEASURES, FORECAST_SUMS)
