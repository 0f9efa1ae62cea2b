"""Baseline forecast paths, compiled: every method from many origins of every series in one walk through its history.

A path is the forecast for steps 1..H made with the first `origin` periods only. All kernels skip missing periods
(NaN): an unknown day neither counts as zero nor ages a moving average. A method that can't forecast from an origin
(no value yet, no year of history) writes NaN there; the caller falls back on another and says so.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from shelfcast.forecast.models.yearly_path import yearly_paths

Floats = NDArray[np.floating]

NAIVE, HISTORIC_AVERAGE, WINDOW_AVERAGE, SMOOTHING, DAMPED_TREND = 0, 1, 2, 3, 4
SEASONAL_NAIVE, SEASONAL_WINDOW_AVERAGE, SEASONAL_SMOOTHING, YEAR_AGO = 5, 6, 7, 8
CROSTON, CROSTON_SBA, TSB, ADIDA, IMAPA, YEARLY_TREND = 9, 10, 11, 12, 13, 14

# Smoothing weights tried per series; the one with the least discounted one-step squared error so far is used.
_ALPHAS = np.array([0.03, 0.07, 0.15, 0.3, 0.5, 0.8])
_TRENDS = np.array([[0.1, 0.02], [0.1, 0.1], [0.3, 0.05], [0.3, 0.2], [0.6, 0.1], [0.6, 0.3]])
_SEASONS = np.array([[0.03, 0.05], [0.03, 0.2], [0.1, 0.05], [0.1, 0.2], [0.3, 0.05], [0.3, 0.2]])
_DAMPING = 0.9
_FORGET = 0.995
_CROSTON_ALPHA = 0.1  # Croston 1972; the value of the field's implementations
_TSB_ALPHA_SIZE, _TSB_ALPHA_CHANCE = 0.1, 0.1
_LONGEST_BUCKET = 30


@njit(cache=True, nogil=True)
def paths(
    method: int, target: Floats, origins: NDArray[np.int64], season: int, window: int, year: int, out: Floats,
) -> None:  # fmt: skip
    """Fill `out` (series, origins, H) with the paths of one method.

    Args:
        target: (series, T), NaN where missing.
        origins: rising numbers of periods known, each <= T.
        season: periods of the short season (7 for days).
        window: periods a window average looks back; a seasonal one looks back `max(1, window // season)` seasons.
        year: periods of a year, aligned to the season (364, 52, 12).
    """
    for i in range(target.shape[0]):
        y = target[i]
        if method <= SMOOTHING or method in (CROSTON, CROSTON_SBA, TSB):
            _level_walk(method, y, origins, window, out[i])
        elif method == DAMPED_TREND:
            _trend_walk(y, origins, out[i])
        elif method == SEASONAL_SMOOTHING:
            _season_walk(y, origins, season, out[i])
        elif method == SEASONAL_NAIVE:
            _repeat_season(y, origins, season, out[i])
        elif method == SEASONAL_WINDOW_AVERAGE:
            _average_season(y, origins, season, max(1, window // season), window, out[i])
        elif method == YEAR_AGO:
            _repeat_year(y, origins, season, window, year, out[i])
        elif method == YEARLY_TREND:
            yearly_paths(y, origins, season, out[i])
        else:
            for k in range(len(origins)):
                out[i, k, :] = _aggregated_level(y, origins[k], method == IMAPA)


@njit(cache=True, nogil=True)
def _level_walk(method: int, y: Floats, origins: NDArray[np.int64], window: int, out: Floats) -> None:
    """Methods whose forecast is one level, the same for all steps."""
    known, total, last = 0, 0.0, np.nan
    levels = np.zeros(len(_ALPHAS))
    costs = np.zeros(len(_ALPHAS))
    size, interval, chance, since, sales = np.nan, np.nan, 0.0, 0, 0
    k = 0
    for t in range(len(y) + 1):
        while k < len(origins) and origins[k] == t:
            level = np.nan
            if known > 0:
                if method == NAIVE:
                    level = last
                elif method == HISTORIC_AVERAGE:
                    level = total / known
                elif method == WINDOW_AVERAGE:
                    level = _mean_of_last(y, t, window)
                elif method == SMOOTHING:
                    level = levels[np.argmin(costs)]
                elif sales == 0:
                    level = 0.0
                elif method == TSB:
                    level = size * chance
                else:
                    level = size / interval
                    if method == CROSTON_SBA:  # Syntetos and Boylan 2005: 1 - alpha / 2 takes Croston's bias away
                        level *= 1.0 - _CROSTON_ALPHA / 2.0
            out[k, :] = level
            k += 1
        if k == len(origins) or t == len(y) or np.isnan(y[t]):
            continue
        value = y[t]
        known += 1
        total += value
        last = value
        if method == SMOOTHING:
            for a in range(len(_ALPHAS)):
                error = value - levels[a]
                if known > 1:
                    costs[a] = costs[a] * _FORGET + error * error
                levels[a] += max(_ALPHAS[a], 1.0 / known) * error
        elif method >= CROSTON:
            since += 1
            if value != 0.0:
                sales += 1
                if sales == 1:
                    size, interval = value, float(since)
                else:
                    weight = _TSB_ALPHA_SIZE if method == TSB else _CROSTON_ALPHA
                    size += weight * (value - size)
                    interval += weight * (since - interval)
                since = 0
            if method == TSB:  # Teunter, Syntetos, Babai 2011: the chance of a sale fades when nothing sells
                occurred = 1.0 if value != 0.0 else 0.0
                chance = occurred if known == 1 else chance + _TSB_ALPHA_CHANCE * (occurred - chance)


@njit(cache=True, nogil=True)
def _mean_of_last(y: Floats, end: int, window: int) -> float:
    """Mean of the known values in the last `window` periods; of the last known value if there is none."""
    total, count = 0.0, 0
    for t in range(max(0, end - window), end):
        if not np.isnan(y[t]):
            total += y[t]
            count += 1
    if count > 0:
        return total / count
    for t in range(end - 1, -1, -1):
        if not np.isnan(y[t]):
            return float(y[t])
    return np.nan


@njit(cache=True, nogil=True)
def _trend_walk(y: Floats, origins: NDArray[np.int64], out: Floats) -> None:
    """Holt's method with a damped trend (Gardner and McKenzie 1985), kept within the range the series has shown."""
    count = len(_TRENDS)
    levels, trends, costs = np.zeros(count), np.zeros(count), np.zeros(count)
    known, lowest, highest = 0, np.inf, -np.inf
    k = 0
    for t in range(len(y) + 1):
        while k < len(origins) and origins[k] == t:
            best = np.argmin(costs)
            reach, damped = 0.0, 1.0
            for h in range(out.shape[1]):
                damped *= _DAMPING
                reach += damped
                value = levels[best] + reach * trends[best]
                room = 0.5 * (highest - lowest)
                out[k, h] = min(max(value, lowest - room), highest + room) if known > 0 else np.nan
                if lowest >= 0.0 and out[k, h] < 0.0:
                    out[k, h] = 0.0
            k += 1
        if k == len(origins) or t == len(y) or np.isnan(y[t]):
            continue
        value = y[t]
        known += 1
        lowest, highest = min(lowest, value), max(highest, value)
        for a in range(count):
            expected = levels[a] + _DAMPING * trends[a]
            error = value - expected
            if known > 1:
                costs[a] = costs[a] * _FORGET + error * error
            before = levels[a]
            levels[a] = expected + max(_TRENDS[a, 0], 1.0 / known) * error
            if known > 1:
                change = levels[a] - before
                trends[a] = _DAMPING * trends[a] + max(_TRENDS[a, 1], 1.0 / (known + 4)) * (
                    change - _DAMPING * trends[a]
                )


