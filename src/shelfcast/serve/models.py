"""Models: versions with their cards and scores, who is champion, accuracy by segment and over time, calibration."""

from __future__ import annotations

import math
from datetime import date, datetime
from typing import Any

import polars as pl
from pydantic import Field

from shelfcast.domain.quantiles import COLUMNS, level
from shelfcast.domain.tables import curated, results
from shelfcast.pipeline import choose_model, model_records
from shelfcast.pipeline.newest import cutoffs
from shelfcast.ports.platform import Platform
from shelfcast.serve.view import View

MOST_CUTOFFS = 60


class SegmentScore(View):
    """Scores of held-out forecasts of one segment."""

    segment: str = Field(examples=["all", "segment=smooth", "third of the horizon=1"])
    cells: int
    """Series x periods scored."""
    wape: float | None = None
    bias: float | None = None
    coverage_80: float | None = None
    """Share of actuals inside the 80 % interval: should be 0.8."""
    coverage_95: float | None = None


class ModelView(View):
    """One version of the model."""

    model_id: str
    model: str
    champion: bool
    cutoff: date
    """Last day it learnt from."""
    frequency: str
    horizon: int
    trained_at: datetime | None = None
    run_id: str = ""
    series: int | None = None
    rows: int | None = None
    trees: int | None = None
    first_period: str | None = None
    last_period: str | None = None
    bytes: int = 0
    held_out: list[SegmentScore]


class ModelDetail(ModelView):
    features: list[str]
    card: dict[str, Any] = Field(default={})
    """The whole model card."""
    record: dict[str, Any] = Field(default={})


class Promotion(View):
    model_id: str
    at: datetime
    who: str
    reason: str
    before: str | None = None


class ScoreRow(View):
    """A score of a model in a backtest: fold 0 is the mean of all folds."""

    run_id: str
    model: str
    segment: str
    fold: int
    cutoff: date | None = None
    metric: str
    value: float | None = None
    series: int | None = None
    cells: int | None = None
    horizon: int | None = None


class AccuracyPoint(View):
    """How the forecasts made at one cutoff did, on the days that have come since."""

    cutoff: date
    cells: int
    wape: float | None = None
    bias: float | None = None
    coverage_80: float | None = None
    baseline_wape: float | None = None


class CalibrationPoint(View):
    """Of actuals, the share at or below a quantile: should be its level."""

    level: float
    share: float


class Accuracy(View):
    """Forecasts in production against what came."""

    over_time: list[AccuracyPoint]
    calibration: list[CalibrationPoint]
    by_category: list[SegmentScore]


def every(platform: Platform) -> list[ModelView]:
    """Versions, the newest first."""
    champion = model_records.champion(platform)
    chosen = champion["model_id"] if champion else ""
    found = [_view(platform, dict(one.body), chosen) for one in platform.records.query(model_records.KIND)]
    return sorted(found, key=lambda one: (one.trained_at is not None, one.trained_at, one.cutoff), reverse=True)


def one(platform: Platform, model_id: str) -> ModelDetail:
    """
    Raises:
        NotFound: no such model.
    """
    body = choose_model.find(platform, model_id)
    champion = model_records.champion(platform)
    shown = _view(platform, body, champion["model_id"] if champion else "")
    card = dict(body.get("card") or {})
    record = {name: value for name, value in body.items() if name != "card"}
    return ModelDetail(**shown.model_dump(), features=list(card.get("features") or []), card=card, record=record)


def _view(platform: Platform, body: dict[str, Any], champion: str) -> ModelView:
    card = body.get("card") or {}
    trained = None
    if body.get("run_id"):
        found = platform.records.query("runs", prefix=str(body["run_id"]))
        trained = found[0].body.get("ended_at") if found else None
    facts = {name: card.get(name) for name in ("series", "rows", "trees", "first_period", "last_period")}
    return ModelView(
        model_id=body["model_id"], model=body["model"], champion=body["model_id"] == champion, cutoff=body["cutoff"],
        frequency=body["frequency"], horizon=body["horizon"], trained_at=trained, run_id=body.get("run_id", ""),
        bytes=body.get("bytes", 0), held_out=held_out(card), **facts,
    )  # fmt: skip


