"""Which limit holds for which lines tonight."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shelfcast.replenish.keys import ALL, NOT_FOUND, Integers, Keys, codes_of
from shelfcast.replenish.terms import Columns


@dataclass(frozen=True)
class Limit:
    """One valid limit: `lines` are the positions of the lines it is about."""

    kind: str
    value: float
    lines: Integers
    scope: str
    destination: str
    since_day: int | None = None
    """First day of the period it is for, from the cutoff; None: it is for tonight alone."""


@dataclass(frozen=True)
class Names:
    """Names behind the codes of the lines."""

    keys: Keys
    sources: pl.Series
    categories: pl.Series


def valid_limits(limits: pl.DataFrame, cutoff: date) -> pl.DataFrame:
    """Limits that hold on the day, sorted so that the order of the rows doesn't matter."""
    return limits.filter(
        (pl.col("valid_from").is_null() | (pl.col("valid_from") <= cutoff))
        & (pl.col("valid_to").is_null() | (pl.col("valid_to") >= cutoff))
        & pl.col("value").is_not_null()
    ).sort("limit_type", "scope_value", "destination_id")


def order_limits(limits: pl.DataFrame, kinds: tuple[str, ...], lines: Columns, names: Names) -> list[Limit]:
    """Limits of an order or route, one per (source, destination) that has lines: a limit named for the destination hides
    the one for all destinations."""
    found: list[Limit] = []
    source, location = lines["source"], names.keys.location_codes[lines["row"]]
    for kind in kinds:
        mine = limits.filter(pl.col("limit_type") == kind)
        if not mine.height:
            continue
        values = {
            (scope, place): value
            for scope, place, value in mine.select("scope_value", "destination_id", "value").iter_rows()
        }
        scopes = mine["scope_value"].unique(maintain_order=True)
        for scope, code in zip(scopes, codes_of(scopes, names.sources)):
            places = np.flatnonzero(source == code) if code != NOT_FOUND else ()
            if not len(places):
                continue
            for destination in np.unique(location[places]):
                name = names.keys.locations[int(destination)]
                value = values.get((scope, name), values.get((scope, ALL)))
                if value is not None:
                    chosen = places[location[places] == destination]
                    found.append(Limit(kind, float(value), chosen, scope, name))
    return found


def dock_limits(limits: pl.DataFrame, lines: Columns, names: Names) -> list[Limit]:
    """Units a location can receive (`destination_id` * or itself) on a day: all lines delivered to it; and units a
    location can pick for others: all lines it is the source of."""
    found: list[Limit] = []
    location = names.keys.location_codes[lines["row"]]
    for scope, destination, value in (
        limits.filter(pl.col("limit_type") == "dock_qty").select("scope_value", "destination_id", "value").iter_rows()
    ):
        receiving = int(codes_of(pl.Series([scope], dtype=pl.String), names.keys.locations)[0])
        picking = int(codes_of(pl.Series([scope], dtype=pl.String), names.sources)[0])
        if receiving != NOT_FOUND:
            found.append(Limit("receiving", float(value), np.flatnonzero(location == receiving), scope, scope))
        if picking != NOT_FOUND:
            chosen = lines["source"] == picking
            if destination != ALL:
                code = int(codes_of(pl.Series([destination], dtype=pl.String), names.keys.locations)[0])
                chosen &= location == code
            found.append(Limit("picking", float(value), np.flatnonzero(chosen), scope, destination))
    return found


def budget_limits(limits: pl.DataFrame, lines: Columns, names: Names, cutoff: date) -> list[Limit]:
    """Money the orders of a category, a source or (scope *) everything may cost, for one destination or all: of the whole
    period where it has a first and a last day, else of a night."""
    found: list[Limit] = []
    location = names.keys.location_codes[lines["row"]]
    for scope, destination, value, first, last in (
        limits.filter(pl.col("limit_type") == "budget_value")
        .select("scope_value", "destination_id", "value", "valid_from", "valid_to")
        .iter_rows()
    ):
        since = (first - cutoff).days if first is not None and last is not None else None
        wanted = pl.Series([scope], dtype=pl.String)
        category, source = int(codes_of(wanted, names.categories)[0]), int(codes_of(wanted, names.sources)[0])
        chosen: NDArray[np.bool_] = np.full(len(location), scope == ALL)
        if category != NOT_FOUND:
            chosen |= lines["category"] == category
        if source != NOT_FOUND:
            chosen |= lines["source"] == source
        if destination != ALL:
            chosen &= location == int(codes_of(pl.Series([destination], dtype=pl.String), names.keys.locations)[0])
        found.append(Limit("budget_value", float(value), np.flatnonzero(chosen), scope, destination, since))
    return found
