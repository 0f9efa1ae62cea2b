"""Is a new model better than the one that forecasts? A paired bootstrap of their losses, and guard rails.

    history  ..........................|.......................|         T = last day of the data
             champion learnt up to C ^ |  <- neither has seen ->|
                      the challenger's twin learnt up to V ^    both forecast from V, V + a week, ...

The challenger itself is trained on everything, so there is no day left to judge it on: it is judged in the person of a
twin, trained by the same recipe on the data up to V. The champion must have learnt nothing after V either.

Gain = 1 - sum of the challenger's loss / sum of the champion's, over cells both forecast. Loss: quantile loss in units
over the levels 0.1 to 0.9 (`metrics.pinball_cells`). Cells of one series go together, and so do those of one week, since
a holiday moves all series alike: series and weeks are drawn anew independently of each other, with replacement, and the
gain worked out for each draw (bootstrap of two-way data; Owen 2007, "The pigeonhole bootstrap": its variance errs on
the large side, so a gain is claimed too seldom rather than too often).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from shelfcast.domain.errors import BadInput

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Rules:
    """When a challenger takes over. Every number is a share unless its name says otherwise."""

    draws: int = 2000
    confidence: float = 0.95
    """One-sided: the gain must be above zero in this share of the draws."""
    least_gain: float = 0.005
    """A gain that is sure but smaller changes forecasts for nothing."""
    most_bias: float = 0.05
    """|bias| a challenger may have, whatever the champion's."""
    more_bias: float = 0.01
    """|bias| it may have beyond the champion's."""
    least_inside: float = 0.75
    """The 80 % band must hold so much of what came, unless the champion's holds no more."""
    most_inside: float = 0.93
    """A band that holds more is too wide, unless the champion's holds as much. An honest band of small counts holds more than
    its name says: whole units lie on its ends."""
    more_miss: float = 0.01
    """The band may hold so much less, or more, than the champion's."""
    worse_segment: float = 0.05
    """Loss of a segment may be so much above the champion's."""
    least_cells: int = 300
    """Segments with fewer cells, or fewer series, aren't held against anybody: chance alone moves them."""
    least_series: int = 10
    train_seconds: float = 4 * 3600.0
    """A night must be enough."""


@dataclass(frozen=True)
class Cells:
    """What both said of the same cells, and what came: one entry a cell."""

    series: NDArray[np.int64]
    week: NDArray[np.int64]
    actual: Floats
    champion_loss: Floats
    challenger_loss: Floats
    champion_mean: Floats
    challenger_mean: Floats
    champion_inside: NDArray[np.bool_]
    """The 80 % band held the actual."""
    challenger_inside: NDArray[np.bool_]
    segments: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)

    @property
    def count(self) -> int:
        return len(self.actual)


@dataclass(frozen=True)
class Gain:
    """How much less the challenger loses, with the ends of the central 90 % of the draws."""

    gain: float
    low: float
    high: float
    sure: float
    """Share of the draws in which the challenger loses less."""


@dataclass(frozen=True)
class Rail:
    """A guard rail: what was measured, what is allowed, and what it says if it doesn't hold."""

    name: str
    value: float
    limit: float
    holds: bool
    says: str


@dataclass(frozen=True)
class Verdict:
    """Whether the challenger takes over, and why in a sentence."""

    promote: bool
    sentence: str
    gain: Gain | None = None
    rails: Sequence[Rail] = ()


def paired_gain(cells: Cells, rules: Rules, seed: int) -> Gain:
    """The gain and how sure it is.

    Raises:
        BadInput: no cells, or a champion without any loss.
    """
    if not cells.count or cells.champion_loss.sum() <= 0.0:
        raise BadInput(
            "there is nothing to compare: no period was forecast by both that has come since, or none was missed."
        )
    _, series = np.unique(cells.series, return_inverse=True)
    _, week = np.unique(cells.week, return_inverse=True)
    rows, columns = int(series.max()) + 1, int(week.max()) + 1
    at = series * columns + week
    mine = np.bincount(at, cells.challenger_loss, rows * columns).reshape(rows, columns)
    theirs = np.bincount(at, cells.champion_loss, rows * columns).reshape(rows, columns)
    generator = np.random.default_rng(seed)
    drawn_rows = generator.multinomial(rows, np.full(rows, 1.0 / rows), size=rules.draws).astype(np.float64)
    drawn_columns = generator.multinomial(columns, np.full(columns, 1.0 / columns), size=rules.draws).astype(np.float64)
    new = ((drawn_rows @ mine) * drawn_columns).sum(axis=1)
    old = ((drawn_rows @ theirs) * drawn_columns).sum(axis=1)
    gains = 1.0 - new[old > 0.0] / old[old > 0.0]
    low, high = np.quantile(gains, [0.05, 0.95])
    overall = 1.0 - float(mine.sum()) / float(theirs.sum())
    return Gain(overall, float(low), float(high), float(np.mean(gains > 0.0)))


