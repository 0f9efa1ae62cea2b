"""Faults of the feeds, planted in a day's exports: the shop is well, what it sends is not. For tests of alarms.

Lasting changes of demand itself (a new competitor, a level shift) are `DemandChange`s of the spec.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import polars as pl

from shelfcast.domain.errors import BadParameter
from shelfcast.sources.simulator.live_shop import ShopDay


def _price_feed_frozen(day: ShopDay) -> ShopDay:
    """No new prices are announced; the list stays as it was."""
    return replace(day, prices=day.prices.clear())


def _promotion_flag_lost(day: ShopDay) -> ShopDay:
    """No promotions are announced, although they will run."""
    return replace(day, promotions=day.promotions.clear())


def _stock_feed_broken(day: ShopDay) -> ShopDay:
    """Stock is reported as zero everywhere."""
    return replace(day, stock=day.stock.with_columns(pl.lit(0.0).alias("on_hand")))


def _stock_feed_missing(day: ShopDay) -> ShopDay:
    """No stock is reported."""
    return replace(day, stock=day.stock.clear())


def _clock_shift(day: ShopDay) -> ShopDay:
    """Tills ring up twelve hours late: evening sales fall on the next business day."""
    late = pl.col("occurred_at") + timedelta(hours=12)
    return replace(day, pos_events=day.pos_events.with_columns(late.alias("occurred_at")))


def _sales_doubled(day: ShopDay) -> ShopDay:
    """Sales are booked twice over."""
    return replace(day, sales=day.sales.with_columns(pl.col("units", "revenue") * 2))


def _sales_feed_missing(day: ShopDay) -> ShopDay:
    """No sales come in, by file or till."""
    return replace(day, sales=day.sales.clear(), pos_events=day.pos_events.clear())


FAULTS: dict[str, Callable[[ShopDay], ShopDay]] = {
    "price_feed_frozen": _price_feed_frozen,
    "promotion_flag_lost": _promotion_flag_lost,
    "stock_feed_broken": _stock_feed_broken,
    "stock_feed_missing": _stock_feed_missing,
    "clock_shift": _clock_shift,
    "sales_doubled": _sales_doubled,
    "sales_feed_missing": _sales_feed_missing,
}


def with_fault(day: ShopDay, fault: str) -> ShopDay:
    """The day's exports as they come with a fault. The truth stays true.

    Raises:
        BadParameter: no such fault.
    """
    if fault not in FAULTS:
        raise BadParameter.unknown("fault", fault, FAULTS)
    return FAULTS[fault](day)
