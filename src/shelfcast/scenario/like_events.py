"""What history knows of events like the one planned: how many there were, what they sold, and what else they did.

A like event is a past price episode or promotion in the same category, with a price change within 5 points, in the same
festival or season (within 45 days of the same day of the year). Its uplift is demand in the episode over what the same
weekdays sold in the four weeks before. Associations, not causes: history held no experiment.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]

FEWEST = 5
"""With fewer like events nothing is said."""
POINTS = 0.05
SEASON_DAYS = 45
BEFORE_DAYS = 28
AFTER_DAYS = 14
FEWEST_DAYS_BEFORE = 10
FESTIVAL_REACH = 7
"""Days around a festival within which a price episode belongs to it."""


@dataclass(frozen=True)
class Episode:
    """A stretch of days on which one series was cheaper, dearer, or promoted."""

    series: int
    item: str
    first: int
    last: int
    """Indices of days."""
    change: float
    """Price change as a share; 0 where only promoted."""
    kind: str


@dataclass(frozen=True)
class LikeEvents:
    """Like events, one an item and beginning (its locations together)."""

    count: int
    uplift: Floats
    """Demand over what was usual: 1.3 = 30 % more. One a like event."""
    after: float | None
    """Demand of the two weeks after, over what was usual; below 1 = pulled forward."""
    neighbours: float | None
    """Demand of the category's other items meanwhile, over what was usual; below 1 = cannibalised."""
    same_festival: int = 0


def price_episodes(paths: Floats, items: Sequence[str], *, least: float = 0.03) -> list[Episode]:
    """Stretches on which a series' price differs from its usual one (the median of the year before) by at least a share.

    Args:
        paths: (series, days) prices; NaN where not known.
    """
    found: list[Episode] = []
    for series, path in enumerate(paths):
        known = np.isfinite(path)
        if not known.any():
            continue
        usual = float(np.median(path[known][-365:]))
        if usual <= 0:
            continue
        change = np.where(known, path / usual - 1.0, 0.0)
        away = np.abs(change) >= least
        edges = np.flatnonzero(np.diff(np.concatenate([[False], away, [False]]).astype(np.int8)))
        for first, end in zip(edges[::2], edges[1::2]):
            if end - first <= 60:  # longer is a new price, not an episode
                found.append(
                    Episode(series, items[series], int(first), int(end - 1), float(np.mean(change[first:end])), "price")
                )
    return found


def choose_like(
    episodes: Sequence[Episode], depth: float | None, season: date | None, days: Sequence[date], festival_days: Sequence[int],
    kind: str = "",
) -> list[Episode]:  # fmt: skip
    """Episodes like a planned one.

    Args:
        depth: planned price change as a share; None = any.
        season: a day of the planned event; None = any season.
        festival_days: indices of past days of the planned festival.
        kind: promotion type, where one is planned.
    """
    near = np.asarray(festival_days, dtype=np.int64)
    chosen = []
    for one in episodes:
        if kind and one.kind != kind:
            continue
        if depth is not None and abs(one.change - depth) > POINTS + 1e-9:
            continue
        in_festival = bool(near.size) and bool(
            ((near >= one.first - FESTIVAL_REACH) & (near <= one.last + FESTIVAL_REACH)).any()
        )
        if season is not None and not in_festival and not in_season(days[one.first], season):
            continue
        chosen.append(one)
    return chosen


def in_season(day: date, planned: date) -> bool:
    """Whether a past day lies in the season of a planned one, whatever the year.

    >>> in_season(date(2024, 12, 20), date(2026, 1, 10)), in_season(date(2024, 6, 1), date(2026, 1, 10))
    (True, False)
    """
    apart = abs(day.timetuple().tm_yday - planned.timetuple().tm_yday)
    return min(apart, 366 - apart) <= SEASON_DAYS


