"""Which baselines a series gets: by a short backtest, drawn to what is best for its segment, so that noise doesn't choose.

    learn_facts(target)                 once, on a sample of the series: scores of methods, spread of errors by segment
    forecast_baselines(target, facts)   any chunk of series, alone: chooses, combines, quantiles, drivers

The two-step makes it fit partitions: facts are a small table made first, each partition is forecast on its own with
the same outcome, and memory and time per series don't depend on how many there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shelfcast.domain import quantiles as quantile_grid
from shelfcast.domain.errors import BadInput
from shelfcast.features.panel import Forecast
from shelfcast.forecast.models.baselines import BASELINES, Rhythm, method_paths
from shelfcast.forecast.models.dependence import day_correlation
from shelfcast.forecast.models.segments import SEGMENTS, demand_segments
from shelfcast.forecast.models.spread import Spread, learn_spread, quantiles_of

Floats = NDArray[np.floating]

ORIGINS = 10
"""Past origins a series is tried from."""
COMBINED = 3
"""Methods averaged: combining the best few beats picking one."""
PRIOR_PATHS = 20.0
"""The segment's scores weigh as many whole backtest paths of a series as this."""
NEAR = 1.15
"""A method whose score is further than this from the best is not averaged in."""
SIMPLER = 0.005
"""What a step of complexity must gain: the simpler method wins ties."""
SAMPLE = 4_000
_CHUNK_BYTES = 12_000_000  # small enough for the processor's cache: larger chunks are slower, not faster
_SAMPLE_BYTES = 60_000_000


@dataclass(frozen=True)
class BaselineFacts:
    """What was learned on a sample, by segment (rows in the order of `SEGMENTS`)."""

    methods: tuple[str, ...]
    horizon: int
    rhythm: Rhythm
    levels: tuple[float, ...]
    relative_loss: Floats
    """(segments, methods): loss over the mean loss of all methods, pooled; NaN where never tried."""
    spread: tuple[Spread, ...]
    launch_level: float
    """Mean of a series' first periods: what a series without any history gets."""
    correlation: Floats
    """Of errors of periods 1, 2 ... H - 1 apart, pooled: what `window_demand` asks for. At least one value."""


@dataclass(frozen=True)
class BaselineForecast:
    """Forecast of a chunk, with what it is made of."""

    forecast: Forecast
    weights: Floats
    """(series, methods): share of each method in the mean."""
    drivers: Mapping[str, Floats]
    """level, season and trend (series, H): they add up to the mean."""


