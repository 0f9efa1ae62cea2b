"""Who is calling: one path for every token."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from shelfcast.domain.access import Principal, Role
from shelfcast.pipeline.issue_tokens import TokenRefused, TokenVerifier
from shelfcast.ports.platform import Platform

bearer = HTTPBearer(auto_error=False, description="Access token from /v1/auth/token, or of the Cognito user pool")


def platform_of(request: Request) -> Platform:
    return request.app.state.platform


def principal(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]
) -> Principal:
    if credentials is None:
        raise TokenRefused(
            "this needs a token: sign in at /v1/auth/token and send `Authorization: Bearer <access_token>`"
        )
    verifier: TokenVerifier = request.app.state.verifier
    return verifier.verify(credentials.credentials)


def needs(role: Role) -> Callable[[Principal], Principal]:
    """Dependency: somebody who may act in the role."""

    def check(who: Annotated[Principal, Depends(principal)]) -> Principal:
        if not who.may(role):
            raise HTTPException(403, f"{who.name} is signed in as {who.role}; this needs {role}. Ask an admin.")
        return who

    return check


Host = Annotated[Platform, Depends(platform_of)]
Viewer = Annotated[Principal, Depends(needs(Role.VIEWER))]
Planner = Annotated[Principal, Depends(needs(Role.PLANNER))]
Admin = Annotated[Principal, Depends(needs(Role.ADMIN))]
