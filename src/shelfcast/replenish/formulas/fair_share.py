"""Share out what a distribution centre has when the stores need more: whole packs, nobody above its need.

| method | rule |
|---|---|
| proportional | packs by share of need, rounded down; spare packs by largest remainder |
| equal_cover | the next pack to the store with the fewest days of cover, position / daily rate |
| economic | the next pack where it is worth most |

Ties go by store id, so the result doesn't depend on row order. Stores named urgent (backorders, empty shelf) get one
pack each first. Where there is enough for all, everyone gets its need in whole packs.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Mapping, Sequence
from fractions import Fraction
from typing import TypeVar

from shelfcast.domain.errors import BadParameter
from shelfcast.replenish.formulas.checks import not_negative, positive

METHODS = ("proportional", "equal_cover", "economic")
SLACK = 1e-9


def fair_share(
    method: str,
    available: float,
    pack_size: float,
    needs: Mapping[str, float],
    positions: Mapping[str, float] | None = None,
    daily_rates: Mapping[str, float] | None = None,
    pack_values: Mapping[str, float | Sequence[float]] | None = None,
    urgent: Collection[str] = (),
    reserve: float = 0.0,
) -> dict[str, float]:
    """Units for each store.

    `needs` in units by store id; `positions` (units) and `daily_rates` (units per day) for equal_cover; `pack_values` for
    economic: worth of the first, second, ... pack to the store, falling, or one number for all its packs. `reserve` units
    stay in the distribution centre.

    >>> fair_share("proportional", 100, 6, {"S1": 48, "S2": 36, "S3": 60, "S4": 24})
    {'S1': 30.0, 'S2': 18.0, 'S3': 36.0, 'S4': 12.0}
    """
    if method not in METHODS:
        raise BadParameter.unknown("fair-share method", method, METHODS)
    pack = float(positive("pack_size", pack_size))
    keep = float(not_negative("reserve", reserve))
    packs = int(max(float(not_negative("available", available)) - keep, 0.0) / pack + SLACK)
    wanted = {store: int(float(not_negative(f"need of {store}", need)) / pack + SLACK) for store, need in needs.items()}
    given = dict.fromkeys(wanted, 0)
    for store in sorted(set(urgent)):
        if store not in wanted:
            raise BadParameter.unknown("urgent store", store, wanted)
        if packs > 0 and wanted[store] > 0:
            given[store], packs = 1, packs - 1
    if packs >= sum(wanted.values()) - sum(given.values()):
        given = dict(wanted)
    elif method == "proportional":
        _proportional(packs, {store: float(needs[store]) for store in wanted}, wanted, given)
    elif method == "equal_cover":
        held, rate = _of_stores("positions", positions, wanted), _of_stores("daily_rates", daily_rates, wanted)
        _one_by_one(packs, wanted, given, lambda store, n: _cover(held[store] + n * pack, rate[store]))
    else:
        worth = _of_stores("pack_values", pack_values, wanted)
        _one_by_one(packs, wanted, given, lambda store, n: -_worth(worth[store], n))
    return {store: given[store] * pack for store in needs}


def _proportional(packs: int, needs: Mapping[str, float], wanted: Mapping[str, int], given: dict[str, int]) -> None:
    """Largest remainder in exact fractions; what caps leave over goes round again among those who still want."""
    total = sum((Fraction(need) for need in needs.values()), Fraction(0))
    shares = {store: Fraction(need) * packs / total for store, need in needs.items()}
    left = packs
    for store, share in shares.items():
        more = min(int(share), wanted[store] - given[store])
        given[store] += more
        left -= more
    by_remainder = sorted(shares, key=lambda store: (-(shares[store] - int(shares[store])), store))
    while left > 0:
        open_stores = [store for store in by_remainder if given[store] < wanted[store]]
        for store in open_stores[:left]:
            given[store] += 1
        left -= min(left, len(open_stores))


def _one_by_one(
    packs: int, wanted: Mapping[str, int], given: dict[str, int], urgency: Callable[[str, int], float]
) -> None:
    """Pack by pack to the store with the lowest urgency figure, ties by store id."""
    queue = [(urgency(store, given[store]), store) for store in wanted if given[store] < wanted[store]]
    heapq.heapify(queue)
    while packs > 0 and queue:
        _, store = heapq.heappop(queue)
        given[store] += 1
        packs -= 1
        if given[store] < wanted[store]:
            heapq.heappush(queue, (urgency(store, given[store]), store))


def _cover(units: float, daily_rate: float) -> float:
    """Days the units last; a store that sells nothing is covered for ever, one that owes units is first."""
    if daily_rate > 0:
        return units / daily_rate
    return float("inf")


def _worth(values: float | Sequence[float], pack_number: int) -> float:
    if isinstance(values, int | float):
        return float(values)
    if not values:
        return 0.0
    return float(values[min(pack_number, len(values) - 1)])


V = TypeVar("V")


def _of_stores(name: str, given: Mapping[str, V] | None, stores: Collection[str]) -> Mapping[str, V]:
    missing = sorted(set(stores) - set(given or ()))
    if given is None or missing:
        raise BadParameter(f"{name} is missing for {missing or 'all stores'}; this method needs it for every store.")
    return given
