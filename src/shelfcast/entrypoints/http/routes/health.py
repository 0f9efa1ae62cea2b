"""Is it alive, and what the web app must know before it signs in."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel

from shelfcast import __version__

router = APIRouter(tags=["health"])


class Health(BaseModel):
    status: str = "ok"
    version: str = __version__


class WebConfig(BaseModel):
    api_base: str = "/v1"
    sign_in: str = "local"


@router.get("/healthz", summary="Alive")
def healthz() -> Health:
    return Health()


@router.get("/config.json", summary="Where the API is and how to sign in")
def config() -> WebConfig:
    return WebConfig()
