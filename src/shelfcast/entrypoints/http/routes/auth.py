"""Sign in, refresh, the first admin's link, users, the JWKS."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from shelfcast.domain.access import Role
from shelfcast.entrypoints.http.errors import RESPONSES
from shelfcast.entrypoints.http.security import Admin, Host, Viewer
from shelfcast.pipeline import issue_tokens, manage_users

router = APIRouter(tags=["sign-in and users"], responses=RESPONSES)


class Credentials(BaseModel):
    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "dana", "password": "correct horse battery"}]})
    name: str = Field(min_length=1, max_length=64)
    password: str = Field(min_length=1, max_length=1024)


class Invitation(Credentials):
    code: str = Field(min_length=1, max_length=128)


class Refresh(BaseModel):
    refresh_token: str = Field(min_length=1, max_length=256)


class TokenPair(BaseModel):
    access_token: str
    refresh_token: str
    expires_in: int = Field(description="Seconds the access token lives")
    token_type: str = "Bearer"


class Me(BaseModel):
    name: str
    role: Role


class NewUser(Credentials):
    role: Role


class User(BaseModel):
    name: str
    role: Role
    created_at: str
    locked_until: str | None = None


@router.post("/v1/auth/token", summary="Sign in with name and password")
def token(body: Credentials, platform: Host) -> TokenPair:
    who = manage_users.sign_in(platform.records, platform.clock, body.name, body.password)
    return TokenPair(**vars(issue_tokens.issue(platform.records, platform.clock, who)))


@router.post("/v1/auth/refresh", summary="A new pair of tokens for a refresh token; it works once")
def refresh(body: Refresh, platform: Host) -> TokenPair:
    name = issue_tokens.redeem_refresh(platform.records, platform.clock, body.refresh_token)
    who = manage_users.find_user(platform.records, name)
    return TokenPair(**vars(issue_tokens.issue(platform.records, platform.clock, who)))


@router.post("/v1/auth/invite", status_code=201, summary="Become the user a one-time link stands for")
def invite(body: Invitation, platform: Host) -> TokenPair:
    who = manage_users.accept_invite(platform.records, platform.clock, body.code, body.name, body.password)
    return TokenPair(**vars(issue_tokens.issue(platform.records, platform.clock, who)))


@router.get("/.well-known/jwks.json", summary="Public keys the tokens are verified with")
def jwks(platform: Host, response: Response) -> dict[str, Any]:
    response.headers["Cache-Control"] = "public, max-age=300"
    return issue_tokens.jwks(platform.records)


@router.get("/v1/me", summary="Who is signed in")
def me(who: Viewer) -> Me:
    return Me(name=who.name, role=who.role)


@router.get("/v1/users", summary="All users")
def users(_: Admin, platform: Host) -> list[User]:
    return [User(**one) for one in manage_users.list_users(platform.records)]


@router.post("/v1/users", status_code=201, summary="Make a user")
def create_user(_: Admin, body: NewUser, platform: Host) -> Me:
    made = manage_users.create_user(platform.records, platform.clock, body.name, body.password, body.role)
    return Me(name=made.name, role=made.role)
