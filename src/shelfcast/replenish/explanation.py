"""An order line in words, from its why fields alone: nothing is calculated again, so the words can't disagree with it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from shelfcast.replenish import reasons

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip

_STEP_WORDS = (
    ("step_unit", "whole units"),
    ("step_moq", "smallest order"),
    ("step_pack", "packs of {pack}"),
    ("step_cap", "{cap}"),
    ("step_truck", "source's minimum or truck"),
    ("step_capacity", "truck or dock is full"),
    ("step_fair_share", "shared with the other stores"),
    ("step_budget", "budget"),
    ("step_lock", "set by a planner"),
)
_CAPS = {
    "shelf_life_cap": "what sells within its shelf life",
    "max_stock": "what fits",
    "max_order": "largest order",
    "max_stock_blocks_moq": "what fits is less than the smallest order",
    "pack_over_capacity": "one pack is more than fits",
    "moq_over_shelf_life": "the smallest order is more than sells within its life",
    "keep_one_pack": "one pack kept",
}
_BLOCKS = ("max_stock_blocks_moq", "pack_over_capacity", "moq_over_shelf_life")
"""They say why a cap leaves nothing; the cap itself needs no words beside them."""
_COUNTED_OTHERWISE = {
    "r_Q": "in whole lots",
    "reorder_level": "at least the order quantity",
    "economic": "as many packs as pay",
    "time_phased": "the first lot of the cheapest plan",
}
"""Policies whose need isn't the gap to the target, in words."""
_TARGETS = {
    "cycle_service": "at {value} cycle service",
    "fill_rate": "at {value} fill rate",
    "economic": "at {value}, where cost is least",
    "class": "at {value}, the class default",
}


def explain(line: Mapping[str, Any]) -> str:
    """One line of `order_lines` as a sentence a planner can check.

    >>> explain({"qty": 0.0, "reasons": "no_stock_row", "binding_rule": "no_stock_row"})
    'No order: no stock is recorded for it.'
    """
    codes = [code for code in (line.get("reasons") or "").split(",") if code]
    notes = _notes(line, codes)
    binding = reasons.BY_CODE.get(line.get("binding_rule") or "")
    if binding is not None and binding.kind is reasons.ReasonKind.STOP:
        sentence = f"No order: {_sentence(binding, line)}"
        if binding.code in ("enough_stock", "above_reorder_point"):
            sentence += f": {_target(line)}; {_stock(line)}"
        return f"{sentence}{notes}."
    head = f"Order {_units(line.get('qty'))}" if (line.get("qty") or 0) > 0 else "No order"
    return f"{head}: {_target(line)}; {_stock(line)}; {_steps(line, codes)}{notes}."


def _target(line: Mapping[str, Any]) -> str:
    level = _units(line.get("order_up_to"))
    if line.get("window_from") is None or line.get("window_to") is None:
        return f"target {level}"
    words = _TARGETS.get(line.get("target_type") or "", "")
    value = line.get("target_value")
    share = "" if value is None else f"{100 * value:.1f}".rstrip("0").rstrip(".") + " %"
    at = f" {words.format(value=share)}" if words and share else ""
    floors = []
    if "pre_allocation" in (line.get("reasons") or ""):
        floors.append("what is allocated to a promotion's first day")
    if line.get("promo_units"):
        floors.append(f"{_units(line['promo_units'])} for a promotion")
    if "presentation_stock" in (line.get("reasons") or ""):
        floors.append(f"{_units(line.get('presentation'))} on the shelf")
    if (line.get("promo_demand") or 0.0) > 0:  # below zero: others' promotions, which the level has in it unsaid
        floors.append(f"{_units(line['promo_demand'])} of promotion demand")
    inside = f" (with {' and '.join(floors)})" if floors else ""
    days = "the season" if line.get("policy") == "newsvendor_once" else _span(line["window_from"], line["window_to"])
    return f"target {level}{inside} covers {days}{at}"