def learn_facts(
    target: Floats, horizon: int, rhythm: Rhythm, *, levels: Sequence[float] = quantile_grid.GRID,
    methods: Sequence[str] = tuple(BASELINES),
) -> BaselineFacts:  # fmt: skip
    """Facts from (a sample of) all series: at most `SAMPLE` rows, evenly taken, are looked at.

    Args:
        target: (series, T) demand, NaN where missing. Sorted or not doesn't matter, but the same order gives the
            same facts.
        horizon: steps ahead, 1 or more.
        methods: names in `BASELINES` that may be used.
    """
    if target.ndim != 2 or 0 in target.shape or horizon < 1:
        raise BadInput(
            f"history of shape {target.shape} and horizon {horizon}: give at least one series, one period and one step."
        )
    most = min(len(target), SAMPLE, max(500, _SAMPLE_BYTES // (8 * len(methods) * (ORIGINS + 1) * horizon)))
    rows = np.unique(np.linspace(0, len(target) - 1, most).astype(int))
    sample = np.asarray(target[rows], dtype=np.float64)
    tried = _Tried.of(sample, horizon, rhythm, tuple(methods))
    relative = np.full((len(SEGMENTS), len(methods)), np.nan)
    everybody = _pooled(tried.relative, tried.cells)
    for code in range(len(SEGMENTS)):
        inside = tried.segment == code
        own = _pooled(tried.relative[:, inside], tried.cells[inside])
        # a segment of few series leans on all
        weight = inside.sum() / (inside.sum() + 10.0)
        relative[code] = np.where(np.isfinite(own), weight * np.nan_to_num(own) + (1 - weight) * everybody, everybody)
    weights = _weights(tried, relative, _complexity(methods))
    combined = _combine(tried.paths, weights)
    errors = tried.actual - combined[:, :-1]
    level = np.nan_to_num(combined[:, -1].mean(axis=1))
    grid = tuple(float(level) for level in levels)
    whole = _whole(sample)
    overall = learn_spread(errors, level, combined[:, :-1], whole, grid)
    spreads = []
    for code in range(len(SEGMENTS)):
        inside = tried.segment == code
        enough = inside.sum() >= 30
        spreads.append(
            learn_spread(errors[inside], level[inside], combined[inside, :-1], whole[inside], grid)
            if enough
            else overall
        )
    correlation = day_correlation(errors) if horizon > 1 else np.zeros(1)
    launch = _launch_level(sample, rhythm.window)
    return BaselineFacts(tuple(methods), horizon, rhythm, grid, relative, tuple(spreads), launch, correlation)


def forecast_baselines(target: Floats, facts: BaselineFacts) -> BaselineForecast:
    """Means, quantiles and drivers of a chunk of series. Every series gets a forecast; fallbacks are flagged.

    Never sold: half a unit spread over the known periods. No value at all: the launch level of the other series.
    """
    y = np.ascontiguousarray(target, dtype=np.float64)
    tried = _Tried.of(y, facts.horizon, facts.rhythm, facts.methods)
    weights = _weights(tried, facts.relative_loss, _complexity(facts.methods))
    combined = _combine(tried.paths, weights)
    mean = combined[:, -1].copy()
    known = np.isfinite(y).sum(axis=1)
    sold = (np.nan_to_num(y) != 0.0).any(axis=1)
    nothing, never = known == 0, (known > 0) & np.logical_not(sold)
    mean[never] = (0.5 / (known[never] + 1.0))[:, None]
    mean[nothing] = facts.launch_level
    errors = tried.actual - combined[:, :-1]
    whole = _whole(y)
    never_negative = np.all(np.nan_to_num(y) >= 0.0, axis=1)
    mean[never_negative] = np.maximum(mean[never_negative], 0.0)
    highest = np.where(nothing, facts.launch_level, np.max(np.nan_to_num(y, nan=-np.inf), axis=1))
    grid = np.empty((*mean.shape, len(facts.levels)))
    for code, spread in enumerate(facts.spread):
        rows = np.flatnonzero(tried.segment == code)
        if len(rows):
            grid[rows] = quantiles_of(
                spread, mean[rows], errors[rows], whole[rows], never_negative[rows], highest[rows], facts.levels
            )
    names = _names(weights, facts.methods)
    names[nothing], names[never] = "launch_level", "never_sold"
    fallback = np.where(nothing, "no history", np.where(never, "never sold", np.where(known < 3, "short history", "")))
    weights[nothing | never] = 0.0
    return BaselineForecast(
        Forecast(mean, grid, facts.levels, names, fallback.astype(np.str_)),
        weights,
        drivers_of(mean, tried.paths[:, :, -1], weights, facts),
    )


def chunks(series: int, horizon: int, methods: int) -> Iterator[slice]:
    """Slices of the series such that the work of one stays within a fixed memory."""
    size = max(64, _CHUNK_BYTES // (8 * methods * (ORIGINS + 1) * horizon))
    for start in range(0, max(series, 1), size):
        yield slice(start, min(start + size, series))


def drivers_of(mean: Floats, paths: Floats, weights: Floats, facts: BaselineFacts) -> dict[str, Floats]:
    """Split means (n, H) into level, season and trend (n, H each) that add up to them.

    Level: the mean of the first season of steps (of the first step for methods without season); season: what
    seasonal methods say of a step beyond their level; trend: the rest.

    Args:
        paths: (methods, n, H) of the last origin.
    """
    level, season = np.zeros_like(mean), np.zeros_like(mean)
    for position, name in enumerate(facts.methods):
        share = weights[:, position][:, None]
        path = np.where(share > 0, paths[position], 0.0)
        if BASELINES[name].seasonal:
            own = path[:, : facts.rhythm.season].mean(axis=1, keepdims=True)
            level += share * own
            season += share * (path - own)
        else:
            level += share * path[:, :1]
    unexplained = weights.sum(axis=1) == 0
    level[unexplained] = mean[unexplained]
    return {"level": level, "season": season, "trend": mean - level - season}


@dataclass(frozen=True)
class _Tried:
    """A chunk with the paths of all methods from all origins (the last is now) and their losses."""

    paths: Floats
    """(methods, n, origins + 1, H)."""
    actual: Floats
    """(n, origins, H), NaN beyond the history."""
    relative: Floats
    """(methods, n): loss over the mean loss of the methods; NaN where not to be had."""
    cells: Floats
    """(n,) number of backtest paths a series has, in whole ones."""
    segment: NDArray[np.int64]

    @classmethod
    def of(cls, y: Floats, horizon: int, rhythm: Rhythm, methods: tuple[str, ...]) -> _Tried:
        origins = backtest_origins(y.shape[1], horizon, rhythm)
        segment = demand_segments(y)
        made = np.stack([method_paths(name, y, [*origins, y.shape[1]], horizon, rhythm) for name in methods])
        ahead = origins[:, None] + np.arange(horizon)
        actual = np.where(ahead < y.shape[1], y[:, np.minimum(ahead, y.shape[1] - 1)], np.nan)
        # the mean is wanted: absolute errors would choose whatever says zero where most periods are zero
        sparse = segment >= SEGMENTS.index("intermittent")
        loss = np.full(made.shape[:2], np.nan)
        for position in range(len(methods)):
            error = np.abs(actual - made[position, :, :-1])
            error[sparse] **= 2
            known = np.isfinite(error)
            cells = known.sum(axis=(1, 2))
            possible = (cells > 0) & np.isfinite(made[position, :, -1]).all(axis=1)
            mean = np.where(known, error, 0.0).sum(axis=(1, 2)) / np.maximum(cells, 1)
            loss[position] = np.where(possible, mean, np.nan)
        usable = np.isfinite(loss)
        common = np.where(usable, loss, 0.0).sum(axis=0) / np.maximum(usable.sum(axis=0), 1)
        relative = np.where(common > 0, loss / np.where(common > 0, common, 1.0), np.where(usable, 1.0, np.nan))
        cells = np.isfinite(actual).sum(axis=(1, 2)) / horizon
        return cls(made, actual, relative, cells, segment)


def backtest_origins(length: int, horizon: int, rhythm: Rhythm) -> NDArray[np.int64]:
    """Numbers of periods known at past origins: evenly over the last stretch, which is two horizons or two seasons
    (four weeks at least), leaving a third of the history to learn from. At least one, where there are two periods."""
    stretch = max(2 * horizon, min(2 * rhythm.season, 28), ORIGINS)
    first = max(length - stretch, length // 3, 1)
    if first >= length:
        return np.array([max(length - 1, 0)], dtype=np.int64)
    return np.unique(np.linspace(first, length - 1, ORIGINS).astype(np.int64))


def _pooled(relative: Floats, cells: Floats) -> Floats:
    """Mean relative loss by method over series, weighted by their number of paths: (methods,)."""
    known = np.isfinite(relative)
    weight = np.where(known, cells, 0.0)
    total = weight.sum(axis=1)
    return np.where(total > 0, (weight * np.where(known, relative, 0.0)).sum(axis=1) / np.maximum(total, 1e-12), np.nan)


def _weights(tried: _Tried, segment_loss: Floats, complexity: Floats) -> Floats:
    """(series, methods): equal shares of the best `COMBINED` methods by the series' scores drawn to its segment's."""
    prior = segment_loss[tried.segment].T
    fallback = np.where(np.isfinite(prior), prior, 10.0)
    trust = tried.cells / (tried.cells + PRIOR_PATHS)
    own = np.where(np.isfinite(tried.relative), tried.relative, fallback)
    score = trust * own + (1 - trust) * fallback + SIMPLER * complexity[:, None]
    available = np.isfinite(tried.paths[:, :, -1]).all(axis=2)
    score = np.where(available, score, np.inf)
    order = np.argsort(score, axis=0, kind="stable")[:COMBINED]
    best = np.take_along_axis(score, order, axis=0)
    # a method clearly behind the best isn't averaged in
    share = np.where(np.isfinite(best) & (best <= best[:1] * NEAR), 1.0, 0.0)
    total = share.sum(axis=0)
    weights = np.zeros(score.shape)
    np.put_along_axis(weights, order, share / np.maximum(total, 1.0), axis=0)
    return weights.T


def _complexity(methods: Sequence[str]) -> Floats:
    return np.array([BASELINES[name].complexity for name in methods], dtype=float)


def _combine(paths: Floats, weights: Floats) -> Floats:
    """Weighted mean of the methods' paths (n, origins + 1, H); where one has none its share goes to the others."""
    total = np.zeros(paths.shape[1:])
    share = np.zeros(paths.shape[1:])
    for position in range(paths.shape[0]):
        rows = np.flatnonzero(weights[:, position] > 0)
        if len(rows):
            part = paths[position, rows]
            known = np.isfinite(part)
            weight = weights[rows, position][:, None, None]
            total[rows] += np.where(known, part, 0.0) * weight
            share[rows] += known * weight
    return np.where(share > 0, total / np.where(share > 0, share, 1.0), np.nan)


def _whole(y: Floats) -> NDArray[np.bool_]:
    """Series of whole, never negative numbers, (n,)."""
    filled = np.nan_to_num(y)
    return np.all((filled == np.rint(filled)) & (filled >= 0.0), axis=1)


def _launch_level(y: Floats, window: int) -> float:
    """Mean over series of the mean of their first `window` known periods; 0 if nobody has any."""
    known = np.isfinite(y)
    first = known & (np.cumsum(known, axis=1) <= window)
    counts = first.sum(axis=1)
    if not counts.any():
        return 0.0
    means = np.where(first, y, 0.0).sum(axis=1)[counts > 0] / counts[counts > 0]
    return float(max(np.mean(means), 0.0))


def _names(weights: Floats, methods: tuple[str, ...]) -> NDArray[np.str_]:
    """Names of the methods combined, joined by +, per series."""
    used = weights > 0
    codes = used @ (1 << np.arange(len(methods), dtype=np.int64))
    texts = {
        code: "+".join(name for position, name in enumerate(methods) if code >> position & 1) or "none"
        for code in np.unique(codes).tolist()
    }
    return np.array([texts[code] for code in codes.tolist()], dtype=object).astype(np.str_)
