"""The API and the web app's files. Every API route but health, sign-in, the JWKS and /config.json needs a valid token."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware

from shelfcast import __version__
from shelfcast.bootstrap import lake_settings, token_verifier
from shelfcast.entrypoints.http import errors, measures, openapi, web
from shelfcast.entrypoints.http.routes import ROUTERS
from shelfcast.pipeline.issue_tokens import Verifier
from shelfcast.ports.job_runner import JobRunner, Nobody
from shelfcast.ports.platform import Platform
from shelfcast.settings import Settings


def build(
    platform: Platform,
    settings: Settings | None = None,
    *,
    verifier: Verifier | None = None,
    runner: JobRunner | None = None,
    read_settings: Callable[[], Settings] | None = None,
    write_settings: Callable[[Mapping[str, Any]], Settings] | None = None,
) -> FastAPI:
    """The app over a platform.

    Args:
        settings: as the server was started; the defaults where left out.
        verifier: of tokens; by the settings where left out.
        runner: brings somebody to work queued jobs; nobody where left out (a worker elsewhere does).
        read_settings, write_settings: the lake's settings as they stand now, and how they are changed.
    """
    settings = settings or Settings()
    app = FastAPI(
        title="Shelfcast",
        version=__version__,
        summary="Demand forecasts and replenishment orders with their reasons.",
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        openapi_url="/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=openapi.operation_id,
    )
    fixed = settings
    read = read_settings or (lambda: fixed)
    app.state.platform = platform
    app.state.settings = settings
    app.state.read_settings = read
    app.state.write_settings = write_settings
    app.state.lake_settings = lambda: lake_settings(read())
    app.state.runner = runner or Nobody()
    app.state.verifier = verifier or token_verifier(settings, platform)
    errors.install(app)
    openapi.install(app)
    for router in ROUTERS:
        app.include_router(router)
    web.install(app)
    app.add_middleware(GZipMiddleware, minimum_size=1024, compresslevel=4)
    app.add_middleware(web.SecurityHeaders)
    app.add_middleware(measures.Measured)
    return app
