"""What customers want: expected demand of every item and day of a store, and the demand drawn from it.

log(expected) = level + liking + trend + slow noise + weekday + season + weather + festival
                + elasticity * log(price / first price) + display + dip after a promotion - neighbours' promotions
                + launch and phase-out
demand ~ negative binomial(expected, size)   (weighed goods: that many customers, each taking a portion)
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from shelfcast.sources.simulator.assortment import Items
from shelfcast.sources.simulator.categories import CATEGORIES
from shelfcast.sources.simulator.draws import DEMAND, TREND, WEIGHT, count, normal_quantile, stream_key, uniform
from shelfcast.sources.simulator.prices import StorePrices
from shelfcast.sources.simulator.world import WEEK_MEMORY, StoreWorld, World

SERIES_NOISE = 0.16
"""Spread of a series' own slow ups and downs (standard deviation of the logarithm)."""
DIP_DAYS = 14
"""A promotion's pull-forward is paid back over this many days."""
LAUNCH_DAYS = 18.0
"""After so many days a new item has lost all but 1/e of its initial gap."""
LAUNCH_GAP = 0.75
PHASE_OUT_DAYS = 45
PHASE_OUT_DROP = 0.9
ANTICIPATION = 0.85
"""Share of the known effects (weekday, season, festival, promotion) the shop's own planning foresees."""


def steps_per_unit(items: Items) -> NDArray[np.int64]:
    """Smallest sellable amounts in a stock unit: 1 for pieces, 1,000 (grams) for weighed goods.

    Stock is counted in these whole steps, so that balances are exact.
    """
    return np.array([1000 if CATEGORIES[c].unit == "kg" else 1 for c in items.category], dtype=np.int64)


@dataclass(frozen=True)
class StoreDemand:
    """One store's demand, arrays of shape (items, span)."""

    expected: NDArray[np.float32]
    """Mean of the demand, in stock units."""
    demand: NDArray[np.int32]
    """What customers wanted, in steps."""
    plan: NDArray[np.float32]
    """The shop's own idea of the day against the item's level: 1 = a middling day, 0 = not on sale."""
    listed: NDArray[np.bool_]
    """On sale in an open store."""


def store_demand(world: World, days: StoreWorld, prices: StorePrices) -> StoreDemand:
    """Expected and drawn demand of a store, over history and future."""
    items, spec = world.items, world.spec
    category = items.category
    promotion = prices.promotion
    display = np.zeros(promotion.shape, dtype=np.float32)
    if world.promotions.count:
        # Display works by the item's own strength; index -1 (no promotion) is masked out.
        display = np.where(promotion >= 0, world.promotions.display.astype(np.float32)[promotion], np.float32(0))
    reference = prices.regular[:, 0]
    base = np.log(items.level) + np.log(days.store.size) + days.affinity
    neighbours = _neighbour_effect(
        prices.price, prices.regular, display, items.elasticity, items.display, items.subcategory,
        int(items.subcategory.max()) + 1,
    )  # fmt: skip
    expected = np.empty(promotion.shape, dtype=np.float32)
    plan = np.empty_like(expected)
    demand = np.empty(promotion.shape, dtype=np.int32)
    _fill(
        expected, plan, demand, spec.seed, days.store.index, base, items.trend_per_year / 365.25, category,
        world.weekday, days.open, days.week, days.season, days.weather_effect + days.change, days.festival,
        items.festival_sense, days.noise, world.item_noise, prices.price, reference, prices.regular, display,
        items.elasticity, items.display, items.pull_forward, items.subcategory, neighbours,
        np.array([c.cannibalisation for c in CATEGORIES])[category],
        np.bincount(items.subcategory, minlength=neighbours.shape[0]), items.launch, items.end,
        np.array([c.dispersion for c in CATEGORIES])[category],
        np.array([c.portion for c in CATEGORIES])[category], steps_per_unit(items),
    )  # fmt: skip
    return StoreDemand(expected, demand, plan, plan > 0)


