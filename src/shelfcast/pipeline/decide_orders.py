"""What people decide about proposed order lines: change the quantity, approve, reject, take back. Every change is audited.

    proposed -> approved -> sent -> acknowledged -> in_transit -> received
        \\-> rejected          \\-> rejected | cancelled

The proposal itself (table `order_lines`) is never changed: what became of a line is a record of its own, from `approved`
on counted as on order by the next night's plan.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

import polars as pl

from shelfcast.domain.errors import BadParameter, Conflict, NotFound
from shelfcast.domain.tables import results, supply
from shelfcast.pipeline import audit_changes
from shelfcast.pipeline.newest import newest_cutoff
from shelfcast.pipeline.plan_orders import ORDER_STATE_KIND, read_inputs
from shelfcast.ports.platform import Platform
from shelfcast.ports.record_store import Record
from shelfcast.replenish.explanation import explain
from shelfcast.replenish.inputs import EngineSettings
from shelfcast.replenish.what_if import what_if

PROPOSED, APPROVED, SENT, ACKNOWLEDGED = "proposed", "approved", "sent", "acknowledged"
IN_TRANSIT, RECEIVED, REJECTED, CANCELLED = "in_transit", "received", "rejected", "cancelled"
STATES = (PROPOSED, APPROVED, SENT, ACKNOWLEDGED, IN_TRANSIT, RECEIVED, REJECTED, CANCELLED)
NEXT: Mapping[str, tuple[str, ...]] = {
    PROPOSED: (APPROVED, REJECTED),
    APPROVED: (PROPOSED, SENT, REJECTED, CANCELLED),
    SENT: (ACKNOWLEDGED, IN_TRANSIT, RECEIVED, REJECTED, CANCELLED),
    ACKNOWLEDGED: (IN_TRANSIT, RECEIVED, CANCELLED),
    IN_TRANSIT: (RECEIVED, CANCELLED),
    RECEIVED: (),
    REJECTED: (PROPOSED,),
    CANCELLED: (),
}
TINY = 1e-6
LINE = (
    "cutoff",
    "scenario",
    "item_id",
    "location_id",
    "source_id",
    "order_type",
    "unit_cost",
    "order_date",
    "delivery_date",
)


@dataclass(frozen=True)
class Decided:
    """What became of one line of a bulk decision: done, or why not."""

    line_id: str
    done: bool
    state: str
    qty: float
    why: str = ""


@dataclass(frozen=True)
class Effect:
    """A line at another quantity: what the engine expects of it, and what its terms say against it."""

    line: Mapping[str, Any]
    qty: float
    problems: tuple[str, ...]
    nearest: tuple[float, ...] = field(default=())
    """Quantities next to it that the terms allow."""
    sentence: str = ""


def state_of(platform: Platform, line_id: str) -> Record | None:
    """The record of what became of a line; None while it is only proposed."""
    try:
        return platform.records.get(ORDER_STATE_KIND, line_id)
    except NotFound:
        return None


def read_lines(platform: Platform, line_ids: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Lines of the newest base proposal by id; those that aren't in it are left out."""
    cutoff = newest_cutoff(platform, results.ORDER_LINES)
    wanted = list(line_ids)
    rows = platform.tables.scan(results.ORDER_LINES).filter(
        (pl.col("cutoff") == cutoff) & (pl.col("scenario") == "base") & pl.col("line_id").is_in(wanted)
    )
    return {line["line_id"]: line for line in rows.collect().iter_rows(named=True)}


