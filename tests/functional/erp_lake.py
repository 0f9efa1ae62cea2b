"""A lake with approved order lines, and doors that fail as told."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from shelfcast.bootstrap import in_memory
from shelfcast.pipeline.plan_orders import ORDER_STATE_KIND
from shelfcast.ports.platform import Platform

NOW = datetime(2026, 3, 10, 6, tzinfo=UTC)


def lake() -> Platform:
    made = in_memory()
    made.clock.moment = NOW  # type: ignore[attr-defined]
    return made


def approve(platform: Platform, *refs: str, **more: Any) -> None:
    for ref in refs:
        body = {
            "state": "approved", "order_ref": ref, "cutoff": "2026-03-09", "scenario": "base", "item_id": f"item {ref}",
            "location_id": "S1", "source_id": "SUP1", "order_type": "purchase", "unit_cost": 2.0, "order_date": "2026-03-10",
            "delivery_date": "2026-03-12", "qty": 10.0, "history": [],
        }  # fmt: skip
        platform.records.put(ORDER_STATE_KIND, ref, body | more, expected=0)


def states(platform: Platform) -> dict[str, str]:
    return {one.record_id: one.body["state"] for one in platform.records.query(ORDER_STATE_KIND)}
