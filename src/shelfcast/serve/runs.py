"""What ran: the run records, newest first."""

from __future__ import annotations

from typing import Any

from shelfcast.domain.errors import NotFound
from shelfcast.ports.platform import Platform

KIND = "runs"


def newest_runs(platform: Platform, limit: int) -> list[dict[str, Any]]:
    """The newest run records, newest first."""
    bodies = [dict(record.body) for record in platform.records.query(KIND)]
    return sorted(bodies, key=lambda body: str(body.get("started_at", "")), reverse=True)[:limit]


def one_run(platform: Platform, run_id: str) -> dict[str, Any]:
    """The record of one run, by its id or the beginning of it; a step's name means its newest run.

    Raises:
        NotFound: no run begins so, or more than one does.
    """
    found = platform.records.query(KIND, prefix=run_id)
    if of_step := [record for record in found if record.body.get("step") == run_id]:
        return dict(max(of_step, key=lambda one: str(one.body.get("started_at", ""))).body)
    if len(found) != 1:
        names = ", ".join(record.record_id for record in found[:8])
        raise NotFound(
            f"run {run_id!r} names {len(found)} runs{': ' + names if names else ''}. `shelfcast status` lists them; give more of the id."
        )
    return dict(found[0].body)
