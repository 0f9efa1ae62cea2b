"""Forecast value added: did each stage, and each person's overrides, make the forecast better or worse?

For days that have come, the absolute error of each stage against units sold; value added is the share of error the later
stage took away (negative: it made things worse). Days on which stock ran out don't count: nobody knows what was wanted.
"""

from __future__ import annotations

from datetime import date

import polars as pl

from shelfcast.domain.tables import results
from shelfcast.pipeline import override_forecasts
from shelfcast.pipeline.newest import cutoffs
from shelfcast.ports.platform import Platform
from shelfcast.serve.view import View

STAGES = (("baseline", "model"), ("model", "planner"), ("model", "final"))
MOST_CUTOFFS = 60


class StageValue(View):
    """One stage against the stage before it, on the same cells."""

    stage: str
    against: str
    cells: int
    """Series x days on which both stood and the actual is known."""
    wape: float | None
    """Sum of absolute errors over sum of actuals."""
    wape_against: float | None
    bias: float | None
    value_added: float | None
    """1 - error / error of the stage before: 0.1 = a tenth of the error taken away."""


class PersonValue(View):
    """The overrides of one person, on the cells they changed."""

    who: str
    overrides: int
    cells: int
    better: int
    """Cells on which the override was nearer to the actual than the model."""
    worse: int
    wape: float | None
    wape_model: float | None
    value_added: float | None


class ValueAdded(View):
    first_cutoff: date | None = None
    last_cutoff: date | None = None
    stages: list[StageValue]
    people: list[PersonValue]


def value_added(platform: Platform, last: int = MOST_CUTOFFS) -> ValueAdded:
    """Over the newest cutoffs that have actuals."""
    chosen = cutoffs(platform, results.FORECASTS)[:last]
    if not chosen:
        return ValueAdded(stages=[], people=[])
    actual = (
        platform.tables.scan(results.DEMAND)
        .filter(pl.col("units").is_not_null() & ~pl.col("censored").fill_null(False) & (pl.col("date") > min(chosen)))
        .select("item_id", "location_id", "date", "units")
    )
    key = ["cutoff", "item_id", "location_id", "date"]
    rows = (
        platform.tables.scan(results.FORECASTS)
        .filter(pl.col("cutoff").is_in(chosen) & (pl.col("scenario") == "base") & (pl.col("date") <= max(chosen)))
        .select(*key, "stage", "mean")
        .join(actual, on=["item_id", "location_id", "date"])
        .collect(engine="streaming")
    )
    stages = []
    for stage, against in STAGES:
        mine = rows.filter(pl.col("stage") == stage)
        other = rows.filter(pl.col("stage") == against).select(*key, pl.col("mean").alias("before"))
        both = mine.join(other, on=key)
        stages.append(_stage(stage, against, both))
    return ValueAdded(
        first_cutoff=min(chosen), last_cutoff=max(chosen), stages=stages, people=_people(platform, rows, key)
    )


def _share(over: float, under: float) -> float | None:
    return over / under if under > 0 else None


def _stage(stage: str, against: str, both: pl.DataFrame) -> StageValue:
    error = float((both["mean"] - both["units"]).abs().sort().sum())
    before = float((both["before"] - both["units"]).abs().sort().sum())
    total = float(both["units"].abs().sort().sum())
    gain = _share(error, before)
    return StageValue(
        stage=stage, against=against, cells=both.height, wape=_share(error, total), wape_against=_share(before, total),
        bias=_share(float((both["mean"] - both["units"]).sort().sum()), total) if total > 0 else None,
        value_added=None if gain is None else 1 - gain,
    )  # fmt: skip


def _people(platform: Platform, rows: pl.DataFrame, key: list[str]) -> list[PersonValue]:
    """Cells of each person: planner rows inside the reach of an override of theirs that stood at the cutoff."""
    model = rows.filter(pl.col("stage") == "model").select(*key, pl.col("mean").alias("before"))
    cells = rows.filter(pl.col("stage") == "planner").join(model, on=key)
    if not cells.height:
        return []
    made = override_forecasts.every(platform)
    people = []
    for who in sorted({one.made_by for one in made}):
        mine = [one for one in made if one.made_by == who]
        hit = pl.any_horizontal(_cells_of(one) for one in mine)
        part = cells.filter(hit)
        if not part.height:
            continue
        error, before = (part["mean"] - part["units"]).abs(), (part["before"] - part["units"]).abs()
        total = float(part["units"].abs().sort().sum())
        gain = _share(float(error.sort().sum()), float(before.sort().sum()))
        people.append(
            PersonValue(
                who=who, overrides=len(mine), cells=part.height, better=int((error < before).sum()),
                worse=int((error > before).sum()), wape=_share(float(error.sort().sum()), total),
                wape_model=_share(float(before.sort().sum()), total), value_added=None if gain is None else 1 - gain,
            )
        )  # fmt: skip
    return people


def _cells_of(one: override_forecasts.Override) -> pl.Expr:
    hit = pl.col("date").is_between(one.first, one.last) & (pl.col("cutoff") < one.last)
    if one.items:
        hit = hit & pl.col("item_id").is_in(one.items)
    if one.locations:
        hit = hit & pl.col("location_id").is_in(one.locations)
    return hit
