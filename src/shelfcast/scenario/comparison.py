"""A scenario beside its baseline: units, revenue, margin, with intervals for the difference.

The middle is the model's. Around it: like events differ from one another (bootstrap over them), and we know their mean only
as well as their number allows; both move the changed days together. Totals themselves carry the forecast's own spread.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shelfcast.scenario.totals import total_quantiles

Floats = NDArray[np.floating]
DRAWS = 2000
LEVELS = (0.1, 0.5, 0.9)


@dataclass(frozen=True)
class Compared:
    """One measure, baseline against scenario. Low and high: 10 % and 90 %."""

    baseline: float
    baseline_low: float
    baseline_high: float
    scenario: float
    scenario_low: float
    scenario_high: float
    difference: float
    difference_low: float
    difference_high: float


def effect_draws(uplift: Floats, events: int, rng: np.random.Generator, draws: int = DRAWS) -> Floats:
    """Factors (draws,) around 1 by which the effect on changed days may come out differently.

    Args:
        uplift: of each like event; empty = the model's word alone (factor 1).
        events: how many events of the kind the scenario holds (items it is about): more of them average out.
    """
    usable = uplift[np.isfinite(uplift) & (uplift > 0)]
    if len(usable) < 2:
        return np.ones(draws)
    logs = np.log(usable)
    residual = logs - logs.mean()
    mean_error = rng.choice(residual, (draws, len(residual))).mean(axis=1)
    count = int(np.clip(events, 1, 200))
    ours = rng.choice(residual, (draws, count)).mean(axis=1)
    return np.exp(np.clip(mean_error + ours, -3.0, 3.0))


def compare(
    baseline: Floats, scenario: Floats, changed: NDArray[np.bool_], weights: tuple[Floats, Floats], factors: Floats,
    variances: tuple[float, float],
) -> Compared:  # fmt: skip
    """One measure: means (series, H) weighted by what a unit is worth (1, price, or margin).

    Args:
        changed: (series, H) cells the scenario changes; weights: of baseline and scenario, (series, H).
        variances: of the totals of baseline and scenario, in the measure's unit squared.
    """
    before, after = float((baseline * weights[0]).sum()), float((scenario * weights[1]).sum())
    moved = float((scenario * weights[1] * changed).sum())
    differences = after - before + moved * (factors - 1.0)
    low, high = (float(one) for one in np.quantile(differences, (0.1, 0.9)))
    ends = []
    extra = float(np.var(moved * factors))
    for mean, variance in ((before, variances[0]), (after, variances[1] + extra)):
        ends.append([float(one) for one in total_quantiles(np.array([mean]), np.array([variance]), LEVELS)[0]])
    return Compared(before, ends[0][0], ends[0][2], after, ends[1][0], ends[1][2], after - before, low, high)


def as_record(compared: Compared) -> Mapping[str, float]:
    return {name: round(value, 6) for name, value in vars(compared).items()}
