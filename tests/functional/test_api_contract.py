"""Whatever comes in, the API answers as its OpenAPI file says and never with a 5xx."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, settings

schemathesis = pytest.importorskip("schemathesis")

from shelfcast.adapters.local.clock import SystemClock  # noqa: E402
from shelfcast.bootstrap import in_memory  # noqa: E402
from shelfcast.domain.access import Role  # noqa: E402
from shelfcast.domain.quantiles import COLUMNS, level  # noqa: E402
from shelfcast.domain.tables import curated, results, supply  # noqa: E402
from shelfcast.entrypoints.http.app import build  # noqa: E402
from shelfcast.pipeline import issue_tokens, manage_users  # noqa: E402

DAY = date(2026, 1, 5)


def put_results(platform) -> None:
    """A few rows of every table the API reads, so that it has something to answer with."""
    series = [(item, place) for item in ("A", "B") for place in ("S1", "S2")]

    def put(table, rows) -> None:
        schema = {name: table.column(name).type.polars for name in rows[0]}
        platform.tables.replace(table, table.conform(pl.DataFrame(rows, schema=schema)), None)

    known = datetime(2025, 12, 1, tzinfo=UTC)
    put(curated.ITEMS, [{"item_id": item, "name": f"Item {item}", "category": "fresh"} for item in ("A", "B")])
    put(curated.LOCATIONS, [{"location_id": place, "name": place} for place in ("S1", "S2")])
    facts = [{"item_id": i, "location_id": p, "date": DAY, "units": 3.0, "known_at": known} for i, p in series]
    put(curated.SALES, facts)
    history = [
        {
            "item_id": i,
            "location_id": p,
            "date": DAY - timedelta(days=d),
            "units": 3.0,
            "demand": 3.0,
            "open": True,
            "censored": d == 2,
        }
        for i, p in series
        for d in range(5)
    ]
    put(results.DEMAND, history)
    forecasts = [
        {
            "cutoff": DAY,
            "scenario": "base",
            "stage": stage,
            "item_id": i,
            "location_id": p,
            "date": DAY + timedelta(days=d),
            "step": d,
            "mean": 3.0,
        }
        | {name: 3.0 + level(name) for name in COLUMNS}
        for stage in ("baseline", "model", "final")
        for i, p in series
        for d in (1, 2, 3)
    ]
    put(results.FORECASTS, forecasts)
    parts = [("base", 2_000_000), ("weekday", 1_000_000)]
    put(
        results.EXPLANATIONS,
        [
            {
                "cutoff": DAY,
                "scenario": "base",
                "item_id": i,
                "location_id": p,
                "date": DAY + timedelta(days=d),
                "driver": name,
                "micro_units": units,
            }
            for i, p in series
            for d in (1, 2, 3)
            for name, units in parts
        ],
    )
    put(
        results.ORDER_LINES,
        [
            {
                "cutoff": DAY,
                "scenario": "base",
                "item_id": i,
                "location_id": p,
                "source_id": "SUP",
                "line_id": f"line{n:06d}",
                "qty": 6.0,
                "need": 5.0,
                "step_pack": 1.0,
                "unit_cost": 2.0,
                "value": 12.0,
                "status": "auto",
                "reasons": "below_target",
                "rules_used": "policy=declared:base_stock",
                "on_hand": 1.0,
                "delivery_date": DAY + timedelta(days=2),
            }
            for n, (i, p) in enumerate(series)
        ],
    )
    put(
        supply.STOCK,
        [{"item_id": i, "location_id": p, "date": DAY, "on_hand": 4.0, "known_at": known} for i, p in series],
    )
    put(
        supply.RULES,
        [
            {
                "scope": "default",
                "scope_value": "*",
                "item_id": "*",
                "location_id": "*",
                "parameter": "target_cycle_service",
                "value": "0.95",
                "valid_from": DAY,
            }
        ],
    )
    put(
        results.EXCEPTIONS,
        [
            {
                "cutoff": DAY,
                "scenario": "base",
                "code": "no_forecast",
                "item_id": "A",
                "location_id": "S1",
                "severity": "high",
                "message": "none",
            }
        ],
    )
    put(
        curated.QUARANTINE,
        [
            {
                "load_id": "0" * 24 + "-sales",
                "table": "sales",
                "source": "x.csv",
                "source_line": 1,
                "column": "units",
                "rule": "number",
                "reason": "no number",
                "row": "{}",
            }
        ],
    )


PLATFORM = replace(in_memory(), clock=SystemClock())
put_results(PLATFORM)
WHO = manage_users.create_user(PLATFORM.records, PLATFORM.clock, "fuzz", "a long enough one", Role.ADMIN)
TOKEN = issue_tokens.issue(PLATFORM.records, PLATFORM.clock, WHO).access_token
schema = schemathesis.openapi.from_asgi("/v1/openapi.json", build(PLATFORM))
SLOW_ON_PURPOSE = ("/v1/auth/token", "/v1/auth/invite", "/v1/me/password")
"""Passwords are hashed at a cost; other tests look at them."""


@pytest.fixture(autouse=True)
def still_there():
    """The user may have deleted or disabled itself in the test before."""
    if not PLATFORM.records.query(manage_users.USERS, prefix="fuzz"):
        manage_users.create_user(PLATFORM.records, PLATFORM.clock, "fuzz", "a long enough one", Role.ADMIN)


@schema.exclude(path=list(SLOW_ON_PURPOSE)).parametrize()
@settings(
    max_examples=3, deadline=None, derandomize=True, phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
def test_every_answer_is_what_the_openapi_file_says(case):
    from schemathesis.specs.openapi.checks import (
        content_type_conformance,
        response_schema_conformance,
        status_code_conformance,
    )

    answer = case.call(headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code < 500, (case.method, case.path, answer.text[:500])
    case.validate_response(
        answer, checks=[content_type_conformance, response_schema_conformance, status_code_conformance]
    )
