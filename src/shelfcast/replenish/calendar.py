"""When orders can be placed and goods arrive: order day, delivery, protection window, for many routes at once.

The snapshot is taken after the close of day t; an order of day t is placed after that close, and goods are on the
floor before opening. So with o1 the first order day >= t and o2 the next one:

    delivery(o) = first open delivery day >= o + lead_time_days
    protection window = t + 1 ... delivery(o2) - 1        protection_days = delivery(o2) - t - 1
    cycle             = delivery(o1) ... delivery(o2) - 1
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cache

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shelfcast.domain.errors import BadInput
from shelfcast.replenish.keys import ALL

Flags = NDArray[np.bool_]
Integers = NDArray[np.int64]

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HORIZON_DAYS = 400
"""Days ahead in which order and delivery days are looked for; longer lead times are refused by name."""
NEVER = HORIZON_DAYS + 1


@dataclass(frozen=True)
class Times:
    """Days of a route's next two orders, counted from the cutoff (day 0); NEVER where there is none."""

    order: Integers
    delivery: Integers
    next_order: Integers
    next_delivery: Integers
    default_calendar: Flags

    @property
    def protection_days(self) -> Integers:
        """Days from tomorrow to the day before the next order's delivery."""
        return self.next_delivery - 1


@cache
def weekday_mask(text: str | None) -> Flags:
    """Which weekdays (Monday first) a list names; an empty list names all.

    >>> weekday_mask("Mon,Thu").tolist()
    [True, False, False, True, False, False, False]

    Raises:
        BadInput: a word isn't a weekday.
    """
    words = [word.strip() for word in (text or "").replace(";", ",").split(",") if word.strip()]
    if not words:
        return np.ones(7, dtype=np.bool_)
    mask = np.zeros(7, dtype=np.bool_)
    for word in words:
        short = word[:3].lower()
        if len(word) < 3 or short not in WEEKDAYS:
            raise BadInput(f"order calendar: {word!r} came, a weekday is needed (Mon,Tue,Wed,Thu,Fri,Sat,Sun).")
        mask[WEEKDAYS.index(short)] = True
    return mask


@dataclass(frozen=True)
class RouteDays:
    """Open days of routes (source, destination) from the cutoff on: arrays of shape (routes, HORIZON_DAYS).

    `fixed_delivery[r, o]` is the delivery day of an order of day o where one is fixed, else -1.
    """

    order_open: Flags
    delivery_open: Flags
    fixed_delivery: Integers
    default: Flags


def route_days(
    routes: pl.DataFrame,
    cutoff: date,
    order_calendar: pl.DataFrame,
    order_dates: pl.DataFrame,
    openings: pl.DataFrame,
) -> RouteDays:
    """Open days of each route (columns source_id, destination_id); `*` rows hold where no narrower row stands.

    A closed destination (`openings`) gets no goods; a row of `order_dates` with open = false closes the route for
    orders and deliveries that day, with open = true it opens it for orders, and a delivery date fixes the pair.
    """
    count = routes.height
    days = np.arange(HORIZON_DAYS)
    weekday = (cutoff.weekday() + days) % 7
    order_open = np.ones((count, HORIZON_DAYS), dtype=np.bool_)
    delivery_open = np.ones((count, HORIZON_DAYS), dtype=np.bool_)
    fixed = np.full((count, HORIZON_DAYS), -1, dtype=np.int64)
    default = np.ones(count, dtype=np.bool_)
    pairs = list(routes.select("source_id", "destination_id").iter_rows())
    calendars = {
        (row["source_id"], row["destination_id"]): row
        for row in order_calendar.sort("source_id", "destination_id").iter_rows(named=True)
    }
    exceptions: dict[tuple[str, str], list[dict]] = {}
    for row in order_dates.sort("source_id", "destination_id", "order_date").iter_rows(named=True):
        exceptions.setdefault((row["source_id"], row["destination_id"]), []).append(row)
    closed: dict[str, list[int]] = {}
    for location, day in openings.filter(~pl.col("open")).select("location_id", "date").iter_rows():
        closed.setdefault(location, []).append((day - cutoff).days)
    for index, (source, destination) in enumerate(pairs):
        scopes = ((source, destination), (source, ALL), (ALL, destination), (ALL, ALL))
        found = next((calendars[scope] for scope in scopes if scope in calendars), None)
        if found is not None:
            default[index] = False
            order_open[index] = weekday_mask(found["order_weekdays"])[weekday]
            delivery_open[index] = weekday_mask(found["delivery_weekdays"])[weekday]
        for scope in reversed(scopes):
            for row in exceptions.get(scope, ()):
                _apply(row, (row["order_date"] - cutoff).days, cutoff, index, order_open, delivery_open, fixed)
        for day in closed.get(destination, ()):
            if 0 <= day < HORIZON_DAYS:
                delivery_open[index, day] = False
    return RouteDays(order_open, delivery_open, fixed, default)


def _apply(
    row: dict, day: int, cutoff: date, index: int, order_open: Flags, delivery_open: Flags, fixed: Integers
) -> None:
    if not 0 <= day < HORIZON_DAYS:
        return
    order_open[index, day] = row["open"]
    if not row["open"]:
        delivery_open[index, day] = False
    elif row["delivery_date"] is not None:
        fixed[index, day] = (row["delivery_date"] - cutoff).days


def next_true(flags: Flags) -> Integers:
    """For each day the first day at or after it whose flag is set, NEVER if none: shape (routes, HORIZON_DAYS + 1)."""
    routes, days = flags.shape
    place = np.full((routes, days + 1), NEVER, dtype=np.int64)
    place[:, :days] = np.where(flags, np.arange(days), NEVER)
    return np.minimum.accumulate(place[:, ::-1], axis=1)[:, ::-1]


def order_times(days: RouteDays, route: Integers, lead_time_days: Integers, review_period_days: Integers) -> Times:
    """The next two orders of each line on its route.

    Args:
        route: row of `days` for each line.
        lead_time_days: calendar days from the order to goods on the floor.
        review_period_days: least days between the two orders (1 = every order day).
    """
    next_order, next_delivery = next_true(days.order_open), next_true(days.delivery_open)

    def deliver(order: Integers) -> Integers:
        known = order < HORIZON_DAYS
        place = np.where(known, order, 0)
        due = np.minimum(place + lead_time_days, HORIZON_DAYS)
        fixed = days.fixed_delivery[route, place]
        return np.where(known, np.where(fixed >= 0, fixed, next_delivery[route, due]), NEVER)

    first = next_order[route, 0]
    after = np.minimum(first + np.maximum(review_period_days, 1), HORIZON_DAYS)
    second = next_order[route, after]
    delivery, following = deliver(first), deliver(second)
    # A fixed pair may deliver the second order no later than the first; the window then still ends a day after it.
    following = np.where(following < NEVER, np.maximum(following, delivery + 1), NEVER)
    return Times(first, delivery, second, following, days.default[route])


def to_dates(cutoff: date, days: Integers) -> pl.Series:
    """Days counted from the cutoff as dates; null for NEVER."""
    start = np.datetime64(cutoff, "D")
    dates = pl.Series((start + np.where(days < NEVER, days, 0)).astype("datetime64[D]")).cast(pl.Date)
    return dates.set(pl.Series(days >= NEVER), None)
