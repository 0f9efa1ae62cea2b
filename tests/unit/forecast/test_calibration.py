from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from shelfcast.forecast.calibration import QuantileTable, fit_quantile_table


def test_quantiles_of_new_errors_hold_what_they_promise() -> None:
    rng = np.random.default_rng(1)
    spread = rng.random(20_000) + 0.5
    errors = rng.standard_t(5, 20_000) * np.where(spread > 1, 2.0, 1.0)
    step = rng.integers(1, 29, 20_000).astype(float)
    table = fit_quantile_table(errors[:10_000], step[:10_000], spread[:10_000])
    levels = (0.025, 0.1, 0.5, 0.9, 0.975)
    found = table.at(table.cells(step[10_000:], spread[10_000:]), levels)
    for position, level in enumerate(levels):
        assert abs((errors[10_000:] <= found[:, position]).mean() - level) < 0.02


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=300), st.integers(0, 2**31))
def test_tables_never_cross_and_survive_storing(errors: list[float], seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = np.array(errors)
    first, second = rng.integers(0, 5, len(values)).astype(float), rng.random(len(values))
    table = fit_quantile_table(values, first, second, least=20)
    again = QuantileTable.from_dict(table.to_dict())
    cells = table.cells(first, second)
    found = table.at(cells, (0.01, 0.2, 0.5, 0.8, 0.99))
    assert (np.diff(found, axis=1) >= 0).all()
    assert np.array_equal(found, again.at(again.cells(first, second), (0.01, 0.2, 0.5, 0.8, 0.99)))
    assert found.min() >= values.min() - 1e-9 and found.max() <= values.max() + 1e-9


def test_a_cell_with_few_errors_leans_on_all() -> None:
    rng = np.random.default_rng(2)
    errors = np.concatenate([rng.normal(0, 1, 5_000), rng.normal(50, 1, 5)])
    first = np.concatenate([np.zeros(5_000), np.ones(5)])
    table = fit_quantile_table(errors, first, np.zeros(5_005), first_bins=2, second_bins=1)
    assert table.table[..., 51].max() < 3


def test_ratios_of_small_forecasts_dont_widen_those_of_large_ones() -> None:
    rng = np.random.default_rng(4)
    size = np.exp(rng.uniform(-1.0, 5.0, 10_000))
    variance = 1.0 / size + 0.05
    ratio = variance * rng.gamma(1.0 / variance)
    spread = rng.random(len(size))
    table = fit_quantile_table(ratio, size, spread, 12, 3, by_first=True)
    fresh = variance * rng.gamma(1.0 / variance)
    low, high = table.at(table.cells(size, spread), (0.1, 0.9)).T
    large = size > np.quantile(size, 0.75)
    covered = float(np.mean((fresh[large] >= low[large]) & (fresh[large] <= high[large])))
    assert 0.78 <= covered <= 0.83
    plain = fit_quantile_table(ratio, size, spread, 12, 3)
    low, high = plain.at(plain.cells(size, spread), (0.1, 0.9)).T
    assert np.mean((fresh[large] >= low[large]) & (fresh[large] <= high[large])) > covered + 0.03
