"""Models of the field's library: guarded, and taken only where they pay."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from shelfcast.domain.errors import BadParameter, MissingExtra
from shelfcast.forecast.models.baseline_choice import forecast_baselines, learn_facts
from shelfcast.forecast.models.baselines import RHYTHMS
from shelfcast.forecast.models.statistical import forecast_statistical, forecast_where_it_pays

LEVELS = (0.025, 0.1, 0.5, 0.9, 0.975)
MONTHS = RHYTHMS["M"]


def some_months(count=6, length=60):
    generator = np.random.default_rng(0)
    season = 1 + 0.4 * np.sin(np.arange(length) / 12 * 2 * np.pi)
    trend = 1 + 0.03 * np.arange(length)
    level = generator.gamma(5.0, 20.0, (count, 1))
    return level * season * trend * generator.gamma(400.0, 1 / 400.0, (count, length))


def test_every_series_gets_rising_quantiles_or_a_reason():
    pytest.importorskip("statsforecast", reason="the stats extra isn't installed")
    y = some_months(3)
    y[1, :57] = np.nan
    y[2, 20] = np.nan
    made = forecast_statistical("auto_ets", y, 6, MONTHS, LEVELS)
    assert made.fallback.tolist() == ["", "auto_ets needs 24 periods", ""]
    good = [0, 2]
    assert np.all(np.diff(made.quantiles[good], axis=2) >= 0)
    assert np.all(made.quantiles[good] >= 0)
    assert made.quantiles[good][:, :, 2] == pytest.approx(made.mean[good])


def test_intervals_may_not_explode():
    pytest.importorskip("statsforecast", reason="the stats extra isn't installed")
    y = np.concatenate([np.full(30, 1.0), 2.0 ** np.arange(10)])[None, :]
    made = forecast_statistical("auto_ets", y, 24, RHYTHMS["W"], LEVELS)
    assert made.quantiles.max() <= 3 * y.max()


def test_it_is_taken_where_it_pays_and_nowhere_else():
    pytest.importorskip("statsforecast", reason="the stats extra isn't installed")
    growing = some_months(4)
    flat = np.random.default_rng(1).poisson(3.0, (20, 60)).astype(float)
    y = np.concatenate([growing, flat])
    facts = learn_facts(y, 6, MONTHS, levels=LEVELS)
    made, taken = forecast_where_it_pays("dynamic_optimized_theta", y, facts, most_series=6)
    assert taken[:4].sum() >= 2
    assert taken.sum() <= 6
    base = forecast_baselines(y, facts).forecast
    assert np.array_equal(made.mean[~taken], base.mean[~taken])
    assert set(made.model[taken]) == {"dynamic_optimized_theta"}
    short, none = forecast_where_it_pays("auto_ets", y[:, :10], learn_facts(y[:, :10], 6, MONTHS, levels=LEVELS))
    assert not none.any()
    assert np.isfinite(short.mean).all()


def test_an_unknown_model_and_a_missing_library_are_told(monkeypatch):
    pytest.importorskip("statsforecast", reason="the stats extra isn't installed")
    with pytest.raises(BadParameter, match="auto_ets"):
        forecast_statistical("prophet", np.ones((1, 30)), 2, MONTHS, LEVELS)
    monkeypatch.setitem(sys.modules, "statsforecast", None)
    with pytest.raises(MissingExtra, match=r"shelfcast\[stats\]"):
        forecast_statistical("auto_ets", np.ones((1, 30)), 2, MONTHS, LEVELS)
