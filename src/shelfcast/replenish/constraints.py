"""What the terms do to a need: whole units, smallest order, packs, caps. Each step keeps what it changed.

need + step_unit + step_moq + step_pack + step_cap = quantity
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shelfcast.replenish import reasons

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

EPSILON = 1e-6
"""Part of a pack or unit below which a quantity counts as whole."""


@dataclass(frozen=True)
class Terms:
    """What an order of each line must obey, in stock units; NaN where there is no limit."""

    unit_step: Floats
    moq: Floats
    pack: Floats
    pack_round_threshold: Floats
    max_order: Floats
    always_up: Flags
    layers: tuple[tuple[Floats, Floats], ...] = ()
    """(units of a layer or pallet, smallest share of the last one from which it is filled; NaN: never), smallest first."""
    """Policies in packs: the last pack is always bought."""


@dataclass(frozen=True)
class Caps:
    """Most units each cap leaves room for; NaN where it doesn't apply."""

    shelf_life: Floats
    max_stock: Floats
    largest_stock: Floats
    """What fits in all, stock included."""
    keep_one_pack: Flags
    """Where a cap leaves nothing, keep one pack."""
    buy_moq_anyway: Flags
    """Where shelf life leaves less than the smallest order, that order still pays."""


@dataclass(frozen=True)
class Steps:
    """Signed units of each step, and the quantity they lead to."""

    unit: Floats
    moq: Floats
    pack: Floats
    cap: Floats
    quantity: Floats


def whole_units(quantity: Floats, unit_step: Floats) -> Floats:
    """Rounded up to the smallest sellable amount.

    >>> whole_units(np.array([19.5, 0.0, 1.2341]), np.array([1.0, 1.0, 0.001]))
    array([20.   ,  0.   ,  1.235])
    """
    return _tidy(np.ceil(quantity / unit_step - EPSILON) * unit_step)


def to_packs(quantity: Floats, terms: Terms) -> Floats:
    """Whole packs: up, or down where too little of the last pack is needed and at least one pack and the smallest order
    remain."""
    packs = quantity / terms.pack
    full = np.floor(packs + EPSILON)
    part = packs - full
    stays = (full >= 1.0) & (full * terms.pack >= terms.moq - EPSILON)
    down = (part < terms.pack_round_threshold - EPSILON) & stays & ~terms.always_up
    rounded = np.where((part > EPSILON) & ~down, full + 1.0, full)
    return np.where(quantity > 0.0, _tidy(rounded * terms.pack), 0.0)


def to_layers(quantity: Floats, terms: Terms) -> Floats:
    """Whole layers, then whole pallets, where enough of the last one is ordered; always whole packs.

    >>> some = Terms(*(np.array([x]) for x in (1.0, 0.0, 6.0, 0.0, np.nan, False)), ((np.array([30.0]), np.array([0.7])),))
    >>> to_layers(np.array([24.0]), some)
    array([30.])
    """
    for size, least in terms.layers:
        usable = (size > 0.0) & np.isfinite(least) & (quantity > 0.0)
        units = np.where(usable, size, 1.0)
        full = np.floor(quantity / units + EPSILON)
        part = quantity / units - full
        filled = np.ceil((full + 1.0) * units / terms.pack - EPSILON) * terms.pack
        quantity = np.where(usable & (part > EPSILON) & (part >= least - EPSILON), _tidy(filled), quantity)
    return quantity


def down_to_packs(quantity: Floats, pack: Floats) -> Floats:
    """Whole packs not above a quantity."""
    return _tidy(np.floor(np.maximum(quantity, 0.0) / pack + EPSILON) * pack)


def smallest_order(terms: Terms) -> Floats:
    """The least units an order of the line can have: the smallest order in whole packs, at least a pack."""
    return _tidy(np.maximum(np.ceil(terms.moq / terms.pack - EPSILON), 1.0) * terms.pack)


def _tidy(quantity: Floats) -> Floats:
    """Without the last digits that multiplying by 0.001 leaves."""
    return np.round(quantity, 6) + 0.0  # and without -0


def apply_terms(need: Floats, terms: Terms, caps: Caps, mask: reasons.Mask) -> Steps:
    """Steps 6 to 8 of every line; reasons are added to `mask` in place."""
    start = whole_units(need, terms.unit_step)
    raised = np.where((start > 0.0) & (start < terms.moq), terms.moq, start)
    reasons.add(mask, "moq", raised > start)
    packed = to_packs(raised, terms)
    reasons.add(mask, "pack_round_up", packed > raised + EPSILON)
    reasons.add(mask, "pack_round_down", packed < raised - EPSILON)
    filled = to_layers(packed, terms)
    reasons.add(mask, "layer_round_up", filled > packed + EPSILON)
    packed = filled
    capped = _apply_caps(packed, terms, caps, mask)
    return Steps(start - need, raised - start, packed - raised, capped - packed, capped)


def _apply_caps(packed: Floats, terms: Terms, caps: Caps, mask: reasons.Mask) -> Floats:
    ordered = packed > 0.0
    quantity = packed
    for code, room in (
        ("shelf_life_cap", caps.shelf_life),
        ("max_stock", caps.max_stock),
        ("max_order", terms.max_order),
    ):
        over = ordered & (quantity > np.where(np.isnan(room), np.inf, np.maximum(room, 0.0)) + EPSILON)
        quantity = np.where(over, down_to_packs(np.nan_to_num(room), terms.pack), quantity)
        reasons.add(mask, code, over)
    cut = ordered & (quantity < packed)
    smallest = smallest_order(terms)
    too_small = cut & (quantity < smallest - EPSILON)
    perishable = too_small & (caps.shelf_life < smallest - EPSILON)
    reasons.add(mask, "moq_over_shelf_life", perishable)
    never = (caps.largest_stock < terms.pack - EPSILON) | (terms.max_order < terms.pack - EPSILON)
    reasons.add(mask, "pack_over_capacity", too_small & never)
    reasons.add(mask, "max_stock_blocks_moq", too_small & ~perishable & (quantity > 0.0))
    quantity = np.where(too_small, 0.0, quantity)
    others_fit = ~((caps.max_stock < smallest - EPSILON) | (terms.max_order < smallest - EPSILON))
    quantity = np.where(perishable & caps.buy_moq_anyway & others_fit, smallest, quantity)
    kept = cut & (quantity <= 0.0) & caps.keep_one_pack
    reasons.add(mask, "keep_one_pack", kept)
    return np.where(kept, smallest, quantity)
