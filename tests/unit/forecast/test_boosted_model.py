from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from boosted_shop import shop

from shelfcast.domain.errors import BadFile, BadInput, BadParameter
from shelfcast.features.panel import Panel, Role
from shelfcast.forecast import explanation
from shelfcast.forecast.models import stored, training
from shelfcast.forecast.models.boosted import Model


@pytest.fixture(scope="module", params=["log", "count", "signed"])
def trained(request: pytest.FixtureRequest) -> tuple[Panel, Model]:
    panel = shop(kind=request.param)
    return panel, training.train(panel, threads=1, budget=20_000)


def scrambled(panel: Panel, cutoff: int) -> Panel:
    """The same series up to the cutoff, noise behind it; known_future covariates as they were."""
    rng = np.random.default_rng(99)
    target = panel.target.copy()
    target[:, cutoff + 1 :] = rng.normal(1e6, 1e5, target[:, cutoff + 1 :].shape)
    covariates = []
    for one in panel.covariates:
        values = one.values.copy()
        if one.role == Role.OBSERVED:
            values[:, cutoff + 1 :] = rng.normal(-1e6, 1e5, values[:, cutoff + 1 :].shape)
        covariates.append(replace(one, values=values))
    return replace(panel, target=target, covariates=tuple(covariates))


def until(panel: Panel, count: int) -> Panel:
    """The first `count` periods, with the noise of the target behind the cutoff still in."""
    covariates = [
        replace(one, values=one.values[:, :count]) if one.role != Role.STATIC else one for one in panel.covariates
    ]
    return replace(panel, periods=panel.periods[:count], target=panel.target[:, :count], covariates=tuple(covariates))


def known_at(panel: Panel, cutoff: int) -> Panel:
    return replace(panel, last=np.full(panel.series_count, cutoff))


def test_nothing_after_the_cutoff_changes_the_forecast_by_one_bit() -> None:
    panel, cutoff = shop(periods=190), 180
    before, after = known_at(panel, cutoff), known_at(scrambled(panel, cutoff), cutoff)
    horizon = 7
    one = training.train(before, horizon, threads=1, budget=20_000)
    two = training.train(after, horizon, threads=1, budget=20_000)
    assert stored.to_bytes(one) == stored.to_bytes(two)
    first, second = one.forecast(until(before, cutoff + 1 + horizon)), two.forecast(until(after, cutoff + 1 + horizon))
    assert np.array_equal(first.mean, second.mean)
    assert np.array_equal(first.quantiles, second.quantiles)


def test_every_series_gets_a_forecast_whose_quantiles_never_cross(trained: tuple[Panel, Model]) -> None:
    panel, model = trained
    forecast = model.forecast(panel)
    assert np.isfinite(forecast.mean).all() and np.isfinite(forecast.quantiles).all()
    assert (np.diff(forecast.quantiles, axis=2) >= 0).all()
    assert forecast.fallback[3] != "" and forecast.fallback[0] == ""
    if model.recipe.mode != "signed":
        assert (forecast.quantiles >= 0).all()
        assert ("open", 0.0) in model.recipe.never
        closed = panel.covariates[1].values[0, panel.history_length :] == 0
        assert (forecast.mean[:, closed] == 0).all()


def test_base_and_drivers_add_up_to_the_mean_exactly(trained: tuple[Panel, Model]) -> None:
    panel, model = trained
    forecast, explained = model.forecast(panel), explanation.explain(model, panel)
    assert np.array_equal(explained.total(), explanation.to_micro(forecast.mean))
    other = explained.micro_units[:, :, explained.drivers.index("other")] / explanation.MICRO
    assert np.abs(other[0]).max() < 0.2 * np.abs(forecast.mean[0]).max()


def test_a_later_step_is_a_driver_of_its_own(trained: tuple[Panel, Model]) -> None:
    panel, model = trained
    mean = model.forecast(panel).mean
    explained = explanation.explain(model, panel)
    rounded = explanation.add_driver(explained, "rounding", mean, np.round(mean))
    assert np.array_equal(rounded.total(), explanation.to_micro(np.round(mean)))


def test_a_stored_model_forecasts_the_same_and_gives_the_same_bytes(trained: tuple[Panel, Model]) -> None:
    panel, model = trained
    data = stored.to_bytes(model)
    again = stored.from_bytes(data)
    assert stored.to_bytes(again) == data
    first, second = model.forecast(panel), again.forecast(panel)
    assert np.array_equal(first.mean, second.mean) and np.array_equal(first.quantiles, second.quantiles)


def test_one_and_two_threads_give_the_same_model() -> None:
    panel = shop(series=8, periods=120)
    one = training.train(panel, threads=1, budget=5_000)
    two = training.train(panel, threads=2, budget=5_000)
    assert stored.to_bytes(one) == stored.to_bytes(two)


