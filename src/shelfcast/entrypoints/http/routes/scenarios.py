"""What-if: save scenarios, work them out as jobs, compare; and online prediction."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from shelfcast.domain.quantiles import COLUMNS
from shelfcast.entrypoints.http.errors import RESPONSES
from shelfcast.entrypoints.http.routes.jobs import begin
from shelfcast.entrypoints.http.security import Host, Planner, Runner, Viewer
from shelfcast.pipeline import predict_demand, run_scenario
from shelfcast.pipeline.job_kinds import ScenarioParameters
from shelfcast.pipeline.predict_demand import FutureValue
from shelfcast.serve import scenarios as views
from shelfcast.serve.jobs import JobView
from shelfcast.serve.scenarios import Comparison, ScenarioDetail, ScenarioView

router = APIRouter(prefix="/v1", tags=["what-if"], responses=RESPONSES)
ScenarioId = Annotated[str, Path(min_length=4, max_length=64, pattern="^[A-Za-z0-9-]+$")]


class NewChange(BaseModel):
    """One change to the known future."""

    model_config = ConfigDict(extra="forbid")
    kind: Literal["price", "promotion", "event", "weather", "delist"]
    first: date
    last: date
    share: float | None = Field(default=None, gt=-1, le=5, description="price: -0.15 = 15 % cheaper than planned")
    price: float | None = Field(default=None, gt=0, le=1e9, description="price: instead of share")
    promotion_type: str = Field(default="price", max_length=64, description="promotion: a type the history knows")
    discount_share: float = Field(default=0.0, ge=0, lt=1, description="promotion: 0.2 = 20 % off")
    display_share: float = Field(default=0.0, ge=0, le=1, description="promotion: strength of display")
    event: str = Field(default="", max_length=128, description="event: a name the history knows")
    temperature_c: float | None = Field(default=None, ge=-40, le=40, description="weather: degrees to add")
    precipitation_mm: float | None = Field(default=None, ge=0, le=500, description="weather: rain a day")


class NewScenario(BaseModel):
    """Items or categories must be named; no locations = all."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"name": "Diwali + 15 % off sweets", "categories": ["Sweets"],
                 "changes": [
                     {"kind": "event", "event": "Diwali", "first": "2026-11-08", "last": "2026-11-08"},
                     {"kind": "promotion", "first": "2026-11-05", "last": "2026-11-11", "discount_share": 0.15}]}
            ]
        },
    )  # fmt: skip
    name: str = Field(min_length=1, max_length=200)
    note: str = Field(default="", max_length=2000)
    items: list[str] = Field(default=[], max_length=2000)
    categories: list[str] = Field(default=[], max_length=200)
    locations: list[str] = Field(default=[], max_length=2000)
    changes: list[NewChange] = Field(min_length=1, max_length=20)


class ScenarioStarted(BaseModel):
    scenario: ScenarioView
    job: JobView


class ScenarioChoices(BaseModel):
    """What a scenario can be made of, by what the history knows."""

    first: date
    last: date
    events: list[str]
    promotion_types: list[str]
    categories: list[str]
    locations: list[str]
    fewest_like_events: int


class SeriesKey(BaseModel):
    item_id: str = Field(min_length=1, max_length=256)
    location_id: str = Field(min_length=1, max_length=256)


class KnownFuture(BaseModel):
    """What is known ahead on one day; without ids: of all series asked for."""

    model_config = ConfigDict(extra="forbid")
    date: date
    item_id: str = Field(default="", max_length=256)
    location_id: str = Field(default="", max_length=256)
    price: float | None = Field(default=None, gt=0, le=1e9)
    promotion_type: str = Field(default="", max_length=64)
    discount_share: float = Field(default=0.0, ge=0, lt=1)
    event: str = Field(default="", max_length=128)


class PredictRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")
    series: list[SeriesKey] = Field(min_length=1, max_length=500)
    future: list[KnownFuture] = Field(default=[], max_length=20_000)
    horizon: int | None = Field(
        default=None, ge=1, le=730, description="Periods; the model's whole reach where left out"
    )


