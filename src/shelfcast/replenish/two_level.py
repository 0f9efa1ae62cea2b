"""Demand of a distribution centre: the orders its stores are going to place, case rounding included.

A store below its level by `gap` that sells X until the end of the centre's window will have ordered

    O = pack x ceil((gap + X)+ / pack)

by then, tonight's order included. The centre's demand is the sum of O over its stores, taken as independent; its mean and
variance come from each store's own distribution of X, so the centre's safety stock sees the rounding of the stores.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from shelfcast.replenish import distribution_kernels as kernels
from shelfcast.replenish.daily_demand import DailyDemand
from shelfcast.replenish.distribution_kernels import count_next, count_start
from shelfcast.replenish.keys import Integers, find
from shelfcast.replenish.terms import Columns
from shelfcast.replenish.window_demand import WindowDemand, sound_moments
from shelfcast.replenish.window_distribution import GAMMA_FROM_MEAN, WindowDistribution

Floats = NDArray[np.float64]


@njit(cache=True, nogil=True)
def rounded_order_moments(
    mean: Floats,
    variance: Floats,
    counted: NDArray[np.bool_],
    gap: Floats,
    pack: Floats,
    out_mean: Floats,
    out_variance: Floats,
) -> None:
    """Mean and variance of pack x ceil((gap + X)+ / pack), X with the given mean and variance.

    Unit demand is summed exactly; continuous demand takes the rounding as uniform over a pack once orders are likely.
    """
    for i in range(mean.shape[0]):
        if counted[i]:
            pmf, r, share = count_start(mean[i], variance[i])
            left, first, second = 1.0, 0.0, 0.0
            k = 0
            while left > 1e-9 and k < 100_000:
                short = gap[i] + k
                order = np.ceil(short / pack[i] - 1e-9) * pack[i] if short > 1e-9 else 0.0
                first += pmf * order
                second += pmf * order * order
                left -= pmf
                pmf = count_next(pmf, k, r, share)
                k += 1
            out_mean[i] = first
            out_variance[i] = max(0.0, second - first * first)
            continue
        low = -gap[i]
        cdf, above = kernels.gamma_at(mean[i], variance[i], low)
        chance = 1.0 - cdf
        if chance <= 0.0:
            out_mean[i], out_variance[i] = 0.0, 0.0
            continue
        # E[(X - low)+] is the mean shortage; given a shortage, rounding adds half a pack on average.
        out_mean[i] = above + chance * 0.5 * pack[i]
        spread = variance[i] if cdf < 1e-6 else variance[i] * chance
        out_variance[i] = spread + chance * pack[i] * pack[i] / 12.0 + chance * cdf * (above / chance) ** 2


def orders_until(
    stores: Columns, daily: DailyDemand, days: Integers, correlation: Floats, stopped: NDArray[np.bool_]
) -> tuple[Floats, Floats]:
    """(mean, variance) of the units each store line will have ordered by the end of day `days`."""
    mean, variance = sound_moments(daily, stores["row"], days, correlation)
    gap = stores["order_up_to"] - stores["inventory_position"]
    counted = (stores["unit_step"] == 1.0) & (mean < 4 * GAMMA_FROM_MEAN)
    out_mean, out_variance = np.zeros(len(mean)), np.zeros(len(mean))
    rounded_order_moments(mean, variance, counted, gap, stores["pack_size"], out_mean, out_variance)
    share = stores["share"]
    return np.where(stopped, 0.0, out_mean * share), np.where(stopped, 0.0, out_variance * share**2)


def centre_demand(
    lines: Columns,
    own: WindowDemand,
    stores: Columns,
    store_source_rows: Integers,
    daily: DailyDemand,
    correlation: Floats,
    stopped: NDArray[np.bool_],
) -> WindowDemand:
    """Window demand of the centres' lines: their own forecasts (sales of their own) plus the orders of their stores.

    Args:
        stores: planned lines of the level below.
        store_source_rows: for each of them the item-location row of its item at its source, -1 where there is none.
        stopped: store lines that may not order at all (ended, blocked, without a source).
    """
    order = np.argsort(lines["row"], kind="stable")
    place = find(lines["row"][order], store_source_rows)
    mine = np.flatnonzero(place >= 0)
    served = order[place[mine]]
    below = {
        name: stores[name][mine]
        for name in ("row", "order_up_to", "inventory_position", "pack_size", "share", "unit_step")
    }
    size = len(lines["row"])
    sums = []
    for days in (lines["next_delivery_day"] - 1, lines["delivery_day"] - 1):
        length = np.clip(days, 0, 10 * daily.days)[served]
        mean, variance = orders_until(below, daily, length, correlation[mine], stopped[mine])
        sums.append(
            (np.bincount(served, mean, size).astype(np.float64), np.bincount(served, variance, size).astype(np.float64))
        )
    (mean, variance), (mean_before, variance_before) = sums
    days = np.maximum(lines["next_delivery_day"] - 1, 1)
    # A lead time that varies by s days moves the end of the window: (mean a day)^2 s^2, as for any other line.
    extra = (mean / days * lines["lead_time_sd_days"]) ** 2
    discrete = lines["unit_step"] == 1.0
    window = WindowDistribution.from_moments(own.window.mean + mean, own.window.variance + variance + extra, discrete)
    before = WindowDistribution.from_moments(
        own.before.mean + mean_before, own.before.variance + variance_before + extra, discrete
    )
    return WindowDemand(window, before, np.maximum(window.mean - before.mean, 0.0), window.mean / days)
