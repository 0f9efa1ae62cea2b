"""Replay: no look-ahead, paired worlds, baselines, key figures against slow sums, intervals, frontier."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from shelfcast.domain.errors import BadParameter
from shelfcast.replenish import replay_baselines as baselines
from shelfcast.replenish.replay import from_window_demand, levels_by_day, replay, world
from shelfcast.replenish.replay_kpis import KPIS, Money, compare, frontier, item_kpis, plot_frontier, roll_up
from shelfcast.replenish.simulation import ItemTerms
from shelfcast.replenish.simulation_policies import OrderUpTo, cover

MONEY = Money(unit_cost=2.0, unit_price=3.0, holding_cost_per_day=0.01, order_cost=0.1, disposal_cost=0.2)


def shop(items: int = 60, days: int = 200, **more):  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(11)
    demand = rng.poisson(rng.gamma(2, 2, items)[:, None] * np.array([1, 1, 1, 1, 1.5, 2, 0.5])[np.arange(days) % 7])
    return world(demand, **{"lead_time_days": 2, "review_period_days": 2, "terms": ItemTerms(pack_size=3), **more})


def test_a_source_never_sees_a_later_day() -> None:
    setting = shop(4, 60)
    seen = []

    def source(known):  # type: ignore[no-untyped-def]
        seen.append((known.day, known.sales.shape, known.censored.shape))
        assert known.sales.base is None
        assert np.array_equal(known.sales, setting.sales[:, : known.day + 1])
        with pytest.raises(ValueError, match="read-only"):
            known.sales[0, 0] = 1.0
        return known.sales.mean(axis=1) * known.window_days

    levels = levels_by_day(setting, source)
    assert seen == [(day, (4, day + 1), (4, day + 1)) for day in range(0, 60, 2)]
    assert np.isnan(levels[:, 1::2]).all()
    assert not np.isnan(levels[:, ::2]).any()


def test_the_future_does_not_change_what_was_decided() -> None:
    setting = shop(5, 80)
    changed = setting.demand.copy()
    changed[:, 50:] *= 3
    other = world(changed, lead_time_days=2, review_period_days=2, terms=ItemTerms(pack_size=3))
    for make in (baselines.cover_policy, baselines.min_max_policy):
        before, after = make(setting).levels(5, 80)[0], make(other).levels(5, 80)[0]
        assert np.array_equal(before[:, :50], after[:, :50])


def test_the_vectorised_cover_baseline_equals_the_day_by_day_source() -> None:
    setting = shop(6, 90)
    source = from_window_demand(
        lambda known: (known.sales[:, -28:].mean(axis=1), known.window_days), lambda parts: parts[0] * (parts[1] + 2)
    )
    found = levels_by_day(setting, source)
    asked = ~np.isnan(found)
    assert np.allclose(found[asked], baselines.cover_policy(setting, 2.0).levels(6, 90)[0][asked])


def test_windows_and_cycles_of_every_second_day() -> None:
    setting = shop(2, 60)
    assert set(setting.windows[0, ::2][:-1].tolist()) == {2 + 2 - 1}
    cycles = []
    levels_by_day(setting, lambda known: cycles.append(known.cycle_days[0]) or np.zeros(2))
    assert set(cycles) == {2}


def test_days_out_of_stock_are_not_learned_from() -> None:
    sales = np.full((1, 60), 4.0)
    sales[0, ::2] = 0.0
    hidden = np.zeros((1, 60), bool)
    hidden[0, ::2] = True
    setting = world(np.full((1, 60), 4.0), sales=sales, censored=hidden)
    mean, sd = baselines.trailing_moments(setting, 28)
    assert np.allclose(mean[0, 1:], 4.0)
    assert np.allclose(sd[0, 3:], 0.0)


def test_perfect_information_serves_all_with_the_least_stock() -> None:
    setting = shop()
    perfect = roll_up(item_kpis(replay(setting, baselines.perfect_information_policy(setting)), MONEY, setting))
    normal = roll_up(item_kpis(replay(setting, baselines.normal_base_stock_policy(setting, 0.95)), MONEY, setting))
    assert perfect["fill_rate"].item() == 1.0
    assert perfect["average_stock"].item() < normal["average_stock"].item()
    assert perfect["total_cost"].item() < normal["total_cost"].item()


def test_key_figures_are_ratios_of_sums_of_the_ledger() -> None:
    setting = shop(8, 120, terms=ItemTerms(pack_size=3, shelf_life_days=4))
    run = replay(setting, OrderUpTo(14.0), keep_ledger=True)
    after = {name: values[:, setting.warm_up_days :] for name, values in run.ledger.items()}
    figures = roll_up(item_kpis(run, MONEY, setting)).to_dicts()[0]
    assert figures["fill_rate"] == pytest.approx(1 - after["unmet"].sum() / after["demand"].sum())
    assert figures["waste_rate"] == pytest.approx(after["waste"].sum() / after["received"].sum())
    assert figures["average_stock"] == pytest.approx(after["end"].mean())
    assert figures["orders_per_week"] == pytest.approx(7 * (after["ordered"] > 0).mean())
    assert figures["packs_per_week"] == pytest.approx(7 * after["ordered"].mean() / 3)
    assert figures["bullwhip"] == pytest.approx(after["ordered"].var(axis=1).sum() / after["demand"].var(axis=1).sum())
    cost = (0.01 * after["end"] + 1.0 * after["unmet"] + 2.2 * after["waste"] + 0.1 * (after["ordered"] > 0)).mean()
    assert figures["total_cost"] == pytest.approx(cost)
    assert set(figures) == set(KPIS)


def test_groups_get_their_own_row() -> None:
    setting = shop(6, 90)
    rows = item_kpis(replay(setting, OrderUpTo(12.0)), MONEY, setting).with_columns(
        pl.Series("store", ["A", "A", "A", "B", "B", "B"])
    )
    assert roll_up(rows, ["store"])["store"].to_list() == ["A", "B"]


def test_a_policy_against_itself_differs_by_nothing() -> None:
    setting = shop()
    figures = item_kpis(replay(setting, OrderUpTo(12.0)), MONEY, setting)
    assert all((row.difference, row.low, row.high) == (0, 0, 0) for row in compare(figures, figures, resamples=50))


def test_a_real_difference_is_outside_nought_and_repeatable() -> None:
    setting = shop()
    mean = setting.demand.mean(axis=1)
    small = item_kpis(replay(setting, cover(mean, 3.0)), MONEY, setting)
    large = item_kpis(replay(setting, cover(mean, 6.0)), MONEY, setting)
    first, again = (compare(large, small, kpis=["fill_rate"], seed=4) for _ in range(2))
    assert first == again
    (row,) = first
    assert 0 < row.low < row.difference < row.high
    assert row.difference == pytest.approx(row.a - row.b)
    (wide,) = compare(large, small, kpis=["fill_rate"], clusters=np.arange(60) // 12)
    assert wide.difference == pytest.approx(row.difference)


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    covered = 0
    for trial in range(120):
        names = [str(item) for item in range(80)]
        gap = rng.normal(0.3, 1.0, 80)
        a = pl.DataFrame({"item": names, "total_cost": gap, "days": np.ones(80)})
        b = pl.DataFrame({"item": names, "total_cost": np.zeros(80), "days": np.ones(80)})
        (row,) = compare(a, b, kpis=["total_cost"], resamples=300, seed=trial)
        covered += row.low <= 0.3 <= row.high
    assert 0.88 <= covered / 120 <= 0.99


def test_the_frontier_rises_and_can_be_drawn(tmp_path) -> None:  # type: ignore[no-untyped-def]
    setting = shop()
    mean = setting.demand.mean(axis=1)
    found = frontier(setting, MONEY, lambda days: cover(mean, days), [2.0, 4.0, 6.0])
    assert found["setting"].to_list() == [2.0, 4.0, 6.0]
    assert found["average_stock"].is_sorted()
    assert found["fill_rate"].is_sorted()
    plot_frontier({"cover": found}, tmp_path / "frontier.png")
    assert (tmp_path / "frontier.png").read_bytes().startswith(b"\x89PNG")


def test_random_lead_times_are_the_same_for_every_policy() -> None:
    setting = shop(5, 90, lead_time_sd_days=1.5, seed=3)
    again = shop(5, 90, lead_time_sd_days=1.5, seed=3)
    assert np.array_equal(setting.arrivals, again.arrivals)
    assert setting.arrivals.shape == (5, 90)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: shop(3, 28), "leave nothing after a warm-up"),
        (lambda: world(np.ones((2, 90)), sales=np.ones((2, 80))), "they must agree"),
        (lambda: world(np.ones((2, 90)), item_names=["a"]), "1 item_names for 2 items"),
        (lambda: levels_by_day(shop(3, 60), lambda _: np.zeros(2)), r"gave \(2,\) levels for 3 items"),
    ],
)
def test_what_does_not_fit_is_refused(call, words: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(BadParameter, match=words):
        call()


def test_results_of_different_items_are_not_compared() -> None:
    small, large = shop(3, 60), shop(4, 60)
    with pytest.raises(BadParameter, match="same items"):
        compare(*(item_kpis(replay(setting, OrderUpTo(5.0)), MONEY, setting) for setting in (small, large)))
    with pytest.raises(BadParameter, match="kpi 'profit' is unknown"):
        figures = item_kpis(replay(small, OrderUpTo(5.0)), MONEY, small)
        compare(figures, figures, kpis=["profit"])