@njit(cache=True, nogil=True)
def _season_walk(y: Floats, origins: NDArray[np.int64], season: int, out: Floats) -> None:
    """Level and additive season smoothed together (Holt and Winters without trend)."""
    count = len(_SEASONS)
    levels, costs = np.zeros(count), np.zeros(count)
    seasons = np.zeros((count, season))
    seen = np.zeros(season)
    known, lowest = 0, np.inf
    k = 0
    for t in range(len(y) + 1):
        while k < len(origins) and origins[k] == t:
            best = np.argmin(costs)
            for h in range(out.shape[1]):
                value = levels[best] + seasons[best, (t + h) % season]
                out[k, h] = np.nan if known == 0 else (max(value, 0.0) if lowest >= 0.0 else value)
            k += 1
        if k == len(origins) or t == len(y) or np.isnan(y[t]):
            continue
        value = y[t]
        phase = t % season
        known += 1
        lowest = min(lowest, value)
        seen[phase] += 1
        for a in range(count):
            error = value - levels[a] - seasons[a, phase]
            if known > 1:
                costs[a] = costs[a] * _FORGET + error * error
            if known <= season:  # no season yet: the level alone learns
                levels[a] += max(_SEASONS[a, 0], 1.0 / known) * (value - levels[a])
            else:
                levels[a] += max(_SEASONS[a, 0], 1.0 / known) * error
            seasons[a, phase] += max(_SEASONS[a, 1], 1.0 / (seen[phase] + 1.0)) * (
                value - levels[a] - seasons[a, phase]
            )


