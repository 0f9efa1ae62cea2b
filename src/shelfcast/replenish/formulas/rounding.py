"""From a need to an order: smallest order, whole packs, largest stock. Each step does only what is written.

1. position = max(on hand, 0) + on order - backorders; target = max(level, window mean + presentation stock);
   need = max(0, target - position).
2. A need below the smallest order (moq) is raised to it.
3. Whole packs: the last part-pack is bought when its share of a pack is at least the threshold; otherwise it is left,
   as long as one pack and the smallest order remain.
4. Position + order may not exceed the largest stock: rounded down to packs; what is then below the smallest order is 0.

The compiled steps `whole_packs` and `below_room` are the ones the simulator runs.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from numba import njit

from shelfcast.domain.errors import BadParameter
from shelfcast.replenish.formulas.checks import not_negative, numbers, positive

SLACK = 1e-9
"""Share of a pack that counts as rounding error, not as a part-pack."""


class RoundedOrder(NamedTuple):
    """Units to order, units needed before the rules, the inventory position, and the rules that mattered, in order."""

    order_qty: float
    need: float
    inventory_position: float
    reasons: tuple[str, ...]


@njit(cache=True, nogil=True)
def whole_packs(need: float, moq: float, pack: float, threshold: float) -> float:  # pragma: no cover - compiled
    """Units after the smallest order and whole packs; 0 for no need."""
    if need <= 0.0:
        return 0.0
    wanted = max(need, moq)
    packs = float(math.floor(wanted / pack + SLACK))
    share = wanted / pack - packs
    if share > SLACK and (share >= threshold or packs < 1.0 or packs * pack < moq - SLACK * pack):
        packs += 1.0
    return packs * pack


@njit(cache=True, nogil=True)
def below_room(quantity: float, room: float, moq: float, pack: float) -> float:  # pragma: no cover - compiled
    """Units after a cap: whole packs within `room`, or 0 where that is below the smallest order."""
    if quantity <= room:
        return quantity
    capped = max(math.floor(room / pack + SLACK), 0.0) * pack
    return 0.0 if capped < moq - SLACK * pack else capped


def order_after_rules(
    order_up_to_level: float,
    on_hand: float,
    on_order: float = 0.0,
    backorders: float = 0.0,
    window_mean: float = 0.0,
    presentation_stock: float = 0.0,
    moq: float = 0.0,
    pack_size: float = 1.0,
    max_stock: float | None = None,
    max_order_qty: float | None = None,
    pack_round_threshold: float = 0.0,
) -> RoundedOrder:
    """One order line by the written rules; reasons are the codes of the rules that changed something.

    >>> order_after_rules(47, on_hand=-3, on_order=12, window_mean=30, presentation_stock=10, moq=40, pack_size=12)
    RoundedOrder(order_qty=48.0, need=35.0, inventory_position=12.0, reasons=('negative_stock_as_zero', 'moq', 'pack_round_up'))
    """
    pack, smallest = float(positive("pack_size", pack_size)), float(not_negative("moq", moq))
    threshold = float(not_negative("pack_round_threshold", pack_round_threshold))
    if threshold > 1:
        raise BadParameter(f"pack_round_threshold is {pack_round_threshold!r}; it must lie between 0 and 1.")
    book = float(numbers("on_hand", on_hand))
    position = max(book, 0.0) + float(numbers("on_order", on_order)) - float(numbers("backorders", backorders))
    level = float(numbers("order_up_to_level", order_up_to_level))
    shelf = float(numbers("window_mean", window_mean)) + float(not_negative("presentation_stock", presentation_stock))
    need = max(0.0, max(level, shelf) - position)

    reasons = ["negative_stock_as_zero"] if book < 0 else []
    if presentation_stock > 0 and shelf > level:
        reasons.append("presentation_stock")
    if 0.0 < need < smallest:
        reasons.append("moq")
    quantity = float(whole_packs(need, smallest, pack, threshold))
    change = quantity - max(need, smallest if need > 0 else 0.0)
    if abs(change) > SLACK * pack:
        reasons.append("pack_round_up" if change > 0 else "pack_round_down")
    caps = [("max_stock", math.inf if max_stock is None else float(not_negative("max_stock", max_stock)) - position)]
    if max_order_qty is not None:
        caps.append(("max_order_qty", float(not_negative("max_order_qty", max_order_qty))))
    for code, room in caps:
        if quantity > max(room, 0.0):
            quantity = float(below_room(quantity, room, smallest, pack))
            reasons.append(code)
            if quantity == 0.0 and smallest > 0.0:
                reasons.append(f"{code}_blocks_moq")
    return RoundedOrder(quantity, need, position, tuple(reasons))
