"""Saved views of the app's pages."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from shelfcast.entrypoints.http.errors import RESPONSES
from shelfcast.entrypoints.http.security import Host, Viewer
from shelfcast.pipeline import save_views
from shelfcast.pipeline.save_views import SavedView

router = APIRouter(prefix="/v1/views", tags=["views"], responses=RESPONSES)
Page = Literal["forecasts", "orders"]
Name = Annotated[str, Path(min_length=1, max_length=100)]


class ViewBody(BaseModel):
    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"query": "category=Dairy&sort=-change"}]}
    )
    query: str = Field(max_length=4000, description="Query of the page's address, without the question mark")
    shared: bool = Field(default=False, description="Everybody sees it; only you change it")


class SavedViewRow(BaseModel):
    page: Page
    name: str
    query: str
    owner: str
    shared: bool
    mine: bool


def _row(view: SavedView, who: str) -> SavedViewRow:
    return SavedViewRow(**vars(view), mine=view.owner == who)


@router.get("/{page}", summary="My views of a page, and those others share")
def list_views(who: Viewer, platform: Host, page: Page) -> list[SavedViewRow]:
    return [_row(one, who.name) for one in save_views.of_page(platform, who.name, page)]


@router.put("/{page}/{name}", summary="Save a view, or replace mine of the same name")
def save_view(who: Viewer, platform: Host, page: Page, name: Name, body: ViewBody) -> SavedViewRow:
    view = SavedView(page=page, name=name, query=body.query, owner=who.name, shared=body.shared)
    return _row(save_views.keep(platform, view), who.name)


@router.delete("/{page}/{name}", status_code=204, summary="Delete a view of mine")
def delete_view(who: Viewer, platform: Host, page: Page, name: Name) -> None:
    save_views.forget(platform, who.name, page, name)
