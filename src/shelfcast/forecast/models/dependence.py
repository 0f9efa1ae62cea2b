"""How forecast errors of different days go together, measured on past errors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]


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
