"""Views people save of a page: filters, search and order under a name, for themselves or for everybody."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from urllib.parse import quote

from shelfcast.domain.errors import BadParameter, NotFound
from shelfcast.ports.platform import Platform

KIND = "saved_views"
MOST = 100
"""Views a person may keep of one page."""


@dataclass(frozen=True)
class SavedView:
    page: str
    name: str
    query: str
    """The address's query of the page, without the question mark."""
    owner: str
    shared: bool
    """Everybody sees it; only its owner changes it."""


def keep(platform: Platform, view: SavedView) -> SavedView:
    """Save a view; one of the same owner, page and name is replaced.

    Raises:
        BadParameter: the owner has too many of this page.
    """
    own = [one for one in of_page(platform, view.owner, view.page) if one.owner == view.owner]
    if len(own) >= MOST and view.name not in {one.name for one in own}:
        raise BadParameter(f"there are {len(own)} saved views of this page; {MOST} are allowed. Delete one first.")
    platform.records.put(KIND, _id(view.page, view.owner, view.name), asdict(view))
    return view


def of_page(platform: Platform, who: str, page: str) -> list[SavedView]:
    """Somebody's own views of a page and those others share, by name."""
    every = (SavedView(**one.body) for one in platform.records.query(KIND, prefix=_id(page, "", "")[:-1]))
    return sorted((one for one in every if one.shared or one.owner == who), key=lambda one: (one.name, one.owner))


def forget(platform: Platform, who: str, page: str, name: str) -> None:
    """
    Raises:
        NotFound: there is none of this name that is one's own.
    """
    record_id = _id(page, who, name)
    try:
        platform.records.get(KIND, record_id)
    except NotFound as error:
        raise NotFound(f"you have no saved view {name!r} of this page; others' views are theirs to delete.") from error
    platform.records.delete(KIND, record_id)


def _id(page: str, owner: str, name: str) -> str:
    return "/".join(quote(one, safe="") for one in (page, owner, name))
