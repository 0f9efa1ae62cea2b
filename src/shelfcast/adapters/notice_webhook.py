"""`Notifier` by a signed request, in the form chat systems take: a field `text`, and the facts beside it.

POST <url>    {"text": ..., "title": ..., "severity": ..., "notice_id": ..., "link": ..., "facts": {...}}
Signed as orders are (`webhook.sign`) where there is a secret; the same notice again has the same Idempotency-Key.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from shelfcast.adapters.http import shown
from shelfcast.adapters.webhook import SHORTEST_SECRET, SIGNATURE, sign
from shelfcast.domain.errors import BadParameter, SourceDown
from shelfcast.ports.http_client import HttpClient
from shelfcast.ports.notifier import Notice


@dataclass(frozen=True)
class NoticeWebhook:
    """Tells one address."""

    client: HttpClient
    url: str = field(repr=False)
    now: Callable[[], datetime]
    secret: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        if self.secret and len(self.secret) < SHORTEST_SECRET:
            raise BadParameter(
                f"SHELFCAST_NOTIFY_SECRET has {len(self.secret)} characters; at least {SHORTEST_SECRET} are needed."
            )

    def send(self, notice: Notice) -> str:
        said = {
            "text": f"*{notice.title}*\n{notice.text}" + (f"\n{notice.link}" if notice.link else ""), "title": notice.title,
            "severity": notice.severity, "notice_id": notice.notice_id, "link": notice.link, "facts": dict(notice.facts),
        }  # fmt: skip
        body = json.dumps(said, ensure_ascii=False).encode()
        headers = {"Content-Type": "application/json; charset=utf-8", "Idempotency-Key": notice.notice_id}
        if self.secret:
            headers[SIGNATURE] = sign(self.secret, body, int(self.now().timestamp()))
        answer = self.client.request("POST", self.url, headers=headers, body=body)
        if 200 <= answer.status < 300 or answer.status == 409:  # 409: it has this notice already
            return ""
        words = " ".join(answer.body[:200].decode("utf-8", "replace").split())
        # The address of a chat is a secret in itself: only its host is told.
        where = "/".join(shown(self.url).split("/")[:3])
        if answer.status in (408, 425, 429) or answer.status >= 500:
            raise SourceDown(f"{where} answered {answer.status} {words}. It is tried again.")
        raise BadParameter(f"{where} refuses the notice: {answer.status} {words}. Check SHELFCAST_NOTIFY_WEBHOOK.")
