"""Packs in the order of their worth: what a limit cuts first, what a top-up adds first.

For pack k of a line (a = position before it, Q = its units): worth v = units of it expected to sell x cu - left over x co;
score = v / (Q x unit cost). Within a line the scores never rise, so packs are taken and cut in their order. Ties go by
item, location, source: the result does not depend on the order of the rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from shelfcast.replenish.constraints import EPSILON
from shelfcast.replenish.frame import worth
from shelfcast.replenish.policies import pack_value
from shelfcast.replenish.terms import Columns, take
from shelfcast.replenish.window_distribution import WindowDistribution

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Packs:
    """Packs of some lines, the best first. `line` is the position of the pack's line among all lines."""

    line: Integers
    units: Floats
    score: Floats


def ranked_packs(
    lines: Columns, places: Integers, start: Floats, stop: Floats, distribution: WindowDistribution
) -> Packs:
    """The packs that lead each line of `places` from `start` to `stop` units, the best first.

    The first pack of a line without an order is its smallest order: it is taken or cut as a whole.
    """
    pack = lines["pack_size"][places]
    first = np.where(
        start <= EPSILON, np.minimum(lines["smallest_order"][places], stop), np.minimum(pack, stop - start)
    )
    rest = np.maximum(stop - start - first, 0.0)
    count = np.where(stop - start > EPSILON, 1 + np.ceil(rest / pack - EPSILON).astype(np.int64), 0)
    total = int(count.sum())
    owner = np.repeat(np.arange(len(places)), count)
    number = np.arange(total) - np.repeat(np.cumsum(count) - count, count)
    before = start[owner] + np.where(number > 0, first[owner] + (number - 1) * pack[owner], 0.0)
    units = np.where(number == 0, first[owner], np.minimum(pack[owner], stop[owner] - before))
    line = places[owner]
    chosen = take({name: lines[name] for name in ("underage", "overage", "unit_cost")}, line)
    underage, overage, cost = worth(chosen)
    position = lines["inventory_position"][line] + before
    value = pack_value(distribution.take(line), position, units, underage, overage)
    score = _falling(value / (units * cost), number)
    order = np.lexsort((number, line, -score))
    return Packs(line[order], units[order], score[order])


@njit(cache=True, nogil=True)
def _falling(score, number):  # type: ignore[no-untyped-def]
    """Scores that never rise within a line (`number` restarts at 0 for each)."""
    out = score.copy()
    for i in range(1, out.shape[0]):
        if number[i] > 0 and out[i] > out[i - 1]:
            out[i] = out[i - 1]
    return out


@njit(cache=True, nogil=True)
def take_within(line, units, weight, limit, lines):  # type: ignore[no-untyped-def]
    """Units each line gets when packs are taken in order while the sum of units x weight stays within the limit.

    A line whose pack doesn't fit gets no further pack; others still may.
    """
    given = np.zeros(lines)
    closed = np.zeros(lines, dtype=np.bool_)
    used = 0.0
    for i in range(line.shape[0]):
        k = line[i]
        if closed[k]:
            continue
        cost = units[i] * weight[i]
        if used + cost > limit * (1.0 + 1e-12) + 1e-9:
            closed[k] = True
            continue
        used += cost
        given[k] += units[i]
    return given


@njit(cache=True, nogil=True)
def take_until(line, units, weight, missing, lines):  # type: ignore[no-untyped-def]
    """(units each line gets when packs are taken in order until the sum of units x weight reaches `missing`, the sum)."""
    given = np.zeros(lines)
    total = 0.0
    for i in range(line.shape[0]):
        if total >= missing - 1e-9:
            break
        total += units[i] * weight[i]
        given[line[i]] += units[i]
    return given, total


def cut_to_limit(
    lines: Columns, places: Integers, weight: Floats, limit: float, distribution: WindowDistribution
) -> Floats:
    """Quantity of each line of `places` after packs of the lowest score are cut until units x weight fits the limit.

    Args:
        weight: what a unit of each line of `places` takes of the limit (money, volume, units).
    """
    quantity = lines["quantity"][places]
    packs = ranked_packs(lines, places, np.zeros(len(places)), quantity, distribution)
    size = len(lines["quantity"])
    per_unit = np.zeros(size)
    per_unit[places] = weight
    return take_within(packs.line, packs.units, per_unit[packs.line], limit, size)[places]
