"""Fixed and moving festivals: when they are, and what they do to demand before, on and after the day."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from shelfcast.sources.simulator.categories import BY_NAME, CATEGORIES

PAY_DAY = "Pay day"
PAY_DAY_EFFECT = 0.07
PUBLIC_HOLIDAY_EFFECT = 0.06
BEFORE_CLOSURE_EFFECT = 0.18
RISE = 1.5
"""Power of the rise towards a festival."""


@dataclass(frozen=True)
class Festival:
    """A festival. Lifts are on the logarithm of demand, at the peak, where the festival is kept by everybody."""

    name: str
    holiday_names: tuple[str, ...]
    """Names under which `holidays` lists it (without notes in brackets)."""
    reference_country: str
    """Whose calendar gives the date where the store's own country does not list it."""
    lead_days: int
    lag_days: int
    strength: dict[str, float]
    """By country: 1 = everybody keeps it."""
    lifts: dict[str, float]
    day_itself: float = 0.4
    """Share of the peak lift on the day."""
    dip: float = 0.35
    """Share of the peak lift (of the positive ones) missing on the day after, fading over the lag."""
    quiet: float = 0.0
    """Effect on everything on the day: shops half empty."""
    closed: dict[str, int] = field(default_factory=dict)
    """By country: days the shops stay shut from the day on."""


FESTIVALS: tuple[Festival, ...] = (
    Festival("Diwali", ("Diwali", "Deepavali"), "IN", 14, 6, {"IN": 1.0, "SG": 0.40, "GB": 0.30, "AE": 0.45, "US": 0.20},
             {"Sweets": 1.15, "Candles and lights": 1.70, "Snacks": 0.50, "Staples": 0.45, "Dairy": 0.30, "Toys and gifts": 0.75,
              "Kitchenware": 0.85, "Cleaning": 0.30, "Meat and fish": -0.45, "Soft drinks": 0.25, "Batteries and bulbs": 0.35},
             quiet=-0.10),
    Festival("Holi", ("Holi",), "IN", 6, 3, {"IN": 1.0, "AE": 0.25, "GB": 0.10, "US": 0.08, "SG": 0.10},
             {"Sweets": 0.75, "Snacks": 0.40, "Soft drinks": 0.55, "Dairy": 0.25, "Meat and fish": -0.25}, closed={"IN": 1}),
    Festival("Eid al-Fitr", ("Eid al-Fitr", "Hari Raya Puasa"), "SG", 12, 5, {"AE": 1.0, "IN": 0.30, "SG": 0.30, "GB": 0.15, "US": 0.06},
             {"Meat and fish": 0.80, "Sweets": 0.90, "Dairy": 0.35, "Staples": 0.45, "Soft drinks": 0.45, "Fruit and vegetables": 0.25,
              "Toys and gifts": 0.60}, closed={"AE": 1}),
    Festival("Eid al-Adha", ("Eid al-Adha", "Hari Raya Haji"), "SG", 7, 4, {"AE": 1.0, "IN": 0.25, "SG": 0.25, "GB": 0.12, "US": 0.05},
             {"Meat and fish": 0.60, "Sweets": 0.50, "Staples": 0.30, "Soft drinks": 0.25}),
    Festival("Lunar New Year", ("Chinese New Year",), "SG", 14, 6, {"SG": 1.0, "GB": 0.08, "US": 0.08, "AE": 0.05, "IN": 0.02},
             {"Sweets": 0.80, "Fruit and vegetables": 0.50, "Snacks": 0.70, "Soft drinks": 0.60, "Meat and fish": 0.40,
              "Toys and gifts": 0.40, "Cleaning": 0.30, "Candles and lights": 0.40}, quiet=-0.25, closed={"SG": 1}),
    Festival("Christmas", ("Christmas Day", "Christmas"), "GB", 21, 7, {"GB": 1.0, "US": 1.0, "SG": 0.45, "IN": 0.18, "AE": 0.30},
             {"Toys and gifts": 1.50, "Sweets": 0.85, "Candles and lights": 0.70, "Meat and fish": 0.50, "Frozen food": 0.40, "Bakery": 0.25,
              "Soft drinks": 0.40, "Snacks": 0.50, "Batteries and bulbs": 0.60, "Kitchenware": 0.40, "Sun care": -0.10},
             day_itself=0.0, quiet=-0.40, closed={"GB": 2, "US": 1}),
    Festival("New Year", ("New Year's Day",), "GB", 4, 3, {"GB": 0.6, "US": 0.6, "SG": 0.5, "IN": 0.4, "AE": 0.5},
             {"Soft drinks": 0.55, "Snacks": 0.55, "Sweets": 0.25, "Cleaning": -0.15}, quiet=-0.20, closed={"GB": 1}),
    Festival("Easter", ("Good Friday",), "GB", 12, 4, {"GB": 1.0, "US": 0.7, "SG": 0.10, "IN": 0.06, "AE": 0.08},
             {"Sweets": 1.0, "Bakery": 0.30, "Meat and fish": 0.25, "Toys and gifts": 0.30}),
    Festival("Thanksgiving", ("Thanksgiving Day", "Thanksgiving"), "US", 8, 3, {"US": 1.0},
             {"Meat and fish": 0.70, "Bakery": 0.40, "Dairy": 0.35, "Frozen food": 0.30, "Staples": 0.35, "Fruit and vegetables": 0.30},
             day_itself=0.1, quiet=-0.30, closed={"US": 1}),
)  # fmt: skip


