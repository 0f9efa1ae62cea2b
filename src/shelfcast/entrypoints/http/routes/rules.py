"""Business rules: look, set with effective date and reason, end, and what a rule would change tonight."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from shelfcast.entrypoints.http.errors import RESPONSES
from shelfcast.entrypoints.http.security import Host, Lake, Planner, Viewer
from shelfcast.pipeline import edit_rules
from shelfcast.pipeline.edit_rules import Rule
from shelfcast.serve import rules as views
from shelfcast.serve.rules import ParameterView, RuleView, Scope

router = APIRouter(prefix="/v1", tags=["rules"], responses=RESPONSES)


class RuleKey(BaseModel):
    model_config = ConfigDict(extra="forbid")
    scope: Scope
    scope_value: str = Field(default="", max_length=256, description="The location, supplier or category")
    item_id: str = Field(default="", max_length=256)
    location_id: str = Field(default="", max_length=256)
    parameter: str = Field(min_length=1, max_length=64, examples=["target_cycle_service"])
    valid_from: date


class NewRule(RuleKey):
    value: str = Field(min_length=1, max_length=64, examples=["0.97"])
    valid_to: date | None = None
    reason: str = Field(default="", max_length=500)

    def rule(self) -> Rule:
        return Rule(**self.model_dump())


class EndRule(RuleKey):
    last: date = Field(description="Last day it holds")
    reason: str = Field(min_length=3, max_length=500)


class RuleLineChange(BaseModel):
    item_id: str
    location_id: str
    source_id: str
    qty: float
    qty_after: float
    value: float
    value_after: float


class RuleEffectView(BaseModel):
    """Tonight's orders without and with the rule."""

    cutoff: date
    lines: int = Field(description="Lines that change")
    units: float
    units_after: float
    value: float
    value_after: float
    changed: list[RuleLineChange] = Field(description="Lines that change most, 200 at most")


@router.get("/rules/parameters", summary="What rules can set: type, default, allowed values, meaning")
def list_rule_parameters(_: Viewer) -> list[ParameterView]:
    return views.parameters()


@router.get("/rules", summary="Rules that hold on a day; with history also past, later and superseded ones")
def list_rules(
    _: Viewer, platform: Host, on: Annotated[date | None, Query(description="Today where left out")] = None,
    parameter: Annotated[str, Query(max_length=64)] = "", scope: Scope | None = None,
    value: Annotated[str, Query(max_length=256, description="Location, supplier, category or item it is for")] = "",
    history: bool = False,
) -> list[RuleView]:  # fmt: skip
    day = on or platform.clock.now().date()
    return views.rules(platform, day, parameter=parameter, scope=scope or "", value=value, history=history)


@router.put("/rules", summary="Set a rule from a day on, with a reason")
def set_rule(who: Planner, platform: Host, body: NewRule) -> list[RuleView]:
    edit_rules.set_rule(platform, who.name, body.rule())
    return views.rules(platform, body.valid_from, parameter=body.parameter, history=True)


@router.post("/rules/end", summary="Let a rule hold up to a day")
def end_rule(who: Planner, platform: Host, body: EndRule) -> list[RuleView]:
    edit_rules.end_rule(platform, who.name, body.model_dump(), body.last, body.reason)
    return views.rules(platform, body.last, parameter=body.parameter, history=True)


@router.post("/rules/preview", summary="What a rule would change in tonight's orders; nothing is written")
def preview_rule(_: Planner, platform: Host, lake: Lake, body: NewRule) -> RuleEffectView:
    made = edit_rules.effect(platform, body.rule(), frequency=lake.frequency)
    facts = {name: getattr(made, name) for name in RuleEffectView.model_fields if name != "changed"}
    return RuleEffectView(**facts, changed=[RuleLineChange(**vars(one)) for one in made.changed])
