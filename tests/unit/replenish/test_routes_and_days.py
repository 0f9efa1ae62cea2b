"""Order days and deliveries of many routes at once, against the written rule for one."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from replenish_shop import CUTOFF, day, line, propose, rule, source, table

from shelfcast.replenish.calendar import WEEKDAYS, order_times, route_days
from shelfcast.replenish.formulas.order_calendar import order_window


@settings(max_examples=60, deadline=None)
@given(
    st.sets(st.sampled_from(WEEKDAYS), min_size=1), st.sets(st.sampled_from(WEEKDAYS), min_size=1), st.integers(0, 12),
    st.sets(st.integers(0, 20), max_size=5), st.integers(0, 6),
)  # fmt: skip
def test_many_routes_follow_the_rule_of_one(
    ordering: set[str], delivering: set[str], lead: int, closed: set[int], shift: int
) -> None:
    today = CUTOFF + timedelta(days=shift)
    calendar = table(
        "order_calendar",
        {
            "source_id": "A",
            "destination_id": "*",
            "order_weekdays": ",".join(sorted(ordering)),
            "delivery_weekdays": ",".join(sorted(delivering)),
        },
    )
    closed_days = [today + timedelta(days=offset) for offset in sorted(closed)]
    openings = table("openings", *[{"location_id": "S", "date": one, "open": False} for one in closed_days])
    routes = pl.DataFrame({"source_id": ["A"], "destination_id": ["S"]})
    days = route_days(routes, today, calendar, table("order_dates"), openings)
    times = order_times(days, np.array([0]), np.array([lead]), np.array([1]))
    rule_of_one = order_window(today, lead, ordering, delivering, closed_days)
    assert today + timedelta(days=int(times.order[0])) == rule_of_one.order_date
    assert today + timedelta(days=int(times.delivery[0])) == rule_of_one.delivery_date
    assert today + timedelta(days=int(times.next_order[0])) == rule_of_one.next_order_date
    # Where both orders would come the same day, the window still reaches a day further: an order must cover something.
    expected = max(rule_of_one.next_delivery_date, rule_of_one.delivery_date + timedelta(days=1))
    assert today + timedelta(days=int(times.next_delivery[0])) == expected


def test_the_published_calendar() -> None:
    """Friday; orders Monday, Wednesday, Friday; deliveries on weekdays; two days of lead time."""
    calendar = [
        {
            "source_id": "SUP",
            "destination_id": "*",
            "order_weekdays": "Mon,Wed,Fri",
            "delivery_weekdays": "Mon,Tue,Wed,Thu,Fri",
        }
    ]
    one = line(propose(order_calendar=calendar))
    assert (one["order_date"], one["delivery_date"], one["next_delivery_date"]) == (
        date(2026, 3, 6),
        date(2026, 3, 9),
        date(2026, 3, 11),
    )
    assert one["protection_days"] == 4
    assert "calendar_default" not in one["reasons"]


def test_the_calendar_of_a_destination_hides_that_of_all() -> None:
    calendar = [
        {"source_id": "SUP", "destination_id": "*", "order_weekdays": "Tue"},
        {"source_id": "SUP", "destination_id": "S1", "order_weekdays": "Fri"},
    ]
    assert line(propose(order_calendar=calendar))["order_date"] == CUTOFF


def test_exceptions_open_close_and_fix_days() -> None:
    calendar = [{"source_id": "SUP", "destination_id": "*", "order_weekdays": "Mon"}]
    extra = [{"source_id": "SUP", "destination_id": "*", "order_date": CUTOFF, "open": True}]
    assert line(propose(order_calendar=calendar, order_dates=extra))["qty"] > 0.0
    closed = [{"source_id": "SUP", "destination_id": "S1", "order_date": CUTOFF, "open": False}]
    assert line(propose(order_dates=closed))["order_date"] == day(1)
    paired = [{"source_id": "SUP", "destination_id": "*", "order_date": CUTOFF, "open": True, "delivery_date": day(6)}]
    assert line(propose(order_dates=paired))["delivery_date"] == day(6)


def test_a_review_period_skips_order_days() -> None:
    one = line(propose(rules=[rule("review_period_days", 7)]))
    assert one["protection_days"] == 2 + 7 - 1  # lead + R - 1


def test_a_lead_time_in_parts_of_a_day_is_rounded_up() -> None:
    assert line(propose(sourcing=[source(lead_time_days=1.2)]))["lead_time_days"] == 2.0
