"""Who is calling: one path for every token."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from shelfcast.domain.access import Principal, Role
from shelfcast.pipeline.issue_tokens import TokenRefused, Verifier
from shelfcast.pipeline.lake_settings import LakeSettings
from shelfcast.ports.job_runner import JobRunner
from shelfcast.ports.platform import Platform
from shelfcast.settings import Settings

bearer = HTTPBearer(auto_error=False, description="Access token from /v1/auth/token, or of the Cognito user pool")


def platform_of(request: Request) -> Platform:
    return request.app.state.platform


def settings_of(request: Request) -> Settings:
    return request.app.state.settings


def lake_settings_of(request: Request) -> LakeSettings:
    return request.app.state.lake_settings()


def runner_of(request: Request) -> JobRunner:
    return request.app.state.runner


def principal(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]
) -> Principal:
    if credentials is None:
        raise TokenRefused(
            "this needs a token: sign in at /v1/auth/token and send `Authorization: Bearer <access_token>`"
        )
    verifier: Verifier = request.app.state.verifier
    who = verifier.verify(credentials.credentials)
    request.state.who = who.name
    return who


def needs(*roles: Role) -> Callable[[Principal], Principal]:
    """Dependency: somebody who may act in one of the roles."""

    def check(who: Annotated[Principal, Depends(principal)]) -> Principal:
        if not any(who.may(role) for role in roles):
            wanted = " or ".join(roles)
            raise HTTPException(403, f"{who.name} is signed in as {who.role}; this needs {wanted}. Ask an admin.")
        return who

    return check


Host = Annotated[Platform, Depends(platform_of)]
Lake = Annotated[LakeSettings, Depends(lake_settings_of)]
Configured = Annotated[Settings, Depends(settings_of)]
Runner = Annotated[JobRunner, Depends(runner_of)]
Anybody = Annotated[Principal, Depends(needs(Role.VIEWER, Role.ERP))]
Viewer = Annotated[Principal, Depends(needs(Role.VIEWER))]
Planner = Annotated[Principal, Depends(needs(Role.PLANNER))]
Admin = Annotated[Principal, Depends(needs(Role.ADMIN))]
Erp = Annotated[Principal, Depends(needs(Role.ERP))]
