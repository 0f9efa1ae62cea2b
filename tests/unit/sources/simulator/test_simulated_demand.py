"""What was put into the demand can be found in it again."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest

from shelfcast.sources.simulator import truth
from shelfcast.sources.simulator.categories import BY_NAME, CATEGORIES
from shelfcast.sources.simulator.festivals import FESTIVALS, festival_days
from shelfcast.sources.simulator.prices import price_changes
from shelfcast.sources.simulator.spec import DemandChange, ShopSpec
from shelfcast.sources.simulator.store_run import StoreRun, set_up_store
from shelfcast.sources.simulator.world import World, build_world


def test_elasticities_are_recovered_by_regression_on_unconstrained_demand(world: World, runs: list[StoreRun]) -> None:
    days, errors, found, true = world.spec.days, [], [], []
    display_of = world.promotions.display
    for i in np.argsort(-world.items.level)[:60]:
        rows, target = [], []
        for s, run in enumerate(runs):
            demand = run.setup.demand.demand[i, :days] / run.setup.terms.steps[i]
            listed = run.setup.demand.listed[i, :days]
            running = run.setup.prices.promotion[i, :days]
            # Days that pay a promotion back, festivals and launches are left out: the regression knows nothing of them.
            after = np.convolve(running >= 0, np.ones(16), "full")[:days] > 0
            quiet = np.abs(run.setup.days.festival[world.items.category[i], :days]) < 0.05
            keep = listed & ((running >= 0) | ~after) & quiet & (np.arange(days) > world.items.launch[i] + 90)
            if keep.sum() < 300:
                continue
            price = np.log(run.setup.prices.price[i, :days] / run.setup.prices.regular[i, 0])
            display = np.where(running >= 0, display_of[running], 0.0)
            t = np.arange(days)
            weekday = np.eye(7)[world.weekday[:days]]
            quarter = np.eye(13)[np.minimum(t // 90, 12)]
            year = np.column_stack([np.cos(2 * np.pi * t / 365.25), np.sin(2 * np.pi * t / 365.25)])
            store = np.zeros((days, len(runs)))
            store[:, s] = 1
            x = np.column_stack([price, display, weekday, quarter[:, 1:], year, store[:, 1:]])
            rows.append(x[keep])
            target.append(demand[keep])
        if not rows or np.mean(np.concatenate(target)) < 4:
            continue
        x, y = np.vstack(rows), np.concatenate(target)
        beta = poisson_regression(x, y)
        found.append(beta[0])
        true.append(world.items.elasticity[i])
        errors.append(beta[0] - world.items.elasticity[i])
    assert len(errors) > 40
    assert abs(np.mean(errors)) < 0.12
    assert np.median(np.abs(errors)) < 0.35
    assert np.corrcoef(found, true)[0, 1] > 0.6


def poisson_regression(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Maximum likelihood by iteratively reweighted least squares."""
    beta = np.linalg.lstsq(x.T @ x, x.T @ np.log(y + 0.5), rcond=None)[0]
    for _ in range(6):
        mean = np.exp(np.clip(x @ beta, -10, 10))
        weighted = x * mean[:, None]
        beta = beta + np.linalg.lstsq(x.T @ weighted, x.T @ (y - mean), rcond=None)[0]
    return beta


@pytest.mark.parametrize(
    ("category", "low", "high"), [("Sweets", 1.7, 4.5), ("Candles and lights", 2.5, 9.0), ("Meat and fish", 0.4, 0.85)]
)
def test_diwali_shows_in_indian_stores(
    world: World, runs: list[StoreRun], category: str, low: float, high: float
) -> None:
    ratios = []
    for run in (run for run in runs if run.setup.store.city.country == "IN"):
        total = run.setup.demand.demand[world.items.category == BY_NAME[category]].sum(axis=0)
        for day in (date(2024, 10, 31), date(2025, 10, 20)):
            at = (day - world.first_day).days
            ratios.append(total[at - 3 : at].mean() / total[at - 45 : at - 17].mean())
    assert low < np.mean(ratios) < high


def test_moving_festivals_move() -> None:
    diwali = next(f for f in FESTIVALS if f.name == "Diwali")
    assert festival_days(diwali, "IN", [2025, 2026]) == [date(2025, 10, 20), date(2026, 11, 8)]
    assert festival_days(diwali, "GB", [2026]) == [date(2026, 11, 8)]
    lunar = next(f for f in FESTIVALS if f.name == "Lunar New Year")
    assert festival_days(lunar, "SG", [2025, 2026]) == [date(2025, 1, 29), date(2026, 2, 17)]


def test_weekdays_follow_the_stores_profile(world: World, runs: list[StoreRun]) -> None:
    for run in runs:
        days = world.spec.days
        for name in ("Bakery", "Snacks"):
            c = BY_NAME[name]
            total = run.setup.demand.demand[world.items.category == c, :days].sum(axis=0).astype(float)
            seen = np.log([total[(world.weekday[:days] == d) & run.setup.days.open[:days]].mean() for d in range(7)])
            assert np.abs(seen - seen.mean() - run.setup.days.week[c]).max() < 0.07


