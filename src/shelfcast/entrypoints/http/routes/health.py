"""Is it alive, what the web app must know before it signs in, metrics for Prometheus."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict

from shelfcast import __version__
from shelfcast.domain.access import Role
from shelfcast.entrypoints.http import measures
from shelfcast.entrypoints.http.errors import RESPONSES
from shelfcast.entrypoints.http.security import Configured, Host, bearer, needs, principal

router = APIRouter(tags=["health"])


class Health(BaseModel):
    status: str = "ok"
    version: str = __version__


class WebConfig(BaseModel):
    """What the web app reads before anything else."""

    model_config = ConfigDict(use_attribute_docstrings=True)
    api_base: str = "/v1"
    sign_in: Literal["local", "cognito"] = "local"
    sign_in_url: str = ""
    """The pool's hosted sign-in page, with Cognito."""
    client_id: str = ""
    issuer: str = ""
    currency: str = "EUR"
    frequency: Literal["D", "W"] = "D"
    version: str = __version__


@router.get("/healthz", summary="Alive")
def get_health() -> Health:
    return Health()


@router.get("/config.json", summary="Where the API is and how to sign in")
def get_config(settings: Configured, response: Response) -> WebConfig:
    response.headers["Cache-Control"] = "no-cache"
    return WebConfig(
        sign_in=settings.sign_in, sign_in_url=settings.sign_in_url, client_id=settings.token_audience,
        issuer=settings.token_issuer, currency=settings.currency, frequency=settings.frequency,
    )  # fmt: skip


@router.get(
    "/metrics",
    summary="Prometheus metrics: open to this machine, with a token from elsewhere",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **RESPONSES},
)
async def get_metrics(request: Request, platform: Host) -> Response:
    if not _local(request):
        needs(Role.VIEWER, Role.ERP)(principal(request, await bearer(request)))
    return Response(measures.render(platform, request.app.state.settings.lake), media_type=measures.MEDIA_TYPE)


def _local(request: Request) -> bool:
    """Asked from this machine, and not through a proxy on it."""
    here = request.client is not None and request.client.host in ("127.0.0.1", "::1")
    return here and not any(name in request.headers for name in ("forwarded", "x-forwarded-for"))
