"""What shop to make."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any

from shelfcast.domain.errors import BadParameter

LAST_DAY = date(2026, 10, 31)
"""Default end of history: Diwali 2026 (8 November) and Thanksgiving fall into the four weeks after it."""


@dataclass(frozen=True)
class DemandChange:
    """A planted lasting change of demand, for tests of drift alarms: the category's demand times `factor` from a day on.

    `location_id` and `category` "*" stand for all.
    """

    first_day: date
    factor: float
    category: str = "*"
    location_id: str = "*"


@dataclass(frozen=True)
class ShopSpec:
    """Size, span and seed of a shop. The same spec gives the same shop, byte for byte."""

    stores: int = 10
    items: int = 200
    days: int = 1096
    seed: int = 7
    last_day: date = LAST_DAY
    event_days: int = 7
    """Days at the end for which till lines are written as well."""
    dirty_share: float = 0.002
    """Share of the rows of facts and plans that are planted errors."""
    stock_days: int = 56
    """Days of daily stock snapshots at the end (the last day always)."""
    delivery_days: int = 365
    """Days of goods received that are written."""
    future_days: int = 56
    """Days after the last one for which the truth goes on: plans are made, forecasts can be scored, a shop can be run on.
    Another number is another shop."""
    demand_changes: tuple[DemandChange, ...] = ()

    def __post_init__(self) -> None:
        for name, low, high in (
            ("stores", 1, 100_000),
            ("items", 1, 1_000_000),
            ("days", 7, 20_000),
            ("seed", 0, 2**31 - 1),
            ("event_days", 0, 20_000),
            ("stock_days", 1, 20_000),
            ("delivery_days", 1, 20_000),
            ("future_days", 28, 5_000),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise BadParameter(f"{name} is {value}; allowed: {low} to {high}. Choose a value in that range.")
        if not 0 <= self.dirty_share <= 0.2:
            raise BadParameter(
                f"the share of dirty rows is {self.dirty_share}; allowed: 0 to 0.2. 0.002 plants two in a thousand rows."
            )
        if not self.first_day.year >= 2000 or self.last_day.year > 2070:
            raise BadParameter(
                f"the shop would run from {self.first_day} to {self.last_day}; festivals are known from 2000 to 2070. "
                "Choose fewer days or another last day."
            )

    @property
    def first_day(self) -> date:
        return self.last_day - timedelta(days=self.days - 1)

    @property
    def first_event_day(self) -> int:
        """Day number from which till lines are written."""
        return max(0, self.days - self.event_days)

    @property
    def first_stock_day(self) -> int:
        """Day number from which stock snapshots are written."""
        return max(0, self.days - self.stock_days)

    @property
    def span(self) -> int:
        """Days of history and of the future after it."""
        return self.days + self.future_days

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for the truth's `shop.json`."""
        values = asdict(self)
        values["last_day"] = self.last_day.isoformat()
        values["first_day"] = self.first_day.isoformat()
        values["demand_changes"] = [
            {**change, "first_day": change["first_day"].isoformat()} for change in values["demand_changes"]
        ]
        return values