def test_partitions_with_a_shared_context_are_forecast_like_the_whole() -> None:
    panel = shop()
    model = training.train(panel, threads=1, budget=20_000)
    parts = [training.pick_series(panel, 100)[0], None]
    halves = [rows_of(panel, np.arange(0, 6)), rows_of(panel, np.arange(6, 12))]
    context = model.context(lambda: iter(halves))
    whole = model.forecast(panel, context=context)
    pieces = [model.forecast(half, context=context) for half in halves]
    assert parts[0] is panel
    assert np.array_equal(whole.mean, np.concatenate([one.mean for one in pieces]))
    alone = model.forecast(panel)
    assert np.allclose(alone.mean, whole.mean, rtol=1e-6)


def rows_of(panel: Panel, rows: np.ndarray) -> Panel:
    return replace(
        panel,
        keys=panel.keys[rows.tolist()],
        target=panel.target[rows],
        covariates=tuple(replace(one, rows=one.rows[rows]) for one in panel.covariates),
    )


@pytest.fixture(scope="module")
def small() -> tuple[Panel, Model]:
    panel = shop(series=6, periods=90)
    return panel, training.train(panel, threads=1, budget=2_000)


def test_a_file_that_is_no_model_is_refused() -> None:
    with pytest.raises(BadFile, match="isn't a model file"):
        stored.from_bytes(b"date,units\n")


def rewritten(data: bytes, **changes: object) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            text = old.read(name)
            if name == stored.HEADER:
                text = json.dumps({**json.loads(text), **changes}).encode()
            new.writestr(name, text)
    return buffer.getvalue()


def test_a_model_of_another_version_is_refused(small: tuple[Panel, Model]) -> None:
    with pytest.raises(BadFile, match="version '0'"):
        stored.from_bytes(rewritten(stored.to_bytes(small[1]), version="0"))


def test_a_changed_feature_list_is_refused(small: tuple[Panel, Model]) -> None:
    data = stored.to_bytes(small[1])
    names = json.loads(zipfile.ZipFile(io.BytesIO(data)).read(stored.HEADER))["features"]
    if small[1].booster is not None:
        with pytest.raises(BadFile, match="damaged"):
            stored.from_bytes(rewritten(data, features=names[:-1]))
    changed = stored.from_bytes(rewritten(data, features=[*names[:-1], "something else"]))
    with pytest.raises(BadInput, match="feature list"):
        changed.forecast(small[0])


def test_other_covariates_or_a_longer_horizon_are_refused(small: tuple[Panel, Model]) -> None:
    panel, model = small
    with pytest.raises(BadInput, match=r"missing \['promo'\]"):
        model.forecast(replace(panel, covariates=tuple(one for one in panel.covariates if one.name != "promo")))
    with pytest.raises(BadParameter, match="trained for 7"):
        model.forecast(replace(panel, target=panel.target[:, :-2]))


def test_a_panel_without_any_value_is_refused() -> None:
    panel = shop(series=5, periods=30)
    with pytest.raises(BadInput, match="no value at all"):
        training.train(replace(panel, target=np.full_like(panel.target, np.nan)))


@pytest.mark.parametrize("periods", [1, 2, 5, 20])
@pytest.mark.parametrize("frequency", ["D", "W", "M"])
def test_short_series_get_a_forecast(periods: int, frequency: str) -> None:
    full = shop(series=6, periods=max(periods, 5), horizon=4)
    unit = {"D": "D", "W": "W", "M": "M"}[frequency]
    start = np.datetime64("2023-01", "M") if unit == "M" else np.datetime64("2023-01-02", "D")
    days = (start + np.arange(periods + 4) * (7 if unit == "W" else 1)).astype("datetime64[D]")
    panel = Panel(full.keys, frequency, days, full.target[:, :periods])
    forecast = training.train(panel, threads=1, budget=2_000).forecast(panel)
    assert np.isfinite(forecast.quantiles).all()


def test_central_intervals_cover_what_they_say() -> None:
    rng = np.random.default_rng(5)
    panel = shop(series=40, periods=240, horizon=14, seed=3)
    target = panel.target.copy()
    del rng
    known = replace(panel, target=target[:, :-14], periods=panel.periods[:-14])
    known = replace(
        known,
        covariates=tuple(
            replace(one, values=one.values[:, :-14]) if one.role != Role.STATIC else one for one in panel.covariates
        ),
    )
    forecast = training.train(known, threads=1, budget=30_000).forecast(known, (0.1, 0.5, 0.9))
    actual = target[:, -14:]
    scored = np.isfinite(actual) & (forecast.mean > 0)
    scored[3:5] = False
    inside = (actual >= forecast.quantiles[:, :, 0]) & (actual <= forecast.quantiles[:, :, 2])
    assert 0.72 < inside[scored].mean() < 0.9
