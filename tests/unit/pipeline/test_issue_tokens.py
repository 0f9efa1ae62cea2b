from __future__ import annotations

import json
from datetime import UTC, datetime

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from shelfcast.adapters.memory import FixedClock, MemoryRecords
from shelfcast.domain.access import Principal, Role
from shelfcast.pipeline import issue_tokens
from shelfcast.pipeline.issue_tokens import TokenRefused, TokenVerifier

DANA = Principal("dana", Role.PLANNER)


@pytest.fixture
def records():
    return MemoryRecords()


@pytest.fixture
def clock():
    return FixedClock(datetime.now(UTC))


@pytest.fixture
def verifier(records):
    return TokenVerifier(issue_tokens.ISSUER, issue_tokens.AUDIENCE, lambda: issue_tokens.jwks(records))


def test_an_issued_token_gives_back_who_it_was_made_for(records, clock, verifier):
    assert verifier.verify(issue_tokens.issue(records, clock, DANA).access_token) == DANA


def test_an_expired_token_is_refused(records, verifier):
    long_ago = FixedClock(datetime(2020, 1, 1, tzinfo=UTC))
    with pytest.raises(TokenRefused, match="expired"):
        verifier.verify(issue_tokens.issue(records, long_ago, DANA).access_token)


def test_a_token_of_another_lake_is_refused(clock, verifier):
    foreign = issue_tokens.issue(MemoryRecords(), clock, DANA).access_token
    with pytest.raises(TokenRefused, match="key we don't know"):
        verifier.verify(foreign)


def test_changed_claims_and_nonsense_are_refused(records, clock, verifier):
    head, body, signature = issue_tokens.issue(records, clock, DANA).access_token.split(".")
    with pytest.raises(TokenRefused):
        verifier.verify(f"{head}.{body[:-4]}AAAA.{signature}")
    with pytest.raises(TokenRefused, match="not valid"):
        verifier.verify("nonsense")


def test_an_unsigned_token_is_refused(records, clock, verifier):
    kid, _ = issue_tokens.signing_key(records)
    claims = {"iss": "shelfcast", "aud": "shelfcast", "sub": "eve", "roles": ["admin"], "exp": 4102444800}
    with pytest.raises(TokenRefused):
        verifier.verify(jwt.encode(claims, None, "none", {"kid": kid}))


def test_the_public_key_never_holds_the_private_one(records):
    (key,) = issue_tokens.jwks(records)["keys"]
    assert set(key) == {"kty", "key_ops", "n", "e", "kid", "use", "alg"} and "d" not in key


def test_a_cognito_token_is_verified_by_the_same_path():
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(private.public_key())) | {"kid": "pool", "alg": "RS256"}
    pool = "https://cognito-idp.eu-central-1.amazonaws.com/pool"
    verifier = TokenVerifier(pool, "app-client", lambda: {"keys": [public]})
    claims = {
        "iss": pool,
        "client_id": "app-client",
        "sub": "u-1",
        "username": "dana",
        "exp": 4102444800,
        "token_use": "access",
    }
    token = jwt.encode(claims | {"cognito:groups": ["planner"]}, private, "RS256", {"kid": "pool"})
    assert verifier.verify(token) == DANA
    with pytest.raises(TokenRefused, match="no role"):
        verifier.verify(jwt.encode(claims, private, "RS256", {"kid": "pool"}))
    with pytest.raises(TokenRefused, match="another application"):
        verifier.verify(jwt.encode(claims | {"client_id": "other"}, private, "RS256", {"kid": "pool"}))


def test_a_refresh_token_works_once(records, clock):
    refresh = issue_tokens.issue(records, clock, DANA).refresh_token
    assert issue_tokens.redeem_refresh(records, clock, refresh) == "dana"
    with pytest.raises(TokenRefused, match="unknown or used"):
        issue_tokens.redeem_refresh(records, clock, refresh)


def test_an_old_refresh_token_is_refused(records, clock):
    refresh = issue_tokens.issue(records, clock, DANA).refresh_token
    clock.advance(issue_tokens.REFRESH_LIVES * 1.01)
    with pytest.raises(TokenRefused, match="expired"):
        issue_tokens.redeem_refresh(records, clock, refresh)
