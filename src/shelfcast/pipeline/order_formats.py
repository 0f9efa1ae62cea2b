"""Order lines as files an ERP reads: CSV and JSON here, EDI in `order_edi`. Pure: lines in, bytes out.

Every line carries its `order_ref`; an ERP gives it back with its acknowledgement and with its open orders.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime
from itertools import groupby


@dataclass(frozen=True)
class OrderLine:
    """A line as it goes out."""

    order_ref: str
    source_id: str
    destination_id: str
    item_id: str
    qty: float
    unit: str = "each"
    unit_cost: float | None = None
    order_date: date | None = None
    delivery_date: date | None = None
    order_type: str = "purchase"


@dataclass(frozen=True)
class Envelope:
    """What a file says of itself. `number`: of the delivery, from 1; it never repeats on a channel."""

    number: int
    made_at: datetime
    currency: str = "EUR"
    sender: str = "SHELFCAST"
    recipient: str = "ERP"

    @property
    def prefix(self) -> str:
        return f"SC{self.number:06d}"


def orders(lines: Sequence[OrderLine], envelope: Envelope) -> list[tuple[str, list[OrderLine]]]:
    """Lines of one source, destination and dates make one order: (its number, its lines), always in the same order."""

    def key(one: OrderLine) -> tuple[str, str, str, str]:
        return one.source_id, one.destination_id, str(one.order_date or ""), str(one.delivery_date or "")

    ordered = sorted(lines, key=lambda one: (*key(one), one.item_id, one.order_ref))
    return [
        (f"{envelope.prefix}-{number:04d}", list(group)) for number, (_, group) in enumerate(groupby(ordered, key), 1)
    ]


def plain(value: float) -> str:
    """A number without exponent and needless zeros.

    >>> plain(12.0), plain(0.125), plain(1e7)
    ('12', '0.125', '10000000')
    """
    return f"{value:.6f}".rstrip("0").rstrip(".")


def as_csv(lines: Sequence[OrderLine], envelope: Envelope) -> bytes:
    """A row a line, a header first, UTF-8, CRLF. A text a spreadsheet would take for a formula gets a quote in front."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(["order_number", *(one.name for one in fields(OrderLine)), "currency"])
    for number, group in orders(lines, envelope):
        for line in group:
            values = {
                **asdict(line),
                "qty": plain(line.qty),
                "unit_cost": "" if line.unit_cost is None else plain(line.unit_cost),
            }
            writer.writerow([number, *(_cell(one) for one in values.values()), envelope.currency])
    return text.getvalue().encode()


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    return (
        "'" + text if text[:1] in ("=", "+", "@", "\t", "\r") or (text[:1] == "-" and not text[1:2].isdigit()) else text
    )


def as_json(lines: Sequence[OrderLine], envelope: Envelope) -> bytes:
    """One object: delivery, currency, orders with their lines."""
    listed = []
    for number, group in orders(lines, envelope):
        first = group[0]
        listed.append(
            {
                "order_number": number, "source_id": first.source_id, "destination_id": first.destination_id,
                "order_date": _iso(first.order_date), "delivery_date": _iso(first.delivery_date), "order_type": first.order_type,
                "lines": [
                    {"order_ref": one.order_ref, "item_id": one.item_id, "qty": one.qty, "unit": one.unit, "unit_cost": one.unit_cost}
                    for one in group
                ],
            }
        )  # fmt: skip
    body = {
        "delivery": envelope.number,
        "made_at": envelope.made_at.isoformat(),
        "currency": envelope.currency,
        "orders": listed,
    }
    return (json.dumps(body, ensure_ascii=False, indent=1) + "\n").encode()


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None