@dataclass(frozen=True)
class Occasion:
    """A day with a name in a country."""

    name: str
    event_type: str
    country: str
    day: date


@lru_cache(maxsize=256)
def _listed(country: str, year: int) -> tuple[tuple[date, str], ...]:
    """Public holidays of a country and year, names without notes."""
    import holidays

    found = holidays.country_holidays(country, years=year, observed=False, language="en_US")
    return tuple(
        (day, name.split(" (")[0].strip()) for day, names in sorted(found.items()) for name in str(names).split("; ")
    )


def festival_days(festival: Festival, country: str, years: Iterable[int]) -> list[date]:
    """First days of a festival as kept in a country (its own calendar, else the reference country's)."""
    wanted = set(festival.holiday_names)
    days: list[date] = []
    for year in years:
        for calendar in (country, festival.reference_country):
            found = [day for day, name in _listed(calendar, year) if name in wanted]
            if found:
                days.extend(found)
                break
    starts: list[date] = []
    for day in sorted(set(days)):
        if not starts or (day - starts[-1]).days > 5:
            starts.append(day)
    return starts


def occasions(country: str, first: date, last: date) -> list[Occasion]:
    """Festivals, public holidays and pay days of a country between two days, by day and name."""
    years = range(first.year - 1, last.year + 1)
    found: dict[tuple[str, date], Occasion] = {}
    names: set[str] = set()
    for festival in FESTIVALS:
        names.update(festival.holiday_names)
        if festival.strength.get(country, 0.0) >= 0.05:
            for day in festival_days(festival, country, years):
                found[festival.name, day] = Occasion(festival.name, "festival", country, day)
    for year in years:
        for day, name in _listed(country, year):
            if name not in names:
                found[name, day] = Occasion(name, "public_holiday", country, day)
        for month in range(1, 13):
            found[PAY_DAY, date(year, month, 25)] = Occasion(PAY_DAY, "pay", country, date(year, month, 25))
    kept = [occasion for occasion in found.values() if first <= occasion.day <= last]
    return sorted(kept, key=lambda occasion: (occasion.day, occasion.name))


def closed_days(country: str, first: date, last: date) -> set[date]:
    """Days on which the country's shops stay shut."""
    closed: set[date] = set()
    for festival in FESTIVALS:
        for day in festival_days(festival, country, range(first.year - 1, last.year + 2)):
            closed.update(day + timedelta(days=shift) for shift in range(festival.closed.get(country, 0)))
    return {day for day in closed if first <= day <= last}


def shape(festival: Festival, offset: int, lift: float) -> float:
    """Share of the peak lift `offset` days from the festival (negative: before).

    Rises ever faster towards the eve, then `day_itself`, then a dip that fades (only where there was a lift).

    >>> diwali = FESTIVALS[0]
    >>> round(shape(diwali, -1, 1.0), 2), round(shape(diwali, -14, 1.0), 3), shape(diwali, -15, 1.0)
    (1.0, 0.019, 0.0)
    """
    if -festival.lead_days <= offset < 0:
        return ((festival.lead_days + 1 + offset) / festival.lead_days) ** RISE
    if offset == 0:
        return festival.day_itself
    if 0 < offset <= festival.lag_days and lift > 0:
        return -festival.dip * (1 - (offset - 1) / festival.lag_days)
    return 0.0


def festival_effects(country: str, first: date, days: int, closed: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Effect on the logarithm of demand of all occasions of a country: shape (categories, days).

    `closed` marks the store's closed days: the open day before one sells more.
    """
    effect = np.zeros((len(CATEGORIES), days))
    last = first + timedelta(days=days - 1)
    years = range(first.year - 1, last.year + 2)
    for festival in FESTIVALS:
        strength = festival.strength.get(country, 0.0)
        for day in festival_days(festival, country, years):
            at = (day - first).days
            for offset in range(-festival.lead_days, festival.lag_days + 1):
                if 0 <= at + offset < days:
                    for name, lift in festival.lifts.items():
                        effect[BY_NAME[name], at + offset] += strength * lift * shape(festival, offset, lift)
            if 0 <= at < days:
                effect[:, at] += strength * festival.quiet
    for occasion in occasions(country, first, last):
        at = (occasion.day - first).days
        if occasion.event_type == "public_holiday":
            effect[:, at] += PUBLIC_HOLIDAY_EFFECT
        elif occasion.event_type == "pay":
            effect[:, at : at + 4] += PAY_DAY_EFFECT * (1 - 0.25 * np.arange(min(4, days - at)))
    before = np.zeros(days)
    before[:-1] = closed[1:] & ~closed[:-1]
    return np.asarray(effect + BEFORE_CLOSURE_EFFECT * before)
