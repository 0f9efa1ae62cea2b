"""Feature drift: the last four weeks against the same season of earlier years, so that Christmas is no drift."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shelfcast.domain.measures import Measure
from shelfcast.quality.distances import in_deviations, psi

YEAR = timedelta(days=364)
"""52 weeks: weekdays stay weekdays."""
WINDOW_DAYS = 28
MOVED_DAYS = (0, -7, 7, -14, 14)
"""Festivals move: the season of an earlier year is looked for so many days around, and the nearest one counts."""
LEAST_VALUES = 200
RULE_PSI, RULE_DEVIATIONS = 0.25, 0.5
TIMES = 2.0

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Span:
    first: date
    last: date

    def of(self, day: str = "date") -> pl.Expr:
        return pl.col(day).is_between(self.first, self.last)


@dataclass(frozen=True)
class Spans:
    """What is compared: `now` with `seasons` (newest first) or, without earlier years, with `before`."""

    now: Span
    before: Span
    seasons: tuple[tuple[Span, ...], ...]
    """By year, the newest first: the same days of the year, then moved by some weeks."""

    def all(self) -> pl.Expr:
        every = self.now.of() | self.before.of()
        for year in self.seasons:
            every = every | Span(min(one.first for one in year), max(one.last for one in year)).of()
        return every


def spans_of(cutoff: date, years: int = 2) -> Spans:
    """
    >>> spans_of(date(2026, 12, 28)).seasons[0][0]
    Span(first=datetime.date(2025, 12, 2), last=datetime.date(2025, 12, 29))
    """
    now = Span(cutoff - timedelta(days=WINDOW_DAYS - 1), cutoff)
    before = Span(now.first - timedelta(days=56), now.first - timedelta(days=1))
    seasons = tuple(_season(now, year) for year in range(1, years + 1))
    return Spans(now, before, seasons)


def _season(span: Span, year: int) -> tuple[Span, ...]:
    away = [timedelta(days=days) - YEAR * year for days in MOVED_DAYS]
    return tuple(Span(span.first + one, span.last + one) for one in away)


def feature_drift(values: pl.DataFrame, spans: Spans) -> list[Measure]:
    """PSI and Wasserstein distance of each feature (columns of `values` beside `date`).

    The threshold is the usual rule, or twice what the same season differed by between two earlier years (or, with one
    earlier year, twice what the season before differs), whichever is more: what varies from year to year is no drift.
    """
    found: list[Measure] = []
    for feature in (name for name in values.columns if name != "date"):
        known = values.select("date", pl.col(feature).cast(pl.Float64)).drop_nulls()
        now, before = _sample(known, spans.now, feature), _sample(known, spans.before, feature)
        if len(now) < LEAST_VALUES:
            continue
        years = [_samples(known, year, feature) for year in spans.seasons]
        years = [one for one in years if one]
        reference = years[0] if years else [before]
        if len(reference[0]) < LEAST_VALUES:
            continue
        word = "the same season of earlier years" if years else "the eight weeks before"
        every = [one for year in years for one in year] or reference
        # How far last year's season was from the one before; with one year known, how far the weeks before are from it.
        usual = (years[0][0], years[1], "between the two years before") if len(years) > 1 else None
        if usual is None and years and len(before) >= LEAST_VALUES:
            usual = (before, [years[0][0]], "in the weeks before")
        for name, distance, rule in (("psi", psi, RULE_PSI), ("wasserstein", in_deviations, RULE_DEVIATIONS)):
            value = min(distance(one, now) for one in every)
            noise = min(distance(one, usual[0]) for one in usual[1]) if usual else 0.0
            # Without an earlier year the season itself is part of the distance.
            least = rule if years else 2.0 * rule
            threshold = max(least, TIMES * noise)
            told = (
                f"; {TIMES:g} times what it differed {usual[2]} ({noise:.2f}), if that is more"
                if usual
                else (" for want of an earlier year: the season itself is part of the distance")
            )
            reason = f"{least:g} by rule{told}."
            says = (
                f"{feature.replace('_', ' ').capitalize()} against {word}: distance {value:.2f}; mean {now.mean():.3g}"
                f" now, {reference[0].mean():.3g} then."
            )
            found.append(Measure("data", name, feature, value, noise, threshold, reason, says))
    return found


def _sample(known: pl.DataFrame, span: Span, feature: str) -> Floats:
    return np.sort(known.filter(span.of())[feature].to_numpy())


def _samples(known: pl.DataFrame, spans: tuple[Span, ...], feature: str) -> list[Floats]:
    """The season's samples that hold enough; none if the season itself doesn't."""
    found = [_sample(known, span, feature) for span in spans]
    return [one for one in found if len(one) >= LEAST_VALUES] if len(found[0]) >= LEAST_VALUES else []