class PredictedDay(BaseModel):
    date: date
    mean: float
    quantiles: dict[str, float] = Field(description="q025 ... q990: value not exceeded with that probability per mille")


class PredictedSeries(BaseModel):
    item_id: str
    location_id: str
    fallback: str = Field(default="", description="Why the main model could not be used; empty otherwise")
    days: list[PredictedDay]


class Prediction(BaseModel):
    model_id: str
    cutoff: date
    series: list[PredictedSeries]


@router.post("/scenarios", status_code=202, summary="Save a scenario and work it out: a job")
def create_scenario(who: Planner, platform: Host, runner: Runner, body: NewScenario) -> ScenarioStarted:
    scenario_id = run_scenario.save(platform, who.name, body.model_dump(mode="json"))
    job = begin(platform, runner, who, "scenario", ScenarioParameters(scenario_id=scenario_id))
    run_scenario.note_job(platform, scenario_id, job.job_id)
    return ScenarioStarted(scenario=views.one(platform, scenario_id), job=job)


@router.get("/scenarios", summary="Scenarios, the newest first")
def list_scenarios(_: Viewer, platform: Host, limit: Annotated[int, Query(ge=1, le=500)] = 100) -> list[ScenarioView]:
    return views.every(platform)[:limit]


@router.get("/scenarios/compare", summary="Scenarios side by side")
def compare_scenarios(
    _: Viewer, platform: Host, scenario_id: Annotated[list[str], Query(min_length=1, max_length=10)]
) -> Comparison:
    return Comparison(scenarios=[views.one(platform, one) for one in scenario_id])


@router.get("/scenarios/choices", summary="What a scenario can be made of: events, promotion types, days")
def list_scenario_choices(_: Viewer, platform: Host) -> ScenarioChoices:
    return ScenarioChoices(**run_scenario.choices(platform))


@router.get("/scenarios/{scenario_id}", summary="One scenario with what came of it")
def get_scenario(_: Viewer, platform: Host, scenario_id: ScenarioId) -> ScenarioDetail:
    return views.one(platform, scenario_id)


@router.post("/scenarios/{scenario_id}/run", status_code=202, summary="Work a saved scenario out again: a job")
def run_scenario_again(who: Planner, platform: Host, runner: Runner, scenario_id: ScenarioId) -> ScenarioStarted:
    run_scenario.find(platform, scenario_id)
    job = begin(platform, runner, who, "scenario", ScenarioParameters(scenario_id=scenario_id))
    run_scenario.note_job(platform, scenario_id, job.job_id)
    return ScenarioStarted(scenario=views.one(platform, scenario_id), job=job)


@router.delete("/scenarios/{scenario_id}", status_code=204, summary="Forget a scenario with its results")
def delete_scenario(who: Planner, platform: Host, scenario_id: ScenarioId) -> None:
    run_scenario.delete(platform, who.name, scenario_id)


@router.post("/predict", summary="Forecast given series for given known-future values, at once")
def predict_demand_now(_: Planner, platform: Host, body: PredictRequest) -> Prediction:
    made = predict_demand.predict(
        platform, [(one.item_id, one.location_id) for one in body.series],
        [FutureValue(**one.model_dump()) for one in body.future], body.horizon,
    )  # fmt: skip
    series = []
    for row, (item, place) in enumerate(made.keys.iter_rows()):
        days = [
            PredictedDay(
                date=day, mean=float(made.forecast.mean[row, at]),
                quantiles={name: float(made.forecast.quantiles[row, at, q]) for q, name in enumerate(COLUMNS)},
            )
            for at, day in enumerate(made.days)
        ]  # fmt: skip
        fallback = str(made.forecast.fallback[row])
        series.append(PredictedSeries(item_id=item, location_id=place, fallback=fallback, days=days))
    return Prediction(model_id=made.model_id, cutoff=made.cutoff, series=series)
