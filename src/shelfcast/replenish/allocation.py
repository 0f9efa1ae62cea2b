"""Step 11: a distribution centre that has less of an item than its stores ask for shares it out.

(a) Stores with backorders or an empty position get one pack each first. (b) The rest by method: `equal_cover` (the next
pack to the lowest (position + given) / daily rate), `proportional` (largest remainder), `economic` (highest worth).
Nobody gets more than its need in whole packs. Ties go by location.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numba import njit
from numpy.typing import NDArray

from shelfcast.replenish import reasons
from shelfcast.replenish.constraints import EPSILON
from shelfcast.replenish.frame import worth
from shelfcast.replenish.keys import codes_of, ranked
from shelfcast.replenish.limits import Names
from shelfcast.replenish.network import source_rows
from shelfcast.replenish.parameters import FAIR_SHARE_METHODS
from shelfcast.replenish.policies import pack_value
from shelfcast.replenish.rules import Resolved
from shelfcast.replenish.terms import Columns
from shelfcast.replenish.window_distribution import WindowDistribution

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

EQUAL_COVER, PROPORTIONAL, ECONOMIC = (
    FAIR_SHARE_METHODS.index(name) for name in ("equal_cover", "proportional", "economic")
)


@njit(cache=True, nogil=True)
def _one_by_one(start, end, left, wanted, pack, position, rate, given):  # type: ignore[no-untyped-def]
    """Next pack to the lowest (position + given) / rate; a store that sells nothing comes last."""
    while True:
        best, lowest = -1, np.inf
        for i in range(start, end):
            if given[i] + pack[i] <= wanted[i] + 1e-6 and pack[i] <= left + 1e-6:
                cover = (position[i] + given[i]) / rate[i] if rate[i] > 0.0 else 1e300
                if best < 0 or cover < lowest:
                    best, lowest = i, cover
        if best < 0:
            return left
        given[best] += pack[best]
        left -= pack[best]


@njit(cache=True, nogil=True)
def _proportional(start, end, left, wanted, pack, given):  # type: ignore[no-untyped-def]
    """Share by need in whole packs, then spare packs by largest remainder."""
    total = 0.0
    alike = True
    for i in range(start, end):
        total += wanted[i]
        alike = alike and pack[i] == pack[start]
    # Of equal packs only whole ones can be shared out; of unlike ones nobody knows beforehand what is left over.
    available = np.floor(left / pack[start] + 1e-6) * pack[start] if alike else left
    remainder = np.zeros(end - start)
    for i in range(start, end):
        share = available * wanted[i] / total / pack[i] if total > 0.0 else 0.0
        whole = np.floor(share + 1e-9)
        remainder[i - start] = share - whole
        more = min(whole * pack[i], np.floor((wanted[i] - given[i]) / pack[i] + 1e-6) * pack[i])
        more = min(more, np.floor(left / pack[i] + 1e-6) * pack[i])
        given[i] += max(more, 0.0)
        left -= max(more, 0.0)
    progress = True
    while progress:
        progress = False
        done = np.zeros(end - start, dtype=np.bool_)
        for _ in range(end - start):
            best = -1
            for i in range(start, end):
                if done[i - start] or given[i] + pack[i] > wanted[i] + 1e-6 or pack[i] > left + 1e-6:
                    continue
                if best < 0 or remainder[i - start] > remainder[best - start] + 1e-12:
                    best = i
            if best < 0:
                break
            done[best - start] = True
            given[best] += pack[best]
            left -= pack[best]
            progress = True
    return left


@njit(cache=True, nogil=True)
def share_out(first, available, method, wanted, pack, position, rate, urgent):  # type: ignore[no-untyped-def]
    """Units of each line, lines of a group (one item at one centre) side by side: `first[g]:first[g + 1]`."""
    given = np.zeros(wanted.shape[0])
    for g in range(available.shape[0]):
        start, end, left = first[g], first[g + 1], available[g]
        for i in range(start, end):
            if urgent[i] and pack[i] <= wanted[i] + 1e-6 and pack[i] <= left + 1e-6:
                given[i] = pack[i]
                left -= pack[i]
        if method[g] == 1:
            _proportional(start, end, left, wanted, pack, given)
        else:
            _one_by_one(start, end, left, wanted, pack, position, rate, given)
    return given


def share_centre_stock(
    lines: Columns,
    parameters: Resolved,
    distribution: WindowDistribution,
    stock: Columns,
    limits: pl.DataFrame,
    names: Names,
) -> Floats:
    """Units cut from each line (0 or negative) where its source, a location of ours with known stock, is short.

    Args:
        stock: on_hand, blocked, backorders, has_stock of every item-location row.
    """
    cut = np.zeros(len(lines["quantity"]))
    at_source = source_rows(lines, names)
    asks = np.flatnonzero((lines["quantity"] > 0.0) & (at_source >= 0))
    asks = asks[stock["has_stock"][at_source[asks]]]
    if not len(asks):
        return cut
    keep = _reserves(limits, names)
    centre = at_source[asks]
    free = np.maximum(stock["on_hand"] - stock["blocked"], 0.0) - stock["backorders"]
    free = np.maximum(free - keep[names.keys.location_codes], 0.0)
    centres, group = ranked(centre)
    short = np.bincount(group, lines["quantity"][asks], len(centres)) > free[centres] + EPSILON
    chosen = np.flatnonzero(short[group])
    if not len(chosen):
        return cut
    places = asks[chosen]
    order = np.lexsort((names.keys.location_codes[lines["row"][places]], centre[chosen]))
    places, chosen = places[order], chosen[order]
    values, number = ranked(centre[chosen])
    first = np.concatenate([[0], np.cumsum(np.bincount(number, minlength=len(values)))]).astype(np.int64)
    head = first[:-1]
    urgent = (lines["backorders"][places] > 0.0) | (lines["inventory_position"][places] <= 0.0)
    method = parameters.number("fair_share_method")[places[head]].astype(np.int64)
    given = share_out(
        first, free[values], method, lines["quantity"][places], lines["pack_size"][places],
        lines["inventory_position"][places], lines["daily_rate"][places], urgent,
    )  # fmt: skip
    for g in np.flatnonzero(method == ECONOMIC):
        part = slice(first[g], first[g + 1])
        given[part] = _by_worth(lines, places[part], distribution, float(free[values[g]]), urgent[part])
    cut[places] = given - lines["quantity"][places]
    reasons.add(lines["reasons"], "fair_share", cut < -EPSILON)
    return cut


def _reserves(limits: pl.DataFrame, names: Names) -> Floats:
    """Units of every item each location keeps back."""
    keep = np.zeros(len(names.keys.locations))
    mine = limits.filter(pl.col("limit_type") == "dc_reserve_qty")
    code = codes_of(mine["scope_value"], names.keys.locations)
    keep[code[code >= 0]] = mine["value"].to_numpy()[code >= 0]
    return keep


def _by_worth(
    lines: Columns, places: Integers, distribution: WindowDistribution, available: float, urgent: NDArray[np.bool_]
) -> Floats:
    """Pack by pack to the line where the next one is worth most per unit."""
    pack, wanted = lines["pack_size"][places], lines["quantity"][places]
    underage, overage, _ = worth({name: lines[name][places] for name in ("underage", "overage", "unit_cost")})
    mine = distribution.take(places)
    position = lines["inventory_position"][places]
    given = np.zeros(len(places))
    for k in np.flatnonzero(urgent & (pack <= wanted + EPSILON)):
        if pack[k] <= available + EPSILON:
            given[k] = pack[k]
            available -= float(pack[k])
    value = pack_value(mine, position + given, pack, underage, overage) / pack
    while True:
        open_lines = (given + pack <= wanted + EPSILON) & (pack <= available + EPSILON)
        if not open_lines.any():
            return given
        best = int(np.argmax(np.where(open_lines, value, -np.inf)))
        given[best] += pack[best]
        available -= float(pack[best])
        one = np.array([best])
        value[best] = (
            pack_value(mine.take(one), (position + given)[one], pack[one], underage[one], overage[one])[0] / pack[best]
        )