def test_seasons_and_weather_are_felt(world: World, runs: list[StoreRun]) -> None:
    run = next(run for run in runs if run.setup.store.city.country == "GB")
    total = run.setup.demand.demand[world.items.category == BY_NAME["Ice cream"], : world.spec.days].sum(axis=0)
    month = world.dates[: world.spec.days].astype("datetime64[M]").astype(int) % 12
    assert total[month == 6].mean() > 2.5 * total[month == 0].mean()
    rain = run.setup.days.weather.precipitation_mm[: world.spec.days]
    coats = run.setup.demand.demand[world.items.category == BY_NAME["Rainwear"], : world.spec.days].sum(axis=0)
    assert coats[rain > 5].mean() > 1.2 * coats[rain == 0].mean()


def test_promotions_lift_demand_by_their_uplift_and_dip_after(world: World, runs: list[StoreRun]) -> None:
    """Ratio of demand to the mean it would have had, over all promotions: what truth says."""
    uplift = truth.promotions(world)["uplift"].to_numpy()
    during, planned, after = [], [], []
    for run in runs:
        expected, running = run.setup.demand.expected, run.setup.prices.promotion
        for p in range(world.promotions.count):
            i, first, last = world.promotions.item[p], world.promotions.first[p], world.promotions.last[p]
            if running[i, first] != p or first < 30 or last + 20 >= world.spec.days or world.promotions.festival[p]:
                continue
            before = expected[i, first - 21 : first].mean()
            if (
                before > 0
                and not (running[i, first - 21 : first] >= 0).any()
                and not (running[i, last + 1 : last + 8] >= 0).any()
            ):
                during.append(expected[i, first : last + 1].mean() / before)
                planned.append(uplift[p])
                after.append(expected[i, last + 1 : last + 8].mean() / before)
    assert np.mean(during) == pytest.approx(np.mean(planned), rel=0.08)
    assert np.corrcoef(during, planned)[0, 1] > 0.8
    assert np.median(after) < 0.93


def test_planned_promotions_and_their_prices_are_known_weeks_before(world: World, runs: list[StoreRun]) -> None:
    p = world.promotions
    assert ((p.first - p.known >= 14) & (p.first - p.known <= 35)).all()
    planned = (p.first >= world.spec.days) & (p.known < world.spec.days)
    assert planned.any(), "a shop has plans"
    prices = runs[0].setup.prices
    item, day, known = price_changes(prices, p, world.items, -(10**6), world.spec.days)
    assert (known < world.spec.days).all()
    assert ((day > known) | (day == np.maximum(world.items.launch[item], 0))).all()
    # The price list known at the end, followed day by day, is the price charged, as far as plans go.
    charged = np.zeros_like(prices.price)
    for i, t in zip(item, day, strict=True):
        charged[i, t:] = prices.price[i, t]
    day_number = np.arange(world.spec.span)[None, :]
    on_sale = (day_number >= np.maximum(world.items.launch, 0)[:, None]) & (day_number <= world.items.end[:, None])
    past = np.s_[:, : world.spec.days]
    assert np.array_equal(charged[past][on_sale[past]], prices.price[past][on_sale[past]])


def test_new_items_grow_and_ending_items_fade(world: World, runs: list[StoreRun]) -> None:
    items, days = world.items, world.spec.days
    new = np.flatnonzero((items.launch > 0) & (items.launch < days - 120))
    assert len(new) > 5
    total = sum(run.setup.demand.expected for run in runs)
    early = np.array([total[i, items.launch[i] : items.launch[i] + 7].mean() for i in new])
    late = np.array([total[i, items.launch[i] + 60 : items.launch[i] + 120].mean() for i in new])
    assert np.median(early / late) < 0.6
    for i in new:
        assert not any(run.setup.demand.listed[i, : items.launch[i]].any() for run in runs)
    ended = np.flatnonzero(items.end < days)
    for i in ended:
        assert not any(run.setup.demand.listed[i, items.end[i] + 1 :].any() for run in runs)
    referred = items.reference >= 0
    assert (items.category[referred] == items.category[items.reference[referred]]).all()


def test_slow_sellers_are_there(world: World, runs: list[StoreRun]) -> None:
    demand = runs[0].setup.demand
    listed = demand.listed[:, : world.spec.days]
    zero = np.array(
        [
            (demand.demand[i, : world.spec.days][listed[i]] == 0).mean()
            for i in range(world.items.count)
            if listed[i].any()
        ]
    )
    assert (zero > 0.8).mean() > 0.05
    assert (zero < 0.1).mean() > 0.15


def test_a_planted_change_changes_its_category_only() -> None:
    spec = ShopSpec(stores=1, items=60, days=200)
    change = DemandChange(date(2026, 8, 1), 0.5, category="Dairy")
    plain, changed = (
        set_up_store(world, world.stores[0]).demand.expected
        for world in (build_world(spec), build_world(ShopSpec(stores=1, items=60, days=200, demand_changes=(change,))))
    )
    world = build_world(spec)
    at = (change.first_day - spec.first_day).days
    dairy = world.items.category == BY_NAME["Dairy"]
    assert np.array_equal(plain[:, :at], changed[:, :at])
    assert np.array_equal(plain[~dairy], changed[~dairy])
    assert np.allclose(changed[dairy, at:], 0.5 * plain[dairy, at:], rtol=1e-5)


def test_categories_are_named_once_and_festivals_lift_known_ones() -> None:
    assert len(BY_NAME) == len(CATEGORIES) == len({c.code for c in CATEGORIES})
    for festival in FESTIVALS:
        assert set(festival.lifts) <= set(BY_NAME)


def test_truth_of_items_has_a_row_each(world: World) -> None:
    rows = truth.items(world)
    assert rows["item_id"].n_unique() == rows.height == world.items.count
    assert rows.select(pl.col("elasticity").max()).item() < 0
