"""Joint sample paths of forecasts: marginals from the quantile grid, dependence by rearranging ranks.

Every series and step has the same evenly spaced draws of its own distribution; which draw goes to which path is
decided by a template, so the marginals stay exactly as forecast and only the order is borrowed (Schaake shuffle,
Clark et al. 2004). Two templates:
- past errors, block by block (`shuffled_paths`): path d follows the errors seen from past cutoff b(d), the same cutoff for
  all series, so day-to-day and series-to-series dependence are those of history;
- a normal copula (`sample_paths`) with the correlation of days pooled over a segment and a share of the variance
  common to all series: for short histories, where ten past cutoffs would be too few worlds.

Everything is drawn from seeds: the same seed gives the same paths, whatever the chunks, since each series has its own
stream (`first_series` says where a chunk begins).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from shelfcast.domain.errors import BadInput
from shelfcast.forecast.marginals import value_at

Floats = NDArray[np.floating]


def sample_paths(
    quantiles: Floats, levels: Sequence[float], draws: int, seed: int, *, correlation: ArrayLike = 0.0,
    common: float = 0.0, whole: NDArray[np.bool_] | None = None, first_series: int = 0,
) -> Floats:  # fmt: skip
    """Joint draws (n, draws, H) by a normal copula.

    Args:
        quantiles: (n, H, levels) rising.
        correlation: of days k = 1..K apart: a number or (K,), as in `window_demand`.
        common: share 0..1 of each day's (normal) variance that all series have in common: what makes totals wider
            than independent series would. See `common_share`.
        whole: (n,) series sold by the piece; None = those whose quantiles are all whole numbers.
        first_series: number of the chunk's first series, so that chunks draw what the whole would.
    """
    count, horizon = quantiles.shape[:2]
    if draws < 2 or not 0.0 <= common <= 1.0:
        raise BadInput(f"{draws} draws with a common share of {common}; give 2 or more, and a share within 0..1.")
    root = correlation_root(correlation, horizon)
    shared = np.random.default_rng([seed, 0]).standard_normal((draws, horizon)) @ root.T
    template = np.empty((draws, horizon))
    pieces = _pieces(quantiles, whole)
    result = np.empty((count, draws, horizon))
    for i in range(count):
        own = np.random.default_rng([seed, 1, first_series + i]).standard_normal((draws, horizon))
        np.matmul(own, root.T, out=template)
        template *= np.sqrt(1.0 - common)
        template += np.sqrt(common) * shared
        _rearrange(quantiles[i], np.asarray(levels, dtype=np.float64), template, pieces[i], result[i])
    return result


def shuffled_paths(
    quantiles: Floats, levels: Sequence[float], errors: Floats, draws: int, seed: int, *,
    whole: NDArray[np.bool_] | None = None, first_series: int = 0,
) -> Floats:  # fmt: skip
    """Joint draws (n, draws, H) whose ranks follow blocks of past errors (n, blocks, H), NaN where not known.

    The blocks must be the same past cutoffs for every series. Draws beyond the number of blocks repeat them; ties
    and unknown errors are ordered by chance.
    """
    count, horizon = quantiles.shape[:2]
    if errors.shape[0] != count or errors.shape[1] == 0 or errors.shape[2] != horizon:
        raise BadInput(f"errors have shape {errors.shape}; give ({count}, blocks >= 1, {horizon}).")
    chooser = np.random.default_rng([seed, 0])
    repeats = -(-draws // errors.shape[1])
    block = chooser.permutation(np.tile(np.arange(errors.shape[1]), repeats)[:draws])
    pieces = _pieces(quantiles, whole)
    result = np.empty((count, draws, horizon))
    for i in range(count):
        past = errors[i][block]
        noise = np.random.default_rng([seed, 1, first_series + i]).standard_normal((draws, horizon))
        known = np.isfinite(past)
        scale = float(np.sqrt(np.mean(past[known] ** 2))) if known.any() else 1.0
        template = np.where(known, past + 1e-6 * scale * noise, scale * noise)
        _rearrange(quantiles[i], np.asarray(levels, dtype=np.float64), template, pieces[i], result[i])
    return result


def common_share(errors: Floats) -> float:
    """Share of the error variance that series have in common on the same day: mean correlation of pairs of series.

    Args:
        errors: (series, cutoffs, H), NaN where not known; the cutoffs are the same days for all.

    From the variance of the mean over series of standardised errors: var(mean) = share + (1 - share) / series.
    """
    known = np.isfinite(errors)
    filled = np.where(known, errors, 0.0)
    scale = np.sqrt((filled**2).sum(axis=(1, 2)) / np.maximum(known.sum(axis=(1, 2)), 1))
    standard = filled / np.where(scale > 0, scale, 1.0)[:, None, None]
    count = (known & (scale > 0)[:, None, None]).sum(axis=0)
    usable = count >= 2
    if not usable.any():
        return 0.0
    square = (standard.sum(axis=0)[usable] ** 2 - (standard**2).sum(axis=0)[usable]) / (
        count[usable] * (count[usable] - 1.0)
    )
    return float(np.clip(np.mean(square), 0.0, 1.0))


def correlation_root(correlation: ArrayLike, horizon: int) -> Floats:
    """Matrix R with R R' = the correlation of days (horizon x horizon), made positive where estimates aren't."""
    linked = np.atleast_1d(np.asarray(correlation, dtype=np.float64))
    distance = np.abs(np.arange(horizon)[:, None] - np.arange(horizon))
    matrix = np.where(distance == 0, 1.0, linked[np.minimum(np.maximum(distance, 1), len(linked)) - 1])
    values, vectors = np.linalg.eigh(matrix)
    root = vectors * np.sqrt(np.maximum(values, 1e-9))
    return root / np.sqrt((root**2).sum(axis=1, keepdims=True))


def _pieces(quantiles: Floats, whole: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
    return np.all(quantiles == np.rint(quantiles), axis=(1, 2)) if whole is None else whole


@njit(cache=True, nogil=True)
def _rearrange(quantiles: Floats, levels: Floats, template: Floats, whole: bool, out: Floats) -> None:
    """Give path d at step h the draw whose rank is that of the template's value there."""
    draws = template.shape[0]
    for h in range(template.shape[1]):
        order = np.argsort(template[:, h])
        for rank in range(draws):
            out[order[rank], h] = value_at(quantiles[h], levels, (rank + 0.5) / draws, whole)
