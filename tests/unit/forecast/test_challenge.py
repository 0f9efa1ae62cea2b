"""Whether a challenger takes over: the paired bootstrap and the guard rails."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shelfcast.domain.errors import BadInput
from shelfcast.forecast.challenge import Cells, Rules, judge, paired_gain

SERIES, WEEKS, DAYS = 60, 4, 7


def cells(gain: float = 0.0, *, noise: float = 0.3, week_shock: float = 0.0, seed: int = 0) -> Cells:
    """Losses of both models on the same cells; the challenger's are `gain` smaller on average."""
    generator = np.random.default_rng(seed)
    series, week, _ = (one.ravel() for one in np.indices((SERIES, WEEKS, DAYS)))
    old = generator.gamma(2.0, 1.0, len(series))
    shock = generator.normal(0.0, week_shock, WEEKS)[week] if week_shock else 0.0
    new = old * (1.0 - gain + shock + generator.normal(0.0, noise, len(series)))
    actual = generator.poisson(5.0, len(series)).astype(float)
    inside = generator.random(len(series)) < 0.8
    return Cells(series, week, actual, old, np.maximum(new, 0.0), actual, actual, inside, inside)


def test_a_clear_gain_is_promoted_with_its_numbers() -> None:
    verdict = judge(cells(0.10), Rules(), 1)
    assert verdict.promote
    assert verdict.gain is not None and verdict.gain.gain == pytest.approx(0.10, abs=0.02)
    assert verdict.gain.low < verdict.gain.gain < verdict.gain.high
    assert verdict.sentence.startswith("Promoted: ") and "% less loss" in verdict.sentence


def test_no_gain_keeps_the_champion_and_says_so() -> None:
    verdict = judge(cells(-0.02), Rules(), 1)
    assert not verdict.promote
    assert verdict.sentence.startswith("Kept the champion: ") and verdict.sentence.endswith("it isn't better.")


def test_a_gain_that_may_be_chance_keeps_the_champion() -> None:
    verdict = judge(cells(0.02, noise=0.2, week_shock=0.08, seed=8), Rules(), 1)
    assert verdict.gain is not None and verdict.gain.gain > 0
    assert not verdict.promote
    assert "may be chance" in verdict.sentence


def test_a_sure_but_tiny_gain_is_not_worth_a_change() -> None:
    verdict = judge(cells(0.003, noise=0.001), Rules(), 1)
    assert verdict.gain is not None and verdict.gain.sure == 1.0
    assert not verdict.promote and "isn't worth changing forecasts" in verdict.sentence


def test_the_draws_depend_on_the_seed_alone() -> None:
    given_cells = cells(0.05)
    assert paired_gain(given_cells, Rules(), 3) == paired_gain(given_cells, Rules(), 3)


def test_two_equal_models_are_seldom_told_apart() -> None:
    # Weeks move all series alike: bootstrapping series alone would find a winner in most of these.
    rules = Rules(draws=400)
    won = [judge(cells(week_shock=0.05, seed=seed), rules, seed).promote for seed in range(120)]
    assert np.mean(won) <= 0.10


@given(scale=st.floats(0.01, 1000.0), gain=st.floats(-0.5, 0.9))
@settings(max_examples=40, deadline=None)
def test_the_gain_knows_no_units_and_adds_up(scale: float, gain: float) -> None:
    old = np.arange(1.0, 25.0)
    flat = np.ones(24, dtype=np.bool_)
    made = Cells(
        np.arange(24) % 6, np.arange(24) // 6, old, old * scale, old * scale * (1 - gain), old, old, flat, flat
    )
    found = paired_gain(made, Rules(draws=50), 0)
    assert found.gain == pytest.approx(gain, abs=1e-9)
    assert found.low == pytest.approx(gain, abs=1e-9) and found.high == pytest.approx(gain, abs=1e-9)


def test_nothing_in_common_is_an_error_not_a_verdict() -> None:
    empty = np.zeros(0)
    whole, flags = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.bool_)
    with pytest.raises(BadInput, match="nothing to compare"):
        judge(Cells(whole, whole, empty, empty, empty, empty, empty, flags, flags), Rules(), 0)


def test_a_biased_challenger_is_held_back_however_small_its_loss() -> None:
    good = cells(0.2)
    verdict = judge(replace(good, challenger_mean=good.actual * 1.2), Rules(), 1)
    assert not verdict.promote
    assert "it forecasts 20.0 % too much (5.0 % is allowed)" in verdict.sentence


def test_where_the_champion_is_worse_biased_still_the_challenger_may_be_as_biased() -> None:
    good = cells(0.2)
    verdict = judge(
        replace(good, challenger_mean=good.actual * 1.2, champion_mean=good.actual * 0.7), Rules(), 1
    )  # fmt: skip
    assert verdict.promote


def test_bands_that_do_not_hold_are_a_rail() -> None:
    good = cells(0.2)
    narrow = np.random.default_rng(0).random(good.count) < 0.6
    verdict = judge(replace(good, challenger_inside=narrow), Rules(), 1)
    assert not verdict.promote and "of what came (75.0 % to 93.0 % is allowed)" in verdict.sentence
    everything = np.ones(good.count, dtype=np.bool_)
    assert not judge(replace(good, challenger_inside=everything), Rules(), 1).promote
    assert judge(replace(good, challenger_inside=everything, champion_inside=everything), Rules(), 1).promote


def test_a_segment_that_loses_holds_the_challenger_back_unless_it_is_tiny() -> None:
    good = cells(0.2)
    dairy = good.series < 15
    worse = np.where(dairy, good.champion_loss * 1.2, good.champion_loss * 0.6)
    held = judge(replace(good, challenger_loss=worse, segments={"category dairy": dairy}), Rules(), 1)
    assert not held.promote and "on category dairy its loss is 20.0 % more (5.0 % more is allowed)" in held.sentence
    few = good.series < 5
    tiny = np.where(few, good.champion_loss * 1.2, good.champion_loss * 0.6)
    assert judge(replace(good, challenger_loss=tiny, segments={"category herbs": few}), Rules(), 1).promote


def test_holes_and_endless_training_hold_a_challenger_back() -> None:
    verdict = judge(cells(0.2), Rules(), 1, unfilled=3, train_seconds=20_000.0)
    assert not verdict.promote
    assert "3 cells without a forecast" in verdict.sentence and "20000 s to train" in verdict.sentence


def test_a_champion_too_old_goes_unless_the_challenger_is_surely_worse() -> None:
    old = "the champion is 200 days old (182 are allowed)"
    even = judge(cells(0.0), Rules(), 1, too_old=old)
    assert even.promote and old in even.sentence
    assert not judge(cells(-0.1), Rules(), 1, too_old=old).promote
