"""Schedules, alerts, mutes and notices over HTTP: read by viewers, acted on by those who may."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fastapi.testclient import TestClient

from shelfcast.adapters.local.clock import SystemClock
from shelfcast.adapters.memory import MemoryNotifier
from shelfcast.bootstrap import in_memory
from shelfcast.domain.access import Role
from shelfcast.domain.errors import SourceDown
from shelfcast.domain.findings import Finding
from shelfcast.entrypoints.http.app import build
from shelfcast.pipeline import issue_tokens, manage_users, queue_jobs, raise_alerts
from shelfcast.ports.doors import Closed

PASSWORD = "a long enough one"
DRIFT = Finding(
    "data.drift", "price", "warning", "Prices have not moved for 9 days.", "Look at the price feed.", "/data"
)


class Doors(Closed):
    def __init__(self, **notifiers):
        self.named = notifiers

    def notifiers(self):
        return self.named


@pytest.fixture(scope="module")
def doors():
    return Doors(mail=MemoryNotifier())


@pytest.fixture(scope="module")
def platform(doors):
    return replace(in_memory(), clock=SystemClock(), doors=doors)


@pytest.fixture(scope="module")
def ask(platform):
    client = TestClient(build(platform), raise_server_exceptions=False)
    tokens = {}
    for role in (Role.VIEWER, Role.PLANNER, Role.ADMIN):
        who = manage_users.create_user(platform.records, platform.clock, f"{role}-user", PASSWORD, role)
        tokens[role] = issue_tokens.issue(platform.records, platform.clock, who).access_token

    def call(method, path, body=None, role=Role.ADMIN):
        return client.request(method, path, json=body, headers={"Authorization": f"Bearer {tokens[role]}"})

    return call


def test_a_schedule_is_edited_enabled_and_run(platform, ask):
    listed = {one["name"]: one for one in ask("GET", "/v1/schedules", role=Role.VIEWER).json()}
    assert not listed["daily-cycle"]["enabled"] and listed["daily-cycle"]["next_runs"] == []
    change = {"when": "mon-sat at 02:30", "time_zone": "Europe/Berlin", "skip_holidays": "DE-BY", "enabled": True}
    assert ask("PUT", "/v1/schedules/daily-cycle", change, role=Role.PLANNER).status_code == 403
    changed = ask("PUT", "/v1/schedules/daily-cycle", change).json()
    assert changed["enabled"] and len(changed["next_runs"]) == 3 and changed["changed_by"] == "admin-user"
    started = ask("POST", "/v1/schedules/daily-cycle/run")
    assert started.status_code == 202 and started.json()["schedule"] == "daily-cycle"
    assert [one.kind for one in queue_jobs.open_jobs(platform)] == ["cycle"]
    assert ask("GET", "/v1/schedules/daily-cycle/runs").json() == [], "a run by hand is no occurrence"


def test_a_schedule_of_ones_own_is_added_and_taken_away(ask):
    new = {"kind": "export", "when": "daily at 06:00", "parameters": {"what": "orders"}}
    assert ask("PUT", "/v1/schedules/orders-file", new).json()["kind"] == "export"
    assert ask("DELETE", "/v1/schedules/orders-file").status_code == 204
    assert ask("GET", "/v1/schedules/orders-file").status_code == 404
    for bad, says in (
        ({"kind": "export", "when": "sometimes"}, "can't be read"),
        ({"when": "daily at 06:00"}, "kind: Field required"),
        ({"kind": "export", "when": "daily at 06:00", "parameters": {"x": 1}}, "export job can't be started"),
    ):
        refused = ask("PUT", "/v1/schedules/orders-file", bad)
        assert refused.status_code == 422 and says in refused.json()["detail"]


def test_an_alert_goes_from_open_to_resolved_with_its_history(platform, ask):
    (alert,) = raise_alerts.report(platform, [DRIFT], causes=["data"]).opened
    path = f"/v1/alerts/{alert.alert_id}"
    shown = ask("GET", "/v1/alerts?cause=data", role=Role.VIEWER).json()
    assert [(one["title"], one["next_step"], one["link"]) for one in shown] == [(DRIFT.says, DRIFT.next_step, "/data")]
    assert ask("POST", f"{path}/acknowledge", {}, role=Role.VIEWER).status_code == 403
    assert ask("POST", f"{path}/acknowledge", {"note": "on it"}, role=Role.PLANNER).json()["owner"] == "planner-user"
    assert ask("GET", "/v1/alerts?cause=data").json() == []
    assert len(ask("GET", "/v1/alerts?cause=data&state=open&state=acknowledged").json()) == 1
    assert ask("POST", f"{path}/assign", {"owner": "ann"}, role=Role.PLANNER).json()["owner"] == "ann"
    assert ask("POST", f"{path}/resolve", {}, role=Role.PLANNER).json()["state"] == "resolved"
    assert ask("POST", f"{path}/resolve", {}, role=Role.PLANNER).status_code == 409
    detail = ask("GET", path).json()
    assert [one["did"] for one in detail["history"]] == ["opened", "acknowledged", "assigned to ann", "resolved"]
    assert ask("POST", f"{path}/reopen", role=Role.PLANNER).json()["state"] == "open"
    assert ask("GET", "/v1/alerts/0000000000000000").status_code == 404


def test_what_is_seen_only_now_can_be_acknowledged_too(platform, ask):
    job = queue_jobs.submit(platform, "maintain", "Maintain the lake", "lake", {}, "ann")
    queue_jobs.cancel(platform, queue_jobs.open_jobs(platform)[0].job_id)
    queue_jobs.finish(platform, queue_jobs.claim(platform), "failed", error="disk full")
    (shown,) = ask("GET", "/v1/alerts?cause=job").json()
    assert shown["detail"] == "disk full" and shown["link"] == f"/data/jobs/{job.job_id}"
    assert ask("POST", f"/v1/alerts/{shown['alert_id']}/acknowledge", {"until": "2020-01-01"}).status_code == 200
    (again,) = ask("GET", "/v1/alerts?cause=job").json()
    assert again["state"] == "open", "what was acknowledged until a day that has passed is open again"


def test_a_mute_is_for_admins_and_shows_in_the_list(platform, ask):
    raise_alerts.report(platform, [DRIFT], causes=[])
    body = {"cause": "data", "days": "mon-sun", "reason": "stocktaking"}
    assert ask("POST", "/v1/alerts/mutes", body, role=Role.PLANNER).status_code == 403
    made = ask("POST", "/v1/alerts/mutes", body)
    assert made.status_code == 201 and made.json()["now"]
    assert ask("GET", "/v1/alerts?cause=data").json()[0]["muted"]
    assert ask("POST", "/v1/alerts/mutes", {"cause": "data"}).status_code == 422
    assert ask("DELETE", f"/v1/alerts/mutes/{made.json()['mute_id']}").status_code == 204
    assert ask("GET", "/v1/alerts/mutes", role=Role.VIEWER).json() == []


def test_a_test_notice_says_what_each_way_of_telling_said(doors, ask):
    assert ask("POST", "/v1/notices/test").json() == [{"channel": "mail", "error": ""}]
    assert "admin-user" in doors.named["mail"].sent[0].text
    doors.named["mail"].fails = SourceDown("nobody answers")
    assert ask("POST", "/v1/notices/test").json() == [{"channel": "mail", "error": "nobody answers"}]
    doors.named.clear()
    refused = ask("POST", "/v1/notices/test")
    assert refused.status_code == 409 and "notify_mail_to" in refused.json()["detail"]
    assert ask("GET", "/v1/notices").json() == []
