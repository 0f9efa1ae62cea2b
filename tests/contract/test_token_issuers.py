"""Tokens of another issuer are taken by the same path as our own."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import jwt
import pytest

from shelfcast.adapters.remote_keys import RemoteKeys
from shelfcast.bootstrap import in_memory, token_verifier
from shelfcast.domain.access import Principal, Role
from shelfcast.domain.errors import BadParameter, SourceDown
from shelfcast.pipeline import issue_tokens, manage_users
from shelfcast.pipeline.issue_tokens import TokenRefused
from shelfcast.settings import Settings

POOL = "https://cognito-idp.eu-central-1.example/pool"


@pytest.fixture
def pool():
    """A pool's key server on loopback, and its own signing key."""
    records = in_memory().records
    body = json.dumps(issue_tokens.jwks(records)).encode()
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/keys", records, asked
    server.shutdown()
    server.server_close()
    thread.join()


def token(records, **claims):
    kid, pem = issue_tokens.signing_key(records)
    body = {
        "iss": POOL,
        "sub": "abc",
        "username": "dana",
        "client_id": "app",
        "exp": 4e9,
        "cognito:groups": ["planner"],
    }
    return jwt.encode(body | claims, pem, "RS256", {"kid": kid})


def test_a_pools_token_and_our_own_are_both_taken(pool):
    url, records, asked = pool
    platform = in_memory()
    settings = Settings(sign_in="cognito", token_issuer=POOL, token_audience="app", token_keys_url=url)
    verifier = token_verifier(settings, platform)
    for _ in range(3):
        assert verifier.verify(token(records)) == Principal("dana", Role.PLANNER)
    assert len(asked) == 1, "keys are kept"
    for wrong in ({"client_id": "other"}, {"exp": 1}, {"cognito:groups": []}, {"iss": "https://evil.example"}):
        with pytest.raises(TokenRefused):
            verifier.verify(token(records, **wrong))


def test_a_pool_without_its_audience_is_refused_at_start():
    with pytest.raises(BadParameter, match="token_audience"):
        token_verifier(Settings(token_issuer=POOL), in_memory())
    with pytest.raises(BadParameter, match="token_issuer"):
        token_verifier(Settings(sign_in="cognito"), in_memory())


def test_keys_are_only_fetched_over_https_or_loopback():
    with pytest.raises(SourceDown, match="only https"):
        RemoteKeys("http://example.com/keys").get()


def test_a_user_deleted_or_disabled_loses_access_at_once():
    from dataclasses import replace

    from shelfcast.adapters.local.clock import SystemClock

    platform = replace(in_memory(), clock=SystemClock())
    for name in ("root", "dana"):
        manage_users.create_user(platform.records, platform.clock, name, "a long enough one", Role.ADMIN)
    verifier = token_verifier(Settings(), platform)
    mine = issue_tokens.issue(platform.records, platform.clock, Principal("dana", Role.ADMIN)).access_token
    manage_users.change_user(platform.records, "dana", role=Role.VIEWER)
    assert verifier.verify(mine).role is Role.VIEWER, "the role held now counts, not the token's"
    manage_users.change_user(platform.records, "dana", disabled=True)
    with pytest.raises(TokenRefused, match="disabled"):
        verifier.verify(mine)
    manage_users.delete_user(platform.records, "dana")
    with pytest.raises(TokenRefused, match="not there any more"):
        verifier.verify(mine)
