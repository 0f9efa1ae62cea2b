"""Whether history supports a scenario: like events counted, prices held against those ever seen; a refusal names what is supported."""

from __future__ import annotations

import calendar
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from shelfcast.pipeline.ready_model import ReadyModel
from shelfcast.pipeline.scenario_history import History
from shelfcast.pipeline.scenario_weather import Unsupported, check_outlook, like_weather
from shelfcast.scenario.changes import Change
from shelfcast.scenario.like_events import (
    FEWEST,
    POINTS,
    Episode,
    LikeEvents,
    choose_like,
    festival_uplift,
    in_season,
    measure,
    months_with_enough,
    nearest_supported,
)

PRICE_TOLERANCE = 0.005


@dataclass(frozen=True)
class Scenario:
    """What is to be worked out."""

    name: str
    items: tuple[str, ...]
    categories: tuple[str, ...]
    locations: tuple[str, ...]
    changes: tuple[Change, ...]
    cutoff: date | None = None
    note: str = ""

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Scenario:
        def day(value: Any) -> Any:
            return value if isinstance(value, date) or value is None else date.fromisoformat(value)

        changes = tuple(
            Change(**{**one, "first": day(one["first"]), "last": day(one["last"])}) for one in body["changes"]
        )
        return cls(
            body["name"], tuple(body.get("items") or ()), tuple(body.get("categories") or ()),
            tuple(body.get("locations") or ()), changes, day(body.get("cutoff")), body.get("note") or "",
        )  # fmt: skip


def supported(made_with: ReadyModel, scenario: Scenario, keys: pl.DataFrame, history: History) -> LikeEvents:
    """Like events behind the scenario.

    Raises:
        Unsupported: too few, or a price nobody has seen.
    """
    weather = [one for one in scenario.changes if one.kind == "weather"]
    if weather:
        check_outlook(made_with.lake)
    events = [one for one in scenario.changes if one.kind == "event"]
    for one in events:
        if one.event not in made_with.lake.scheme.events and one.event not in history.festivals:
            known = ", ".join(sorted(history.festivals)[:30])
            raise Unsupported(
                f"event {one.event!r} is not in the history of these locations; known there: {known or 'none'}."
            )
    festival_days = [day for one in events for run in history.festivals.get(one.event, []) for day in run]
    priced = [one for one in scenario.changes if one.depth is not None or one.kind in ("price", "promotion")]
    _check_prices(scenario, keys, history)
    for one in priced:
        depth = _depth(one, keys, history)
        kind = one.promotion_type if one.kind == "promotion" else ""
        pool = [e for e in history.episodes if (e.kind == kind if kind else True)]
        if one.kind == "price":
            pool = [e for e in history.episodes if abs(e.change) > 1e-9]
        chosen = choose_like(pool, depth, one.first, history.days, festival_days, kind)
        found = measure(chosen, history.demand, history.weekday, history.location, history.busy, festival_days)
        if found.count < FEWEST:
            raise Unsupported(_too_few(one, depth, found, pool, history))
        return found
    if events:
        runs = [run for one in events for run in history.festivals.get(one.event, [])]
        found = festival_uplift(history.demand, history.weekday, history.items, runs, history.busy)
        if found.count < FEWEST:
            raise Unsupported(
                f"history holds {found.count} like events of {events[0].event!r} (items x occurrences); at least {FEWEST} are "
                f"needed. Choose more items of the category, or an event seen more often: {', '.join(_often(history))}."
            )
        return found
    if weather:
        return like_weather(made_with.lake, weather[0], keys, history)
    return LikeEvents(0, np.array([]), None, None)


def _often(history: History) -> list[str]:
    ranked = sorted(history.festivals, key=lambda one: (-len(history.festivals[one]), one))
    return ranked[:5]


def _depth(change: Change, keys: pl.DataFrame, history: History) -> float | None:
    if change.price is None:
        return change.depth
    usual = [_usual_price(history, item, place) for item, place in keys.iter_rows()]
    known = [one for one in usual if one]
    return change.price / float(np.median(known)) - 1.0 if known else None


def _usual_price(history: History, item: str, place: str) -> float | None:
    at = _row_of(history, item, place)
    path = history.prices[at]
    known = path[np.isfinite(path)][-365:]
    return float(np.median(known)) if len(known) else None


def _row_of(history: History, item: str, place: str) -> int:
    found = history.keys.with_row_index("row").filter((pl.col("item_id") == item) & (pl.col("location_id") == place))
    return int(found["row"][0])


def _check_prices(scenario: Scenario, keys: pl.DataFrame, history: History) -> None:
    """Refuse prices outside those at which an item has been sold at the chosen locations."""
    numbered = history.keys.with_row_index("row").join(keys, on=["item_id", "location_id"], how="semi")
    for one in (one for one in scenario.changes if one.kind in ("price", "promotion") and (one.price or one.depth)):
        outside: list[str] = []
        floor, ceiling = -1.0, np.inf
        for (item,), part in numbered.group_by("item_id", maintain_order=True):
            paths = history.prices[part["row"].to_numpy()]
            seen = paths[np.isfinite(paths)]
            if not len(seen):
                raise Unsupported(
                    f"no price of item {item!r} is recorded, so nothing can be said of another one. Load prices."
                )
            usual, low, high = float(np.median(seen[-365:])), float(seen.min()), float(seen.max())
            new = one.price if one.price is not None else usual * (1.0 + (one.depth or 0.0))
            floor, ceiling = max(floor, low / usual - 1.0), min(ceiling, high / usual - 1.0)
            if not low * (1 - PRICE_TOLERANCE) <= new <= high * (1 + PRICE_TOLERANCE):
                outside.append(f"{item} at {new:.2f} (sold at {low:.2f} to {high:.2f})")
        if not outside:
            continue
        count = numbered["item_id"].n_unique()
        shown = ", ".join(outside[:5]) + (", ..." if len(outside) > 5 else "")
        near = (
            f"for all {count} items {floor:+.0%} to {ceiling:+.0%}"
            if floor <= ceiling
            else "none for all of them together"
        )
        rest = f"; or leave these {len(outside)} out" if len(outside) < count else ""
        raise Unsupported(
            f"{len(outside)} of {count} items would have a price nobody has seen, so nothing can be said: {shown}. "
            f"Nearest supported: {near}{rest}."
        )


def _too_few(change: Change, depth: float | None, found: LikeEvents, pool: Sequence[Episode], history: History) -> str:
    what = f"{depth:+.0%} price" if depth is not None else change.promotion_type
    said = (
        f"history holds {found.count} like events ({what}, same category, same festival or season); at least {FEWEST} are "
        "needed to say anything."
    )

    def count(episodes: Sequence[Episode]) -> int:
        return measure(episodes, history.demand, history.weekday, history.location, history.busy).count

    here = [one for one in pool if in_season(history.days[one.first], change.first)]
    nearest = nearest_supported(here, depth, count) if depth is not None else None
    if nearest is not None:
        return f"{said} Nearest supported on these days: {nearest[0]:+.0%} ({nearest[1]} like events)."
    same = [one for one in pool if depth is None or abs(one.change - depth) <= POINTS]
    months = months_with_enough(same, history.days, count)
    if months:
        shown = ", ".join(f"{calendar.month_name[month]} ({count})" for month, count in months)
        return f"{said} The same change is supported in: {shown}."
    anywhere = nearest_supported(pool, depth, count) if depth is not None else None
    if anywhere is not None:
        return f"{said} Nearest supported in any season: {anywhere[0]:+.0%} ({anywhere[1]} like events)."
    return f"{said} No other depth or month is supported either: choose more items of the category."
