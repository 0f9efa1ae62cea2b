"""The inner loops of anomaly flags: one series at a time, on small buffers, so memory does not grow with the data.

For each series the last T periods up to the cutoff are laid out densely (NaN = closed, off sale, out of stock or
missing). What a period should have sold is

    expected = level * day factor * weekday factor

- level: winsorised local mean of the periods around (not the period itself), so one wild day can't move it;
- day factor: how the rest of the series' group (same location and category) did that day against its own usual
  level, the series itself left out: festivals, heat, pay days and a closed afternoon move all alike, and are no anomaly;
- weekday factor: what is left of the series' own week, shrunk to 1 where few units were sold.

Deviations are measured as 2 (sqrt(y + 3/8) - sqrt(expected + 3/8)) (Anscombe 1948): on this scale a Poisson count has
a standard deviation of about 1 whatever its mean, so 3 units instead of 0.5 are no news and 300 instead of 50 are. The
scale is the median absolute deviation, but never below 1: no series is steadier than chance.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from shelfcast.quality.series_statistics import (
    level_before,
    local_level,
    root,
    rough_shift,
    third_largest,
    window_shift,
)

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

SPIKE, SHIFT, STOCKOUT, MISSING = 0, 1, 2, 3
MOST_FLAGS = 24
"""Most flags of one series in one scan."""

# Positions in the vector of thresholds (`anomalies.Sensitivity`).
SPIKE_SCORE, SPIKE_RATIO, SPIKE_UNITS, SHIFT_SCORE, SHIFT_RATIO, STOCKOUT_LOG, MISSING_SHARE = 0, 1, 2, 3, 4, 5, 6
# Positions in the vector of windows (`anomalies.Windows`), in periods.
RECENT, HALF, SCALE, BEFORE, AFTER, LEAST_AFTER, YEAR, SEASON, STOCKOUT_RUN = 0, 1, 2, 3, 4, 5, 6, 7, 8

SHRINK_UNITS = 30.0
"""A group's day factor is drawn to that of other locations as if it had sold this much more, as they did."""
SHRINK_WEEKDAY = 8.0
"""A weekday factor is drawn to 1 as if this many units more had been sold, all of them as usual."""
BEYOND_MEASURE = 20.0
"""Times the best days without a promotion that no promotion reaches."""
SHORT_HISTORY = 1.6
"""Times the usual score a level shift needs where the past is too short to show how much the series wanders."""


