"""No route answers without a valid token but those that must; each refuses a role that is too small."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from fastapi.testclient import TestClient

from shelfcast.adapters.local.clock import SystemClock
from shelfcast.bootstrap import in_memory
from shelfcast.domain.access import Role
from shelfcast.entrypoints.http.app import build
from shelfcast.pipeline import issue_tokens, manage_users

PASSWORD = "a long enough one"
OPEN = {
    ("get", "/healthz"), ("get", "/config.json"), ("get", "/.well-known/jwks.json"),
    ("post", "/v1/auth/token"), ("post", "/v1/auth/refresh"), ("post", "/v1/auth/invite"),
}  # fmt: skip
ADMIN_PATHS = re.compile(r"/v1/(users|audit|notices)|/v1/models/(roll-back|\{model_id\}/promote)")
ADMIN_CHANGES = re.compile(r"/v1/(schedules|alerts/mutes|settings)")
"""Read by viewers, changed by admins."""
VIEWER_CHANGES = re.compile(r"/v1/views")
"""Everybody keeps views of one's own."""
ANYBODY = {
    ("get", "/v1/me"), ("post", "/v1/me/password"), ("post", "/v1/auth/sign-out"), ("get", "/metrics"),
}  # fmt: skip
ERP_PATHS = re.compile(r"/v1/(erp/|events)")
PLANNER_READS = {("get", "/v1/orders/{line_id}/at")}
VALUES = {"alert_id": "0" * 16, "mute_id": "0" * 16, "load_id": "0" * 24, "upload_id": "0" * 24, "pull_id": "0" * 24}


@pytest.fixture(scope="module")
def platform():
    return replace(in_memory(), clock=SystemClock())


@pytest.fixture(scope="module")
def client(platform):
    return TestClient(build(platform), raise_server_exceptions=False)


@pytest.fixture(scope="module")
def bearer(platform):
    def of(role: Role) -> dict[str, str]:
        who = manage_users.create_user(platform.records, platform.clock, f"{role}-user", PASSWORD, role)
        return {"Authorization": f"Bearer {issue_tokens.issue(platform.records, platform.clock, who).access_token}"}

    return {role: of(role) for role in Role}


def operations(client) -> list[tuple[str, str]]:
    paths = client.app.openapi()["paths"]
    return [(method, path) for path, methods in paths.items() for method in methods]


def call(client, method: str, path: str, headers: dict[str, str] | None = None):
    filled = re.sub(r"\{(\w+)\}", lambda found: VALUES.get(found[1], "x" * 10), path)
    return client.request(method, filled, headers=headers)


def least_role(method: str, path: str) -> Role | None:
    """The role an operation needs; None for anybody who is signed in."""
    if (method, path) in ANYBODY:
        return None
    if ERP_PATHS.match(path):
        return Role.ERP
    if ADMIN_PATHS.match(path) or (method != "get" and ADMIN_CHANGES.match(path)):
        return Role.ADMIN
    if (method != "get" and not VIEWER_CHANGES.match(path)) or (method, path) in PLANNER_READS:
        return Role.PLANNER
    return Role.VIEWER


def test_every_route_refuses_without_a_token_but_the_open_ones(client):
    found = operations(client)
    assert set(found) >= OPEN
    assert len(found) > 60
    for method, path in found:
        answer = call(client, method, path)
        if (method, path) in OPEN:
            assert answer.status_code != 401 or method == "post", (method, path)
        else:
            assert answer.status_code == 401, (method, path)
            assert answer.headers["content-type"] == "application/problem+json"
            assert "sign in" in answer.json()["detail"]


def test_every_route_refuses_a_token_of_another_lake(client):
    other = replace(in_memory(), clock=SystemClock())
    who = manage_users.create_user(other.records, other.clock, "eve", PASSWORD, Role.ADMIN)
    token = issue_tokens.issue(other.records, other.clock, who).access_token
    for method, path in operations(client):
        if (method, path) not in OPEN:
            assert call(client, method, path, {"Authorization": f"Bearer {token}"}).status_code == 401, (method, path)


@pytest.mark.parametrize("role", list(Role))
def test_every_route_refuses_a_role_that_is_too_small_and_no_other(client, bearer, role):
    from shelfcast.domain.access import GRANTS

    for method, path in operations(client):
        if (method, path) in OPEN:
            continue
        needed = least_role(method, path)
        allowed = needed is None or needed in GRANTS[role]
        status = call(client, method, path, bearer[role]).status_code
        assert (status != 403) is allowed, (method, path, role, status)
        assert status < 500, (method, path, role, status)


def test_sign_in_refresh_and_who_am_i(client, bearer):
    pair = client.post("/v1/auth/token", json={"name": "planner-user", "password": PASSWORD}).json()
    me = client.get("/v1/me", headers={"Authorization": f"Bearer {pair['access_token']}"})
    assert me.json() == {"name": "planner-user", "role": "planner"}
    again = client.post("/v1/auth/refresh", json={"refresh_token": pair["refresh_token"]})
    assert again.status_code == 200
    assert client.post("/v1/auth/refresh", json={"refresh_token": pair["refresh_token"]}).status_code == 401


def test_the_first_admin_signs_in_by_a_one_time_code():
    platform = in_memory()
    code = manage_users.first_admin_code(platform.records, platform.clock)
    client = TestClient(build(platform), raise_server_exceptions=False)
    body = {"code": code, "name": "root", "password": PASSWORD}
    short = client.post("/v1/auth/invite", json=body | {"password": "short"})
    assert short.status_code == 422, "a refused password must not use the link up"
    assert client.post("/v1/auth/invite", json=body).status_code == 201
    assert client.post("/v1/auth/invite", json=body).status_code == 401


def test_results_that_are_not_there_yet_are_a_409_that_says_what_to_do(client, bearer):
    answer = client.get("/v1/forecasts", headers=bearer[Role.VIEWER])
    assert answer.status_code == 409
    assert "shelfcast run" in answer.json()["detail"]


def test_a_strange_cursor_or_limit_is_a_422(client, bearer):
    for query in ("limit=0", "limit=abc", "stage=none", "cutoff=yesterday"):
        answer = client.get(f"/v1/forecasts?{query}", headers=bearer[Role.VIEWER])
        assert answer.status_code == 422, query
        assert answer.headers["content-type"] == "application/problem+json"