def measure(
    chosen: Sequence[Episode], demand: Floats, weekday: NDArray[np.integer], location: NDArray[np.integer],
    busy: NDArray[np.bool_], festival_days: Sequence[int] = (),
) -> LikeEvents:  # fmt: skip
    """Uplift, aftermath and neighbours of episodes.

    Args:
        demand: (series, days), NaN where not known; weekday: (days,); location: (series,).
        busy: (series, days) True on days of any episode, which are no measure of what is usual.
    """
    by_event: dict[tuple[str, int], list[tuple[float, float]]] = {}
    after_sum = after_usual = other_sum = other_usual = 0.0
    length = demand.shape[1]
    for one in chosen:
        usual = _usual(demand[one.series], weekday, busy[one.series], one.first)
        if usual is None:
            continue
        during = np.arange(one.first, one.last + 1)
        known = np.isfinite(demand[one.series, during])
        expected = usual[weekday[during]]
        if not known.any() or expected[known].sum() <= 0:
            continue
        pair = (float(demand[one.series, during][known].sum()), float(expected[known].sum()))
        by_event.setdefault((one.item, one.first // 7), []).append(pair)
        later = np.arange(one.last + 1, min(one.last + 1 + AFTER_DAYS, length))
        later = later[np.isfinite(demand[one.series, later]) & ~busy[one.series, later]]
        after_sum += float(demand[one.series, later].sum())
        after_usual += float(usual[weekday[later]].sum())
        mates = np.flatnonzero((location == location[one.series]) & (np.arange(len(location)) != one.series))[:20]
        for mate in mates:
            if busy[mate, during].any():
                continue
            theirs = _usual(demand[mate], weekday, busy[mate], one.first)
            if theirs is None:
                continue
            seen = np.isfinite(demand[mate, during])
            other_sum += float(demand[mate, during][seen].sum())
            other_usual += float(theirs[weekday[during]][seen].sum())
    uplift = np.array([sum(a for a, _ in pairs) / sum(b for _, b in pairs) for pairs in by_event.values()])
    near = np.asarray(festival_days, dtype=np.int64)
    inside = sum(
        bool(near.size) and bool((np.abs(near - first * 7) <= FESTIVAL_REACH + 7).any()) for _, first in by_event
    )
    return LikeEvents(
        len(by_event), uplift, after_sum / after_usual if after_usual > 0 else None,
        other_sum / other_usual if other_usual > 0 else None, int(inside),
    )  # fmt: skip


def _usual(demand: Floats, weekday: NDArray[np.integer], busy: NDArray[np.bool_], first: int) -> Floats | None:
    """Mean demand of each weekday in the quiet days before an episode; None where too few are known."""
    before = np.arange(max(0, first - BEFORE_DAYS), first)
    quiet = before[np.isfinite(demand[before]) & ~busy[before]]
    if len(quiet) < FEWEST_DAYS_BEFORE:
        return None
    overall = float(demand[quiet].mean())
    usual = np.full(7, overall)
    for day in range(7):
        mine = quiet[weekday[quiet] == day]
        if len(mine) >= 2:
            usual[day] = float(demand[mine].mean())
    return usual


def festival_uplift(
    demand: Floats, weekday: NDArray[np.integer], items: Sequence[str], occurrences: Sequence[Sequence[int]],
    busy: NDArray[np.bool_],
) -> LikeEvents:  # fmt: skip
    """Uplift of past occurrences of a festival: one like event an item and occurrence (its locations together)."""
    sums: dict[tuple[str, int], list[float]] = {}
    for number, days in enumerate(occurrences):
        inside = np.asarray(days, dtype=np.int64)
        for series in range(len(demand)):
            usual = _usual(demand[series], weekday, busy[series], int(inside[0]))
            if usual is None:
                continue
            known = np.isfinite(demand[series, inside])
            pair = sums.setdefault((items[series], number), [0.0, 0.0])
            pair[0] += float(demand[series, inside][known].sum())
            pair[1] += float(usual[weekday[inside]][known].sum())
    ratios = [got / wanted for got, wanted in sums.values() if wanted > 0]
    return LikeEvents(len(ratios), np.array(ratios), None, None, len(occurrences))


Count = Callable[[Sequence[Episode]], int]
"""How many like events some episodes make."""


def nearest_supported(episodes: Sequence[Episode], depth: float, count: Count) -> tuple[float, int] | None:
    """(price change, like events) of the change nearest to a planned one that enough events support."""
    steps = sorted({round(one.change / POINTS) * POINTS for one in episodes}, key=lambda one: abs(one - depth))
    for step in steps:
        events = count([one for one in episodes if abs(one.change - step) <= POINTS + 1e-9])
        if events >= FEWEST:
            return round(step, 4), events
    return None


def months_with_enough(episodes: Sequence[Episode], days: Sequence[date], count: Count) -> list[tuple[int, int]]:
    """(month, like events in its season) of the months around whose middle enough episodes lie, most first; three at most."""
    found = []
    for month in range(1, 13):
        events = count([one for one in episodes if in_season(days[one.first], date(2001, month, 15))])
        if events >= FEWEST:
            found.append((month, events))
    return sorted(found, key=lambda one: (-one[1], one[0]))[:3]
