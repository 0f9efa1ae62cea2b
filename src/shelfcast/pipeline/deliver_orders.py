"""Orders for the ERP: it pulls approved lines in batches and says what became of them. Each exactly once.

A pull freezes the approved lines of the moment under an id and marks them sent; asked again with the same idempotency
key it gives the same batch. A line is in one batch only: it is marked by compare-and-swap.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from typing import Any

from shelfcast.domain.errors import Conflict, NotFound
from shelfcast.pipeline import audit_changes
from shelfcast.pipeline.decide_orders import APPROVED, CANCELLED, NEXT, REJECTED, SENT
from shelfcast.pipeline.once import once
from shelfcast.pipeline.plan_orders import ORDER_STATE_KIND
from shelfcast.ports.platform import Platform
from shelfcast.ports.record_store import Record

PULLS = "erp_pulls"


@dataclass(frozen=True)
class Acknowledgement:
    """What the ERP says of one line."""

    order_ref: str
    state: str
    erp_order_id: str = ""
    qty: float | None = None
    """Confirmed units, where they differ from what was sent."""
    delivery_date: date | None = None
    message: str = ""


@dataclass(frozen=True)
class Acknowledged:
    order_ref: str
    done: bool
    state: str
    why: str = ""


def pull(platform: Platform, who: str, key: str, *, source: str = "", most: int = 10_000) -> Mapping[str, Any]:
    """Take the approved lines (of a source) into a batch: `{"pull_id", "lines", "value"}`.

    Raises:
        BadParameter: the key was used for another request.
    """
    pull_id = hashlib.sha256(f"{who}\n{key}".encode()).hexdigest()[:24]
    request = {"source": source, "most": most}
    return once(platform, who, key, "pull", request, lambda: _pull(platform, who, pull_id, source, most))


def _pull(platform: Platform, who: str, pull_id: str, source: str, most: int) -> dict[str, Any]:
    # Lines marked by an earlier try of the same pull that was killed before it could answer belong to it as well.
    mine = list(platform.records.query(ORDER_STATE_KIND, where={"pull_id": pull_id}))
    for record in platform.records.query(ORDER_STATE_KIND, where={"state": APPROVED}):
        if len(mine) >= most:
            break
        if source and record.body["source_id"] != source:
            continue
        with suppress(Conflict):
            mine.append(_mark(platform, record, who, pull_id))
    value = sum(float(one.body["qty"]) * float(one.body.get("unit_cost") or 0.0) for one in mine)
    body = {
        "lines": sorted(one.record_id for one in mine), "who": who, "at": platform.clock.now().isoformat(),
        "source": source, "value": round(value, 6),
    }  # fmt: skip
    platform.records.put(PULLS, pull_id, body)
    audit_changes.note(platform, who, "order.send", pull_id, lines=len(mine))
    return {"pull_id": pull_id, "lines": len(mine), "value": round(value, 6)}


def _mark(platform: Platform, record: Record, who: str, pull_id: str) -> Record:
    now = platform.clock.now().isoformat()
    step = {"at": now, "who": who, "from": APPROVED, "to": SENT, "qty": record.body["qty"], "reason": f"pull {pull_id}"}
    body = dict(record.body) | {
        "state": SENT, "pull_id": pull_id, "sent_at": now, "history": [*record.body["history"], step],
    }  # fmt: skip
    return platform.records.put(ORDER_STATE_KIND, record.record_id, body, expected=record.version)


def pulled_lines(platform: Platform, pull_id: str, limit: int, after: str = "") -> tuple[list[Record], str]:
    """(lines of a pull by id, cursor of the next page).

    Raises:
        NotFound: no such pull.
    """
    try:
        ids = [one for one in platform.records.get(PULLS, pull_id).body["lines"] if one > after]
    except NotFound as error:
        raise NotFound(f"there is no pull {pull_id!r}. Make one with POST /v1/erp/pulls.") from error
    page = [platform.records.get(ORDER_STATE_KIND, one) for one in ids[:limit]]
    return page, (page[-1].record_id if len(ids) > limit else "")


def acknowledge(
    platform: Platform, who: str, key: str, said: Sequence[Acknowledgement]
) -> Sequence[Mapping[str, Any]]:  # fmt: skip
    """Note what the ERP says of lines; each by itself, told one by one. The same again changes nothing.

    Raises:
        BadParameter: the key was used for another request.
    """
    request = [vars(one) for one in said]
    answer = once(
        platform, who, key, "acknowledgement", request,
        lambda: {"lines": [vars(_acknowledge(platform, who, one)) for one in said]},
    )  # fmt: skip
    return answer["lines"]


def _says_nothing_new(body: Mapping[str, Any], said: Acknowledgement) -> bool:
    day = said.delivery_date.isoformat() if said.delivery_date else None
    return (
        (said.qty is None or said.qty == float(body["qty"]))
        and (day is None or day == body.get("delivery_date"))
        and (not said.erp_order_id or said.erp_order_id == body.get("erp_order_id"))
    )


def _acknowledge(platform: Platform, who: str, said: Acknowledgement) -> Acknowledged:
    for _ in range(5):
        try:
            record = platform.records.get(ORDER_STATE_KIND, said.order_ref)
        except NotFound:
            return Acknowledged(said.order_ref, False, "", "no line has this order_ref")
        now = str(record.body["state"])
        if now == said.state and _says_nothing_new(record.body, said):
            return Acknowledged(said.order_ref, True, now, "was so already")
        # Confirmed again with another quantity or day: it changed at the ERP.
        changed = now == said.state and now in ("acknowledged", "in_transit")
        if not changed and (said.state not in NEXT[now] or now not in (SENT, "acknowledged", "in_transit")):
            after = ", ".join(NEXT[now]) if now in (SENT, "acknowledged", "in_transit") else ""
            return Acknowledged(said.order_ref, False, now, f"is {now}; from there: {after or 'nothing'}")
        at = platform.clock.now().isoformat()
        qty = float(record.body["qty"]) if said.qty is None else said.qty
        step = {"at": at, "who": who, "from": now, "to": said.state, "qty": qty, "reason": said.message}
        body = dict(record.body) | {"state": said.state, "qty": qty, "history": [*record.body["history"], step]}
        if said.erp_order_id:
            body["erp_order_id"] = said.erp_order_id
        if said.delivery_date is not None:
            body["delivery_date"] = said.delivery_date.isoformat()
        with suppress(Conflict):
            platform.records.put(ORDER_STATE_KIND, said.order_ref, body, expected=record.version)
            detail = {"qty": qty, "erp_order_id": said.erp_order_id, "message": said.message}
            verb = "refuse" if said.state in (REJECTED, CANCELLED) else "acknowledge"
            audit_changes.note(platform, who, f"order.{verb}", said.order_ref, state=said.state, **detail)
            return Acknowledged(said.order_ref, True, said.state)
    return Acknowledged(said.order_ref, False, "", "others keep changing it; send it again")
