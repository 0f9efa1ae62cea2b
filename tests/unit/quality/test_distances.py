"""Distances of samples, beside slow computations that read like their definitions."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shelfcast.quality.distances import SMOOTHING, in_deviations, psi, psi_of_counts, wasserstein

NUMBERS = st.lists(st.integers(-50, 50).map(lambda one: one / 4), min_size=1, max_size=40)


def slow_wasserstein(first: list[float], second: list[float]) -> float:
    """Area between the two distribution functions, walked in small steps between all values."""
    places = sorted({*first, *second})
    area = 0.0
    for left, right in pairwise(places):
        share = sum(one <= left for one in first) / len(first) - sum(one <= left for one in second) / len(second)
        area += abs(share) * (right - left)
    return area


def slow_psi(reference: list[float], now: list[float], bins: int) -> float:
    """Bins (edge, edge] at the empirical quantiles, one loop a bin."""
    ordered = sorted(reference)
    edges = sorted({ordered[max(0, math.ceil(len(ordered) * k / bins - 1e-9) - 1)] for k in range(bins + 1)})
    borders = [-math.inf, *edges, math.inf]
    counts = [
        (sum(low < one <= high for one in reference), sum(low < one <= high for one in now))
        for low, high in pairwise(borders)
    ]
    counts = [(a + SMOOTHING, b + SMOOTHING) for a, b in counts if a or b]
    total_a, total_b = sum(a for a, _ in counts), sum(b for _, b in counts)
    return sum((b / total_b - a / total_a) * math.log((b / total_b) / (a / total_a)) for a, b in counts)


@given(NUMBERS, NUMBERS)
@settings(max_examples=150, deadline=None)
def test_wasserstein_is_the_area_between_the_distribution_functions(first: list[float], second: list[float]) -> None:
    assert wasserstein(np.array(first), np.array(second)) == pytest.approx(slow_wasserstein(first, second), abs=1e-9)


def test_wasserstein_agrees_with_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    generator = np.random.default_rng(3)
    first, second = generator.gamma(2.0, 3.0, 500), generator.poisson(4.0, 333).astype(float)
    assert wasserstein(first, second) == pytest.approx(stats.wasserstein_distance(first, second), abs=1e-10)


@given(NUMBERS, NUMBERS, st.integers(2, 12))
@settings(max_examples=150, deadline=None)
def test_psi_is_the_sum_over_bins_of_the_reference(reference: list[float], now: list[float], bins: int) -> None:
    assert psi(np.array(reference), np.array(now), bins) == pytest.approx(slow_psi(reference, now, bins), abs=1e-9)


@given(NUMBERS, st.integers(-20, 20))
@settings(max_examples=80, deadline=None)
def test_moving_every_value_moves_the_distance_by_as_much(values: list[float], by: int) -> None:
    here = np.array(values)
    assert wasserstein(here, here + by) == pytest.approx(abs(by), abs=1e-9)


@given(NUMBERS, NUMBERS)
@settings(max_examples=80, deadline=None)
def test_distances_are_never_negative_and_zero_for_the_same_sample(first: list[float], second: list[float]) -> None:
    a, b = np.array(first), np.array(second)
    assert psi(a, b) >= 0.0
    assert wasserstein(a, b) >= 0.0
    assert psi(a, a) == 0.0
    assert wasserstein(a, a) == 0.0


def test_missing_values_do_not_count_and_nothing_gives_no_number() -> None:
    here = np.array([1.0, np.nan, 2.0])
    assert wasserstein(here, np.array([1.0, 2.0])) == 0.0
    assert math.isnan(psi(np.array([np.nan]), here))
    assert math.isnan(wasserstein(here, np.array([])))
    assert math.isnan(psi_of_counts(np.zeros(3), np.ones(3)))


def test_a_feature_that_never_varied_is_measured_in_its_own_unit() -> None:
    assert in_deviations(np.full(5, 2.0), np.full(5, 5.0)) == 3.0
