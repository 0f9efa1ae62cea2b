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
WIDER_DAYS = 7
"""The season of an earlier year begins and ends so many days around: festivals move."""
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
    seasons: tuple[Span, ...]

    def all(self) -> pl.Expr:
        every = self.now.of() | self.before.of()
        for one in self.seasons:
            every = every | one.of()
        return every


def spans_of(cutoff: date, years: int = 2) -> Spans:
    """
    >>> spans_of(date(2026, 12, 28)).seasons[0]
    Span(first=datetime.date(2025, 11, 25), last=datetime.date(2026, 1, 5))
    """
    now = Span(cutoff - timedelta(days=WINDOW_DAYS - 1), cutoff)
    before = Span(now.first - timedelta(days=56), now.first - timedelta(days=1))
    wider = timedelta(days=WIDER_DAYS)
    seasons = tuple(Span(now.first - YEAR * n - wider, now.last - YEAR * n + wider) for n in range(1, years + 1))
    return Spans(now, before, seasons)


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
        years = [one for span in spans.seasons if len(one := _sample(known, span, feature)) >= LEAST_VALUES]
        reference = years[0] if years else before
        if len(reference) < LEAST_VALUES:
            continue
        word = "the same season of last year" if years else "the eight weeks before"
        usual = (
            (years[1], years[0], "between the two years before")
            if len(years) > 1
            else (reference, before, "in the weeks before")
        )
        for name, distance, rule in (("psi", psi, RULE_PSI), ("wasserstein", in_deviations, RULE_DEVIATIONS)):
            value = distance(reference, now)
            noise = distance(usual[0], usual[1]) if years and len(usual[1]) >= LEAST_VALUES else 0.0
            noise = noise if np.isfinite(noise) else 0.0
            # Without an earlier year the season itself is part of the distance.
            least = rule if years else 2.0 * rule
            threshold = max(least, TIMES * noise)
            reason = f"{least:g} by rule; {TIMES:g} times what it differed {usual[2]} ({noise:.2f}), if that is more."
            says = (
                f"{feature.replace('_', ' ').capitalize()} against {word}: distance {value:.2f}; mean {now.mean():.3g}"
                f" now, {reference.mean():.3g} then."
            )
            found.append(Measure("data", name, feature, value, noise, threshold, reason, says))
    return found


def _sample(known: pl.DataFrame, span: Span, feature: str) -> Floats:
    return np.sort(known.filter(span.of())[feature].to_numpy())
