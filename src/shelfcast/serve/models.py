"""Models: versions with their cards and scores, who is champion, accuracy by segment and over time, calibration."""

from __future__ import annotations

import math
from typing import Any

import polars as pl

from shelfcast.domain.errors import BadParameter, NotFound
from shelfcast.domain.quantiles import COLUMNS, level
from shelfcast.domain.tables import curated, results
from shelfcast.pipeline import choose_model, model_decisions, model_records
from shelfcast.pipeline.newest import cutoffs
from shelfcast.ports.model_registry import ALIASES, CHALLENGER, CHAMPION, MODEL_FILE, ModelVersion
from shelfcast.ports.platform import Platform
from shelfcast.serve.model_views import (
    Accuracy,
    AccuracyPoint,
    CalibrationPoint,
    ModelDetail,
    ModelView,
    Promotion,
    PromotionDecision,
    ScorePair,
    ScoreRow,
    SegmentScore,
    SideBySide,
)

MOST_CUTOFFS = 60


def every(platform: Platform) -> list[ModelView]:
    """Versions, the newest first."""
    decided = {one["model_id"]: one for one in reversed(model_decisions.every(platform))}
    marked = _marked(platform)
    return [_view(one, marked, decided.get(one.model_id)) for one in platform.models.list()]


def one(platform: Platform, model_id: str) -> ModelDetail:
    """
    Raises:
        NotFound: no such model.
    """
    version = platform.models.get(model_id)
    shown = _view(version, _marked(platform), model_decisions.of_model(platform, model_id))
    card = model_records.card(platform, model_id)
    if by_segment := held_out(card):
        shown = shown.model_copy(update={"held_out": by_segment})
    points: list[dict[str, float]] = next(iter((card.get("calibration") or {}).values()), [])
    return ModelDetail(
        **shown.model_dump(), features=list(version.features), card=card, record=model_records.record_of(version),
        snapshots={name: str(value) for name, value in version.snapshots.items()}, files=dict(version.files),
        calibration=[CalibrationPoint(**point) for point in points], comparison=card.get("comparison") or None,
    )  # fmt: skip


def named(platform: Platform, text: str) -> str:
    """The model id a person means: an id or its first letters, `champion`, `challenger`.

    Raises:
        NotFound: none is called so.
        BadParameter: several begin so.
    """
    if text in ALIASES:
        version = platform.models.aliased(text)
        if version is None:
            raise NotFound(
                f"there is no {text} yet. The first champion is trained with the first cycle: `shelfcast run`."
            )
        return version.model_id
    found = [one.model_id for one in platform.models.list() if one.model_id.startswith(text)]
    if len(found) > 1:
        raise BadParameter(f"several models begin with {text!r}: {', '.join(found)}. Give more letters.")
    return found[0] if found else platform.models.get(text).model_id


def plot(platform: Platform, model_id: str, name: str) -> bytes:
    """A picture kept with a model.

    Raises:
        NotFound: no such model, or it has no such picture.
    """
    if not name.endswith(".svg"):
        raise NotFound(f"{name!r} is no picture of model {model_id}. Its files are listed at /v1/models/{model_id}.")
    return platform.models.load(model_id, name)


def decisions(platform: Platform, limit: int = 100) -> list[PromotionDecision]:
    """The newest first."""
    return [PromotionDecision(**one) for one in model_decisions.every(platform, limit)]


def compare(platform: Platform, a: str, b: str) -> SideBySide:
    """Two versions side by side.

    Raises:
        NotFound: no such model.
    """
    versions = [platform.models.get(model_id) for model_id in (a, b)]
    marked = _marked(platform)
    views = [_view(one, marked, model_decisions.of_model(platform, one.model_id)) for one in versions]
    names = sorted({name for one in versions for name in one.metrics})
    judged = next(
        (
            one for one in model_decisions.every(platform)
            if one.get("comparison") and {one["model_id"], one["champion"]} == {a, b}
        ),
        None,
    )  # fmt: skip
    first, second = versions
    return SideBySide(
        a=views[0], b=views[1],
        scores=[ScorePair(name=name, a=first.metrics.get(name), b=second.metrics.get(name)) for name in names],
        same_days=views[0].cutoff == views[1].cutoff,
        features_only_a=[name for name in first.features if name not in second.features],
        features_only_b=[name for name in second.features if name not in first.features],
        decision=PromotionDecision(**judged) if judged else None,
    )  # fmt: skip


def _marked(platform: Platform) -> dict[str, str]:
    """Model id by alias."""
    found = {alias: platform.models.aliased(alias) for alias in ALIASES}
    return {alias: one.model_id for alias, one in found.items() if one is not None}


def _view(version: ModelVersion, marked: dict[str, str], decided: dict[str, Any] | None) -> ModelView:
    facts = version.facts
    champion = version.model_id == marked.get(CHAMPION)
    held = {
        name.removeprefix("held_out/"): value for name, value in version.metrics.items() if name.startswith("held_out/")
    }
    scored = held or version.metrics  # a version from before has only the held-out scores, under their plain names
    shown = {name: value for name, value in scored.items() if name in SegmentScore.model_fields and name != "cells"}
    return ModelView(
        model_id=version.model_id, number=version.number, model=str(facts.get("model", "")), champion=champion,
        challenger=not champion and version.model_id == marked.get(CHALLENGER), cutoff=facts["cutoff"],
        frequency=facts["frequency"], horizon=facts["horizon"], trained_at=version.registered_at,
        run_id=str(facts.get("run_id", "")), bytes=version.files.get(MODEL_FILE, 0), cause=str(facts.get("cause", "")),
        reason=str(facts.get("reason", "")), decision=decided["verdict"] if decided else "",
        sentence=decided["sentence"] if decided else "", metrics=dict(version.metrics),
        held_out=[SegmentScore(segment="all", cells=int(scored.get("cells", 0)), **shown)] if shown else [],
        **{name: facts.get(name) for name in ("series", "rows", "trees", "first_period", "last_period")},
    )  # fmt: skip


def held_out(card: dict[str, Any]) -> list[SegmentScore]:
    scores = card.get("held_out") or {}
    return [
        SegmentScore(segment=name, **{k: v for k, v in value.items() if k in SegmentScore.model_fields})
        for name, value in scores.items()
    ]


def promotions(platform: Platform) -> list[Promotion]:
    return [
        Promotion(model_id=one.model_id, at=one.at, who=one.by, reason=one.reason, before=one.before or None)
        for one in choose_model.history(platform)
    ]


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
