"""Notices as the API shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from shelfcast.pipeline import send_notices
from shelfcast.ports.platform import Platform
from shelfcast.serve.view import View


class ChannelView(View):
    """One way a notice goes."""

    name: str
    state: Literal["waiting", "sent", "gone"]
    tries: int
    error: str = ""


class NoticeView(View):
    """A message that went out, or waits to."""

    notice_id: str
    state: Literal["making", "sending", "sent"]
    made_at: datetime
    title: str
    text: str
    channels: list[ChannelView]


class Trial(View):
    """What came of a test notice."""

    channel: str
    error: str
    """Empty: it was taken."""


def newest(platform: Platform, limit: int) -> list[NoticeView]:
    return [
        NoticeView(
            notice_id=one.record_id, state=one.body["state"], made_at=datetime.fromisoformat(one.body["made_at"]),
            title=one.body.get("title", ""), text=one.body.get("text", ""),
            channels=[
                ChannelView(name=name, state=it["state"], tries=it["tries"], error=it.get("error", ""))
                for name, it in one.body["channels"].items()
            ],
        )
        for one in send_notices.notices(platform, limit)
    ]  # fmt: skip
