"""Holt and Winters with a damped trend: what it must find, and when it must keep silent."""

from __future__ import annotations

import numpy as np

from shelfcast.forecast.models.baselines import RHYTHMS, method_paths


def months(years: int, growth: float = 0.0) -> np.ndarray:
    t = np.arange(12 * years)
    return 100.0 * np.exp(growth * t) * (1.0 + 0.4 * np.sin(2.0 * np.pi * t / 12.0))


def test_a_clean_season_is_repeated() -> None:
    y = months(6)
    made = method_paths("yearly_trend", y[None, :60], [60], 12, RHYTHMS["M"])[0, 0]
    np.testing.assert_allclose(made, y[60:72], rtol=0.02)


def test_growth_goes_on_and_is_damped() -> None:
    y = months(8, growth=0.01)
    made = method_paths("yearly_trend", y[None, :84], [84], 12, RHYTHMS["M"])[0, 0]
    repeated = y[72:84]
    assert np.abs(made - y[84:]).sum() < 0.5 * np.abs(repeated - y[84:]).sum()
    assert made.sum() < 1.02 * y[84:].sum()


def test_nothing_is_said_before_two_seasons_are_known_nor_for_seasons_of_a_week() -> None:
    y = months(3)[None, :]
    made = method_paths("yearly_trend", y, [12, 23, 24], 6, RHYTHMS["M"])[0]
    assert np.isnan(made[:2]).all() and np.isfinite(made[2]).all()
    assert np.isnan(method_paths("yearly_trend", y, [36], 6, RHYTHMS["D"])).all()


def test_what_comes_after_an_origin_changes_nothing() -> None:
    y = months(6)[None, :] + np.random.default_rng(0).normal(0, 5, (1, 72))
    blank = y.copy()
    blank[:, 48:] = np.nan
    odd = y.copy()
    odd[:, 48:] = -1e6
    made = [method_paths("yearly_trend", one, [48], 12, RHYTHMS["M"]) for one in (y, blank, odd)]
    assert np.array_equal(made[0], made[1]) and np.array_equal(made[0], made[2])


def test_gaps_zeros_and_returns_give_finite_numbers() -> None:
    y = np.tile(months(5), (3, 1))
    y[0, [3, 20, 40, 41]] = np.nan
    y[1, 30:34] = 0.0
    y[2, 5] = -20.0
    assert np.isfinite(method_paths("yearly_trend", y, [60], 12, RHYTHMS["M"])).all()
