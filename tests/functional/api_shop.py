"""A small shop with results behind the API, made once for the tests that talk to it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient

from shelfcast.bootstrap import change_settings, init_lake, lake_settings, open_lake
from shelfcast.domain.access import Role
from shelfcast.entrypoints.http.app import build
from shelfcast.pipeline import issue_tokens, manage_users
from shelfcast.pipeline.lake_settings import LakeSettings
from shelfcast.pipeline.run_jobs import run_waiting
from shelfcast.ports.platform import Platform

PASSWORD = "a long enough one"


@dataclass(frozen=True)
class Shop:
    """The API over a lake with forecasts and orders, as a person of each role sees it."""

    folder: Path
    platform: Platform
    client: TestClient
    tokens: dict[Role, str]

    def __call__(self, method: str, path: str, body: Any = None, *, role: Role = Role.ADMIN, **more: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.tokens[role]}", **more.pop("headers", {})}
        return self.client.request(method, path, json=body, headers=headers, **more)

    def get(self, path: str, **more: Any) -> Any:
        """The body of an answer that must be good."""
        answer = self("GET", path, **more)
        assert answer.status_code == 200, (path, answer.status_code, answer.text[:500])
        return answer.json()

    def done(self, job: dict[str, Any]) -> dict[str, Any]:
        """The job, run to its end here and now."""
        run_waiting(self.platform, self.settings)
        found = self.get(f"/v1/jobs/{job['job_id']}")
        assert found["state"] == "done", found
        return found

    @property
    def settings(self) -> LakeSettings:
        return lake_settings(open_lake(self.folder)[0])


def make_shop(folder: Path, *, stores: int = 2, items: int = 12, days: int = 420, horizon: int = 14) -> Shop:
    """Simulate, load and run the cycle, all in this process."""
    from shelfcast.pipeline.ingest_files import ingest_files
    from shelfcast.pipeline.run_cycle import last_sales_date, run_cycle
    from shelfcast.pipeline.simulate_shop import simulate_shop
    from shelfcast.pipeline.steps import Parameters
    from shelfcast.ports.progress import Silent

    lake = init_lake(folder / "lake", horizon=horizon).parent
    settings, platform = open_lake(lake)
    made = simulate_shop(folder / "shop", Silent(), stores=stores, items=items, days=days, seed=7)
    ingest_files(platform, made.files)
    run_cycle(platform, Parameters(last_sales_date(platform), "D", horizon))

    def write(values: Any) -> Any:
        change_settings(lake, values)
        return open_lake(lake)[0]

    app = build(platform, settings, read_settings=lambda: open_lake(lake)[0], write_settings=write)
    tokens = {}
    for role in Role:
        who = manage_users.create_user(platform.records, platform.clock, f"{role}-user", PASSWORD, role)
        tokens[role] = issue_tokens.issue(platform.records, platform.clock, who).access_token
    return Shop(lake, platform, TestClient(app, raise_server_exceptions=False), tokens)
