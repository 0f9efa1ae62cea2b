"""How forecast errors of different days, and of different series, go together, measured on past errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
USUAL_SHARE = 0.1
"""Part of the spread that series have in common on a day, where it hasn't been measured."""
USUAL_DAYS = 0.2
"""Correlation of the errors of two days of one series, likewise."""
PRIOR_DAYS = 7.0
"""Days of the usual share that measured days are weighed against: a few folds hold few independent days."""


@dataclass(frozen=True)
class Dependence:
    """What spreads of totals need besides the spreads of their parts."""

    day_correlation: tuple[float, ...] = (USUAL_DAYS,)
    """Of two days of a series 1, 2 ... apart; the last holds beyond."""
    common_share: float = USUAL_SHARE

    def over(self, days: int) -> float:
        """Mean correlation of two different days among so many in a row.

        >>> Dependence((0.5, 0.25)).over(2)
        0.5
        """
        if days < 2:
            return self.day_correlation[0]
        apart = np.arange(1, days)
        linked = np.asarray(self.day_correlation)[np.minimum(apart, len(self.day_correlation)) - 1]
        return float(np.average(linked, weights=days - apart))

    def to_dict(self) -> dict[str, Any]:
        return {"day_correlation": list(self.day_correlation), "common_share": self.common_share}

    @classmethod
    def of(cls, stored: Mapping[str, Any] | None) -> Dependence:
        """As `to_dict` gave it; the usual values for None."""
        if not stored or not stored.get("day_correlation"):
            return cls()
        return cls(tuple(float(one) for one in stored["day_correlation"]), float(stored["common_share"]))


def measured(errors: Floats, spread: Floats) -> Dependence:
    """Dependence as past errors show it.

    Args:
        errors: (series, cutoffs, H) actual - mean, NaN where not known.
        spread: alike, the standard deviations that were forecast.
    """
    horizon = errors.shape[2]
    days = day_correlation(errors) if horizon > 1 else np.array([USUAL_DAYS])
    return Dependence(tuple(round(float(one), 4) for one in days), round(common_share(errors, spread), 4))


def common_share(errors: Floats, spread: Floats) -> float:
    """Share c of the spread that series have in common on a day.

    Of the total T of a day, E[T^2] = (1 - c) sum(s^2) + c (sum s)^2, with s the spreads forecast, brought to the size
    of the errors made. So c is what is left of the totals' squares over the sums of squares, pooled over days and
    drawn towards the usual share, since a few folds hold few independent days.

    Args:
        errors, spread: (series, cutoffs, H), NaN errors where not known.
    """
    known = np.isfinite(errors) & (spread > 0)
    error, size = np.where(known, errors, 0.0), np.where(known, spread, 0.0)
    squares = float((size**2).sum())
    if squares <= 0:
        return USUAL_SHARE
    size = size * np.sqrt((error**2).sum() / squares)
    apart, together = (size**2).sum(axis=0), size.sum(axis=0) ** 2
    left = error.sum(axis=0) ** 2 - apart
    room = together - apart
    if room.sum() <= 1e-9 * together.sum():  # one series: nothing to have in common
        return USUAL_SHARE
    prior = PRIOR_DAYS * float(room.mean())
    return float(np.clip((left.sum() + USUAL_SHARE * prior) / (room.sum() + prior), 0.0, 1.0))


def day_correlation(errors: Floats, longest: int | None = None) -> Floats:
    """Correlation of forecast errors of days 1, 2 ... apart, pooled over series and past cutoffs: (H - 1,).

    Errors are taken about zero, not about their mean, so that a wrong level counts as dependence; each series and step
    is brought to one scale first. Noise of long distances is smoothed; negative long-distance values become zero.

    Args:
        errors: (series, cutoffs, H) actual - mean, NaN where not known. Pass one segment at a time.
        longest: distances to return; default H - 1.
    """
    horizon = errors.shape[2]
    wanted = horizon - 1 if longest is None else longest
    known = np.isfinite(errors)
    filled = np.where(known, errors, 0.0)
    scale = np.sqrt((filled**2).sum(axis=(1, 2)) / np.maximum(known.sum(axis=(1, 2)), 1))
    standard = filled / np.where(scale > 0, scale, 1.0)[:, None, None]
    by_step = np.sqrt((standard**2).sum(axis=(0, 1)) / np.maximum(known.sum(axis=(0, 1)), 1))
    standard = np.clip(standard / np.where(by_step > 0, by_step, 1.0), -5.0, 5.0)
    size = max(float((standard**2).sum() / max(known.sum(), 1)), 1e-12)
    result = np.zeros(wanted)
    weight = np.zeros(wanted)
    for distance in range(1, min(wanted, horizon - 1) + 1):
        pairs = known[:, :, distance:] & known[:, :, :-distance]
        weight[distance - 1] = pairs.sum()
        products = standard[:, :, distance:] * standard[:, :, :-distance]
        result[distance - 1] = products.sum() / max(pairs.sum(), 1) / size
    if wanted > 3:  # the first two days as they are, further ones averaged with their neighbours
        smooth = result.copy()
        for k in range(2, wanted):
            near = slice(max(2, k - 2), min(wanted, k + 3))
            smooth[k] = np.sum(result[near] * weight[near]) / max(weight[near].sum(), 1e-12)
        smooth[2:] = np.maximum(smooth[2:], 0.0)
        result = smooth
    # few pairs prove little
    return np.clip(result * weight / (weight + 30.0), -0.5, 0.98)
