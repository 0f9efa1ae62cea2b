"""Order days, delivery days, and the days an order has to protect.

An order placed after close of day t is delivered on the first open delivery day at least `lead_time_days` later and is on
the floor before opening. It has to last until the day before the delivery of the next order.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, timedelta
from typing import NamedTuple

from shelfcast.domain.errors import BadParameter
from shelfcast.replenish.formulas.checks import whole

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
SEARCH_DAYS = 732
"""How far ahead an open day is looked for."""


class OrderWindow(NamedTuple):
    """The next chance to order, the one after, their deliveries, and the days from tomorrow the order must last."""

    order_today: bool
    order_date: date
    delivery_date: date
    next_order_date: date
    next_delivery_date: date
    protection_days: int


def order_window(
    today: date,
    lead_time_days: int,
    order_days: Collection[str] = WEEKDAYS,
    delivery_days: Collection[str] = WEEKDAYS,
    closed_dates: Collection[date] = (),
    no_order_dates: Collection[date] = (),
    paired_deliveries: Mapping[date, date] | None = None,
) -> OrderWindow:
    """Order and delivery days around `today`.

    `closed_dates`: no goods are received. `no_order_dates`: the source takes no orders. `paired_deliveries`: fixed
    delivery of an order date, which overrides the rule. Empty weekday sets mean every day.

    >>> window = order_window(date(2026, 3, 6), 2, ["Mon", "Wed", "Fri"], ["Mon", "Tue", "Wed", "Thu", "Fri"])
    >>> window.delivery_date.isoformat(), window.next_delivery_date.isoformat(), window.protection_days
    ('2026-03-09', '2026-03-11', 4)
    """
    lead = whole("lead_time_days", lead_time_days)
    ordering, delivering = weekday_numbers(order_days), weekday_numbers(delivery_days)
    closed, no_order, paired = set(closed_dates), set(no_order_dates), dict(paired_deliveries or {})

    def delivery(order: date) -> date:
        return paired[order] if order in paired else _first(order + timedelta(lead), delivering, closed, "delivery")

    first = _first(today, ordering, no_order, "order")
    second = _first(first + timedelta(1), ordering, no_order, "order")
    next_delivery = delivery(second)
    return OrderWindow(
        first == today, first, delivery(first), second, next_delivery, max((next_delivery - today).days - 1, 0)
    )


def weekday_numbers(names: Collection[str]) -> frozenset[int]:
    """Weekday numbers (Monday 0) of names like Mon or monday; an empty set means every day.

    >>> sorted(weekday_numbers(["Fri", "monday"]))
    [0, 4]
    """
    numbers = {name: number for number, name in enumerate(WEEKDAYS)}
    found = set()
    for name in names:
        short = str(name).strip()[:3].title()
        if short not in numbers:
            raise BadParameter.unknown("weekday", name, WEEKDAYS, "Write the days of the order calendar like Mon,Thu.")
        found.add(numbers[short])
    return frozenset(found) if found else frozenset(range(7))


def _first(start: date, weekdays: frozenset[int], closed: set[date], what: str) -> date:
    for ahead in range(SEARCH_DAYS):
        day = start + timedelta(ahead)
        if day.weekday() in weekdays and day not in closed:
            return day
    raise BadParameter(f"no open {what} day within {SEARCH_DAYS} days of {start}; check weekdays and closed dates.")
