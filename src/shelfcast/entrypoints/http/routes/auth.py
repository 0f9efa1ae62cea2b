"""Sign in, refresh, sign out, one-time links, users, the JWKS."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, ConfigDict, Field

from shelfcast.domain.access import Principal, Role
from shelfcast.domain.errors import BadParameter
from shelfcast.entrypoints.http.errors import OPEN_RESPONSES, RESPONSES
from shelfcast.entrypoints.http.security import Admin, Anybody, Host
from shelfcast.pipeline import audit_changes, issue_tokens, manage_users

open_router = APIRouter(tags=["sign-in and users"], responses=OPEN_RESPONSES)
router = APIRouter(tags=["sign-in and users"], responses=RESPONSES)
UserName = Annotated[str, Path(min_length=1, max_length=64)]


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


class UserChange(BaseModel):
    """What is left out stays."""

    model_config = ConfigDict(extra="forbid")
    role: Role | None = None
    password: str | None = Field(default=None, min_length=1, max_length=1024)
    disabled: bool | None = None
    unlock: bool = Field(default=False, description="Lift a lock-out after failed attempts")


class PasswordChange(BaseModel):
    old: str = Field(min_length=1, max_length=1024)
    new: str = Field(min_length=1, max_length=1024)


class User(BaseModel):
    name: str
    role: Role
    created_at: datetime
    locked_until: datetime | None = None
    disabled: bool = False


class NewInvite(BaseModel):
    role: Role


class Invite(BaseModel):
    code: str = Field(description="Works once; send it as /welcome?code=...")
    role: Role
    expires_at: datetime


class Jwks(BaseModel):
    """RFC 7517"""

    keys: list[dict[str, Any]]


@open_router.post("/v1/auth/token", summary="Sign in with name and password")
def sign_in(body: Credentials, platform: Host) -> TokenPair:
    who = manage_users.sign_in(platform.records, platform.clock, body.name, body.password)
    audit_changes.note(platform, who.name, "user.sign-in", who.name)
    return TokenPair(**vars(issue_tokens.issue(platform.records, platform.clock, who)))


@open_router.post("/v1/auth/refresh", summary="A new pair of tokens for a refresh token; it works once")
def refresh_tokens(body: Refresh, platform: Host) -> TokenPair:
    name = issue_tokens.redeem_refresh(platform.records, platform.clock, body.refresh_token)
    who = manage_users.still_a_user(platform.records, Principal(name, Role.VIEWER))
    return TokenPair(**vars(issue_tokens.issue(platform.records, platform.clock, who)))


@open_router.post("/v1/auth/invite", status_code=201, summary="Become the user a one-time link stands for")
def accept_invite(body: Invitation, platform: Host) -> TokenPair:
    who = manage_users.accept_invite(platform.records, platform.clock, body.code, body.name, body.password)
    audit_changes.note(platform, who.name, "user.create", who.name, role=who.role.value, by="one-time link")
    return TokenPair(**vars(issue_tokens.issue(platform.records, platform.clock, who)))


@open_router.get("/.well-known/jwks.json", summary="Public keys the tokens are verified with")
def get_jwks(platform: Host, response: Response) -> Jwks:
    response.headers["Cache-Control"] = "public, max-age=300"
    return Jwks(**issue_tokens.jwks(platform.records))


@router.post("/v1/auth/sign-out", status_code=204, summary="Take away all my refresh tokens")
def sign_out(who: Anybody, platform: Host) -> None:
    issue_tokens.revoke_refresh(platform.records, who.name)
    audit_changes.note(platform, who.name, "user.sign-out", who.name)


@router.get("/v1/me", summary="Who is signed in")
def get_me(who: Anybody) -> Me:
    return Me(name=who.name, role=who.role)


@router.post("/v1/me/password", status_code=204, summary="Change my password")
def change_my_password(who: Anybody, body: PasswordChange, platform: Host) -> None:
    manage_users.change_own_password(platform.records, platform.clock, who.name, body.old, body.new)
    issue_tokens.revoke_refresh(platform.records, who.name)
    audit_changes.note(platform, who.name, "user.password", who.name)


@router.get("/v1/users", summary="All users")
def list_users(_: Admin, platform: Host) -> list[User]:
    return [User(**one) for one in manage_users.list_users(platform.records)]


@router.post("/v1/users", status_code=201, summary="Make a user")
def create_user(who: Admin, body: NewUser, platform: Host) -> User:
    made = manage_users.create_user(platform.records, platform.clock, body.name, body.password, body.role)
    audit_changes.note(platform, who.name, "user.create", made.name, role=made.role.value)
    return next(User(**one) for one in manage_users.list_users(platform.records) if one["name"] == made.name)


@router.post("/v1/users/invites", status_code=201, summary="A one-time link that makes a user of a role")
def create_invite(who: Admin, body: NewInvite, platform: Host) -> Invite:
    code, expires = manage_users.invite_user(platform.records, platform.clock, body.role)
    audit_changes.note(platform, who.name, "user.invite", body.role.value)
    return Invite(code=code, role=body.role, expires_at=expires)


@router.patch("/v1/users/{name}", summary="Change a user: role, password, disabled, unlock")
def change_user(who: Admin, name: UserName, body: UserChange, platform: Host) -> User:
    if not body.model_fields_set:
        raise BadParameter("nothing to change came. Send role, password, disabled or unlock.")
    changed = manage_users.change_user(
        platform.records, name, role=body.role, password=body.password, disabled=body.disabled, unlock=body.unlock
    )
    if body.password is not None or body.disabled or body.role is not None:
        issue_tokens.revoke_refresh(platform.records, name)
    audit_changes.note(platform, who.name, "user.change", name, fields=sorted(body.model_fields_set))
    return User(**changed)


@router.delete("/v1/users/{name}", status_code=204, summary="Delete a user")
def delete_user(who: Admin, name: UserName, platform: Host) -> None:
    manage_users.delete_user(platform.records, name)
    issue_tokens.revoke_refresh(platform.records, name)
    audit_changes.note(platform, who.name, "user.delete", name)
