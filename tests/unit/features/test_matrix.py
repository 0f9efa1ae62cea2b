"""Features against slow, obvious loops."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from shelfcast.features import context as contexts
from shelfcast.features import matrix
from shelfcast.features.frame import Frame, prepare
from shelfcast.features.panel import Panel
from shelfcast.features.recipe import learn_recipe

sys.path.append(str(Path(__file__).parents[1] / "forecast"))
from boosted_shop import shop


@pytest.fixture(scope="module")
def built() -> tuple[Panel, Frame, contexts.Context, contexts.Local, matrix.Rows, np.ndarray]:
    panel = shop(series=6, periods=420)
    frame = prepare(panel, learn_recipe(panel, panel.horizon))
    cutoffs = np.array([300, 390, 419])
    context = contexts.build_context(lambda: (frame,), cutoffs)
    local = contexts.fit_local(frame, cutoffs, context.pooled)
    rows = matrix.all_steps(np.repeat(np.arange(6), 3), np.tile(np.arange(3), 6), panel.horizon)
    return panel, frame, context, local, rows, matrix.build_matrix(frame, context, local, rows)


def design_row(frame: Frame, s: int, d: int) -> np.ndarray:
    covariates = [frame.design.values[frame.design.rows[s, j], d] for j in range(len(frame.design.names))]
    weekday = np.eye(7)[frame.calendar.phase[d]]
    crossed = [weekday * covariates[j] for j in frame.interacting]
    return np.concatenate([[1.0], weekday, covariates, *crossed])


def residuals(frame: Frame, context: contexts.Context, local: contexts.Local, s: int, k: int) -> np.ndarray:
    out = np.full(frame.value.shape[1], np.nan)
    for d in range(context.cutoffs[k] + 1):
        if np.isfinite(frame.value[s, d]):
            fitted = design_row(frame, s, d) @ local.beta[s, k]
            out[d] = (frame.value[s, d] - local.loc[s, k]) / local.scale[s, k] - fitted
    return out


def column(frame: Frame, values: np.ndarray, name: str) -> np.ndarray:
    return values[:, matrix.names_of(frame).features.index(name)]


def test_the_level_of_a_series_is_its_last_year(built: tuple) -> None:
    _, frame, context, local, _, _ = built
    for s in (0, 1, 2):
        for k, c in enumerate(context.cutoffs):
            assert local.loc[s, k] == pytest.approx(np.nanmean(frame.value[s, max(0, c - 363) : c + 1]))


def test_the_local_regression_solves_its_normal_equations(built: tuple) -> None:
    _, frame, context, local, _, _ = built
    fade = 0.5 ** (1 / contexts.SPANS["D"].half_life)
    s, k = 1, 1
    seen = [d for d in range(context.cutoffs[k] + 1) if np.isfinite(frame.value[s, d])]
    rows = np.array([design_row(frame, s, d) for d in seen])
    weight = fade ** np.arange(len(seen) - 1, -1, -1)
    y = frame.value[s, seen] - local.loc[s, k]
    normal = rows.T @ (rows * weight[:, None])
    ridge = np.eye(len(normal)) * 12.0
    ridge[0, 0] = 0.5
    pooled = context.pooled[k]
    expected = pooled + np.linalg.solve(normal + ridge, rows.T @ (weight * y) - normal @ pooled)
    assert local.beta[s, k] == pytest.approx(expected, abs=1e-4)


def test_levels_seasons_and_like_periods_agree_with_a_loop(built: tuple) -> None:
    panel, frame, context, local, rows, values = built
    series, number = rows.series(), rows.cutoff()
    promo = panel.covariates[3].values[0]
    for row in range(0, rows.count, 5):
        s, k, h = series[row], number[row], rows.step[row]
        if s == 3:
            continue
        c = int(context.cutoffs[k])
        t, r = c + h, residuals(frame, context, local, s, k)
        with np.errstate(all="ignore"):
            for span in (7, 28):
                window = r[c - span + 1 : c + 1]
                expected = np.nanmean(window) if np.isfinite(window).any() else np.nan
                assert column(frame, values, f"level, last {span}")[row] == pytest.approx(
                    expected, abs=2e-4, nan_ok=True
                )
            near = r[max(0, t - 367) : max(0, t - 360)]
            base = r[max(0, c - 364 - 27) : max(0, c - 363)]
            expected = np.nan
            if t >= 364 and np.isfinite(near).any() and np.isfinite(base).any():
                expected = np.nanmean(near) - np.nanmean(base)
            found = column(frame, values, "season last year, near")[row]
            assert found == pytest.approx(expected, abs=2e-4, nan_ok=True)
        like = [
            r[d]
            for d in range(t - 7, 0, -7)
            if d <= c and promo[d] == promo[t] and np.isfinite(r[d])
        ]  # fmt: skip
        if frame.closed[s, t] or not like:
            continue
        assert column(frame, values, "like periods, latest")[row] == pytest.approx(like[0], abs=2e-4)
        expected = np.mean(like[:4])
        assert column(frame, values, "like periods, 4")[row] == pytest.approx(expected, abs=2e-4)


def test_all_series_together_are_averaged_by_group(built: tuple) -> None:
    _, frame, context, local, rows, values = built
    k = 2
    together = np.stack([residuals(frame, context, local, s, k) for s in range(6)])
    seen = np.isfinite(together)
    mean = np.where(seen, together, 0).sum(axis=0) / np.maximum(seen.sum(axis=0), 1)
    last = [mean[d] for d in range(419 - 6, 420) if seen[:, d].any()]
    row = int(np.flatnonzero((rows.cutoff() == k) & (rows.series() == 0))[0])
    assert column(frame, values, "all: level, week")[row] == pytest.approx(np.mean(last), abs=2e-4)


def test_rows_look_no_further_than_their_horizon(built: tuple) -> None:
    """The last step doesn't know whether a promotion goes on after it."""
    _, frame, _, _, rows, values = built
    after = column(frame, values, "promo, period after")
    assert np.isnan(after[rows.step == 7]).all()
    assert np.isfinite(after[rows.step < 7]).all()
    week = column(frame, values, "promo, share of week after")
    assert np.isnan(week).all()


def test_a_closed_shop_is_found_in_the_data_and_masked(built: tuple) -> None:
    panel, frame, *_ = built
    assert frame.recipe.never == (("open", 0.0),)
    closed = panel.covariates[1].values[0] == 0
    assert (frame.closed == closed[None, :]).all()
    assert np.isnan(frame.demand[:, closed[:420]]).all()


def test_categories_keep_their_codes_when_the_panel_names_them_in_another_order(built: tuple) -> None:
    panel, frame, *_ = built
    kind = panel.covariates[0]
    turned = replace(kind, values=1 - kind.values, categories=("b", "a"))
    again = prepare(replace(panel, covariates=(turned, *panel.covariates[1:])), frame.recipe)
    assert np.array_equal(again.static, frame.static)


def test_what_moved_all_series_is_shrunk_when_small_and_kept_when_large() -> None:
    rng = np.random.default_rng(0)
    mean = rng.normal(0, 0.02, 300)
    mean[150] = 0.8
    common, doubt = contexts.common_movement(mean, np.full(300, 50.0), 10)
    kept = contexts.shrink(common, np.full(300, doubt))
    assert kept[150] > 0.75
    assert np.abs(np.delete(kept, 150)).mean() < 0.004
