"""Measures of what was decided: was demand met, did stock run out, is too much there, did people's changes help."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shelfcast.domain.measures import Measure

Floats = NDArray[np.float64]

SPAN_DAYS, USUAL_DAYS, LONG_DAYS = 7, 91, 28
LEAST_USUAL = 28
YEAR = timedelta(days=364)
FILL_MARGIN, OUT_MARGIN, OVERSTOCK_MARGIN, OVERRIDE_MARGIN = 0.03, 0.05, 0.05, 0.10
OVERRIDE_LOSS = -0.05
LEAST_OVERRIDDEN = 100
SPREADS = 4.0


def service(daily: pl.DataFrame, cutoff: date) -> list[Measure]:
    """Fill rate and days out of stock, of everything and by location.

    Args:
        daily: segment, date, units, demand, days_out, cells: of the last four months and the same season a year before.
    """
    found: list[Measure] = []
    for (segment,), part in daily.sort("segment", "date").group_by("segment", maintain_order=True):
        found += _service(str(segment), part, cutoff)
    return found


def _service(segment: str, part: pl.DataFrame, cutoff: date) -> list[Measure]:
    first: date = part["date"].min()  # type: ignore[assignment]
    rates = _rates(part, first, cutoff)
    now = rates[-1]
    past = rates[-USUAL_DAYS : -SPAN_DAYS - 1]
    past = past[np.isfinite(past[:, 0])]
    if not np.isfinite(now[0]) or len(past) < LEAST_USUAL:
        return []
    centre = len(rates) - 1 - YEAR.days
    season = rates[max(0, centre - 7) : max(0, centre + 8)]
    season = season[np.isfinite(season[:, 0])]
    factor = 1.0 if segment == "all" else 1.6
    found = []
    for number, (name, above, margin) in enumerate(
        (("fill_rate", False, FILL_MARGIN), ("stock_out_days", True, OUT_MARGIN))
    ):
        usual = float(np.median(past[:, number]))
        spread = float(1.4826 * np.median(np.abs(past[:, number] - usual)))
        worst = float((np.max if above else np.min)(season[:, number])) if len(season) else usual
        away = abs(worst - usual) if (worst > usual) == above else 0.0
        size = max(factor * margin, SPREADS * spread, 1.25 * away)
        threshold = usual + size if above else usual - size
        what = "of demand was met from stock" if not above else "of series-days ran out of stock"
        says = f"{now[number]:.1%} {what} over {SPAN_DAYS} days; {usual:.1%} is usual ({segment.replace('=', ' ')})."
        reason = (
            f"{factor * margin:.1%}, {SPREADS:g} times the usual spread ({spread:.1%}), or a quarter beyond the same"
            f" season a year ago ({worst:.1%}): the largest holds."
        )
        found.append(Measure("decision", name, segment, float(now[number]), usual, threshold, reason, says, above))
    return found


def _rates(part: pl.DataFrame, first: date, cutoff: date) -> Floats:
    """Fill rate and share of days out over the span that ends on each day: (days, 2); NaN where too little is known."""
    length = (cutoff - first).days + 1
    names = ("units", "demand", "days_out", "cells")
    laid = np.zeros((length, len(names) + 1))
    places = part.select((pl.col("date") - pl.lit(first)).dt.total_days()).to_series().to_numpy()
    laid[places, :-1] = part.select(names).to_numpy()
    laid[places, -1] = 1.0
    total = np.concatenate([np.zeros((1, laid.shape[1])), np.cumsum(laid, axis=0)])
    starts = np.maximum(np.arange(1, length + 1) - SPAN_DAYS, 0)
    units, demand, out, cells, days = (total[1:] - total[starts]).T
    known = (days >= SPAN_DAYS - 2) & (demand > 1e-9) & (cells > 0)
    rates = np.full((length, 2), np.nan)
    rates[known, 0] = units[known] / demand[known]
    rates[known, 1] = out[known] / cells[known]
    return rates


def overstock(shares: Mapping[date, float], cutoff: date) -> Measure | None:
    """Share of order lines whose series has too much stock, against the nights before."""
    before = np.array([share for day, share in sorted(shares.items()) if day < cutoff])
    if cutoff not in shares or len(before) < 4:
        return None
    usual = float(np.median(before))
    spread = float(1.4826 * np.median(np.abs(before - usual)))
    margin = max(OVERSTOCK_MARGIN, SPREADS * spread)
    says = f"{shares[cutoff]:.1%} of series have stock for more than two months; {usual:.1%} is usual."
    reason = f"5 points, or {SPREADS:g} times the usual spread ({spread:.1%}): stock builds up slowly, so a jump has a cause."
    return Measure("decision", "overstock", "all", shares[cutoff], usual, usual + margin, reason, says)


def overrides(sums: pl.DataFrame, cutoff: date) -> list[Measure]:
    """Share of forecasts people changed over four weeks, and whether they made them better.

    Args:
        sums: `forecast_sums` of all series, steps near.
    """
    now = _planned(sums, cutoff)
    if now is None:
        return []
    cells, changed, error, model_error = now
    before = [_planned(sums, cutoff - timedelta(days=days)) for days in range(LONG_DAYS, USUAL_DAYS, 7)]
    shares = [one[1] / one[0] for one in before if one]
    found = []
    if len(shares) >= 3:
        usual = float(np.median(shares))
        says = f"People changed {changed / cells:.1%} of the forecasts of {LONG_DAYS} days; {usual:.1%} is usual."
        reason = "10 points more than usual: people see something the forecast doesn't."
        found.append(
            Measure("decision", "override_share", "all", changed / cells, usual, usual + OVERRIDE_MARGIN, reason, says)
        )
    if changed >= LEAST_OVERRIDDEN and model_error > 0:
        value = 1.0 - error / model_error
        says = f"On {changed:,.0f} forecasts people changed, the error is {abs(value):.1%} {'smaller' if value >= 0 else 'larger'} than the model's."
        reason = "5 % worse than the model on four weeks of changes is more than bad luck."
        found.append(Measure("decision", "override_value", "all", value, 0.0, OVERRIDE_LOSS, reason, says, above=False))
    return found


def _planned(sums: pl.DataFrame, last: date) -> tuple[float, float, float, float] | None:
    part = sums.filter(pl.col("date").is_between(last - timedelta(days=LONG_DAYS - 1), last))
    if part.height < LONG_DAYS // 2:
        return None
    names = ("cells", "planner_cells", "planner_error", "planner_model_error")
    cells, changed, error, model = (float(part[name].sum() or 0.0) for name in names)
    return (cells, changed, error, model) if cells else None
