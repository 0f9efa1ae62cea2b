"""What nobody can have sold teaches the models nothing."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from shelfcast.features.absurd import TIMES, absurd_cells


def test_a_slip_of_a_key_is_found_and_a_festival_is_not() -> None:
    rng = np.random.default_rng(1)
    units = rng.poisson(8.0, (3, 200)).astype(float)
    units[0, 17] = 1_000_000.0
    units[1, 40] = -9_000.0
    units[2, 100:103] = 150.0
    found = absurd_cells(units)
    assert [tuple(cell) for cell in np.argwhere(found)] == [(0, 17), (1, 40)]


def test_with_few_sales_everything_is_believed() -> None:
    units = np.zeros((1, 50))
    units[0, [3, 9]] = [1.0, 5_000.0]
    assert not absurd_cells(units).any()


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(1.0, 40.0), min_size=20, max_size=60), st.integers(0, 10**6))
def test_ordinary_days_are_always_believed(days: list[float], seed: int) -> None:
    units = np.array([days])
    assert not absurd_cells(units).any()
    spoilt = units.copy()
    spoilt[0, seed % len(days)] = 2.0 * TIMES * max(days)
    assert np.argwhere(absurd_cells(spoilt)).tolist() == [[0, seed % len(days)]]