def _stock(line: Mapping[str, Any]) -> str:
    on_hand, blocked = line.get("on_hand") or 0.0, line.get("blocked") or 0.0
    usable = max(on_hand - blocked, 0.0)
    text = f"stock {_units(usable)}"
    if on_hand < 0:
        text += f" (book {_units(on_hand)})"
    elif blocked:
        text += f" ({_units(on_hand)} less {_units(blocked)} blocked)"
    if line.get("on_order_in_window"):
        text += f" + {_units(line['on_order_in_window'])} coming"
    if line.get("expected_waste"):
        text += f" - {_units(line['expected_waste'])} expected to expire"
    if line.get("backorders"):
        text += f" - {_units(line['backorders'])} owed"
    if text != f"stock {_units(usable)}":
        text += f" = {_units(line.get('inventory_position'))}"
    if line.get("on_order_later"):
        text += f" ({_units(line['on_order_later'])} more come after the window)"
    return text


def _steps(line: Mapping[str, Any], codes: list[str]) -> str:
    quantity = line.get("need") or 0.0
    parts = [f"need {_units(quantity)}{_more_or_less(line, quantity)}"]
    packs, total = line.get("packs"), line.get("qty") or 0.0
    pack = line.get("pack_size") or (total / packs if packs else 0.0)
    caps = [code for code in codes if code in _CAPS]
    cap = ", ".join(_CAPS[code] for code in [one for one in caps if one in _BLOCKS] or caps) or "a cap"
    for name, words in _STEP_WORDS:
        change = line.get(name) or 0.0
        if abs(change) < 1e-9:
            continue
        shown = _units(quantity)
        quantity += change
        if shown == _units(quantity):
            continue
        pack_words = words.format(pack=_units(pack), cap=cap) if pack or name != "step_pack" else "whole packs"
        parts.append(f"{pack_words} -> {_units(quantity)}")
    return "; ".join(parts)


def _more_or_less(line: Mapping[str, Any], need: float) -> str:
    """Why the need isn't target less stock: the policy counts otherwise, another source has its share, or part of a
    delivery doesn't arrive."""
    target, position = line.get("order_up_to"), line.get("inventory_position")
    if target is None or position is None or need <= 0.0:
        return ""
    short = target - position
    if short <= 0.0 or abs(short - need) <= 0.005 * need:
        return ""
    words = _COUNTED_OTHERWISE.get(line.get("policy") or "")
    if words:
        return f" ({_units(short)} short; {words})"
    share = line.get("supply_share") or 1.0
    parts = [f"{_units(short)} short"]
    if share < 1.0 - 1e-9:
        parts.append(f"{100 * share:.0f} % of it from here")
    if short * share < 0.995 * need:
        parts.append(f"{100 * short * share / need:.0f} % of what is ordered arrives")
    return f" ({'; '.join(parts)})"


def _notes(line: Mapping[str, Any], codes: list[str]) -> str:
    kinds = (reasons.ReasonKind.DATA, reasons.ReasonKind.NOTE)
    skipped = ("negative_stock_as_zero", "calendar_default")
    found = [reasons.BY_CODE[code] for code in codes if code in reasons.BY_CODE and code not in skipped]
    notes = [_sentence(one, line) for one in found if one.kind in kinds]
    lifted = [
        _sentence(one, line)
        for one in found
        if one.code in ("new_item", "phase_out", "sell_down", "min_stock", "zero_forecast")
    ]
    return "".join(f"; {note}" for note in [*lifted, *notes])


def _sentence(reason: reasons.Reason, line: Mapping[str, Any]) -> str:
    values = {
        name: _units(value) if isinstance(value, float) else _day(value) if isinstance(value, date) else value
        for name, value in line.items()
    }
    return reason.sentence.format_map(_Blank(values))


class _Blank(dict[str, Any]):
    """Names without a value are left out of the sentence rather than breaking it."""

    def __missing__(self, key: str) -> str:
        return "?"


def _units(value: Any) -> str:
    """A number of units as people write it: no trailing zeros, at most two decimals."""
    if value is None:
        return "?"
    return "0" if abs(value) < 0.005 else f"{value:,.2f}".rstrip("0").rstrip(".")


def _day(value: date) -> str:
    return f"{value.day} {MONTHS[value.month - 1]}"


def _span(first: date, last: date) -> str:
    if first == last:
        return _day(first)
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day}-{_day(last)}"
    return f"{_day(first)} - {_day(last)}"
