"""Forecast quality as actuals arrive, against what was promised: measures of a day, from daily sums by segment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shelfcast.domain.measures import Measure
from shelfcast.forecast.drift_sums import FAR, NEAR

Floats = NDArray[np.float64]

BIAS_DAYS, ERROR_DAYS, LONG_DAYS = 7, 14, 28
USUAL_DAYS = 91
"""Days of its own past a segment is compared with."""
LEAST_USUAL = 28
LEAST_DAYS = 5
LEAST_CELLS = 50
NOTHING = "Nothing was sold that it could be measured by"
MATERIAL_ALL, MATERIAL_SEGMENT = 0.10, 0.15
"""Bias under which nobody would order differently: a week's lean of 10 % of everything, 15 % of a part."""
ERROR_MARGIN, COVERAGE_MARGIN = 0.25, 0.08
UNKNOWN = 1.5
"""Margins are so many times wider while a segment has no four weeks of its own past: nobody knows how its misses hang together."""
TRACKING = 20.0
TRACKING_MATERIAL_ALL, TRACKING_MATERIAL_SEGMENT = 0.08, 0.15
SPREADS = 4.0
"""Robust deviations of its own past a segment may move before a day counts."""


@dataclass(frozen=True)
class Promise:
    """What the backtest promised of the champion, where it was scored: metric -> value over all series."""

    scores: Mapping[str, float]

    def said(self, metric: str) -> str:
        value = self.scores.get(metric)
        return f" The backtest had {value:.1%}." if value is not None else ""


@dataclass(frozen=True)
class Days:
    """Daily sums of one segment and band, one entry a day from `first`; NaN where nothing was scored."""

    segment: str
    band: str
    values: Mapping[str, Floats]

    def span(self, name: str, days: int, ago: int = 0) -> Floats:
        whole = self.values[name]
        return whole[len(whole) - ago - days : len(whole) - ago]

    def ratio(self, above: str, below: str, days: int, ago: int = 0) -> float:
        over, under = np.nansum(self.span(above, days, ago)), np.nansum(self.span(below, days, ago))
        return float(over / under) if under > 0 else float("nan")

    def rolling(self, above: str, below: str, days: int, skip: int) -> Floats:
        """The same ratio of each earlier day, the newest `skip` days left out."""
        over, under = (_running(self.values[name], days) for name in (above, below))
        scored = _running(np.isfinite(self.values[below]).astype(np.float64), days)
        last = len(over) - skip
        known = (under[:last] > 0) & (scored[:last] >= 0.7 * days)
        return np.asarray((over[:last][known] / under[:last][known])[::-1])


def _running(values: Floats, days: int) -> Floats:
    """Sums of so many days in a row, missing ones left out; one for each day such a span ends on, the first is day `days`."""
    total = np.concatenate([[0.0], np.cumsum(np.nan_to_num(values))])
    return total[days:] - total[:-days]


SUMS = (
    "cells", "series", "units", "mean", "absolute_error", "promised_error", "pinball", "promised_pinball", "inside_80", "baseline_error",
    "planner_cells", "planner_error", "planner_model_error", "wanted", "wanted_mean",
)  # fmt: skip


def days_of(sums: pl.DataFrame, cutoff: date, step_days: int = 1) -> list[Days]:
    """Sums laid out by day (by period, where that is longer), each segment and band apart, sorted."""
    length = USUAL_DAYS + LONG_DAYS
    first = cutoff - timedelta(days=length * step_days - 1)
    rows = sums.filter(pl.col("date").is_between(first, cutoff)).with_columns(
        place=(pl.col("date") - pl.lit(first)).dt.total_days() // step_days
    )
    found = []
    for (segment, band), part in sorted(rows.partition_by("segment", "band", as_dict=True).items()):
        places = part["place"].to_numpy()
        values = {}
        for name in SUMS:
            line = np.full(length, np.nan)
            line[places] = part[name].cast(pl.Float64).to_numpy()
            values[name] = line
        # Rows from before demand was summed beside sales: sales alone.
        without = ~np.isfinite(values["wanted"])
        values["wanted"] = np.where(without, values["units"], values["wanted"])
        values["wanted_mean"] = np.where(without, values["mean"], values["wanted_mean"])
        values["error"] = values["wanted_mean"] - values["wanted"]
        found.append(Days(str(segment), str(band), values))
    return found


