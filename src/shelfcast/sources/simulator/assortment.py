"""The stores and the items: drawn once, with everything true about each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shelfcast.sources.simulator.categories import BRANDS, CATEGORIES, VARIETIES
from shelfcast.sources.simulator.geography import CITIES, WEEKDAY_PROFILES, City
from shelfcast.sources.simulator.spec import ShopSpec

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
NEVER = 10**6
"""Day number standing for "no end"."""


@dataclass(frozen=True)
class Store:
    """One store, with what is true of it."""

    index: int
    location_id: str
    name: str
    city: City
    kind: str
    size: float
    """Demand against a middling store."""
    zone: int
    """Price zone."""
    opens: float
    """Local hour of day."""
    closes: float
    """Local hour; over 24 = after midnight."""
    floor_m2: int

    @property
    def day_start(self) -> str:
        return "04:00" if self.closes > 24 else "00:00"


@dataclass(frozen=True)
class Items:
    """All items, one entry each in every array."""

    item_id: list[str]
    name: list[str]
    brand: list[str]
    category: Integers
    """Index into CATEGORIES."""
    subcategory: Integers
    """Number of the subcategory, counted over all categories."""
    subcategory_name: list[str]
    level: Floats
    """Expected units a day in a middling store on a middling day."""
    price: Floats
    """Regular price in zone 0 at the start."""
    unit_cost: Floats
    elasticity: Floats
    festival_sense: Floats
    """How strongly the item follows its category's festivals."""
    display: Floats
    pull_forward: Floats
    trend_per_year: Floats
    pack: Integers
    """Pack size in stock units (whole kilograms for weighed goods)."""
    launch: Integers
    """First day on sale as a day number; at or below 0 = before the history."""
    end: Integers
    """Last day on sale; NEVER = no end."""
    reference: Integers
    """Item a new one is like, -1 = none declared."""
    reference_scale: Floats

    @property
    def count(self) -> int:
        return len(self.item_id)


def make_stores(spec: ShopSpec, generator: np.random.Generator) -> list[Store]:
    """Stores in the order of the cities; a second round through the cities gives second stores."""
    kinds = sorted(WEEKDAY_PROFILES)
    stores = []
    width = max(2, len(str(spec.stores)))
    for index in range(spec.stores):
        city = CITIES[index % len(CITIES)]
        again = index // len(CITIES)
        kind = kinds[int(generator.choice(len(kinds), p=(0.25, 0.25, 0.5)))]
        size = float(np.exp(generator.normal(0.0, 0.32)))
        late = city.country == "AE"
        stores.append(
            Store(
                index=index,
                location_id=f"S{index + 1:0{width}d}",
                name=f"{city.name}{f' {again + 1}' if again else ''} {kind}",
                city=city,
                kind=kind,
                size=size,
                zone=int(generator.integers(0, 3)),
                opens=10.0 if late else float(generator.choice([7, 8, 9])),
                closes=25.0 if late else float(generator.choice([21, 22])),
                floor_m2=int(round(900 * size, -1)),
            )
        )
    return stores


