"""Access and refresh tokens: RS256, signed with the lake's own key, verified through a JWKS like anybody else's."""

from __future__ import annotations

import contextlib
import hashlib
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Protocol

from shelfcast.domain.access import Principal, Role
from shelfcast.domain.errors import Conflict, NotFound, ShelfcastError
from shelfcast.ports.clock import Clock
from shelfcast.ports.record_store import RecordStore

KEYS = "signing_keys"
REFRESH = "refresh_tokens"
ACCESS_LIVES = timedelta(minutes=15)
REFRESH_LIVES = timedelta(days=7)
ISSUER = "shelfcast"
AUDIENCE = "shelfcast"
_ROLE_ORDER = (Role.ADMIN, Role.PLANNER, Role.VIEWER, Role.ERP)


class TokenRefused(ShelfcastError):
    """The token is missing, malformed, expired, of another issuer, or not signed by a key we trust."""


@dataclass(frozen=True)
class Tokens:
    access_token: str
    refresh_token: str
    expires_in: int


def signing_key(records: RecordStore) -> tuple[str, str]:
    """(key id, private key as PEM), made on first use."""
    found = records.query(KEYS)
    if not found:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import rsa

        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()
        with contextlib.suppress(Conflict):  # another process made one first: use that
            records.put(KEYS, "active", {"kid": secrets.token_hex(8), "pem": pem}, expected=0)
        found = records.query(KEYS)
    return found[0].body["kid"], found[0].body["pem"]


def jwks(records: RecordStore) -> dict[str, Any]:
    """The public keys tokens can be verified with (RFC 7517)."""
    return {"keys": [_public(*signing_key(records))]}


@lru_cache(maxsize=8)
def _public(kid: str, pem: str) -> dict[str, Any]:
    import jwt.algorithms
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    public = load_pem_private_key(pem.encode(), password=None).public_key()
    key = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(public))  # type: ignore[arg-type]
    return key | {"kid": kid, "use": "sig", "alg": "RS256"}


def issue(records: RecordStore, clock: Clock, principal: Principal) -> Tokens:
    """A short access token and a refresh token that works once."""
    import jwt

    now = clock.now()
    kid, pem = signing_key(records)
    claims = {
        "iss": ISSUER, "aud": AUDIENCE, "sub": principal.name, "roles": [principal.role.value],
        "iat": int(now.timestamp()), "exp": int((now + ACCESS_LIVES).timestamp()), "jti": secrets.token_hex(8),
    }  # fmt: skip
    refresh = secrets.token_urlsafe(32)
    records.put(REFRESH, _digest(refresh), {"name": principal.name, "expires_at": (now + REFRESH_LIVES).isoformat()})
    return Tokens(jwt.encode(claims, pem, "RS256", {"kid": kid}), refresh, int(ACCESS_LIVES.total_seconds()))


def redeem_refresh(records: RecordStore, clock: Clock, refresh: str) -> str:
    """Name of the user a refresh token stands for; the token is used up.

    Raises:
        TokenRefused: unknown, used or expired.
    """
    try:
        record = records.get(REFRESH, _digest(refresh))
        # Two requests with one token at the same moment: compare-and-swap lets one of them through.
        records.put(REFRESH, record.record_id, {**record.body, "used": True}, expected=record.version)
    except (NotFound, Conflict) as error:
        raise TokenRefused("the refresh token is unknown or used; sign in again") from error
    records.delete(REFRESH, record.record_id)
    if record.body.get("used"):
        raise TokenRefused("the refresh token is unknown or used; sign in again")
    if datetime.fromisoformat(record.body["expires_at"]) < clock.now():
        raise TokenRefused("the refresh token has expired; sign in again")
    return str(record.body["name"])


def revoke_refresh(records: RecordStore, name: str) -> int:
    """Take away every refresh token of a user: signs out all devices within `ACCESS_LIVES`."""
    found = records.query(REFRESH, where={"name": name})
    for record in found:
        records.delete(REFRESH, record.record_id)
    return len(found)


class Verifier(Protocol):
    """Says who a token stands for."""

    def verify(self, token: str) -> Principal:
        """
        Raises:
            TokenRefused: it stands for nobody.
        """
        ...


@dataclass(frozen=True)
class ManyIssuers:
    """Tokens of several issuers, each verified by its own keys; the token says whose it is."""

    verifiers: tuple[TokenVerifier, ...]

    def verify(self, token: str) -> Principal:
        import jwt

        try:
            issuer = jwt.decode(token, options={"verify_signature": False}).get("iss")
        except jwt.PyJWTError as error:
            raise TokenRefused(f"the token is not valid: {error}") from error
        for one in self.verifiers:
            if one.issuer == issuer:
                return one.verify(token)
        raise TokenRefused("the token is of an issuer we don't know; sign in again")


@dataclass(frozen=True)
class TokenVerifier:
    """Verifies tokens of one issuer: our own, or a Cognito user pool's, by the same path.

    `keys` gives the issuer's JWKS. A Cognito access token has no `aud` but a `client_id`; its groups are our roles.
    """

    issuer: str
    audience: str
    keys: Callable[[], Mapping[str, Any]]
    still: Callable[[Principal], Principal] | None = None
    """Looks a verified principal up again (is the user still there, with what role), where we keep the users."""

    def verify(self, token: str) -> Principal:
        """
        Raises:
            TokenRefused: see the class.
        """
        import jwt

        try:
            kid = jwt.get_unverified_header(token).get("kid")
            key = next((one for one in self.keys()["keys"] if one.get("kid") == kid), None)
            if key is None:
                raise TokenRefused("the token is signed with a key we don't know; sign in again")
            claims = jwt.decode(
                token, jwt.PyJWK(dict(key)), algorithms=["RS256"], issuer=self.issuer,
                options={"require": ["exp", "iss", "sub"], "verify_aud": False},
            )  # fmt: skip
        except jwt.ExpiredSignatureError as error:
            raise TokenRefused("the token has expired; use the refresh token or sign in again") from error
        except jwt.PyJWTError as error:
            raise TokenRefused(f"the token is not valid: {error}") from error
        audience = claims.get("aud", claims.get("client_id"))
        if self.audience not in (audience if isinstance(audience, list) else [audience]):
            raise TokenRefused("the token was made for another application")
        held = {str(one) for one in (claims.get("roles") or claims.get("cognito:groups") or [])}
        role = next((one for one in _ROLE_ORDER if one.value in held), None)
        if role is None:
            raise TokenRefused(f"the token gives no role; one of {', '.join(_ROLE_ORDER)} is needed")
        who = Principal(str(claims.get("username") or claims.get("cognito:username") or claims["sub"]), role)
        return self.still(who) if self.still else who


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