def forecast_measures(sums: pl.DataFrame, cutoff: date, promise: Promise, step_days: int = 1) -> list[Measure]:
    """All forecast measures of a day. Of a weekly lake the spans are so many weeks, and sentences say so."""
    found: list[Measure] = []
    for one in days_of(sums, cutoff, step_days):
        if np.isfinite(one.span("units", BIAS_DAYS)).sum() < LEAST_DAYS or not np.isfinite(one.values["units"][-1]):
            continue
        if np.nansum(one.span("cells", BIAS_DAYS)) < LEAST_CELLS:
            continue
        far = one.band == FAR
        if far and one.segment != "all":
            continue
        found += [m for m in (_bias(one, promise), _error(one, "wape", promise), _error(one, "pinball", promise)) if m]
        if not far:
            every = (_tracking(one), _coverage(one, promise), _against_baseline(one))
            found += [m for m in every if m and (one.segment == "all" or m.name == "tracking_signal")]
    found = [one if np.isfinite(one.value) else replace(one, says=f"{NOTHING} ({one.subject}).") for one in found]
    if step_days == 7:
        found = [
            replace(one, says=one.says.replace(" days", " weeks"), reason=one.reason.replace(" days", " weeks"))
            for one in found
        ]
    return found


def subject_of(one: Days) -> str:
    return one.segment if one.band == NEAR else f"{one.segment}, {one.band} days ahead"


def usual_of(values: Floats) -> tuple[float, float]:
    """Centre and robust deviation (1.4826 times the median absolute deviation) of earlier values.

    >>> usual_of(np.array([1.0, 2.0, 3.0]))
    (2.0, 1.4826)
    """
    centre = float(np.median(values))
    return centre, float(1.4826 * np.median(np.abs(values - centre)))


def _bias(one: Days, promise: Promise) -> Measure:
    value = one.ratio("error", "wanted", BIAS_DAYS)
    past = one.rolling("error", "wanted", BIAS_DAYS, BIAS_DAYS + 1)
    material = MATERIAL_ALL if one.segment == "all" else MATERIAL_SEGMENT
    known = len(past) >= LEAST_USUAL
    centre, spread = usual_of(past) if known else (0.0, 0.0)
    material = material if known else UNKNOWN * material
    centre = float(np.clip(centre, -0.05, 0.05))
    # Chance alone: misses of single series-days that don't hang together, at the size the forecasts promised.
    pairs = max(float(np.nansum(one.span("series", BIAS_DAYS))), 1.0)
    promised = one.ratio("promised_error", "units", BIAS_DAYS)
    chance = SPREADS * 1.25 * promised / np.sqrt(pairs) if np.isfinite(promised) else 0.0
    margin = max(material, SPREADS * spread, chance)
    above = value >= centre
    says = f"Forecasts were {abs(value):.1%} {'above' if value >= 0 else 'below'} demand over {BIAS_DAYS} days ({_named(one)})."
    reason = (
        f"{material:.0%} is what a planner would act on; {SPREADS:g} times the usual spread is {SPREADS * spread:.1%},"
        f" chance alone {chance:.1%}: the largest holds.{promise.said('bias')}"
    )
    return Measure(
        "forecast", "bias", subject_of(one), value, centre, centre + (margin if above else -margin), reason, says, above
    )


def _error(one: Days, name: str, promise: Promise) -> Measure | None:
    above, below = ("absolute_error", "promised_error") if name == "wape" else ("pinball", "promised_pinball")
    value = one.ratio(above, below, ERROR_DAYS)
    if not np.isfinite(value):
        return None
    past = one.rolling(above, below, ERROR_DAYS, ERROR_DAYS + 1)
    known = len(past) >= LEAST_USUAL
    centre, spread = usual_of(past) if known else (1.0, 0.0)
    least = (1.0 if one.segment == "all" else 1.6) * ERROR_MARGIN * (1.0 if known else UNKNOWN)
    margin = max(least, SPREADS * spread)
    threshold = max(centre, 0.8) + margin
    share = one.ratio(above, "units", ERROR_DAYS)
    promised = one.ratio(below, "units", ERROR_DAYS)
    says = (
        f"{'Error (WAPE)' if name == 'wape' else 'Quantile loss'} of {share:.1%} over {ERROR_DAYS} days, {promised:.1%} promised"
        f" for these days and horizons ({_named(one)})."
    )
    reason = (
        f"{centre:.2f} times the promise is usual; {margin:.2f} more is the larger of a margin a planner would notice and"
        f" {SPREADS:g} times the usual spread ({spread:.2f}).{promise.said('wape' if name == 'wape' else 'wql')}"
    )
    return Measure("forecast", name, subject_of(one), value, centre, threshold, reason, says)


