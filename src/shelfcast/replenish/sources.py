"""Which source each item-location orders from tonight, with its lead time and order days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shelfcast.replenish import reasons
from shelfcast.replenish.calendar import HORIZON_DAYS, RouteDays, order_times, route_days
from shelfcast.replenish.keys import Keys, gather, groups
from shelfcast.replenish.rules import Resolved
from shelfcast.replenish.terms import Columns, Integers, take

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Routes:
    """Distinct (source, destination) pairs of the lines and their open days."""

    of_line: Integers
    days: RouteDays
    frame: pl.DataFrame


def find_routes(
    candidates: Columns,
    keys: Keys,
    sources: pl.Series,
    cutoff: date,
    order_calendar: pl.DataFrame,
    order_dates: pl.DataFrame,
    openings: pl.DataFrame,
) -> Routes:
    """The routes of all candidate lines."""
    destination = keys.location_codes[candidates["row"]]
    route, count = groups([candidates["source"], destination])
    head = np.full(count, 0, dtype=np.int64)
    head[route[::-1]] = np.arange(len(route) - 1, -1, -1)
    frame = pl.DataFrame(
        {
            "source_id": gather(sources, candidates["source"][head]),
            "destination_id": gather(keys.locations, destination[head]),
        }
    )
    return Routes(route, route_days(frame, cutoff, order_calendar, order_dates, openings), frame)


def fill_lead_times(candidates: Columns, parameters: Resolved) -> Columns:
    """Whole days of lead time per line, with reasons: the source's median where missing, then the default of the rules.

    Adds `lead` (days, at least 0) and `reasons`; a line without any lead time, or with 0 days where same-day delivery
    isn't allowed, gets a reason that stops it.
    """
    lead = np.ceil(candidates["lead_time_days"])
    mask = np.zeros(len(lead), dtype=np.int64)
    missing = np.isnan(lead)
    if missing.any():
        known = pl.DataFrame({"source": candidates["source"], "lead": lead}).filter(pl.col("lead").is_not_nan())
        medians = known.group_by("source").agg(pl.col("lead").median().ceil()).sort("source")
        median = np.full(int(candidates["source"].max(initial=-1)) + 1, np.nan)
        median[medians["source"].to_numpy()] = medians["lead"].to_numpy()
        lead = np.where(missing, median[candidates["source"]], lead)
        lead = np.where(np.isnan(lead), np.ceil(parameters.number("default_lead_time_days")), lead)
        reasons.add(mask, "lead_time_default", missing & ~np.isnan(lead))
        reasons.add(mask, "no_lead_time", np.isnan(lead))
        lead = np.where(np.isnan(lead), 1.0, lead)
    reasons.add(mask, "same_day_refused", (lead <= 0.0) & ~parameters.flag("same_day"))
    # The run is made after close: what is ordered tonight for the same day is on the floor tomorrow morning at the earliest.
    whole = np.clip(lead, 1, HORIZON_DAYS - 1).astype(np.int64)
    return {**candidates, "lead": whole, "reasons": mask}


def add_times(candidates: Columns, routes: Routes, parameters: Resolved) -> Columns:
    """Adds the days of the next two orders and deliveries (days from the cutoff)."""
    review = np.nan_to_num(parameters.number("review_period_days"), nan=1.0).astype(np.int64)
    times = order_times(routes.days, routes.of_line, candidates["lead"], review)
    mask = candidates["reasons"].copy()
    sourced = candidates["source"] >= 0
    reasons.add(mask, "calendar_default", times.default_calendar & sourced)
    between = times.next_order - times.order
    reasons.add(mask, "lead_time_order_crossing", sourced & (candidates["lead_time_sd_days"] > between))
    reasons.add(mask, "pack_default", candidates["repaired"] > 0.0)
    reasons.add(mask, "assumed_terms", candidates["assumed"] > 0.0)
    return {
        **candidates,
        "reasons": mask,
        "route": routes.of_line,
        "order_day": times.order,
        "delivery_day": times.delivery,
        "next_order_day": times.next_order,
        "next_delivery_day": times.next_delivery,
    }


def choose(candidates: Columns, source_stock: Floats, parameters: Resolved) -> tuple[Columns, Integers]:
    """The lines to plan: per item-location the usable source of best priority, or all its sources where it is split.

    A source is usable if it has an order day soon enough and, where it is one of our own locations, any stock
    (`source_stock`: units there, NaN unknown). If none is usable the first by priority is kept, so that the line says
    why. Split: several usable sources of one priority with shares below 1; the shares are scaled to add up to 1.

    Returns:
        The chosen lines, and their positions among the candidates.
    """
    wait = parameters.number("source_wait_days")
    useless = (candidates["order_day"] > wait) | (source_stock <= 0.0)
    useless |= (candidates["reasons"] & reasons.STOPS) != 0
    alone = np.ones(len(useless), dtype=np.bool_)
    alone[1:] = candidates["row"][1:] != candidates["row"][:-1]
    if alone.all():  # one candidate each, sorted by row: nothing to choose
        return {**candidates, "share": np.ones(len(useless))}, np.arange(len(useless), dtype=np.int64)
    order = np.lexsort((candidates["source"], candidates["priority"], useless, candidates["row"]))
    row = candidates["row"][order]
    first = np.ones(len(row), dtype=np.bool_)
    first[1:] = row[1:] != row[:-1]
    head = np.maximum.accumulate(np.where(first, np.arange(len(row)), 0))
    split = ~useless[order] & (candidates["share"][order] < 1.0) & (candidates["share"][order] > 0.0)
    same = candidates["priority"][order] == candidates["priority"][order][head]
    kept = order[first | (split & split[head] & same)]
    kept = kept[np.lexsort((candidates["source"][kept], candidates["row"][kept]))]
    lines = take(candidates, kept)
    alone = np.bincount(lines["row"], minlength=int(lines["row"].max(initial=0)) + 1)[lines["row"]] == 1
    total = np.bincount(lines["row"], lines["share"])[lines["row"]] if len(kept) else lines["share"]
    lines["share"] = np.where(alone, 1.0, lines["share"] / np.where(total > 0.0, total, 1.0))
    return lines, kept
