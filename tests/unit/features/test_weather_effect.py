"""What unusual weather moves: found in made-up demand, group by group, and nothing where nothing is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from shelfcast.features.context import build_context, fit_local
from shelfcast.features.frame import prepare
from shelfcast.features.matrix import WEATHER_EFFECT, all_steps, build_matrix, names_of
from shelfcast.features.panel import Covariate, Measure, Panel, Role
from shelfcast.features.recipe import learn_recipe

LENGTH, HORIZON, PLACES, ITEMS = 500, 7, 4, 12
SLOPES = {"ice": 0.10, "tea": -0.05, "salt": 0.0}


def panel(seed: int = 0) -> tuple[Panel, np.ndarray]:
    """Items of three categories at four places; expected weather is right."""
    generator = np.random.default_rng(seed)
    periods = np.datetime64("2023-01-02") + np.arange(LENGTH + HORIZON)
    weather = generator.normal(0, 1.5, (PLACES, LENGTH + HORIZON))
    kinds = list(SLOPES)
    keys = [(f"{kinds[item % 3]}{item}", f"p{place}") for item in range(ITEMS) for place in range(PLACES)]
    place = np.array([int(key[1][1:]) for key in keys])
    kind = np.array([kinds.index(key[0].rstrip("0123456789")) for key in keys])
    slope = np.array(list(SLOPES.values()))[kind]
    level = generator.uniform(8, 30, len(keys))
    weekly = 1 + 0.3 * np.sin(2 * np.pi * np.arange(LENGTH) / 7)
    mean = level[:, None] * weekly[None] * np.maximum(1 + slope[:, None] * weather[place, :LENGTH], 0.05)
    expected = np.full((PLACES, LENGTH, HORIZON), np.nan)
    for day in range(LENGTH):
        expected[:, day] = weather[:, day + 1 : day + 1 + HORIZON]
    measured = weather[:, :LENGTH]
    made = Panel(
        keys=pl.DataFrame(keys, schema=["item_id", "location_id"], orient="row"),
        frequency="D",
        periods=periods,
        target=generator.poisson(mean).astype(np.float32),
        covariates=(
            Covariate("warmth", Role.OBSERVED, Measure.NUMBER, measured, place, driver="weather"),
            Covariate(
                "warmth, expected", Role.EXPECTED, Measure.NUMBER, expected, place, driver="weather", of="warmth"
            ),
            Covariate(
                "kind", Role.STATIC, Measure.CATEGORY, kind[:, None].astype(float), np.arange(len(keys)), tuple(kinds)
            ),
        ),
    )
    return made, slope


@pytest.fixture(scope="module")
def learnt():
    made, slope = panel()
    frame = prepare(made, learn_recipe(made, HORIZON))
    cutoffs = np.array([LENGTH - 60, LENGTH - 1])
    return made, slope, frame, build_context(lambda: iter([frame]), cutoffs)


def test_each_group_has_a_slope_of_its_own(learnt):
    _, slope, frame, context = learnt
    assert context.weather.grouping.tolist() == [1, 1]
    found = context.weather.slope[1, frame.outlook.group[:, 1], 0]
    assert found == pytest.approx(slope, abs=0.02)


def test_expected_weather_moves_the_matrix_by_slope_times_difference(learnt):
    made, _, frame, context = learnt
    local = fit_local(frame, context.cutoffs, context.pooled)
    rows = all_steps(np.arange(len(made.target)), np.ones(len(made.target), dtype=np.int64), HORIZON)
    matrix = build_matrix(frame, context, local, rows)
    effect = matrix[:, names_of(frame).features.index(WEATHER_EFFECT)].reshape(-1, HORIZON)
    place, group = frame.outlook.place, frame.outlook.group[:, 1]
    expected = frame.outlook.expected[0, place, LENGTH - 1] * context.weather.slope[1, group, 0][:, None]
    assert effect == pytest.approx(expected, abs=1e-5)


def test_partitions_add_up(learnt):
    made, _, _, context = learnt
    recipe = learn_recipe(made, HORIZON)
    whole = prepare(made, recipe)
    halves = []
    for part in (slice(0, 24), slice(24, 48)):
        chosen = np.arange(48)[part]

        halves.append(
            prepare(
                replace(
                    made,
                    keys=made.keys[chosen.tolist()],
                    target=made.target[chosen],
                    covariates=tuple(replace(one, rows=one.rows[chosen]) for one in made.covariates),
                ),
                recipe,
            )
        )
    added = build_context(lambda: iter(halves), context.cutoffs)
    assert whole.group_count == halves[0].group_count
    # Locations in both halves count twice as days: slopes are drawn to the common one a little less.
    assert added.weather.slope == pytest.approx(context.weather.slope, abs=0.005)


def test_the_first_cutoff_knows_nothing_of_what_came_later(learnt):
    made, _, _, context = learnt

    later = made.target.copy()
    later[:, LENGTH - 59 :] = 0.0
    changed = replace(made, target=later)
    frame = prepare(changed, learn_recipe(made, HORIZON))
    again = build_context(lambda: iter([frame]), context.cutoffs)
    assert again.weather.slope[0] == pytest.approx(context.weather.slope[0], abs=1e-12)
