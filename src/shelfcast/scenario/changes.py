"""What a scenario changes: prices, promotions, events, weather, listing, on some items, locations and days.

A change becomes rows of the same tables a retailer's plans come in, known at the end of the cutoff and so newer than any
plan in the lake. The forecast then reads them as it reads plans: the scenario's run is the real run on another future.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
import polars as pl

from shelfcast.domain.errors import BadParameter
from shelfcast.domain.tables import Table, curated

KINDS = ("price", "promotion", "event", "weather", "delist")
EVERYTHING = "*"


@dataclass(frozen=True)
class Change:
    """One change. Which fields count depends on the kind.

    price: `share` (-0.15 = 15 % cheaper) or `price`; promotion: `promotion_type`, `discount_share`, `display_share`;
    event: `event`; weather: `temperature_c` (added), `precipitation_mm` (instead); delist: nothing more.
    """

    kind: str
    first: date
    last: date
    share: float | None = None
    price: float | None = None
    promotion_type: str = "price"
    discount_share: float = 0.0
    display_share: float = 0.0
    event: str = ""
    temperature_c: float | None = None
    precipitation_mm: float | None = None

    def check(self, first: date, last: date) -> None:
        """
        Raises:
            BadParameter: days outside the horizon, or fields that say nothing.
        """
        if self.kind not in KINDS:
            raise BadParameter.unknown("change", self.kind, KINDS)
        if self.last < self.first:
            raise BadParameter(f"the {self.kind} change ends on {self.last}, before it begins on {self.first}.")
        if self.last < first or self.first > last:
            raise BadParameter(
                f"the {self.kind} change is for {self.first} to {self.last}; the forecast reaches from {first} to {last}. "
                "Choose days inside."
            )
        if self.kind == "price" and (self.share is None) == (self.price is None):
            raise BadParameter("a price change needs either share (-0.15 = 15 % cheaper) or price.")
        if self.kind == "price" and (
            (self.share is not None and self.share <= -1) or (self.price is not None and self.price <= 0)
        ):
            raise BadParameter("the changed price must stay above 0.")
        if self.kind == "event" and not self.event:
            raise BadParameter("an event change needs the event's name.")
        if self.kind == "weather" and self.temperature_c is None and self.precipitation_mm is None:
            raise BadParameter("a weather change needs temperature_c (degrees to add) or precipitation_mm.")

    @property
    def depth(self) -> float | None:
        """The price change as a share, where one is part of it: -0.15 = 15 % cheaper."""
        if self.kind == "promotion":
            return -self.discount_share if self.discount_share else None
        return self.share if self.kind == "price" else None


def price_rows(
    keys: pl.DataFrame, plan: pl.DataFrame, change: Change, share: float | None, known_at: datetime
) -> pl.DataFrame:
    """Rows of `prices` that hold the changed price from the first to the last day, and the planned one afterwards.

    Args:
        keys: item_id, location_id of the series.
        plan: their rows of `prices` as known at the cutoff.
        share: change against the planned price; None = the change's fixed price.
    """
    rows = plan.join(keys, on=["item_id", "location_id"], how="semi").sort("item_id", "location_id", "valid_from")
    made: list[dict[str, object]] = []
    after = change.last + timedelta(days=1)
    for (item, place), part in rows.group_by("item_id", "location_id", maintain_order=True):
        starts, prices = part["valid_from"].to_list(), part["price"].to_list()

        def at(day: date, starts: list[date] = starts, prices: list[float] = prices) -> float | None:
            before = [number for number, start in enumerate(starts) if start <= day]
            return prices[before[-1]] if before else None

        points = [change.first, *(start for start in starts if change.first < start <= change.last)]
        for day in points:
            planned = at(day)
            if planned is None:
                continue
            new = change.price if share is None else planned * (1.0 + share)
            made.append(
                {"item_id": item, "location_id": place, "valid_from": day, "price": new, "regular_price": planned}
            )
        planned = at(after)
        if planned is not None and after not in starts:
            made.append(
                {"item_id": item, "location_id": place, "valid_from": after, "price": planned, "regular_price": planned}
            )
    return _known(curated.PRICES, made, known_at)


def promotion_rows(keys: pl.DataFrame, change: Change, known_at: datetime, name: str) -> pl.DataFrame:
    """A row of `promotions` for each series."""
    return _known(
        curated.PROMOTIONS,
        [
            {
                "promotion_id": name, "item_id": item, "location_id": place, "first_date": change.first,
                "last_date": change.last, "promotion_type": change.promotion_type, "discount_share": change.discount_share,
                "display_share": change.display_share,
            }
            for item, place in keys.select("item_id", "location_id").iter_rows()
        ],
        known_at,
    )  # fmt: skip


def event_rows(locations: Sequence[str], change: Change, event_type: str, known_at: datetime) -> pl.DataFrame:
    """A row of `calendar_events` for each location and day."""
    return _known(
        curated.CALENDAR_EVENTS,
        [
            {"event": change.event, "event_type": event_type, "scope": "location", "scope_value": place, "date": day}
            for place in sorted(set(locations))
            for day in days_of(change)
        ],
        known_at,
    )


def weather_rows(locations: Sequence[str], expected: pl.DataFrame, change: Change, known_at: datetime) -> pl.DataFrame:
    """Rows of `weather` that suppose the changed values: no forecasts, the scenario takes them for certain.

    Args:
        expected: location_id, date, temperature_c, normal_c of each location and day of the change; temperature_c is null
            where nobody forecast the day, which then is taken to be normal.
    """
    made: list[dict[str, object]] = []
    mine = expected.filter(
        pl.col("location_id").is_in(sorted(set(locations))) & pl.col("date").is_between(change.first, change.last)
    )
    for row in mine.sort("location_id", "date").iter_rows(named=True):
        base = row["temperature_c"] if row["temperature_c"] is not None else row["normal_c"]
        warmer = change.temperature_c is not None and base is not None
        made.append(
            {
                "location_id": row["location_id"],
                "date": row["date"],
                "temperature_c": float(base) + float(change.temperature_c or 0.0) if warmer else None,
                "precipitation_mm": change.precipitation_mm,
                "is_forecast": False,
            }
        )
    return _known(curated.WEATHER, made, known_at)


def days_of(change: Change) -> list[date]:
    return [change.first + timedelta(days=number) for number in range((change.last - change.first).days + 1)]


def changed_days(changes: Sequence[Change], days: Sequence[date]) -> np.ndarray:
    """True for each day any change is about."""
    return np.array([any(one.first <= day <= one.last for one in changes) for day in days], dtype=np.bool_)


def _known(table: Table, rows: list[dict[str, object]], known_at: datetime) -> pl.DataFrame:
    if not rows:
        return table.empty()
    schema = {name: table.column(name).type.polars for name in rows[0]}
    return table.conform(pl.DataFrame(rows, schema=schema).with_columns(pl.lit(known_at).alias("known_at")))