def make_items(spec: ShopSpec, generator: np.random.Generator) -> Items:
    """Items spread over the categories by their share, interleaved so that a small shop has something of each."""
    n = spec.items
    category = _spread_over_categories(n)
    code_count: dict[int, int] = {}
    item_id, name, brand, subcategory_name = [], [], [], []
    first_subcategory = np.cumsum([0, *(len(c.subcategories) for c in CATEGORIES)])
    subcategory = np.zeros(n, dtype=np.int64)
    digits = max(3, len(str(n // 10)))
    for i in range(n):
        kind = CATEGORIES[category[i]]
        number = code_count[category[i]] = code_count.get(int(category[i]), 0) + 1
        sub = (number - 1) % len(kind.subcategories)
        subcategory[i] = first_subcategory[category[i]] + sub
        subcategory_name.append(kind.subcategories[sub])
        brand.append(str(generator.choice(BRANDS)))
        item_id.append(f"{kind.code}-{number:0{digits}d}")
        name.append(f"{brand[-1]} {generator.choice(VARIETIES)} {kind.subcategories[sub]}")

    def by_category(field: str) -> Floats:
        return np.array([getattr(c, field) for c in CATEGORIES], dtype=np.float64)[category]

    level = by_category("units_per_day") * np.exp(by_category("spread") * generator.normal(size=n))
    slow = generator.random(n) < by_category("slow_share")
    level = np.where(slow, np.minimum(level, 0.03 + 0.22 * generator.random(n)), level)
    low = np.array([c.prices[0] for c in CATEGORIES])[category]
    high = np.array([c.prices[1] for c in CATEGORIES])[category]
    price = low * (high / low) ** generator.beta(1.6, 2.2, n)
    margin = np.clip(by_category("margin") + generator.normal(0, 0.04, n), 0.08, 0.7)
    # What is dearer than the category's middle sells a little less.
    level = level * (price / np.sqrt(low * high)) ** -0.35
    price = psychological(price)
    launch, end = _lives(spec, generator, n)
    reference, scale = _references(category, level, launch, end, spec, generator)
    cases = np.array([1, 2, 4, 6, 8, 10, 12, 15, 18, 24, 30, 36, 48])
    life = by_category("life_days")
    days_a_pack = generator.uniform(2.0, 5.0, n) * np.where(life > 0, np.minimum(1.0, life / 14), 1.0)
    wanted = level * days_a_pack
    pack = cases[np.abs(np.log(cases[None, :] / np.maximum(wanted, 0.8)[:, None])).argmin(axis=1)]
    return Items(
        item_id=item_id,
        name=name,
        brand=brand,
        category=category,
        subcategory=subcategory,
        subcategory_name=subcategory_name,
        level=level,
        price=price,
        unit_cost=np.round(price * (1 - margin), 3),
        elasticity=np.minimum(by_category("elasticity") * np.exp(0.16 * generator.normal(size=n)), -0.3),
        festival_sense=np.exp(0.25 * generator.normal(size=n)),
        display=by_category("display") * np.exp(0.25 * generator.normal(size=n)),
        pull_forward=np.clip(by_category("pull_forward") * np.exp(0.2 * generator.normal(size=n)), 0, 0.8),
        trend_per_year=np.clip(generator.normal(0.01, 0.06, n), -0.2, 0.2),
        pack=pack,
        launch=launch,
        end=end,
        reference=reference,
        reference_scale=scale,
    )


def psychological(price: Floats) -> Floats:
    """Prices as shops write them: ending in 9 below 20, in .99 above; never under 0.19.

    >>> psychological(np.array([1.23, 7.0, 33.4])).tolist()
    [1.19, 6.99, 32.99]
    """
    low = np.round(price * 10) / 10 - 0.01
    high = np.round(price) - 0.01
    return np.maximum(np.round(np.where(price < 20, low, high), 2), 0.19)


def _spread_over_categories(n: int) -> Integers:
    """Category of each item: every prefix holds about the right shares (largest shortfall first), in category order."""
    share = np.array([c.share for c in CATEGORIES], dtype=np.float64)
    share /= share.sum()
    given = np.zeros(len(CATEGORIES))
    picks = np.zeros(n, dtype=np.int64)
    for i in range(n):
        pick = int(np.argmax(share * (i + 1) - given))
        given[pick] += 1
        picks[i] = pick
    return np.sort(picks)


def _lives(spec: ShopSpec, generator: np.random.Generator, n: int) -> tuple[Integers, Integers]:
    """Launch and end: most items are there all the time; some are new, some about to come, some gone or going."""
    luck = generator.random(n)
    launch = np.full(n, -NEVER)
    end = np.full(n, NEVER)
    new = luck < 0.07
    launch[new] = generator.integers(1, max(2, spec.days), int(new.sum()))
    fresh = (luck >= 0.07) & (luck < 0.09)
    launch[fresh] = spec.days - generator.integers(1, min(29, spec.days), int(fresh.sum()))
    coming = (luck >= 0.09) & (luck < 0.10)
    launch[coming] = spec.days + generator.integers(1, 28, int(coming.sum()))
    gone = (luck >= 0.10) & (luck < 0.14)
    end[gone] = generator.integers(max(1, spec.days // 4), max(2, spec.days), int(gone.sum()))
    going = (luck >= 0.14) & (luck < 0.155)
    end[going] = spec.days + generator.integers(3, 35, int(going.sum()))
    return launch.astype(np.int64), end.astype(np.int64)


def _references(
    category: Integers, level: Floats, launch: Integers, end: Integers, spec: ShopSpec, generator: np.random.Generator
) -> tuple[Integers, Floats]:
    """For about two in three items launched in the last half year or later: an established item like it."""
    reference = np.full(len(category), -1)
    scale = np.ones(len(category))
    established = (launch <= 0) & (end == NEVER)
    for i in np.flatnonzero((launch > max(0, spec.days - 183)) & (generator.random(len(category)) < 0.67)):
        likely = np.flatnonzero(established & (category == category[i]))
        if len(likely):
            pick = likely[np.abs(np.log(level[likely] / level[i])).argmin()]
            reference[i] = pick
            scale[i] = round(float(level[i] / level[pick]), 2)
    return reference.astype(np.int64), scale
