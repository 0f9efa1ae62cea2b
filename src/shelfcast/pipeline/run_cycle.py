"""The daily cycle: every step in order, on one cutoff."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta

import polars as pl

from shelfcast.domain.errors import NotReady
from shelfcast.domain.tables import curated
from shelfcast.lake.as_of import current
from shelfcast.pipeline.steps import CYCLE, Parameters, StepResult, run_step
from shelfcast.ports.platform import Platform


@dataclass(frozen=True)
class CycleResult:
    cutoff: date
    steps: tuple[StepResult, ...]

    def step(self, name: str) -> StepResult:
        return next(one for one in self.steps if one.step == name)


def last_sales_date(platform: Platform, frequency: str = "D") -> date:
    """The newest business date with sales: the cutoff a cycle uses unless told otherwise.

    A week's row carries the week's first day and knows its last one, unless that week isn't over yet.

    Raises:
        NotReady: no sales in the lake.
    """
    # A day whose till is still running is summed up already, but is no whole day yet.
    running = (pl.col("origin") == "events") & (pl.col("known_at") > platform.clock.now())
    sales = current(platform.tables, curated.SALES).filter(~running.fill_null(False))
    newest: date | None = sales.select(pl.col("date").max()).collect().item()
    if newest is None:
        raise NotReady(
            "there are no sales in the lake yet. Load some: `shelfcast ingest FILE...`, or `shelfcast demo` for a made-up shop."
        )
    if frequency == "W":
        return max(newest, min(newest + timedelta(days=6), platform.clock.now().date()))
    return newest


def run_cycle(platform: Platform, parameters: Parameters, *, steps: tuple[str, ...] = CYCLE) -> CycleResult:
    """Run the steps in their order; a step whose inputs have not changed costs nothing."""
    from shelfcast.pipeline import override_forecasts
    from shelfcast.pipeline.train_model import due

    done: list[StepResult] = []
    for name in (one for one in CYCLE if one in steps):
        chosen = replace(parameters, retrain=False)
        if name == "train":
            if not (why := due(platform, parameters)):
                continue
            asked = parameters.asked
            chosen = replace(parameters, asked=asked if asked.reason else replace(asked, reason=why))
        done.append(run_step(platform, name, chosen))
        if name == "forecast":
            override_forecasts.apply(platform, parameters.cutoff, parameters.scenario)
    return CycleResult(parameters.cutoff, tuple(done))
