"""Order and delivery days, and the window an order protects."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelfcast.domain.errors import BadParameter
from shelfcast.replenish.formulas.order_calendar import WEEKDAYS, order_window

FRIDAY = date(2026, 3, 6)


def test_every_day_and_a_lead_time_of_l_days_protects_l_days() -> None:
    for lead in (1, 2, 5):
        assert order_window(FRIDAY, lead).protection_days == lead


def test_a_weekly_order_protects_lead_time_plus_six_days() -> None:
    assert order_window(FRIDAY, 2, ["Fri"]).protection_days == 2 + 7 - 1


def test_no_order_today_looks_ahead_to_the_next_order_day() -> None:
    window = order_window(FRIDAY, 1, ["Mon", "Thu"])
    assert (window.order_today, window.order_date, window.next_order_date) == (
        False, date(2026, 3, 9), date(2026, 3, 12),
    )  # fmt: skip


def test_a_closed_day_moves_the_delivery_and_not_the_order() -> None:
    monday = date(2026, 3, 9)
    window = order_window(FRIDAY, 3, ["Mon", "Fri"], closed_dates=[monday])
    assert window.delivery_date == monday + timedelta(1)
    assert window.next_order_date == monday


def test_a_day_without_orders_is_skipped_and_a_paired_delivery_wins() -> None:
    monday = date(2026, 3, 9)
    window = order_window(
        FRIDAY, 1, ["Mon", "Fri"], no_order_dates=[monday], paired_deliveries={FRIDAY: date(2026, 3, 20)}
    )
    assert window.next_order_date == date(2026, 3, 13)
    assert window.delivery_date == date(2026, 3, 20)


@given(
    st.dates(date(2024, 1, 1), date(2030, 1, 1)),
    st.integers(0, 20),
    st.sets(st.sampled_from(WEEKDAYS), min_size=1),
    st.sets(st.sampled_from(WEEKDAYS), min_size=1),
)
def test_days_follow_each_other_and_lie_on_open_weekdays(today, lead, ordering, delivering) -> None:  # type: ignore[no-untyped-def]
    window = order_window(today, lead, ordering, delivering)
    assert today <= window.order_date < window.next_order_date
    assert window.order_date + timedelta(lead) <= window.delivery_date <= window.next_delivery_date
    assert WEEKDAYS[window.delivery_date.weekday()] in delivering
    assert WEEKDAYS[window.next_order_date.weekday()] in ordering
    assert window.protection_days == max((window.next_delivery_date - today).days - 1, 0)


def test_a_weekday_nobody_knows_is_refused() -> None:
    with pytest.raises(BadParameter, match="weekday 'Xyz' is unknown"):
        order_window(FRIDAY, 1, ["Xyz"])
    with pytest.raises(BadParameter, match="no open delivery day"):
        order_window(FRIDAY, 1, closed_dates=[FRIDAY + timedelta(n) for n in range(800)])