@njit(cache=True, nogil=True)
def scan(
    starts: Ints, periods: Ints, units: Floats, own_starts: Ints, own_periods: Ints, own_share: Floats,
    event_starts: Ints, event_from: Ints, event_to: Ints, listed_from: Ints, listed_to: Ints, group_of: Ints,
    totals: Floats, bases: Floats, absurd: Floats, prior: Floats, place_of: Ints, closed: Flags, gap_is_zero: bool, windows: Ints, limits: Floats,
    out_series: Ints, out_kind: Ints, out_period: Ints, out_length: Ints, out_value: Floats, out_expected: Floats,
    out_score: Floats,
) -> int:  # fmt: skip
    """Flags of all series; returns how many were written to the `out_` arrays.

    Series i has rows starts[i]:starts[i + 1] of (periods, units), ascending, periods counted so that T - 1 is the
    cutoff; `own_` rows hold its recorded availability, `event_` rows the intervals that explain high sales (promotion,
    cut price). For group g and each period `totals[g]` are its units, `bases[g]` the usual ones, `absurd[g]` those of
    one row that would distort them, `prior[g]` the day factor elsewhere; `closed[p]`: place p was closed or silent.
    """
    T = totals.shape[1]
    written = 0
    y, factor, level = np.empty(T), np.empty(T), np.empty(T)
    expected, slow = np.empty(T), np.empty(T)
    known_share = np.empty(T)
    event = np.zeros(T, np.bool_)
    absent = np.zeros(T, np.bool_)
    season = windows[SEASON]
    week = np.ones(season)
    sold, usual = np.empty(season), np.empty(season)
    residual = np.empty(T)
    for i in range(starts.size - 1):
        begin, end = starts[i], starts[i + 1]
        if end == begin:
            continue
        first, last = max(periods[begin], listed_from[i]), min(T - 1, listed_to[i])
        if last - first + 1 < 2 * min(14, windows[HALF]):
            continue
        y[:], event[:], absent[:], known_share[:] = np.nan, False, False, np.nan
        y[first : last + 1] = 0.0 if gap_is_zero else np.nan
        if not gap_is_zero:
            absent[first : last + 1] = True
        rows = 0
        for r in range(begin, end):
            if first <= periods[r] <= last:
                y[periods[r]] = max(units[r], 0.0)
                absent[periods[r]] = False
                rows += 1
        for t in range(first, last + 1):
            if closed[place_of[i], t]:
                y[t] = np.nan
                absent[t] = False
        for r in range(own_starts[i], own_starts[i + 1]):
            t = own_periods[r]
            known_share[t] = own_share[r]
            if own_share[r] < 0.9:
                y[t] = np.nan
        for r in range(event_starts[i], event_starts[i + 1]):
            event[max(0, event_from[r]) : max(0, min(T, event_to[r] + 1))] = True
        for t in range(first, last + 1):
            if event[t]:
                y[t] = np.nan
        valid, mean = 0, 0.0
        for t in range(first, last + 1):
            if not np.isnan(y[t]):
                valid += 1
                mean += y[t]
        flags = 0
        # Missing days: this series writes a row nearly every period, zeros too, and here there is none.
        if not gap_is_zero and rows >= limits[MISSING_SHARE] * (last - first + 1):
            t = max(first + 1, T - windows[RECENT])
            while t <= last and flags < MOST_FLAGS // 4:
                if absent[t] and not absent[t - 1]:
                    length = 1
                    while t + length <= last and absent[t + length]:
                        length += 1
                    out_series[written], out_kind[written], out_period[written] = i, MISSING, t
                    out_length[written], out_value[written] = length, np.nan
                    out_expected[written], out_score[written] = np.nan, length
                    written += 1
                    flags += 1
                    t += length
                t += 1
        if valid < 2 * min(14, windows[HALF]):
            continue
        mean /= valid
        g = group_of[i]
        overall = totals[g, first : last + 1].mean()
        for t in range(T):
            own = 0.0 if np.isnan(y[t]) else y[t]
            outlier = absurd[g, t] if own < absurd[g, t] else 0.0
            others, others_usual = max(totals[g, t] - own - outlier, 0.0), max(bases[g, t] - mean, 0.0)
            factor[t] = min(max((others + SHRINK_UNITS * prior[g, t]) / (others_usual + SHRINK_UNITS), 0.1), 10.0)
            slow[t] = max((others + SHRINK_UNITS) / (max(overall - mean, 0.0) + SHRINK_UNITS), 0.05)
        from_scale = max(first, T - windows[SCALE])
        local_level(y, factor, first, from_scale, windows[HALF], level)
        # Weekday factors of the series itself.
        sold[:], usual[:] = 0.0, 0.0
        for t in range(from_scale, last + 1):
            if not np.isnan(y[t]) and not np.isnan(level[t]):
                base = level[t] * factor[t]
                sold[t % season] += min(y[t], base + 4.0 * np.sqrt(base + 1.0) + 2.0)
                usual[t % season] += base
        for d in range(season):
            week[d] = (sold[d] + SHRINK_WEEKDAY) / (usual[d] + SHRINK_WEEKDAY)
        # Robust scale of the deviations.
        count, squares = 0, 0.0
        for t in range(from_scale, last + 1):
            expected[t] = level[t] * factor[t] * week[t % season]
            if not np.isnan(y[t]) and not np.isnan(expected[t]):
                residual[count] = root(y[t]) - root(expected[t])
                top = expected[t] + 4.0 * np.sqrt(expected[t] + 1.0) + 2.0
                squares += (min(y[t], top) - expected[t]) ** 2 / (expected[t] + 0.25)
                count += 1
        if count < 14 and count < windows[HALF]:
            continue
        middle = np.median(residual[:count])
        scale = max(1.0, 1.4826 * np.median(np.abs(residual[:count] - middle)), np.sqrt(squares / count))
        recent = max(first, T - windows[RECENT])
        # Spikes: one flag per run of days, at its highest day.
        t = recent
        while t <= last and flags < MOST_FLAGS // 2:
            if np.isnan(y[t]) or np.isnan(expected[t]):
                t += 1
                continue
            score = (root(y[t]) - root(expected[t]) - middle) / scale
            if (
                score < limits[SPIKE_SCORE]
                or y[t] < limits[SPIKE_RATIO] * expected[t]
                or y[t] - expected[t] < limits[SPIKE_UNITS]
            ):
                t += 1
                continue
            best, length = t, 1
            while t + length <= last and y[t + length] > limits[SPIKE_RATIO] * expected[t + length]:
                if y[t + length] > y[best]:
                    best = t + length
                length += 1
            # A day no bigger than the biggest few of the last year is unusual, but not out of bounds.
            if (
                y[best]
                > 1.3 * third_largest(y, factor, max(first, T - windows[YEAR] - windows[RECENT]), last + 1, best, best)
                and length <= 7
            ):
                out_series[written], out_kind[written], out_period[written] = i, SPIKE, best
                out_length[written], out_value[written], out_expected[written] = length, y[best], expected[best]
                out_score[written] = (root(y[best]) - root(expected[best]) - middle) / scale
                written += 1
                flags += 1
            t += length
        # A promotion or a cut price explains high sales, and a day without stock is no measure of any; a number beyond
        # all measure is a typing error on such days too.
        for r in range(begin, end):
            t = periods[r]
            if recent <= t <= last and np.isnan(y[t]) and flags < MOST_FLAGS // 2:
                best_day = third_largest(y, factor, max(first, T - windows[YEAR]), last + 1, t, t)
                if units[r] > BEYOND_MEASURE * (best_day + limits[SPIKE_UNITS]):
                    out_series[written], out_kind[written], out_period[written] = i, SPIKE, t
                    out_length[written], out_value[written], out_expected[written] = 1, units[r], mean
                    out_score[written] = (root(units[r]) - root(mean)) / scale
                    written += 1
                    flags += 1
        # Returns beyond all sales: a wrong sign or a typing error.
        for r in range(begin, end):
            t = periods[r]
            if recent <= t <= last and units[r] < 0 and flags < MOST_FLAGS // 2:
                best_day = third_largest(y, factor, max(first, T - windows[YEAR]), last + 1, t, t)
                if -units[r] > 2.0 * best_day + 3.0 * limits[SPIKE_UNITS]:
                    out_series[written], out_kind[written], out_period[written] = i, SPIKE, t
                    out_length[written], out_value[written], out_expected[written] = 1, units[r], max(expected[t], 0.0)
                    out_score[written] = -(root(-units[r]) + root(max(expected[t], 0.0))) / scale
                    written += 1
                    flags += 1
        # Likely stock-outs: runs of zeros too long for chance.
        zeros, counted = 0, 0
        for t in range(from_scale, recent):
            if not np.isnan(y[t]):
                counted += 1
                zeros += y[t] == 0
        floor = (zeros + 0.5) / (counted + 1.0)
        excess = max(scale * scale - 1.0, 0.05)
        long_zero = -1
        t = recent
        while t <= last and flags < MOST_FLAGS:
            if y[t] != 0.0 or (t > first and y[t - 1] == 0.0):
                t += 1
                continue
            length, chance, model_chance, lost, unknown = 0, 0.0, 0.0, 0.0, True
            before = level_before(factor, week, y, first, t, season)
            while t + length <= last and (y[t + length] == 0.0 or (length > 0 and np.isnan(y[t + length]))):
                s = t + length
                if y[s] == 0.0:
                    mu = before * factor[s] * week[s % season]
                    lost += mu
                    # P(0) of a count with this mean and a variance of (1 + excess) times it, but never rarer than seen.
                    by_model = -mu * np.log1p(excess) / excess
                    model_chance += by_model
                    chance += max(by_model, np.log(floor))
                    if not np.isnan(known_share[s]):
                        unknown = False
                length += 1
            while length > 1 and np.isnan(y[t + length - 1]):
                length -= 1
            alone = length == 1 and zeros == 0 and counted >= 60 and model_chance < limits[STOCKOUT_LOG]
            enough = chance < limits[STOCKOUT_LOG] and (length >= windows[STOCKOUT_RUN])
            if unknown and (enough or alone) and lost >= 4.0:
                out_series[written], out_kind[written], out_period[written] = i, STOCKOUT, t
                out_length[written], out_value[written], out_expected[written] = length, 0.0, lost
                out_score[written] = np.sqrt(-2.0 * min(chance, 0.0))
                written += 1
                flags += 1
                long_zero = max(long_zero, length)
            t += max(length, 1)
        # Level shift: the sharpest change of the recent window, not the group's, not last year's.
        best_score, best_c = 0.0, -1
        for c in range(max(recent, first + windows[BEFORE] // 2), last - windows[LEAST_AFTER] + 2):
            rough = rough_shift(y, c, windows[BEFORE], windows[AFTER], windows[LEAST_AFTER], first, last, scale)
            if abs(rough) > abs(best_score):
                best_score, best_c = rough, c
        if (
            best_c < 0
            or abs(best_score) < limits[SHIFT_SCORE]
            or long_zero >= windows[LEAST_AFTER]
            or flags >= MOST_FLAGS
        ):
            continue
        # A series that has moved as much before, or whose past is too short to tell, needs more to be out of the ordinary.
        precedent = (
            0.0 if recent - first >= 2 * (windows[BEFORE] + windows[AFTER]) else SHORT_HISTORY * limits[SHIFT_SCORE]
        )
        for c in range(first + windows[BEFORE] // 2, recent - windows[LEAST_AFTER] + 1, season):
            rough = rough_shift(y, c, windows[BEFORE], windows[AFTER], windows[LEAST_AFTER], first, recent - 1, scale)
            precedent = max(precedent, abs(rough))
        if abs(best_score) < precedent:
            continue
        score, low, high = window_shift(y, np.ones(T), best_c, windows[BEFORE], windows[AFTER], first, scale)
        apart, group_low, group_high = window_shift(y, slow, best_c, windows[BEFORE], windows[AFTER], first, scale)
        ratio = (max(high, low) + 0.1) / (min(high, low) + 0.1)
        group_ratio = (max(group_high, group_low) + 0.1) / (min(group_high, group_low) + 0.1)
        if abs(score) < limits[SHIFT_SCORE] or ratio < limits[SHIFT_RATIO] or score * apart <= 0:
            continue
        if abs(apart) < 0.7 * limits[SHIFT_SCORE] or group_ratio < 1.0 + 0.7 * (limits[SHIFT_RATIO] - 1.0):
            continue
        year_ago = best_c - windows[YEAR]
        if year_ago - windows[BEFORE] // 2 >= first:
            same = False
            for shift in range(-2 * windows[LEAST_AFTER], 2 * windows[LEAST_AFTER] + 1, windows[LEAST_AFTER]):
                then, _, _ = window_shift(
                    y[: T - windows[YEAR] + windows[AFTER]],
                    slow,
                    year_ago + shift,
                    windows[BEFORE],
                    windows[AFTER],
                    first,
                    scale,
                )
                same = same or (then * score > 0 and abs(then) > 0.4 * abs(score))
            if same:
                continue
        out_series[written], out_kind[written], out_period[written] = i, SHIFT, best_c
        out_length[written], out_value[written], out_expected[written] = last - best_c + 1, high, low
        out_score[written] = score
        written += 1
    return written