def held_out(card: dict[str, Any]) -> list[SegmentScore]:
    scores = card.get("held_out") or {}
    return [
        SegmentScore(segment=name, **{k: v for k, v in value.items() if k in SegmentScore.model_fields})
        for name, value in scores.items()
    ]


def promotions(platform: Platform) -> list[Promotion]:
    return [Promotion(**body) for body in choose_model.history(platform)]


def scores(platform: Platform, *, run_id: str = "", metric: str = "", limit: int = 2000) -> list[ScoreRow]:
    rows = platform.tables.scan(results.BACKTEST_SCORES)
    if run_id:
        rows = rows.filter(pl.col("run_id") == run_id)
    if metric:
        rows = rows.filter(pl.col("metric") == metric)
    found = rows.sort("run_id", "model", "segment", "fold", "metric").head(limit).collect()
    return [ScoreRow(**one) for one in found.iter_rows(named=True)]


def accuracy(platform: Platform, *, stage: str = "final", last: int = MOST_CUTOFFS) -> Accuracy:
    """Days on which stock ran out don't count: nobody knows what was wanted."""
    chosen = cutoffs(platform, results.FORECASTS)[:last]
    if not chosen:
        return Accuracy(over_time=[], calibration=[], by_category=[])
    actual = (
        platform.tables.scan(results.DEMAND)
        .filter(pl.col("units").is_not_null() & ~pl.col("censored").fill_null(False) & (pl.col("date") > min(chosen)))
        .select("item_id", "location_id", "date", "units")
    )
    forecasts = platform.tables.scan(results.FORECASTS).filter(
        pl.col("cutoff").is_in(chosen) & (pl.col("scenario") == "base") & (pl.col("date") <= max(chosen))
    )
    key = ["cutoff", "item_id", "location_id", "date"]
    rows = (
        forecasts.filter(pl.col("stage") == stage)
        .select(*key, "mean", *COLUMNS)
        .join(actual, on=["item_id", "location_id", "date"])
        .collect(engine="streaming")
    )
    if not rows.height:
        return Accuracy(over_time=[], calibration=[], by_category=[])
    baseline = (
        forecasts.filter(pl.col("stage") == "baseline")
        .select(*key, "mean")
        .join(actual, on=["item_id", "location_id", "date"])
        .group_by("cutoff")
        .agg(((pl.col("mean") - pl.col("units")).abs().sum() / pl.col("units").abs().sum()).alias("baseline_wape"))
        .collect(engine="streaming")
    )
    by_cutoff = rows.group_by("cutoff").agg(_scores()).join(baseline, on="cutoff", how="left").sort("cutoff")
    categories = platform.tables.scan(curated.ITEMS).select("item_id", "category").collect()
    by_category = rows.join(categories, on="item_id", how="left").group_by("category").agg(_scores()).sort("category")
    shares = rows.select(((pl.col("units") <= pl.col(name)).mean()).alias(name) for name in COLUMNS).row(0)
    return Accuracy(
        over_time=[AccuracyPoint(**_finite(one)) for one in by_cutoff.iter_rows(named=True)],
        calibration=[CalibrationPoint(level=level(name), share=share) for name, share in zip(COLUMNS, shares)],
        by_category=[
            SegmentScore(segment=f"category={one.pop('category')}", **_finite(one)) for one in by_category.to_dicts()
        ],
    )


def _scores() -> list[pl.Expr]:
    total = pl.col("units").abs().sum()
    return [
        pl.len().alias("cells"),
        ((pl.col("mean") - pl.col("units")).abs().sum() / total).alias("wape"),
        ((pl.col("mean") - pl.col("units")).sum() / total).alias("bias"),
        pl.col("units").is_between(pl.col("q100"), pl.col("q900")).mean().alias("coverage_80"),
        pl.col("units").is_between(pl.col("q025"), pl.col("q975")).mean().alias("coverage_95"),
    ]


def _finite(row: dict[str, Any]) -> dict[str, Any]:
    fields = set(AccuracyPoint.model_fields) | set(SegmentScore.model_fields)
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in row.items()
        if name in fields
    }
