# mypy: allow-untyped-defs, allow-untyped-calls
"""What a series' own past says of a period to come: levels, the same season a year ago, like periods, groups of series.

Everything is measured on what the local regression leaves over (`local_regression`). A row reads its series up to its
cutoff only.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from shelfcast.features.local_regression import predict


@njit(cache=True, inline="always")
def _mean(total, number, low, high):
    """Mean over positions low..high of running sums; NaN when nothing was seen."""
    low = max(low, 0)
    high = min(high, len(total) - 2)
    if high < low:
        return np.nan
    n = number[high + 1] - number[low]
    return (total[high + 1] - total[low]) / n if n > 0 else np.nan


@njit(cache=True, inline="always")
def _back(index, ago, c):
    """Follow the year-ago index until it's in the past; also how many years that took."""
    years = 0
    while index > c and index >= 0:
        index = ago[index]
        years += 1
    return index, years


@njit(cache=True, parallel=True)
def history_rows(
    out, pair_series, pair_cutoff, pair_start, step, cutoffs, value, first, last, loc, scale, beta,
    group, group_total, group_number, depth, ago, year, base, near, far, spans, combination,
    phase, weekdays, values, rows, interacting, doubt,
):  # fmt: skip
    """Fill `out` (rows, features) for each (series, cutoff) pair and its steps. Column order: `history_names`.

    pair_start: first row of each pair, one more at the end. step: periods ahead of each row. group_total, group_number:
    running sums of the groups' mean residuals, (C, groups, depth + 1). ago: year-ago index by weekday, date, festival.
    base: periods that give the level a year ago is measured from. near, far: half widths of seasonal windows. doubt: (C,)
    size under which a movement of all series is taken for noise.
    """
    week = max(weekdays, 1)
    for pair in prange(len(pair_series)):
        s, k = pair_series[pair], pair_cutoff[pair]
        c = min(cutoffs[k], last[s])
        origin = cutoffs[k] - depth + 1
        total, number, square = np.zeros(depth + 1), np.zeros(depth + 1), np.zeros(depth + 1)
        residual = np.full(depth, np.nan)
        for j in range(depth):
            d = origin + j
            total[j + 1], number[j + 1], square[j + 1] = total[j], number[j], square[j]
            if d >= first[s] and d <= c and not np.isnan(value[s, d]):
                fitted = predict(beta[s, k], s, d, phase, weekdays, values, rows, interacting)
                r = (value[s, d] - loc[s, k]) / scale[s, k] - fitted
                residual[j] = r
                total[j + 1] += r
                number[j + 1] += 1.0
                square[j + 1] += r * r
        end = c - origin
        # what is the same for all steps
        since_sale, zeros, seen = 0, 0, 0
        selling = True
        for d in range(c, max(first[s], c - year) - 1, -1):
            if np.isnan(value[s, d]):
                continue
            seen += 1
            if value[s, d] == 0.0:
                zeros += 1
            else:
                selling = False
            if selling:
                since_sale += 1
        spread_short = _spread(total, number, square, end - base + 1, end)
        spread_long = _spread(total, number, square, end - year + 1, end)
        for row in range(pair_start[pair], pair_start[pair + 1]):
            h = step[row]
            t = c + h
            col = 0
            out[row, col] = predict(beta[s, k], s, t, phase, weekdays, values, rows, interacting)
            col += 1
            out[row, col] = h
            col += 1
            for i in range(len(spans)):
                out[row, col] = _mean(total, number, end - spans[i] + 1, end)
                col += 1
            out[row, col] = spread_short
            out[row, col + 1] = spread_long
            out[row, col + 2] = loc[s, k] if scale[s, k] == 1.0 else np.log(scale[s, k])
            out[row, col + 3] = min(c - first[s] + 1, 3 * year)
            out[row, col + 4] = seen
            out[row, col + 5] = zeros / seen if seen > 0 else np.nan
            out[row, col + 6] = since_sale
            col += 7
            # the same season a year ago: own
            t1, years = _back(t, ago[0], c)
            c1 = c - years * year
            base1 = _mean(total, number, c1 - origin - base + 1, c1 - origin)
            j1 = t1 - origin if t1 >= 0 else -far - 2
            out[row, col] = _mean(total, number, j1, j1)
            out[row, col + 1] = _mean(total, number, j1 - near, j1 + near) - base1
            out[row, col + 2] = _mean(total, number, j1 - far, min(j1 + far, end)) - base1
            out[row, col + 3] = base1
            t2 = ago[0][t1] if t1 >= 0 else -1
            j2 = t2 - origin if t2 >= 0 else -far - 2
            base2 = _mean(total, number, c1 - year - origin - base + 1, c1 - year - origin)
            out[row, col + 4] = _mean(total, number, j2 - near, j2 + near) - base2
            out[row, col + 5] = _mean(total, number, c1 - origin + 1, c1 - origin + h) - base1
            col += 6
            td, _y = _back(t, ago[1], c)
            tf, _z = _back(t, ago[2], c)
            out[row, col] = _mean(total, number, td - origin, td - origin) if td >= 0 else np.nan
            out[row, col + 1] = _mean(total, number, tf - origin, tf - origin) if tf >= 0 else np.nan
            col += 2
            # groups: level now, same season a year ago
            for g in range(group.shape[1]):
                gt, gn = group_total[k, group[s, g]], group_number[k, group[s, g]]
                gbase = _mean(gt, gn, c1 - origin - base + 1, c1 - origin)
                out[row, col] = _mean(gt, gn, end - week + 1, end)
                out[row, col + 1] = _mean(gt, gn, end - base + 1, end)
                out[row, col + 2] = _mean(gt, gn, j1 - near, j1 + near) - gbase
                out[row, col + 3] = _beside(gt, gn, j1, near, doubt[k])
                out[row, col + 4] = _beside(gt, gn, td - origin, near, doubt[k]) if td >= 0 else np.nan
                out[row, col + 5] = _beside(gt, gn, tf - origin, near, doubt[k]) if tf >= 0 else np.nan
                out[row, col + 6] = _mean(gt, gn, j2 - near, j2 + near) - _mean(
                    gt, gn, c1 - year - origin - base + 1, c1 - year - origin
                )
                col += 7
            # residuals on the same weekday under the same flags
            matched, running, latest = 0, 0.0, np.nan
            few, several = np.nan, np.nan
            d = t - week
            for _i in range(year // week + 60 // week + 1):
                if d < max(first[s], origin):
                    break
                if d <= c and combination[s, d] == combination[s, t] and not np.isnan(residual[d - origin]):
                    running += residual[d - origin]
                    matched += 1
                    if matched == 1:
                        latest = running
                    if matched == 4:
                        few = running / 4
                    if matched == 12:
                        several = running / 12
                d -= week
            every = running / matched if matched > 0 else np.nan
            out[row, col] = latest
            out[row, col + 1] = few if matched >= 4 else every
            out[row, col + 2] = several if matched >= 12 else every
            out[row, col + 3] = every
            out[row, col + 4] = matched
            col += 5
    return out


@njit(cache=True, inline="always")
def _beside(total, number, at, near, doubt):
    """How far a group was from the periods around one; what is far out is left to the odd days (`matrix.EFFECT`)."""
    away = _mean(total, number, at, at) - _mean(total, number, at - near, at + near)
    return away * doubt * doubt / (away * away + doubt * doubt)


@njit(cache=True, inline="always")
def _spread(total, number, square, low, high):
    """Standard deviation over positions low..high of running sums."""
    low = max(low, 0)
    n = number[high + 1] - number[low]
    if n < 2:
        return np.nan
    mean = (total[high + 1] - total[low]) / n
    return np.sqrt(max((square[high + 1] - square[low]) / n - mean * mean, 0.0))


def history_names(spans: tuple[int, ...], groups: int) -> tuple[list[str], list[str]]:
    """Names and drivers of the columns `history_rows` fills, in its order."""
    names = ["local regression", "periods ahead"]
    drivers = ["level", "level"]
    names += [f"level, last {span}" for span in spans]
    drivers += ["level"] * len(spans)
    names += ["spread, recent", "spread, year", "size", "age", "periods seen", "share of zeros", "periods since sale"]
    drivers += ["level"] * 7
    names += [
        "same period last year",
        "season last year, near",
        "season last year, far",
        "level last year",
        "season two years ago",
        "season last year, up to the period",
        "same date last year",
        "same festival day last year",
    ]
    drivers += ["season", "season", "season", "level", "season", "season", "season", "festival"]
    for group in range(groups):
        of = "all" if group == 0 else f"group {group}"
        names += [
            f"{of}: level, week",
            f"{of}: level, recent",
            f"{of}: season last year, near",
            f"{of}: same period last year, beside its season",
            f"{of}: same date last year, beside its season",
            f"{of}: same festival day last year, beside its season",
            f"{of}: season two years ago",
        ]
        drivers += ["level", "level", "season", "season", "season", "festival", "season"]
    names += [
        "like periods, latest",
        "like periods, 4",
        "like periods, 12",
        "like periods, all",
        "like periods, number",
    ]
    drivers += ["weekday"] * 5
    return names, drivers
