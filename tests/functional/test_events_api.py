"""Till events over HTTP: answered when safe, turned away with a time to come back, and seen as sales of the day."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from fastapi.testclient import TestClient

from shelfcast.adapters.local.clock import SystemClock
from shelfcast.bootstrap import in_memory
from shelfcast.domain.access import Role
from shelfcast.entrypoints.http.app import build
from shelfcast.pipeline import issue_tokens, manage_users
from shelfcast.pipeline.ingest_events import ingest_events
from shelfcast.pipeline.receive_events import EventIntake, Overloaded
from shelfcast.pipeline.replay_events import over_http
from shelfcast.ports.http_client import Answer


@pytest.fixture(scope="module")
def platform():
    return replace(in_memory(), clock=SystemClock())


@pytest.fixture(scope="module")
def client(platform):
    return TestClient(build(platform))


@pytest.fixture(scope="module")
def tokens(platform):
    def of(role: Role) -> str:
        who = manage_users.create_user(platform.records, platform.clock, f"{role}-x", "a long enough one", role)
        return issue_tokens.issue(platform.records, platform.clock, who).access_token

    return {role: of(role) for role in (Role.ERP, Role.VIEWER)}


def event(number: int, **more):
    moment = datetime.now(UTC).isoformat()
    return {"event_id": f"e{number}", "occurred_at": moment, "item_id": "A", "location_id": "S", "units": 2} | more


def post(client, token, body):
    return client.post("/v1/events", content=body, headers={"Authorization": f"Bearer {token}"})


def test_events_are_taken_refused_one_by_one_and_seen_as_sales_of_the_day(client, platform, tokens):
    body = json.dumps([event(1, unit_price=3.0), event(2, units="many"), event(3)])
    answer = post(client, tokens[Role.ERP], body)
    assert answer.status_code == 202
    said = answer.json()
    assert (said["accepted"], said["dead_lettered"], said["refused"][0]["number"]) == (2, 1, 2)
    assert platform.blobs.list("raw/events/") == [said["batch"]]
    ingest_events(platform)
    today = client.get("/v1/sales/today", headers={"Authorization": f"Bearer {tokens[Role.VIEWER]}"}).json()
    assert [(row["location_id"], row["units"], row["lines"]) for row in today["rows"]] == [("S", 4.0, 2)]


def test_a_viewer_may_not_send_and_nonsense_is_told_what_is_allowed(client, tokens):
    assert post(client, tokens[Role.VIEWER], "[]").status_code == 403
    answer = post(client, tokens[Role.ERP], "not json")
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert "array of events" in answer.json()["detail"]
    assert post(client, tokens[Role.ERP], b"[" + b" " * 9_000_000 + b"]").status_code == 422


def test_too_much_at_once_is_turned_away_with_a_time_to_come_back(client, tokens, monkeypatch):
    def full(*_):
        raise Overloaded(50_000, 7)

    monkeypatch.setattr(EventIntake, "receive", full)
    answer = post(client, tokens[Role.ERP], json.dumps([event(1)]))
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")


class Through:
    """An HTTP client that ends in the app; the first answers are faults."""

    def __init__(self, client, *faults: Answer) -> None:
        self.client, self.faults = client, list(faults)

    def request(self, method, url, *, headers=None, body=None, timeout_seconds=20.0):
        if self.faults:
            return self.faults.pop(0)
        answer = self.client.request(method, url.removeprefix("http://x"), headers=headers, content=body)
        return Answer(answer.status_code, answer.content, dict(answer.headers))


def test_a_sender_waits_as_it_is_told_and_tries_again(client, tokens):
    waited: list[float] = []
    faults = (Answer(429, b"", {"retry-after": "3"}), Answer(503, b"down"))
    send = over_http(Through(client, *faults), "http://x", tokens[Role.ERP], waited.append)
    assert send(json.dumps([event(9)]).encode()) == (1, 0)
    assert waited == [3.0, 0.4]
