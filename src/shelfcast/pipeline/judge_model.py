"""The champion against a challenger's twin, on days neither has seen. See `forecast/challenge.py` for the picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shelfcast.domain.quantiles import GRID
from shelfcast.features.panel import Forecast, Panel
from shelfcast.forecast import metrics
from shelfcast.forecast.challenge import Cells, Gain, Rail, Rules, Verdict, judge
from shelfcast.forecast.ensemble import Ensemble, forecast_ensemble
from shelfcast.forecast.models.baseline_panel import open_history, panel_facts
from shelfcast.forecast.models.boosted import Model
from shelfcast.forecast.models.segments import SEGMENTS, demand_segments
from shelfcast.forecast.models.training import pick_series, train_and_hold
from shelfcast.forecast.selection import Shares, cut, learn_shares
from shelfcast.pipeline.read_panel import Lake

SERIES = 1000
"""Series judged: an even sample."""
LEAST_UNSEEN = {"D": 21, "W": 5}
"""Periods that must have come since the champion's training: fewer leave nothing to tell two models apart by."""
LEAST_JUDGED = {"D": 14, "W": 4}
MOST_JUDGED = {"D": 56, "W": 16}
STEP = {"D": 7, "W": 1}
MOST_CUTOFFS = 4
LEVELS = tuple(level for level in GRID if 0.1 <= level <= 0.9)
INSIDE = (GRID.index(0.1), GRID.index(0.9))
RULES = Rules()


@dataclass(frozen=True)
class Plan:
    """Which periods are judged: indexes of the panel's history."""

    champion_knew: int
    """Last period the champion learnt from."""
    twin_knows: int
    """Last period the challenger's twin learns from."""
    cutoffs: tuple[int, ...]
    """Forecasts are made from the ends of these periods."""
    end: int
    """Last period there is."""


@dataclass(frozen=True)
class Comparison:
    """A verdict and what it was made from."""

    verdict: Verdict
    about: Mapping[str, Any]
    """Plain numbers and texts, for the card and the decision."""


