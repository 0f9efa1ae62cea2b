"""What is planted in the simulated year: faults of feeds, of the machine and of the trade, and which alarms would be right."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta

from shelfcast.sources.simulator.spec import DemandChange

LINGER_DAYS = 28
"""Nights after a fault in which an alarm is still about it: four weeks is the longest span a measure looks back on."""
LASTING_DAYS = 60
"""The same of a lasting change of demand."""
FEED = ("data.", "quality.", "load.refused", "source.down")
ANY_DRIFT = ("data.", "forecast.", "decision.", "quality.")


@dataclass(frozen=True)
class Planted:
    """Something that goes wrong from the night of day `first` to that of day `last` of the year (counted from 0)."""

    name: str
    kind: str
    first: int
    last: int
    alarms: tuple[str, ...] = ()
    """Beginnings of the causes that would be right; empty: nobody need be called."""
    detail: str = ""
    """Of the kind: a fault of the simulator's list, the step to kill at, a category."""

    @property
    def lasting(self) -> bool:
        return self.kind == "demand"

    def holds(self, day: int) -> bool:
        return self.first <= day <= self.last

    def explains(self, cause: str, day: int) -> bool:
        """Whether an alarm of that cause opened on that night is about it."""
        linger = LASTING_DAYS if self.lasting else LINGER_DAYS
        return self.first <= day <= self.last + linger and cause.startswith(self.alarms) if self.alarms else False


def plan(category: str, location: str, days: int = 365) -> tuple[Planted, ...]:
    """The year's faults; in a shorter run the same faults come closer together, each as long as it is, the longest shorter."""
    scale = days / 365
    found = []
    for one in _of_a_year(category, location):
        first = round(one.first * scale)
        found.append(
            replace(
                one, first=first, last=first + min(one.last - one.first, max(3, round((one.last - one.first) * scale)))
            )
        )
    return tuple(found)


def _of_a_year(category: str, location: str) -> tuple[Planted, ...]:
    return (
        Planted("killed while it builds features", "kill", 12, 12, detail="features"),
        Planted("stock feed says zero everywhere", "feed", 30, 31, ("data.", "decision.", "quality."), "stock_feed_broken"),
        Planted("killed while it forecasts", "kill", 45, 45, detail="forecast"),
        Planted("sales come two nights late", "late", 60, 61, ("data.freshness", "data.volume", "quality.", "forecast.")),
        Planted("killed while it plans orders", "kill", 75, 75, detail="replenish"),
        Planted("price feed frozen", "feed", 88, 108, ANY_DRIFT, "price_feed_frozen"),
        Planted("promotions are no longer announced", "feed", 140, 165, ANY_DRIFT, "promotion_flag_lost"),
        Planted(f"a new competitor: {location} sells 25 % less", "demand", 195, 195, ANY_DRIFT, location),
        Planted("no worker for two days", "down", 222, 223, ("schedule.missed", "system.queue")),
        Planted("killed while it watches", "kill", 230, 230, detail="monitor"),
        Planted(f"{category} sells 30 % less", "demand", 240, 240, ANY_DRIFT, category),
        Planted("the ERP's door is shut", "erp", 275, 276, ("erp.delivery", "job.failed", "decision.", "schedule.missed")),
        Planted("the clock of the tills is twelve hours late", "feed", 290, 292, ("data.", "quality."), "clock_shift"),
        Planted("a damaged sales file", "damaged", 305, 305, FEED),
        Planted("sales are booked twice", "feed", 318, 319, ANY_DRIFT, "sales_doubled"),
        Planted("killed while it checks the data", "kill", 330, 330, detail="quality"),
        Planted("every file comes twice", "twice", 340, 341),
        Planted("stock is not reported", "feed", 350, 352, ("data.", "quality."), "stock_feed_missing"),
    )  # fmt: skip


def demand_changes(first_day: date, category: str, location: str, days: int = 365) -> tuple[DemandChange, ...]:
    """The lasting changes of the plan, for the simulator."""
    found = []
    for one in plan(category, location, days):
        if one.lasting:
            day = first_day + timedelta(days=one.first)
            place = one.detail == location
            found.append(
                DemandChange(day, 0.75 if place else 0.7, "*" if place else category, location if place else "*")
            )
    return tuple(found)
