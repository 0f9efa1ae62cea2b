"""Saved views: one's own, and those others share."""

from __future__ import annotations

import pytest

from shelfcast.bootstrap import in_memory
from shelfcast.domain.errors import BadParameter, NotFound
from shelfcast.pipeline import save_views
from shelfcast.pipeline.save_views import SavedView


def view(name: str, owner: str = "dana", *, query: str = "category=Dairy", shared: bool = False) -> SavedView:
    return SavedView("orders", name, query, owner, shared)


def names(platform, who: str) -> list[str]:
    return [one.name for one in save_views.of_page(platform, who, "orders")]


def test_one_sees_ones_own_views_and_those_others_share():
    platform = in_memory()
    for one in (view("mine"), view("ours", shared=True), view("theirs", "eve"), view("a/b?c", "eve", shared=True)):
        save_views.keep(platform, one)
    assert names(platform, "dana") == ["a/b?c", "mine", "ours"]
    assert names(platform, "eve") == ["a/b?c", "ours", "theirs"]
    assert save_views.of_page(platform, "dana", "forecasts") == []


def test_saving_again_replaces_and_deleting_is_for_ones_own():
    platform = in_memory()
    save_views.keep(platform, view("mine"))
    save_views.keep(platform, view("mine", query="state=proposed", shared=True))
    assert [one.query for one in save_views.of_page(platform, "eve", "orders")] == ["state=proposed"]
    with pytest.raises(NotFound, match="theirs to delete"):
        save_views.forget(platform, "eve", "orders", "mine")
    save_views.forget(platform, "dana", "orders", "mine")
    assert names(platform, "dana") == []


def test_owners_whose_names_begin_alike_stay_apart():
    platform = in_memory()
    save_views.keep(platform, view("x", "dan"))
    assert names(platform, "dana") == []


def test_a_person_keeps_so_many_and_no_more(monkeypatch):
    monkeypatch.setattr(save_views, "MOST", 2)
    platform = in_memory()
    for name in ("a", "b", "b"):
        save_views.keep(platform, view(name))
    with pytest.raises(BadParameter, match="2 are allowed"):
        save_views.keep(platform, view("c"))
    save_views.keep(platform, view("c", "eve"))
