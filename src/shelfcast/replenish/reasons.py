"""The closed list of reason codes: what each means, as a sentence, and what kind it is.

The order of the list is the order of the rules, so a line's reasons, kept as a bit each, read in order of effect.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shelfcast.replenish.keys import ranked


class ReasonKind(StrEnum):
    """What a reason does to a line."""

    DATA = "data"
    """Something about the inputs the planner should know."""
    LEVEL = "level"
    """It set the target or the need."""
    STEP = "step"
    """It changed the quantity."""
    STOP = "stop"
    """Nothing is ordered because of it."""
    NOTE = "note"
    """It decides nothing; it explains the status."""


@dataclass(frozen=True)
class Reason:
    """`sentence` is a template over the fields of an order line."""

    code: str
    kind: ReasonKind
    sentence: str


_D, _L, _S, _X, _N = ReasonKind.DATA, ReasonKind.LEVEL, ReasonKind.STEP, ReasonKind.STOP, ReasonKind.NOTE

REASONS: tuple[Reason, ...] = (
    # inputs
    Reason("quarantined_input", _X, "a row of its input was quarantined"),
    Reason("no_stock_row", _X, "no stock is recorded for it"),
    Reason("stale_snapshot", _D, "the stock snapshot is old"),
    Reason("negative_stock_as_zero", _D, "book stock {on_hand} counts as 0"),
    Reason("age_estimated", _D, "the age of the stock was estimated from receipts"),
    Reason("overdue_order", _D, "an open order is overdue"),
    Reason("lead_time_default", _D, "the lead time is a default"),
    Reason("calendar_default", _D, "no order calendar: every day is taken as open"),
    Reason("pack_default", _D, "a pack or minimum order that can't be was replaced by its default"),
    Reason("assumed_terms", _D, "terms of supply were assumed, not given by the retailer"),
    Reason("no_forecast", _D, "no forecast: the mean of the last days in stock was used"),
    Reason("forecast_repeated", _D, "the forecast ends before the window: its last week was repeated"),
    Reason("absurd_tail", _D, "the forecast's far tail can't be believed: its spread was capped"),
    Reason("censored_forecast", _D, "the forecast rests on history cut off by stock-outs"),
    Reason("clamped", _D, "the target lies outside the levels the forecast gave"),
    Reason("lead_time_order_crossing", _D, "deliveries may overtake each other: lead time varies by more than the review period"),
    # stops
    Reason("blocked", _X, "the item is blocked here"),
    Reason("discontinued", _X, "the item is discontinued"),
    Reason("not_started", _X, "a delivery would come before the item starts"),
    Reason("ended", _X, "a delivery would come after the item ends"),
    Reason("no_source", _X, "there is no source for it"),
    Reason("no_lead_time", _X, "no lead time is known"),
    Reason("same_day_refused", _X, "a lead time of 0 days is refused unless same-day delivery is allowed"),
    Reason("season_ordered", _X, "the one order of its season has been placed"),
    Reason("no_delivery_day", _X, "no day is open for its delivery"),
    Reason("not_order_day", _X, "{source_id} takes no order today; the next order day is {order_date}"),
    # levels
    Reason("zero_forecast", _L, "no demand is expected"),
    Reason("new_item", _L, "the item is new: the spread is widened"),
    Reason("phase_out", _L, "the item ends: only demand until its end is covered"),
    Reason("presentation_stock", _L, "the shelf needs {presentation} to look right"),
    Reason("promotion_build_up", _L, "{promo_units} for a promotion"),
    Reason("pre_allocation", _L, "units are allocated to the first day of a promotion"),
    Reason("sell_down", _L, "a promotion ends: little is to be left of it"),
    Reason("min_stock", _L, "a minimum stock is set by hand"),
    Reason("above_reorder_point", _X, "the position is above the reorder point"),
    Reason("enough_stock", _X, "the position covers the target"),
    Reason("below_target", _L, "the position is below the target"),
    # steps
    Reason("moq", _S, "raised to the smallest order"),
    Reason("pack_round_up", _S, "rounded up to packs"),
    Reason("layer_round_up", _S, "filled up to whole layers or pallets"),
    Reason("pack_round_down", _S, "rounded down: too little of the last pack was needed"),
    Reason("shelf_life_cap", _S, "cut to what sells within its shelf life"),
    Reason("max_stock", _S, "cut to what fits"),
    Reason("max_order", _S, "cut to the largest order"),
    Reason("max_stock_blocks_moq", _S, "what fits is less than the smallest order"),
    Reason("pack_over_capacity", _S, "one pack is more than fits"),
    Reason("moq_over_shelf_life", _S, "the smallest order is more than sells within its shelf life"),
    Reason("keep_one_pack", _S, "one pack is kept because a stock-out is likely"),
    Reason("truck_top_up", _S, "topped up to the source's minimum or the truck"),
    Reason("supplier_min_hold", _N, "held: the order is under the source's minimum and can wait"),
    Reason("supplier_min_not_reached", _N, "the order is under the source's minimum but can't wait"),
    Reason("truck_cut", _S, "cut: the truck or dock is full"),
    Reason("moved_later", _N, "moved to {delivery_date}: the day is full"),
    Reason("fair_share", _S, "cut: {source_id} does not have enough for all"),
    Reason("budget_cut", _S, "cut by the budget"),
    Reason("planner_lock", _S, "set by a planner"),
    Reason("back_room", _N, "more than the shelf holds: some goes to the back room"),
    Reason("lock_expired", _N, "a planner's lock has expired"),
    # approval
    Reason("over_value_limit", _N, "its value needs a person's approval"),
    Reason("unusual_quantity", _N, "it is far above the usual order"),
)  # fmt: skip

BY_CODE: dict[str, Reason] = {reason.code: reason for reason in REASONS}
BIT: dict[str, int] = {reason.code: 1 << position for position, reason in enumerate(REASONS)}
assert len(REASONS) <= 62, "reasons are kept as bits of a signed 64-bit number"

Mask = NDArray[np.int64]


def mask_of(kinds: tuple[ReasonKind, ...]) -> int:
    """Bits of all reasons of some kinds."""
    return sum(BIT[reason.code] for reason in REASONS if reason.kind in kinds)


STOPS = mask_of((ReasonKind.STOP,))
CHANGES = mask_of((ReasonKind.STEP,))
WELL_STOCKED = BIT["enough_stock"] | BIT["above_reorder_point"]
"""Stops that mean nothing is needed, not that nothing may be ordered: a top-up or a planner may still order."""


def codes(mask: int) -> list[str]:
    """Codes of a mask, in order of effect.

    >>> codes(BIT["pack_round_up"] | BIT["moq"])
    ['moq', 'pack_round_up']
    """
    return [reason.code for position, reason in enumerate(REASONS) if mask >> position & 1]


def add(mask: Mask, code: str, where: NDArray[np.bool_]) -> None:
    """Give the lines of `where` one more reason, in place."""
    mask[where] |= BIT[code]


def to_text(mask: Mask, kinds: tuple[ReasonKind, ...] = tuple(ReasonKind)) -> pl.Series:
    """Codes of each line joined by commas, in order of effect."""
    masks, inverse = ranked(mask & mask_of(kinds))
    texts = pl.Series([",".join(codes(int(one))) for one in masks], dtype=pl.String)
    return texts.gather(pl.Series(inverse.astype(np.uint32)))


def binding(mask: Mask) -> pl.Series:
    """The rule that decided the quantity: what stopped the line, else the last step that changed it, else what set
    the level."""
    masks, inverse = ranked(mask)
    texts = pl.Series([_binding_code(int(one)) for one in masks], dtype=pl.String)
    return texts.gather(pl.Series(inverse.astype(np.uint32)))


def _binding_code(mask: int) -> str:
    forbidden = codes(mask & STOPS & ~WELL_STOCKED)
    if forbidden:
        return forbidden[0]
    levels = mask_of((ReasonKind.LEVEL,)) & ~BIT["below_target"]
    for kinds in (CHANGES, WELL_STOCKED, levels, BIT["below_target"]):
        found = codes(mask & kinds)
        if found:
            return found[-1]
    return ""