def _tracking(one: Days) -> Measure | None:
    errors = one.span("error", LONG_DAYS)
    known = errors[np.isfinite(errors)]
    if len(known) < LONG_DAYS // 2:
        return None
    value = tracking_signal(known)
    lean = one.ratio("error", "wanted", LONG_DAYS)
    material = TRACKING_MATERIAL_ALL if one.segment == "all" else TRACKING_MATERIAL_SEGMENT
    # At its largest possible value it can't be exceeded: a lean too small to matter doesn't count.
    size = TRACKING if abs(lean) >= material else float(len(known))
    above = value >= 0
    says = f"The errors of {len(known)} days add up to {value:+.1f} times their mean size; {lean:+.1%} of demand ({_named(one)})."
    reason = (
        f"{TRACKING:g}: independent errors of {LONG_DAYS} days pass it once in a thousand; a lean under {material:.0%} of"
        " demand never counts, however steady."
    )
    threshold = size if above else -size
    return Measure("forecast", "tracking_signal", subject_of(one), value, 0.0, threshold, reason, says, above)


def tracking_signal(errors: Floats) -> float:
    """Sum of errors over their mean absolute size (Brown 1963): -n to n, 0 where misses balance.

    >>> tracking_signal(np.array([1.0, 1.0, -1.0, 1.0]))
    2.0
    """
    size = float(np.mean(np.abs(errors))) if len(errors) else 0.0
    return float(np.sum(errors) / size) if size > 0 else 0.0


def _coverage(one: Days, promise: Promise) -> Measure | None:
    value = one.ratio("inside_80", "cells", ERROR_DAYS)
    past = one.rolling("inside_80", "cells", ERROR_DAYS, ERROR_DAYS + 1)
    known = len(past) >= LEAST_USUAL
    if not known and "coverage_80" not in promise.scores:
        # Small counts lie inside more often than in 80 % of days: without a backtest nobody can say how often.
        return None
    centre, spread = usual_of(past) if known else (promise.scores["coverage_80"], 0.0)
    margin = max(COVERAGE_MARGIN, SPREADS * spread)
    above = value >= centre
    says = f"{value:.1%} of {ERROR_DAYS} days were inside the 80 % band; {centre:.1%} is usual ({_named(one)})."
    reason = (
        f"8 points, or {SPREADS:g} times the usual spread ({spread:.1%}). Small counts lie inside more often than in 80 %"
        f" of days.{promise.said('coverage_80')}"
    )
    return Measure(
        "forecast", "coverage_80", subject_of(one), value, centre, centre + (margin if above else -margin), reason, says, above
    )  # fmt: skip


def _against_baseline(one: Days) -> Measure | None:
    value = one.ratio("absolute_error", "baseline_error", LONG_DAYS)
    if not np.isfinite(value):
        return None
    past = one.rolling("absolute_error", "baseline_error", LONG_DAYS, LONG_DAYS + 1)
    centre, spread = usual_of(past) if len(past) >= LEAST_USUAL else (0.9, 0.0)
    threshold = max(1.02, centre + SPREADS * spread if centre > 0.98 else 1.02)
    says = f"The model erred {value:.2f} times as much as the baseline over {LONG_DAYS} days ({_named(one)})."
    reason = "Over 1.02 the simple baseline does better, and nothing is gained by the model."
    return Measure("forecast", "against_baseline", subject_of(one), value, min(centre, 1.0), threshold, reason, says)


def _named(one: Days) -> str:
    return subject_of(one).replace("=", " ")
