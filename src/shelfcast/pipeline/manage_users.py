"""Local users: make, sign in, lock out after repeated failures, the first admin's one-time link.

Passwords are kept as Argon2id hashes, one-time codes as SHA-256 of 256 random bits; neither can be read back.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from shelfcast.domain.access import Principal, Role
from shelfcast.domain.errors import BadParameter, Conflict, NotFound, ShelfcastError
from shelfcast.ports.clock import Clock
from shelfcast.ports.record_store import RecordStore

USERS = "users"
INVITES = "invites"
MAX_FAILURES = 5
LOCKED_FOR = timedelta(minutes=15)
INVITE_LIVES = timedelta(hours=24)
SHORTEST_PASSWORD = 10


class SignInRefused(ShelfcastError):
    """Name or password is wrong, or the account is locked. Says no more, so that names can't be tried out."""


def create_user(records: RecordStore, clock: Clock, name: str, password: str, role: Role) -> Principal:
    """
    Raises:
        BadParameter: name or password not allowed.
        Conflict: the name is taken.
    """
    _check_name(name)
    body = {
        "role": role.value,
        "password": _hash(password),
        "failures": 0,
        "locked_until": None,
        "created_at": clock.now().isoformat(),
    }
    try:
        records.put(USERS, name, body, expected=0)
    except Conflict as error:
        raise Conflict(
            f"user {name!r} exists already. Choose another name, or change that user's role or password."
        ) from error
    return Principal(name, role)


def sign_in(records: RecordStore, clock: Clock, name: str, password: str) -> Principal:
    """
    Raises:
        SignInRefused: wrong name or password, or too many failures lately.
    """
    from argon2 import PasswordHasher
    from argon2.exceptions import Argon2Error, InvalidHashError

    now = clock.now()
    try:
        record = records.get(USERS, name)
    except NotFound as error:
        _burn_time()
        raise SignInRefused("name or password is wrong") from error
    body = dict(record.body)
    locked_until = body.get("locked_until")
    if body.get("disabled"):
        _burn_time()
        raise SignInRefused("name or password is wrong")
    if locked_until and datetime.fromisoformat(locked_until) > now:
        raise SignInRefused(f"too many failed attempts; try again after {locked_until[:16].replace('T', ' ')} UTC")
    try:
        PasswordHasher().verify(body["password"], password)
    except (Argon2Error, InvalidHashError) as error:
        body["failures"] = int(body.get("failures", 0)) + 1
        if body["failures"] >= MAX_FAILURES:
            body |= {"failures": 0, "locked_until": (now + LOCKED_FOR).isoformat()}
        records.put(USERS, name, body)
        raise SignInRefused("name or password is wrong") from error
    if body.get("failures") or locked_until:
        records.put(USERS, name, body | {"failures": 0, "locked_until": None})
    return Principal(name, Role(body["role"]))


def find_user(records: RecordStore, name: str) -> Principal:
    """
    Raises:
        NotFound: no such user.
    """
    return Principal(name, Role(records.get(USERS, name).body["role"]))


def still_a_user(records: RecordStore, who: Principal) -> Principal:
    """The user a token of ours was made for, with the role held now.

    Raises:
        TokenRefused: deleted or disabled since.
    """
    from shelfcast.pipeline.issue_tokens import TokenRefused

    try:
        body = records.get(USERS, who.name).body
    except NotFound as error:
        raise TokenRefused("this user is not there any more; sign in again") from error
    if body.get("disabled"):
        raise TokenRefused("this user has been disabled; ask an admin")
    return Principal(who.name, Role(body["role"]))