def plan(panel: Panel, learnt_until: date) -> Plan | None:
    """What can be judged for a champion that learnt up to a date; None where too little has come since."""
    step, frequency = _step_days(panel), panel.frequency
    ends = panel.periods[: panel.history_length].astype("datetime64[D]") + np.timedelta64(step - 1, "D")
    champion = int(np.searchsorted(ends, np.datetime64(learnt_until, "D"), side="right")) - 1
    end = panel.history_length - 1
    unseen = end - champion
    if unseen < LEAST_UNSEEN[frequency]:
        return None
    by = STEP[frequency]
    span = min(MOST_JUDGED[frequency], max(LEAST_JUDGED[frequency], unseen // 2 // by * by))
    twin = end - span
    apart = max(1, -(-span // by // MOST_CUTOFFS)) * by
    return Plan(champion, twin, tuple(range(twin, end, apart)), end)


def too_young(frequency: str, learnt_until: date, cutoff: date) -> str:
    """Why nothing can be judged."""
    unit, step = ("weeks", 7) if frequency == "W" else ("days", 1)
    unseen = max(0, (cutoff - learnt_until).days // step)
    if unseen >= LEAST_UNSEEN[frequency]:
        return "nothing that both forecast has come since it was trained"
    return (
        f"it learnt up to {learnt_until}, so only {unseen} {unit} have come that neither model has seen; "
        f"{LEAST_UNSEEN[frequency]} are needed to compare"
    )


def compare(
    lake: Lake, panel: Panel, chosen: Plan, champion: tuple[Mapping[str, Any], Model], *, horizon: int, seed: int,
    rows: int, unfilled: int, train_seconds: float, too_old: str = "", rules: Rules = RULES,
) -> Comparison:  # fmt: skip
    """Train the twin, forecast with both from each cutoff, and judge.

    Args:
        panel: what the challenger was trained on.
        rows: rows it learnt from, so that the twin learns from as many.
        unfilled: forecast cells the challenger itself left without a number.
    """
    record, old = champion
    known = cut(panel, chosen.twin_knows, horizon)
    twin, held = train_and_hold(known, horizon, seed=seed, budget=rows)
    shares = learn_shares(known, held, horizon)
    judged, _ = pick_series(panel, SERIES)
    cells, missing = _cells(
        lake, judged, chosen, horizon, (old, Shares.from_segments(record["shares"])), (twin, shares)
    )
    verdict = judge(
        cells, rules, seed, unfilled=unfilled + missing, train_seconds=train_seconds, too_old=too_old
    )  # fmt: skip
    return Comparison(verdict, about(judged, chosen, cells, verdict, record))


def _cells(
    lake: Lake, panel: Panel, chosen: Plan, horizon: int, old: tuple[Model, Shares], new: tuple[Model, Shares]
) -> tuple[Cells, int]:  # fmt: skip
    """Every cell forecast by both that has come since, and how many the new one left empty."""
    parts: list[dict[str, NDArray]] = []
    missing = 0
    for cutoff in chosen.cutoffs:
        steps = min(horizon, chosen.end - cutoff)
        known = cut(panel, cutoff, steps)
        actual = panel.target[:, cutoff + 1 : cutoff + 1 + steps].astype(np.float64)
        if panel.in_stock_share is not None:  # where stock ran out, sales aren't what customers wanted
            actual = np.where(panel.in_stock_share[:, cutoff + 1 : cutoff + 1 + steps] < 1.0, np.nan, actual)
        facts = panel_facts(known)
        made = []
        for model, shares in (old, new):
            ready = Ensemble(model, model.context(lambda known=known: (known,)), facts, shares)  # type: ignore[misc]
            made.append(forecast_ensemble(known, ready).forecast)
        filled = [np.isfinite(one.mean) & np.isfinite(one.quantiles).all(axis=2) for one in made]
        missing += int((~filled[1]).sum())
        here = np.isfinite(actual) & filled[0] & filled[1]
        series, step = np.nonzero(here)
        week = (cutoff + 1 + step - (chosen.twin_knows + 1)) // STEP[panel.frequency]
        part = {"series": series, "week": week, "actual": actual[here]}
        for name, one in zip(("champion", "challenger"), made):
            part |= _scored(name, one, actual, here)
        parts.append(part)
    joined = {name: np.concatenate([one[name] for one in parts]) for name in parts[0]}
    return Cells(**joined, segments=_segments(lake, panel, chosen, joined["series"])), missing


def _scored(name: str, forecast: Forecast, actual: NDArray[np.float64], here: NDArray[np.bool_]) -> dict[str, NDArray]:
    places = [GRID.index(level) for level in LEVELS]
    loss = metrics.pinball_cells(actual, forecast.quantiles[:, :, places], LEVELS)
    low, high = (forecast.quantiles[:, :, at] for at in INSIDE)
    inside = (actual >= low) & (actual <= high)
    return {f"{name}_loss": loss[here], f"{name}_mean": forecast.mean[here], f"{name}_inside": inside[here]}


def _segments(
    lake: Lake, panel: Panel, chosen: Plan, series: NDArray[np.int64]
) -> dict[str, NDArray[np.bool_]]:  # fmt: skip
    """Cells by kind of demand (as it was known to the twin), by category and by location."""
    kind = demand_segments(open_history(cut(panel, chosen.twin_knows, 1))[0])[series]
    found = {f"demand {name}": kind == code for code, name in enumerate(SEGMENTS)}
    items = lake.small.items.select("item_id", "category").unique("item_id")
    rows = panel.keys.select("item_id", "location_id").join(items, on="item_id", how="left", maintain_order="left")
    for column in ("category", "location_id"):
        values = rows[column].cast(pl.String).fill_null("").to_numpy()[series]
        for name in np.unique(values):
            if name:
                found[f"{column.removesuffix('_id')} {name}"] = values == name
    return {name: inside for name, inside in found.items() if inside.any()}


def about(panel: Panel, chosen: Plan, cells: Cells, verdict: Verdict, record: Mapping[str, Any]) -> dict[str, Any]:
    """What was compared, in plain words and numbers."""
    step = _step_days(panel)

    def day(index: int) -> str:
        return str(panel.periods[index].astype("datetime64[D]").item() + timedelta(days=step - 1))

    total = max(float(np.abs(cells.actual).sum()), 1e-12)
    sides = {}
    for name in ("champion", "challenger"):
        loss, mean, inside = (getattr(cells, f"{name}_{what}") for what in ("loss", "mean", "inside"))
        sides[name] = {
            "wql": round(float(loss.sum()) / total, 6), "bias": round(float((mean - cells.actual).sum()) / total, 6),
            "coverage_80": round(float(np.mean(inside)), 6),
        }  # fmt: skip
    return {
        "against": record["model_id"], "champion_learnt_until": day(chosen.champion_knew),
        "twin_learnt_until": day(chosen.twin_knows), "cutoffs": [day(one) for one in chosen.cutoffs],
        "judged_until": day(chosen.end), "series": len(np.unique(cells.series)), "weeks": len(np.unique(cells.week)),
        "cells": cells.count, **sides, "gain": _numbers(verdict.gain), "rails": [_rail(one) for one in verdict.rails],
        "note": (
            f"The version itself learnt from everything, so it was judged in the person of a twin: same recipe, trained on the "
            f"data up to {day(chosen.twin_knows)} only. Neither the twin nor the champion had seen what came after. Prices, "
            "promotions, events and weather of those days were given to both as the lake has them now."
        ),
    }  # fmt: skip


def _numbers(gain: Gain | None) -> dict[str, float] | None:
    return None if gain is None else {name: round(value, 6) for name, value in asdict(gain).items()}


def _rail(rail: Rail) -> dict[str, Any]:
    return {**asdict(rail), "value": round(rail.value, 6), "limit": round(rail.limit, 6)}


def _step_days(panel: Panel) -> int:
    return 7 if panel.frequency == "W" else 1