def guard_rails(cells: Cells, rules: Rules, *, unfilled: int, train_seconds: float) -> list[Rail]:
    """Bias, coverage, segments, fill and time of a challenger.

    Args:
        unfilled: cells the challenger left without a number.
    """
    total = max(float(np.abs(cells.actual).sum()), 1e-12)
    old_bias = float((cells.champion_mean - cells.actual).sum()) / total
    new_bias = float((cells.challenger_mean - cells.actual).sum()) / total
    limit = max(rules.most_bias, abs(old_bias) + rules.more_bias)
    rails = [
        Rail(
            "bias", new_bias, limit, abs(new_bias) <= limit,
            f"it forecasts {_percent(abs(new_bias))} too {'much' if new_bias > 0 else 'little'} ({_percent(limit)} is allowed)",
        )
    ]  # fmt: skip
    old_held, held = float(np.mean(cells.champion_inside)), float(np.mean(cells.challenger_inside))
    low = min(rules.least_inside, old_held - rules.more_miss)
    high = max(rules.most_inside, old_held + rules.more_miss)
    rails.append(
        Rail(
            "coverage_80", held, low if held < 0.8 else high, low <= held <= high,
            f"its 80 % band holds {_percent(held)} of what came ({_percent(low)} to {_percent(high)} is allowed)",
        )
    )  # fmt: skip
    for name, inside in cells.segments.items():
        if inside.sum() < rules.least_cells or len(np.unique(cells.series[inside])) < rules.least_series:
            continue
        old = float(cells.champion_loss[inside].sum())
        worse = float(cells.challenger_loss[inside].sum()) / old - 1.0 if old > 0 else 0.0
        rails.append(
            Rail(
                f"segment {name}", worse, rules.worse_segment, worse <= rules.worse_segment,
                f"on {name} its loss is {_signed(-worse)} ({_percent(rules.worse_segment)} more is allowed)",
            )
        )  # fmt: skip
    rails.append(
        Rail(
            "fill",
            float(unfilled),
            0.0,
            unfilled == 0,
            f"it leaves {unfilled} cells without a forecast (none is allowed)",
        )
    )
    rails.append(
        Rail(
            "train_seconds", train_seconds, rules.train_seconds, train_seconds <= rules.train_seconds,
            f"it takes {train_seconds:.0f} s to train ({rules.train_seconds:.0f} s is allowed)",
        )
    )  # fmt: skip
    return rails


def judge(
    cells: Cells, rules: Rules, seed: int, *, unfilled: int = 0, train_seconds: float = 0.0, too_old: str = ""
) -> Verdict:
    """The verdict on a challenger. `too_old`: why the champion can't stay; then the challenger takes its place unless it is
    surely worse or a guard rail doesn't hold."""
    gain = paired_gain(cells, rules, seed)
    rails = guard_rails(cells, rules, unfilled=unfilled, train_seconds=train_seconds)
    span = f"{_signed(gain.gain)} loss (90 % of draws between {_signed(gain.low)} and {_signed(gain.high)})"
    broken = [one.says for one in rails if not one.holds]
    enough = gain.sure >= rules.confidence and gain.gain >= rules.least_gain
    if broken:
        said = f"Kept the champion: {'; '.join(broken)}. Against the champion: {span}."
        return Verdict(False, said, gain, rails)
    if enough:
        return Verdict(True, f"Promoted: {span} than the champion on days neither had seen.", gain, rails)
    if too_old and gain.sure >= 1.0 - rules.confidence:
        return Verdict(True, f"Promoted: {too_old}, and the challenger isn't surely worse: {span}.", gain, rails)
    if gain.sure >= rules.confidence:
        why = f"a gain under {_percent(rules.least_gain)} isn't worth changing forecasts for"
    elif gain.gain > 0:
        why = f"that may be chance: it is better in {_percent(gain.sure, 0)} of the draws, {_percent(rules.confidence, 0)} are asked for"
    else:
        why = "it isn't better"
    return Verdict(False, f"Kept the champion: {span}; {why}.", gain, rails)


def _percent(value: float, digits: int = 1) -> str:
    return f"{100.0 * value:.{digits}f} %"


def _signed(gain: float) -> str:
    """`2.1 % less`, `0.3 % more`."""
    return f"{_percent(abs(gain))} {'less' if gain >= 0 else 'more'}"
