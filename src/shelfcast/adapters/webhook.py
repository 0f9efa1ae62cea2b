"""`FileDelivery` by a signed request: the receiver can tell that it is from us, unchanged and not replayed.

POST <url>
Shelfcast-Signature: t=<unix seconds>,v1=<hex HMAC-SHA256 of "t.body" with the shared secret>
Idempotency-Key: <name>          the same delivery again has the same key
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from shelfcast.domain.errors import BadParameter, Conflict, SourceDown
from shelfcast.ports.file_delivery import Receipt
from shelfcast.ports.http_client import HttpClient

SIGNATURE = "Shelfcast-Signature"
TOLERANCE_SECONDS = 300
SHORTEST_SECRET = 16
MEDIA = {
    "csv": "text/csv; charset=utf-8", "json": "application/json", "x12": "application/EDI-X12", "edi": "application/EDIFACT",
}  # fmt: skip


def sign(secret: str, body: bytes, at: int) -> str:
    """The signature of a body sent at a moment (unix seconds).

    >>> sign("a shared secret of some length", b"{}", 1764547200)[:40]
    't=1764547200,v1=6f5ad48906405dbac3317934'
    """
    made = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={made}"


def verify(secret: str, header: str, body: bytes, now: int, tolerance_seconds: int = TOLERANCE_SECONDS) -> bool:
    """Whether a signature is of this body, by somebody with the secret, and not older than the tolerance."""
    fields = dict(part.split("=", 1) for part in header.split(",") if "=" in part)
    if not fields.get("t", "").isdigit() or abs(now - int(fields["t"])) > tolerance_seconds:
        return False
    return hmac.compare_digest(sign(secret, body, int(fields["t"])), header)


@dataclass(frozen=True)
class Webhook:
    """`FileDelivery` to one address. It has nothing to collect: what it answers comes with the receipt."""

    client: HttpClient
    url: str
    secret: str
    now: Callable[[], datetime]

    def __post_init__(self) -> None:
        if len(self.secret) < SHORTEST_SECRET:
            raise BadParameter(
                f"the webhook's secret has {len(self.secret)} characters; at least {SHORTEST_SECRET} are needed."
            )

    def deliver(self, name: str, data: bytes) -> Receipt:
        headers = {
            SIGNATURE: sign(self.secret, data, int(self.now().timestamp())), "Idempotency-Key": name,
            "Content-Type": MEDIA.get(name.rsplit(".", 1)[-1], "application/octet-stream"),
        }  # fmt: skip
        answer = self.client.request("POST", self.url, headers=headers, body=data)
        said = " ".join(answer.body[:200].decode("utf-8", "replace").split())
        if 200 <= answer.status < 300:
            return Receipt(self.url.split("?")[0], hashlib.sha256(data).hexdigest(), len(data), answer=answer.body)
        if answer.status == 409:
            raise Conflict(f"the ERP has another delivery {name}: {said}")
        if answer.status in (408, 425, 429) or answer.status >= 500:
            raise SourceDown(f"the ERP answered {answer.status} to {name}: {said}. It is tried again.")
        raise BadParameter(f"the ERP refuses {name}: {answer.status} {said}. Check address and secret.")

    def collect(self) -> list[tuple[str, bytes]]:
        return []

    def done(self, name: str) -> None:
        """Nothing lies there."""
