"""Which forecast a series gets: the boosted model, the baselines, or a mixture, by what held-out periods say.

    learn_shares(panel, held, facts) -> Shares          share of the boosted model by demand segment
    mix(boosted, baseline, shares, segments) -> Forecast

Shares are chosen by quantile loss over the series' own size, on forecasts made from held-out cutoffs; a segment with
few cells is drawn to the share of all, and the simpler forecast wins ties.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from shelfcast.domain.quantiles import GRID
from shelfcast.features.panel import Forecast, Panel, Role
from shelfcast.features.recipe import last_of
from shelfcast.forecast.models.baseline_panel import forecast_panel, open_history, panel_facts
from shelfcast.forecast.models.segments import SEGMENTS, demand_segments
from shelfcast.forecast.models.training import HeldOut

CANDIDATES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Shares of the boosted model that are tried."""
TIE = 0.003
CAUTION = 0.5
"""Over the number of known periods: what the boosted model must gain besides. A handful of periods is one turn of luck."""
PRIOR_CELLS = 1000.0
LEAST_CELLS = 20


@dataclass(frozen=True)
class Shares:
    """Share of the boosted model by demand segment, in the order of `SEGMENTS`; losses of every candidate for the card."""

    share: NDArray[np.float64]
    cells: NDArray[np.int64]
    loss: NDArray[np.float64]
    """(segments, candidates) mean quantile loss over the series' size."""

    def by_segment(self) -> dict[str, float]:
        """Share by the segment's name, to be kept with a model."""
        return {name: float(self.share[i]) for i, name in enumerate(SEGMENTS)}

    @classmethod
    def from_segments(cls, share: Mapping[str, float]) -> Shares:
        """What `by_segment` gave. A segment that isn't named gets the boosted model."""
        size = len(SEGMENTS)
        values = np.array([share.get(name, 1.0) for name in SEGMENTS])
        return cls(values, np.zeros(size, dtype=np.int64), np.zeros((size, len(CANDIDATES))))

    def to_dict(self) -> dict[str, object]:
        return {
            name: {
                "boosted": round(float(self.share[i]), 4),
                "cells": int(self.cells[i]),
                "loss": self.loss[i].round(5).tolist(),
            }
            for i, name in enumerate(SEGMENTS)
            if self.cells[i]
        }


def cut(panel: Panel, cutoff: int, horizon: int) -> Panel:
    """The panel as it was known at an earlier cutoff."""
    length = cutoff + 1
    covariates = []
    for one in panel.covariates:
        if one.role in (Role.OBSERVED, Role.EXPECTED):
            covariates.append(replace(one, values=one.values[:, :length]))
        elif one.role == Role.KNOWN_FUTURE:
            covariates.append(replace(one, values=one.values[:, : length + horizon]))
        else:
            covariates.append(one)
    return Panel(
        panel.keys,
        panel.frequency,
        panel.periods[: length + horizon],
        panel.target[:, :length],
        None if panel.in_stock_share is None else panel.in_stock_share[:, :length],
        tuple(covariates),
        None if panel.last is None else np.minimum(panel.last, cutoff),
    )


def only_boosted() -> Shares:
    size = len(SEGMENTS)
    return Shares(np.ones(size), np.zeros(size, dtype=np.int64), np.zeros((size, len(CANDIDATES))))


def learn_shares(panel: Panel, held: HeldOut | None, horizon: int) -> Shares:
    """Shares from held-out rows. With nothing held out the baselines, which need less history, forecast alone."""
    size = len(SEGMENTS)
    if held is None or len(held.actual) < LEAST_CELLS:
        return Shares(np.zeros(size), np.zeros(size, dtype=np.int64), np.zeros((size, len(CANDIDATES))))
    base = np.empty((len(held.actual), len(GRID)))
    for cutoff in np.unique(held.cutoff):
        known = cut(panel, int(cutoff), horizon)
        made = forecast_panel(known, panel_facts(known, levels=GRID)).forecast
        here = np.flatnonzero(held.cutoff == cutoff)
        base[here] = made.quantiles[held.series[here], held.step[here] - 1]
    history, _ = open_history(panel)
    seen = np.isfinite(history)
    sizes = np.where(seen, np.abs(history), 0.0).sum(axis=1) / np.maximum(seen.sum(axis=1), 1)
    scale = np.maximum(sizes, 0.05 * max(float(np.median(sizes)), 1e-9))[held.series]
    losses = np.stack(
        [_loss(held.actual, share * held.quantiles + (1 - share) * base) / scale for share in CANDIDATES], axis=1
    )
    segment = demand_segments(history)[held.series]
    needed = TIE + CAUTION / max(int(seen.any(axis=0).sum()), 1)
    everybody = _best(losses.mean(axis=0), needed)
    share, cells, mean = np.empty(size), np.zeros(size, dtype=np.int64), np.zeros((size, len(CANDIDATES)))
    for code in range(size):
        inside = segment == code
        cells[code] = int(inside.sum())
        own = everybody
        if cells[code]:
            mean[code] = losses[inside].mean(axis=0)
            own = _best(mean[code], needed)
        trust = cells[code] / (cells[code] + PRIOR_CELLS)
        share[code] = trust * own + (1 - trust) * everybody
    return Shares(share, cells, mean)


def _best(loss: NDArray[np.float64], needed: float) -> float:
    """The best share; none at all where it gains less on the baselines alone than is needed."""
    return 0.0 if loss[0] <= loss.min() * (1.0 + needed) else CANDIDATES[int(loss.argmin())]


def _loss(actual: NDArray[np.float64], quantiles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Quantile loss of each row over the levels 0.1 to 0.9, with the factor 2."""
    total, count = np.zeros(len(actual)), 0
    for position, level in enumerate(GRID):
        if 0.1 <= level <= 0.9:
            error = actual - quantiles[:, position]
            total += 2.0 * np.maximum(level * error, (level - 1.0) * error)
            count += 1
    return total / count


def share_of_boosted(panel: Panel, shares: Shares) -> NDArray[np.float64]:
    """Share of the boosted model in each series' forecast: none where nothing is known of the series."""
    share = shares.share[demand_segments(open_history(panel)[0])].copy()
    known = np.isfinite(panel.target) & (np.arange(panel.history_length)[None, :] <= last_of(panel)[:, None])
    share[~known.any(axis=1)] = 0.0
    return share


def mix(boosted: Forecast, baseline: Forecast, shares: Shares, panel: Panel) -> Forecast:
    """Mean and quantiles mixed level by level (Vincent's average). Series the boosted model can't do get the baseline."""
    share = share_of_boosted(panel, shares)
    quantiles = share[:, None, None] * boosted.quantiles + (1.0 - share[:, None, None]) * baseline.quantiles
    name = np.where(share >= 1.0, boosted.model, np.where(share <= 0.0, baseline.model, "ensemble")).astype(np.str_)
    return Forecast(
        share[:, None] * boosted.mean + (1.0 - share[:, None]) * baseline.mean,
        np.maximum.accumulate(quantiles, axis=2),
        boosted.levels,
        name,
        np.where(share <= 0.0, baseline.fallback, boosted.fallback).astype(np.str_),
    )
