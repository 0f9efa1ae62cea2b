from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from shelfcast.domain.errors import BadInput, BadParameter
from shelfcast.features.panel import Covariate, Forecast, Measure, Panel, Role
from shelfcast.forecast.backtest import Task, backtest, window_of
from shelfcast.forecast.forecasters import seasonal_naive

LEVELS = (0.1, 0.5, 0.9)


def ragged(periods: int = 30) -> Panel:
    """Series 0 ends at the last period, series 1 five earlier, series 2 has four periods only."""
    target = np.arange(3 * periods, dtype=np.float32).reshape(3, periods)
    last = np.array([periods - 1, periods - 6, periods - 1])
    target[np.arange(periods)[None, :] > last[:, None]] = np.nan
    target[2, : periods - 4] = np.nan
    days = np.arange(periods) + np.datetime64("2024-01-01")
    visits = Covariate("visits", Role.OBSERVED, Measure.NUMBER, target * 2, np.arange(3))
    return Panel(pl.DataFrame({"id": ["a", "b", "c"]}), "D", days, target, None, (visits,), last)


def test_cutoffs_count_back_from_the_end_of_each_series() -> None:
    panel, task = ragged(), Task(3, 2, 1, LEVELS)
    oldest, newest = window_of(panel, task, 1), window_of(panel, task, 2)
    assert oldest.left_out == 1 and newest.left_out == 0
    assert oldest.actual.tolist() == [[24.0, 25.0, 26.0], [49.0, 50.0, 51.0]]
    assert newest.actual[:2].tolist() == [[27.0, 28.0, 29.0], [52.0, 53.0, 54.0]]


def test_a_window_knows_nothing_after_its_cutoffs() -> None:
    window = window_of(ragged(), Task(3, 2, 1, LEVELS), 1)
    assert window.panel.last is not None and window.panel.last.tolist() == [23, 18]
    assert np.isnan(window.panel.target[1, 19:]).all()
    visits = window.panel.covariates[0].of_series()
    assert visits.shape == (2, 24) and np.isnan(visits[1, 19:]).all()


def test_scores_are_the_mean_over_windows_and_the_naive_row_repeats_the_season() -> None:
    panel, task = ragged(40), Task(2, 3, 1, LEVELS)
    document = backtest(panel, task, [seasonal_naive(1)], "seasonal_naive")
    scores = document["models"]["seasonal_naive"]
    assert scores["wape"] == pytest.approx(np.mean([one["wape"] for one in scores["windows"]]))
    # every series rises by one a period: the last value repeated is 1 and 2 too low, the seasonal error is 1
    assert scores["mase"] == pytest.approx(1.5)
    assert [one["window"] for one in document["task"]["cutoffs"]] == [1, 2, 3]


def test_a_window_without_actuals_scores_null() -> None:
    panel = ragged()
    panel.target[:, -3:] = np.nan
    panel.target[1] = np.nan

    def nothing(known: Panel, levels: tuple[float, ...], seed: int) -> Mapping[str, tuple[Forecast, float]]:
        shape = (known.series_count, known.horizon)
        empty = np.full(known.series_count, "")
        return {"zero": (Forecast(np.zeros(shape), np.zeros((*shape, len(levels))), levels, empty, empty), 0.0)}

    assert backtest(panel, Task(3, 1, 1, LEVELS), [nothing], "zero")["models"]["zero"]["wape"] is None


def test_too_many_windows_and_bad_levels_are_refused() -> None:
    with pytest.raises(BadInput, match="fewer windows"):
        window_of(ragged(), Task(10, 5, 1, LEVELS), 1)
    for task in (Task(0, 1, 1, LEVELS), Task(1, 0, 1, LEVELS), Task(1, 1, 0, LEVELS), Task(1, 1, 1, (0.5, 1.5))):
        with pytest.raises(BadParameter):
            task.check()
    with pytest.raises(BadParameter, match="must rise"):
        Task(1, 1, 1, (0.9, 0.1)).check()


def test_periods_on_which_stock_ran_out_are_not_scored() -> None:
    panel = ragged()
    share = np.ones(panel.target.shape, dtype=np.float32)
    share[0, 28] = 0.5
    window = window_of(replace(panel, in_stock_share=share), Task(3, 1, 1, LEVELS), 1)
    assert np.isnan(window.actual[0]).tolist() == [False, True, False]
    assert np.isfinite(window.actual[1:]).all()
    assert window.panel.in_stock_share is not None and window.panel.in_stock_share.shape == (3, 27)


def test_the_naive_row_and_its_quantiles_are_those_of_the_field_library() -> None:
    models = pytest.importorskip("statsforecast.models", exc_type=ImportError)
    rng = np.random.default_rng(3)
    history = rng.gamma(3.0, 4.0, (3, 50))
    days = np.datetime64("2024-01-01") + np.arange(50 + 17)
    panel = Panel(pl.DataFrame({"id": ["a", "b", "c"]}), "D", days, history)
    made = seasonal_naive(7)(panel, (0.1, 0.5, 0.9), 0)["seasonal_naive"][0]
    for row in range(3):
        theirs = models.SeasonalNaive(season_length=7).forecast(y=history[row], h=17, level=[80])
        assert made.mean[row] == pytest.approx(theirs["mean"])
        assert made.quantiles[row, :, 0] == pytest.approx(theirs["lo-80"])
        assert made.quantiles[row, :, 2] == pytest.approx(theirs["hi-80"])


def test_a_gap_repeats_what_was_known_before_it_in_the_naive_row() -> None:
    history = np.array([[1.0, 2.0, np.nan, 4.0, np.nan, np.nan], [np.nan, np.nan, np.nan, np.nan, 5.0, 6.0]])
    days = np.datetime64("2024-01-01") + np.arange(9)
    panel = Panel(pl.DataFrame({"id": ["a", "b"]}), "D", days, history)
    made = seasonal_naive(2)(panel, (0.5,), 0)["seasonal_naive"][0]
    assert made.mean.tolist() == [[4.0, 4.0, 4.0], [5.0, 6.0, 5.0]]
    assert np.isfinite(made.quantiles).all()
