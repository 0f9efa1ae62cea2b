"""The API. Every route but health, sign-in, the JWKS and the app's own configuration needs a valid token."""

from __future__ import annotations

from fastapi import FastAPI

from shelfcast import __version__
from shelfcast.entrypoints.http import errors
from shelfcast.entrypoints.http.routes import auth, catalog, health, results
from shelfcast.pipeline import issue_tokens
from shelfcast.pipeline.issue_tokens import TokenVerifier
from shelfcast.ports.platform import Platform


def build(platform: Platform, verifier: TokenVerifier | None = None) -> FastAPI:
    """The app over a platform. `verifier` takes other issuers' tokens (Cognito); the lake's own by default."""
    app = FastAPI(
        title="Shelfcast",
        version=__version__,
        summary="Demand forecasts and replenishment orders with their reasons.",
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        openapi_url="/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    app.state.platform = platform
    app.state.verifier = verifier or TokenVerifier(
        issue_tokens.ISSUER, issue_tokens.AUDIENCE, lambda: issue_tokens.jwks(platform.records)
    )
    errors.install(app)
    for routes in (health, auth, catalog, results):
        app.include_router(routes.router)
    return app