def change_user(
    records: RecordStore, name: str, *, role: Role | None = None, password: str | None = None,
    disabled: bool | None = None, unlock: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """Change a user; what is None stays.

    Raises:
        NotFound: no such user.
        BadParameter: the password is too short.
        Conflict: the last admin who can sign in would be gone, or somebody changed the user at the same time.
    """
    try:
        record = records.get(USERS, name)
    except NotFound as error:
        raise NotFound(f"there is no user {name!r}.") from error
    body = dict(record.body)
    if role is not None:
        body["role"] = role.value
    if password is not None:
        body["password"] = _hash(password)
    if disabled is not None:
        body["disabled"] = disabled
    if unlock:
        body |= {"failures": 0, "locked_until": None}
    if body["role"] != Role.ADMIN.value or body.get("disabled"):
        _keep_an_admin(records, name)
    records.put(USERS, name, body, expected=record.version)
    return _shown(name, body)


def change_own_password(records: RecordStore, clock: Clock, name: str, old: str, new: str) -> None:
    """
    Raises:
        SignInRefused: the old password is wrong.
        BadParameter: the new one is too short.
    """
    sign_in(records, clock, name, old)
    change_user(records, name, password=new)


def delete_user(records: RecordStore, name: str) -> None:
    """
    Raises:
        NotFound: no such user.
        Conflict: the last admin who can sign in.
    """
    if not any(one.record_id == name for one in records.query(USERS)):
        raise NotFound(f"there is no user {name!r}.")
    _keep_an_admin(records, name)
    records.delete(USERS, name)


def _keep_an_admin(records: RecordStore, without: str) -> None:
    admins = [one for one in records.query(USERS, where={"role": Role.ADMIN.value}) if not one.body.get("disabled")]
    if [one.record_id for one in admins] == [without]:
        raise Conflict(f"{without} is the only admin who can sign in. Make another admin first.")


def _shown(name: str, body: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": name, "role": body["role"], "created_at": body["created_at"], "locked_until": body.get("locked_until"),
        "disabled": bool(body.get("disabled")),
    }  # fmt: skip


def list_users(records: RecordStore) -> list[dict[str, Any]]:
    """Users without their hashes."""
    return [_shown(one.record_id, one.body) for one in records.query(USERS)]


def first_admin_code(records: RecordStore, clock: Clock) -> str | None:
    """A one-time code that makes the first admin, or None when there are users already. An older code stops working."""
    if records.query(USERS):
        return None
    for old in records.query(INVITES):
        records.delete(INVITES, old.record_id)
    code = secrets.token_urlsafe(32)
    expires = (clock.now() + INVITE_LIVES).isoformat()
    records.put(INVITES, _digest(code), {"role": Role.ADMIN.value, "expires_at": expires})
    return code


def invite_user(records: RecordStore, clock: Clock, role: Role) -> tuple[str, datetime]:
    """(one-time code that makes a user of a role, until when it works)."""
    code, expires = secrets.token_urlsafe(32), clock.now() + INVITE_LIVES
    records.put(INVITES, _digest(code), {"role": role.value, "expires_at": expires.isoformat()})
    return code, expires


def accept_invite(records: RecordStore, clock: Clock, code: str, name: str, password: str) -> Principal:
    """Make the user a one-time code stands for; the code works once.

    Raises:
        SignInRefused: the code is unknown, used or too old.
        BadParameter, Conflict: as `create_user`.
    """
    try:
        invite = records.get(INVITES, _digest(code))
    except NotFound as error:
        raise SignInRefused(
            "this link is not valid any more. Ask an admin for a new one (the first admin: start the server again)."
        ) from error
    if datetime.fromisoformat(invite.body["expires_at"]) < clock.now():
        raise SignInRefused(
            "this link is too old. Ask an admin for a new one (the first admin: start the server again)."
        )
    try:  # of two who follow the link at the same moment one gets through
        records.put(INVITES, invite.record_id, {**invite.body, "used_by": name}, expected=invite.version)
    except Conflict as error:
        raise SignInRefused("this link has just been used.") from error
    try:
        principal = create_user(records, clock, name, password, Role(invite.body["role"]))
    except ShelfcastError:  # a name that is taken, a password too short: the link still works
        records.put(INVITES, invite.record_id, invite.body)
        raise
    records.delete(INVITES, invite.record_id)
    return principal


def _hash(password: str) -> str:
    from argon2 import PasswordHasher

    if len(password) < SHORTEST_PASSWORD:
        raise BadParameter(f"the password has {len(password)} characters; at least {SHORTEST_PASSWORD} are needed.")
    return PasswordHasher().hash(password)


def _check_name(name: str) -> None:
    if not (1 <= len(name) <= 64) or not all(one.isalnum() or one in "._@-" for one in name):
        raise BadParameter(f"user name {name!r} is not allowed: 1 to 64 letters, digits, or . _ @ -")


def _digest(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()


def _burn_time() -> None:
    """As slow as a real check, so that an unknown name can't be told from a wrong password by the clock."""
    from argon2 import PasswordHasher

    PasswordHasher().hash("an unknown name costs the same")
