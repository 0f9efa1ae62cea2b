"""Scenarios as the API shows them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

from pydantic import Field

from shelfcast.pipeline.run_scenario import KIND, find
from shelfcast.ports.platform import Platform
from shelfcast.serve.view import View

ScenarioState = Literal["saved", "running", "done", "refused", "failed"]


class ChangeView(View):
    """One change of a scenario; which fields count depends on its kind."""

    kind: Literal["price", "promotion", "event", "weather", "delist"]
    first: date
    last: date
    share: float | None = None
    price: float | None = None
    promotion_type: str = "price"
    discount_share: float = 0.0
    display_share: float = 0.0
    event: str = ""
    temperature_c: float | None = None
    precipitation_mm: float | None = None


class MeasureView(View):
    """Baseline against scenario over the horizon. Low and high: 10 % and 90 %."""

    baseline: float
    baseline_low: float
    baseline_high: float
    scenario: float
    scenario_low: float
    scenario_high: float
    difference: float
    difference_low: float
    difference_high: float


class SupportView(View):
    """What history knows of events like this one. Associations, not causes."""

    like_events: int
    """Like events, one an item and beginning; with fewer than 5 the scenario is refused."""
    at_the_same_festival: int = 0
    uplift_mean: float | None = None
    """Demand in like events over what was usual: 1.3 = 30 % more."""
    uplift_low: float | None = None
    uplift_high: float | None = None
    model_uplift: float | None = None
    """What the model says of the changed days."""
    after: float | None = None
    """Demand in the two weeks after like events over what was usual; below 1 = pulled forward."""
    model_after: float | None = None
    neighbours: float | None = None
    """Demand of the category's other items meanwhile; below 1 = cannibalised."""
    series_looked_at: int = 0


class OrderChange(View):
    item_id: str
    location_id: str
    source_id: str
    qty: float
    qty_scenario: float
    value: float
    value_scenario: float
    difference: float


class OrdersView(View):
    """Tonight's orders under both futures."""

    known: bool
    why: str = ""
    """Why they are not known."""
    units: float | None = None
    units_scenario: float | None = None
    value: float | None = None
    value_scenario: float | None = None
    lines: int | None = None
    lines_scenario: int | None = None
    changed: list[OrderChange] = Field(default=[])
    """Lines that change most, 200 at most."""


class ScenarioDay(View):
    date: date
    changed: bool
    baseline: float
    baseline_low: float
    baseline_high: float
    scenario: float
    scenario_low: float
    scenario_high: float


class ScenarioSeries(View):
    item_id: str
    location_id: str
    units: float
    units_scenario: float
    revenue: float
    revenue_scenario: float


class OutcomeView(View):
    """What came of a scenario."""

    cutoff: date
    first: date
    last: date
    series: int
    items: int
    units: MeasureView
    revenue: MeasureView | None = None
    margin: MeasureView | None = None
    margin_known: bool = False
    """False where no unit cost is known: margin is revenue then."""
    support: SupportView
    orders: OrdersView
    daily: list[ScenarioDay]
    by_series: list[ScenarioSeries]
    """Those that change most, 500 at most."""
    model_id: str
    seconds: float


class ScenarioView(View):
    """A saved scenario."""

    scenario_id: str
    name: str
    note: str = ""
    state: ScenarioState
    why: str = ""
    """Why it was refused, and what is supported."""
    items: list[str] = Field(default=[])
    categories: list[str] = Field(default=[])
    locations: list[str] = Field(default=[])
    changes: list[ChangeView]
    made_by: str
    made_at: datetime
    job_id: str = ""
    units: MeasureView | None = None
    revenue: MeasureView | None = None
    like_events: int | None = None


class ScenarioDetail(ScenarioView):
    outcome: OutcomeView | None = None


class Comparison(View):
    """Scenarios side by side, in the order asked for."""

    scenarios: list[ScenarioDetail]


def every(platform: Platform) -> list[ScenarioView]:
    """Scenarios, the newest first."""
    found = [ScenarioView(**_facts(one.record_id, dict(one.body))) for one in platform.records.query(KIND)]
    return sorted(found, key=lambda one: (one.made_at, one.scenario_id), reverse=True)


def one(platform: Platform, scenario_id: str) -> ScenarioDetail:
    """
    Raises:
        NotFound: no such scenario.
    """
    body = find(platform, scenario_id)
    outcome = body.get("outcome")
    shown = None
    if outcome:
        measures = outcome["measures"]
        shown = OutcomeView(**{**outcome, **{name: measures.get(name) for name in ("units", "revenue", "margin")}})
    return ScenarioDetail(**_facts(scenario_id, body), outcome=shown)


def _facts(scenario_id: str, body: dict[str, Any]) -> dict[str, Any]:
    outcome = body.get("outcome") or {}
    measures = outcome.get("measures") or {}
    return {
        "scenario_id": scenario_id, "units": measures.get("units"), "revenue": measures.get("revenue"),
        "like_events": (outcome.get("support") or {}).get("like_events"),
        **{name: body[name] for name in ScenarioView.model_fields if body.get(name) is not None and name in body},
    }  # fmt: skip
