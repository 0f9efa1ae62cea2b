"""Levels of the network: stores first, then the locations that supply them, whose demand is what the stores will order."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shelfcast.domain.errors import BadInput
from shelfcast.replenish import reasons
from shelfcast.replenish.keys import Integers, codes_of, find
from shelfcast.replenish.limits import Names
from shelfcast.replenish.plan_lines import Context, Planned, line_demand, plan_lines
from shelfcast.replenish.rules import Resolved
from shelfcast.replenish.terms import Columns, take
from shelfcast.replenish.two_level import centre_demand
from shelfcast.replenish.window_demand import WindowDemand
from shelfcast.replenish.window_distribution import WindowDistribution

MOST_LEVELS = 10

PAUSED = reasons.WELL_STOCKED | reasons.BIT["not_order_day"]
"""Stops that hold tonight only: the line will order another day."""


def location_of_source(names: Names) -> Integers:
    """Location code of each source; -1 for a source that isn't a location of ours."""
    return codes_of(names.sources, names.keys.locations)


def source_rows(lines: Columns, names: Names) -> Integers:
    """Item-location row of each line's item at its source; -1 where the source isn't a location with that item."""
    to_location = location_of_source(names)
    if not len(to_location):
        return np.full(len(lines["row"]), -1, dtype=np.int64)
    location = np.where(lines["source"] >= 0, to_location[lines["source"]], -1)
    number = names.keys.item_codes[lines["row"]] * len(names.keys.locations) + location
    return np.where(location >= 0, find(names.keys.pairs, number), -1)


def levels(lines: Columns, at_source: Integers, names: Names) -> Integers:
    """How many levels of our own locations each line's item-location supplies: 0 for a store.

    Raises:
        BadInput: goods go in a circle.
    """
    depth = np.zeros(names.keys.size, dtype=np.int64)
    inner = np.flatnonzero(at_source >= 0)
    for _ in range(MOST_LEVELS):
        deeper = depth.copy()
        np.maximum.at(deeper, at_source[inner], depth[lines["row"][inner]] + 1)
        if (deeper == depth).all():
            return depth[lines["row"]]
        depth = deeper
    row = int(lines["row"][inner[np.argmax(depth[lines["row"][inner]])]])
    item = names.keys.items[int(names.keys.item_codes[row])]
    location = names.keys.locations[int(names.keys.location_codes[row])]
    raise BadInput(f"sourcing of item {item} goes in a circle through {location}. Remove one of its transfer routes.")


def plan_levels(lines: Columns, parameters: Resolved, context: Context, names: Names) -> Planned:
    """Steps 2 to 8 for all lines, level by level from the stores up. Lines keep their order."""
    at_source = source_rows(lines, names)
    depth = levels(lines, at_source, names)
    own = ~reasons.BIT["no_forecast"]
    lines["reasons"] = np.where(depth > 0, lines["reasons"] & own, lines["reasons"])
    if not (depth > 0).any():
        demand = line_demand(lines, parameters, context)
        return plan_lines(lines, parameters, demand, context, np.zeros(len(depth), dtype=np.bool_))
    parts: list[Planned] = []
    order: list[Integers] = []
    for level in range(int(depth.max()) + 1):
        places = np.flatnonzero(depth == level)
        mine, ruled = take(lines, places), parameters.take(places)
        demand = line_demand(mine, ruled, context)
        if level > 0:
            below = _join_columns([part.columns for part in parts])
            done = np.concatenate(order)
            correlation = parameters.number("day_correlation")[done]
            stopped = (below["reasons"] & reasons.STOPS & ~PAUSED) != 0
            demand = centre_demand(mine, demand, below, at_source[done], context.demand, correlation, stopped)
        supplies = np.full(len(places), level > 0)
        parts.append(plan_lines(mine, ruled, demand, context, supplies))
        order.append(places)
    return _assemble(parts, np.concatenate(order), parameters)


def _join_columns(parts: list[Columns]) -> Columns:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _assemble(parts: list[Planned], order: Integers, parameters: Resolved) -> Planned:
    """The parts in the order of the lines they came from."""
    back: NDArray[np.int64] = np.argsort(order, kind="stable")
    columns = take(_join_columns([part.columns for part in parts]), back)
    demands = [part.demand for part in parts]
    demand = WindowDemand(
        WindowDistribution.join([one.window for one in demands]).take(back),
        WindowDistribution.join([one.before for one in demands]).take(back),
        np.concatenate([one.cycle_mean for one in demands])[back],
        np.concatenate([one.daily_rate for one in demands])[back],
    )
    return Planned(columns, parameters, demand)
