"""Models: versions, cards, scores; promote, roll back. Training anew is a job (`retrain`)."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from shelfcast.entrypoints.http.errors import RESPONSES
from shelfcast.entrypoints.http.security import Admin, Host, Viewer
from shelfcast.pipeline import choose_model
from shelfcast.serve import models as views
from shelfcast.serve.forecasts import Stage
from shelfcast.serve.model_views import (
    Accuracy,
    ModelDetail,
    ModelView,
    Promotion,
    PromotionDecision,
    ScoreRow,
    SideBySide,
)

router = APIRouter(prefix="/v1", tags=["models"], responses=RESPONSES)
ModelId = Annotated[str, Path(min_length=4, max_length=64, pattern="^[A-Za-z0-9-]+$")]
QueryId = Annotated[str, Query(min_length=4, max_length=64, pattern="^[A-Za-z0-9-]+$")]
PlotName = Annotated[str, Path(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9_.-]+$")]


class Why(BaseModel):
    model_config = ConfigDict(extra="forbid")
    reason: str = Field(min_length=3, max_length=500, examples=["better on fresh items in the last four weeks"])


@router.get("/models", summary="Versions of the model, the newest first")
def list_models(_: Viewer, platform: Host) -> list[ModelView]:
    return views.every(platform)


@router.get("/models/promotions", summary="Who made which model the champion, when and why")
def list_promotions(_: Viewer, platform: Host) -> list[Promotion]:
    return views.promotions(platform)


@router.get("/models/scores", summary="Scores of backtests by model, segment, fold and metric")
def list_scores(
    _: Viewer, platform: Host, run_id: Annotated[str, Query(max_length=128)] = "",
    metric: Annotated[str, Query(max_length=64)] = "", limit: Annotated[int, Query(ge=1, le=10_000)] = 2000,
) -> list[ScoreRow]:  # fmt: skip
    return views.scores(platform, run_id=run_id, metric=metric, limit=limit)


@router.get(
    "/models/accuracy", summary="Forecasts in production against what came: over time, by category, calibration"
)
def get_accuracy(
    _: Viewer, platform: Host, stage: Stage = "final", cutoffs: Annotated[int, Query(ge=1, le=400)] = 60
) -> Accuracy:
    return views.accuracy(platform, stage=stage, last=cutoffs)


@router.get("/models/decisions", summary="What was decided about each new model, why, and on which numbers")
def list_decisions(
    _: Viewer, platform: Host, limit: Annotated[int, Query(ge=1, le=1000)] = 100
) -> list[PromotionDecision]:  # fmt: skip
    return views.decisions(platform, limit)


@router.get("/models/compare", summary="Two versions side by side, and the judgement between them")
def compare_models(_: Viewer, platform: Host, a: QueryId, b: QueryId) -> SideBySide:
    return views.compare(platform, a, b)


@router.get(
    "/models/{model_id}/plots/{name}", summary="A picture kept with a model", response_class=Response,
    responses={200: {"content": {"image/svg+xml": {"schema": {"type": "string"}}}}},
)  # fmt: skip
def get_plot(_: Viewer, platform: Host, model_id: ModelId, name: PlotName) -> Response:
    return Response(views.plot(platform, model_id, name), media_type="image/svg+xml")


@router.get("/models/{model_id}", summary="One version with its card")
def get_model(_: Viewer, platform: Host, model_id: ModelId) -> ModelDetail:
    return views.one(platform, model_id)


@router.post("/models/{model_id}/promote", summary="Make a model the champion; it forecasts from the next cycle on")
def promote_model(who: Admin, platform: Host, model_id: ModelId, body: Why) -> ModelDetail:
    choose_model.promote(platform, who.name, model_id, body.reason)
    return views.one(platform, model_id)


@router.post("/models/roll-back", summary="Make the champion before this one the champion again")
def roll_back_model(who: Admin, platform: Host, body: Why) -> ModelDetail:
    record = choose_model.roll_back(platform, who.name, body.reason)
    return views.one(platform, str(record["model_id"]))