def check_quantity(line: Mapping[str, Any], qty: float, terms: Mapping[str, Any]) -> tuple[list[str], list[float]]:
    """What the terms of a line say against a quantity, and the quantities next to it they allow.

    >>> terms = {"moq": 12.0, "pack_size": 6.0, "max_order_qty": None, "unit_step": 1.0}
    >>> check_quantity({}, 7.0, terms)
    (['7 is below the smallest order of 12', '7 is no multiple of the pack of 6'], [0.0, 12.0])
    >>> check_quantity({}, 18.0, terms)
    ([], [])
    """
    del line
    if qty == 0.0:
        return [], []
    moq, pack = float(terms.get("moq") or 0.0), float(terms.get("pack_size") or 0.0)
    step, most = float(terms.get("unit_step") or 0.0), terms.get("max_order_qty")
    lot = pack if pack > 0 else step
    problems = []
    if moq and qty < moq - TINY:
        problems.append(f"{qty:g} is below the smallest order of {moq:g}")
    if pack > 0 and abs(qty / pack - round(qty / pack)) > TINY:
        problems.append(f"{qty:g} is no multiple of the pack of {pack:g}")
    elif step > 0 and abs(qty / step - round(qty / step)) > TINY:
        problems.append(f"{qty:g} is no multiple of the unit's step of {step:g}")
    if most is not None and qty > float(most) + TINY:
        problems.append(f"{qty:g} is above the largest order of {float(most):g}")
    if not problems:
        return [], []
    near: set[float] = set()
    for count in (int(qty // lot), int(qty // lot) + 1) if lot > 0 else ():
        amount = count * lot
        if amount < moq - TINY:
            amount = 0.0 if count == int(qty // lot) else -(-moq // lot) * lot
        if most is not None and amount > float(most) + TINY:
            amount = float(most) // lot * lot
        near.add(round(amount, 6) if amount >= moq - TINY else 0.0)
    return problems, sorted(near)


def at_quantity(platform: Platform, line: Mapping[str, Any], qty: float) -> Effect:
    """The engine's own view of a line at another quantity. Nothing is written.

    Raises:
        BadParameter: the quantity is negative or absurd.
    """
    if not 0.0 <= qty <= 1e9:
        raise BadParameter(f"quantity {qty:g} came; 0 to 1,000,000,000 is allowed.")
    inputs = read_inputs(platform, line["cutoff"], line["scenario"])
    terms = terms_of(line, inputs.sourcing, inputs.items)
    problems, nearest = check_quantity(line, qty, terms)
    lock = pl.DataFrame(
        {
            "item_id": [line["item_id"]], "location_id": [line["location_id"]], "set_at": [platform.clock.now()],
            "fixed_qty": [float(qty)], "set_by": ["what if"], "reason": ["what if"],
        }
    )  # fmt: skip
    locked = supply.OVERRIDES.conform(lock)
    others = supply.OVERRIDES.conform(inputs.order_overrides).filter(
        ~((pl.col("item_id") == line["item_id"]) & (pl.col("location_id") == line["location_id"]))
    )
    inputs = replace(inputs, order_overrides=pl.concat([others, locked]))
    changed = what_if(inputs, line, {}, line["cutoff"], EngineSettings(scenario=line["scenario"]))
    return Effect(changed, qty, tuple(problems), tuple(nearest), explain(changed))


def terms_of(line: Mapping[str, Any], sourcing: pl.DataFrame, items: pl.DataFrame) -> dict[str, Any]:
    """The terms a quantity of a line must meet: the line's own, completed by the narrowest row of `sourcing`."""
    mine = sourcing.filter(
        pl.col("item_id").is_in([line["item_id"], "*"])
        & pl.col("destination_id").is_in([line["location_id"], "*"])
        & (pl.col("source_id") == line["source_id"])
    )
    mine = mine.with_columns(
        ((pl.col("item_id") == "*").cast(pl.Int8) * 2 + (pl.col("destination_id") == "*").cast(pl.Int8)).alias("width")
    ).sort("width")
    row = mine.row(0, named=True) if mine.height else {}
    steps = items.filter(pl.col("item_id") == line["item_id"])["unit_step"].to_list()
    return {
        "moq": line.get("moq") if line.get("moq") is not None else row.get("moq"),
        "pack_size": line.get("pack_size") if line.get("pack_size") is not None else row.get("pack_size"),
        "max_order_qty": row.get("max_order_qty"),
        "unit_step": steps[0] if steps else 1.0,
    }


def edit(
    platform: Platform, who: str, line_id: str, qty: float, reason: str, *, expected: int | None = None
) -> tuple[Record, Effect]:
    """Change the quantity of a proposed line, within its terms.

    Args:
        expected: version of the line's record the planner saw (0: none yet); None overwrites.

    Raises:
        NotFound: no such line in the newest proposal.
        BadParameter: the quantity breaks the line's terms; the message says what is allowed.
        Conflict: the line isn't only proposed any more, or somebody changed it in between.
    """
    line = _one(platform, line_id)
    record = state_of(platform, line_id)
    if record is not None and record.body["state"] != PROPOSED:
        raise Conflict(
            f"line {line_id} is {record.body['state']}; only proposed lines can be changed. Take the approval back first."
        )
    effect = at_quantity(platform, line, qty)
    if effect.problems:
        allowed = " or ".join(f"{one:g}" for one in effect.nearest)
        raise BadParameter(f"{'; '.join(effect.problems)}. Allowed next to it: {allowed or 'nothing'}.")
    body = _body(line, record) | {"qty": float(qty), "reason": reason}
    body["history"] = [*body["history"], _step(platform, who, PROPOSED, PROPOSED, float(qty), reason)]
    version = expected if expected is not None else (record.version if record else 0)
    written = platform.records.put(ORDER_STATE_KIND, line_id, body, expected=version)
    before = record.body["qty"] if record else line["qty"]
    audit_changes.note(platform, who, "order.edit", line_id, before=before, after=float(qty), reason=reason)
    return written, effect


def decide(
    platform: Platform, who: str, line_ids: Sequence[str], state: str, reason: str = ""
) -> list[Decided]:  # fmt: skip
    """Approve, reject, or take back (state `proposed`) many lines; each by itself, told one by one.

    Raises:
        BadParameter: a state people can't set.
    """
    if state not in (APPROVED, REJECTED, PROPOSED, CANCELLED):
        raise BadParameter.unknown("decision", state, (APPROVED, REJECTED, PROPOSED, CANCELLED))
    lines = read_lines(platform, line_ids)
    done = [_decide(platform, who, one, lines.get(one), state, reason) for one in dict.fromkeys(line_ids)]
    changed = [one.line_id for one in done if one.done]
    if changed:
        verb = {APPROVED: "approve", REJECTED: "reject", PROPOSED: "take-back", CANCELLED: "cancel"}[state]
        subject = changed[0] if len(changed) == 1 else f"{len(changed)} lines"
        audit_changes.note(platform, who, f"order.{verb}", subject, lines=changed, reason=reason)
    return done


def _decide(
    platform: Platform, who: str, line_id: str, line: Mapping[str, Any] | None, state: str, reason: str
) -> Decided:
    for _ in range(5):
        record = state_of(platform, line_id)
        if line is None and record is None:
            return Decided(line_id, False, "", 0.0, "no such line in the newest proposal")
        now = record.body["state"] if record else PROPOSED
        qty = float(record.body["qty"] if record else line["qty"])  # type: ignore[index]
        if now == state:
            return Decided(line_id, False, now, qty, f"is {now} already")
        if line is None and now == PROPOSED:
            return Decided(line_id, False, now, qty, "is of an older proposal; a newer one stands")
        if state not in NEXT[now]:
            return Decided(line_id, False, now, qty, f"is {now}; from there: {', '.join(NEXT[now]) or 'nothing'}")
        if state == APPROVED and qty <= 0:
            return Decided(line_id, False, now, qty, "orders nothing")
        body = (dict(record.body) if record else _body(line or {}, None)) | {"state": state, "reason": reason}
        body["history"] = [*body["history"], _step(platform, who, now, state, qty, reason)]
        if state == APPROVED:
            body |= {"order_ref": line_id, "approved_by": who, "approved_at": platform.clock.now().isoformat()}
        with suppress(Conflict):
            platform.records.put(ORDER_STATE_KIND, line_id, body, expected=record.version if record else 0)
            return Decided(line_id, True, state, qty)
    return Decided(line_id, False, "", 0.0, "others keep changing it; try again")


def approve_auto(platform: Platform, who: str) -> int:
    """Approve every line nothing speaks against (status auto) of the newest proposal."""
    cutoff = newest_cutoff(platform, results.ORDER_LINES)
    rows = platform.tables.scan(results.ORDER_LINES).filter(
        (pl.col("cutoff") == cutoff)
        & (pl.col("scenario") == "base")
        & (pl.col("status") == "auto")
        & (pl.col("qty") > 0)
    )
    ids = rows.select("line_id").collect()["line_id"].to_list()
    return sum(one.done for one in decide(platform, who, ids, APPROVED, "status auto"))


def expire_proposals(platform: Platform, before: date) -> int:
    """Forget edits of lines that were never approved and whose proposal is long past."""
    gone = [
        one.record_id
        for one in platform.records.query(ORDER_STATE_KIND, where={"state": PROPOSED})
        if date.fromisoformat(one.body["cutoff"]) < before - timedelta(days=30)
    ]
    for line_id in gone:
        platform.records.delete(ORDER_STATE_KIND, line_id)
    return len(gone)


def _one(platform: Platform, line_id: str) -> dict[str, Any]:
    found = read_lines(platform, [line_id])
    if line_id not in found:
        raise NotFound(f"the newest proposal has no line {line_id!r}. List its lines at /v1/orders.")
    return found[line_id]


def _body(line: Mapping[str, Any], record: Record | None) -> dict[str, Any]:
    if record is not None:
        return dict(record.body)
    facts = {name: line[name].isoformat() if isinstance(line[name], date) else line[name] for name in LINE}
    return facts | {"proposed_qty": line["qty"], "qty": line["qty"], "state": PROPOSED, "order_ref": "", "history": []}


def _step(platform: Platform, who: str, before: str, after: str, qty: float, reason: str) -> dict[str, Any]:
    return {
        "at": platform.clock.now().isoformat(), "who": who, "from": before, "to": after, "qty": qty, "reason": reason,
    }  # fmt: skip