@njit(cache=True)
def _neighbour_effect(price, regular, display, elasticity, display_strength, group, groups):  # type: ignore[no-untyped-def]
    """Sum of the promotion effects of a subcategory's items, by day: shape (groups, span)."""
    total = np.zeros((groups, price.shape[1]), dtype=np.float32)
    for i in range(price.shape[0]):
        for t in range(price.shape[1]):
            if price[i, t] < regular[i, t]:
                gain = elasticity[i] * math.log(price[i, t] / regular[i, t]) + display_strength[i] * display[i, t]
                total[group[i], t] += np.float32(gain)
    return total


@njit(cache=True)
def _fill(  # type: ignore[no-untyped-def]
    expected, plan, demand, seed, store, base, trend, category, weekday, open_day, week, season, other, festival,
    sense, store_noise, item_noise, price, reference, regular, display, elasticity, display_strength, pull, group,
    neighbours, loss, group_size, launch, end, size, portion, steps,
):  # fmt: skip
    items, span = price.shape
    for i in range(items):
        c = category[i]
        trend_key = stream_key(seed, TREND, store * 1_000_003 + i)
        demand_key = stream_key(seed, DEMAND, store * 1_000_003 + i)
        weight_key = stream_key(seed, WEIGHT, store * 1_000_003 + i)
        weekly = SERIES_NOISE * normal_quantile(uniform(trend_key, 0))
        following = weekly
        innovation = SERIES_NOISE * math.sqrt(1.0 - WEEK_MEMORY * WEEK_MEMORY)
        gain, dip_left, dip = 0.0, 0, 0.0
        for t in range(span):
            if t % 7 == 0:
                weekly = following
                following = WEEK_MEMORY * weekly + innovation * normal_quantile(uniform(trend_key, t // 7 + 1))
            share = (t % 7) / 7.0
            # The promotion's books are kept on closed days too.
            off = math.log(price[i, t] / regular[i, t]) if price[i, t] < regular[i, t] else 0.0
            if off < 0.0:
                gain = elasticity[i] * off + display_strength[i] * display[i, t]
                dip_left, dip = DIP_DAYS, pull[i] * gain
            elif dip_left > 0:
                dip_left -= 1
            paid_back = dip * dip_left / DIP_DAYS if off == 0.0 else 0.0
            if not open_day[t] or t < launch[i] or t > end[i]:
                expected[i, t] = 0.0
                plan[i, t] = 0.0
                demand[i, t] = 0
                continue
            own = elasticity[i] * math.log(price[i, t] / reference[i]) + display_strength[i] * display[i, t]
            rivals = neighbours[group[i], t] - (gain if off < 0.0 else 0.0)
            known = week[c, weekday[t]] + season[c, t] + sense[i] * festival[c, t] + own - paid_back
            if group_size[group[i]] > 1 and rivals > 0.0:
                known -= loss[i] * rivals / (group_size[group[i]] - 1) * min(group_size[group[i]] - 1, 4)
            slow = weekly + share * (following - weekly)
            slow += item_noise[i, t // 7] + share * (item_noise[i, t // 7 + 1] - item_noise[i, t // 7])
            mean = base[i] + trend[i] * t + slow + store_noise[t] + known + other[c, t]
            if launch[i] > 0:
                mean += math.log(1.0 - LAUNCH_GAP * math.exp(-(t - launch[i]) / LAUNCH_DAYS))
            if end[i] - t < PHASE_OUT_DAYS:
                mean -= PHASE_OUT_DROP * (1.0 - (end[i] - t) / PHASE_OUT_DAYS)
            units = math.exp(mean)
            expected[i, t] = units
            plan[i, t] = math.exp(ANTICIPATION * known)
            customers = count(units / portion[i], size[i], uniform(demand_key, t))
            if steps[i] == 1 or customers == 0:
                demand[i, t] = customers
            else:
                luck = normal_quantile(uniform(weight_key, t))
                weight = customers * portion[i] * max(0.35, 1.0 + 0.25 / math.sqrt(customers) * luck)
                demand[i, t] = int(round(weight * steps[i]))
