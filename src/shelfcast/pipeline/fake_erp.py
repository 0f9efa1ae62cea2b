"""An ERP that plays along, for the demo and for trials: it acknowledges most lines, delays, changes and rejects some.

What it does with a line is decided by the line's own reference and a seed, so it is the same every time, whatever else is
ordered. A line goes on a step each time the ERP is asked: sent -> acknowledged (or rejected) -> in transit -> received.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from shelfcast.domain.tables.supply import OPEN_ORDERS
from shelfcast.lake.merge import merge
from shelfcast.pipeline import deliver_orders
from shelfcast.pipeline.deliver_orders import Acknowledgement
from shelfcast.pipeline.push_orders import sent_lines
from shelfcast.ports.platform import Platform

REJECTED_SHARE, CHANGED_SHARE, DELAYED_SHARE = 0.04, 0.08, 0.12
WHO = "fake ERP"


@dataclass(frozen=True)
class Temper:
    """How the ERP is: shares of lines it rejects, changes, delays."""

    rejected: float = REJECTED_SHARE
    changed: float = CHANGED_SHARE
    delayed: float = DELAYED_SHARE
    seed: int = 7


def luck(order_ref: str, seed: int, what: str) -> float:
    """A number from 0 to 1 that is always the same for a line."""
    found = hashlib.sha256(f"{seed}|{what}|{order_ref}".encode()).digest()
    return int.from_bytes(found[:7], "big") / 2**56


def answer(lines: Sequence[Mapping[str, Any]], today: date, temper: Temper | None = None) -> list[Acknowledgement]:
    """What the ERP says of lines: order_ref, state (sent, acknowledged, in_transit), qty and delivery_date of each."""
    temper = temper or Temper()
    found = (_next_step(line, today, temper) for line in lines)
    return [one for one in found if one is not None]


def _next_step(line: Mapping[str, Any], today: date, temper: Temper) -> Acknowledgement | None:
    ref, state = str(line["order_ref"]), line["state"]
    due = date.fromisoformat(str(line["delivery_date"])[:10]) if line.get("delivery_date") else None
    number = f"4500{int(luck(ref, temper.seed, 'number') * 1e6):06d}"
    if state == "acknowledged" and (due is None or today >= due - timedelta(days=1)):
        return Acknowledgement(ref, "in_transit", number, message="on the truck")
    if state == "in_transit" and (due is None or today >= due):
        return Acknowledgement(ref, "received", number, message="goods receipt posted")
    if state != "sent":
        return None
    draw = luck(ref, temper.seed, "fate")
    if draw < temper.rejected:
        return Acknowledgement(ref, "rejected", number, message="article blocked by the supplier")
    qty, promised, words = None, None, "confirmed"
    if draw < temper.rejected + temper.changed:
        qty = float(round(float(line["qty"]) * (0.5 + 0.4 * luck(ref, temper.seed, "cut"))))
        words = f"short: {qty:g} of {float(line['qty']):g}"
    elif draw < temper.rejected + temper.changed + temper.delayed and due is not None:
        promised = due + timedelta(days=1 + int(3 * luck(ref, temper.seed, "days")))
        words = f"late: {promised}"
    return Acknowledgement(ref, "acknowledged", number, qty, promised, words)


def as_file(said: Sequence[Acknowledgement]) -> bytes:
    """Acknowledgements as the JSON file an ERP puts into `acks/`."""
    listed = [
        {**vars(one), "delivery_date": one.delivery_date.isoformat() if one.delivery_date else None} for one in said
    ]
    return json.dumps({"lines": listed}, indent=1).encode()


def play(platform: Platform, temper: Temper | None = None) -> Mapping[str, int]:
    """Answer every line that went out, and report the ERP's own open orders as it would; how many lines of each state."""
    now = platform.clock.now()
    said = answer(sent_lines(platform).to_dicts(), now.date(), temper)
    if said:
        key = hashlib.sha256(as_file(said)).hexdigest()[:32]
        deliver_orders.acknowledge(platform, WHO, key, said)
    report_open_orders(platform, now)
    return dict(Counter(one.state for one in said))


@dataclass(frozen=True)
class Answered:
    """What the ERP made of the lines that went out. lines = confirmed + short + late + rejected."""

    lines: int = 0
    confirmed: int = 0
    short: int = 0
    late: int = 0
    rejected: int = 0


def answer_into(platform: Platform, folder: Path, temper: Temper | None = None) -> Answered:
    """Play the ERP behind a folder door: read what was sent, leave the answers as a file in `acks/`."""
    waiting = sent_lines(platform).filter(pl.col("state") == "sent").to_dicts()
    said = answer(waiting, platform.clock.now().date(), temper)
    if not said:
        return Answered()
    data, acks = as_file(said), folder / "acks"
    acks.mkdir(parents=True, exist_ok=True)
    name = f"acks-{hashlib.sha256(data).hexdigest()[:12]}.json"
    (acks / f".{name}.part").write_bytes(data)
    (acks / f".{name}.part").replace(acks / name)
    rejected = sum(one.state == "rejected" for one in said)
    short = sum(one.qty is not None for one in said)
    late = sum(one.delivery_date is not None for one in said)
    return Answered(len(said), len(said) - rejected - short - late, short, late, rejected)


def report_open_orders(platform: Platform, now: datetime) -> int:
    """The ERP's evening snapshot of what is on order: rows of `open_orders`, each with our `order_ref`."""
    known = sent_lines(platform).filter(pl.col("state") != "sent")
    if known.is_empty():
        return 0
    states = {"acknowledged": "firm", "in_transit": "in_transit"}
    day = now.date()
    rows = known.select(
        pl.concat_str(pl.lit("ERP-"), "order_ref").alias("order_id"),
        pl.lit("1").alias("line_id"),
        pl.lit(day).alias("date"),
        "source_id",
        pl.col("location_id").alias("destination_id"),
        "item_id",
        pl.col("qty").alias("qty_open"),
        pl.col("qty").alias("confirmed_qty"),
        pl.col("sent_at").str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False).alias("ordered_on"),
        pl.coalesce(pl.col("delivery_date").str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False), pl.lit(day)).alias(
            "promised_date"
        ),
        pl.col("state").replace_strict(states).alias("state"),
        "order_ref",
    )
    done = merge(platform.tables, OPEN_ORDERS, rows, received_at=now, notes={"source": WHO})
    return done.inserted + done.corrected