@njit(cache=True, nogil=True)
def _filled_forward(y: Floats) -> Floats:
    filled = y.astype(np.float64)
    for t in range(1, len(y)):
        if np.isnan(filled[t]):
            filled[t] = filled[t - 1]
    return filled


@njit(cache=True, nogil=True)
def _repeat_season(y: Floats, origins: NDArray[np.int64], season: int, out: Floats) -> None:
    """The last season of the history, gaps filled forward; where that is before the first value, the last value."""
    filled = _filled_forward(y)
    for k in range(len(origins)):
        end = origins[k]
        for h in range(out.shape[1]):
            back = end - season + h % season
            value = filled[back] if back >= 0 else np.nan
            out[k, h] = filled[end - 1] if np.isnan(value) and end > 0 else value


@njit(cache=True, nogil=True)
def _average_season(y: Floats, origins: NDArray[np.int64], season: int, seasons: int, window: int, out: Floats) -> None:
    """Mean of the same phase over the last seasons; where none is known, the mean of the window."""
    for k in range(len(origins)):
        end = origins[k]
        level = _mean_of_last(y, end, window)
        for h in range(min(season, out.shape[1])):
            total, count = 0.0, 0
            for s in range(1, seasons + 1):
                t = end + h - s * season
                if t >= 0 and not np.isnan(y[t]):
                    total += y[t]
                    count += 1
            out[k, h] = total / count if count > 0 else level
        for h in range(season, out.shape[1]):
            out[k, h] = out[k, h - season]


@njit(cache=True, nogil=True)
def _repeat_year(y: Floats, origins: NDArray[np.int64], season: int, window: int, year: int, out: Floats) -> None:
    """The same part of the season a year ago, times how the level has moved since (at most halved or doubled)."""
    for k in range(len(origins)):
        end = origins[k]
        out[k, :] = np.nan
        now, then, pairs = 0.0, 0.0, 0
        for t in range(max(year, end - 2 * window), end):
            if not np.isnan(y[t]) and not np.isnan(y[t - year]):
                now += y[t]
                then += y[t - year]
                pairs += 1
        if pairs < max(4, window // 2) or then <= 0.0:
            continue
        ratio = min(max(now / then, 0.5), 2.0)
        fallback = _mean_of_last(y, end, window)
        near = season if season < year else 1
        for h in range(out.shape[1]):
            same = end + h - year
            while same >= end:
                same -= year
            total, weight = 0.0, 0.0
            for shift in range(-1, 2):
                t = same + shift * near
                if 0 <= t < end and not np.isnan(y[t]):
                    share = 2.0 if shift == 0 else 1.0
                    total += share * y[t]
                    weight += share
            out[k, h] = ratio * total / weight if weight > 0.0 else fallback


@njit(cache=True, nogil=True)
def _aggregated_level(y: Floats, end: int, several: bool) -> float:
    """ADIDA (Nikolopoulos et al. 2011): smooth sums over buckets as long as the mean interval between sales.

    With `several` (IMAPA, Petropoulos and Kourentzes 2015): the mean over all bucket lengths from one to that.
    """
    known, sales = 0, 0
    for t in range(end):
        if not np.isnan(y[t]):
            known += 1
            if y[t] != 0.0:
                sales += 1
    if known == 0:
        return np.nan
    if sales == 0:
        return 0.0
    longest = min(max(1, int(round(known / sales))), _LONGEST_BUCKET, known)
    total, count = 0.0, 0
    for bucket in range(1 if several else longest, longest + 1):
        total += _smoothed_buckets(y, end, known, bucket)
        count += 1
    return total / count


@njit(cache=True, nogil=True)
def _smoothed_buckets(y: Floats, end: int, known: int, bucket: int) -> float:
    """Level per period of sums over `bucket` known periods, counted back from the end; weight chosen in 0.1..0.3."""
    levels, costs = np.zeros(5), np.zeros(5)
    skip = known % bucket
    seen, filled, total, buckets = 0, 0, 0.0, 0
    for t in range(end):
        if np.isnan(y[t]):
            continue
        seen += 1
        if seen <= skip:
            continue
        total += y[t]
        filled += 1
        if filled == bucket:
            buckets += 1
            for a in range(5):
                error = total - levels[a]
                if buckets > 1:
                    costs[a] += error * error
                levels[a] += max(0.1 + 0.05 * a, 1.0 / buckets) * error
            filled, total = 0, 0.0
    return float(levels[np.argmin(costs)] / bucket)
