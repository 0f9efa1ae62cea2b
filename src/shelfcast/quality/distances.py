"""How far two samples of a feature lie apart: population stability index and Wasserstein distance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

BINS = 10
SMOOTHING = 0.5
"""Added to each bin's count, so that an empty bin doesn't make the index infinite."""


def psi(reference: Floats, now: Floats, bins: int = BINS) -> float:
    """Population stability index: sum over bins of (p - q) ln(p / q), p and q the shares of `now` and `reference`.

    Bins end at the quantiles of the reference; values it holds often have a bin of their own. The usual reading in credit
    scoring, where it comes from: under 0.1 nothing, 0.1 to 0.25 some, over 0.25 a change (Siddiqi 2006). NaN if a sample
    is empty.

    >>> psi(np.arange(100.0), np.arange(100.0))
    0.0
    """
    reference, now = _known(reference), _known(now)
    if not len(reference) or not len(now):
        return float("nan")
    edges = np.unique(np.quantile(reference, np.linspace(0.0, 1.0, bins + 1), method="inverted_cdf"))
    # Bins are (edge, edge]: what is at an edge often (zero sales, no discount) isn't split between two of them.
    before = np.bincount(np.searchsorted(edges, reference, side="left"), minlength=len(edges) + 1)
    after = np.bincount(np.searchsorted(edges, now, side="left"), minlength=len(edges) + 1)
    return psi_of_counts(before.astype(np.float64), after.astype(np.float64))


def psi_of_counts(reference: Floats, now: Floats) -> float:
    """The same from counts by bin; bins empty in both don't count."""
    here = (reference > 0) | (now > 0)
    if not here.any() or not reference.sum() or not now.sum():
        return float("nan")
    q = (reference[here] + SMOOTHING) / (reference[here] + SMOOTHING).sum()
    p = (now[here] + SMOOTHING) / (now[here] + SMOOTHING).sum()
    return float(np.sum((p - q) * np.log(p / q)))


def wasserstein(reference: Floats, now: Floats) -> float:
    """First Wasserstein distance: the area between the two distribution functions, in the feature's unit.

    It is how far values must be moved on average to turn one sample into the other. NaN if a sample is empty.

    >>> wasserstein(np.array([0.0, 1.0, 3.0]), np.array([5.0, 6.0, 8.0]))
    5.0
    """
    first, second = np.sort(_known(reference)), np.sort(_known(now))
    if not len(first) or not len(second):
        return float("nan")
    every = np.sort(np.concatenate([first, second]))
    steps = np.diff(every)
    share_first = np.searchsorted(first, every[:-1], side="right") / len(first)
    share_second = np.searchsorted(second, every[:-1], side="right") / len(second)
    return float(np.sum(np.abs(share_first - share_second) * steps))


def in_deviations(reference: Floats, now: Floats) -> float:
    """Wasserstein distance in standard deviations of the reference; in the unit itself where that never varies."""
    known = _known(reference)
    deviation = float(np.std(known)) if len(known) else 0.0
    return wasserstein(reference, now) / (deviation if deviation > 1e-12 else 1.0)


def _known(values: Floats) -> Floats:
    return np.asarray(values, dtype=np.float64)[np.isfinite(values)]
